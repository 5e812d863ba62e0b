//! The PostgreSQL store keeps the store contract.

mod common;

use std::sync::Arc;

use oauth_core::store::Register;
use oauth_core::types::Tenant;
use oauth_store_postgres::{Database, PostgresStore, Schema, Settings};
use oauth_testkit::{Fixture, PostgresServer, block_on, differential, store_contract};

fn postgres() -> Option<Fixture> {
    let settings = common::settings(PostgresServer::shared()?).connections(8);
    let database = block_on(Database::connect(settings, common::runtime())).unwrap();
    let tenant = |name| Arc::new(database.tenant(Tenant::parse(name).unwrap()));
    Some(Fixture::new(tenant("default"), tenant("other"), |store, user, logins| {
        assert_eq!(block_on(store.insert_user(user, logins)).unwrap(), Register::Registered);
    }))
}

store_contract!(postgres);

/// Random histories are answered here as on the memory store.
#[test]
fn it_answers_as_the_memory_store_does() {
    if let Some(postgres) = postgres() {
        differential(&postgres, &Fixture::in_memory());
    }
}
