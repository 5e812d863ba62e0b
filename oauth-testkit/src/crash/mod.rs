//! Processes that die by SIGKILL in the middle of their work, and what their database says afterwards.
//!
//! In each cycle a *victim* process works on four lanes at a time: it starts families, rotates, retries, stores and
//! takes back tokens, has requests decided, redeems codes, promotes keys, all with records of their own. It says each operation
//! when it begins and again with its answer; the parent writes that down and kills it. Then the database is opened
//! again and compared with what the memory store says to the same operations:
//!
//! - *nothing acknowledged is lost*: each answer is the oracle's, and each row is as if all that was answered happened;
//! - *nothing is half-done*: an operation that was not answered happened whole or not at all (a rotation with its
//!   access token, a promotion with its demotion);
//! - *nothing is spent twice*: what was used is tried again, and answered as the oracle does.
//!
//! All rows of all cycles are compared once more at the end.
//!
//! Victims die at random instants; at named points (before a call, while it is under way, after it and before its
//! answer is told); at the n-th write to the disk and the whole server with them, where [`Arena`] says how.
//!
//! **That it can fail.** A victim that answers before the store did, and one that rotates in two steps, must be found.
//!
//! ```no_run
//! # struct MyDatabase;
//! # impl oauth_testkit::Arena for MyDatabase {
//! #     type Store = oauth_store_memory::MemoryStore;
//! #     fn create() -> Option<Self> { None }
//! #     fn place(&self) -> String { String::new() }
//! #     fn open(_: &str) -> Self::Store { oauth_store_memory::MemoryStore::new() }
//! # }
//! // tests/crash.rs, with `harness = false` in Cargo.toml: `cargo test --test crash -- --cycles 10000`
//! fn main() -> std::process::ExitCode {
//!     oauth_testkit::crash::main::<MyDatabase>()
//! }
//! ```

mod cycle;
mod lane;
mod log;
mod operation;
mod rows;
mod tally;
mod victim;

use std::process::ExitCode;

use self::cycle::Run;
use self::victim::Manner;
use crate::suite::{self, Arguments, Check};
use crate::{Arena, process};

/// How many processes die, if the option `--cycles` says nothing else.
pub const CYCLES: u64 = 300;
/// Within how many cycles a planted fault must be found.
const PLANTED_CYCLES: u64 = 300;

/// Kills processes and judges what they leave; to be the whole `main` of a test target with `harness = false`.
pub fn main<A: Arena>() -> ExitCode {
    if let Some((_, place)) = process::role() {
        victim::work::<A>(&place);
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::read("--cycles", CYCLES);
    let cycles = arguments.size;
    let checks = vec![
        Check::new("what was acknowledged survives and nothing is half done or done twice", || survive::<A>(cycles)),
        Check::new("an answer before its commit is found", || find::<A>(Manner::AnswersEarly)),
        Check::new("a rotation in two steps is found", || find::<A>(Manner::InTwoSteps)),
    ];
    suite::run(&arguments, checks)
}

fn survive<A: Arena>(cycles: u64) {
    let Some(arena) = A::create() else { return };
    let mut run = Run::start(&arena, Manner::Sound);
    for _ in 0..cycles {
        run.cycle();
    }
    run.sweep();
    println!("{}", run.tally);
    if let Some(first) = &run.tally.first_loss {
        panic!("{} losses; the first one: {first}", run.tally.losses);
    }
    assert!(run.tally.acknowledged > cycles && run.tally.in_doubt > 0, "nothing was tried: {}", run.tally);
}

fn find<A: Arena>(fault: Manner) {
    let Some(arena) = A::create() else { return };
    let mut run = Run::start(&arena, fault);
    while run.tally.losses == 0 && run.tally.cycles < PLANTED_CYCLES {
        run.cycle();
    }
    println!("planted {fault:?}: {}", run.tally);
    assert!(run.tally.losses > 0, "{fault:?} was not found in {PLANTED_CYCLES} cycles");
}
