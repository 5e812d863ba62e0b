//! One refresh token in the hands of several processes on one file. The other processes are this test binary again, in
//! a role.

mod common;

use std::collections::BTreeSet;
use std::io::Write;
use std::thread;

use common::processes::{Other, Role, THREADS, both, on_threads, role, say};
use common::refresh::{begin, refresh_digest, rotation, salt, state, stored_tokens};
use common::{Directory, digest, stranger};
use oauth_core::store::{GrantStore, RefreshState, Refreshed, Rotate};
use oauth_store_sqlite::SqliteStore;
use oauth_testkit::block_on;

const ROUNDS: u64 = 150;

/// Does nothing when it runs as a test.
#[test]
fn child() {
    let Some(Role { name, first, store, .. }) = role() else { return };
    match name.as_str() {
        "rotate" => fight_for_each_rotation(&store, first),
        "rotate for ever" => rotate_for_ever(&store),
        _ => panic!("unknown role {name}"),
    }
}

/// One call of `rotate`, as its process saw it.
#[derive(Debug)]
struct Call {
    process: usize,
    generation: u64,
    begun: u128,
    ended: u128,
    access_token: u64,
    won: bool,
}

impl Call {
    fn parse(process: usize, text: &str) -> Self {
        let members: Vec<u128> = text.split(' ').map(|member| member.parse().unwrap()).collect();
        let [generation, begun, ended, access_token, won] = members[..] else { panic!("{text}") };
        let [generation, access_token] = [generation, access_token].map(|number| u64::try_from(number).unwrap());
        Self { process, generation, begun, ended, access_token, won: won == 1 }
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.process != other.process && self.begun < other.ended && other.begun < self.ended
    }
}

/// Nanoseconds on the clock that the processes share.
#[expect(clippy::disallowed_methods, reason = "the clock is what this measures")]
fn nanoseconds() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos()
}

/// Tries to be the one who rotates, in every generation in which it is not too late; says each call.
fn fight_for_each_rotation(store: &SqliteStore, process: u64) {
    let calls = on_threads(|thread| {
        let mut calls = Vec::new();
        for round in 0..ROUNDS {
            let held = loop {
                let state = state(store, 1);
                if state.generation >= round {
                    break state;
                }
                thread::yield_now();
            };
            if held.generation > round {
                continue;
            }
            let owner = process * THREADS + thread;
            let access_token = (round << 8) + owner;
            let rotate = rotation(1, &held, refresh_digest(100 + owner, round + 1), access_token);
            let begun = nanoseconds();
            let won = block_on(store.rotate(rotate)).unwrap() == Refreshed::Done;
            calls.push(format!("{round} {begun} {} {access_token} {}", nanoseconds(), u8::from(won)));
        }
        calls
    });
    calls.into_iter().flatten().for_each(say);
}

#[test]
fn of_two_processes_one_rotates_each_token() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    begin(&store, 1);
    let said = both(&directory, "rotate");
    let calls: Vec<Call> =
        (0..).zip(&said).flat_map(|(process, said)| said.iter().map(move |text| Call::parse(process, text))).collect();
    let mut won: Vec<&Call> = calls.iter().filter(|call| call.won).collect();
    won.sort_by_key(|call| call.generation);
    assert!(won.iter().map(|call| call.generation).eq(0..ROUNDS), "each generation ended once");
    assert_eq!(state(&store, 1).generation, ROUNDS);
    let tokens: BTreeSet<String> = won.iter().map(|call| format!("t{}", call.access_token)).collect();
    assert_eq!(stored_tokens(&directory), tokens, "the winners' tokens and no others");
    let eye = stranger(&directory.file());
    assert_eq!(eye.query_row("SELECT count(*) FROM family", [], |row| row.get::<_, i64>(0)).unwrap(), 1);

    assert!((0..2).all(|process| calls.iter().any(|call| call.process == process)), "both processes called");
    let overlapping = calls.iter().filter(|call| calls.iter().any(|other| call.overlaps(other))).count();
    let first = won.iter().filter(|call| call.process == 0).count();
    // Past the harness, which keeps what a test prints to itself.
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "rotate by two processes: {overlapping} of {} calls overlapped one of the other process ({} %); {first} of \
         {ROUNDS} rounds were won by the first",
        calls.len(),
        overlapping * 100 / calls.len()
    )
    .unwrap();
}

/// The access token of a family's generation.
const fn token_number(number: u64, generation: u64) -> u64 {
    (number << 32) + generation
}

/// Rotates a family on each thread, and says every rotation that was acknowledged.
fn rotate_for_ever(store: &SqliteStore) {
    on_threads(|number| {
        let mut held = state(store, number);
        for generation in held.generation + 1.. {
            let successor = refresh_digest(number, generation);
            let rotate = rotation(number, &held, successor, token_number(number, generation));
            assert_eq!(block_on(store.rotate(rotate)).unwrap(), Refreshed::Done);
            say(format_args!("{number} {generation}"));
            held = RefreshState { generation, current_digest: successor, ..held };
        }
    });
}

#[test]
fn acknowledged_rotations_survive_a_killed_process_and_none_is_half_done() {
    const CYCLES: u64 = 20;
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    (0..THREADS).for_each(|number| begin(&store, number));
    block_on(store.close());
    let mut acknowledged = [0; THREADS as usize];
    let hear = |acknowledged: &mut [u64], said: &str| {
        let (number, generation) = said.split_once(' ').unwrap();
        acknowledged[number.parse::<usize>().unwrap()] = generation.parse().unwrap();
    };
    let mut unheard = 0;
    for cycle in 0..CYCLES {
        let mut other = Other::new("rotate for ever", &directory.file(), 0);
        other.go();
        // A different number of acknowledgements each time, so that the kill falls into different steps.
        for _ in 0..5 + cycle * 7 {
            hear(&mut acknowledged, &other.next().expect("the child writes for ever"));
        }
        other.process.kill().unwrap();
        other.process.wait().unwrap();
        // What it said before it died was acknowledged too.
        while let Some(said) = other.next() {
            hear(&mut acknowledged, &said);
        }

        let store = SqliteStore::open(directory.file()).unwrap();
        for number in 0..THREADS {
            let heard = &mut acknowledged[number as usize];
            let state = state(&store, number);
            let generation = state.generation;
            assert!([*heard, *heard + 1].contains(&generation), "{generation} after {heard} were acknowledged");
            unheard += generation - std::mem::replace(heard, generation);
            assert_eq!(state.current_digest, refresh_digest(number, generation));
            if generation > 0 {
                assert_eq!(state.previous_digest, Some(refresh_digest(number, generation - 1)));
                assert_eq!(state.salt, Some(salt(generation)));
            }
            let is_stored = |generation| {
                block_on(store.find_access_token(&digest(token_number(number, generation)))).unwrap().is_some()
            };
            assert!((1..=generation).all(is_stored), "each rotation brought its token");
            assert!(!is_stored(generation + 1), "a token without its rotation");
        }
        block_on(store.close());
    }
    let eye = stranger(&directory.file());
    assert_eq!(eye.query_row("SELECT count(*) FROM family", [], |row| row.get::<_, i64>(0)).unwrap(), THREADS as i64);
    assert_eq!(eye.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap(), "ok");
    let mut out = std::io::stdout().lock();
    writeln!(out, "{CYCLES} kills: {unheard} rotations were stored before anybody heard of them").unwrap();
}

#[test]
fn a_file_does_not_grow_by_rotations() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    begin(&store, 1);
    let eye = stranger(&directory.file());
    let number = |sql: &str| eye.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let before = number("PRAGMA page_count");
    for generation in 1..=1000 {
        let held = RefreshState { current_digest: refresh_digest(1, generation - 1), ..state(&store, 1) };
        let rotate = Rotate { access_token: None, ..rotation(1, &held, refresh_digest(1, generation), 0) };
        assert_eq!(block_on(store.rotate(rotate)).unwrap(), Refreshed::Done);
    }
    assert_eq!(number("SELECT count(*) FROM family"), 1);
    assert_eq!(number("PRAGMA page_count"), before);
}
