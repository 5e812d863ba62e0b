//! AC9 over two server processes on one database: of 64 requests that redeem one code at once, one wins. The processes
//! are this test binary again.

#[path = "../support/mod.rs"]
mod support;

mod database;
mod node;

use std::io::{self, Write as _};
use std::net::SocketAddr;

use oauth_core::store::RevokedWhy;
use oauth_core::types::TokenDigest;
use oauth_store_postgres::PostgresStore;
use oauth_store_sqlite::SqliteStore;
use oauth_testkit::{PostgresServer, block_on};

use crate::database::Database;
use crate::node::{Node, Tally};
use crate::support::{Answer, Ask, Browser, Connection, Host, Visit, at_once};

const ROUNDS: usize = 20;
const RACERS: usize = 64;

/// Does nothing when it runs as a test.
#[test]
fn node() {
    node::live();
}

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
    let rounds: Vec<[Tally; 2]> = (0..ROUNDS).map(|_| race.run(at_once)).collect();
    let both = rounds.iter().filter(|tallies| is_race(tallies)).count();
    let count = |of: fn(&Tally) -> usize| rounds.iter().flatten().map(of).sum::<usize>();
    let won = [0, 1].map(|node| rounds.iter().filter(|tallies| tallies[node].started == 1).count());
    // past the capture of a test's output, which a passing test would never show
    let _ = writeln!(
        io::stdout(),
        "{}: {ROUNDS} rounds of {RACERS} racers, in {both} of them both processes read the code before it was spent, {} \
         requests tried to redeem it, won by process 1 {}, by process 2 {}",
        D::NAME,
        count(|tally| tally.tried),
        won[0],
        won[1],
    );
    assert!(both > 0, "nobody raced");
    assert!(!is_race(&race.run(in_turn)), "whoever comes when all is over does not race");
}

/// Whether racers of both processes read the code before it was spent: only such try to redeem it.
fn is_race(tallies: &[Tally; 2]) -> bool {
    tallies.iter().all(|tally| tally.tried > 0)
}

/// What [`at_once`] must not be mistaken for.
fn in_turn(ask: &Ask, doors: &[SocketAddr]) -> Vec<Answer> {
    doors.iter().map(|door| Connection::to(*door).send(&ask.bytes()).answer()).collect()
}

/// Two nodes to race at, and a third to prepare and to judge at.
struct Race<D: Database> {
    host: Host<D>,
    nodes: [Node; 2],
}

impl<D: Database> Race<D> {
    fn prepare() -> Self {
        let host = Host::<D>::browsers(|builder| builder);
        let nodes = [(); 2].map(|()| Node::start::<D>(&host.directory));
        Self { host, nodes: nodes.map(Node::ready) }
    }

    /// One code, all racers, and what must be true afterwards; what each node did.
    fn run(&mut self, send: fn(&Ask, &[SocketAddr]) -> Vec<Answer>) -> [Tally; 2] {
        let Self { host, nodes } = self;
        let visit = Visit::web().with("scope", "offline_access orders.read").with("prompt", "consent");
        let code = Browser::of(host, "alice").code(&visit);
        let held = ["family", "access_token"].map(|table| D::count(&host.directory, table));
        let ask = host.redeeming(&code);
        let doors: Vec<SocketAddr> = (0..RACERS).map(|racer| nodes[racer % 2].door(racer / 2)).collect();
        let answers = send(&ask, &doors);
        answers.iter().for_each(|answer| host.check(&ask, answer));
        let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!((won.len(), lost.len()), (1, RACERS - 1));
        lost.iter().for_each(|answer| answer.is(400, "invalid_grant"));
        let tallies = [0, 1].map(|node| nodes[node].tally());
        let sum = |of: fn(&Tally) -> usize| tallies.iter().map(of).sum::<usize>();
        assert_eq!((sum(|tally| tally.started), sum(|tally| tally.replayed)), (1, RACERS - 1), "{tallies:?}");
        let grown = ["family", "access_token"].map(|table| D::count(&host.directory, table));
        assert_eq!(grown, held.map(|rows| rows + 1), "one family with one token, and nothing of the others");
        // every loser held the right verifier, and whoever does after the winner ends what it got (RFC 6749 §4.1.2): when the
        // last of them is answered, that is done, and it was done once
        assert_eq!(sum(|tally| tally.revoked), 1, "{tallies:?}");
        let digest = ring::digest::digest(&ring::digest::SHA256, code.as_bytes());
        let digest = TokenDigest::from_bytes(digest.as_ref().try_into().unwrap());
        let redeemed = block_on(host.backend.find_code(&digest)).unwrap().unwrap().code.redeemed.unwrap();
        let family = host.family(redeemed.family);
        assert_eq!(family.code_digest, Some(digest));
        assert_eq!(family.revoked.map(|(_, why)| why), Some(RevokedWhy::Replay));
        assert!(!host.is_active(&host.app, &won[0].token()) && !host.is_active(&host.app, &won[0].refresh_token()));
        for node in &*nodes {
            let refresh = format!("grant_type=refresh_token&refresh_token={}", won[0].refresh_token());
            let refresh = Ask::token().basic(&host.app.id, &host.app.secret).form(refresh);
            Connection::to(node.door(0)).send(&refresh.bytes()).answer().is(400, "invalid_grant");
            let guarded = Ask::new("GET", "/orders").bearer(&won[0].token());
            Connection::to(node.door(1)).send(&guarded.bytes()).answer().is(401, "invalid_token");
        }
        // what was asked to judge by is no part of the next round
        for node in nodes {
            node.tally();
        }
        tallies
    }
}
