//! The token endpoint (RFC 6749 §3.2): the order of checks is table 1 of the protocol, and can be read here.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::audit::What;
use crate::client_auth::{self, Authenticated, Credentials};
use crate::context::RequestContext;
use crate::error::{Error, Refusal};
use crate::grant::ValidatedGrant;
use crate::grant::client_credentials::{self, ClientCredentialsRequest};
use crate::server::Inner;
use crate::store::{Client, GrantTypes, InsertToken, Principal};
use crate::token::FactsRequest;
use crate::token::access_token::Minted;
use crate::types::{ClientId, ResourceUri, Scope, Timestamp};
use crate::wire::params::Params;
use crate::wire::{Body, Headers, Method, Request, Response, form};

/// What a request has shown of itself so far, for the audit trail when it is refused.
#[derive(Default)]
pub(crate) struct Seen {
    client: Option<ClientId>,
}

pub(crate) async fn respond(server: &Inner, request: &Request, context: &RequestContext, now: Timestamp) -> Response {
    let mut seen = Seen::default();
    match try_token(server, request, context, now, &mut seen).await {
        Ok(response) => response,
        Err(error) => {
            server.audit_error(&error, seen.client, None, context, now);
            render_error(&error, context, &server.challenge)
        }
    }
}

async fn try_token(
    server: &Inner,
    request: &Request,
    context: &RequestContext,
    now: Timestamp,
    seen: &mut Seen,
) -> Result<Response, Error> {
    let body = checked_body(request)?;
    server.transport.require_private(request)?;
    let params = form::parse(body)?;
    let credentials = Credentials::read(request, &params)?;
    seen.client = ClientId::parse(credentials.client_id()).ok();
    let client = client_auth::authenticate(server, &credentials, seen.client.as_ref(), context, now).await?;
    let asked = GrantRequest::read(&params, client.who())?;
    issue(server, asked, &client, context, now).await
}

/// Steps 8 to 14 for a client that is who it says.
async fn issue(
    server: &Inner,
    asked: GrantRequest,
    client: &Authenticated<Client>,
    context: &RequestContext,
    now: Timestamp,
) -> Result<Response, Error> {
    let principal = Principal::Client { client: client.who().id.clone() };
    let GrantRequest::ClientCredentials(asked) = asked;
    let wanted = FactsRequest {
        grant: GrantTypes::CLIENT_CREDENTIALS,
        client: client.who(),
        principal: &principal,
        scope: asked.scope.as_ref(),
        resource: &asked.resource,
    };
    let facts = server.facts(context, &wanted).await?;
    let grant = client_credentials::decide(asked, client, &server.grant_settings)?;
    let additions = server.additions(context, &grant, &facts).await?;
    let mut minted = server.mint(&grant, &additions, now).await?;
    if let Some(record) = minted.record.take() {
        match server.stores.grants.insert_access_token(record).await? {
            InsertToken::Inserted => {}
            InsertToken::NotLive => return Err(Refusal::GrantWithdrawn.into()),
        }
    }
    server.audit_ignored(&additions, &grant, context, now);
    server.audit(now, context, Some(grant.client.id.clone()), None, issued(&grant, &minted));
    Ok(render_token(&grant, &minted, &additions.members))
}

/// A grant's own parameters, parsed (steps 5 and 6).
enum GrantRequest {
    ClientCredentials(ClientCredentialsRequest),
}

impl GrantRequest {
    fn read(params: &Params<'_>, client: &Client) -> Result<Self, Refusal> {
        let grant_type = params.one("grant_type").ok_or(Refusal::GrantTypeMissing)?;
        if grant_type != GrantTypes::CLIENT_CREDENTIALS {
            return Err(Refusal::GrantTypeUnsupported);
        }
        client_credentials::permit(client)?;
        let scope = params.one("scope").map(Scope::parse).transpose().map_err(|_| Refusal::ScopeMalformed)?;
        let mut resource = Vec::new();
        for text in params.all("resource") {
            let uri = ResourceUri::parse(text).map_err(|_| Refusal::ResourceMalformed)?;
            if !resource.contains(&uri) {
                resource.push(uri);
            }
        }
        Ok(Self::ClientCredentials(ClientCredentialsRequest { scope, resource }))
    }
}

/// Step 1: method, content coding, media type, size, deadline.
fn checked_body(request: &Request) -> Result<&[u8], Refusal> {
    if request.method != Method::Post {
        return Err(Refusal::MethodNotAllowed);
    }
    if request.headers.all("content-encoding").any(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
        return Err(Refusal::ContentCoding);
    }
    if !is_form(&request.headers) {
        return Err(Refusal::MediaType);
    }
    match &request.body {
        Body::Whole(bytes) => Ok(bytes),
        Body::TooLarge => Err(Refusal::BodyTooLarge),
        Body::TimedOut => Err(Refusal::BodyTimedOut),
        Body::Broken => Err(Refusal::BodyBroken),
    }
}

/// Whether the body is declared to be a form in UTF-8, and declared once.
fn is_form(headers: &Headers) -> bool {
    let Ok(Some(value)) = headers.one("content-type") else { return false };
    let Ok(value) = std::str::from_utf8(value) else { return false };
    let mut parts = value.split(';').map(|part| part.trim_matches([' ', '\t']));
    parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/x-www-form-urlencoded"))
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) => {
                let unquoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
                name.eq_ignore_ascii_case("charset") && unquoted.eq_ignore_ascii_case("utf-8")
            }
            None => parameter.is_empty(),
        })
}

fn issued(grant: &ValidatedGrant, minted: &Minted) -> What {
    What::TokenIssued {
        grant: grant.grant,
        token: minted.id.clone(),
        scope: grant.scope.scope().clone(),
        dropped: grant.scope.dropped().clone(),
        expires_at: minted.expires_at,
    }
}

/// The success answer (RFC 6749 §5.1).
#[derive(Serialize)]
struct TokenAnswer<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u32,
    scope: &'a str,
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

fn render_token(grant: &ValidatedGrant, minted: &Minted, members: &Map<String, Value>) -> Response {
    let answer = TokenAnswer {
        access_token: minted.token.expose(),
        token_type: "Bearer",
        expires_in: grant.lifetime.seconds(),
        scope: grant.scope.scope().as_str(),
        members,
    };
    let mut body = Vec::with_capacity(minted.token.expose().len() + 160);
    match serde_json::to_writer(&mut body, &answer) {
        Ok(()) => Response::json(200, body).no_store(),
        // a map with text keys always serializes; if it ever did not, no half token may leave
        Err(_) => Response::json(500, br#"{"error":"server_error"}"#.to_vec()).no_store(),
    }
}

/// An error answer (RFC 6749 §5.2).
pub(crate) fn render_error(error: &Error, context: &RequestContext, challenge: &str) -> Response {
    match error {
        Error::Refused(refusal) => {
            let (code, description) = (refusal.code().as_str(), refusal.description());
            let body = format!("{{\"error\":\"{code}\",\"error_description\":\"{description}\"}}");
            let response = Response::json(refusal.status(), body.into_bytes()).no_store();
            match refusal.status() {
                401 => response.header("www-authenticate", challenge.to_owned()),
                405 => response.header("allow", "POST"),
                408 | 413 => response.header("connection", "close"),
                _ => response,
            }
        }
        Error::Fault(fault) => {
            let (status, code) =
                if fault.is_temporary() { (503, "temporarily_unavailable") } else { (500, "server_error") };
            let id = context.correlation_id;
            let body = format!("{{\"error\":\"{code}\",\"error_description\":\"request {id}\"}}");
            let response = Response::json(status, body.into_bytes()).no_store();
            if status == 503 { response.header("retry-after", "1") } else { response }
        }
    }
}
