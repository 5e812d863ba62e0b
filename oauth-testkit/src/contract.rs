//! The list of the clauses.

/// Runs every clause of the store contract, each as a test of its own name.
///
/// The argument is a function that makes a [`Fixture`](crate::Fixture) with an empty store; it is called once for each
/// clause. A function that answers `Option<Fixture>` lets every clause pass when there is none. Put the call into a
/// module of its own when the test file holds other tests.
///
/// Most clauses are a few calls. Some are races of up to 64 threads. The last one runs 200 random histories against a
/// reference model, or as many as the variable `PROPTEST_CASES` says, and tells the shortest one that is answered
/// wrongly.
///
/// ```
/// use std::sync::Arc;
/// use oauth_core::types::Tenant;
/// use oauth_store_memory::MemoryStore;
/// use oauth_testkit::{Fixture, store_contract};
///
/// fn memory() -> Fixture {
///     let store = MemoryStore::new();
///     let other = store.for_tenant(Tenant::parse("other").unwrap());
///     Fixture::new(Arc::new(store), Arc::new(other), |store, user, logins| {
///         let _ = store.insert_user(user, logins.iter().copied()).unwrap();
///     })
/// }
///
/// store_contract!(memory);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! store_contract {
    ($fixture:path) => {
        $crate::store_contract! { @tests $fixture;
            a_client_comes_back_as_it_was_given
            a_client_id_is_registered_once
            an_update_needs_the_expected_version
            pages_list_every_client_once_in_byte_order
            a_deregistered_client_is_gone
            client_ids_match_byte_for_byte
            of_many_registrations_of_one_client_id_one_wins
            of_many_updates_of_one_version_one_wins

            a_user_comes_back_as_it_was_added
            a_login_is_not_a_pattern
            subjects_match_byte_for_byte
            a_rehash_needs_the_old_hash
            of_many_rehashes_one_wins

            a_key_comes_back_as_it_was_given
            keys_load_oldest_announcement_first
            a_key_id_is_used_once_per_issuer
            one_key_of_each_use_is_active
            a_transition_happens_whole_or_not_at_all
            issuers_and_key_ids_match_byte_for_byte
            of_many_active_keys_one_is_inserted
            of_many_transitions_of_one_key_one_applies

            a_request_comes_back_as_it_was_given
            a_request_is_found_by_its_handle_only
            a_request_is_decided_once
            of_many_decisions_of_one_request_one_wins
            a_decision_needs_a_live_request
            a_decision_happens_whole_or_not_at_all
            a_cutoff_shows_in_the_standing_of_a_request
            the_limits_count_open_requests_only
            the_limits_of_clients_do_not_mix

            a_code_comes_back_as_it_was_given
            a_code_is_found_by_its_digest_only
            a_code_that_a_cutoff_covers_is_not_issued
            a_code_is_redeemed_once
            of_many_redemptions_of_one_code_one_wins
            a_redemption_needs_a_live_code
            a_redemption_happens_whole_or_not_at_all
            a_redemption_makes_room
            a_replay_finds_the_family_until_its_absolute_end
            no_redemption_outlives_a_cutoff

            a_consent_comes_back_as_it_was_given
            a_consent_is_remembered_for_one_use_only
            a_later_consent_replaces_the_earlier_one
            a_cutoff_withdraws_consent_codes_and_families
            cutoffs_of_grants_match_byte_for_byte
            a_list_of_grants_comes_in_pages
            a_list_of_grants_has_what_is_live_only

            a_family_comes_back_as_it_was_given
            a_family_starts_with_its_first_token
            a_family_that_a_cutoff_covers_does_not_start
            a_start_with_a_taken_id_or_digest_changes_nothing
            a_start_with_a_taken_handle_changes_nothing
            above_the_live_limit_the_oldest_families_end
            the_first_reason_of_a_revocation_stays
            revoking_a_family_revokes_its_tokens

            a_family_is_found_by_its_handle_only
            a_family_that_was_cut_off_is_found_as_revoked
            a_rotation_needs_the_current_token
            a_retry_needs_the_current_token
            an_extension_needs_the_current_token
            a_rotation_needs_a_live_family
            a_retry_needs_a_live_family
            an_extension_needs_a_live_family
            a_rotation_stores_its_token_with_it_or_not_at_all
            a_retry_stores_its_token_with_it_or_not_at_all
            an_extension_stores_its_token_with_it_or_not_at_all

            a_rotation_changes_what_it_says_and_nothing_else
            a_retry_changes_what_it_says_and_nothing_else
            an_extension_changes_what_it_says_and_nothing_else
            retries_count_up_to_their_limit_and_no_further
            the_first_retry_of_a_generation_adds_to_the_streak
            a_retry_after_a_later_rotation_is_moved
            a_thousand_rotations_leave_one_row

            of_many_rotations_of_one_token_one_wins
            siblings_that_retry_together_all_succeed
            of_siblings_that_retry_together_as_many_succeed_as_the_limit_allows
            no_rotation_outlives_the_revocation_of_its_family
            no_retry_outlives_the_revocation_of_its_family
            no_rotation_outlives_a_cutoff
            no_retry_outlives_a_cutoff

            a_claim_is_made_once
            of_many_starts_for_one_claim_one_leaves_a_family
            a_start_that_did_not_happen_leaves_its_claim_free

            strikes_are_counted_one_by_one
            of_many_strikes_at_once_all_are_counted
            a_window_begins_at_the_end_of_the_last_one_and_not_before
            clearing_forgets_every_strike_against_an_account
            strikes_of_accounts_do_not_mix

            an_access_token_comes_back_as_it_was_given
            a_taken_token_digest_changes_nothing
            a_token_needs_a_live_family
            a_token_that_a_cutoff_covers_is_not_stored
            a_family_that_was_cut_off_gives_no_more_tokens
            a_revoked_token_stays_revoked
            a_revoked_token_takes_nothing_with_it

            a_jwt_stands_while_its_family_does
            a_tombstone_takes_back_one_jwt
            a_tombstone_is_kept_however_far_the_exp
            a_cutoff_ends_what_was_issued_at_or_before_it
            a_cutoff_only_moves_forward
            cutoffs_match_byte_for_byte

            of_many_revocations_of_one_family_one_wins
            no_token_outlives_the_revocation_of_its_family
            no_token_outlives_a_cutoff
            what_ended_between_two_steps_stays_ended
            the_live_limit_holds_when_many_start_at_once
            the_live_limit_holds_each_time_some_start_at_once
            no_start_outlives_a_cutoff
            of_many_starts_with_one_token_one_leaves_a_family

            purge_works_in_bounded_batches
            purge_says_of_every_kind_whether_more_is_waiting
            no_kind_of_row_waits_for_the_backlog_of_another
            purge_keeps_what_still_counts
            purge_keeps_every_kind_until_its_own_end
            purge_goes_by_the_last_salt_and_the_last_window
            what_was_purged_leaves_its_names_free
            the_clock_mark_only_rises
            a_closed_store_is_unavailable
            closing_one_tenant_leaves_the_others_open

            tenants_do_not_see_each_other
            tenants_do_not_change_each_other
            tenants_share_no_names
            tenants_share_no_handles_strikes_or_claims
            tenants_share_no_requests_codes_or_consents

            model_and_store_answer_every_history_alike
        }
    };
    (@tests $fixture:path; $($clause:ident)*) => {
        $(
            #[test]
            fn $clause() {
                // without a store to test, such as a database that is not installed, there is nothing to say
                if let Some(fixture) = Option::<$crate::Fixture>::from($fixture()) {
                    $crate::clauses::$clause(&fixture);
                }
            }
        )*
    };
}

#[cfg(test)]
mod tests {
    /// The clauses that are public functions, in the source.
    fn clauses() -> Vec<&'static str> {
        [
            include_str!("clauses/claims.rs"),
            include_str!("clauses/clients.rs"),
            include_str!("clauses/codes.rs"),
            include_str!("clauses/consents.rs"),
            include_str!("clauses/families.rs"),
            include_str!("clauses/keys.rs"),
            include_str!("clauses/maintenance.rs"),
            include_str!("clauses/model.rs"),
            include_str!("clauses/purge.rs"),
            include_str!("clauses/races.rs"),
            include_str!("clauses/refresh.rs"),
            include_str!("clauses/refresh_races.rs"),
            include_str!("clauses/requests.rs"),
            include_str!("clauses/rotation.rs"),
            include_str!("clauses/standing.rs"),
            include_str!("clauses/strikes.rs"),
            include_str!("clauses/tenants.rs"),
            include_str!("clauses/tokens.rs"),
            include_str!("clauses/steps.rs"),
            include_str!("clauses/users.rs"),
        ]
        .into_iter()
        .flat_map(str::lines)
        .filter_map(|line| line.strip_prefix("pub fn ")?.split('(').next())
        .collect()
    }

    #[test]
    fn the_macro_lists_every_clause_once() {
        let listed: Vec<&str> = include_str!("contract.rs").lines().map(str::trim).collect();
        for clause in clauses() {
            assert_eq!(listed.iter().filter(|line| **line == clause).count(), 1, "{clause}");
        }
        assert!(clauses().len() >= 120);
    }
}
