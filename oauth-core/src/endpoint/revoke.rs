//! The revocation endpoint (RFC 7009): a client gives a token back.

use super::caller;
use super::presented::{self, Found, FoundRefresh, Search};
use super::reader::Reader;
use crate::audit::{What, Who};
use crate::context::RequestContext;
use crate::error::{Error, Refusal};
use crate::server::Inner;
use crate::store::{Client, RevokeFamily, RevokeToken, RevokedWhy, Standing};
use crate::token::VerifiedAccess;
use crate::types::{ClientId, FamilyId, Subject, Timestamp, TokenId};
use crate::wire::{Request, Response};

pub(crate) async fn respond(server: &Inner, request: &Request, context: &RequestContext, now: Timestamp) -> Response {
    let (mut who, mut reader) = (Who::default(), Reader::of(request));
    let answer = match try_revoke(server, request, context, now, &mut who, &mut reader).await {
        Ok(()) => Response::empty(200).no_store(),
        Err(error) => caller::refuse(server, error, who, context, now),
    };
    reader.mark(answer)
}

async fn try_revoke(
    server: &Inner,
    request: &Request,
    context: &RequestContext,
    now: Timestamp,
    who: &mut Who,
    reader: &mut Reader<'_>,
) -> Result<(), Error> {
    server.require_trail()?;
    // steps 1 and 2
    let params = caller::read(server, request)?;
    // steps 3 and 4
    let client = caller::authenticate(server, request, &params, context, now, who).await?;
    reader.meet(client.who());
    // step 6
    let token = params.one("token").ok_or(Refusal::ParameterMissing)?;
    // steps 8 to 14
    let what = match revoke(server, client.who(), token, now, who).await {
        Ok(what) => what,
        Err(Error::Refused(Refusal::TokenNotRevocable)) => return Err(Refusal::TokenNotRevocable.into()),
        // RFC 7009 §2.2: the client learns nothing of tokens that are not its own or of no use
        Err(Error::Refused(why)) => What::RevocationIgnored { why },
        Err(fault) => return Err(fault),
    };
    Ok(server.audit(now, context, who.client.clone(), who.subject.clone(), what)?)
}

/// What a token is taken back with.
enum Target {
    /// It belongs to a family, which ends with every token of it, whether this one is spent or expired.
    Family(FamilyId),
    /// It stands alone.
    Alone(RevokeToken, TokenId),
}

/// Takes the token back if it is the client's; a refusal when nothing changed.
async fn revoke(server: &Inner, client: &Client, token: &str, now: Timestamp, who: &mut Who) -> Result<What, Error> {
    let found = presented::find(server, token, Search::Everywhere, now).await?;
    who.subject = subject(&found).cloned();
    let target = match found {
        Found::Refresh(found) => refresh_target(&found, &client.id)?,
        Found::Access { access, standing } => {
            let owner = owner(server, &access).await?;
            access_target(&access, standing, &owner, &client.id, server.clock.judging(now, access.issued_at()))?
        }
    };
    match target {
        Target::Family(family) => {
            let why = RevokedWhy::Client;
            match server.stores.grants.revoke_family(&family, why, now).await? {
                RevokeFamily::Revoked => Ok(What::FamilyRevoked { family, why }),
                RevokeFamily::AlreadyRevoked | RevokeFamily::Unknown => Err(Refusal::TokenRevoked.into()),
            }
        }
        Target::Alone(revoked, token) => {
            server.stores.grants.revoke_token(revoked).await?;
            Ok(What::TokenRevoked { token })
        }
    }
}

fn subject(found: &Found) -> Option<&Subject> {
    match found {
        Found::Access { access, .. } => access.subject(),
        Found::Refresh(found) => Some(&found.family.subject),
    }
}

/// Who got an access token: as it says itself, or else its family. Without both nobody can prove that it is theirs.
async fn owner(server: &Inner, access: &VerifiedAccess) -> Result<ClientId, Error> {
    if let Some(client) = access.client() {
        return Ok(client.clone());
    }
    let family = access.family().ok_or(Refusal::TokenNotRevocable)?;
    let family = server.stores.grants.find_family(&family).await?.ok_or(Refusal::TokenRevoked)?;
    Ok(family.client)
}

fn refresh_target(found: &FoundRefresh, client: &ClientId) -> Result<Target, Refusal> {
    if found.family.client != *client {
        return Err(Refusal::RefreshForeign);
    }
    match found.standing {
        Standing::Revoked => Err(Refusal::RefreshRevoked),
        Standing::Live => Ok(Target::Family(found.family.id)),
    }
}

fn access_target(
    access: &VerifiedAccess,
    standing: Standing,
    owner: &ClientId,
    client: &ClientId,
    now: Timestamp,
) -> Result<Target, Refusal> {
    if owner != client {
        return Err(Refusal::TokenForeign);
    }
    if standing == Standing::Revoked {
        return Err(Refusal::TokenRevoked);
    }
    if let Some(family) = access.family() {
        return Ok(Target::Family(family));
    }
    if now >= access.expires_at() {
        return Err(Refusal::TokenExpired);
    }
    match (access.revocation(), access.id()) {
        (Some(revoked), Some(id)) => Ok(Target::Alone(revoked, id.clone())),
        _ => Err(Refusal::TokenNotRevocable),
    }
}
