//! The model catches a fault with a history that a person can read.

use std::panic::{AssertUnwindSafe, catch_unwind};

use oauth_testkit::clauses;

use crate::faulty;
use crate::faulty::Fault;

/// What the model says of a store with this fault.
fn verdict(fault: Fault) -> String {
    let clause = clauses::model_and_store_answer_every_history_alike;
    let panic = catch_unwind(AssertUnwindSafe(|| clause(&faulty(fault)))).expect_err("the model must catch it");
    panic.downcast_ref::<String>().expect("a message").clone()
}

#[test]
fn a_fault_shrinks_to_a_handful_of_calls() {
    for fault in [
        Fault::ClaimIgnored,
        Fault::CutoffExcludesItsTime,
        Fault::FamilyOutlivesItsEnd,
        Fault::LimitIgnored,
        Fault::PurgeTooWide,
        Fault::RefreshIgnoresCurrent,
        Fault::RefreshIgnoresCutoff,
        Fault::RefreshIgnoresRevocation,
        Fault::RefreshStoresTokenFirst,
        Fault::RetryPassesLimit,
        Fault::TransitionStepByStep,
        Fault::WindowSlides,
    ] {
        let verdict = verdict(fault);
        println!("{fault:?}\n{verdict}\n");
        let calls = verdict.lines().take_while(|line| line.starts_with("  ")).count();
        assert!((1..=6).contains(&calls), "{fault:?}: {verdict}");
    }
}
