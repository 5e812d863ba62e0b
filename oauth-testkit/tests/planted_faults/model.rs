//! The model catches a fault with a history that a person can read.

use std::panic::{AssertUnwindSafe, catch_unwind};

use oauth_testkit::{Fixture, clauses, differential};

use crate::faulty::Fault;
use crate::{faulty, sound};

/// What is said of a fault, in a few tries: the histories are random.
fn verdict(fault: Fault, judge: impl Fn(&Fixture)) -> String {
    let attempt = || catch_unwind(AssertUnwindSafe(|| judge(&faulty(fault)))).err();
    let panic = (0..4).find_map(|_| attempt()).unwrap_or_else(|| panic!("{fault:?} is not caught"));
    panic.downcast_ref::<String>().expect("a message").clone()
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
        assert!((1..=7).contains(&calls(&verdict)), "{fault:?}: {verdict}");
    }
}

#[test]
fn two_stores_that_differ_are_told_by_a_handful_of_calls() {
    differential(&sound(), &sound());
    let verdict = verdict(Fault::RefreshIgnoresCutoff, |f| differential(&sound(), f));
    assert!((1..=7).contains(&calls(&verdict)), "{verdict}");
}
