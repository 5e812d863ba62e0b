//! Races of two operating-system processes on one database.
//!
//! A race is one thing that only one caller may have (a refresh token, a claim, the promotion of a key), or one that a
//! caller uses while another takes it back. Two processes *look* at it, as a server loads its facts; when both have
//! said that they found it usable they are let go, and both *act* on it with one call of the store. Then the test's own
//! process asks the store what is there: if it is not what one caller alone or one after the other can have left, the
//! race is lost. 64 races run at a time.
//!
//! **What counts.** A race counts only if both were past their look before the first of them acted: the order in which
//! the parent heard and sent the messages proves it, no clock is asked. Races go on until enough have counted, and a
//! share of less than 90 % fails. How often the two calls were also under way at the same moment is shown beside it.
//!
//! **That it can fail.** Of each kind there is a careless way to act (look again, then write without a condition: what
//! a store does that reads in one statement and writes in the next). It must lose. And racers that run one after the
//! other must not count.
//!
//! ```no_run
//! # struct MyDatabase;
//! # impl oauth_testkit::Arena for MyDatabase {
//! #     type Store = oauth_store_memory::MemoryStore;
//! #     fn create() -> Option<Self> { None }
//! #     fn place(&self) -> String { String::new() }
//! #     fn open(_: &str) -> Self::Store { oauth_store_memory::MemoryStore::new() }
//! # }
//! // tests/races.rs, with `harness = false` in Cargo.toml: `cargo test --test races -- --races 100000`
//! fn main() -> std::process::ExitCode {
//!     oauth_testkit::races::main::<MyDatabase>()
//! }
//! ```

mod codes;
mod course;
mod grants;
mod keys;
mod raced;
mod racer;
mod refresh;
mod revocation;
mod tally;

use std::process::ExitCode;

use async_trait::async_trait;
use oauth_core::store::StoreError;

use self::course::{Course, Order};
use self::racer::Manner;
use crate::Arena;
use crate::arena::Node;
use crate::process;
use crate::suite::{self, Arguments, Check};

/// How many races of each kind must count, if the option `--races` says nothing else.
pub const RACES: u64 = 2_000;
/// Of how many races the careless way must lose at least one.
const CARELESS_RACES: u64 = 2_000;

/// One kind of race. Its names, for the command line and the tally, are the words of the protocol.
#[async_trait]
trait Kind: Sync {
    fn name(&self) -> &'static str;

    /// Stores what a race is about.
    async fn prepare(&self, node: &Node, race: u64) -> Result<(), StoreError>;

    /// Reads what a caller must know before it acts; whether it may.
    async fn look(&self, node: &Node, racer: Racer) -> Result<bool, StoreError>;

    /// One call of the store. 0 when it lawfully did nothing; otherwise 1, or what it counted.
    async fn act(&self, node: &Node, racer: Racer) -> Result<u32, StoreError>;

    /// The same as a store would do it that looks first and writes then.
    async fn act_carelessly(&self, node: &Node, racer: Racer) -> Result<u32, StoreError>;

    /// Compares what is stored with what the racers were answered.
    async fn judge(&self, node: &Node, race: u64, answers: [u32; 2], wrong: &mut Wrong) -> Result<(), StoreError>;
}

/// One caller of one race.
#[derive(Debug, Clone, Copy)]
struct Racer {
    /// Unlike that of any other race on the same database.
    race: u64,
    /// Which of the two processes: 0 or 1.
    process: u64,
}

impl Racer {
    /// Both callers of a race.
    fn both(race: u64) -> [Self; 2] {
        [0, 1].map(|process| Self { race, process })
    }

    /// A number that no other racer has.
    const fn number(self) -> u64 {
        (self.race << 1) + self.process
    }

    /// Whether it is the one who takes back what the other uses; the processes take turns.
    const fn takes_back(self) -> bool {
        (self.race + self.process).is_multiple_of(2)
    }
}

/// Of the answers, that of the caller who used and that of the one who took back.
const fn used_and_taken_back(race: u64, answers: [u32; 2]) -> (Racer, u32, u32) {
    let [first, second] = answers;
    let user = Racer { race, process: 0 };
    if user.takes_back() { (Racer { race, process: 1 }, second, first) } else { (user, first, second) }
}

/// What is wrong with the outcome of one race, in words.
#[derive(Debug, Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn unless(&mut self, holds: bool, what: &str) {
        if !holds {
            self.0.push(what.to_owned());
        }
    }
}

fn kinds() -> Vec<&'static dyn Kind> {
    vec![
        &codes::CodeRedemption,
        &refresh::Refresh,
        &grants::ReplayIds,
        &codes::RedeemAndRevoke,
        &refresh::RotateAndRevoke,
        &revocation::StartAndRevokeSubject,
        &keys::KeyPromotion,
        &codes::Decision,
        &revocation::InsertAndRevoke,
        &refresh::RetryAtTheLimit,
        &grants::Strikes,
        &grants::Registration,
    ]
}

/// Runs the races of every kind; to be the whole `main` of a test target with `harness = false`.
pub fn main<A: Arena>() -> ExitCode {
    if let Some((_, place)) = process::role() {
        racer::serve(&Node::open::<A>(&place));
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::read("--races", RACES);
    let kinds = kinds();
    let mut checks = Vec::new();
    for kind in &kinds {
        checks.push(Check::new(kind.name(), || race::<A>(*kind, arguments.size)));
    }
    for kind in &kinds {
        let name = format!("a store that looks first loses {}", kind.name());
        checks.push(Check::new(&name, || lose::<A>(*kind)));
    }
    checks.push(Check::new("racers in turn do not count", take_turns::<A>));
    suite::run(&arguments, checks)
}

fn race<A: Arena>(kind: &dyn Kind, races: u64) {
    let Some(arena) = A::create() else { return };
    let mut course = Course::start(&arena, kind, Manner::Careful);
    while course.tally.is_worth_going_on(races) {
        course.round(Order::Together);
    }
    println!("{}", course.tally);
    if let Err(why) = course.tally.verdict(races) {
        panic!("{why}");
    }
}

fn lose<A: Arena>(kind: &dyn Kind) {
    let Some(arena) = A::create() else { return };
    let mut course = Course::start(&arena, kind, Manner::Careless);
    while course.tally.losses == 0 && course.tally.races < CARELESS_RACES {
        course.round(Order::Together);
    }
    println!("planted: {}", course.tally);
    let verdict = course.tally.verdict(course.tally.races);
    assert!(verdict.is_err(), "no race of {} was lost: the harness does not see it", course.tally.races);
}

fn take_turns<A: Arena>() {
    let Some(arena) = A::create() else { return };
    let mut course = Course::start(&arena, &refresh::Refresh, Manner::Careful);
    for _ in 0..4 {
        course.round(Order::InTurn);
    }
    println!("planted: {}", course.tally);
    assert_eq!((course.tally.counted, course.tally.losses), (0, 0), "only the first is past its look in time");
    assert!(course.tally.verdict(course.tally.races).is_err(), "a share of nothing fails");
}

#[cfg(test)]
mod tests {
    use oauth_store_memory::MemoryStore;

    use super::*;
    use crate::block_on;

    /// What the judge of a kind says to a race in one process, with the answers as they were or turned round.
    fn judged(kind: &dyn Kind, race: u64, turn: bool) -> Vec<String> {
        let node = Node::of(MemoryStore::new());
        block_on(async {
            kind.prepare(&node, race).await.unwrap();
            let mut answers = [0; 2];
            for racer in Racer::both(race) {
                assert!(kind.look(&node, racer).await.unwrap(), "{}", kind.name());
            }
            for racer in Racer::both(race) {
                answers[racer.process as usize] = kind.act(&node, racer).await.unwrap();
            }
            let mut wrong = Wrong::default();
            let answers = if turn { answers.map(|answer| answer ^ 1) } else { answers };
            kind.judge(&node, race, answers, &mut wrong).await.unwrap();
            wrong.0
        })
    }

    #[test]
    fn a_sound_store_loses_nothing_and_a_wrong_answer_is_seen() {
        for kind in kinds() {
            for race in 0..4 {
                assert_eq!(judged(kind, race, false), Vec::<String>::new(), "{} {race}", kind.name());
                assert!(!judged(kind, race, true).is_empty(), "{} {race}", kind.name());
            }
        }
    }

    #[test]
    fn each_process_is_now_the_user_and_now_the_one_who_takes_back() {
        for race in 0..4 {
            let [first, second] = Racer::both(race).map(Racer::takes_back);
            assert_ne!(first, second);
            let (user, used, taken_back) = used_and_taken_back(race, [10, 11]);
            assert_eq!((u64::from(used), user.takes_back()), (10 + user.process, false));
            assert_eq!(used + taken_back, 21);
        }
    }
}
