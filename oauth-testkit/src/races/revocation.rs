//! What is taken back while it comes into being: starts under a cutoff, tokens of a family that ends.

use async_trait::async_trait;
use oauth_core::store::{
    AccessTokenRecord, CutoffKey, FamilyRecord, InsertToken, Standing, StartFamily, StartOutcome, StoreError,
};

use super::raced::{LATE, begin, is_usable, judge_used_token, raced_family, revoke, started};
use super::{Kind, Racer, Wrong, used_and_taken_back};
use crate::arena::Node;
use crate::samples::{BEGIN, after, cutoff, family, handle, jwt, start, token, token_of};

/// Nothing that was issued to a subject before its cutoff stands after it, however late it was stored.
pub(super) struct StartAndRevokeSubject;

fn with_token(family: FamilyRecord, racer: Racer) -> StartFamily {
    let access_token = AccessTokenRecord { issued_at: family.issued_at, ..token_of(&family, racer.number()) };
    StartFamily { access_token: Some(access_token), ..start(family) }
}

async fn is_not_cut_off(node: &Node, race: u64) -> Result<bool, StoreError> {
    let token = jwt("app", Some(raced_family(race).subject.as_str()), BEGIN);
    Ok(node.grants.standing(&token).await? == Standing::Live)
}

async fn cut_off(node: &Node, race: u64) -> Result<u32, StoreError> {
    let subject = CutoffKey::Subject(raced_family(race).subject);
    node.grants.cut_off(cutoff(subject, BEGIN)).await.map(|()| 1)
}

#[async_trait]
impl Kind for StartAndRevokeSubject {
    fn name(&self) -> &'static str {
        "start x revoke_subject"
    }

    async fn prepare(&self, _: &Node, _: u64) -> Result<(), StoreError> {
        Ok(())
    }

    async fn look(&self, node: &Node, racer: Racer) -> Result<bool, StoreError> {
        is_not_cut_off(node, racer.race).await
    }

    async fn act(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        if racer.takes_back() {
            return cut_off(node, racer.race).await;
        }
        node.grants.start_family(with_token(raced_family(racer.race), racer)).await.map(started)
    }

    async fn act_carelessly(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        if racer.takes_back() {
            return cut_off(node, racer.race).await;
        }
        if !is_not_cut_off(node, racer.race).await? {
            return Ok(0);
        }
        // past every condition
        let family = FamilyRecord { issued_at: after(1), ..raced_family(racer.race) };
        node.grants.start_family(with_token(family, racer)).await.map(started)
    }

    async fn judge(&self, node: &Node, race: u64, answers: [u32; 2], wrong: &mut Wrong) -> Result<(), StoreError> {
        let (user, started, _) = used_and_taken_back(race, answers);
        let found = node.grants.find_by_handle(&handle(race)).await?;
        wrong.unless(found.is_some() == (started == 1), "a family that was refused, or none that was started");
        wrong.unless(found.is_none_or(|found| found.standing == Standing::Revoked), "a family outlives the cutoff");
        wrong.unless(!is_not_cut_off(node, race).await?, "the cutoff was acknowledged and is not there");
        let late = start(FamilyRecord { subject: raced_family(race).subject, ..family(LATE + race) });
        let late = node.grants.start_family(late).await?;
        wrong.unless(late == StartOutcome::CutOff, "a family starts under a cutoff");
        judge_used_token(node, user, started, wrong).await
    }
}

/// No access token comes to life in a family that was revoked.
pub(super) struct InsertAndRevoke;

#[async_trait]
impl Kind for InsertAndRevoke {
    fn name(&self) -> &'static str {
        "insert x revoke"
    }

    async fn prepare(&self, node: &Node, race: u64) -> Result<(), StoreError> {
        begin(node, race).await
    }

    async fn look(&self, node: &Node, racer: Racer) -> Result<bool, StoreError> {
        is_usable(node, racer.race).await
    }

    async fn act(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        if racer.takes_back() {
            return revoke(node, racer.race).await;
        }
        let inserted = node.grants.insert_access_token(token_of(&raced_family(racer.race), racer.number())).await?;
        Ok(u32::from(inserted == InsertToken::Inserted))
    }

    async fn act_carelessly(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        if racer.takes_back() {
            return revoke(node, racer.race).await;
        }
        if !is_usable(node, racer.race).await? {
            return Ok(0);
        }
        // of no family: past every condition
        let inserted = node.grants.insert_access_token(token(racer.number())).await?;
        Ok(u32::from(inserted == InsertToken::Inserted))
    }

    async fn judge(&self, node: &Node, race: u64, answers: [u32; 2], wrong: &mut Wrong) -> Result<(), StoreError> {
        let (user, inserted, revoked) = used_and_taken_back(race, answers);
        wrong.unless(revoked == 1, "the revocation found the family revoked, or not at all");
        let late = node.grants.insert_access_token(token_of(&raced_family(race), LATE + race)).await?;
        wrong.unless(late == InsertToken::NotLive, "a token comes into a revoked family");
        judge_used_token(node, user, inserted, wrong).await
    }
}
