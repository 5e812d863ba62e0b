//! Databases that earlier releases wrote, one for each schema: each is read by this release, record by record.
//!
//! A new schema needs a new one. Add its records to `oauth_testkit::golden`, and then:
//!
//! ```sh
//! cargo test -p oauth-store-sqlite --test golden -- --ignored
//! ```

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Directory, stranger};
use oauth_core::audit::{AuditSink, Event, LoginHash, What};
use oauth_core::store::Register;
use oauth_core::types::{KeyedHash, Tenant, Timestamp};
use oauth_core::{Refusal, RequestContext};
use oauth_store_sqlite::{AuditQuery, AuditSettings, Database, MIGRATIONS, migrate};
use oauth_testkit::{Fixture, block_on, golden};

fn golden_file(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/schema_{version}.sqlite"))
}

fn newest() -> u32 {
    MIGRATIONS.last().unwrap().version
}

fn fixture(database: &Database) -> Fixture {
    let tenant = |name| Arc::new(database.tenant(Tenant::parse(name).unwrap()));
    Fixture::new(tenant("default"), tenant("other"), |store, user, logins| {
        assert_eq!(block_on(store.insert_user(user, logins)).unwrap(), Register::Registered);
    })
}

/// With all that an event can have, and with nothing.
fn events() -> [Event; 2] {
    let plain = Event {
        at: Timestamp::from_millis(1_800_000_000_000),
        correlation_id: RequestContext::without_request().correlation_id,
        peer: None,
        client: None,
        subject: None,
        login: None,
        scope: None,
        what: What::CutOff,
    };
    let full = Event {
        at: Timestamp::from_millis(1_800_000_000_001),
        peer: Some("2001:db8::1".parse().unwrap()),
        client: Some("https://app.example/?'\"".parse().unwrap()),
        subject: Some("alice é漢🦀'\"".parse().unwrap()),
        login: Some(LoginHash { key: "k1".parse().unwrap(), hash: KeyedHash::from_bytes([7; 32]) }),
        scope: Some("a b".parse().unwrap()),
        what: What::Refused(Refusal::ClientSecretWrong),
        ..plain.clone()
    };
    [plain, full]
}

/// The same as they stand in the files.
const TRAIL: [&str; 2] = [
    r#"{"at":1800000000000,"event":"cutoff","request":"0000000000000000"}"#,
    r#"{"at":1800000000001,"client":"https://app.example/?'\"","error":"invalid_client","event":"refused","login_hash":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc","login_key":"k1","peer":"2001:db8::1","reason":"client.secret_wrong","request":"0000000000000000","scope":"a b","subject":"alice é漢🦀'\""}"#,
];

/// The events as they were told, found by each of their columns.
fn check_trail(database: &Database) {
    let store = database.tenant(Tenant::default_tenant());
    let found = |query| -> Vec<_> {
        block_on(store.audit_events(query)).unwrap().into_iter().map(|event| (event.at, event.json)).collect()
    };
    let [plain, full] = [0, 1].map(|number| vec![(events()[number].at, TRAIL[number].to_owned())]);
    assert_eq!(found(AuditQuery::default()), [plain.clone(), full.clone()].concat());
    let by = |narrow: fn(&mut AuditQuery, Event)| {
        let mut query = AuditQuery::default();
        let [_, event] = events();
        narrow(&mut query, event);
        found(query)
    };
    assert_eq!(by(|query, event| query.client = event.client), full);
    assert_eq!(by(|query, event| query.subject = event.subject), full);
    assert_eq!(by(|query, event| query.event = Some(event.what.id().to_owned())), full);
    assert_eq!(by(|query, _| query.reason = Some(Refusal::ClientSecretWrong.id().to_owned())), full);
    assert_eq!(by(|query, event| query.until = Some(event.at)), plain);
}

#[test]
fn every_schema_has_a_golden_database() {
    assert_eq!(newest(), golden::NEWEST, "oauth_testkit::golden has the records of every schema");
    for migration in MIGRATIONS {
        assert!(golden_file(migration.version).exists(), "the head of this file says how to write it");
    }
}

#[test]
fn what_earlier_releases_wrote_is_read_in_all_its_members() {
    for migration in MIGRATIONS {
        let directory = Directory::new();
        fs::copy(golden_file(migration.version), directory.file()).unwrap();
        let version =
            |eye: rusqlite::Connection| -> u32 { eye.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap() };
        assert_eq!(version(stranger(&directory.file())), migration.version, "nobody migrated the golden file itself");
        let database = Database::open(directory.file()).unwrap();
        golden::check(&fixture(&database), migration.version);
        check_trail(&database);
        assert_eq!(version(stranger(&directory.file())), newest());
        assert_eq!(schema_of(&directory), fresh_schema(), "from schema {}", migration.version);
    }
}

/// Every table and index, as SQL.
fn schema_of(directory: &Directory) -> Vec<(String, Option<String>)> {
    let eye = stranger(&directory.file());
    let mut query = eye.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").unwrap();
    query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

fn fresh_schema() -> Vec<(String, Option<String>)> {
    let directory = Directory::new();
    migrate(directory.file()).unwrap();
    schema_of(&directory)
}

/// Once for each schema, before its release; never over what stands there.
#[test]
#[ignore = "writes the golden database of the newest schema"]
fn write_the_newest_golden_database() {
    let file = golden_file(newest());
    assert!(!file.exists(), "what a release wrote stays as it is");
    let database = Database::open(&file).unwrap();
    golden::write(&fixture(&database), newest());
    let store = database.tenant(Tenant::default_tenant());
    let sink = store.audit_sink(AuditSettings::default());
    events().iter().for_each(|event| sink.record(event).unwrap());
    block_on(sink.flush()).unwrap();
    block_on(database.close());
}
