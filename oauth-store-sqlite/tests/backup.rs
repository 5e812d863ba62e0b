//! A backup that somebody else makes while a server works. The server is this test binary again, in a role.

mod common;

use std::collections::BTreeSet;

use common::processes::{Other, Role, role, say};
use common::{Directory, NOW, family_id, start, stranger};
use oauth_core::store::{GrantStore, StartOutcome};
use oauth_store_sqlite::{SqliteStore, migrate};
use oauth_testkit::block_on;
use rusqlite::{Connection, OpenFlags};

const BACKUPS: usize = 5;

/// Does nothing when it runs as a test.
#[test]
fn child() {
    let Some(Role { store, .. }) = role() else { return };
    for number in 0.. {
        let outcome = block_on(store.start_family(start(number))).unwrap();
        assert_eq!(outcome, StartOutcome::Started { ended: 0 });
        say(number);
    }
}

#[test]
fn a_copy_that_is_made_while_a_server_writes_is_whole_and_holds_what_was_acknowledged_before() {
    let directory = Directory::new();
    migrate(directory.file()).unwrap();
    let mut server = Other::new("server", &directory.file(), 0);
    server.go();
    let mut acknowledged = BTreeSet::new();
    for backup in 0..BACKUPS {
        acknowledged.extend((0..50).map(|_| server.next().unwrap().parse::<u64>().unwrap()));
        let copy = directory.path().join(format!("backup-{backup}.db"));
        let tool = Connection::open_with_flags(directory.file(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        tool.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();

        let found = stranger(&copy);
        let check: String = found.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
        let rows = "SELECT (SELECT count(*) FROM family), (SELECT count(*) FROM access_token),
                           (SELECT count(*) FROM family JOIN access_token ON access_token.family = family.id)";
        let rows: [i64; 3] = found.query_row(rows, [], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?])).unwrap();
        assert_eq!(rows, [rows[0]; 3], "a start is there with its token or not at all");
        drop(found);
        let store = SqliteStore::open(&copy).unwrap();
        for number in &acknowledged {
            assert!(block_on(store.find_family(&family_id(*number))).unwrap().is_some(), "family {number}");
        }
        assert_eq!(block_on(store.raise_clock_mark(NOW)).unwrap(), NOW, "and it takes writes");
        block_on(store.close());
    }
    assert!(server.next().is_some(), "the server went on");
    server.process.kill().unwrap();
}
