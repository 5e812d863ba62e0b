//! Racers on a connection each, who hold back the last byte.

use std::net::SocketAddr;

use oauth_store_postgres::PostgresStore;
use oauth_store_sqlite::SqliteStore;
use oauth_testkit::PostgresServer;

use crate::database::Database;
use crate::node::{Node, Tally};
use crate::race::{Race, is_race, report};
use crate::support::{Answer, Ask, Connection, at_once};

const ROUNDS: usize = 20;
const RACERS: usize = 64;

#[test]
fn ac09_of_racers_at_two_processes_one_wins_on_sqlite() {
    of_racers_at_two_processes_one_wins::<SqliteStore>();
}

#[test]
fn ac09_of_racers_at_two_processes_one_wins_on_postgresql() {
    if PostgresServer::shared().is_some() {
        of_racers_at_two_processes_one_wins::<PostgresStore>();
    }
}

fn of_racers_at_two_processes_one_wins<D: Database>() {
    let mut race = Race::<D>::prepare();
    let last_byte = |ask: &Ask, nodes: &[Node; 2]| at_once(ask, &doors(nodes));
    let rounds: Vec<[Tally; 2]> = (0..ROUNDS).map(|_| race.run(RACERS, last_byte)).collect();
    let both = report(D::NAME, &format!("{RACERS} racers"), &rounds);
    assert!(both > 0, "nobody raced");
    let in_turn = race.run(RACERS, |ask, nodes| in_turn(ask, &doors(nodes)));
    assert!(!is_race(&in_turn), "whoever comes when all is over does not race");
}

/// Where each racer comes in.
fn doors(nodes: &[Node; 2]) -> Vec<SocketAddr> {
    (0..RACERS).map(|racer| nodes[racer % 2].door(racer / 2)).collect()
}

/// What [`at_once`] must not be mistaken for.
fn in_turn(ask: &Ask, doors: &[SocketAddr]) -> Vec<Answer> {
    doors.iter().map(|door| Connection::to(*door).send(&ask.bytes()).answer()).collect()
}
