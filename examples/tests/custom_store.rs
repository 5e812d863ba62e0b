//! The store of the guide keeps the store contract, and serves.

use std::sync::Arc;

use oauth_core::types::Tenant;
use oauth_examples::custom_store::CustomStore;
use oauth_store_memory::MemoryStore;
use oauth_testkit::{Fixture, differential, store_contract};

fn custom() -> Fixture {
    let store = CustomStore::new();
    let other = store.for_tenant(Tenant::parse("other").unwrap());
    Fixture::new(Arc::new(store), Arc::new(other), |store, user, logins| store.add_user(user, logins).unwrap())
}

store_contract!(custom);

fn memory() -> Fixture {
    let store = MemoryStore::new();
    let other = store.for_tenant(Tenant::parse("other").unwrap());
    Fixture::new(Arc::new(store), Arc::new(other), |store, user, logins| {
        let _ = store.insert_user(user, logins.iter().copied()).unwrap();
    })
}

/// The same random histories on this store and on the memory store give the same answers.
#[test]
fn it_answers_as_the_memory_store_does() {
    differential(&custom(), &memory());
}
