//! The audit trail: how events come in, are found again and go; and what an outage, a full queue and a kill do to it.

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use common::{Directory, NOW, poll_once, stranger, token};
use oauth_core::audit::{AuditLost, AuditSink, Event, LoginHash, What};
use oauth_core::store::{GrantStore, InsertToken, StoreErrorKind};
use oauth_core::types::{KeyedHash, Lifetime, Timestamp};
use oauth_core::{Refusal, RequestContext};
use oauth_store_sqlite::{AuditQuery, AuditSettings, Database, RecordedEvent, SqliteAudit, SqliteStore};
use oauth_testkit::block_on;

const fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// An event by number, of no special kind.
fn event(number: i64) -> Event {
    Event {
        at: at(number),
        correlation_id: RequestContext::without_request().correlation_id,
        peer: None,
        client: None,
        subject: None,
        login: None,
        scope: None,
        what: What::CutOff,
    }
}

fn write(sink: &SqliteAudit, events: &[Event]) {
    events.iter().for_each(|event| sink.record(event).unwrap());
    block_on(sink.flush()).unwrap();
}

fn find(store: &SqliteStore, query: AuditQuery) -> Vec<RecordedEvent> {
    block_on(store.audit_events(query)).unwrap()
}

fn all(store: &SqliteStore) -> Vec<RecordedEvent> {
    find(store, AuditQuery { limit: 1000, ..AuditQuery::default() })
}

fn numbers(events: &[RecordedEvent]) -> Vec<i64> {
    events.iter().map(|event| event.at.millis()).collect()
}

#[test]
fn every_part_of_an_event_has_its_column_and_the_whole_stands_beside() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    let sink = store.audit_sink(AuditSettings::default());
    let refused = Event {
        peer: Some("2001:db8::1".parse().unwrap()),
        client: Some("app".parse().unwrap()),
        subject: Some("alice".parse().unwrap()),
        login: Some(LoginHash { key: "k1".parse().unwrap(), hash: KeyedHash::from_bytes([7; 32]) }),
        scope: Some("b a".parse().unwrap()),
        what: What::Refused(Refusal::ClientSecretWrong),
        ..event(1)
    };
    let issued = Event {
        what: What::TokenIssued {
            grant: "password".into(),
            token: "t1".parse().unwrap(),
            scope: "c".parse().unwrap(),
            dropped: "d".parse().unwrap(),
            narrowed_by: Vec::new(),
            expires_at: at(9),
        },
        ..event(2)
    };
    let fault = Event { what: What::Faulted { fault: "store.corrupt", detail: "x".into() }, ..event(3) };
    write(&sink, &[refused.clone(), issued.clone(), fault.clone()]);

    type Cells = (String, String, [Option<String>; 6], Option<[u8; 32]>);
    let other = stranger(&directory.file());
    let mut select = other
        .prepare(
            "SELECT tenant, event, peer, client, subject, login_key, scope, reason, login_hash, request, json
             FROM audit ORDER BY sequence",
        )
        .unwrap();
    let cells = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Cells> {
        assert_eq!(row.get::<_, String>(9)?, "0000000000000000");
        let texts = [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?];
        Ok((row.get(0)?, row.get(1)?, texts, row.get(8)?))
    };
    let rows: Vec<_> = select.query_map([], cells).unwrap().map(Result::unwrap).collect();
    let texts = |texts: [&str; 6]| texts.map(|text| (!text.is_empty()).then(|| text.to_owned()));
    let expected = [
        ("refused", ["2001:db8::1", "app", "alice", "k1", r#"["a","b"]"#, "client.secret_wrong"], Some([7; 32])),
        ("token.issued", ["", "", "", "", r#"["c"]"#, ""], None),
        ("fault", ["", "", "", "", "", "store.corrupt"], None),
    ];
    assert_eq!(rows.len(), 3);
    for (row, (event, cells, hash)) in rows.into_iter().zip(expected) {
        assert_eq!(row, ("default".to_owned(), event.to_owned(), texts(cells), hash));
    }
    let found = all(&store);
    assert_eq!(found.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    for (found, event) in found.iter().zip([refused, issued, fault]) {
        assert_eq!((found.at, &found.json), (event.at, &event.to_json()));
    }
}

/// Events of some clients, users and kinds, at times out of order.
fn mixed() -> Vec<Event> {
    let clients = [None, Some("one"), Some("two")];
    let subjects = [None, Some("alice"), Some("bob")];
    let kinds = [What::CutOff, What::ClaimIgnored { claim: "x".into() }];
    (0..90)
        .map(|n: usize| Event {
            client: clients[n % 3].map(|id| id.parse().unwrap()),
            subject: subjects[n / 3 % 3].map(|id| id.parse().unwrap()),
            what: kinds[n / 9 % 2].clone(),
            ..event(i64::try_from(n * 37 % 30).unwrap())
        })
        .collect()
}

#[test]
fn a_search_finds_what_it_asks_for_in_order_and_page_by_page() {
    let directory = Directory::new();
    let database = Database::open(directory.file()).unwrap();
    let [store, other] = ["one", "other"].map(|name| database.tenant(name.parse().unwrap()));
    let events = mixed();
    // The same in another tenant, in between.
    let [sink, beside] = [&store, &other].map(|store| store.audit_sink(AuditSettings::default()));
    for chunk in events.chunks(7) {
        write(&sink, chunk);
        write(&beside, chunk);
    }
    let numbered: Vec<_> = all(&store).into_iter().map(|found| (found.at, found.sequence, found.json)).collect();
    assert!(numbered.is_sorted(), "by time, then as written");
    assert_eq!(numbered.len(), 90);

    let times = [None, Some(at(7)), Some(at(20)), Some(at(i64::MIN)), Some(at(i64::MAX))];
    for client in [None, Some("one"), Some("nobody")] {
        for subject in [None, Some("bob"), Some("alic")] {
            for kind in [None, Some("cutoff"), Some("cut")] {
                for from in times {
                    for until in times {
                        let query = AuditQuery {
                            reason: None,
                            client: client.map(|id| id.parse().unwrap()),
                            subject: subject.map(|id| id.parse().unwrap()),
                            event: kind.map(str::to_owned),
                            from,
                            until,
                            limit: 7,
                            after: None,
                        };
                        let wanted = |event: &&Event| {
                            client.is_none_or(|id| event.client.as_ref().is_some_and(|held| held.as_str() == id))
                                && subject
                                    .is_none_or(|id| event.subject.as_ref().is_some_and(|held| held.as_str() == id))
                                && kind.is_none_or(|kind| event.what.id() == kind)
                                && from.is_none_or(|from| event.at >= from)
                                && until.is_none_or(|until| event.at < until)
                        };
                        let mut expected: Vec<_> = events.iter().filter(wanted).collect();
                        expected.sort_by_key(|event| event.at);
                        let expected: Vec<_> = expected.into_iter().map(Event::to_json).collect();
                        assert_eq!(page_by_page(&store, &query), expected, "{query:?}");
                    }
                }
            }
        }
    }
}

fn page_by_page(store: &SqliteStore, query: &AuditQuery) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = find(store, AuditQuery { after, ..query.clone() });
        let is_last = page.len() < usize::try_from(query.limit).unwrap();
        after = page.last().map(|event| event.sequence).or(after);
        found.extend(page.into_iter().map(|event| event.json));
        if is_last {
            return found;
        }
    }
}

#[test]
fn pages_have_bounds_and_go_on_behind_events_that_were_purged() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    let sink = store.audit_sink(AuditSettings::default());
    write(&sink, &(0..1100).map(event).collect::<Vec<_>>());
    let page = |after, limit| find(&store, AuditQuery { after, limit, ..AuditQuery::default() });
    assert_eq!(find(&store, AuditQuery::default()).len(), 100);
    assert_eq!(page(None, 0).len(), 0);
    assert_eq!(page(None, u32::MAX).len(), 1000);
    let first = page(None, 10);
    let last = first.last().unwrap().sequence;
    assert_eq!(numbers(&page(Some(last), 2)), [10, 11]);
    let later = AuditQuery { after: Some(last), from: Some(at(20)), limit: 2, ..AuditQuery::default() };
    assert_eq!(numbers(&find(&store, later)), [20, 21], "the later of the two begins");
    let purged = block_on(store.purge_audit(at(15), 100)).unwrap();
    assert_eq!((purged.rows, purged.more), (15, false));
    assert_eq!(numbers(&page(Some(last), 2)), [15, 16]);
    assert_eq!(numbers(&page(Some(1_000_000), 1)), [15], "nobody's number is before everything");
    assert_eq!(numbers(&page(Some(u64::MAX), 1)), [15]);
}

#[test]
fn purging_is_bounded_takes_the_oldest_of_one_tenant_and_reuses_no_number() {
    let directory = Directory::new();
    let database = Database::open(directory.file()).unwrap();
    let [store, other] = ["one", "other"].map(|name| database.tenant(name.parse().unwrap()));
    let [sink, beside] = [&store, &other].map(|store| store.audit_sink(AuditSettings::default()));
    let events: Vec<_> = (0..600).rev().map(event).collect();
    write(&sink, &events);
    write(&beside, &events);
    let foreign = AuditQuery { after: Some(50), limit: 1, ..AuditQuery::default() };
    assert_eq!(numbers(&find(&other, foreign)), [0], "a number of another tenant is nobody's");
    let purge = |before, limit| block_on(store.purge_audit(at(before), limit)).map(|p| (p.rows, p.more)).unwrap();
    assert_eq!(purge(0, 10), (0, false));
    assert_eq!(purge(600, 0), (0, true));
    assert_eq!(purge(600, 10), (10, true));
    assert_eq!(numbers(&all(&store)), (10..600).collect::<Vec<_>>());
    assert_eq!(purge(560, 1000), (550, false));
    assert_eq!(purge(600, 40), (40, false));
    assert!(all(&store).is_empty());
    assert_eq!(all(&other).len(), 600);
    write(&sink, &[event(1)]);
    assert_eq!(all(&store).iter().map(|event| event.sequence).collect::<Vec<_>>(), [1201]);
}

#[test]
fn retention_removes_some_with_each_batch_and_believes_no_clock_that_jumped() {
    const HOUR: i64 = 3_600_000;
    let directory = Directory::new();
    let database = Database::open(directory.file()).unwrap();
    let [store, other] = ["one", "other"].map(|name| database.tenant(name.parse().unwrap()));
    let keep_all = AuditSettings::default();
    write(&store.audit_sink(keep_all.clone()), &(0..100).map(event).collect::<Vec<_>>());
    write(&other.audit_sink(keep_all.clone()), &[event(0)]);
    let sink =
        store.audit_sink(AuditSettings { retention: Some(Lifetime::of_seconds(3600)), ..AuditSettings::default() });
    let oldest = |store| numbers(&all(store))[0];

    write(&sink, &[event(HOUR)]);
    assert_eq!(oldest(&store), 0, "an hour is not over");
    write(&sink, &[event(HOUR + 5)]);
    assert_eq!(oldest(&store), 5);
    write(&sink, &[event(2 * HOUR)]);
    assert_eq!(oldest(&store), 15, "two for one, and eight");
    block_on(store.raise_clock_mark(at(HOUR + 20))).unwrap();
    write(&sink, &[event(1000 * HOUR)]);
    assert_eq!(oldest(&store), 20, "as far as the server's clock is believed");
    write(&sink, &[event(i64::MAX)]);
    write(&sink, &[event(i64::MIN)]);
    assert_eq!(numbers(&all(&store))[1], 20, "what is older than time itself stays for the next batch");
    block_on(store.raise_clock_mark(at(3 * HOUR))).unwrap();
    write(&sink, &vec![event(3 * HOUR); 60]);
    assert_eq!(numbers(&all(&store))[..2], [2 * HOUR, 3 * HOUR]);
    assert_eq!(oldest(&other), 0);
}

#[test]
fn a_file_that_holds_enough_lets_the_oldest_go_whoever_caused_them() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    let sink = store.audit_sink(AuditSettings { most: Some(10), ..AuditSettings::default() });
    for n in 0..40 {
        write(&sink, &[event(n)]);
        assert!(all(&store).len() <= 11, "a batch later");
    }
    assert_eq!(numbers(&all(&store)), (30..40).collect::<Vec<_>>());
}

#[test]
fn events_are_found_by_their_reason() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    let sink = store.audit_sink(AuditSettings::default());
    let refused = |why| Event { what: What::Refused(why), ..event(1) };
    write(&sink, &[event(0), refused(Refusal::RefreshReplayed), refused(Refusal::PasswordWrong)]);
    let by = |reason: &str| find(&store, AuditQuery { reason: Some(reason.to_owned()), ..AuditQuery::default() }).len();
    assert_eq!((by("refresh.replayed"), by("password.wrong"), by("refused")), (1, 1, 0));
}

#[test]
fn a_full_queue_makes_nobody_wait_and_counts_what_it_loses() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    let sink = store.audit_sink(AuditSettings { queue: 4, ..AuditSettings::default() });
    let lock = stranger(&directory.file());
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    (0..4).for_each(|n| {
        assert_eq!(sink.ready(), Ok(()));
        sink.record(&event(n)).unwrap();
    });
    assert_eq!(sink.ready(), Err(AuditLost));
    (4..7).for_each(|n| assert_eq!(sink.record(&event(n)), Err(AuditLost)));
    assert_eq!(sink.lost(), 3);
    let mut flushing = Box::pin(sink.flush());
    assert!(poll_once(&mut flushing).is_none());
    lock.execute_batch("COMMIT").unwrap();
    block_on(flushing).unwrap();
    write(&sink, &[event(7)]);
    assert_eq!(numbers(&all(&store)), [0, 1, 2, 3, 7]);
    assert_eq!(sink.lost(), 3);
}

#[test]
fn closing_the_store_writes_what_waits_and_closes_the_sink() {
    for through_the_database in [false, true] {
        let directory = Directory::new();
        let database = Database::open(directory.file()).unwrap();
        let [store, other] = ["one", "other"].map(|name| database.tenant(name.parse().unwrap()));
        let [sink, beside] = [&store, &other].map(|store| store.audit_sink(AuditSettings::default()));
        let lock = stranger(&directory.file());
        lock.execute_batch("BEGIN IMMEDIATE").unwrap();
        (0..1000).for_each(|n| sink.record(&event(n)).unwrap());
        let closing = store.clone();
        let mut closing = Box::pin(async move {
            if through_the_database { closing.database().close().await } else { closing.close().await }
        });
        assert!(poll_once(&mut closing).is_none());
        assert_eq!(sink.record(&event(1000)), Err(AuditLost));
        lock.execute_batch("COMMIT").unwrap();
        block_on(closing);
        block_on(sink.flush()).unwrap();
        assert_eq!(sink.lost(), 1);
        assert_eq!(stranger(&directory.file()).query_row("SELECT count(*) FROM audit", [], |r| r.get(0)), Ok(1000));
        assert_eq!(beside.record(&event(0)).is_ok(), !through_the_database, "another tenant's goes on");
        let late = store.audit_sink(AuditSettings::default());
        assert_eq!(late.record(&event(0)), Err(AuditLost));
        assert_eq!(
            block_on(store.audit_events(AuditQuery::default())).unwrap_err().kind(),
            StoreErrorKind::Unavailable
        );
    }
}

#[test]
fn a_store_opened_alone_closes_with_its_sink() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    let sink = store.audit_sink(AuditSettings::default());
    (0..10).for_each(|n| sink.record(&event(n)).unwrap());
    block_on(store.close());
    assert_eq!(sink.record(&event(10)), Err(AuditLost));
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["oauth.db"], "the file was let go");
    assert_eq!(numbers(&all(&SqliteStore::open(directory.file()).unwrap())), (0..10).collect::<Vec<_>>());
}

#[test]
fn dropping_everything_still_writes_what_was_accepted() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    let sink = store.audit_sink(AuditSettings::default());
    let lock = stranger(&directory.file());
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    (0..1000).for_each(|n| sink.record(&event(n)).unwrap());
    drop((store, sink));
    lock.execute_batch("COMMIT").unwrap();
    let count = || lock.query_row("SELECT count(*) FROM audit", [], |row| row.get::<_, i64>(0)).unwrap();
    // Nobody can wait for that thread, so look until it is done.
    assert!((0..100_000).any(|_| count() == 1000));
}

#[test]
fn events_and_grants_of_many_threads_all_come_in_and_keep_their_order() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    let sink = store.audit_sink(AuditSettings::default());
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let (store, sink) = (&store, &sink);
            scope.spawn(move || {
                let client = format!("thread-{thread}");
                for n in 0..200 {
                    sink.record(&Event { client: Some(client.parse().unwrap()), ..event(n) }).unwrap();
                    if n % 20 == 0 {
                        let number = u64::from(thread) << 32 | n.unsigned_abs();
                        let inserted = block_on(store.insert_access_token(token(number, None))).unwrap();
                        assert_eq!(inserted, InsertToken::Inserted);
                        block_on(sink.flush()).unwrap();
                    }
                }
            });
        }
    });
    block_on(sink.flush()).unwrap();
    for thread in 0..4 {
        let client = Some(format!("thread-{thread}").parse().unwrap());
        let found = find(&store, AuditQuery { client, limit: 1000, ..AuditQuery::default() });
        assert_eq!(numbers(&found), (0..200).collect::<Vec<_>>());
        assert!(found.is_sorted_by_key(|event| event.sequence));
    }
    assert_eq!(all(&store).iter().map(|event| event.sequence).collect::<BTreeSet<_>>().len(), 800);
    assert_eq!(sink.lost(), 0);
}

#[test]
fn hostile_texts_are_texts() {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    let sink = store.audit_sink(AuditSettings::default());
    let clients = ["'; DROP TABLE audit; --", "\"},{\"x\":1", "%", "_", "\\", "{{:client}}", " ", &"~".repeat(1024)];
    let subjects = ["é\u{2028}\"'", "' OR 1=1", "\u{202e}txt", "null", "\u{1f600}"];
    let events: Vec<_> = clients
        .iter()
        .zip(subjects.iter().cycle())
        .map(|(client, subject)| Event {
            client: Some(client.parse().unwrap()),
            subject: Some(subject.parse().unwrap()),
            what: What::Faulted { fault: "x", detail: "a\0b\r\n\u{1b}[31m'\"\\".to_owned() },
            ..event(1)
        })
        .collect();
    write(&sink, &events);
    for event in &events {
        let query = AuditQuery { client: event.client.clone(), ..AuditQuery::default() };
        assert_eq!(find(&store, query).iter().map(|found| &found.json).collect::<Vec<_>>(), [&event.to_json()]);
        let query = AuditQuery { subject: event.subject.clone(), ..AuditQuery::default() };
        assert!(find(&store, query).iter().any(|found| found.json == event.to_json()));
    }
    for kind in ["'", "fault' OR '1'='1", "%", "fault\0", ""] {
        assert!(find(&store, AuditQuery { event: Some(kind.to_owned()), ..AuditQuery::default() }).is_empty());
    }
    assert_eq!(all(&store).len(), clients.len());
}

const FILE: &str = "OAUTH_STORE_SQLITE_AUDIT_TEST_FILE";

/// Does nothing when it runs as a test; as a child it records for ever, and says what was committed.
#[test]
fn child() {
    let Some(file) = std::env::var_os(FILE).map(PathBuf::from) else { return };
    let store = SqliteStore::open(&file).unwrap();
    let sink = store.audit_sink(AuditSettings::default());
    let first = find(&store, AuditQuery { from: Some(NOW), limit: 0, ..AuditQuery::default() }).len();
    assert_eq!(first, 0);
    let mut out = std::io::stdout().lock();
    for n in 0.. {
        (0..7).for_each(|k| sink.record(&event(n * 7 + k)).unwrap());
        block_on(sink.flush()).unwrap();
        // A short line is one write to the pipe, so a kill cuts none in half.
        out.write_all(format!("\n@{}\n", n * 7 + 6).as_bytes()).unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn what_a_flush_acknowledged_survives_a_killed_process() {
    for cycle in 0..8 {
        let directory = Directory::new();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(FILE, directory.file())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut says = lines.map(Result::unwrap).filter_map(|line| line.strip_prefix('@').map(str::to_owned));
        // A different number of acknowledgements each time, so that the kill falls into different steps.
        let mut acknowledged = says.by_ref().nth(3 + cycle * 5).expect("the child writes for ever");
        process.kill().unwrap();
        process.wait().unwrap();
        if let Some(last) = says.last() {
            acknowledged = last;
        }
        let last: i64 = acknowledged.parse().unwrap();
        let found = page_by_page(
            &SqliteStore::open(directory.file()).unwrap(),
            &AuditQuery { until: Some(at(last + 1)), limit: 1000, ..AuditQuery::default() },
        );
        let expected: Vec<_> = (0..=last).map(|n| event(n).to_json()).collect();
        assert!(found == expected, "{} of {} events", found.len(), expected.len());
    }
}
