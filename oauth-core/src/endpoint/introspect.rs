//! The introspection endpoint (RFC 7662): is this token good, for the caller, now?
//!
//! It changes nothing and writes nothing, so that a resource server may ask at every request; only refused callers are told
//! to the audit trail.

use serde_json::Map;

use super::caller;
use super::presented::{self, Found, FoundRefresh, Search};
use crate::audit::Who;
use crate::context::RequestContext;
use crate::error::{Error, Refusal};
use crate::policy::introspection::{self, Shown};
use crate::policy::rotation::{self, Facts, Presented};
use crate::server::{ClientExtra, Inner};
use crate::store::{Client, Principal, RefreshPolicy, Standing};
use crate::token::VerifiedAccess;
use crate::token::claims::{Actor, Confirmation};
use crate::types::{ClientId, Scope, Subject, Timestamp};
use crate::wire::introspection::{INACTIVE, Introspection};
use crate::wire::{Request, Response};

pub(crate) async fn respond(server: &Inner, request: &Request, context: &RequestContext, now: Timestamp) -> Response {
    let mut who = Who::default();
    match try_introspect(server, request, context, now, &mut who).await {
        Ok(body) => Response::json(200, body).no_store(),
        Err(error) => caller::refuse(server, error, who, context, now),
    }
}

async fn try_introspect(
    server: &Inner,
    request: &Request,
    context: &RequestContext,
    now: Timestamp,
    who: &mut Who,
) -> Result<Vec<u8>, Error> {
    // steps 1 and 2
    let params = caller::read(server, request)?;
    // steps 3 and 4
    let client = caller::authenticate(server, request, &params, context, now, who).await?;
    if !client.who().is_confidential() {
        return Err(Refusal::ClientPublic.into());
    }
    // step 6
    let token = params.one("token").ok_or(Refusal::ParameterMissing)?;
    // steps 8 to 11
    match look(server, client.who(), token, now).await {
        Ok(body) => Ok(body),
        // one answer for whatever is not good
        Err(Error::Refused(why)) => {
            tracing::debug!(target: "oauth", client = %client.who().id, reason = why.id(), "a token is inactive");
            Ok(INACTIVE.to_vec())
        }
        Err(fault) => Err(fault),
    }
}

/// The answer for a good token; a refusal for all else.
async fn look(server: &Inner, caller: &Client, token: &str, now: Timestamp) -> Result<Vec<u8>, Error> {
    let found = presented::find(server, token, Search::Once, now).await?;
    let extra = ClientExtra::of(caller)?;
    match found {
        Found::Access { access, standing } => {
            let scope = judge_access(server, caller, &extra, &access, standing, now)?;
            require_live(server, caller, access.client(), access.subject(), now).await?;
            Ok(tell_access(server, &access, &scope))
        }
        Found::Refresh(found) => {
            judge_refresh(server, caller, &extra, &found, now)?;
            let family = &found.family;
            require_live(server, caller, Some(&family.client), Some(&family.subject), now).await?;
            Ok(tell_refresh(server, &found))
        }
    }
}

/// Whether an access token stands, and what of its scope the caller may see.
fn judge_access(
    server: &Inner,
    caller: &Client,
    extra: &ClientExtra,
    access: &VerifiedAccess,
    standing: Standing,
    now: Timestamp,
) -> Result<Scope, Refusal> {
    if standing == Standing::Revoked {
        return Err(Refusal::TokenRevoked);
    }
    if server.clock.judging(now, access.issued_at()) >= access.expires_at() {
        return Err(Refusal::TokenExpired);
    }
    let caller =
        introspection::Caller { id: &caller.id, scope: &caller.scope, sees_everything: extra.sees_everything() };
    let token = Shown { client: access.client(), audience: access.audience(), scope: access.scope() };
    introspection::visible_scope(caller, token, |audience| extra.speaks_for(audience)).ok_or(Refusal::TokenForeign)
}

/// Whether a refresh token is its own client's, and the one that may be used next (table 2, row 18: a spent one is not,
/// whatever the window).
fn judge_refresh(
    server: &Inner,
    caller: &Client,
    extra: &ClientExtra,
    found: &FoundRefresh,
    now: Timestamp,
) -> Result<(), Refusal> {
    let FoundRefresh { family, state, standing, presented } = found;
    if family.client != caller.id && !extra.sees_everything() {
        return Err(Refusal::RefreshForeign);
    }
    if *presented != Presented::Current {
        return Err(Refusal::RefreshReplayed);
    }
    let now = now.max(family.seen_at);
    let facts = Facts {
        presented: *presented,
        client: &family.client,
        // whether the caller could prove the key is not asked: it uses nothing
        binding: family.binding,
        family,
        refresh: state,
        standing: *standing,
        // a current token is judged alike by every policy
        policy: RefreshPolicy::Static,
        now,
        at_mark: server.clock.judging(now, family.seen_at),
    };
    rotation::judge(facts).map(|_| ()).map_err(|denied| denied.why)
}

/// Whether user and client are who they were.
async fn require_live(
    server: &Inner,
    caller: &Client,
    client: Option<&ClientId>,
    subject: Option<&Subject>,
    now: Timestamp,
) -> Result<(), Error> {
    if let Some(subject) = subject {
        let user = server.stores.users.find_by_subject(subject).await?.ok_or(Refusal::SubjectUnknown)?;
        if !user.active {
            return Err(Refusal::SubjectInactive.into());
        }
    }
    if let Some(id) = client.filter(|id| **id != caller.id) {
        let known = server.stores.client(id, now).await?.ok_or(Refusal::ClientUnknown)?;
        if !known.client.active {
            return Err(Refusal::ClientInactive.into());
        }
    }
    Ok(())
}

fn tell_access(server: &Inner, access: &VerifiedAccess, scope: &Scope) -> Vec<u8> {
    let sub = match access.principal() {
        // RFC 9068 §2.2: a client's own token names the client
        Some(Principal::Client { client }) => Some(client.as_str()),
        Some(Principal::User { .. }) | None => access.subject().map(Subject::as_str),
    };
    let is_dpop = access.confirmation().is_some_and(|cnf| cnf.contains_key("jkt"));
    render(&Introspection {
        active: true,
        scope: scope.as_str(),
        client_id: access.client().map(ClientId::as_str),
        sub,
        aud: access.audience(),
        iss: server.issuer.as_str(),
        exp: access.expires_at().seconds(),
        iat: access.issued_at().seconds(),
        jti: access.id().map(crate::types::TokenId::as_str),
        token_type: Some(if is_dpop { "DPoP" } else { "Bearer" }),
        auth_time: access.auth_time().map(Timestamp::seconds),
        cnf: access.confirmation(),
        act: access.actor().map(|actor| Actor { sub: actor.as_str() }),
        additions: access.additions(),
    })
}

fn tell_refresh(server: &Inner, found: &FoundRefresh) -> Vec<u8> {
    let FoundRefresh { family, state, .. } = found;
    let cnf = Confirmation::of(family.binding).map(|confirmation| confirmation.to_members());
    render(&Introspection {
        active: true,
        scope: family.scope.as_str(),
        client_id: Some(family.client.as_str()),
        sub: Some(family.subject.as_str()),
        aud: &[],
        iss: server.issuer.as_str(),
        exp: state.idle_expires_at.min(family.absolute_expires_at).seconds(),
        iat: state.rotated_at.seconds(),
        jti: None,
        token_type: None,
        auth_time: family.auth.as_ref().map(|auth| auth.auth_time.seconds()),
        cnf: cnf.as_ref(),
        act: None,
        additions: &Map::new(),
    })
}

fn render(answer: &Introspection<'_>) -> Vec<u8> {
    // texts and numbers always serialize; if they ever did not, nothing may pass for active
    serde_json::to_vec(answer).unwrap_or_else(|_| INACTIVE.to_vec())
}
