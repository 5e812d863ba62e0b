//! Steps 8 to 14 for a code: load, judge, decide, mint, redeem. A code that comes a second time ends what the first one
//! gave.

use super::Shown;
use crate::audit::{What, Who};
use crate::client_auth::Authenticated;
use crate::context::RequestContext;
use crate::error::{Error, Fault, Refusal};
use crate::grant::authorization_code::{self, CodeRequest, Judged};
use crate::server::{Given, Inner};
use crate::store::{Client, CodeRecord, FoundCode, GrantTypes, Principal, RevokeFamily, RevokedWhy};
use crate::token::FactsRequest;
use crate::types::{FamilyId, Timestamp, TokenDigest};

/// How often a decision that others overtook is made again.
const TRIES: usize = 3;

pub(super) async fn give(
    server: &Inner,
    request: &CodeRequest,
    client: &Authenticated<Client>,
    context: &RequestContext,
    now: Timestamp,
    who: &mut Who,
) -> Result<(Given, Shown), Error> {
    let digest = TokenDigest::of(request.code.as_bytes());
    for _ in 0..TRIES {
        let found = server.stores.grants.find_code(&digest).await?.ok_or(Refusal::CodeUnknown)?;
        who.subject = Some(found.code.subject.clone());
        match judge(server, &found, request, client, now)? {
            Judged::Replayed(family) => {
                end(server, &found.code, family, context, now).await?;
                return Err(Refusal::CodeReplayed.into());
            }
            Judged::Good => {}
        }
        if let Some(given) = redeem(server, &found.code, request, client, context, now).await? {
            return Ok(given);
        }
    }
    Err(Fault::Contended.into())
}

fn judge(
    server: &Inner,
    found: &FoundCode,
    request: &CodeRequest,
    client: &Authenticated<Client>,
    now: Timestamp,
) -> Result<Judged, Refusal> {
    // a clock that was set back makes no code live again
    let now = server.clock.judging(now, found.code.issued_at);
    authorization_code::judge(found, request, client.who(), client.binding(), now)
}

/// Ends what a replayed code gave (RFC 6749 §4.1.2).
async fn end(
    server: &Inner,
    code: &CodeRecord,
    family: FamilyId,
    context: &RequestContext,
    now: Timestamp,
) -> Result<(), Error> {
    match server.stores.grants.revoke_family(&family, RevokedWhy::Replay, now).await? {
        RevokeFamily::Revoked => {
            let what = What::FamilyRevoked { family, why: RevokedWhy::Replay };
            Ok(server.audit(now, context, Some(code.client.clone()), Some(code.subject.clone()), what)?)
        }
        RevokeFamily::AlreadyRevoked | RevokeFamily::Unknown => Ok(()),
    }
}

/// `None` when somebody else was first (step 14).
async fn redeem(
    server: &Inner,
    code: &CodeRecord,
    request: &CodeRequest,
    client: &Authenticated<Client>,
    context: &RequestContext,
    now: Timestamp,
) -> Result<Option<(Given, Shown)>, Error> {
    let asked = &request.asked;
    let user = server.stores.users.find_by_subject(&code.subject).await?;
    let principal = Principal::User { subject: code.subject.clone(), client: code.client.clone() };
    let wanted = FactsRequest {
        grant: GrantTypes::AUTHORIZATION_CODE,
        client: client.who(),
        principal: &principal,
        scope: asked.scope.as_ref(),
        resource: &asked.resource,
    };
    let facts = server.facts(context, &wanted).await?;
    let family = server.new_family(now)?;
    let grant = authorization_code::decide(asked, code, client, user, family, &server.grant_settings)?;
    let additions = server.additions(context, &grant, &facts).await?;
    let given = server.give_for_code(&grant, &additions, code, context, now).await?;
    let shown = |given| (given, Shown { scope: grant.scope, members: additions.members, lifetime: grant.lifetime });
    Ok(given.map(shown))
}
