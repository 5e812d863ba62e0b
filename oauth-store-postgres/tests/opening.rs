//! Opening: schemas by name, migrations, and what is refused.

mod common;

use std::sync::Barrier;
use std::thread;

use common::{Stranger, begin, family, family_id, fresh_schema, open, runtime, settings};
use oauth_core::store::{CodeRecord, GrantStore, IssueCode, RedeemOutcome};
use oauth_store_postgres::{Database, MIGRATIONS, OpenError, PostgresStore, Schema, Settings, migrate};
use oauth_testkit::{PostgresServer, block_on};

fn refused(settings: Settings) -> OpenError {
    block_on(Database::connect(settings, runtime())).unwrap_err()
}

#[test]
fn a_newer_schema_is_refused_and_left_as_it_is() {
    let Some(server) = PostgresServer::shared() else { return };
    let schema = fresh_schema();
    let url = format!("{} application_name=older", server.url());
    let settings = Settings::parse(&url).unwrap().schema(schema.clone()).connections(1);
    let older = open(settings.clone());
    begin(&older, 1);
    let eye = Stranger::connect(server);
    let name = schema.as_str();
    eye.ask(&format!("INSERT INTO {name}.oauth_schema (version) VALUES (7)"));
    match refused(settings) {
        OpenError::Newer { schema, found: 7, known } => {
            assert_eq!((schema.as_str(), known), (name, MIGRATIONS.last().unwrap().version));
        }
        other => panic!("{other}"),
    }
    assert_eq!(eye.ask(&format!("SELECT count(*) FROM {name}.family")), ["1"]);
    // One that was open before goes on, until it needs a new connection.
    assert_eq!(block_on(older.find_family(&family_id(1))).unwrap(), Some(family(1)));
    eye.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'older'");
    let told = [(); 2].map(|()| block_on(older.find_family(&family_id(1))).unwrap_err().to_string());
    assert!(told[1].contains("is newer than this build"), "{told:?}");
}

#[test]
fn of_many_nodes_that_migrate_at_once_all_can_serve() {
    const NODES: usize = 8;
    let Some(server) = PostgresServer::shared() else { return };
    let settings = settings(server).connections(1);
    let at_once = Barrier::new(NODES);
    thread::scope(|scope| {
        for node in 1..=NODES as u64 {
            let (settings, at_once) = (&settings, &at_once);
            scope.spawn(move || {
                at_once.wait();
                begin(&open(settings.clone()), node);
            });
        }
    });
    let store = open(settings);
    for node in 1..=NODES as u64 {
        assert!(block_on(store.find_family(&family_id(node))).unwrap().is_some());
    }
}

#[test]
fn each_schema_has_rows_of_its_own_and_the_search_path_plays_no_part() {
    let Some(server) = PostgresServer::shared() else { return };
    let (one, other) = (fresh_schema(), fresh_schema());
    let elsewhere = format!("{} options='-c search_path={}'", server.url(), other.as_str());
    let store = open(Settings::parse(&elsewhere).unwrap().schema(one.clone()));
    let neighbour = open(settings(server).schema(other.clone()));
    begin(&store, 1);
    assert_eq!(block_on(store.find_family(&family_id(1))).unwrap(), Some(family(1)));
    assert_eq!(block_on(neighbour.find_family(&family_id(1))).unwrap(), None);
    let eye = Stranger::connect(server);
    for (schema, rows) in [(one, "1"), (other, "0")] {
        assert_eq!(eye.ask(&format!("SELECT count(*) FROM {}.family", schema.as_str())), [rows]);
    }
    assert_eq!(eye.ask("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), ["0"]);
}

#[test]
fn the_migrations_as_text_make_the_same_schema() {
    let Some(server) = PostgresServer::shared() else { return };
    let (by_hand, by_us) = (fresh_schema(), fresh_schema());
    let eye = Stranger::connect(server);
    let name = by_hand.as_str();
    eye.ask(&format!("CREATE SCHEMA {name}; SET search_path = {name}"));
    for step in MIGRATIONS {
        eye.ask(&format!("BEGIN; {}; COMMIT", step.sql));
    }
    block_on(migrate(settings(server).schema(by_us.clone()), runtime())).unwrap();
    begin(&open(settings(server).schema(by_hand.clone())), 1);
    let described = |schema: &Schema| {
        let schema = schema.as_str();
        eye.ask(&format!(
            "SELECT table_name || column_name || data_type || coalesce(collation_name, '') || is_nullable
             FROM information_schema.columns WHERE table_schema = '{schema}' ORDER BY 1"
        ))
    };
    assert_eq!(described(&by_hand), described(&by_us));
    assert!(described(&by_us).len() > 90);
}

#[test]
fn a_schema_of_version_one_is_brought_up_to_date_with_its_rows() {
    let Some(server) = PostgresServer::shared() else { return };
    let schema = fresh_schema();
    let (eye, name) = (Stranger::connect(server), schema.as_str());
    let handle = "\\x0000000000000001";
    eye.ask(&format!(
        "BEGIN; CREATE SCHEMA {name}; SET LOCAL search_path = {name}; {};
         INSERT INTO family (tenant, id, client, subject, scope, resource, handle, key_id, generation, current_digest,
             rotated_at, retries, retry_streak, idle_expires_at, issued_at, seen_at, absolute_expires_at, extra)
         VALUES ('default', '\\x07070707070707070000000000000001', 'app', 'alice-1', '[\"read\",\"write\"]', '[]', '{handle}',
             'derive', 0, '{handle}{}', {now}, 0, 0, {later}, {now}, {now}, {later}, '');
         INSERT INTO cutoff VALUES ('default', 'subject', 'bob', {now}); COMMIT",
        MIGRATIONS[0].sql,
        "0000000000000000".to_owned() + &"03".repeat(16),
        now = common::NOW.millis(),
        later = common::LATER.millis(),
    ));
    let store = open(settings(server).schema(schema.clone()));
    assert_eq!(eye.ask(&format!("SELECT version FROM {name}.oauth_schema ORDER BY version")), ["1", "2"]);
    assert_eq!(block_on(store.find_family(&family_id(1))).unwrap(), Some(family(1)));
    common::issue(&store, 1);
    assert_eq!(block_on(store.redeem_code(common::redemption(1, 2))).unwrap(), RedeemOutcome::Redeemed { ended: 0 });
    let of_bob = CodeRecord { subject: "bob".parse().unwrap(), ..common::code(3) };
    assert_eq!(block_on(store.issue_code(of_bob)).unwrap(), IssueCode::CutOff);
}

#[test]
fn every_text_is_compared_by_its_bytes_and_every_key_begins_with_the_tenant() {
    let Some(server) = PostgresServer::shared() else { return };
    let schema = fresh_schema();
    block_on(migrate(settings(server).schema(schema.clone()), runtime())).unwrap();
    let (eye, name) = (Stranger::connect(server), schema.as_str());
    let other = format!(
        "SELECT table_name || '.' || column_name FROM information_schema.columns
         WHERE table_schema = '{name}' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'"
    );
    assert_eq!(eye.ask(&other), [""; 0]);
    let firsts = format!(
        "SELECT column_of.attname || ' of ' || index_of.relname FROM pg_index JOIN pg_class AS index_of ON index_of.oid = indexrelid
         JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = '{name}'
         JOIN pg_attribute AS column_of ON attrelid = indrelid AND attnum = indkey[0]
         WHERE index_of.relname NOT LIKE 'oauth_schema%'"
    );
    let firsts = eye.ask(&firsts);
    assert!(firsts.len() >= 18, "{firsts:?}");
    assert!(firsts.iter().all(|first| first.starts_with("tenant of ")), "{firsts:?}");
}

#[test]
fn tables_of_somebody_else_are_refused_and_left_as_they_are() {
    let Some(server) = PostgresServer::shared() else { return };
    let schema = fresh_schema();
    let (eye, name) = (Stranger::connect(server), schema.as_str());
    eye.ask(&format!("CREATE SCHEMA {name}; CREATE TABLE {name}.family (member TEXT)"));
    let error = refused(settings(server).schema(schema.clone()));
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    let tables = format!("SELECT tablename FROM pg_tables WHERE schemaname = '{name}'");
    assert_eq!(eye.ask(&tables), ["family"]);
}

#[test]
fn a_role_that_may_not_change_tables_can_serve() {
    let Some(server) = PostgresServer::shared() else { return };
    let schema = fresh_schema();
    let (eye, name) = (Stranger::connect(server), schema.as_str());
    eye.ask("CREATE ROLE clerk LOGIN");
    let as_clerk = Settings::parse(&server.url().replace("user=test", "user=clerk")).unwrap().schema(schema.clone());
    let error = refused(as_clerk.clone());
    assert!(matches!(error, OpenError::Unavailable { .. }), "{error}");
    block_on(migrate(settings(server).schema(schema.clone()), runtime())).unwrap();
    eye.ask(&format!(
        "GRANT USAGE ON SCHEMA {name} TO clerk; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {name} TO clerk"
    ));
    begin(&open(as_clerk), 1);
}

#[test]
fn a_database_in_another_encoding_is_refused() {
    let Some(server) = PostgresServer::shared() else { return };
    let eye = Stranger::connect(server);
    eye.ask("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'");
    let latin = server.url().replace("dbname=postgres", "dbname=latin");
    let error = refused(Settings::parse(&latin).unwrap());
    assert!(matches!(&error, OpenError::Encoding { found } if found == "LATIN1"), "{error}");
}

#[test]
fn a_server_that_is_not_there_is_unavailable() {
    let nowhere = Settings::parse("host=/nonexistent user=test dbname=postgres").unwrap();
    let error = refused(nowhere);
    assert!(matches!(error, OpenError::Unavailable { .. }), "{error}");
}

#[test]
fn a_store_opens_without_a_runtime_of_the_callers() {
    let Some(server) = PostgresServer::shared() else { return };
    let store = block_on(PostgresStore::open(&server.url())).unwrap();
    begin(&store, 1);
    assert_eq!(store.tenant().as_str(), "default");
    let eye = Stranger::connect(server);
    assert_eq!(eye.ask("SELECT count(*) FROM oauth.family"), ["1"]);
    block_on(store.close());
    block_on(store.database().close());
    // its threads may end on an executor's thread
    common::on_runtime(async move { drop(store) });
}
