//! One refresh token in many hands: what each is answered, and what is left.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use oauth_core::store::{
    CutoffKey, FamilyRecord, Refreshed, Retry, RevokeFamily, RevokedWhy, Rotate, Standing, StartOutcome,
};
use oauth_core::types::TokenDigest;

use super::{RACERS, done, found, one_winner, race, standing_of};
use crate::samples::{
    BEGIN, after, cutoff, handle, refresh_digest, refreshable, retry, rotate, start, subject, token_of,
};
use crate::{Fixture, TenantStore};

/// How often a race is run whose outcome depends on who comes first.
const ROUNDS: u64 = 8;
/// How many threads use one family while one other thread ends it, and how often each.
const USERS: usize = 7;
const USES_EACH: u64 = 4;

fn begin(store: &TenantStore, family: &FamilyRecord) {
    assert_eq!(done(store.grants.start_family(start(family.clone()))), StartOutcome::Started { ended: 0 });
}

/// Of many who rotate one token, one does; the others change nothing and leave no access token.
pub fn of_many_rotations_of_one_token_one_wins(f: &Fixture) {
    let family = refreshable(1);
    begin(&f.store, &family);
    let attempt = |racer: usize| Rotate {
        successor: refresh_digest(racer as u64, 99),
        access_token: Some(token_of(&family, racer as u64)),
        ..rotate(1, 0, after(racer as i64))
    };
    let answers = race(RACERS, |racer| done(f.store.grants.rotate(attempt(racer))));
    let winner = one_winner(&answers, &Refreshed::Done, &Refreshed::Moved);
    let state = done(f.store.grants.find_family(&family.id)).and_then(|family| family.refresh).expect("stored");
    let expected = attempt(winner);
    assert_eq!((state.generation, state.current_digest), (1, expected.successor));
    assert_eq!((state.previous_digest, state.salt), (Some(expected.current), Some(expected.salt)));
    for racer in 0..RACERS {
        assert_eq!(found(&f.store, racer as u64).is_some(), racer == winner, "the token of racer {racer}");
    }
}

/// Below the limit, siblings that retry at the same time never exclude each other.
pub fn siblings_that_retry_together_all_succeed(f: &Fixture) {
    retry_together(f, RACERS as u32, RACERS);
}

/// At the limit, exactly as many siblings succeed as it allows.
pub fn of_siblings_that_retry_together_as_many_succeed_as_the_limit_allows(f: &Fixture) {
    retry_together(f, 10, 10);
}

fn retry_together(f: &Fixture, limit: u32, succeed: usize) {
    let family = refreshable(1);
    begin(&f.store, &family);
    assert_eq!(done(f.store.grants.rotate(rotate(1, 0, after(1)))), Refreshed::Done);
    let answers = race(RACERS, |racer| {
        let access_token = Some(token_of(&family, racer as u64));
        done(f.store.grants.retry(Retry { access_token, ..retry(1, 1, limit, after(racer as i64)) }))
    });
    assert_eq!(answers.iter().filter(|answer| **answer == Refreshed::Done).count(), succeed, "{answers:?}");
    let state = done(f.store.grants.find_family(&family.id)).and_then(|family| family.refresh).expect("stored");
    assert_eq!((state.retries as usize, state.retry_streak), (succeed, 1));
    for (racer, answer) in answers.iter().enumerate() {
        assert_eq!(found(&f.store, racer as u64).is_some(), *answer == Refreshed::Done, "the token of racer {racer}");
    }
}

/// Once the revocation of a family was acknowledged, no rotation of it succeeds, and nothing that one brought is live.
pub fn no_rotation_outlives_the_revocation_of_its_family(f: &Fixture) {
    no_use_outlives(f, rotate_the_current, revoke);
}

/// The same for retries.
pub fn no_retry_outlives_the_revocation_of_its_family(f: &Fixture) {
    no_use_outlives(f, retry_the_current, revoke);
}

/// Once a cutoff was acknowledged, no rotation of a family that it covers succeeds, and nothing that one brought is
/// live.
pub fn no_rotation_outlives_a_cutoff(f: &Fixture) {
    no_use_outlives(f, rotate_the_current, cut_off);
}

/// The same for retries.
pub fn no_retry_outlives_a_cutoff(f: &Fixture) {
    no_use_outlives(f, retry_the_current, cut_off);
}

/// Rotates whatever token is current, for the access token with this number.
fn rotate_the_current(store: &TenantStore, family: &FamilyRecord, number: u64) -> Refreshed {
    let current = current(store, family);
    let (successor, access_token) = (refresh_digest(number, 1), Some(token_of(family, number)));
    let rotate = Rotate { family: family.id, current, successor, access_token, ..rotate(0, 0, after(1)) };
    done(store.grants.rotate(rotate))
}

fn retry_the_current(store: &TenantStore, family: &FamilyRecord, number: u64) -> Refreshed {
    let (current, access_token) = (current(store, family), Some(token_of(family, number)));
    done(store.grants.retry(Retry { family: family.id, current, access_token, ..retry(0, 0, u32::MAX, after(1)) }))
}

fn current(store: &TenantStore, family: &FamilyRecord) -> TokenDigest {
    let found = done(store.grants.find_family(&family.id)).expect("an ended family stays known");
    found.refresh.expect("it has refresh tokens").current_digest
}

fn revoke(store: &TenantStore, family: &FamilyRecord) {
    let revoked = done(store.grants.revoke_family(&family.id, RevokedWhy::Replay, BEGIN));
    assert_eq!(revoked, RevokeFamily::Revoked);
}

fn cut_off(store: &TenantStore, family: &FamilyRecord) {
    done(store.grants.cut_off(cutoff(CutoffKey::Subject(family.subject.clone()), BEGIN)));
}

fn no_use_outlives(
    f: &Fixture,
    attempt: fn(&TenantStore, &FamilyRecord, u64) -> Refreshed,
    end: fn(&TenantStore, &FamilyRecord),
) {
    for round in 1..=ROUNDS {
        let family = FamilyRecord { subject: subject(&format!("user-{round}")), ..refreshable(round) };
        begin(&f.store, &family);
        let (begun, acknowledged) = (AtomicUsize::new(0), AtomicBool::new(false));
        let stored = race(USERS + 1, |racer| {
            let mut stored = Vec::new();
            if racer == USERS {
                while begun.load(Ordering::SeqCst) < USERS.min(round as usize) {
                    thread::yield_now(); // so that each round ends with more users under way
                }
                end(&f.store, &family);
                acknowledged.store(true, Ordering::SeqCst);
                return stored;
            }
            for use_of in 0..USES_EACH {
                let number = (round << 32) + ((racer as u64) << 16) + use_of;
                let too_late = acknowledged.load(Ordering::SeqCst);
                begun.fetch_add(1, Ordering::SeqCst);
                let answer = attempt(&f.store, &family, number);
                assert!(!(too_late && answer == Refreshed::Done), "done after the end was acknowledged");
                if answer == Refreshed::Done {
                    stored.push(number);
                } else {
                    assert_eq!(found(&f.store, number), None, "the token of a call that was refused");
                }
            }
            stored
        });
        for token in stored.into_iter().flatten() {
            assert_eq!(standing_of(&f.store, token), Standing::Revoked);
        }
        let ended = done(f.store.grants.find_by_handle(&handle(round))).expect("an ended family stays known");
        assert_eq!(ended.standing, Standing::Revoked);
        let afterwards = attempt(&f.store, &family, (round << 32) + (1 << 31));
        assert_eq!(afterwards, Refreshed::Moved, "its current token is worth nothing");
    }
}
