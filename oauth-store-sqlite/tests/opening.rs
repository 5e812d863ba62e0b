//! What is opened, made, migrated and refused.

mod common;

use std::fs;

use common::{Directory, NOW, client, stranger};
use oauth_core::store::{ClientRegistry, ClientStore, GrantStore, Register, StoreErrorKind};
use oauth_core::types::Timestamp;
use oauth_store_sqlite::{Database, MIGRATIONS, OpenError, SqliteStore, migrate};
use oauth_testkit::block_on;

#[test]
fn what_was_written_is_there_after_reopening() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    let written = client("https://app.example/?a=%20");
    assert_eq!(block_on(store.register(written.clone())).unwrap(), Register::Registered);
    block_on(store.close());
    let url = format!("sqlite:{}", directory.file().display());
    let store = SqliteStore::open(url).unwrap();
    assert_eq!(block_on(store.find(&written.id)).unwrap().as_deref(), Some(&written));
}

#[test]
fn a_file_without_close_is_read_as_a_crash_left_it() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    assert_eq!(block_on(store.raise_clock_mark(NOW)).unwrap(), NOW);
    // What the disk would hold if the machine stopped now.
    let crashed = directory.path().join("crashed.db");
    fs::copy(directory.file(), &crashed).unwrap();
    fs::copy(directory.path().join("oauth.db-wal"), directory.path().join("crashed.db-wal")).unwrap();
    let found = SqliteStore::open(&crashed).unwrap();
    assert_eq!(block_on(found.raise_clock_mark(Timestamp::from_millis(i64::MIN))).unwrap(), NOW);
}

#[test]
fn a_store_that_was_opened_alone_lets_go_of_the_file_with_the_last_of_its_tenants() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    let other = store.database().tenant("other".parse().unwrap());
    drop(store.database().tenant("third".parse().unwrap()));
    let files = || fs::read_dir(directory.path()).unwrap().count();
    block_on(store.close());
    block_on(store.close());
    assert!(block_on(store.raise_clock_mark(NOW)).is_err());
    assert_eq!(block_on(other.raise_clock_mark(NOW)).unwrap(), NOW);
    assert_eq!(files(), 3, "the database, its log and the log's index");
    block_on(other.close());
    assert_eq!(files(), 1);
}

#[test]
fn a_database_outlives_its_stores_and_closes_them_all() {
    let directory = Directory::new();
    let database = Database::open(directory.file()).unwrap();
    let [one, other] = ["one", "other"].map(|name| database.tenant(name.parse().unwrap()));
    block_on(one.close());
    let again = database.tenant("one".parse().unwrap());
    assert_eq!(block_on(again.raise_clock_mark(NOW)).unwrap(), NOW);
    block_on(database.close());
    assert!(block_on(again.raise_clock_mark(NOW)).is_err());
    assert!(block_on(other.raise_clock_mark(NOW)).is_err());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let directory = Directory::new();
    migrate(directory.file()).unwrap();
    stranger(&directory.file()).execute_batch("PRAGMA user_version = 9999").unwrap();
    let before = fs::read(directory.file()).unwrap();
    let error = Database::open(directory.file()).unwrap_err();
    let known = MIGRATIONS.last().unwrap().version;
    assert!(matches!(error, OpenError::Newer { found: 9999, known: newest, .. } if newest == known), "{error}");
    assert_eq!(fs::read(directory.file()).unwrap(), before);
}

#[test]
fn files_of_others_are_refused_and_left_alone() {
    let directory = Directory::new();
    type Make = fn(&Directory);
    let others: [(&str, Make); 4] = [
        ("its own tables", |d| stranger(&d.file()).execute_batch("CREATE TABLE client (id)").unwrap()),
        ("its own schema version", |d| stranger(&d.file()).execute_batch("PRAGMA user_version = 3").unwrap()),
        ("its own mark", |d| stranger(&d.file()).execute_batch("PRAGMA application_id = 3").unwrap()),
        ("no database", |d| fs::write(d.file(), "To be, or not to be, that is the question. ".repeat(50)).unwrap()),
    ];
    for (what, make) in others {
        let _ = fs::remove_file(directory.file());
        make(&directory);
        let before = fs::read(directory.file()).unwrap();
        let error = Database::open(directory.file()).unwrap_err();
        assert!(matches!(error, OpenError::Foreign { .. }), "{what}: {error}");
        assert_eq!(fs::read(directory.file()).unwrap(), before, "{what}");
    }
}

#[test]
fn a_damaged_file_is_corrupt() {
    let directory = Directory::new();
    migrate(directory.file()).unwrap();
    let mut bytes = fs::read(directory.file()).unwrap();
    bytes[100..4096].fill(0xff);
    fs::write(directory.file(), bytes).unwrap();
    let error = Database::open(directory.file()).unwrap_err();
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let error = Database::open("/no/such/directory/a.db").unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    assert!(error.to_string().contains("/no/such/directory/a.db"));
}

#[test]
fn an_empty_file_becomes_a_database_and_migrating_again_changes_nothing() {
    let directory = Directory::new();
    fs::write(directory.file(), "").unwrap();
    migrate(directory.file()).unwrap();
    let before = fs::read(directory.file()).unwrap();
    migrate(directory.file()).unwrap();
    assert_eq!(fs::read(directory.file()).unwrap(), before);
}

#[test]
fn the_schema_may_be_applied_by_other_tools() {
    let directory = Directory::new();
    let mut tool = stranger(&directory.file());
    let step = tool.transaction().unwrap();
    for migration in MIGRATIONS {
        step.execute_batch(migration.sql).unwrap();
    }
    step.commit().unwrap();
    drop(tool);
    let store = SqliteStore::open(directory.file()).unwrap();
    assert_eq!(block_on(store.raise_clock_mark(NOW)).unwrap(), NOW);
}

#[test]
fn a_file_of_the_first_schema_is_migrated_and_keeps_its_rows() {
    let directory = Directory::new();
    let eye = stranger(&directory.file());
    eye.execute_batch(MIGRATIONS[0].sql).unwrap();
    eye.execute_batch(
        "INSERT INTO login VALUES ('default', 'alice@example.org', 'alice');
         INSERT INTO cutoff VALUES ('default', 'subject', 'bob', 5), ('default', 'everything', '', 1);
         INSERT INTO clock_mark VALUES ('default', 7)",
    )
    .unwrap();
    let version = || eye.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0)).unwrap();
    assert_eq!(version(), 1);
    let store = SqliteStore::open(directory.file()).unwrap();
    assert_eq!(version(), MIGRATIONS.last().unwrap().version);
    let rows = "SELECT (SELECT group_concat(login || subject) FROM login),
                       (SELECT group_concat(kind || key || at, ' ') FROM cutoff)";
    let rows: [String; 2] = eye.query_row(rows, [], |row| Ok([row.get(0)?, row.get(1)?])).unwrap();
    assert_eq!(rows, ["alice@example.orgalice", "everything1 subjectbob5"]);
    assert_eq!(block_on(store.raise_clock_mark(Timestamp::from_millis(i64::MIN))).unwrap().millis(), 7);
}

#[test]
fn the_sealing_key_lies_beside_the_file() {
    let directory = Directory::new();
    let database = Database::open(directory.file()).unwrap();
    let canonical = directory.file().canonicalize().unwrap();
    assert_eq!(database.sealing_key_path().to_str().unwrap(), format!("{}.sealing-key", canonical.display()));
    assert!(!database.sealing_key_path().exists());
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    assert_eq!(block_on(store.raise_clock_mark(NOW)).unwrap(), NOW);
    let mut files = 0;
    for entry in fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
        files += 1;
    }
    assert_eq!(files, 3, "the database, its log and the log's index");
}

#[cfg(unix)]
#[test]
fn a_file_with_a_second_name_is_refused_until_it_has_one() {
    let directory = Directory::new();
    migrate(directory.file()).unwrap();
    let twin = directory.path().join("twin.db");
    fs::hard_link(directory.file(), &twin).unwrap();
    for name in [&directory.file(), &twin] {
        let error = Database::open(name).unwrap_err();
        assert!(matches!(error, OpenError::Location { .. }), "{error}");
        assert!(error.to_string().contains("remove the other name"), "{error}");
        assert!(migrate(name).is_err());
    }
    fs::remove_file(&twin).unwrap();
    Database::open(directory.file()).unwrap();
}

#[cfg(unix)]
#[test]
fn a_file_that_was_replaced_takes_no_writes_until_it_is_opened_again() {
    let directory = Directory::new();
    let old = SqliteStore::open(directory.file()).unwrap();
    assert_eq!(block_on(old.raise_clock_mark(NOW)).unwrap(), NOW);
    for name in ["oauth.db", "oauth.db-wal", "oauth.db-shm"] {
        fs::rename(directory.path().join(name), directory.path().join(format!("away-{name}"))).unwrap();
    }
    let refused = |store: &SqliteStore| {
        let error = block_on(store.raise_clock_mark(NOW)).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert!(error.to_string().contains("the database file was replaced"), "{error}");
    };
    refused(&old);
    let new = SqliteStore::open(directory.file()).unwrap();
    let mark = Timestamp::from_millis(5);
    assert_eq!(block_on(new.raise_clock_mark(mark)).unwrap(), mark, "another file, another engine");
    refused(&old);
    block_on(old.close());
    assert_eq!(block_on(new.raise_clock_mark(mark)).unwrap(), mark);
}

#[test]
fn a_schema_that_grows_while_the_file_is_open_stops_the_writes() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    let eye = stranger(&directory.file());
    eye.execute_batch("PRAGMA user_version = 9999").unwrap();
    let error = block_on(store.raise_clock_mark(NOW)).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("schema 9999"), "{error}");
    let marks = || eye.query_row("SELECT count(*) FROM clock_mark", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(marks(), 0);
    eye.execute_batch(&format!("PRAGMA user_version = {}", MIGRATIONS.last().unwrap().version)).unwrap();
    assert_eq!(block_on(store.raise_clock_mark(NOW)).unwrap(), NOW);
    assert_eq!(marks(), 1);
}
