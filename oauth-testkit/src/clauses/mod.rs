//! The clauses of the store contract: each a function that panics when a store breaks it.
//!
//! [`store_contract!`](crate::store_contract) runs them all. Each takes an empty [`Fixture`](crate::Fixture).

mod claims;
mod clients;
mod codes;
mod consents;
mod families;
mod keys;
mod maintenance;
mod model;
mod purge;
mod races;
mod refresh;
mod refresh_races;
mod requests;
mod rotation;
mod standing;
mod steps;
mod strikes;
mod tenants;
mod tokens;
mod users;

use std::fmt::Debug;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use oauth_core::store::{FoundAccessToken, Standing, StoreError, StoreErrorKind};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestRunner};

pub use self::claims::*;
pub use self::clients::*;
pub use self::codes::*;
pub use self::consents::*;
pub use self::families::*;
pub use self::keys::*;
pub use self::maintenance::*;
pub use self::model::*;
pub use self::purge::*;
pub use self::races::*;
pub use self::refresh::*;
pub use self::refresh_races::*;
pub use self::requests::*;
pub use self::rotation::*;
pub use self::standing::*;
pub use self::steps::*;
pub use self::strikes::*;
pub use self::tenants::*;
pub use self::tokens::*;
pub use self::users::*;

use crate::{TenantStore, block_on, samples};

/// How many random records each round trip tries. Few, because a durable store waits for the disk each time.
pub const CASES: u32 = 48;

/// How many threads meet in a race.
pub const RACERS: usize = 64;

/// The answer of a store that works.
fn done<T>(call: impl Future<Output = Result<T, StoreError>>) -> T {
    match block_on(call) {
        Ok(answer) => answer,
        Err(error) => panic!("the store failed: {error}"),
    }
}

/// Expects a store to fail as unavailable.
fn unavailable<T: Debug>(call: impl Future<Output = Result<T, StoreError>>) {
    match block_on(call) {
        Ok(answer) => panic!("`Unavailable` was expected, not {answer:?}"),
        Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}"),
    }
}

/// Runs a check on random records. Failures are shrunk against the same store, so that checks store each record under
/// a fresh id.
fn for_all<S: Strategy>(records: S, check: impl Fn(S::Value)) {
    let config = Config { cases: CASES, failure_persistence: None, max_shrink_iters: 64, ..Config::default() };
    let outcome = TestRunner::new(config).run(&records, |record| {
        check(record);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// A number that was not given out before.
fn fresh() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1 << 32);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Runs a task on `racers` threads that start at the same moment; the answers in order of the threads.
fn race<T: Send>(racers: usize, task: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (start, task) = (&Barrier::new(racers), &task);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..racers)
            .map(|racer| {
                scope.spawn(move || {
                    start.wait();
                    task(racer)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a racer panicked")).collect()
    })
}

/// Expects that exactly one answer is `win` and all others are `lose`; answers who won.
fn one_winner<T: PartialEq + Debug>(answers: &[T], win: &T, lose: &T) -> usize {
    let winners: Vec<usize> = (0..answers.len()).filter(|racer| answers[*racer] == *win).collect();
    assert_eq!(winners.len(), 1, "exactly one must win: {answers:?}");
    assert!(answers.iter().all(|answer| answer == win || answer == lose), "{answers:?}");
    winners[0]
}

/// The stored token with this number.
fn found(store: &TenantStore, number: u64) -> Option<FoundAccessToken> {
    done(store.grants.find_access_token(&samples::digest(number)))
}

/// The standing of the stored token with this number.
fn standing_of(store: &TenantStore, number: u64) -> Standing {
    found(store, number).expect("the token is stored").standing
}

/// Ids that a careless comparison would mix up: as patterns, numbers, quotes, case, spaces and lengths. Lawful for
/// every kind of identifier that allows printable ASCII with spaces.
fn hostile_ids() -> Vec<String> {
    let mut ids: Vec<String> = [
        "a",
        "A",
        "aa",
        "a ",
        " a",
        "a  ",
        "a%",
        "a_",
        "%",
        "_",
        "%%",
        "a*",
        "*",
        "[a]",
        "[a-z]",
        "?",
        "a'",
        "'",
        "''",
        "\"a\"",
        "\"",
        "`a`",
        "\\",
        "a\\",
        "\\%",
        "';--",
        "' OR '1'='1",
        "'; DROP TABLE client;--",
        "a/*",
        "?1",
        ":id",
        "$1",
        "@a",
        "0",
        "00",
        "1",
        "01",
        "1.0",
        "1e0",
        "0x1",
        "+1",
        "-0",
        "NULL",
        "null",
        "true",
        "TRUE",
        "rowid",
        "a:b",
        "a,b",
        "a|b",
        "a/b",
        "a/b/",
        "https://a.example/",
        "https://a.example",
        "https://A.example",
    ]
    .map(str::to_owned)
    .into();
    ids.push("x".repeat(255));
    ids.push("x".repeat(254));
    ids.push(format!("{}y", "x".repeat(254)));
    ids
}

/// [`hostile_ids`], and texts that look alike without being the same bytes.
fn hostile_texts() -> Vec<String> {
    let alike = [
        "é",
        "e\u{301}",
        "É",
        "ß",
        "ss",
        "SS",
        "ı",
        "i",
        "I",
        "İ",
        "Å",
        "\u{212b}",
        "a\u{a0}",
        "\u{feff}a",
        "a\u{200b}",
        "\u{10ffff}",
        "漢",
        "ａ",
        "а",
    ];
    hostile_ids().into_iter().chain(alike.map(str::to_owned)).collect()
}
