//! Authorization codes: two who redeem, one who redeems while the grant is withdrawn, two who decide one request.

use async_trait::async_trait;
use oauth_core::store::{
    AccessTokenRecord, AuthorizationRequestRecord, BeginRequest, Binding, CodeRecord, CutoffKey, DecideOutcome,
    DecideRequest, Extra, FamilyRecord, FrozenRequest, IssueCode, RedeemCode, RedeemOutcome, RequestDecision,
    RequestOrigin, RequestState, Standing, StartFamily, StartOutcome, StoreError,
};
use oauth_core::types::TokenDigest;

use super::revocation::{LATE, judge_used_token};
use super::{Kind, Racer, Wrong, used_and_taken_back};
use crate::arena::Node;
use crate::samples::{BEGIN, TOKEN_END, after, cutoff, digest, family, family_id, start, subject, token_of};

const REDIRECT_URI: &str = "https://app.example/callback";

/// A code of a subject of its own, for the client that [`family`] is for.
fn code(digest: TokenDigest, race: u64) -> CodeRecord {
    let FamilyRecord { client, scope, .. } = family(race);
    CodeRecord {
        digest,
        client,
        subject: subject(&format!("user-{race}")),
        scope,
        redirect_uri: REDIRECT_URI.to_owned(),
        challenge: None,
        nonce: None,
        resource: Vec::new(),
        binding: Binding::None,
        auth: None,
        issued_at: BEGIN,
        expires_at: TOKEN_END,
        redeemed: None,
        extra: Extra::default(),
    }
}

async fn issue(node: &Node, race: u64) -> Result<(), StoreError> {
    match node.grants.issue_code(code(digest(race), race)).await? {
        IssueCode::Issued => Ok(()),
        IssueCode::CutOff => Err(StoreError::corrupt("a fresh subject was cut off")),
    }
}

async fn is_redeemable(node: &Node, race: u64) -> Result<bool, StoreError> {
    let found = node.grants.find_code(&digest(race)).await?;
    Ok(found.is_some_and(|found| found.standing == Standing::Live && found.code.redeemed.is_none()))
}

/// The family that a racer would begin, with its token.
fn beginning(racer: Racer) -> StartFamily {
    let code_digest = Some(digest(racer.race));
    let subject = subject(&format!("user-{}", racer.race));
    let family = FamilyRecord { subject, code_digest, ..family(racer.number()) };
    StartFamily { access_token: Some(token_of(&family, racer.number())), ..start(family) }
}

async fn redeem(node: &Node, racer: Racer) -> Result<u32, StoreError> {
    let StartFamily { family, access_token, live_limit, .. } = beginning(racer);
    let redeem = RedeemCode { code: digest(racer.race), now: after(1), family, access_token, live_limit };
    Ok(match node.grants.redeem_code(redeem).await? {
        RedeemOutcome::Redeemed { .. } => 1,
        RedeemOutcome::Moved => 0,
    })
}

/// Begins the family whatever became of the code; `later` is past every cutoff.
async fn redeem_carelessly(node: &Node, racer: Racer, later: i64) -> Result<u32, StoreError> {
    if !is_redeemable(node, racer.race).await? {
        return Ok(0);
    }
    let StartFamily { family, access_token, .. } = beginning(racer);
    let issued_at = after(later);
    let access_token = access_token.map(|token| AccessTokenRecord { issued_at, ..token });
    let start = StartFamily { access_token, ..start(FamilyRecord { issued_at, ..family }) };
    Ok(u32::from(matches!(node.grants.start_family(start).await?, StartOutcome::Started { .. })))
}

/// One code gives one family.
pub(super) struct CodeRedemption;

#[async_trait]
impl Kind for CodeRedemption {
    fn name(&self) -> &'static str {
        "code redemption"
    }

    async fn prepare(&self, node: &Node, race: u64) -> Result<(), StoreError> {
        issue(node, race).await
    }

    async fn look(&self, node: &Node, racer: Racer) -> Result<bool, StoreError> {
        is_redeemable(node, racer.race).await
    }

    async fn act(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        redeem(node, racer).await
    }

    async fn act_carelessly(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        redeem_carelessly(node, racer, 0).await
    }

    async fn judge(&self, node: &Node, race: u64, answers: [u32; 2], wrong: &mut Wrong) -> Result<(), StoreError> {
        wrong.unless(answers.iter().sum::<u32>() == 1, &format!("one code was redeemed by {answers:?}"));
        let late = redeem(node, Racer { race, process: LATE }).await?;
        wrong.unless(late == 0, "a code is redeemed once more");
        let redeemed = node.grants.find_code(&digest(race)).await?.and_then(|found| found.code.redeemed);
        for (racer, answer) in Racer::both(race).into_iter().zip(answers) {
            let family = node.grants.find_family(&family_id(racer.number())).await?;
            let token = node.grants.find_access_token(&digest(racer.number())).await?;
            wrong.unless(family.is_some() == (answer == 1), "a family that was refused, or none of a redemption");
            wrong.unless(token.is_some() == (answer == 1), "a family without its token, or a token without its family");
            if answer == 1 {
                let named = redeemed.is_some_and(|redeemed| redeemed.family == family_id(racer.number()));
                wrong.unless(named, "the code does not name the winner's family");
                wrong.unless(token.is_some_and(|token| token.standing == Standing::Live), "the winner's token is dead");
            }
        }
        Ok(())
    }
}

/// Whatever came of a code is dead once the user withdrew what the client may have.
pub(super) struct RedeemAndRevoke;

async fn withdraw(node: &Node, race: u64) -> Result<u32, StoreError> {
    let CodeRecord { subject, client, .. } = code(digest(race), race);
    node.grants.cut_off(cutoff(CutoffKey::Grant { subject, client }, BEGIN)).await.map(|()| 1)
}

#[async_trait]
impl Kind for RedeemAndRevoke {
    fn name(&self) -> &'static str {
        "redeem x revoke"
    }

    async fn prepare(&self, node: &Node, race: u64) -> Result<(), StoreError> {
        issue(node, race).await
    }

    async fn look(&self, node: &Node, racer: Racer) -> Result<bool, StoreError> {
        is_redeemable(node, racer.race).await
    }

    async fn act(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        if racer.takes_back() { withdraw(node, racer.race).await } else { redeem(node, racer).await }
    }

    async fn act_carelessly(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        if racer.takes_back() { withdraw(node, racer.race).await } else { redeem_carelessly(node, racer, 1).await }
    }

    async fn judge(&self, node: &Node, race: u64, answers: [u32; 2], wrong: &mut Wrong) -> Result<(), StoreError> {
        let (user, redeemed, _) = used_and_taken_back(race, answers);
        let found = node.grants.find_code(&digest(race)).await?;
        wrong.unless(found.as_ref().is_some_and(|found| found.standing == Standing::Revoked), "the code stands");
        let marked = found.is_some_and(|found| found.code.redeemed.is_some());
        wrong.unless(marked == (redeemed == 1), "the mark on the code is not what was answered");
        let family = node.grants.find_family(&family_id(user.number())).await?;
        wrong.unless(family.is_some() == (redeemed == 1), "a family that was refused, or none of a redemption");
        let late = redeem(node, Racer { race, process: LATE }).await?;
        wrong.unless(late == 0, "a withdrawn code is redeemed");
        judge_used_token(node, user, redeemed, wrong).await
    }
}

/// One authorization request is decided once.
pub(super) struct Decision;

fn request(race: u64) -> AuthorizationRequestRecord {
    AuthorizationRequestRecord {
        handle: digest(race),
        origin: RequestOrigin::Plain,
        client: family(race).client,
        redirect_uri: REDIRECT_URI.to_owned(),
        request: FrozenRequest::default(),
        browser: None,
        subject: None,
        state: RequestState::Begun,
        binding: Binding::None,
        auth: None,
        resource: Vec::new(),
        begun_at: BEGIN,
        expires_at: TOKEN_END,
        extra: Extra::default(),
    }
}

/// With a code of the racer's own.
fn approval(racer: Racer) -> DecideRequest {
    let code = code(digest(racer.number()), racer.race);
    let subject = code.subject.clone();
    let decision = RequestDecision::Approved { code: Box::new(code), consent: None };
    DecideRequest { handle: digest(racer.race), subject, auth: None, now: after(1), decision }
}

async fn is_open(node: &Node, race: u64) -> Result<bool, StoreError> {
    let found = node.grants.find_request(&digest(race), None).await?;
    Ok(found.is_some_and(|found| found.request.state.is_open()))
}

#[async_trait]
impl Kind for Decision {
    fn name(&self) -> &'static str {
        "decision"
    }

    async fn prepare(&self, node: &Node, race: u64) -> Result<(), StoreError> {
        let begin = BeginRequest { request: request(race), client_limit: u32::MAX, tenant_limit: u32::MAX };
        node.grants.begin_request(begin).await.map(drop)
    }

    async fn look(&self, node: &Node, racer: Racer) -> Result<bool, StoreError> {
        is_open(node, racer.race).await
    }

    async fn act(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        let decided = node.grants.decide_request(approval(racer)).await?;
        Ok(u32::from(decided == DecideOutcome::Decided))
    }

    async fn act_carelessly(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        if !is_open(node, racer.race).await? {
            return Ok(0);
        }
        let issued = node.grants.issue_code(code(digest(racer.number()), racer.race)).await?;
        let _ =
            node.grants.decide_request(DecideRequest { decision: RequestDecision::Denied, ..approval(racer) }).await?;
        Ok(u32::from(issued == IssueCode::Issued))
    }

    async fn judge(&self, node: &Node, race: u64, answers: [u32; 2], wrong: &mut Wrong) -> Result<(), StoreError> {
        wrong.unless(answers.iter().sum::<u32>() == 1, &format!("one request was decided by {answers:?}"));
        let state = node.grants.find_request(&digest(race), None).await?.map(|found| found.request.state);
        wrong.unless(state == Some(RequestState::Approved), "the request is not approved");
        for (racer, answer) in Racer::both(race).into_iter().zip(answers) {
            let code = node.grants.find_code(&digest(racer.number())).await?;
            wrong.unless(code.is_some() == (answer == 1), "a code that was refused, or none of a decision");
        }
        Ok(())
    }
}
