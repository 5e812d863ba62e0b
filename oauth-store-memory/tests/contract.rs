//! The memory store keeps the store contract.

use std::sync::Arc;

use oauth_core::store::Register;
use oauth_core::types::Tenant;
use oauth_store_memory::MemoryStore;
use oauth_testkit::{Fixture, store_contract};

fn memory() -> Fixture {
    let store = MemoryStore::new();
    let other = store.for_tenant(Tenant::parse("other").unwrap());
    Fixture::new(Arc::new(store), Arc::new(other), |store, user, logins| {
        assert_eq!(store.insert_user(user, logins.iter().copied()).unwrap(), Register::Registered);
    })
}

store_contract!(memory);
