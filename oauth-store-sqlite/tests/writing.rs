//! The writer: groups, dropped callers, a full queue; and what it leaves on the disk.

mod common;

use std::fs;
use std::path::Path;
use std::pin::Pin;

use common::refresh::{begin, refresh_digest, rotation, state};
use common::{Directory, NOW, digest, family_id, poll_once, stranger, token};
use oauth_core::store::{
    ClientRegistry, ClientSecretRecord, GrantStore, InsertToken, PasswordHash, Refreshed, Rotate, SecretHash,
    StoreError, StoreErrorKind,
};
use oauth_core::types::{SecretDigest, Timestamp, TokenDigest};
use oauth_store_sqlite::{Database, SqliteStore};
use oauth_testkit::block_on;
use rusqlite::Connection;

type Inserting<'a> = Pin<Box<dyn Future<Output = Result<InsertToken, StoreError>> + Send + 'a>>;

/// Holds the write lock until it is dropped.
struct Lock(Connection);

impl Lock {
    fn on(file: &Path) -> Self {
        let connection = stranger(file);
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        Self(connection)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.execute_batch("COMMIT").unwrap();
    }
}

/// Transactions in a write-ahead log: frames that carry the size of the database after a commit.
fn commits(directory: &Directory) -> usize {
    const HEADER: usize = 32;
    const FRAME: usize = 24 + 4096;
    let log = fs::read(directory.path().join("oauth.db-wal")).unwrap();
    let salt = &log[16..24];
    log[HEADER..].chunks_exact(FRAME).filter(|frame| &frame[8..16] == salt && frame[4..8] != [0; 4]).count()
}

fn inserts<'a>(store: &'a SqliteStore, numbers: impl Iterator<Item = u64>) -> Vec<Inserting<'a>> {
    numbers.map(|n| store.insert_access_token(token(n, None))).collect()
}

#[test]
fn concurrent_operations_share_commits_and_all_are_durable() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    assert_eq!(block_on(store.insert_access_token(token(1000, None))).unwrap(), InsertToken::Inserted);
    let before = commits(&directory);
    let lock = Lock::on(&directory.file());
    let mut waiting = inserts(&store, 0..64);
    assert!(waiting.iter_mut().all(|insert| poll_once(insert).is_none()), "the lock holds the writer");
    drop(lock);
    for insert in waiting {
        assert_eq!(block_on(insert).unwrap(), InsertToken::Inserted);
    }
    // The writer took the first before the others came, or some of them with it; then all that waited.
    let shared = commits(&directory) - before;
    assert!((1..=2).contains(&shared), "64 operations took {shared} commits");
    for n in 0..64 {
        let alone = commits(&directory);
        assert_eq!(block_on(store.insert_access_token(token(100 + n, None))).unwrap(), InsertToken::Inserted);
        assert_eq!(commits(&directory), alone + 1, "the test sees commits");
    }
    // What the disk would hold if the machine stopped now.
    let crashed = directory.path().join("crashed.db");
    fs::copy(directory.file(), &crashed).unwrap();
    fs::copy(directory.path().join("oauth.db-wal"), directory.path().join("crashed.db-wal")).unwrap();
    let rows: i64 = stranger(&crashed).query_row("SELECT count(*) FROM access_token", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 129);
}

#[test]
fn what_was_enqueued_happens_though_its_caller_is_gone() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    let lock = Lock::on(&directory.file());
    let mut waiting = inserts(&store, 0..8);
    assert!(waiting.iter_mut().all(|insert| poll_once(insert).is_none()));
    drop(waiting);
    let mut closing = Box::pin(store.database().close());
    assert!(poll_once(&mut closing).is_none(), "close waits for what was accepted");
    drop(lock);
    block_on(closing);
    let store = SqliteStore::open(directory.file()).unwrap();
    for n in 0..8 {
        assert!(block_on(store.find_access_token(&digest(n))).unwrap().is_some(), "token {n}");
    }
}

#[test]
fn closing_one_tenant_waits_for_what_it_accepted() {
    let directory = Directory::new();
    let database = Database::open(directory.file()).unwrap();
    let [store, other] = ["one", "other"].map(|name| database.tenant(name.parse().unwrap()));
    let lock = Lock::on(&directory.file());
    let mut waiting = inserts(&store, 0..8);
    assert!(waiting.iter_mut().all(|insert| poll_once(insert).is_none()));
    drop(waiting);
    let mut closing = store.close();
    assert!(poll_once(&mut closing).is_none());
    drop(lock);
    block_on(closing);
    let rows = "SELECT count(*) FROM access_token";
    assert_eq!(stranger(&directory.file()).query_row(rows, [], |row| row.get::<_, i64>(0)).unwrap(), 8);
    assert_eq!(block_on(other.raise_clock_mark(NOW)).unwrap(), NOW);
}

#[test]
fn a_store_that_is_dropped_without_close_still_does_what_it_accepted() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    let lock = Lock::on(&directory.file());
    let mut waiting = inserts(&store, 0..8);
    assert!(waiting.iter_mut().all(|insert| poll_once(insert).is_none()));
    drop(waiting);
    drop(store);
    drop(lock);
    let other = stranger(&directory.file());
    let count = || other.query_row("SELECT count(*) FROM access_token", [], |row| row.get::<_, i64>(0)).unwrap();
    // Nobody can wait for that thread, so look until it is done.
    assert!((0..100_000).any(|_| count() == 8));
}

#[test]
fn a_full_queue_is_unavailable_at_once_and_loses_nothing_it_took() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    let lock = Lock::on(&directory.file());
    let (mut taken, mut refused) = (Vec::new(), 0);
    for (n, mut insert) in (0..).zip(inserts(&store, 0..1500)) {
        match poll_once(&mut insert) {
            None => taken.push((n, insert)),
            Some(answer) => {
                assert_eq!(answer.unwrap_err().kind(), StoreErrorKind::Unavailable);
                refused += 1;
            }
        }
    }
    // 1,024 wait, and up to 128 were taken by the writer before.
    assert!((1500 - 1024 - 128..=1500 - 1024).contains(&refused), "{refused} refused");
    drop(lock);
    let accepted = taken.len();
    for (n, insert) in taken {
        assert_eq!(block_on(insert).unwrap(), InsertToken::Inserted, "token {n}");
    }
    let other = stranger(&directory.file());
    let rows: usize =
        other.query_row("SELECT count(*) FROM access_token", [], |row| row.get::<_, u32>(0)).unwrap() as _;
    assert_eq!(rows, accepted);
}

#[test]
fn readers_do_not_wait_for_the_writer() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    assert_eq!(block_on(store.insert_access_token(token(1, None))).unwrap(), InsertToken::Inserted);
    let lock = Lock::on(&directory.file());
    let mut insert = inserts(&store, 2..3).remove(0);
    assert!(poll_once(&mut insert).is_none());
    assert!(block_on(store.find_access_token(&digest(1))).unwrap().is_some());
    assert!(block_on(store.find_access_token(&digest(2))).unwrap().is_none());
    drop(lock);
    assert_eq!(block_on(insert).unwrap(), InsertToken::Inserted);
    assert!(block_on(store.find_access_token(&digest(2))).unwrap().is_some(), "an acknowledged write is seen");
}

#[test]
fn a_lock_that_is_never_released_is_unavailable_for_all_at_once_and_passes() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    let lock = Lock::on(&directory.file());
    // Three groups: the second and the third do not wait anew.
    let mut waiting = inserts(&store, 0..300);
    assert!(waiting.iter_mut().all(|insert| poll_once(insert).is_none()));
    let first = block_on(waiting.remove(0)).unwrap_err();
    drop(lock);
    assert_eq!(first.kind(), StoreErrorKind::Unavailable, "{first}");
    for insert in waiting {
        assert_eq!(block_on(insert).unwrap_err().kind(), StoreErrorKind::Unavailable);
    }
    assert_eq!(block_on(store.raise_clock_mark(Timestamp::from_millis(5))).unwrap().millis(), 5, "nothing was written");
}

#[test]
fn a_family_is_one_row_after_a_thousand_rotations() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    begin(&store, 1);
    let pages = || stranger(&directory.file()).query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0)).unwrap();
    let pages_before = pages();
    for generation in 1..=1000 {
        let held = state(&store, 1);
        let rotate = Rotate { access_token: None, ..rotation(1, &held, refresh_digest(1, generation), 0) };
        assert_eq!(block_on(store.rotate(rotate)).unwrap(), Refreshed::Done);
    }
    assert_eq!(state(&store, 1).generation, 1000);
    let eye = stranger(&directory.file());
    let mut tables = eye.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let count = |table: String| -> i64 {
        eye.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    let rows: i64 = tables.query_map([], |row| row.get(0)).unwrap().map(|table| count(table.unwrap())).sum();
    assert_eq!(rows, 1, "in all tables together");
    assert_eq!(pages(), pages_before);
}

#[test]
fn the_files_hold_digests_and_no_plaintext() {
    const SECRET: &[u8] = b"plain-client-secret-that-nobody-may-find";
    const TOKEN: &[u8] = b"plain-access-token-that-nobody-may-find";
    let sha256 = |bytes| <[u8; 32]>::try_from(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref()).unwrap();
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    let secret =
        |id: &str, hash| ClientSecretRecord { id: id.parse().unwrap(), hash, created_at: NOW, expires_at: None };
    let mut client = common::client("app");
    client.secrets = vec![
        secret("1", SecretHash::Generated(SecretDigest::from_bytes(sha256(SECRET)))),
        secret("2", SecretHash::Chosen(PasswordHash::from_phc("$argon2id$v=19$the-hash"))),
    ];
    let _ = block_on(store.register(client)).unwrap();
    let mut record = token(1, None);
    record.digest = TokenDigest::from_bytes(sha256(TOKEN));
    assert_eq!(block_on(store.insert_access_token(record)).unwrap(), InsertToken::Inserted);
    let files: Vec<u8> =
        fs::read_dir(directory.path()).unwrap().flat_map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    let holds = |needle: &[u8]| files.windows(needle.len()).any(|window| window == needle);
    assert!(holds(&sha256(TOKEN)) && holds(b"$argon2id$v=19$the-hash"), "the test sees what is there");
    assert!(!holds(SECRET) && !holds(TOKEN));
    // Nor does an error or a debug print give away more than a row's place.
    assert!(!format!("{store:?}").contains("plain"));
    assert!(block_on(store.find_family(&family_id(1))).unwrap().is_none());
}
