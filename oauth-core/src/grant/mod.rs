//! The grants: one file each, a pure `decide` that turns what was asked and what is known into a [`ValidatedGrant`].

pub(crate) mod client_credentials;
pub(crate) mod extension;
pub(crate) mod host;
pub(crate) mod password;
pub(crate) mod refresh_token;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

pub use self::extension::{
    ExtensionFacts, ExtensionGrant, ExtensionParameters, ExtensionRefusal, ExtensionSettings, Proposal,
};
use crate::error::Refusal;
use crate::jose::Alg;
use crate::policy::permission::{self, OFFLINE_ACCESS, OPENID};
use crate::policy::resource::{self, Resource, Target};
use crate::policy::scope::{GrantedScope, ScopeMode};
use crate::policy::{Facts, HostRules, Rule, RuleId, Trace, lifetime};
use crate::store::{AccessTokenFormat, AuthenticationContext, Binding, Client, GrantTypes, Principal};
use crate::token::HostFacts;
use crate::types::{Audience, FamilyId, Lifetime, ResourceUri, Scope, Timestamp};

/// A `grant_type`, or `host`.
pub(crate) type GrantName = Cow<'static, str>;

/// A grant that every check allowed. Minting accepts nothing else; only the `decide` of a grant makes one.
#[derive(Debug, Clone)]
pub struct ValidatedGrant {
    pub(crate) grant: GrantName,
    pub(crate) client: Arc<Client>,
    pub(crate) principal: Principal,
    pub(crate) scope: GrantedScope,
    /// The rules that took something away.
    pub(crate) narrowed_by: Vec<RuleId>,
    pub(crate) audience: Vec<Audience>,
    pub(crate) resource: Vec<ResourceUri>,
    pub(crate) format: AccessTokenFormat,
    pub(crate) lifetime: Lifetime,
    pub(crate) binding: Binding,
    pub(crate) auth: Option<AuthenticationContext>,
    pub(crate) family: Option<FamilyId>,
    /// Whether a refresh token goes with it.
    pub(crate) offline: bool,
    /// Whether an id token goes with it.
    pub(crate) identity: bool,
    /// Whether the client acts in the user's name without the user (RFC 8693 §4.1).
    pub(crate) impersonation: bool,
}

impl ValidatedGrant {
    /// The `grant_type`, or `host` for a token that the host asked for itself.
    #[must_use]
    pub fn grant(&self) -> &str {
        &self.grant
    }

    /// The client that gets the token.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Who the token speaks for.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// What it allows.
    #[must_use]
    pub const fn scope(&self) -> &GrantedScope {
        &self.scope
    }

    /// For whom it is.
    #[must_use]
    pub fn audience(&self) -> &[Audience] {
        &self.audience
    }

    /// How long it lives.
    #[must_use]
    pub const fn lifetime(&self) -> Lifetime {
        self.lifetime
    }
}

/// How much a request asks for; what every grant has in common.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) scope: Option<Scope>,
    pub(crate) resource: Vec<ResourceUri>,
    /// What it gets when that is too much.
    pub(crate) mode: ScopeMode,
}

/// The server's settings that a grant is decided by.
#[derive(Debug)]
pub(crate) struct GrantSettings {
    pub(crate) resources: Vec<Resource>,
    pub(crate) scope_mode: ScopeMode,
    pub(crate) format: AccessTokenFormat,
    pub(crate) lifetime: Lifetime,
    pub(crate) jwt_bound: Lifetime,
    pub(crate) opaque_bound: Lifetime,
    /// How long families may lie idle, and how long they may live, unless the client says otherwise.
    pub(crate) idle: Lifetime,
    pub(crate) absolute: Lifetime,
    /// Whether the `password` grant is on.
    pub(crate) password: bool,
    /// Whether a public client's refresh token may stay.
    pub(crate) static_for_public: bool,
    /// What signs id tokens, where there are any.
    pub(crate) id_tokens: Option<Alg>,
    /// The `grant_type` values of the extension grants.
    pub(crate) extensions: Vec<String>,
    /// Whether any grant of this server gives refresh tokens.
    pub(crate) can_refresh: bool,
}

impl GrantSettings {
    /// Every `grant_type` that this server takes.
    pub(crate) fn grant_types(&self) -> impl Iterator<Item = &str> {
        let password = self.password.then_some(GrantTypes::PASSWORD);
        [GrantTypes::CLIENT_CREDENTIALS, GrantTypes::REFRESH_TOKEN]
            .into_iter()
            .chain(password)
            .chain(self.extensions.iter().map(String::as_str))
    }

    /// The format of a client's access tokens where no resource has a word on it.
    fn format_for<'a>(&'a self, client: &'a Client) -> &'a AccessTokenFormat {
        client.access_token.format.as_ref().unwrap_or(&self.format)
    }
}

/// What every grant is decided with beside its own facts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) settings: &'a GrantSettings,
    pub(crate) rules: &'a HostRules,
    /// What the host loaded for its rules.
    pub(crate) host: &'a HostFacts,
    pub(crate) peer: Option<IpAddr>,
    pub(crate) now: Timestamp,
}

impl<'a> Around<'a> {
    /// What the requested resources settle, or the client's own audience.
    fn target(&self, requested: &[ResourceUri], client: &'a Client, trace: &mut Trace) -> Result<Target<'a>, Refusal> {
        let settings = self.settings;
        let target = resource::target(requested, client, &settings.resources, settings.format_for(client));
        trace.judge(Rule::ResourceClient, target)
    }

    /// Format and lifetime of an access token: the resource's word, then the client's, then the server's; a grant may
    /// have bounds of its own.
    fn access_token<const N: usize>(
        &self,
        client: &Client,
        target: &Target<'_>,
        bounds: [(Rule, Option<Lifetime>); N],
        trace: &mut Trace,
    ) -> (AccessTokenFormat, Lifetime) {
        let settings = self.settings;
        let format = target.format.unwrap_or_else(|| settings.format_for(client));
        let bound = match format {
            AccessTokenFormat::Opaque => settings.opaque_bound,
            AccessTokenFormat::Jwt { .. } => settings.jwt_bound,
        };
        let begun = client.access_token.lifetime.unwrap_or(settings.lifetime);
        trace.begun(begun);
        let common = [(Rule::LifetimeServer, Some(bound)), (Rule::LifetimeResource, target.lifetime)];
        (format.clone(), lifetime::bounded(begun, common.into_iter().chain(bounds), trace))
    }

    /// Whether a refresh token goes with a user's grant of this scope.
    fn offline(&self, grant_gives: bool, client: &Client, scope: &GrantedScope, trace: &mut Trace) -> bool {
        let given = permission::gives_refresh_token(grant_gives, client, scope.scope());
        trace.offered(Rule::RefreshOffline, scope.scope().contains(OFFLINE_ACCESS), given);
        given
    }

    /// Whether an id token goes with a user's grant of this scope.
    fn identity(&self, grant_gives: bool, scope: &GrantedScope, trace: &mut Trace) -> bool {
        let given = permission::gives_id_token(grant_gives, self.settings.id_tokens.is_some(), scope.scope());
        trace.offered(Rule::IdTokenOffered, scope.scope().contains(OPENID), given);
        given
    }

    /// The facts that the host's rules see, where nobody signed in.
    fn facts<'f>(&self, grant: &'f str, client: &'f Client, principal: &'f Principal, scope: &'f Scope) -> Facts<'f>
    where
        'a: 'f,
    {
        Facts {
            grant,
            client,
            principal,
            user: None,
            scope,
            resource: &[],
            lifetime: None,
            auth: None,
            peer: self.peer,
            now: self.now,
            host: self.host,
        }
    }
}
