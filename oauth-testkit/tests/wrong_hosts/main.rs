//! The contract of a host's pages catches hosts that break it: each wrong host here is caught by the clause that it is
//! named with, and the sound one by none.

mod host;

use std::panic::{AssertUnwindSafe, catch_unwind};

use oauth_testkit::InteractionHost;
use oauth_testkit::interaction::clauses;

use crate::host::{Fault, start};

fn sound() -> InteractionHost {
    start(Fault::None)
}

mod sound_host {
    oauth_testkit::interaction_contract!(crate::sound);
}

#[test]
fn each_wrong_host_is_caught() {
    for (fault, clause) in [
        (Fault::SubjectFromForm, clauses::a_user_switched_in_another_tab_is_asked_anew as fn(&InteractionHost)),
        (Fault::SubjectFromForm, clauses::another_user_does_not_decide_what_was_shown_to_the_first),
        (Fault::ConstantBrowser, clauses::another_browser_neither_sees_nor_decides),
        (Fault::NoFramingHeaders, clauses::no_page_can_be_framed_or_leaks_its_address),
        (Fault::FreshConsentToken, clauses::without_the_consent_token_nothing_is_decided),
        (Fault::FreshConsentToken, clauses::a_user_switched_in_another_tab_is_asked_anew),
        (Fault::FreshConsentToken, clauses::a_consent_token_of_another_tab_decides_nothing_here),
        (Fault::SessionStays, clauses::whoever_knew_the_session_before_the_login_is_not_signed_in_by_it),
        (Fault::DecidesOnGet, clauses::neither_get_nor_head_decides),
        (Fault::BeginsAgain, clauses::a_decision_counts_once),
        (Fault::BeginsAgain, clauses::approving_after_a_denial_gives_no_code),
        (Fault::BeginsAgain, clauses::of_two_tabs_that_submit_at_once_one_gets_a_code),
        (Fault::BeginsAgain, clauses::the_back_button_leads_to_no_second_decision),
        (Fault::DenialIsNotTold, clauses::a_user_who_denies_sends_access_denied_to_the_client),
        (Fault::PassesTheFormOn, clauses::a_user_who_signs_in_and_agrees_sends_a_code_to_the_client),
    ] {
        let host = start(fault);
        assert!(catch_unwind(AssertUnwindSafe(|| clause(&host))).is_err(), "{fault:?} goes unseen");
    }
}
