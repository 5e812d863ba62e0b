//! Racers on streams: half of them on one connection to each process, and the last bytes of a connection in one write, so
//! that no network comes between them ("single packet").

use oauth_store_postgres::PostgresStore;
use oauth_store_sqlite::SqliteStore;
use oauth_testkit::PostgresServer;

use crate::database::Database;
use crate::node::{Node, Tally};
use crate::race::{Race, is_race, report};
use crate::support::{Answer, Ask, Http2, Written, streams_at_once};

/// Racers and rounds.
const RACES: [(usize, usize); 3] = [(2, 4), (8, 4), (64, 8)];
/// A DATA frame of one byte.
const LAST_FRAME: usize = 9 + 1;

#[test]
fn ac09_of_streams_at_two_processes_one_wins_on_sqlite() {
    of_streams_at_two_processes_one_wins::<SqliteStore>();
}

#[test]
fn ac09_of_streams_at_two_processes_one_wins_on_postgresql() {
    if PostgresServer::shared().is_some() {
        of_streams_at_two_processes_one_wins::<PostgresStore>();
    }
}

fn of_streams_at_two_processes_one_wins<D: Database>() {
    let mut race = Race::<D>::prepare();
    let mut both = 0;
    for (racers, rounds) in RACES {
        let mut run = || race.run(racers, |ask, nodes| single_packet(ask, nodes, racers / 2));
        let rounds: Vec<[Tally; 2]> = (0..rounds).map(|_| run()).collect();
        let bytes = racers / 2 * LAST_FRAME;
        let racers = format!("{racers} streams, the last of each process in one write of {bytes} bytes");
        both += report(D::NAME, &racers, &rounds);
    }
    assert!(both > 0, "nobody raced");
    let in_turn = race.run(4, in_turn);
    assert!(!is_race(&in_turn), "whoever comes when all is over does not race");
}

/// The answers to so many streams of a connection to each node.
fn single_packet(ask: &Ask, nodes: &[Node; 2], streams: usize) -> Vec<Answer> {
    let doors = [0, 1].map(|node| nodes[node].http2_door());
    let answers = |(answers, writes): (Vec<Answer>, Vec<Written>)| {
        let (first, later) = writes.split_first().expect("something was written");
        assert_eq!(*first, Written { bytes: streams * LAST_FRAME, ended: streams }, "one write ends all: {later:?}");
        assert!(later.iter().all(|write| write.ended == 0), "{later:?}");
        answers
    };
    streams_at_once(ask, &doors, streams).into_iter().flat_map(answers).collect()
}

/// What it must not be mistaken for: each stream begins when the one before it was answered, in a write of its own.
fn in_turn(ask: &Ask, nodes: &[Node; 2]) -> Vec<Answer> {
    let answers = |node: &Node| {
        let mut connection = Http2::to(node.http2_door());
        connection.forget_writes();
        let answers = [(); 2].map(|()| connection.send(ask));
        let ends: Vec<usize> = connection.writes().iter().map(|write| write.ended).filter(|ended| *ended > 0).collect();
        assert_eq!(ends, [1, 1]);
        answers
    };
    nodes.iter().flat_map(answers).collect()
}
