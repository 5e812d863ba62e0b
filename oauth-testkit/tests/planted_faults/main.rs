//! The contract catches stores that break it: each fault planted here is caught by the clause that it is named with.

mod faulty;
mod grants;
mod lost_members;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use oauth_core::types::Tenant;
use oauth_store_memory::MemoryStore;
use oauth_testkit::{Fixture, clauses};

use crate::faulty::{Fault, Faulty, Losses};

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

    a_family_starts_with_its_first_token catches FirstTokenForgotten
    a_family_that_a_cutoff_covers_does_not_start catches CutoffExcludesItsTime
    a_start_with_a_taken_id_or_digest_changes_nothing catches StartInTwoSteps
    a_start_with_a_taken_handle_changes_nothing catches HandleTakenTwice
    above_the_live_limit_the_oldest_families_end catches LimitWithoutReason
    the_first_reason_of_a_revocation_stays catches SecondReasonWins
    revoking_a_family_revokes_its_tokens catches FindIgnoresFamily

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
    of_many_starts_with_one_token_one_leaves_a_family catches StartsFamilyBeforeToken

    purge_works_in_bounded_batches catches PurgeIgnoresLimit
    purge_keeps_what_still_counts catches PurgeForgetsEndedFamilies
    the_clock_mark_only_rises catches ClockMarkFalls
    a_closed_store_is_unavailable catches CloseIsIgnored
    closing_one_tenant_leaves_the_others_open catches CloseReachesOtherTenants
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
    }
}
