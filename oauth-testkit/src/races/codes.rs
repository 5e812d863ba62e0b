//! Authorization codes: two who redeem, one who redeems while the grant is withdrawn, two who decide one request.

use async_trait::async_trait;
use oauth_core::store::{
    AccessTokenRecord, CodeRecord, CutoffKey, DecideOutcome, DecideRequest, FamilyRecord, IssueCode, RedeemCode,
    RedeemOutcome, RequestDecision, RequestState, Standing, StartFamily, StartOutcome, StoreError,
};

use super::raced::{LATE, judge_used_token};
use super::{Kind, Racer, Wrong, used_and_taken_back};
use crate::arena::Node;
use crate::samples::{
    BEGIN, after, approve, begin, code, code_digest, cutoff, digest, family_id, redeem, request, request_handle, start,
    subject, token_of,
};

/// The code that a race is about; every race has a subject of its own.
fn raced_code(race: u64) -> CodeRecord {
    CodeRecord { subject: subject(&format!("user-{race}")), ..code(race) }
}

async fn issue(node: &Node, race: u64) -> Result<(), StoreError> {
    match node.grants.issue_code(raced_code(race)).await? {
        IssueCode::Issued => Ok(()),
        IssueCode::CutOff => Err(StoreError::corrupt("a fresh subject was cut off")),
    }
}

async fn is_redeemable(node: &Node, race: u64) -> Result<bool, StoreError> {
    let found = node.grants.find_code(&code_digest(race)).await?;
    Ok(found.is_some_and(|found| found.standing == Standing::Live && found.code.redeemed.is_none()))
}

/// For a family of the racer's own, with its first token.
fn redemption(racer: Racer) -> RedeemCode {
    let redeem = redeem(&raced_code(racer.race), racer.number(), after(1));
    let access_token = Some(token_of(&redeem.family, racer.number()));
    RedeemCode { access_token, ..redeem }
}

async fn act(node: &Node, racer: Racer) -> Result<u32, StoreError> {
    Ok(match node.grants.redeem_code(redemption(racer)).await? {
        RedeemOutcome::Redeemed { .. } => 1,
        RedeemOutcome::Moved => 0,
    })
}

/// Begins the family whatever became of the code; `later` is past every cutoff.
async fn redeem_carelessly(node: &Node, racer: Racer, later: i64) -> Result<u32, StoreError> {
    if !is_redeemable(node, racer.race).await? {
        return Ok(0);
    }
    let RedeemCode { family, access_token, .. } = redemption(racer);
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
        act(node, racer).await
    }

    async fn act_carelessly(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        redeem_carelessly(node, racer, 0).await
    }

    async fn judge(&self, node: &Node, race: u64, answers: [u32; 2], wrong: &mut Wrong) -> Result<(), StoreError> {
        wrong.unless(answers.iter().sum::<u32>() == 1, &format!("one code was redeemed by {answers:?}"));
        let late = act(node, Racer { race, process: LATE }).await?;
        wrong.unless(late == 0, "a code is redeemed once more");
        let redeemed = node.grants.find_code(&code_digest(race)).await?.and_then(|found| found.code.redeemed);
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
    let CodeRecord { subject, client, .. } = raced_code(race);
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
        if racer.takes_back() { withdraw(node, racer.race).await } else { act(node, racer).await }
    }

    async fn act_carelessly(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        if racer.takes_back() { withdraw(node, racer.race).await } else { redeem_carelessly(node, racer, 1).await }
    }

    async fn judge(&self, node: &Node, race: u64, answers: [u32; 2], wrong: &mut Wrong) -> Result<(), StoreError> {
        let (user, redeemed, _) = used_and_taken_back(race, answers);
        let found = node.grants.find_code(&code_digest(race)).await?;
        wrong.unless(found.as_ref().is_some_and(|found| found.standing == Standing::Revoked), "the code stands");
        let marked = found.is_some_and(|found| found.code.redeemed.is_some());
        wrong.unless(marked == (redeemed == 1), "the mark on the code is not what was answered");
        let family = node.grants.find_family(&family_id(user.number())).await?;
        wrong.unless(family.is_some() == (redeemed == 1), "a family that was refused, or none of a redemption");
        let late = act(node, Racer { race, process: LATE }).await?;
        wrong.unless(late == 0, "a withdrawn code is redeemed");
        judge_used_token(node, user, redeemed, wrong).await
    }
}

/// One authorization request is decided once.
pub(super) struct Decision;

/// With a code of the racer's own.
fn approval(racer: Racer) -> DecideRequest {
    let code = CodeRecord { digest: code_digest(racer.number()), ..raced_code(racer.race) };
    approve(racer.race, code, None)
}

async fn is_open(node: &Node, race: u64) -> Result<bool, StoreError> {
    let found = node.grants.find_request(&request_handle(race), None).await?;
    Ok(found.is_some_and(|found| found.request.state.is_open()))
}

#[async_trait]
impl Kind for Decision {
    fn name(&self) -> &'static str {
        "decision"
    }

    async fn prepare(&self, node: &Node, race: u64) -> Result<(), StoreError> {
        node.grants.begin_request(begin(request(race))).await.map(drop)
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
        let code = CodeRecord { digest: code_digest(racer.number()), ..raced_code(racer.race) };
        let issued = node.grants.issue_code(code).await?;
        let _ =
            node.grants.decide_request(DecideRequest { decision: RequestDecision::Denied, ..approval(racer) }).await?;
        Ok(u32::from(issued == IssueCode::Issued))
    }

    async fn judge(&self, node: &Node, race: u64, answers: [u32; 2], wrong: &mut Wrong) -> Result<(), StoreError> {
        wrong.unless(answers.iter().sum::<u32>() == 1, &format!("one request was decided by {answers:?}"));
        let state = node.grants.find_request(&request_handle(race), None).await?.map(|found| found.request.state);
        wrong.unless(state == Some(RequestState::Approved), "the request is not approved");
        for (racer, answer) in Racer::both(race).into_iter().zip(answers) {
            let code = node.grants.find_code(&code_digest(racer.number())).await?;
            wrong.unless(code.is_some() == (answer == 1), "a code that was refused, or none of a decision");
        }
        Ok(())
    }
}
