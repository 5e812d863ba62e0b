//! The contract catches stores that break it: each fault planted here is caught by the clause that it is named with.

mod claims_and_strikes;
mod faulty;
mod grants;
mod lost_members;
mod model;
mod refresh;
mod spoiled_members;
mod visits;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use oauth_core::types::Tenant;
use oauth_store_memory::MemoryStore;
use oauth_testkit::{Fixture, clauses};

use crate::faulty::{Fault, Faulty, Losses};
use crate::refresh::Spoils;

fn tenants() -> (MemoryStore, MemoryStore) {
    let store = MemoryStore::new();
    let other = store.for_tenant(Tenant::parse("other").unwrap());
    (store, other)
}

fn sound() -> Fixture {
    let (store, other) = tenants();
    Fixture::new(Arc::new(store), Arc::new(other), |store, user, logins| {
        let _ = store.insert_user(user, logins.iter().copied()).unwrap();
    })
}

fn faulty(fault: Fault) -> Fixture {
    let (store, other) = tenants();
    fixture(Faulty::new(store, fault), Faulty::new(other, fault))
}

fn forgetful(losses: Losses) -> Fixture {
    let (store, other) = tenants();
    fixture(Faulty::forgetful(store, losses), Faulty::forgetful(other, losses))
}

fn spoiling(spoils: Spoils) -> Fixture {
    let (store, other) = tenants();
    fixture(Faulty::spoiling(store, spoils), Faulty::spoiling(other, spoils))
}

fn fixture(store: Faulty, other: Faulty) -> Fixture {
    Fixture::new(Arc::new(store), Arc::new(other), |store, mut user, logins| {
        (store.losses.user)(&mut user);
        let _ = store.inner.insert_user(user, logins.iter().copied()).unwrap();
    })
}

fn catches(clause: fn(&Fixture), fixture: &Fixture) -> bool {
    catch_unwind(AssertUnwindSafe(|| clause(fixture))).is_err()
}

/// One test for each line: the clause passes a sound store and catches the faulty one.
macro_rules! planted {
    ($($clause:ident catches $fault:ident)*) => {
        $(mod $clause {
            #[test]
            fn catches_its_fault() {
                let clause = oauth_testkit::clauses::$clause;
                clause(&crate::sound());
                assert!(crate::catches(clause, &crate::faulty(crate::Fault::$fault)), stringify!($fault));
            }
        })*
    };
}

planted! {
    a_client_id_is_registered_once catches RegisterOverwrites
    an_update_needs_the_expected_version catches UpdateIgnoresVersion
    pages_list_every_client_once_in_byte_order catches PageBeginsWithAfter
    a_deregistered_client_is_gone catches DeregisterOnlySaysSo
    client_ids_match_byte_for_byte catches CaseIgnored
    of_many_registrations_of_one_client_id_one_wins catches LooksBeforeItWrites
    of_many_updates_of_one_version_one_wins catches LooksBeforeItWrites

    a_login_is_not_a_pattern catches LoginIsPattern
    subjects_match_byte_for_byte catches CaseIgnored
    a_rehash_needs_the_old_hash catches RehashIgnoresOld
    of_many_rehashes_one_wins catches LooksBeforeItWrites

    keys_load_oldest_announcement_first catches KeysInOrderOfTheirIds
    a_key_id_is_used_once_per_issuer catches KeyIdTakenTwice
    one_key_of_each_use_is_active catches SecondActiveKey
    a_transition_happens_whole_or_not_at_all catches TransitionStepByStep
    issuers_and_key_ids_match_byte_for_byte catches CaseIgnored
    of_many_active_keys_one_is_inserted catches LooksBeforeItWrites
    of_many_transitions_of_one_key_one_applies catches LooksBeforeItWrites

    a_request_is_found_by_its_handle_only catches BeginOverwrites
    a_request_is_decided_once catches DecidedTwice
    of_many_decisions_of_one_request_one_wins catches LooksBeforeItWrites
    a_decision_needs_a_live_request catches DecisionIgnoresEnd
    a_decision_happens_whole_or_not_at_all catches DecisionMarksFirst
    a_cutoff_shows_in_the_standing_of_a_request catches RequestStandingIsLive
    the_limits_count_open_requests_only catches LimitsCountDecided
    the_limits_of_clients_do_not_mix catches CaseIgnored

    a_code_is_found_by_its_digest_only catches TakenCodeIsFine
    a_code_that_a_cutoff_covers_is_not_issued catches IssueIgnoresCutoff
    a_code_is_redeemed_once catches RedeemedTwice
    of_many_redemptions_of_one_code_one_wins catches LooksBeforeItWrites
    a_redemption_needs_a_live_code catches RedeemIgnoresEnd
    a_redemption_happens_whole_or_not_at_all catches RedeemBurnsFirst
    a_redemption_makes_room catches RedeemIgnoresLimit
    a_replay_finds_the_family_until_its_absolute_end catches PurgeForgetsRedeemed
    no_redemption_outlives_a_cutoff catches LooksBeforeItRedeems

    a_consent_is_remembered_for_one_use_only catches ConsentsOfEveryUse
    a_later_consent_replaces_the_earlier_one catches FirstConsentStays
    a_cutoff_withdraws_consent_codes_and_families catches ConsentsStay
    cutoffs_of_grants_match_byte_for_byte catches GrantCutoffTakesAll
    a_list_of_grants_comes_in_pages catches ListForgetsOrder
    a_list_of_grants_has_what_is_live_only catches ListShowsTheDead

    a_family_starts_with_its_first_token catches FirstTokenForgotten
    a_family_that_a_cutoff_covers_does_not_start catches CutoffExcludesItsTime
    a_start_with_a_taken_id_or_digest_changes_nothing catches StartInTwoSteps
    a_start_with_a_taken_handle_changes_nothing catches HandleTakenTwice
    above_the_live_limit_the_oldest_families_end catches LimitWithoutReason
    the_first_reason_of_a_revocation_stays catches SecondReasonWins
    revoking_a_family_revokes_its_tokens catches FindIgnoresFamily

    a_family_is_found_by_its_handle_only catches HandleByPrefix
    a_family_that_was_cut_off_is_found_as_revoked catches FoundByHandleIsLive
    a_rotation_needs_the_current_token catches RefreshIgnoresCurrent
    a_retry_needs_the_current_token catches RefreshIgnoresCurrent
    an_extension_needs_the_current_token catches RefreshIgnoresCurrent
    a_rotation_needs_a_live_family catches RefreshIgnoresRevocation
    a_retry_needs_a_live_family catches RefreshIgnoresCutoff
    an_extension_needs_a_live_family catches RefreshIgnoresEnd
    a_rotation_stores_its_token_with_it_or_not_at_all catches RefreshStoresTokenAfter
    a_retry_stores_its_token_with_it_or_not_at_all catches RefreshStoresTokenAfter
    an_extension_stores_its_token_with_it_or_not_at_all catches RefreshStoresTokenAfter

    retries_count_up_to_their_limit_and_no_further catches RetryIgnoresLimit
    a_retry_after_a_later_rotation_is_moved catches RefreshIgnoresCurrent
    a_thousand_rotations_leave_one_row catches RotationLeavesARow

    of_many_rotations_of_one_token_one_wins catches LooksBeforeItWrites
    siblings_that_retry_together_all_succeed catches RetryExcludesSiblings
    of_siblings_that_retry_together_as_many_succeed_as_the_limit_allows catches LooksBeforeItWrites
    no_rotation_outlives_the_revocation_of_its_family catches LooksBeforeItRefreshes
    no_retry_outlives_the_revocation_of_its_family catches LooksBeforeItRefreshes
    no_rotation_outlives_a_cutoff catches LooksBeforeItRefreshes
    no_retry_outlives_a_cutoff catches LooksBeforeItRefreshes

    a_claim_is_made_once catches ClaimIgnored
    of_many_starts_for_one_claim_one_leaves_a_family catches LooksBeforeItWrites
    a_start_that_did_not_happen_leaves_its_claim_free catches ClaimStaysAfterFailure

    strikes_are_counted_one_by_one catches StrikesEndAtTen
    of_many_strikes_at_once_all_are_counted catches StrikesLost
    a_window_begins_at_the_end_of_the_last_one_and_not_before catches WindowSlides
    clearing_forgets_every_strike_against_an_account catches ClearForgetsNothing
    strikes_of_accounts_do_not_mix catches AccountsByTheirFirstHalf

    a_taken_token_digest_changes_nothing catches TakenDigestIsFine
    a_token_needs_a_live_family catches InsertIgnoresFamily
    a_token_that_a_cutoff_covers_is_not_stored catches CutoffExcludesItsTime
    a_family_that_was_cut_off_gives_no_more_tokens catches InsertIgnoresFamily
    a_revoked_token_stays_revoked catches OpaqueTokensStayLive
    a_revoked_token_takes_nothing_with_it catches TokenTakesItsFamily

    a_jwt_stands_while_its_family_does catches UnknownFamilyIsLive
    a_tombstone_takes_back_one_jwt catches CaseIgnored
    a_tombstone_is_kept_however_far_the_exp catches TombstoneEndsIn2106
    a_cutoff_ends_what_was_issued_at_or_before_it catches CutoffExcludesItsTime
    a_cutoff_only_moves_forward catches CutoffMovesBack
    cutoffs_match_byte_for_byte catches CaseIgnored

    of_many_revocations_of_one_family_one_wins catches LooksBeforeItWrites
    no_token_outlives_the_revocation_of_its_family catches LooksBeforeItInserts
    no_token_outlives_a_cutoff catches LooksBeforeItInserts
    the_live_limit_holds_when_many_start_at_once catches LimitIgnored
    the_live_limit_holds_each_time_some_start_at_once catches LooksBeforeItMakesRoom
    no_start_outlives_a_cutoff catches LooksBeforeItStarts
    what_ended_between_two_steps_stays_ended catches RefreshIgnoresCutoff
    of_many_starts_with_one_token_one_leaves_a_family catches StartsFamilyBeforeToken

    purge_works_in_bounded_batches catches PurgeIgnoresLimit
    purge_says_of_every_kind_whether_more_is_waiting catches PurgeForgetsWaitingStrikes
    no_kind_of_row_waits_for_the_backlog_of_another catches StrikesWaitForOthers
    purge_keeps_what_still_counts catches PurgeForgetsEndedFamilies
    purge_keeps_every_kind_until_its_own_end catches PurgeTooWide
    purge_goes_by_the_last_salt_and_the_last_window catches SaltGoesByItsFirstEnd
    the_clock_mark_only_rises catches ClockMarkFalls
    a_closed_store_is_unavailable catches CloseIsIgnored
    closing_one_tenant_leaves_the_others_open catches CloseReachesOtherTenants

    tenants_share_no_handles_strikes_or_claims catches HandlesOfEveryTenant
}

/// Faults of clauses that caught another one above.
#[test]
fn boundaries_and_kinds_are_caught_too() {
    for (fault, clause) in [
        (Fault::FamilyOutlivesItsEnd, clauses::a_token_needs_a_live_family as fn(&Fixture)),
        (Fault::CutoffKindsMixed, clauses::a_cutoff_ends_what_was_issued_at_or_before_it),
        (Fault::CutoffKindsMixed, clauses::a_token_that_a_cutoff_covers_is_not_stored),
        (Fault::FindIgnoresFamily, clauses::a_family_that_was_cut_off_gives_no_more_tokens),
        (Fault::LimitIgnored, clauses::above_the_live_limit_the_oldest_families_end),
        (Fault::PurgeTooWide, clauses::purge_keeps_what_still_counts),
        (Fault::PurgeTooWide, clauses::purge_works_in_bounded_batches),
        (Fault::ClaimsStay, clauses::purge_works_in_bounded_batches),
        (Fault::SaltsStay, clauses::purge_works_in_bounded_batches),
        (Fault::StrikesStay, clauses::purge_works_in_bounded_batches),
        (Fault::WindowGoesByItsFirstEnd, clauses::purge_goes_by_the_last_salt_and_the_last_window),
    ] {
        assert!(catches(clause, &faulty(fault)), "{fault:?}");
    }
}

/// The same of requests, codes and consent.
#[test]
fn finer_faults_of_requests_codes_and_consent_are_caught() {
    for (fault, clause) in [
        (Fault::DecisionForgetsWho, clauses::a_request_comes_back_as_it_was_given as fn(&Fixture)),
        (Fault::DecisionIgnoresCutoff, clauses::a_decision_needs_a_live_request),
        (Fault::LimitsCountExpired, clauses::the_limits_count_open_requests_only),
        (Fault::LimitsPassByOne, clauses::the_limits_count_open_requests_only),
        (Fault::CutoffExcludesItsTime, clauses::a_code_that_a_cutoff_covers_is_not_issued),
        (Fault::CutoffExcludesItsTime, clauses::a_redemption_needs_a_live_code),
        (Fault::CutoffExcludesItsTime, clauses::a_decision_needs_a_live_request),
        (Fault::RedeemIgnoresCutoff, clauses::a_redemption_needs_a_live_code),
        (Fault::RedeemIgnoresCutoff, clauses::what_ended_between_two_steps_stays_ended),
        (Fault::RedeemIgnoresFamily, clauses::a_redemption_needs_a_live_code),
        (Fault::ConsumedIsRevoked, clauses::a_replay_finds_the_family_until_its_absolute_end),
        (Fault::ConsumedIsRevoked, clauses::a_code_comes_back_as_it_was_given),
        (Fault::GrantCutoffTakesAll, clauses::a_cutoff_withdraws_consent_codes_and_families),
        (Fault::RefreshIgnoresRevocation, clauses::what_ended_between_two_steps_stays_ended),
        (Fault::InsertIgnoresFamily, clauses::what_ended_between_two_steps_stays_ended),
        (Fault::IssueIgnoresCutoff, clauses::what_ended_between_two_steps_stays_ended),
        (Fault::RequestsStay, clauses::purge_works_in_bounded_batches),
        (Fault::CodesStay, clauses::purge_works_in_bounded_batches),
        (Fault::ConsentsStay, clauses::purge_works_in_bounded_batches),
    ] {
        assert!(catches(clause, &faulty(fault)), "{fault:?}");
    }
}

/// The same of the use of refresh tokens: each of the three ways is asked for each of the faults.
#[test]
fn every_way_to_use_a_refresh_token_is_caught() {
    let needs_the_current_token: [fn(&Fixture); 3] = [
        clauses::a_rotation_needs_the_current_token,
        clauses::a_retry_needs_the_current_token,
        clauses::an_extension_needs_the_current_token,
    ];
    let needs_a_live_family: [fn(&Fixture); 3] = [
        clauses::a_rotation_needs_a_live_family,
        clauses::a_retry_needs_a_live_family,
        clauses::an_extension_needs_a_live_family,
    ];
    let stores_its_token: [fn(&Fixture); 3] = [
        clauses::a_rotation_stores_its_token_with_it_or_not_at_all,
        clauses::a_retry_stores_its_token_with_it_or_not_at_all,
        clauses::an_extension_stores_its_token_with_it_or_not_at_all,
    ];
    for (fault, three) in [
        (Fault::CutoffExcludesItsTime, needs_a_live_family),
        (Fault::CutoffKindsMixed, needs_a_live_family),
        (Fault::FamilyOutlivesItsEnd, needs_a_live_family),
        (Fault::RefreshForgetsToken, stores_its_token),
        (Fault::RefreshIgnoresCutoff, needs_a_live_family),
        (Fault::RefreshIgnoresEnd, needs_a_live_family),
        (Fault::RefreshIgnoresRevocation, needs_a_live_family),
        (Fault::RefreshStoresTokenFirst, needs_the_current_token),
    ] {
        for (way, clause) in three.into_iter().enumerate() {
            assert!(catches(clause, &faulty(fault)), "{fault:?}, way {way}");
        }
    }
}

/// The same of handles, retries, claims and strikes.
#[test]
fn finer_faults_of_handles_retries_claims_and_strikes_are_caught() {
    for (fault, clause) in [
        (Fault::CutoffExcludesItsTime, clauses::a_family_that_was_cut_off_is_found_as_revoked as fn(&Fixture)),
        (Fault::CutoffKindsMixed, clauses::a_family_that_was_cut_off_is_found_as_revoked),
        (Fault::FoundByHandleIsLive, clauses::a_family_is_found_by_its_handle_only),
        (Fault::RetryPassesLimit, clauses::retries_count_up_to_their_limit_and_no_further),
        (Fault::StartsFamilyBeforeClaim, clauses::a_claim_is_made_once),
        (Fault::ClearingKeepsTheWindow, clauses::clearing_forgets_every_strike_against_an_account),
        (Fault::WindowEndsLate, clauses::a_window_begins_at_the_end_of_the_last_one_and_not_before),
        (Fault::WindowIsOfTheLastLength, clauses::a_window_begins_at_the_end_of_the_last_one_and_not_before),
        (Fault::ClaimsOfEveryTenant, clauses::tenants_share_no_handles_strikes_or_claims),
        (Fault::StrikesOfEveryTenant, clauses::tenants_share_no_handles_strikes_or_claims),
    ] {
        assert!(catches(clause, &faulty(fault)), "{fault:?}");
    }
}

#[test]
fn a_store_without_tenants_is_caught_trait_by_trait() {
    let mixes: [fn(&mut Fixture); 5] = [
        |f| f.other.clients = Arc::clone(&f.store.clients),
        |f| f.other.registry = Arc::clone(&f.store.registry),
        |f| f.other.users = Arc::clone(&f.store.users),
        |f| f.other.keys = Arc::clone(&f.store.keys),
        |f| f.other.grants = Arc::clone(&f.store.grants),
    ];
    for (number, mix) in mixes.into_iter().enumerate() {
        let mixed = || {
            let mut fixture = sound();
            mix(&mut fixture);
            fixture
        };
        assert!(catches(clauses::tenants_do_not_see_each_other, &mixed()), "read by trait {number}");
        let written = catches(clauses::tenants_do_not_change_each_other, &mixed());
        assert_eq!(written, number > 0, "written by trait {number}; the first only reads");
        assert!(catches(clauses::tenants_share_no_names, &mixed()), "named by trait {number}");
        for clause in
            [clauses::tenants_share_no_handles_strikes_or_claims, clauses::tenants_share_no_requests_codes_or_consents]
        {
            assert_eq!(catches(clause, &mixed()), number == 4, "it asks for grants alone");
        }
    }
}
