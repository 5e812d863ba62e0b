//! The audit trail and the writer: failures of the disk, a writer that ends, and how grants fare beside it.

use std::sync::{Arc, Barrier};

use oauth_core::RequestContext;
use oauth_core::audit::{AuditLost, AuditSink, Event, What};
use oauth_core::store::{GrantStore, StoreErrorKind};
use oauth_core::types::Timestamp;
use rusqlite::Connection;

use super::directory::Directory;
use super::plans::plan;
use super::{limit_pages, open};
use crate::error::Failure;
use crate::{AuditQuery, AuditSettings, SqliteStore, audit};

/// An event by number.
fn event(number: i64) -> Event {
    Event {
        at: Timestamp::from_millis(number),
        correlation_id: RequestContext::without_request().correlation_id,
        peer: None,
        client: Some("app".parse().unwrap()),
        subject: None,
        login: None,
        scope: None,
        what: What::CutOff,
    }
}

fn count(connection: &Connection, _: &str) -> Result<i64, Failure> {
    Ok(connection.query_row("SELECT count(*) FROM audit", [], |row| row.get(0))?)
}

async fn numbers(store: &SqliteStore) -> Vec<i64> {
    let all = AuditQuery { limit: 1000, ..AuditQuery::default() };
    store.audit_events(all).await.unwrap().into_iter().map(|event| event.at.millis()).collect()
}

#[tokio::test]
async fn pages_and_purges_walk_along_the_index_of_what_is_asked() {
    let directory = Directory::new();
    let store = open(&directory);
    for (statement, index) in [
        (audit::PAGE_BY_TIME, "audit_time (tenant=? AND at>? AND at<?)"),
        (audit::PAGE_BY_CLIENT, "audit_client (tenant=? AND client=? AND at>? AND at<?)"),
        (audit::PAGE_BY_SUBJECT, "audit_subject (tenant=? AND subject=? AND at>? AND at<?)"),
        (audit::PAGE_BY_EVENT, "audit_event (tenant=? AND event=? AND at>? AND at<?)"),
        (audit::PURGE, "audit_time (tenant=? AND at<?)"),
        (audit::PURGE_BEYOND, "audit_time (tenant=?)"),
        (audit::PURGE_MORE, "audit_time (tenant=? AND at<?)"),
    ] {
        let plan = store.write(move |connection, _| plan(connection, statement)).await.unwrap();
        assert!(plan.iter().any(|line| line.ends_with(index)), "{statement}\n{plan:#?}");
    }
}

#[tokio::test]
async fn a_full_disk_loses_what_comes_keeps_what_was_accepted_and_mends() {
    let directory = Directory::new();
    let store = open(&directory);
    let sink = store.audit_sink(AuditSettings::default());
    limit_pages(&store, 1).await;
    let long = Event { what: What::ClaimIgnored { claim: "x".repeat(100_000) }, ..event(0) };
    let first = loop {
        sink.record(&long).unwrap();
        if let Err(error) = sink.flush().await {
            break error;
        }
    };
    assert_eq!(first.kind(), StoreErrorKind::Unavailable, "{first}");
    assert!(first.to_string().contains("full"), "{first}");
    for n in 1..=3 {
        assert_eq!(sink.record(&event(n)), Err(AuditLost));
        assert!(sink.flush().await.is_err(), "what was accepted waits");
    }
    assert_eq!(sink.lost(), 3);
    limit_pages(&store, 1 << 30).await;
    sink.flush().await.unwrap();
    sink.record(&event(4)).unwrap();
    sink.flush().await.unwrap();
    let events = numbers(&store).await;
    assert!(events.iter().all(|n| [0, 4].contains(n)) && events.ends_with(&[0, 4]), "{events:?}");
    assert_eq!(sink.lost(), 3);
    let sequences = |connection: &Connection, _: &str| {
        Ok(connection.query_row("SELECT count(*) = max(sequence) FROM audit", [], |row| row.get::<_, bool>(0))?)
    };
    assert!(store.read(sequences).await.unwrap(), "nothing of the failed attempts is left");
}

#[tokio::test]
async fn a_lost_event_starts_the_attempt_that_mends() {
    let directory = Directory::new();
    let store = open(&directory);
    let sink = store.audit_sink(AuditSettings::default());
    let version = |connection: &Connection, _: &str| {
        Ok(connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?)
    };
    let known = store.read(version).await.unwrap();
    let set = |version: i64| {
        // our own writer would refuse to mend it
        Connection::open(directory.file()).unwrap().pragma_update(None, "user_version", version).unwrap();
    };
    set(9999);
    sink.record(&event(1)).unwrap();
    assert!(sink.flush().await.is_err());
    set(known);
    assert_eq!(sink.record(&event(2)), Err(AuditLost));
    store.database().drain().await;
    sink.record(&event(3)).unwrap();
    sink.flush().await.unwrap();
    assert_eq!(numbers(&store).await, [1, 3]);
}

#[tokio::test]
async fn a_commit_that_fails_leaves_nothing_and_the_events_wait_in_order() {
    let directory = Directory::new();
    let store = open(&directory);
    let sink = store.audit_sink(AuditSettings::default());
    // A deferred constraint is judged by COMMIT alone.
    let plant = |connection: &Connection, _: &str| {
        Ok(connection.execute_batch(
            "CREATE TEMP TABLE p (id INTEGER PRIMARY KEY);
             CREATE TEMP TABLE t (n REFERENCES p DEFERRABLE INITIALLY DEFERRED);
             CREATE TEMP TRIGGER planted AFTER INSERT ON main.audit BEGIN INSERT INTO t VALUES (new.at); END;",
        )?)
    };
    store.write(plant).await.unwrap();
    // Foreign keys cannot be switched within a transaction, in which each of our jobs runs.
    let switch = |on: &'static str| {
        move |connection: &Connection, _: &str| {
            Ok(connection.execute_batch(&format!("COMMIT; PRAGMA foreign_keys = {on}; BEGIN; SAVEPOINT job"))?)
        }
    };
    store.write(switch("ON")).await.unwrap();
    let lock = Connection::open(directory.file()).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    // more than one batch takes, and the order of time is not that of coming
    (0..300).rev().for_each(|n| sink.record(&event(n)).unwrap());
    lock.execute_batch("COMMIT").unwrap();
    assert!(sink.flush().await.is_err());
    assert_eq!(store.read(count).await.unwrap(), 0);
    store.write(switch("OFF")).await.unwrap();
    sink.flush().await.unwrap();
    let all = AuditQuery { limit: 1000, ..AuditQuery::default() };
    let found = store.audit_events(all).await.unwrap();
    assert!(found.iter().map(|event| event.at.millis()).eq(0..300));
    assert!(found.iter().rev().is_sorted_by_key(|event| event.sequence), "written in the order in which they came");
}

#[tokio::test]
async fn grants_never_stand_behind_a_backlog_of_events() {
    const EVENTS: i64 = 19 * 256 + 1;
    let directory = Directory::new();
    let store = open(&directory);
    let sink = store.audit_sink(AuditSettings::default());
    // The first job holds the writer until all is enqueued.
    let gate = Arc::new(Barrier::new(2));
    let held = Arc::clone(&gate);
    let hold = move |_: &Connection, _: &str| {
        held.wait();
        Ok(())
    };
    let holder = tokio::spawn({
        let store = store.clone();
        async move { store.write(hold).await }
    });
    tokio::task::yield_now().await; // the current-thread runtime polls the task once, which enqueues its job
    (0..EVENTS).for_each(|n| sink.record(&event(n)).unwrap());
    let counting = tokio::spawn({
        let store = store.clone();
        async move { store.write(count).await.unwrap() }
    });
    tokio::task::yield_now().await;
    gate.wait();
    holder.await.unwrap().unwrap();
    let before = counting.await.unwrap();
    assert!((1..=256).contains(&before), "{before} events went before the operation");
    sink.flush().await.unwrap();
    assert_eq!((store.read(count).await.unwrap(), sink.lost()), (EVENTS, 0));
}

#[tokio::test]
async fn a_sink_that_is_dropped_tries_once_more() {
    let directory = Directory::new();
    let store = open(&directory);
    let sink = store.audit_sink(AuditSettings::default());
    store.write(|connection, _| Ok(connection.execute_batch("ALTER TABLE audit RENAME TO elsewhere")?)).await.unwrap();
    sink.record(&event(1)).unwrap();
    assert!(sink.flush().await.is_err());
    store.write(|connection, _| Ok(connection.execute_batch("ALTER TABLE elsewhere RENAME TO audit")?)).await.unwrap();
    drop(sink);
    store.database().drain().await;
    assert_eq!(numbers(&store).await, [1]);
}

#[tokio::test]
async fn a_writer_that_ends_leaves_nobody_waiting_and_commits_nothing_by_word_alone() {
    for panics_before in [true, false] {
        let directory = Directory::new();
        let store = open(&directory);
        let sink = store.audit_sink(AuditSettings::default());
        // The first job holds the writer until all is enqueued.
        let gate = Arc::new(Barrier::new(2));
        let held = Arc::clone(&gate);
        let run = |job: Box<dyn FnOnce() + Send>| {
            let store = store.clone();
            tokio::spawn(async move {
                let job = move |_: &Connection, _: &str| -> Result<(), Failure> {
                    job();
                    Ok(())
                };
                store.write(job).await
            })
        };
        let holding = run(Box::new(move || {
            held.wait();
        }));
        tokio::task::yield_now().await;
        let panics: Box<dyn FnOnce() + Send> = Box::new(|| panic!("planted"));
        let panicking = if panics_before {
            let panicking = run(panics);
            tokio::task::yield_now().await;
            sink.record(&event(1)).unwrap();
            panicking
        } else {
            sink.record(&event(1)).unwrap();
            run(panics)
        };
        tokio::task::yield_now().await;
        gate.wait();
        assert_eq!(sink.flush().await.unwrap_err().kind(), StoreErrorKind::Unavailable);
        assert!(panicking.await.unwrap().is_err());
        let _ = holding.await.unwrap();
        assert_eq!(sink.record(&event(2)), Err(AuditLost));
        assert!(sink.flush().await.is_err());
        store.close().await;
        assert_eq!(sink.lost(), 2, "closing gives up what waited");
        assert!(sink.flush().await.is_err(), "what was given up is never said to be written");
        assert_eq!(numbers(&open(&directory)).await, [] as [i64; 0]);
    }
}
