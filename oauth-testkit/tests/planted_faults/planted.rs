//! Which clause catches which fault. Every fault is caught, and every clause but the round trips (whose faults are in
//! `lost_members` and `spoiled_members`) catches one.

use std::collections::BTreeMap;

use crate::faulty::Fault;

/// One test for each line: the clause passes a sound store and catches the faulty ones.
macro_rules! planted {
    ($($clause:ident catches $($fault:ident),+;)*) => {
        $(mod $clause {
            #[test]
            fn catches_its_faults() {
                let clause = oauth_testkit::clauses::$clause;
                clause(&crate::sound());
                $(assert!(crate::catches(clause, &crate::faulty(crate::Fault::$fault)), stringify!($fault));)+
            }
        })*

        const PLANTED: &[(&str, &[Fault])] = &[$((stringify!($clause), &[$(Fault::$fault),+])),*];
    };
}

planted! {
    a_client_id_is_registered_once catches RegisterOverwrites;
    an_update_needs_the_expected_version catches UpdateIgnoresVersion;
    pages_list_every_client_once_in_byte_order catches PageBeginsWithAfter;
    a_deregistered_client_is_gone catches DeregisterOnlySaysSo;
    client_ids_match_byte_for_byte catches CaseIgnored;
    of_many_registrations_of_one_client_id_one_wins catches LooksBeforeItWrites;
    of_many_updates_of_one_version_one_wins catches LooksBeforeItWrites;

    a_login_is_not_a_pattern catches LoginIsPattern;
    subjects_match_byte_for_byte catches CaseIgnored;
    a_rehash_needs_the_old_hash catches RehashIgnoresOld;
    of_many_rehashes_one_wins catches LooksBeforeItWrites;

    keys_load_oldest_announcement_first catches KeysInOrderOfTheirIds;
    a_key_id_is_used_once_per_issuer catches KeyIdTakenTwice;
    one_key_of_each_use_is_active catches SecondActiveKey;
    a_transition_happens_whole_or_not_at_all catches TransitionStepByStep;
    issuers_and_key_ids_match_byte_for_byte catches CaseIgnored;
    of_many_active_keys_one_is_inserted catches LooksBeforeItWrites;
    of_many_transitions_of_one_key_one_applies catches LooksBeforeItWrites;

    a_request_is_found_by_its_handle_only catches BeginOverwrites;
    a_request_is_decided_once catches DecidedTwice;
    of_many_decisions_of_one_request_one_wins catches LooksBeforeItWrites;
    a_decision_needs_a_live_request catches DecisionIgnoresEnd, DecisionIgnoresCutoff, CutoffExcludesItsTime;
    a_decision_happens_whole_or_not_at_all catches DecisionMarksFirst;
    a_cutoff_shows_in_the_standing_of_a_request catches RequestStandingIsLive;
    the_limits_count_open_requests_only catches LimitsCountDecided, LimitsCountExpired, LimitsPassByOne;
    the_limits_of_clients_do_not_mix catches CaseIgnored;

    a_code_is_found_by_its_digest_only catches TakenCodeIsFine;
    a_code_that_a_cutoff_covers_is_not_issued catches IssueIgnoresCutoff, CutoffExcludesItsTime;
    a_code_is_redeemed_once catches RedeemedTwice;
    of_many_redemptions_of_one_code_one_wins catches LooksBeforeItWrites;
    a_redemption_needs_a_live_code catches RedeemIgnoresEnd, CutoffExcludesItsTime, RedeemIgnoresCutoff, RedeemIgnoresFamily;
    a_redemption_happens_whole_or_not_at_all catches RedeemBurnsFirst;
    a_redemption_makes_room catches RedeemIgnoresLimit;
    a_replay_finds_the_family_until_its_absolute_end catches PurgeForgetsRedeemed, ConsumedIsRevoked;
    no_redemption_outlives_a_cutoff catches LooksBeforeItRedeems;

    a_consent_is_remembered_for_one_use_only catches ConsentsOfEveryUse;
    a_later_consent_replaces_the_earlier_one catches FirstConsentStays;
    a_cutoff_withdraws_consent_codes_and_families catches ConsentsStay, GrantCutoffTakesAll;
    cutoffs_of_grants_match_byte_for_byte catches GrantCutoffTakesAll;
    a_list_of_grants_comes_in_pages catches ListForgetsOrder;
    a_list_of_grants_has_what_is_live_only catches ListShowsTheDead;

    a_family_starts_with_its_first_token catches FirstTokenForgotten;
    a_family_that_a_cutoff_covers_does_not_start catches CutoffExcludesItsTime;
    a_start_with_a_taken_id_or_digest_changes_nothing catches StartInTwoSteps;
    a_start_with_a_taken_handle_changes_nothing catches HandleTakenTwice;
    above_the_live_limit_the_oldest_families_end catches LimitWithoutReason, LimitIgnored;
    the_first_reason_of_a_revocation_stays catches SecondReasonWins;
    revoking_a_family_revokes_its_tokens catches FindIgnoresFamily;

    a_family_is_found_by_its_handle_only catches HandleByPrefix, FoundByHandleIsLive;
    a_family_that_was_cut_off_is_found_as_revoked catches FoundByHandleIsLive, CutoffExcludesItsTime, CutoffKindsMixed;
    a_rotation_needs_the_current_token catches RefreshIgnoresCurrent, RefreshStoresTokenFirst;
    a_retry_needs_the_current_token catches RefreshIgnoresCurrent, RefreshStoresTokenFirst;
    an_extension_needs_the_current_token catches RefreshIgnoresCurrent, RefreshStoresTokenFirst;
    a_rotation_needs_a_live_family catches RefreshIgnoresRevocation, CutoffExcludesItsTime, CutoffKindsMixed, FamilyOutlivesItsEnd, RefreshIgnoresCutoff, RefreshIgnoresEnd;
    a_retry_needs_a_live_family catches RefreshIgnoresCutoff, CutoffExcludesItsTime, CutoffKindsMixed, FamilyOutlivesItsEnd, RefreshIgnoresEnd, RefreshIgnoresRevocation;
    an_extension_needs_a_live_family catches RefreshIgnoresEnd, CutoffExcludesItsTime, CutoffKindsMixed, FamilyOutlivesItsEnd, RefreshIgnoresCutoff, RefreshIgnoresRevocation;
    a_rotation_stores_its_token_with_it_or_not_at_all catches RefreshStoresTokenAfter, RefreshForgetsToken;
    a_retry_stores_its_token_with_it_or_not_at_all catches RefreshStoresTokenAfter, RefreshForgetsToken;
    an_extension_stores_its_token_with_it_or_not_at_all catches RefreshStoresTokenAfter, RefreshForgetsToken;

    retries_count_up_to_their_limit_and_no_further catches RetryIgnoresLimit, RetryPassesLimit;
    a_retry_after_a_later_rotation_is_moved catches RefreshIgnoresCurrent;
    a_thousand_rotations_leave_one_row catches RotationLeavesARow;

    of_many_rotations_of_one_token_one_wins catches LooksBeforeItWrites;
    siblings_that_retry_together_all_succeed catches RetryExcludesSiblings;
    of_siblings_that_retry_together_as_many_succeed_as_the_limit_allows catches LooksBeforeItWrites;
    no_rotation_outlives_the_revocation_of_its_family catches LooksBeforeItRefreshes;
    no_retry_outlives_the_revocation_of_its_family catches LooksBeforeItRefreshes;
    no_rotation_outlives_a_cutoff catches LooksBeforeItRefreshes;
    no_retry_outlives_a_cutoff catches LooksBeforeItRefreshes;

    a_claim_is_made_once catches ClaimIgnored, StartsFamilyBeforeClaim;
    of_many_starts_for_one_claim_one_leaves_a_family catches LooksBeforeItWrites;
    a_start_that_did_not_happen_leaves_its_claim_free catches ClaimStaysAfterFailure;

    strikes_are_counted_one_by_one catches StrikesEndAtTen;
    of_many_strikes_at_once_all_are_counted catches StrikesLost;
    a_window_begins_at_the_end_of_the_last_one_and_not_before catches WindowSlides, WindowEndsLate, WindowIsOfTheLastLength;
    clearing_forgets_every_strike_against_an_account catches ClearForgetsNothing, ClearingKeepsTheWindow;
    strikes_of_accounts_do_not_mix catches AccountsByTheirFirstHalf;

    a_taken_token_digest_changes_nothing catches TakenDigestIsFine;
    a_token_needs_a_live_family catches InsertIgnoresFamily, FamilyOutlivesItsEnd;
    a_token_that_a_cutoff_covers_is_not_stored catches CutoffExcludesItsTime, CutoffKindsMixed;
    a_family_that_was_cut_off_gives_no_more_tokens catches InsertIgnoresFamily, FindIgnoresFamily;
    a_revoked_token_stays_revoked catches OpaqueTokensStayLive;
    a_revoked_token_takes_nothing_with_it catches TokenTakesItsFamily;

    a_jwt_stands_while_its_family_does catches UnknownFamilyIsLive;
    a_tombstone_takes_back_one_jwt catches CaseIgnored;
    a_tombstone_is_kept_however_far_the_exp catches TombstoneEndsIn2106;
    a_cutoff_ends_what_was_issued_at_or_before_it catches CutoffExcludesItsTime, CutoffKindsMixed;
    a_cutoff_only_moves_forward catches CutoffMovesBack;
    cutoffs_match_byte_for_byte catches CaseIgnored;

    of_many_revocations_of_one_family_one_wins catches LooksBeforeItWrites;
    no_token_outlives_the_revocation_of_its_family catches LooksBeforeItInserts;
    no_token_outlives_a_cutoff catches LooksBeforeItInserts;
    the_live_limit_holds_when_many_start_at_once catches LimitIgnored;
    the_live_limit_holds_each_time_some_start_at_once catches LooksBeforeItMakesRoom;
    no_start_outlives_a_cutoff catches LooksBeforeItStarts;
    what_ended_between_two_steps_stays_ended catches RefreshIgnoresCutoff, RedeemIgnoresCutoff, RefreshIgnoresRevocation, InsertIgnoresFamily, IssueIgnoresCutoff;
    of_many_starts_with_one_token_one_leaves_a_family catches StartsFamilyBeforeToken;

    purge_works_in_bounded_batches catches PurgeIgnoresLimit, PurgeTooWide, ClaimsStay, SaltsStay, StrikesStay, RequestsStay, CodesStay, ConsentsStay;
    purge_says_of_every_kind_whether_more_is_waiting catches PurgeForgetsWaitingStrikes;
    no_kind_of_row_waits_for_the_backlog_of_another catches StrikesWaitForOthers;
    purge_keeps_what_still_counts catches PurgeForgetsEndedFamilies, PurgeTooWide;
    purge_keeps_every_kind_until_its_own_end catches PurgeTooWide;
    purge_goes_by_the_last_salt_and_the_last_window catches SaltGoesByItsFirstEnd, WindowGoesByItsFirstEnd;
    what_was_purged_leaves_its_names_free catches PurgedFamilyIsShown;
    the_clock_mark_only_rises catches ClockMarkFalls;
    a_closed_store_is_unavailable catches CloseIsIgnored;
    closing_one_tenant_leaves_the_others_open catches CloseReachesOtherTenants;

    tenants_share_no_handles_strikes_or_claims catches HandlesOfEveryTenant, ClaimsOfEveryTenant, StrikesOfEveryTenant;
    a_request_comes_back_as_it_was_given catches DecisionForgetsWho;
    a_code_comes_back_as_it_was_given catches ConsumedIsRevoked;
}

/// The table of faults, for people: `cargo test -p oauth-testkit --test planted_faults the_table -- --nocapture`.
#[test]
fn the_table_names_a_clause_for_every_fault() {
    let mut clauses: BTreeMap<Fault, Vec<&str>> = BTreeMap::new();
    for (clause, faults) in PLANTED {
        faults.iter().for_each(|fault| clauses.entry(*fault).or_default().push(clause));
    }
    for fault in Fault::ALL {
        match (clauses.get(fault), fault) {
            (Some(clauses), _) => println!("| {fault:?} | {} |", clauses.join(", ")),
            (None, Fault::Forgetful) => println!("| {fault:?} (a member of a record) | the round trip of the record |"),
            (None, Fault::Spoiling) => println!("| {fault:?} (a member of a used family) | the clause of the use |"),
            (None, _) => panic!("no clause catches {fault:?}"),
        }
    }
}
