//! What several kinds of race are about: a family, which is used and taken back.

use oauth_core::store::{FamilyRecord, RevokeFamily, RevokedWhy, Standing, StartOutcome, StoreError};

use super::{Racer, Wrong};
use crate::arena::Node;
use crate::samples::{after, digest, family_id, handle, refresh_digest, refreshable, start, subject};

/// What comes after the race has numbers of its own.
pub(super) const LATE: u64 = 1 << 40;

/// The family that a race is about; every race has a subject of its own.
pub(super) fn raced_family(race: u64) -> FamilyRecord {
    FamilyRecord { subject: subject(&format!("user-{race}")), ..refreshable(race) }
}

pub(super) async fn begin(node: &Node, race: u64) -> Result<(), StoreError> {
    node.grants.start_family(start(raced_family(race))).await.map(drop)
}

/// Whether the race's family stands and its first refresh token is the current one.
pub(super) async fn is_usable(node: &Node, race: u64) -> Result<bool, StoreError> {
    let found = node.grants.find_by_handle(&handle(race)).await?;
    Ok(found.is_some_and(|found| {
        let current = found.family.refresh.map(|refresh| refresh.current_digest);
        found.standing == Standing::Live && current == Some(refresh_digest(race, 0))
    }))
}

/// Ends the race's family.
pub(super) async fn revoke(node: &Node, race: u64) -> Result<u32, StoreError> {
    let revoked = node.grants.revoke_family(&family_id(race), RevokedWhy::Replay, after(5)).await?;
    Ok(u32::from(revoked == RevokeFamily::Revoked))
}

pub(super) const fn started(outcome: StartOutcome) -> u32 {
    match outcome {
        StartOutcome::Started { .. } => 1,
        _ => 0,
    }
}

/// The token of a use that succeeded is there and dead; that of one that was refused is not there.
pub(super) async fn judge_used_token(node: &Node, user: Racer, used: u32, wrong: &mut Wrong) -> Result<(), StoreError> {
    let its = node.grants.find_access_token(&digest(user.number())).await?;
    wrong.unless(
        its.is_some() == (used == 1),
        "an access token of a call that was refused, or none of one that was not",
    );
    wrong.unless(its.is_none_or(|its| its.standing == Standing::Revoked), "an access token outlives what took it back");
    Ok(())
}
