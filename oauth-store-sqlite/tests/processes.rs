//! Several processes on one file. The other processes are this test binary again, in a role.

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::processes::{Other, Role, race, role, say};
use common::{Directory, ISSUER, NOW, client, digest, family_id, key, start, stranger, times, token};
use oauth_core::store::{
    ClientRegistry, GrantStore, InsertKey, InsertToken, KeyState, KeyStore, KeyTransition, Register, RevokeFamily,
    RevokedWhy, StartOutcome, Transition,
};
use oauth_store_sqlite::SqliteStore;
use oauth_testkit::block_on;

const ROUNDS: u32 = 150;

/// Does nothing when it runs as a test.
#[test]
fn child() {
    let Some(Role { name, file, first, store }) = role() else { return };
    match name.as_str() {
        "insert tokens" => insert_tokens(&store),
        "promote keys" => promote_keys(&store),
        "register clients" => register_clients(&store),
        "revoke families" => revoke_families(&store, &file),
        "start families" => start_families(&store, first),
        _ => panic!("unknown role {name}"),
    }
}

fn register_clients(store: &SqliteStore) {
    for n in 0..ROUNDS {
        if block_on(store.register(client(&format!("c{n}")))).unwrap() == Register::Registered {
            say(n);
        }
    }
}

#[test]
fn of_two_processes_one_registers_each_client() {
    let directory = Directory::new();
    let won = race(&directory.file(), ["register clients"; 2]);
    assert_won_once(won);
}

fn promote_keys(store: &SqliteStore) {
    let step = |number, expected, next| KeyTransition {
        kid: format!("k{number}").parse().unwrap(),
        expected,
        next,
        times: times(),
        material: None,
    };
    for n in 0..ROUNDS {
        let steps = [
            step(n + 1, KeyState::Announced, KeyState::Active), // before its predecessor steps back
            step(n, KeyState::Active, KeyState::Retired),
        ];
        if block_on(store.transition(ISSUER, &steps)).unwrap() == Transition::Applied {
            say(n);
        }
    }
}

#[test]
fn of_two_processes_one_takes_each_transition() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    for n in 0..=ROUNDS {
        let state = if n == 0 { KeyState::Active } else { KeyState::Announced };
        assert_eq!(block_on(store.insert(key(n, state))).unwrap(), InsertKey::Inserted);
    }
    let won = race(&directory.file(), ["promote keys"; 2]);
    assert_won_once(won);
    let active: Vec<_> =
        block_on(store.load(ISSUER)).unwrap().into_iter().filter(|key| key.state == KeyState::Active).collect();
    assert_eq!(active.len(), 1);
    assert_eq!(active[0].kid.as_str(), format!("k{ROUNDS}"));
}

fn assert_won_once([one, other]: [Vec<String>; 2]) {
    let both: BTreeSet<u32> = one.iter().chain(&other).map(|n| n.parse().unwrap()).collect();
    assert_eq!(one.len() + other.len(), both.len(), "nothing was won twice");
    assert_eq!(both, (0..ROUNDS).collect(), "everything was won");
}

/// Adds tokens to each family until it is told that the family lives no more.
fn insert_tokens(store: &SqliteStore) {
    let mut number = 1 << 32;
    for family in 0..u64::from(ROUNDS) {
        while block_on(store.insert_access_token(token(number, Some(family)))).unwrap() == InsertToken::Inserted {
            number += 1;
            assert!(number < (1 << 32) + 50_000, "nobody revokes family {family}");
        }
    }
}

/// Ends each family, and says how many tokens it has then.
fn revoke_families(store: &SqliteStore, file: &Path) {
    let eye = stranger(file);
    for family in 0..u64::from(ROUNDS) {
        let revoked = block_on(store.revoke_family(&family_id(family), RevokedWhy::Client, NOW)).unwrap();
        assert_eq!(revoked, RevokeFamily::Revoked);
        say(tokens_of(&eye, family));
    }
}

fn tokens_of(eye: &rusqlite::Connection, family: u64) -> i64 {
    let count = "SELECT count(*) FROM access_token WHERE family = ?1";
    eye.query_row(count, [family_id(family).as_bytes()], |row| row.get(0)).unwrap()
}

#[test]
fn no_token_comes_into_a_family_that_another_process_revoked() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    for family in 0..u64::from(ROUNDS) {
        assert_eq!(block_on(store.start_family(start(family))).unwrap(), StartOutcome::Started { ended: 0 });
    }
    let [_, at_revocation] = race(&directory.file(), ["insert tokens", "revoke families"]);
    let eye = stranger(&directory.file());
    assert_eq!(at_revocation.len(), usize::try_from(ROUNDS).unwrap());
    for (family, then) in (0..).zip(at_revocation) {
        assert_eq!(tokens_of(&eye, family).to_string(), then, "family {family}");
    }
}

/// Starts families from four threads for ever, and says the number of each that was acknowledged.
fn start_families(store: &SqliteStore, first: u64) {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for number in (first + thread * 1_000_000..).take(1_000_000) {
                    assert_eq!(
                        block_on(store.start_family(start(number))).unwrap(),
                        StartOutcome::Started { ended: 0 }
                    );
                    say(number);
                }
            });
        }
    });
}

#[test]
fn what_was_acknowledged_survives_a_killed_process_and_nothing_is_half_done() {
    const CYCLES: u64 = 30;
    let directory = Directory::new();
    let mut acknowledged: Vec<u64> = Vec::new();
    for cycle in 0..CYCLES {
        let mut other = Other::new("start families", &directory.file(), cycle << 32);
        other.go();
        // A different number of acknowledgements each time, so that the kill falls into different steps.
        for _ in 0..5 + cycle * 7 {
            acknowledged.push(other.next().expect("the child writes for ever").parse().unwrap());
        }
        other.process.kill().unwrap();
        other.process.wait().unwrap();
        // What it said before it died was acknowledged too.
        while let Some(said) = other.next() {
            acknowledged.push(said.parse().unwrap());
        }

        let store = SqliteStore::open(directory.file()).unwrap();
        for number in &acknowledged {
            assert!(block_on(store.find_family(&family_id(*number))).unwrap().is_some(), "family {number}");
            assert!(block_on(store.find_access_token(&digest(*number))).unwrap().is_some(), "token {number}");
        }
        block_on(store.close());
    }
    let eye = stranger(&directory.file());
    let halves = "SELECT (SELECT count(*) FROM family WHERE id NOT IN (SELECT family FROM access_token))
                       + (SELECT count(*) FROM access_token WHERE family NOT IN (SELECT id FROM family))";
    assert_eq!(eye.query_row(halves, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    assert_eq!(eye.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap(), "ok");
}
