//! Strikes: every one is counted, in the window of its account.

use std::collections::BTreeSet;

use oauth_core::store::Strike;
use oauth_core::types::{KeyedHash, Lifetime, Timestamp};

use super::{done, race};
use crate::samples::{BEGIN, WINDOW, account, after, strike};
use crate::{Fixture, TenantStore};

/// How many threads strike one account at once.
pub const STRIKERS: usize = 200;

fn add(store: &TenantStore, account: KeyedHash, now: Timestamp) -> u32 {
    done(store.grants.add_strike(strike(account, now)))
}

/// The n-th strike is answered n.
pub fn strikes_are_counted_one_by_one(f: &Fixture) {
    for count in 1..=20 {
        assert_eq!(add(&f.store, account(1), after(i64::from(count))), count);
    }
}

/// However many callers strike one account at once, every one of them is counted and none is told the same number.
pub fn of_many_strikes_at_once_all_are_counted(f: &Fixture) {
    let answers = race(STRIKERS, |racer| add(&f.store, account(1), after(racer as i64)));
    let told: BTreeSet<u32> = answers.into_iter().collect();
    assert_eq!(told, (1..=STRIKERS as u32).collect());
    assert_eq!(add(&f.store, account(1), after(0)), STRIKERS as u32 + 1);
}

/// A window ends its length after its first strike, wherever the others fell and whatever length they named; the first
/// strike from then on begins the next one.
pub fn a_window_begins_at_the_end_of_the_last_one_and_not_before(f: &Fixture) {
    let length = WINDOW.millis();
    for (number, begins) in (1..).zip([0, length, 10 * length]) {
        for (then, count) in [(0, 1), (1, 2), (length - 1, 3), (-1, 4), (length - 1, 5)] {
            assert_eq!(add(&f.store, account(1), after(begins + then)), count, "window {number}, strike {count}");
        }
    }
    // Only the strike that begins a window says how long it is.
    for (then, window, count) in [(0, 10, 1), (9_999, 3600, 2), (10_000, 5, 1), (14_999, 1, 2), (15_000, 1, 1)] {
        let strike = Strike { account: account(2), now: after(then), window: Lifetime::of_seconds(window) };
        assert_eq!(done(f.store.grants.add_strike(strike)), count, "at {then}");
    }
}

/// Clearing forgets every strike against an account: the next one begins a window.
pub fn clearing_forgets_every_strike_against_an_account(f: &Fixture) {
    done(f.store.grants.clear_strikes(&account(1)));
    for count in 1..=3 {
        assert_eq!(add(&f.store, account(1), BEGIN), count);
        assert_eq!(add(&f.store, account(2), BEGIN), count);
    }
    done(f.store.grants.clear_strikes(&account(1)));
    done(f.store.grants.clear_strikes(&account(1)));
    let later = after(WINDOW.millis() - 1);
    assert_eq!(add(&f.store, account(1), later), 1);
    assert_eq!(add(&f.store, account(1), after(2 * WINDOW.millis() - 2)), 2, "its window is a new one");
    assert_eq!(add(&f.store, account(2), later), 4, "another account");
}

/// No strike counts against another account, however near its hash.
pub fn strikes_of_accounts_do_not_mix(f: &Fixture) {
    let mut accounts = vec![[0; 32], [0xff; 32]];
    for byte in 0..32 {
        let mut near = [0; 32];
        near[byte] = 1;
        accounts.push(near);
    }
    for round in 1..=2 {
        for account in &accounts {
            assert_eq!(add(&f.store, KeyedHash::from_bytes(*account), BEGIN), round, "{account:02x?}");
        }
    }
}
