//! What two processes on one file count together and use once. The other processes are this test binary again, in a
//! role.

mod common;

use std::collections::BTreeSet;

use common::processes::{Role, THREADS, both, on_threads, role, say};
use common::refresh::{begin, refresh_digest, rotation, state, stored_tokens};
use common::{Directory, LATER, NOW, digest, family_id, start, stranger, token};
use oauth_core::store::{Claim, GrantStore, Refreshed, Retry, Rotate, StartFamily, StartOutcome, Strike};
use oauth_core::types::{KeyedHash, Lifetime};
use oauth_store_sqlite::SqliteStore;
use oauth_testkit::block_on;

const CLAIMS: u64 = 150;
/// Retries that each thread tries, and how many all of them together may.
const RETRIES_EACH: u64 = 12;
const RETRIES: u32 = 64;
const STRIKES_EACH: u64 = 25;

/// Does nothing when it runs as a test.
#[test]
fn child() {
    let Some(Role { name, first, store, .. }) = role() else { return };
    match name.as_str() {
        "claim" => claim(&store, first),
        "retry" => retry(&store, first),
        "strike" => strike(&store),
        _ => panic!("unknown role {name}"),
    }
}

fn retry(store: &SqliteStore, process: u64) {
    let tokens = on_threads(|thread| {
        let first = ((process * THREADS) + thread) * RETRIES_EACH;
        let attempt = |number: &u64| {
            let access_token = Some(token(*number, Some(1)));
            let current = refresh_digest(1, 1);
            let retry = Retry { family: family_id(1), current, limit: RETRIES, now: NOW, access_token };
            block_on(store.retry(retry)).unwrap() == Refreshed::Done
        };
        (first..first + RETRIES_EACH).filter(attempt).collect::<Vec<_>>()
    });
    tokens.into_iter().flatten().for_each(say);
}

#[test]
fn siblings_in_two_processes_retry_together_up_to_their_limit() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    begin(&store, 1);
    let rotate = Rotate { access_token: None, ..rotation(1, &state(&store, 1), refresh_digest(1, 1), 0) };
    assert_eq!(block_on(store.rotate(rotate)).unwrap(), Refreshed::Done);
    let done: BTreeSet<String> = both(&directory, "retry").concat().iter().map(|number| format!("t{number}")).collect();
    assert_eq!(done.len(), RETRIES as usize, "of {} attempts", 2 * THREADS * RETRIES_EACH);
    assert_eq!(stored_tokens(&directory), done);
    let state = state(&store, 1);
    assert_eq!((state.retries, state.retry_streak), (RETRIES, 1));
}

fn strike(store: &SqliteStore) {
    let told = on_threads(|_| {
        let strike = || {
            let strike = Strike { account: KeyedHash::from_bytes([1; 32]), now: NOW, window: Lifetime::of_seconds(60) };
            block_on(store.add_strike(strike)).unwrap()
        };
        (0..STRIKES_EACH).map(|_| strike()).collect::<Vec<_>>()
    });
    told.into_iter().flatten().for_each(say);
}

#[test]
fn strikes_of_two_processes_are_all_counted() {
    let directory = Directory::new();
    let told: BTreeSet<u64> = both(&directory, "strike").concat().iter().map(|count| count.parse().unwrap()).collect();
    assert_eq!(told, (1..=2 * THREADS * STRIKES_EACH).collect());
}

/// Starts a family for every claim, and says which claims it made.
fn claim(store: &SqliteStore, process: u64) {
    for round in 0..CLAIMS {
        let number = (round << 8) + process;
        let claim = Some(Claim { digest: digest(round), expires_at: LATER });
        let outcome = block_on(store.start_family(StartFamily { claim, ..start(number) })).unwrap();
        if outcome == (StartOutcome::Started { ended: 0 }) {
            say(number);
        }
    }
}

#[test]
fn of_two_processes_one_makes_each_claim() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    let made: Vec<u64> = both(&directory, "claim").concat().iter().map(|number| number.parse().unwrap()).collect();
    assert_eq!(made.len() as u64, CLAIMS);
    assert!(made.iter().map(|number| number >> 8).collect::<BTreeSet<_>>().into_iter().eq(0..CLAIMS));
    for number in made {
        assert!(block_on(store.find_family(&family_id(number))).unwrap().is_some(), "family {number}");
    }
    let eye = stranger(&directory.file());
    let rows =
        "SELECT (SELECT count(*) FROM family), (SELECT count(*) FROM access_token), (SELECT count(*) FROM claim)";
    let rows = eye.query_row(rows, [], |row| Ok([row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?])).unwrap();
    assert_eq!(rows, [CLAIMS as i64; 3], "of the refused starts nothing is there");
}
