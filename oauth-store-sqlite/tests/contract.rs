//! The SQLite store keeps the store contract.

mod common;

use std::sync::Arc;

use oauth_core::store::Register;
use oauth_core::types::Tenant;
use oauth_store_sqlite::Database;
use oauth_testkit::{Fixture, block_on, differential, store_contract};

fn sqlite() -> Fixture {
    let directory = common::Directory::new();
    let database = Database::open(directory.file()).unwrap();
    let tenant = |name| Arc::new(database.tenant(Tenant::parse(name).unwrap()));
    Fixture::new(tenant("default"), tenant("other"), |store, user, logins| {
        assert_eq!(block_on(store.insert_user(user, logins)).unwrap(), Register::Registered);
    })
    .keeping(directory)
}

store_contract!(sqlite);

/// Random histories are answered here as on the memory store.
#[test]
fn it_answers_as_the_memory_store_does() {
    differential(&sqlite(), &Fixture::in_memory());
}
