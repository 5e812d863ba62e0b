//! Steps 8 to 14 for a code: load, judge, decide, mint, redeem. A code that comes a second time ends what the first one
//! gave.

use super::{Ask, Decided, Shown};
use crate::audit::{What, Who};
use crate::error::{Error, Fault, Refusal};
use crate::grant::authorization_code::{self, CodeRequest};
use crate::policy::code::{self, Judged, Presented};
use crate::policy::{Rule, Trace};
use crate::server::Given;
use crate::store::{CodeRecord, FoundCode, GrantTypes, Principal, RevokeFamily, RevokedWhy};
use crate::token::FactsRequest;
use crate::types::{FamilyId, TokenDigest};

/// How often a decision that others overtook is made again.
const TRIES: usize = 3;

pub(super) async fn give(ask: &Ask<'_>, request: &CodeRequest, who: &mut Who) -> Result<(Given, Shown), Error> {
    for _ in 0..TRIES {
        let mut trace = Trace::off();
        let found = find(ask, request, who, &mut trace).await?;
        if let Judged::Replayed(family) = judge(ask, &found, request, &mut trace)? {
            end(ask, &found.code, family).await?;
            return Err(Refusal::CodeReplayed.into());
        }
        let family = ask.server.new_family(ask.now)?;
        let Decided { grant, facts } = decide(ask, request, &found.code, family, &mut trace).await?;
        let additions = ask.server.additions(ask.context, &grant, &facts).await?;
        let given = ask.server.give_for_code(&grant, &additions, &found.code, ask.context, ask.now).await?;
        if let Some(given) = given {
            return Ok((given, Shown::of(grant, additions)));
        }
    }
    Err(Fault::Contended.into())
}

/// What would be decided; nothing is redeemed and nothing ends.
pub(super) async fn explain(
    ask: &Ask<'_>,
    request: &CodeRequest,
    family: FamilyId,
    who: &mut Who,
    trace: &mut Trace,
) -> Result<Decided, Error> {
    let found = find(ask, request, who, trace).await?;
    match judge(ask, &found, request, trace)? {
        Judged::Good => decide(ask, request, &found.code, family, trace).await,
        Judged::Replayed(_) => Err(Refusal::CodeReplayed.into()),
    }
}

async fn find(ask: &Ask<'_>, request: &CodeRequest, who: &mut Who, trace: &mut Trace) -> Result<FoundCode, Error> {
    let found = ask.server.stores.grants.find_code(&TokenDigest::of(request.code.as_bytes())).await?;
    let found = trace.judge(Rule::CodeKnown, found.ok_or(Refusal::CodeUnknown))?;
    who.subject = Some(found.code.subject.clone());
    Ok(found)
}

fn judge(ask: &Ask<'_>, found: &FoundCode, request: &CodeRequest, trace: &mut Trace) -> Result<Judged, Refusal> {
    // a clock that was set back makes no code live again
    let now = ask.server.clock.judging(ask.now, found.code.issued_at);
    let presented = Presented {
        client: ask.client.who(),
        binding: ask.client.binding(),
        redirect_uri: request.redirect_uri.as_deref(),
        verifier: request.verifier.as_ref().map(|verifier| verifier.as_str()),
        now,
    };
    code::judge(found, &presented, trace)
}

/// Steps 8, 11 and 12 for a code that is good.
async fn decide(
    ask: &Ask<'_>,
    request: &CodeRequest,
    code: &CodeRecord,
    family: FamilyId,
    trace: &mut Trace,
) -> Result<Decided, Error> {
    let (server, asked) = (ask.server, &request.asked);
    let user = server.stores.users.find_by_subject(&code.subject).await?;
    let principal = Principal::User { subject: code.subject.clone(), client: code.client.clone() };
    let wanted = FactsRequest {
        grant: GrantTypes::AUTHORIZATION_CODE,
        client: ask.client.who(),
        principal: &principal,
        scope: asked.scope.as_ref(),
        resource: &asked.resource,
    };
    let facts = server.facts(ask.context, &wanted).await?;
    let grant = authorization_code::decide(asked, code, ask.client, user, family, &ask.around(&facts), trace)?;
    Ok(Decided { grant, facts })
}

/// Ends what a replayed code gave (RFC 6749 §4.1.2).
async fn end(ask: &Ask<'_>, code: &CodeRecord, family: FamilyId) -> Result<(), Error> {
    match ask.server.stores.grants.revoke_family(&family, RevokedWhy::Replay, ask.now).await? {
        RevokeFamily::Revoked => {
            let what = What::FamilyRevoked { family, why: RevokedWhy::Replay };
            let (client, subject) = (Some(code.client.clone()), Some(code.subject.clone()));
            Ok(ask.server.audit(ask.now, ask.context, client, subject, what)?)
        }
        RevokeFamily::AlreadyRevoked | RevokeFamily::Unknown => Ok(()),
    }
}
