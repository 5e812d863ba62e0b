//! Refresh tokens: two who rotate, one who rotates and one who revokes, two who retry at the limit.

use async_trait::async_trait;
use oauth_core::store::{Refreshed, Retry, RevokedWhy, Rotate, Standing, StoreError};

use super::raced::{begin, is_usable, judge_used_token, raced_family, revoke};
use super::{Kind, Racer, Wrong, used_and_taken_back};
use crate::arena::Node;
use crate::samples::{after, digest, family_id, handle, refresh_digest, retry, rotate, token, token_of};

/// With a successor, a salt and an access token of the racer's own.
fn rotation(racer: Racer) -> Rotate {
    Rotate {
        successor: refresh_digest(racer.race, 1 + racer.process),
        access_token: Some(token_of(&raced_family(racer.race), racer.number())),
        ..rotate(racer.race, 0, after(1 + racer.process as i64))
    }
}

const fn done(refreshed: Refreshed) -> u32 {
    match refreshed {
        Refreshed::Done => 1,
        Refreshed::Moved => 0,
    }
}

/// One token is rotated once, by the one who was told so.
pub(super) struct Refresh;

#[async_trait]
impl Kind for Refresh {
    fn name(&self) -> &'static str {
        "refresh"
    }

    async fn prepare(&self, node: &Node, race: u64) -> Result<(), StoreError> {
        begin(node, race).await
    }

    async fn look(&self, node: &Node, racer: Racer) -> Result<bool, StoreError> {
        is_usable(node, racer.race).await
    }

    async fn act(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        node.grants.rotate(rotation(racer)).await.map(done)
    }

    async fn act_carelessly(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        if !is_usable(node, racer.race).await? {
            return Ok(0);
        }
        loop {
            let stored = node.grants.find_family(&family_id(racer.race)).await?.and_then(|family| family.refresh);
            let Some(stored) = stored else { return Ok(0) };
            let rotate = Rotate { current: stored.current_digest, ..rotation(racer) };
            if node.grants.rotate(rotate).await? == Refreshed::Done {
                return Ok(1);
            }
        }
    }

    async fn judge(&self, node: &Node, race: u64, answers: [u32; 2], wrong: &mut Wrong) -> Result<(), StoreError> {
        wrong.unless(answers.iter().sum::<u32>() == 1, &format!("one token was rotated by {answers:?}"));
        let found = node.grants.find_by_handle(&handle(race)).await?;
        wrong.unless(found.as_ref().is_some_and(|found| found.standing == Standing::Live), "the family does not stand");
        let stored = found.and_then(|found| found.family.refresh);
        for (racer, answer) in Racer::both(race).into_iter().zip(answers) {
            let its = node.grants.find_access_token(&digest(racer.number())).await?;
            wrong.unless(its.is_some() == (answer == 1), "an access token without its rotation, or without the token");
            if answer == 1 {
                let expected = rotation(racer);
                let stands = stored.as_ref().is_some_and(|stored| {
                    stored.generation == 1
                        && stored.current_digest == expected.successor
                        && stored.previous_digest == Some(expected.current)
                        && stored.salt == Some(expected.salt)
                });
                wrong.unless(stands, "what is stored is not the winner's rotation");
                wrong.unless(its.is_some_and(|its| its.standing == Standing::Live), "the winner's token is dead");
            }
        }
        Ok(())
    }
}

/// Whatever a rotation brought is dead once its family was revoked, and the revocation always succeeds.
pub(super) struct RotateAndRevoke;

#[async_trait]
impl Kind for RotateAndRevoke {
    fn name(&self) -> &'static str {
        "rotate x revoke"
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
        node.grants.rotate(rotation(racer)).await.map(done)
    }

    async fn act_carelessly(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        if racer.takes_back() {
            return revoke(node, racer.race).await;
        }
        if !is_usable(node, racer.race).await? {
            return Ok(0);
        }
        // the row and then the token, which is of no family: past every condition
        let _ = node.grants.rotate(Rotate { access_token: None, ..rotation(racer) }).await?;
        let _ = node.grants.insert_access_token(token(racer.number())).await?;
        Ok(1)
    }

    async fn judge(&self, node: &Node, race: u64, answers: [u32; 2], wrong: &mut Wrong) -> Result<(), StoreError> {
        let (user, rotated, revoked) = used_and_taken_back(race, answers);
        wrong.unless(revoked == 1, "the revocation found the family revoked, or not at all");
        let found = node.grants.find_by_handle(&handle(race)).await?;
        wrong.unless(found.as_ref().is_some_and(|found| found.standing == Standing::Revoked), "the family stands");
        if let Some(family) = found.map(|found| found.family) {
            wrong
                .unless(family.revoked == Some((after(5), RevokedWhy::Replay)), "the revocation is not as it was told");
            let generation = family.refresh.map(|refresh| refresh.generation);
            wrong.unless(generation == Some(u64::from(rotated)), "a rotation that was not answered so, or none");
        }
        let current = if rotated == 1 { rotation(user).successor } else { refresh_digest(race, 0) };
        let late = Rotate { current, ..rotate(race, 0, after(9)) };
        wrong.unless(node.grants.rotate(late).await? == Refreshed::Moved, "a revoked family is rotated");
        judge_used_token(node, user, rotated, wrong).await
    }
}

/// Of two who retry when one may, one does.
pub(super) struct RetryAtTheLimit;

fn last_retry(racer: Racer) -> Retry {
    let access_token = Some(token_of(&raced_family(racer.race), racer.number()));
    Retry { access_token, ..retry(racer.race, 1, 1, after(2)) }
}

async fn may_retry(node: &Node, race: u64) -> Result<bool, StoreError> {
    let found = node.grants.find_by_handle(&handle(race)).await?;
    Ok(found.and_then(|found| found.family.refresh).is_some_and(|refresh| refresh.retries == 0))
}

#[async_trait]
impl Kind for RetryAtTheLimit {
    fn name(&self) -> &'static str {
        "retry at the limit"
    }

    async fn prepare(&self, node: &Node, race: u64) -> Result<(), StoreError> {
        begin(node, race).await?;
        node.grants.rotate(rotate(race, 0, after(1))).await.map(drop)
    }

    async fn look(&self, node: &Node, racer: Racer) -> Result<bool, StoreError> {
        may_retry(node, racer.race).await
    }

    async fn act(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        node.grants.retry(last_retry(racer)).await.map(done)
    }

    async fn act_carelessly(&self, node: &Node, racer: Racer) -> Result<u32, StoreError> {
        if !may_retry(node, racer.race).await? {
            return Ok(0);
        }
        node.grants.retry(Retry { limit: u32::MAX, ..last_retry(racer) }).await.map(done)
    }

    async fn judge(&self, node: &Node, race: u64, answers: [u32; 2], wrong: &mut Wrong) -> Result<(), StoreError> {
        wrong.unless(answers.iter().sum::<u32>() == 1, &format!("one retry was left, and done by {answers:?}"));
        let stored = node.grants.find_family(&family_id(race)).await?.and_then(|family| family.refresh);
        wrong.unless(
            stored.is_some_and(|stored| (stored.retries, stored.retry_streak) == (1, 1)),
            "not one retry counted",
        );
        for (racer, answer) in Racer::both(race).into_iter().zip(answers) {
            let its = node.grants.find_access_token(&digest(racer.number())).await?;
            wrong.unless(
                its.is_some() == (answer == 1),
                "an access token without its retry, or a retry without the token",
            );
        }
        Ok(())
    }
}
