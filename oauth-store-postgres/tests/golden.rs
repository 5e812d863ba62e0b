//! Schemas that earlier releases wrote, as SQL, one for each version: each is read by this release, record by record.
//!
//! A new version needs a new one. Add its records to `oauth_testkit::golden`, and then:
//!
//! ```sh
//! cargo test -p oauth-store-postgres --test golden -- --ignored
//! ```

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Stranger, fresh_schema, runtime};
use oauth_core::store::Register;
use oauth_core::types::Tenant;
use oauth_store_postgres::{Database, MIGRATIONS, PostgresStore, Schema, Settings, migrate};
use oauth_testkit::{Fixture, PostgresServer, block_on, golden};

fn golden_file(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/schema_{version}.sql"))
}

fn newest() -> u32 {
    MIGRATIONS.last().unwrap().version
}

fn settings(server: &PostgresServer, schema: &Schema) -> Settings {
    Settings::parse(&server.url()).unwrap().schema(schema.clone())
}

fn fixture(server: &PostgresServer, schema: &Schema) -> Fixture {
    let database = block_on(Database::connect(settings(server, schema), runtime())).unwrap();
    let tenant = |name| Arc::new(database.tenant(Tenant::parse(name).unwrap()));
    Fixture::new(tenant("default"), tenant("other"), |store: &PostgresStore, user, logins| {
        assert_eq!(block_on(store.insert_user(user, logins)).unwrap(), Register::Registered);
    })
}

fn version(eye: &Stranger, schema: &Schema) -> u32 {
    eye.ask(&format!("SELECT max(version) FROM {}.oauth_schema", schema.as_str()))[0].parse().unwrap()
}

#[test]
fn every_schema_has_a_golden_one() {
    assert_eq!(newest(), golden::NEWEST, "oauth_testkit::golden has the records of every schema");
    for migration in MIGRATIONS {
        assert!(golden_file(migration.version).exists(), "the head of this file says how to write it");
    }
}

#[test]
fn what_earlier_releases_wrote_is_read_in_all_its_members() {
    let Some(server) = PostgresServer::shared() else { return };
    let eye = Stranger::connect(server);
    let fresh = fresh_schema();
    block_on(migrate(settings(server, &fresh), runtime())).unwrap();
    for migration in MIGRATIONS {
        let schema = fresh_schema();
        let golden = fs::read_to_string(golden_file(migration.version)).unwrap();
        eye.ask(&format!("BEGIN; CREATE SCHEMA {0}; SET LOCAL search_path = {0}; {golden}; COMMIT", schema.as_str()));
        assert_eq!(version(&eye, &schema), migration.version);
        golden::check(&fixture(server, &schema), migration.version);
        assert_eq!(version(&eye, &schema), newest());
        let [now, expected] = [&schema, &fresh].map(|schema| described(&eye, schema));
        assert_eq!(now, expected, "from schema {}", migration.version);
    }
}

/// Every column, check and index, as PostgreSQL describes them.
fn described(eye: &Stranger, schema: &Schema) -> Vec<String> {
    let name = schema.as_str();
    let lines = eye.ask(&format!(
        "SELECT concat_ws(' ', table_name, column_name, data_type, collation_name, is_nullable, column_default)
         FROM information_schema.columns WHERE table_schema = '{name}'
         UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = '{name}'
         UNION ALL SELECT concat_ws(' ', conrelid::regclass, pg_get_constraintdef(oid))
         FROM pg_constraint WHERE connamespace = '{name}'::regnamespace ORDER BY 1"
    ));
    assert!(lines.len() > 150, "{lines:?}");
    lines.into_iter().map(|line| line.replace(&format!("{name}."), "")).collect()
}

/// Once for each schema, before its release; never over what stands there.
#[test]
#[ignore = "writes the golden schema of the newest version"]
fn write_the_newest_golden_schema() {
    let Some(server) = PostgresServer::shared() else { return };
    let file = golden_file(newest());
    assert!(!file.exists(), "what a release wrote stays as it is");
    let schema = fresh_schema();
    golden::write(&fixture(server, &schema), newest());
    let tables = MIGRATIONS.iter().map(|migration| migration.sql).collect::<Vec<_>>().join("\n");
    let rows = rows(&Stranger::connect(server), &schema).join("\n");
    fs::write(file, format!("{tables}\n-- What golden::write stored.\n{rows}\n")).unwrap();
}

/// Every row as an `INSERT`. Text that is not plain stands as its bytes, so that no editor and no checkout changes it.
fn rows(eye: &Stranger, schema: &Schema) -> Vec<String> {
    let name = schema.as_str();
    let tables = format!(
        "SELECT tablename FROM pg_tables WHERE schemaname = '{name}' AND tablename <> 'oauth_schema' ORDER BY tablename"
    );
    let cell = "CASE
        WHEN data_type = 'bytea' THEN format('quote_nullable(%I)', column_name)
        WHEN data_type = 'text' THEN format($$CASE WHEN %1$I IS NULL THEN 'NULL'
            WHEN %1$I ~ '^[ -~]*$' THEN quote_literal(%1$I)
            ELSE format('convert_from(%%L, ''UTF8'')', convert_to(%1$I, 'UTF8')) END$$, column_name)
        ELSE format($$coalesce(%I::text, 'NULL')$$, column_name) END";
    let of_table = |table: String| {
        let columns =
            format!("FROM information_schema.columns WHERE table_schema = '{name}' AND table_name = '{table}'");
        let names = eye.ask(&format!("SELECT string_agg(column_name, ', ' ORDER BY ordinal_position) {columns}"));
        let cells = eye.ask(&format!("SELECT string_agg({cell}, ', ' ORDER BY ordinal_position) {columns}"));
        let (names, cells) = (&names[0], &cells[0]);
        eye.ask(&format!(
            "SELECT 'INSERT INTO {table} ({names}) VALUES (' || concat_ws(', ', {cells}) || ');'
             FROM {name}.{table} ORDER BY 1"
        ))
    };
    eye.ask(&tables).into_iter().flat_map(of_table).collect()
}
