//! The model catches a fault with a history that a person can read.

use std::panic::{AssertUnwindSafe, catch_unwind};

use oauth_testkit::{Fixture, clauses, differential};

use crate::faulty::Fault;
use crate::{faulty, sound};

/// The most calls that a person takes in at once.
const HANDFUL: usize = 7;

/// What is said of a fault, in a handful of calls in one of a few tries: the histories are random.
fn verdict(fault: Fault, judge: impl Fn(&Fixture)) -> String {
    let attempt = || catch_unwind(AssertUnwindSafe(|| judge(&faulty(fault)))).err();
    let panics = (0..4).filter_map(|_| attempt()).map(|panic| panic.downcast_ref::<String>().expect("text").clone());
    let mut long = Vec::new();
    for verdict in panics {
        if (1..=HANDFUL).contains(&calls(&verdict)) {
            return verdict;
        }
        long.push(verdict);
    }
    panic!("{fault:?} is not caught, or at length:\n{}", long.join("\n"))
}

/// The calls that the verdict tells, the one that was answered wrongly among them.
fn calls(verdict: &str) -> usize {
    verdict.lines().take_while(|line| line.starts_with("  ")).count()
}

/// Faults that one call after another shows; the rest of the table needs races, odd identifiers or other sizes.
const SHOWN_BY_A_FEW_CALLS: [Fault; 24] = [
    Fault::ClaimIgnored,
    Fault::ClaimStaysAfterFailure,
    Fault::ConsentsStay,
    Fault::ConsumedIsRevoked,
    Fault::CutoffExcludesItsTime,
    Fault::CutoffMovesBack,
    Fault::DecidedTwice,
    Fault::DecisionIgnoresCutoff,
    Fault::DecisionMarksFirst,
    Fault::FamilyOutlivesItsEnd,
    Fault::FirstConsentStays,
    Fault::InsertIgnoresFamily,
    Fault::LimitIgnored,
    Fault::LimitsCountDecided,
    Fault::PurgeForgetsRedeemed,
    Fault::PurgeTooWide,
    Fault::RedeemBurnsFirst,
    Fault::RedeemIgnoresCutoff,
    Fault::RedeemedTwice,
    Fault::RefreshIgnoresCurrent,
    Fault::RefreshIgnoresCutoff,
    Fault::RefreshIgnoresRevocation,
    Fault::RefreshStoresTokenFirst,
    Fault::WindowSlides,
];

/// `cargo test -p oauth-testkit --test planted_faults a_fault_shrinks -- --nocapture` shows the histories.
#[test]
fn a_fault_shrinks_to_a_handful_of_calls() {
    for fault in SHOWN_BY_A_FEW_CALLS {
        let verdict = verdict(fault, clauses::model_and_store_answer_every_history_alike);
        println!("{fault:?}\n{verdict}\n");
    }
}

#[test]
fn two_stores_that_differ_are_told_by_a_handful_of_calls() {
    differential(&sound(), &sound());
    let _ = verdict(Fault::RefreshIgnoresCutoff, |f| differential(&sound(), f));
}
