//! Random histories: what a store answers is judged call by call by a model that can be read beside the contract.
//!
//! A history is a list of calls of every method of every trait, by two tenants, over a handful of families, tokens,
//! subjects, clients, keys and times, so that they meet; its clock goes back as often as forward. The model
//! ([`reference`]) is written from the contract's text. Every answer is compared, and every few calls, and at the end,
//! all that can be read back. What fails is shrunk and told in one line for each call.

mod call;
mod generate;
mod operation;
mod reference;

use std::fmt::{self, Write as _};

use oauth_core::store::{FamilyRecord, FoundFamily, User};
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use self::call::{Answer, Names};
use self::operation::Operation;
use self::reference::Reference;
use crate::samples;
use crate::{Fixture, TenantStore};

/// How many histories are tried, unless the variable `PROPTEST_CASES` says how many.
const HISTORIES: u32 = 256;
/// After how many calls everything is read back.
const READ_BACK: usize = 10;

/// One operation, by one of two tenants.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) other: bool,
    pub(crate) operation: Operation,
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenant = if self.other { "the other tenant: " } else { "" };
        write!(f, "{tenant}{}", self.operation)
    }
}

/// Runs random histories against the store; panics with the shortest one that was found to break the contract.
pub(crate) fn judge(f: &Fixture) {
    for_all_histories(|orders| Run::new(&[f]).play(orders));
}

/// Runs the same random histories on two stores, which must answer alike; panics with the shortest one on which they do
/// not.
///
/// Two things that the contract leaves open are not compared: how many rows a purge counts, and whether the revocation
/// of a family is a sight of the clock.
///
/// # Panics
/// When the stores differ, or one of them does not answer as the model of the contract does.
pub fn differential(one: &Fixture, two: &Fixture) {
    for_all_histories(|orders| Run::new(&[one, two]).play(orders));
}

fn for_all_histories(check: impl Fn(&[Order]) -> Result<(), String>) {
    let config = Config { failure_persistence: None, max_shrink_iters: 4096, ..Config::default() };
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { config.cases } else { HISTORIES };
    let outcome = TestRunner::new(Config { cases, ..config })
        .run(&generate::history(), |orders| check(&orders).map_err(TestCaseError::fail));
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(told, orders)) => {
            panic!("{}", without_idle_calls(orders, told.message().to_owned(), check))
        }
        Err(aborted) => panic!("{aborted}"),
    }
}

/// What is told of the history without the calls that it fails without: shrinking makes some idle that were not.
fn without_idle_calls(
    mut orders: Vec<Order>,
    mut told: String,
    check: impl Fn(&[Order]) -> Result<(), String>,
) -> String {
    let mut place = 0;
    while place < orders.len() {
        let mut fewer = orders.clone();
        fewer.remove(place);
        if let Err(why) = check(&fewer) {
            (orders, told, place) = (fewer, why, 0);
        } else {
            place += 1;
        }
    }
    told
}

/// One history on its way through one store or several.
struct Run<'a> {
    names: Names,
    stores: Vec<[(&'a TenantStore, Reference); 2]>,
    log: String,
}

impl<'a> Run<'a> {
    fn new(fixtures: &[&'a Fixture]) -> Self {
        let names = Names::next();
        let begin = |store: &'a TenantStore| {
            let _ = call::purge(store, names.at(0), 1000);
            let mut model = Reference::new(match names.call(&Operation::ReadMark).ask(store) {
                Answer::Mark(mark) => mark,
                other => panic!("the mark of the clock cannot be read: {other:?}"),
            });
            for user in 0..generate::SUBJECTS {
                let (login, subject) = (names.login(user), names.subject(user));
                let user = User { password: Some(names.hash(0)), ..samples::user(subject) };
                (store.add_user)(user.clone(), &[&login]);
                model.add_user(user, login);
            }
            (store, model)
        };
        let stores = fixtures.iter().map(|f| [begin(&f.store), begin(&f.other)]).collect();
        Self { names, stores, log: String::new() }
    }

    fn play(mut self, orders: &[Order]) -> Result<(), String> {
        for (number, order) in orders.iter().enumerate() {
            self.step(order)?;
            if (number + 1) % READ_BACK == 0 {
                self.read_back()?;
            }
        }
        self.read_back()
    }

    /// Makes one call everywhere.
    fn step(&mut self, order: &Order) -> Result<(), String> {
        let call = self.names.call(&order.operation);
        let mut answers: Vec<Answer> = Vec::new();
        for tenants in &mut self.stores {
            let (store, model) = &mut tenants[usize::from(order.other)];
            let told = call.clone().ask(store);
            let lawful = model.judge(call.clone(), &told);
            if told != lawful {
                return Err(format!("{}  {order:?}\nis answered\n  {told:?}\nand should be\n  {lawful:?}", self.log));
            }
            answers.push(blur(told));
        }
        if let [one, two] = answers.as_slice()
            && one != two
        {
            return Err(format!(
                "{}  {order:?}\nis answered\n  {one:?}\nby one store, by the other\n  {two:?}",
                self.log
            ));
        }
        if !order.operation.is_read() {
            let _ = writeln!(self.log, "  {order:?}");
        }
        Ok(())
    }

    fn read_back(&mut self) -> Result<(), String> {
        for operation in generate::reads() {
            for other in [false, true] {
                self.step(&Order { other, operation: operation.clone() })?;
            }
        }
        Ok(())
    }
}

/// The answer without what the contract leaves to each store.
fn blur(answer: Answer) -> Answer {
    let unseen = |family: FamilyRecord| match family.revoked {
        Some((at, _)) => FamilyRecord { seen_at: at, ..family },
        None => family,
    };
    match answer {
        Answer::Purged(_) => Answer::Purged(0),
        Answer::Family(family) => Answer::Family(family.map(unseen)),
        Answer::FamilyFound(found) => {
            Answer::FamilyFound(found.map(|found| FoundFamily { family: unseen(found.family), ..found }))
        }
        other => other,
    }
}
