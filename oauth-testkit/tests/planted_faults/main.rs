//! The contract catches stores that break it: each fault planted here is caught by the clause that it is named with.

mod claims_and_strikes;
mod faulty;
mod grants;
mod lost_members;
mod model;
mod planted;
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
