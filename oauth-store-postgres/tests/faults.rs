//! Faults: what goes wrong is told as what it is, burns nothing, and passes without a restart.

mod common;

use std::thread;
use std::time::Duration;

use common::{
    NOW, Stranger, begin, family_id, fresh_schema, named, open, refresh_digest, rotation, settings, stored,
    wait_for_waiters,
};
use oauth_core::store::{GrantStore, Refreshed, StoreError, StoreErrorKind, Strike};
use oauth_core::types::{KeyedHash, Lifetime, Timestamp};
use oauth_store_postgres::{Database, PostgresStore, Schema, Settings};
use oauth_testkit::{PostgresServer, block_on};

fn mark(store: &PostgresStore) -> Result<Timestamp, StoreErrorKind> {
    block_on(store.raise_clock_mark(NOW)).map_err(|error| error.kind())
}

fn strike(store: &PostgresStore) -> Result<u32, StoreError> {
    let strike = Strike { account: KeyedHash::from_bytes([1; 32]), now: NOW, window: Lifetime::of_seconds(60) };
    block_on(store.add_strike(strike))
}

#[test]
fn a_database_that_went_and_came_back_serves_again_without_a_restart() {
    let Some(server) = PostgresServer::start() else { return };
    let schema = fresh_schema();
    let store = open(named(&server, "patient", &schema).connections(4));
    begin(&store, 1);
    let rotate = || rotation(1, refresh_digest(1, 0), refresh_digest(1, 1), 1);
    server.stop();
    for _ in 0..10 {
        assert_eq!(mark(&store), Err(StoreErrorKind::Unavailable));
        assert_eq!(block_on(store.find_family(&family_id(1))).unwrap_err().kind(), StoreErrorKind::Unavailable);
        assert_eq!(block_on(store.rotate(rotate())).unwrap_err().kind(), StoreErrorKind::Unavailable);
    }
    server.restart();
    assert_eq!(mark(&store), Ok(NOW));
    assert_eq!(block_on(store.rotate(rotate())).unwrap(), Refreshed::Done, "the token was not burnt");
}

#[test]
fn connections_that_were_ended_are_replaced() {
    const CONNECTIONS: usize = 4;
    let Some(server) = PostgresServer::shared() else { return };
    let store = open(named(server, "ended", &fresh_schema()).connections(CONNECTIONS));
    thread::scope(|scope| {
        for _ in 0..4 * CONNECTIONS {
            scope.spawn(|| mark(&store).unwrap());
        }
    });
    let eye = Stranger::connect(server);
    eye.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ended'");
    let mut failures = 0;
    while let Err(kind) = mark(&store) {
        assert_eq!(kind, StoreErrorKind::Unavailable);
        failures += 1;
        assert!(failures <= CONNECTIONS, "each connection fails once at most");
    }
}

#[test]
fn an_exhausted_pool_is_unavailable_and_passes() {
    let Some(server) = PostgresServer::shared() else { return };
    let schema = fresh_schema();
    let waiting = Duration::from_millis(30);
    let store = open(named(server, "exhausted", &schema).connections(1).pool_timeout(waiting));
    begin(&store, 1);
    let (holder, eye) = (Stranger::connect(server), Stranger::connect(server));
    holder.ask(&format!("BEGIN; SELECT id FROM {}.family FOR UPDATE", schema.as_str()));
    let held = thread::scope(|scope| {
        let held =
            scope.spawn(|| block_on(store.rotate(rotation(1, refresh_digest(1, 0), refresh_digest(1, 1), 1))).unwrap());
        wait_for_waiters(&eye, "exhausted", 1);
        assert_eq!(mark(&store), Err(StoreErrorKind::Unavailable));
        holder.ask("COMMIT");
        held.join().unwrap()
    });
    assert_eq!(held, Refreshed::Done);
    assert_eq!(mark(&store), Ok(NOW));
}

#[test]
fn a_statement_that_takes_too_long_is_unavailable_and_changed_nothing() {
    let Some(server) = PostgresServer::shared() else { return };
    let schema = fresh_schema();
    let patience = Duration::from_millis(30);
    let store = open(named(server, "late", &schema).connections(1).statement_timeout(patience));
    begin(&store, 1);
    let before = stored(&store, 1);
    let holder = Stranger::connect(server);
    let backends = "SELECT pid FROM pg_stat_activity WHERE application_name = 'late'";
    let backend = holder.ask(backends);
    holder.ask(&format!("BEGIN; SELECT id FROM {}.family FOR UPDATE", schema.as_str()));
    let rotate = || rotation(1, refresh_digest(1, 0), refresh_digest(1, 1), 1);
    assert_eq!(block_on(store.rotate(rotate())).unwrap_err().kind(), StoreErrorKind::Unavailable);
    holder.ask("COMMIT");
    assert_eq!(stored(&store, 1), before);
    assert_eq!(block_on(store.rotate(rotate())).unwrap(), Refreshed::Done);
    assert_eq!(holder.ask(backends), backend, "the connection is as good as before");
}

/// Makes the server do `then` at the first so many new strikes.
fn plant(eye: &Stranger, schema: &Schema, times: u32, then: &str, when: &str) {
    let name = schema.as_str();
    eye.ask(&format!(
        "SET search_path = {name};
         CREATE SEQUENCE tries;
         CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
             IF nextval('{name}.tries') <= {times} THEN {then}; END IF; RETURN NEW; END$$;
         CREATE {when} ON strike {} FOR EACH ROW EXECUTE FUNCTION planted()",
        if when.contains("CONSTRAINT") { "DEFERRABLE INITIALLY DEFERRED" } else { "" },
    ));
}

#[test]
fn what_the_server_undoes_because_of_others_is_done_again() {
    let Some(server) = PostgresServer::shared() else { return };
    for (code, times, answer) in [("40001", 6, Ok(1)), ("40P01", 6, Ok(1)), ("40001", 7, Err(StoreErrorKind::Conflict))]
    {
        let schema = fresh_schema();
        let store = open(settings(server).schema(schema.clone()));
        let eye = Stranger::connect(server);
        plant(&eye, &schema, times, &format!("RAISE EXCEPTION USING ERRCODE = '{code}'"), "TRIGGER t BEFORE INSERT");
        assert_eq!(strike(&store).map_err(|error| error.kind()), answer, "{code}, {times} times");
        let tries = eye.ask(&format!("SELECT last_value FROM {}.tries", schema.as_str()));
        assert_eq!(tries, ["7"]);
    }
}

#[test]
fn a_commit_whose_outcome_is_unknown_is_unavailable_and_not_tried_again() {
    let Some(server) = PostgresServer::shared() else { return };
    let schema = fresh_schema();
    let store = open(settings(server).schema(schema.clone()));
    let eye = Stranger::connect(server);
    let die = "PERFORM pg_terminate_backend(pg_backend_pid())";
    plant(&eye, &schema, 1, die, "CONSTRAINT TRIGGER t AFTER INSERT");
    let error = strike(&store).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    assert_eq!(eye.ask(&format!("SELECT last_value FROM {}.tries", schema.as_str())), ["1"]);
    assert_eq!(strike(&store).unwrap(), 1, "the next try meets a consistent state");
}

#[test]
fn a_statement_that_fits_the_tables_no_more_is_prepared_anew() {
    let Some(server) = PostgresServer::shared() else { return };
    let schema = fresh_schema();
    let store = open(settings(server).schema(schema.clone()).connections(1));
    begin(&store, 1);
    let _ = stored(&store, 1);
    let eye = Stranger::connect(server);
    // a column of the answer has another type: what was prepared is refused from then on
    eye.ask(&format!("ALTER TABLE {}.family ALTER COLUMN scope TYPE VARCHAR(5000)", schema.as_str()));
    assert_eq!(
        block_on(store.find_family(&family_id(1))).map_err(|error| error.kind()),
        Err(StoreErrorKind::Unavailable)
    );
    assert_eq!(stored(&store, 1), common::family(1));
}

#[test]
fn an_operation_runs_to_its_end_though_its_caller_is_gone() {
    let Some(server) = PostgresServer::shared() else { return };
    let schema = fresh_schema();
    let store = open(named(server, "left", &schema));
    begin(&store, 1);
    let (holder, eye) = (Stranger::connect(server), Stranger::connect(server));
    holder.ask(&format!("BEGIN; SELECT id FROM {}.family FOR UPDATE", schema.as_str()));
    let mut leaving = store.rotate(rotation(1, refresh_digest(1, 0), refresh_digest(1, 1), 1));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(leaving.as_mut().poll(&mut context).is_pending());
    wait_for_waiters(&eye, "left", 1);
    drop(leaving);
    holder.ask("COMMIT");
    block_on(store.close());
    let name = schema.as_str();
    assert_eq!(eye.ask(&format!("SELECT generation FROM {name}.family")), ["1"]);
    assert_eq!(eye.ask(&format!("SELECT id FROM {name}.access_token")), ["t1"]);
}

#[test]
fn a_runtime_that_ended_is_unavailable() {
    let Some(server) = PostgresServer::shared() else { return };
    let ending = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let store = block_on(Database::connect(settings(server), ending.handle().clone())).unwrap();
    let store = store.tenant("default".parse().unwrap());
    assert_eq!(mark(&store), Ok(NOW));
    ending.shutdown_background();
    assert_eq!(mark(&store), Err(StoreErrorKind::Unavailable));
}
