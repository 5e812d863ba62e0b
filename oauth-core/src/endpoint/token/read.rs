//! Steps 1, 2, 5 and 6: which dialect reads the body, and what the request asks for.

use zeroize::Zeroizing;

use crate::dialect::{BodyMedia, Spoken, TokenMount};
use crate::error::Refusal;
use crate::grant::Asked;
use crate::grant::authorization_code::CodeRequest;
use crate::grant::extension::{ExtensionParameters, ExtensionRequest};
use crate::grant::password::PasswordRequest;
use crate::grant::refresh_token::RefreshRequest;
use crate::policy::{Rule, Trace, permission, pkce};
use crate::server::Inner;
use crate::store::{Client, GrantTypes};
use crate::types::{ResourceUri, Scope};
use crate::wire::params::{self, Params};
use crate::wire::{Body, Method, Request, form, json_body, media_type};

/// Step 1: method and media type. The first dialect that reads the media type is spoken.
pub(super) fn choose<'a>(request: &Request, mount: &'a TokenMount) -> Result<&'a Spoken, Refusal> {
    if request.method != Method::Post {
        return Err(Refusal::MethodNotAllowed);
    }
    let reads = |spoken: &&Spoken| match spoken.media() {
        BodyMedia::Form => media_type::is_form(&request.headers),
        BodyMedia::Json => media_type::is_json(&request.headers),
    };
    mount.dialects.iter().find(reads).ok_or(Refusal::MediaType)
}

/// Step 1 goes on: content coding, size, deadline.
pub(in crate::endpoint) fn body(request: &Request) -> Result<&[u8], Refusal> {
    if request.headers.all("content-encoding").any(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
        return Err(Refusal::ContentCoding);
    }
    match &request.body {
        Body::Whole(bytes) => Ok(bytes),
        Body::TooLarge => Err(Refusal::BodyTooLarge),
        Body::TimedOut => Err(Refusal::BodyTimedOut),
        Body::Broken => Err(Refusal::BodyBroken),
    }
}

/// Step 2: the parameters, whatever their spelling.
pub(super) fn parse<'a>(body: &'a [u8], spoken: &Spoken, server: &Inner) -> Result<Params<'a>, Refusal> {
    match spoken.media() {
        BodyMedia::Form => form::parse(body),
        BodyMedia::Json => json_body::parse(body, &|member| {
            let name = spoken.parameter(member)?;
            (params::is_known(name) || server.reads_parameter(name)).then(|| name.to_owned())
        }),
    }
}

/// A grant's own parameters, parsed.
pub(super) enum GrantRequest<'a> {
    Code(CodeRequest),
    ClientCredentials(Asked),
    Password(PasswordRequest),
    RefreshToken(RefreshRequest),
    Extension(ExtensionRequest<'a>),
}

impl<'a> GrantRequest<'a> {
    /// Steps 5 and 6.
    pub(super) fn read(
        server: &'a Inner,
        params: &'a Params<'_>,
        client: &Client,
        media: BodyMedia,
        mount: &TokenMount,
        trace: &mut Trace,
    ) -> Result<Self, Refusal> {
        let grant_type = params.one("grant_type").ok_or(Refusal::GrantTypeMissing)?;
        let settings = &server.grant_settings;
        trace.judge(Rule::GrantServer, permission::server_has_grant(grant_type, settings.grant_types()))?;
        trace.judge(Rule::GrantClient, permission::client_has_grant(client, grant_type))?;
        trace.judge(Rule::ClientFormat, permission::client_may_send(client, media == BodyMedia::Json))?;
        let required = |name| params.one(name).ok_or(Refusal::ParameterMissing);
        let asked = || Self::read_asked(params, mount.scope_mode.unwrap_or(settings.scope_mode));
        match grant_type {
            GrantTypes::AUTHORIZATION_CODE => {
                let verifier = params.one("code_verifier");
                verifier.map_or(Ok(()), pkce::require_lawful)?;
                Ok(Self::Code(CodeRequest {
                    code: Zeroizing::new(required("code")?.to_owned()),
                    redirect_uri: params.one("redirect_uri").map(str::to_owned),
                    verifier: verifier.map(|verifier| Zeroizing::new(verifier.to_owned())),
                    asked: asked()?,
                }))
            }
            GrantTypes::CLIENT_CREDENTIALS => {
                // said before the scope is read, and judged again where it is decided
                permission::client_is_confidential(client)?;
                Ok(Self::ClientCredentials(asked()?))
            }
            GrantTypes::PASSWORD => Ok(Self::Password(PasswordRequest {
                username: required("username")?.to_owned(),
                password: Zeroizing::new(required("password")?.to_owned()),
                asked: asked()?,
            })),
            GrantTypes::REFRESH_TOKEN => Ok(Self::RefreshToken(RefreshRequest {
                refresh_token: Zeroizing::new(required("refresh_token")?.to_owned()),
                id_token_hint: params.one("id_token_hint").map(str::to_owned),
                asked: asked()?,
            })),
            other => {
                let extension = server.extension(other).ok_or(Refusal::GrantTypeUnsupported)?;
                let mut named = Vec::new();
                for name in extension.grant.parameters() {
                    if let Some(value) = params.single(name)? {
                        named.push((*name, value));
                    }
                }
                let parameters = ExtensionParameters(named);
                Ok(Self::Extension(ExtensionRequest { extension, parameters, asked: asked()? }))
            }
        }
    }

    fn read_asked(params: &Params<'_>, mode: crate::policy::scope::ScopeMode) -> Result<Asked, Refusal> {
        let scope = params.one("scope").map(Scope::parse).transpose().map_err(|_| Refusal::ScopeMalformed)?;
        let mut resource = Vec::new();
        for text in params.all("resource") {
            let uri = ResourceUri::parse(text).map_err(|_| Refusal::ResourceMalformed)?;
            if !resource.contains(&uri) {
                resource.push(uri);
            }
        }
        Ok(Asked { scope, resource, mode })
    }

    /// The scope that was asked for, for the audit trail.
    pub(super) const fn scope(&self) -> Option<&Scope> {
        match self {
            Self::Code(request) => request.asked.scope.as_ref(),
            Self::ClientCredentials(asked) => asked.scope.as_ref(),
            Self::Password(request) => request.asked.scope.as_ref(),
            Self::RefreshToken(request) => request.asked.scope.as_ref(),
            Self::Extension(request) => request.asked.scope.as_ref(),
        }
    }
}
