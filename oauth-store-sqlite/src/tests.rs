//! What can only be seen from inside: pragmas of every connection, plans of every statement, failures of the disk.

use std::sync::{Arc, Barrier};

use oauth_core::store::{GrantStore, StoreErrorKind};
use oauth_core::types::{Tenant, Timestamp};
use rusqlite::Connection;

use crate::error::Failure;
use crate::{Database, SqliteStore};

use self::directory::Directory;

#[path = "../tests/common/directory.rs"]
#[expect(unreachable_pub, reason = "shared with the integration tests")]
mod directory;
mod plans;
mod trail;

fn open(directory: &Directory) -> SqliteStore {
    SqliteStore::open(directory.file()).unwrap()
}

/// The settings of one connection.
#[derive(Debug, PartialEq)]
struct Pragmas {
    journal_mode: String,
    synchronous: i64,
    fullfsync: i64,
    journal_size_limit: i64,
    query_only: i64,
}

fn pragmas(connection: &Connection) -> Pragmas {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get(0)).unwrap();
    Pragmas {
        journal_mode: connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap(),
        synchronous: number("synchronous"),
        fullfsync: number("fullfsync"),
        journal_size_limit: number("journal_size_limit"),
        query_only: number("query_only"),
    }
}

#[tokio::test]
async fn durability_is_in_force_on_every_connection() {
    const FULL: i64 = 2;
    let directory = Directory::new();
    let store = open(&directory);
    let readers = std::thread::available_parallelism().unwrap().get().clamp(2, 4);
    // Each read holds its thread until all threads are held: together they see every connection once.
    let barrier = Arc::new(Barrier::new(readers));
    let reads: Vec<_> = (0..readers)
        .map(|_| {
            let (store, barrier) = (store.clone(), Arc::clone(&barrier));
            tokio::spawn(async move {
                let look = move |connection: &Connection, _: &str| {
                    barrier.wait();
                    Ok(pragmas(connection))
                };
                store.read(look).await.unwrap()
            })
        })
        .collect();
    let expected = |query_only| Pragmas {
        journal_mode: "wal".into(),
        synchronous: FULL,
        fullfsync: 1,
        journal_size_limit: 16 << 20,
        query_only,
    };
    for read in reads {
        assert_eq!(read.await.unwrap(), expected(1));
    }
    let written = store.write(|connection, _| Ok(connection.path().map(str::to_owned))).await.unwrap();
    assert!(written.is_some_and(|path| path.ends_with("oauth.db")));
    assert_eq!(store.write(|connection, _| Ok(pragmas(connection))).await.unwrap(), expected(0));
    store.close().await;
}

/// Lets the file grow to so many pages; SQLite raises the number to the present size.
async fn limit_pages(store: &SqliteStore, pages: u32) {
    let pragma = format!("PRAGMA max_page_count = {pages}");
    store.write(move |connection, _| Ok(connection.execute_batch(&pragma)?)).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_passes() {
    let directory = Directory::new();
    let store = open(&directory);
    let big = |connection: &Connection, tenant: &str| {
        connection
            .execute("INSERT INTO login (tenant, login, subject) VALUES (?1, hex(randomblob(20000)), 'a')", [tenant])?;
        Ok(())
    };
    limit_pages(&store, 1).await;
    let error = loop {
        if let Err(error) = store.write(big).await {
            break error;
        }
    };
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    assert_eq!(store.raise_clock_mark(Timestamp::from_millis(i64::MIN)).await.unwrap().millis(), i64::MIN);
    limit_pages(&store, 1 << 30).await;
    store.write(big).await.unwrap();
}

#[tokio::test]
async fn a_job_that_fails_in_a_group_harms_no_neighbour() {
    let directory = Directory::new();
    let store = open(&directory);
    // The first job holds the writer until all others are enqueued, so that they share one transaction.
    let gate = Arc::new(Barrier::new(2));
    let held = Arc::clone(&gate);
    let holder = {
        let store = store.clone();
        tokio::spawn(async move {
            let hold = move |_: &Connection, _: &str| {
                held.wait();
                Ok(())
            };
            store.write(hold).await
        })
    };
    let jobs: Vec<_> = (0..60)
        .map(|n: i64| {
            let store = store.clone();
            tokio::spawn(async move {
                let job = move |connection: &Connection, tenant: &str| {
                    let key = format!("{n}");
                    connection.execute("INSERT INTO login VALUES (?1, ?2, 'a')", [tenant, &key])?;
                    match n % 3 {
                        0 => Ok(n),
                        1 => Err(Failure::row("login", "planted")),
                        // The second row breaks the primary key after the first was written.
                        _ => {
                            connection.execute("INSERT INTO login VALUES (?1, ?2, 'a')", [tenant, &key])?;
                            Ok(n)
                        }
                    }
                };
                store.write(job).await
            })
        })
        .collect();
    tokio::task::yield_now().await; // the current-thread runtime polls each task once, which enqueues its job
    gate.wait();
    holder.await.unwrap().unwrap();
    for (n, job) in (0..).zip(jobs) {
        let kind = job.await.unwrap().map_err(|error| error.kind());
        assert_eq!(
            kind,
            match n % 3 {
                0 => Ok(n),
                1 => Err(StoreErrorKind::Corrupt),
                _ => Err(StoreErrorKind::Unavailable),
            }
        );
    }
    let kept = |connection: &Connection, _: &str| {
        Ok(connection.query_row("SELECT count(*), sum(login % 3) FROM login", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })?)
    };
    assert_eq!(store.read(kept).await.unwrap(), (20, 0));
}

#[tokio::test]
async fn a_row_that_does_not_parse_is_corrupt_and_not_absent() {
    let directory = Directory::new();
    let store = open(&directory);
    let tenant = Tenant::default_tenant();
    let user = oauth_core::store::User {
        subject: "alice".parse().unwrap(),
        active: true,
        scope: Some("a b".parse().unwrap()),
        password: None,
    };
    let _ = store.insert_user(user, &["a"]).await.unwrap();
    for scope in ["'[\"a b\"]'", "'[\"\"]'", "'[\"a\",\"a\"]'", "'a b'", "''", "'[1]'"] {
        let breaks = format!("UPDATE user SET scope = {scope} WHERE tenant = ?1");
        store.write(move |connection, tenant| Ok(connection.execute(&breaks, [tenant])?)).await.unwrap();
        let found = oauth_core::store::UserStore::find_by_login(&store, "a").await;
        assert_eq!(found.unwrap_err().kind(), StoreErrorKind::Corrupt, "{scope}");
    }
    assert_eq!(store.tenant(), &tenant);
}

#[tokio::test]
async fn two_databases_of_one_file_share_a_writer_and_close_apart() {
    let directory = Directory::new();
    let one = open(&directory);
    let other = Database::open(format!("sqlite:{}", directory.file().display())).unwrap();
    let other = other.tenant(Tenant::default_tenant());
    let thread = |_: &Connection, _: &str| Ok(std::thread::current().id());
    assert_eq!(one.write(thread).await.unwrap(), other.write(thread).await.unwrap());
    one.close().await;
    one.close().await;
    assert_eq!(one.write(thread).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert_eq!(one.read(thread).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert_eq!(other.raise_clock_mark(Timestamp::from_millis(7)).await.unwrap().millis(), 7);
    other.database().close().await;
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["oauth.db"], "the last one to close folds the WAL into the file");
}

#[tokio::test]
async fn a_thread_that_panics_leaves_nobody_waiting_and_opening_again_mends_it() {
    let directory = Directory::new();
    let mark = |store: SqliteStore| async move { store.raise_clock_mark(Timestamp::from_millis(7)).await };
    for panics_in_the_writer in [true, false] {
        let store = open(&directory);
        if panics_in_the_writer {
            let gate = Arc::new(Barrier::new(2));
            let held = Arc::clone(&gate);
            let panicking = tokio::spawn({
                let store = store.clone();
                async move {
                    let job = move |_: &Connection, _: &str| -> Result<(), Failure> {
                        held.wait();
                        panic!("planted");
                    };
                    store.write(job).await
                }
            });
            tokio::task::yield_now().await;
            let waiting = tokio::spawn(mark(store.clone()));
            tokio::task::yield_now().await;
            gate.wait();
            assert_eq!(panicking.await.unwrap().unwrap_err().kind(), StoreErrorKind::Unavailable);
            assert_eq!(waiting.await.unwrap().unwrap_err().kind(), StoreErrorKind::Unavailable);
            assert_eq!(mark(store.clone()).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
        } else {
            // Each panic ends one of the threads; the last leaves nobody.
            for _ in 0..8 {
                let job = |_: &Connection, _: &str| -> Result<(), Failure> { panic!("planted") };
                assert_eq!(store.read(job).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
            }
        }
        let again = open(&directory);
        assert_eq!(mark(again.clone()).await.unwrap().millis(), 7);
        assert!(again.read(|connection, _| Ok(connection.is_autocommit())).await.unwrap());
        store.close().await;
        again.close().await;
    }
}

#[tokio::test]
async fn purge_takes_some_of_every_kind() {
    let directory = Directory::new();
    let store = open(&directory);
    // Families 1 to 100 have ended; 101 to 200 live, with salts that expired.
    let fill = |connection: &Connection, _: &str| {
        Ok(connection.execute_batch(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 100)
             INSERT INTO access_token (tenant, digest, id, client, scope, audience, resource, issued_at, expires_at,
                                       extra)
                 SELECT 'default', CAST(n AS BLOB), n, 'c', '[]', '[]', '[]', 0, 1, x'' FROM n;
             INSERT INTO tombstone VALUES ('default', 'a', 1), ('default', 'b', 1);
             INSERT INTO claim SELECT 'default', digest, 1 FROM access_token LIMIT 50;
             INSERT INTO strike SELECT 'default', digest, 1, 1 FROM access_token LIMIT 50;
             INSERT INTO family (tenant, id, client, subject, scope, resource, issued_at, seen_at, absolute_expires_at,
                                 extra)
                 SELECT 'default', digest, 'c', 's', '[]', '[]', 0, 0, 1, x'' FROM access_token;
             INSERT INTO family (tenant, id, client, subject, scope, resource, handle, current_digest, salt,
                                 salt_expires_at, issued_at, seen_at, absolute_expires_at, extra)
                 SELECT 'default', CAST(id + 100 AS BLOB), 'c', 's', '[]', '[]', digest, digest, x'00', 1, 0, 0, 9, x''
                 FROM access_token;
             INSERT INTO authorization_request (tenant, handle, origin, client, redirect_uri, request, state, resource,
                                                begun_at, expires_at, extra)
                 SELECT 'default', digest, 'plain', 'c', 'u', x'', 'begun', '[]', 0, 1, x'' FROM access_token;
             INSERT INTO code (tenant, digest, client, subject, scope, redirect_uri, resource, issued_at, expires_at,
                               keep_until, extra)
                 SELECT 'default', digest, 'c', 's', '[]', 'u', '[]', 0, 1, 1 + 8 * (CAST(id AS INTEGER) > 60), x'' FROM access_token;
             INSERT INTO consent SELECT 'default', 's', id, 'u', '[]', '[]', 0, 1, x'' FROM access_token LIMIT 70;",
        )?)
    };
    store.write(fill).await.unwrap();
    let rows = |connection: &Connection, _: &str| {
        let count = "SELECT (SELECT count(*) FROM family), (SELECT count(*) FROM family WHERE salt IS NOT NULL),
                            (SELECT count(*) FROM claim), (SELECT count(*) FROM strike),
                            (SELECT count(*) FROM tombstone), (SELECT count(*) FROM access_token),
                            (SELECT count(*) FROM authorization_request), (SELECT count(*) FROM code),
                            (SELECT count(*) FROM consent)";
        let row = |row: &rusqlite::Row<'_>| (0..9).map(|column| row.get(column)).collect::<Result<Vec<i64>, _>>();
        Ok(connection.query_row(count, [], row)?)
    };
    assert_eq!(store.read(rows).await.unwrap(), [200, 100, 50, 50, 2, 100, 100, 100, 70]);
    let before = Timestamp::from_millis(2);
    let purged = store.purge_expired(before, 27).await.unwrap();
    assert_eq!((purged.rows, purged.more), (27, true));
    let left = [197, 97, 47, 47, 0, 97, 96, 97, 67];
    assert_eq!(store.read(rows).await.unwrap(), left, "three each, and what the tombstones left");
    let purged = store.purge_expired(before, 1000).await.unwrap();
    assert_eq!((purged.rows, purged.more), (605, false));
    let left = [100, 0, 0, 0, 0, 0, 0, 40, 0];
    assert_eq!(store.read(rows).await.unwrap(), left, "families that live and codes that were redeemed");
}

#[tokio::test]
async fn a_failure_that_many_share_is_told_once_in_one_sentence() {
    let directory = Directory::new();
    let store = open(&directory);
    store.write(|connection, _| Ok(connection.execute_batch("PRAGMA user_version = 9999")?)).await.unwrap();
    let text = store.raise_clock_mark(Timestamp::from_millis(7)).await.unwrap_err().to_string();
    assert_eq!(text.matches("unavailable").count(), 1, "{text}");
}
