//! What a rotation, a retry and an extension change, and what they leave as it was.

use oauth_core::store::{Extend, FamilyRecord, Purged, RefreshState, Refreshed, Retry, Rotate, StartOutcome};
use oauth_core::types::{FamilyId, Timestamp};

use super::purge::{next, purge_all};
use super::{done, for_all, fresh};
use crate::samples::{
    FAMILY_END, after, digest, family_id, handle, refresh_digest, refresh_state, refreshable, retry, rotate, salt,
    start,
};
use crate::{Fixture, TenantStore, strategies};

/// How often one family is rotated to see that it does not grow.
const ROTATIONS: u64 = 1000;

fn begin(store: &TenantStore, family: &FamilyRecord) {
    assert_eq!(done(store.grants.start_family(start(family.clone()))), StartOutcome::Started { ended: 0 });
}

fn find(store: &TenantStore, id: &FamilyId) -> FamilyRecord {
    done(store.grants.find_family(id)).expect("the family is stored")
}

fn retries(store: &TenantStore, number: u64) -> (u32, u32) {
    let state = find(store, &family_id(number)).refresh.expect("it has refresh tokens");
    (state.retries, state.retry_streak)
}

/// A family with this state that is live at any time but the last, under names of its own.
fn live(family: FamilyRecord, state: RefreshState) -> (FamilyRecord, RefreshState) {
    let number = fresh();
    let state = RefreshState {
        handle: number.to_be_bytes(),
        generation: state.generation / 2,
        current_digest: digest(number),
        ..state
    };
    let family = FamilyRecord {
        id: family_id(number),
        refresh: Some(state.clone()),
        absolute_expires_at: Timestamp::MAX,
        revoked: None,
        ..family
    };
    (family, state)
}

fn before_the_last(now: Timestamp) -> Timestamp {
    now.min(Timestamp::from_millis(i64::MAX - 1))
}

/// A rotation changes the generation, the two digests, the salt, the retries and their streak, the times of the
/// rotation and of the idle end, and `seen_at` if it is later; nothing else.
pub fn a_rotation_changes_what_it_says_and_nothing_else(f: &Fixture) {
    let times = [strategies::timestamp(), strategies::timestamp()];
    let records = (strategies::family(), strategies::refresh_state(), strategies::salt(), times);
    for_all(records, |(family, state, salt, [now, idle_expires_at])| {
        let ((family, state), now, successor) = (live(family, state), before_the_last(now), digest(fresh()));
        begin(&f.store, &family);
        let current = state.current_digest;
        let rotate = Rotate { family: family.id, current, successor, salt, idle_expires_at, now, access_token: None };
        assert_eq!(done(f.store.grants.rotate(rotate)), Refreshed::Done);
        let state = RefreshState {
            generation: state.generation + 1,
            current_digest: successor,
            previous_digest: Some(current),
            salt: Some(salt),
            rotated_at: now,
            retries: 0,
            retry_streak: if state.retries == 0 { 0 } else { state.retry_streak },
            idle_expires_at,
            ..state
        };
        let rotated = FamilyRecord { refresh: Some(state), seen_at: family.seen_at.max(now), ..family };
        assert_eq!(find(&f.store, &rotated.id), rotated);
    });
}

/// A retry changes the number of retries, the streak if it is the first one, and `seen_at` if it is later; nothing
/// else.
pub fn a_retry_changes_what_it_says_and_nothing_else(f: &Fixture) {
    let records = (strategies::family(), strategies::refresh_state(), strategies::timestamp());
    for_all(records, |(family, state, now)| {
        let state = RefreshState { retries: state.retries / 2, retry_streak: state.retry_streak / 2, ..state };
        let ((family, state), now) = (live(family, state), before_the_last(now));
        begin(&f.store, &family);
        let (current, limit) = (state.current_digest, state.retries + 1);
        let retry = Retry { family: family.id, current, limit, now, access_token: None };
        assert_eq!(done(f.store.grants.retry(retry)), Refreshed::Done);
        let first = u32::from(state.retries == 0);
        let state = RefreshState { retries: state.retries + 1, retry_streak: state.retry_streak + first, ..state };
        let retried = FamilyRecord { refresh: Some(state), seen_at: family.seen_at.max(now), ..family };
        assert_eq!(find(&f.store, &retried.id), retried);
    });
}

/// An extension changes the idle end, and `seen_at` if it is later; nothing else.
pub fn an_extension_changes_what_it_says_and_nothing_else(f: &Fixture) {
    let times = [strategies::timestamp(), strategies::timestamp()];
    for_all((strategies::family(), strategies::refresh_state(), times), |(family, state, [now, idle_expires_at])| {
        let ((family, state), now) = (live(family, state), before_the_last(now));
        begin(&f.store, &family);
        let current = state.current_digest;
        let extend = Extend { family: family.id, current, idle_expires_at, now, access_token: None };
        assert_eq!(done(f.store.grants.extend(extend)), Refreshed::Done);
        let state = RefreshState { idle_expires_at, ..state };
        let extended = FamilyRecord { refresh: Some(state), seen_at: family.seen_at.max(now), ..family };
        assert_eq!(find(&f.store, &extended.id), extended);
    });
}

/// Retries count up to their limit and no further; the limit of each call is its own.
pub fn retries_count_up_to_their_limit_and_no_further(f: &Fixture) {
    begin(&f.store, &refreshable(1));
    begin(&f.store, &refreshable(2));
    let _ = done(f.store.grants.rotate(rotate(1, 0, after(0))));
    let mut count = 0;
    for (limit, answer) in [
        (0, Refreshed::Moved),
        (1, Refreshed::Done),
        (1, Refreshed::Moved),
        (3, Refreshed::Done),
        (3, Refreshed::Done),
        (3, Refreshed::Moved),
        (2, Refreshed::Moved),
        (u32::MAX, Refreshed::Done),
        (0, Refreshed::Moved),
    ] {
        assert_eq!(done(f.store.grants.retry(retry(1, 1, limit, after(1)))), answer, "limit {limit}");
        count += u32::from(answer == Refreshed::Done);
        assert_eq!(retries(&f.store, 1).0, count);
    }
    assert_eq!(retries(&f.store, 2), (0, 0), "another family");
}

/// However often a generation is retried, it adds one to the streak, and the first generation without a retry ends the
/// streak.
pub fn the_first_retry_of_a_generation_adds_to_the_streak(f: &Fixture) {
    begin(&f.store, &refreshable(1));
    for (generation, (retried, streak)) in (0..).zip([(0, 0), (1, 1), (3, 2), (2, 3), (0, 3), (0, 0), (64, 1), (1, 2)])
    {
        for count in 1..=retried {
            assert_eq!(done(f.store.grants.retry(retry(1, generation, 64, after(1)))), Refreshed::Done);
            assert_eq!(retries(&f.store, 1), (count, streak), "generation {generation}");
        }
        assert_eq!(retries(&f.store, 1), (retried, streak), "generation {generation}");
        assert_eq!(done(f.store.grants.rotate(rotate(1, generation, after(1)))), Refreshed::Done);
    }
}

/// A retry of a rotation that another one followed is refused; that of the last one is not.
pub fn a_retry_after_a_later_rotation_is_moved(f: &Fixture) {
    begin(&f.store, &refreshable(1));
    for generation in 0..3 {
        assert_eq!(done(f.store.grants.rotate(rotate(1, generation, after(1)))), Refreshed::Done);
        let last = find(&f.store, &family_id(1));
        for earlier in 0..=generation {
            assert_eq!(done(f.store.grants.retry(retry(1, earlier, 64, after(2)))), Refreshed::Moved);
        }
        assert_eq!(find(&f.store, &family_id(1)), last);
        assert_eq!(done(f.store.grants.retry(retry(1, generation + 1, 64, after(2)))), Refreshed::Done);
    }
}

/// However often a family is rotated, it stays one row with one salt.
pub fn a_thousand_rotations_leave_one_row(f: &Fixture) {
    begin(&f.store, &refreshable(1));
    for generation in 0..ROTATIONS {
        assert_eq!(done(f.store.grants.rotate(rotate(1, generation, after(1)))), Refreshed::Done);
    }
    let state = RefreshState {
        generation: ROTATIONS,
        previous_digest: Some(refresh_digest(1, ROTATIONS - 1)),
        salt: Some(salt(after(1))),
        rotated_at: after(1),
        idle_expires_at: rotate(1, 0, after(1)).idle_expires_at,
        ..refresh_state(handle(1), refresh_digest(1, ROTATIONS))
    };
    let rotated = FamilyRecord { refresh: Some(state), seen_at: after(1), ..refreshable(1) };
    assert_eq!(find(&f.store, &family_id(1)), rotated);
    assert_eq!(purge_all(&f.store, FAMILY_END, 9), 1, "the last salt");
    assert_eq!(purge_all(&f.store, next(FAMILY_END), 9), 1, "the family");
    assert_eq!(done(f.store.grants.purge_expired(Timestamp::MAX, 9)), Purged { rows: 0, more: false });
}
