//! A code that is raced for at two nodes, and what must be true afterwards however its racers came.

use std::io::{self, Write as _};

use oauth_core::store::RevokedWhy;
use oauth_core::types::TokenDigest;
use oauth_testkit::block_on;

use crate::database::Database;
use crate::node::{Node, Tally};
use crate::support::{Answer, Ask, Browser, Connection, Host, Visit};

/// Whether racers of both processes read the code before it was spent: only such try to redeem it.
pub(crate) fn is_race(tallies: &[Tally; 2]) -> bool {
    tallies.iter().all(|tally| tally.tried > 0)
}

/// Writes what came of some rounds, past the capture of a test's output, which a passing test would never show. In how
/// many of them there was a race.
pub(crate) fn report(name: &str, racers: &str, rounds: &[[Tally; 2]]) -> usize {
    let both = rounds.iter().filter(|tallies| is_race(tallies)).count();
    let tried: usize = rounds.iter().flatten().map(|tally| tally.tried).sum();
    let won = [0, 1].map(|node| rounds.iter().filter(|tallies| tallies[node].started == 1).count());
    let _ = writeln!(
        io::stdout(),
        "{name}: {} rounds of {racers}, in {both} of them both processes read the code before it was spent, {tried} \
         requests tried to redeem it, won by process 1 {}, by process 2 {}",
        rounds.len(),
        won[0],
        won[1],
    );
    both
}

/// Two nodes to race at, and a third to prepare and to judge at.
pub(crate) struct Race<D: Database> {
    host: Host<D>,
    nodes: [Node; 2],
}

impl<D: Database> Race<D> {
    pub(crate) fn prepare() -> Self {
        let host = Host::<D>::browsers(|builder| builder);
        let nodes = [(); 2].map(|()| Node::start::<D>(&host.directory));
        Self { host, nodes: nodes.map(Node::ready) }
    }

    /// One code, so many racers, and what must be true afterwards; what each node did.
    pub(crate) fn run(&mut self, racers: usize, send: impl FnOnce(&Ask, &[Node; 2]) -> Vec<Answer>) -> [Tally; 2] {
        let Self { host, nodes } = self;
        let visit = Visit::web().with("scope", "offline_access orders.read").with("prompt", "consent");
        let code = Browser::of(host, "alice").code(&visit);
        let held = ["family", "access_token"].map(|table| D::count(&host.directory, table));
        let ask = host.redeeming(&code);
        let answers = send(&ask, nodes);
        answers.iter().for_each(|answer| host.check(&ask, answer));
        let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!((won.len(), lost.len()), (1, racers - 1));
        lost.iter().for_each(|answer| answer.is(400, "invalid_grant"));
        let tallies = [0, 1].map(|node| nodes[node].tally());
        let sum = |of: fn(&Tally) -> usize| tallies.iter().map(of).sum::<usize>();
        assert_eq!((sum(|tally| tally.started), sum(|tally| tally.replayed)), (1, racers - 1), "{tallies:?}");
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
