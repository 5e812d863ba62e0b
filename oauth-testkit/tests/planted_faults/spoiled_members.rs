//! A store that changes any one member wrongly when a refresh token is used is caught by that use's own clause.

use oauth_core::store::{FamilyRecord, RefreshState, RevokedWhy};
use oauth_core::types::{Lifetime, Timestamp, TokenDigest};
use oauth_testkit::{Fixture, clauses};

use crate::refresh::Spoils;
use crate::{catches, spoiling};

/// A member, and what the store makes of it.
type Spoil = (&'static str, fn(&FamilyRecord, &mut FamilyRecord));

/// Both states, if there are any.
fn states(before: &FamilyRecord, after: &mut FamilyRecord, change: fn(&RefreshState, &mut RefreshState)) {
    if let (Some(before), Some(after)) = (&before.refresh, &mut after.refresh) {
        change(before, after);
    }
}

/// What no use may change.
const UNTOUCHED: [Spoil; 6] = [
    ("handle", |b, a| states(b, a, |_, a| a.handle[7] ^= 1)),
    ("scope", |_, a| a.scope = "other".parse().unwrap()),
    ("issued_at", |_, a| a.issued_at = Timestamp::from_millis(a.issued_at.millis() ^ 1)),
    ("absolute_expires_at", |_, a| a.absolute_expires_at = a.seen_at),
    ("revoked", |_, a| a.revoked = Some((a.seen_at, RevokedWhy::Host))),
    ("a later seen_at", |_, a| a.seen_at = Timestamp::from_millis(a.seen_at.millis() ^ 1)),
];

fn is_caught(clause: fn(&Fixture), spoils: Spoils) -> bool {
    (0..6).any(|_| catches(clause, &spoiling(spoils)))
}

#[test]
fn by_a_rotation() {
    let spoils: [Spoil; 14] = [
        ("generation", |b, a| states(b, a, |b, a| a.generation = b.generation)),
        ("generation by two", |b, a| states(b, a, |_, a| a.generation += 1)),
        ("current_digest", |b, a| states(b, a, |b, a| a.current_digest = b.current_digest)),
        ("previous_digest", |b, a| states(b, a, |b, a| a.previous_digest = b.previous_digest)),
        ("no previous_digest", |b, a| states(b, a, |_, a| a.previous_digest = None)),
        ("salt", |b, a| states(b, a, |b, a| a.salt = b.salt)),
        ("the salt's end", |b, a| states(b, a, |_, a| a.salt.as_mut().unwrap().expires_at = a.rotated_at)),
        ("rotated_at", |b, a| states(b, a, |b, a| a.rotated_at = b.rotated_at)),
        ("retries", |b, a| states(b, a, |b, a| a.retries = b.retries)),
        ("retry_streak stays", |b, a| states(b, a, |b, a| a.retry_streak = b.retry_streak)),
        ("retry_streak ends", |b, a| states(b, a, |_, a| a.retry_streak = 0)),
        ("idle_expires_at", |b, a| states(b, a, |b, a| a.idle_expires_at = b.idle_expires_at)),
        ("seen_at stays", |b, a| a.seen_at = b.seen_at),
        ("seen_at goes back", |b, a| a.seen_at = rotated_at(a).min(b.seen_at)),
    ];
    for (member, rotate) in spoils.into_iter().chain(UNTOUCHED) {
        let spoils = Spoils { rotate, ..Spoils::NONE };
        assert!(is_caught(clauses::a_rotation_changes_what_it_says_and_nothing_else, spoils), "{member}");
    }
}

fn rotated_at(family: &FamilyRecord) -> Timestamp {
    family.refresh.as_ref().map_or(family.seen_at, |state| state.rotated_at)
}

#[test]
fn by_a_retry() {
    let spoils: [Spoil; 9] = [
        ("retries", |b, a| states(b, a, |b, a| a.retries = b.retries)),
        ("retry_streak stays", |b, a| states(b, a, |b, a| a.retry_streak = b.retry_streak)),
        ("retry_streak grows", |b, a| states(b, a, |b, a| a.retry_streak = b.retry_streak + 1)),
        ("generation", |b, a| states(b, a, |b, a| a.generation = b.generation + 1)),
        ("previous_digest", |b, a| states(b, a, |b, a| a.previous_digest = Some(b.current_digest))),
        ("salt", |b, a| states(b, a, |_, a| a.salt = None)),
        ("rotated_at", |b, a| states(b, a, |b, a| a.rotated_at = b.rotated_at.plus(Lifetime::SECOND))),
        ("idle_expires_at", |b, a| states(b, a, |b, a| a.idle_expires_at = b.idle_expires_at.plus(Lifetime::SECOND))),
        ("seen_at stays", |b, a| a.seen_at = b.seen_at),
    ];
    for (member, retry) in spoils.into_iter().chain(UNTOUCHED) {
        let spoils = Spoils { retry, ..Spoils::NONE };
        assert!(is_caught(clauses::a_retry_changes_what_it_says_and_nothing_else, spoils), "{member}");
    }
}

#[test]
fn by_an_extension() {
    let spoils: [Spoil; 8] = [
        ("idle_expires_at", |b, a| states(b, a, |b, a| a.idle_expires_at = b.idle_expires_at)),
        ("retries", |b, a| states(b, a, |b, a| a.retries = b.retries + 1)),
        ("retry_streak", |b, a| states(b, a, |b, a| a.retry_streak = b.retry_streak + 1)),
        ("generation", |b, a| states(b, a, |b, a| a.generation = b.generation + 1)),
        ("current_digest", |b, a| states(b, a, |_, a| a.current_digest = TokenDigest::from_bytes([0; 32]))),
        ("salt", |b, a| states(b, a, |_, a| a.salt = None)),
        ("rotated_at", |b, a| states(b, a, |b, a| a.rotated_at = b.rotated_at.plus(Lifetime::SECOND))),
        ("seen_at stays", |b, a| a.seen_at = b.seen_at),
    ];
    for (member, extend) in spoils.into_iter().chain(UNTOUCHED) {
        let spoils = Spoils { extend, ..Spoils::NONE };
        assert!(is_caught(clauses::an_extension_changes_what_it_says_and_nothing_else, spoils), "{member}");
    }
}

/// The streak is what the core tells a client in trouble by.
#[test]
fn in_the_streak() {
    let clause: fn(&Fixture) = clauses::the_first_retry_of_a_generation_adds_to_the_streak;
    let every_retry: Spoil = ("every retry", |b, a| states(b, a, |b, a| a.retry_streak = b.retry_streak + 1));
    assert!(catches(clause, &spoiling(Spoils { retry: every_retry.1, ..Spoils::NONE })), "{}", every_retry.0);
    let rotations: [Spoil; 2] = [
        ("it never ends", |b, a| states(b, a, |b, a| a.retry_streak = b.retry_streak)),
        ("every rotation ends it", |b, a| states(b, a, |_, a| a.retry_streak = 0)),
    ];
    for (what, rotate) in rotations {
        assert!(catches(clause, &spoiling(Spoils { rotate, ..Spoils::NONE })), "{what}");
    }
}

/// Without a spoiled member the same wrapper keeps the contract.
mod without_spoils {
    fn sound() -> oauth_testkit::Fixture {
        crate::spoiling(crate::refresh::Spoils::NONE)
    }

    oauth_testkit::store_contract!(sound);
}
