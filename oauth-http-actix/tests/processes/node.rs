//! A server process: this test binary again, over the rows of the process that started it.

use std::fmt::Display;
use std::io::{self, BufRead, BufReader, Lines, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use oauth_core::Refusal;
use oauth_core::audit::What;
use oauth_core::store::RevokedWhy;
use oauth_store_postgres::PostgresStore;
use oauth_store_sqlite::SqliteStore;
use oauth_testkit::Method;

use crate::database::Database;
use crate::support::{Directory, Door, Host};

const STORE: &str = "OAUTH_HTTP_ACTIX_TEST_STORE";
const DIRECTORY: &str = "OAUTH_HTTP_ACTIX_TEST_DIRECTORY";
/// Stands before what a node says, among what the test harness says.
const MARK: &str = "@";
/// Ports of a node for HTTP/1, each with a worker of its own; one for HTTP/2 stands behind them.
const DOORS: usize = 2;

/// A server process. It is killed when this is dropped, and ends by itself when its parent does.
pub(crate) struct Node {
    process: Child,
    orders: ChildStdin,
    says: Lines<BufReader<ChildStdout>>,
    doors: Vec<SocketAddr>,
    http2: Option<SocketAddr>,
}

/// What a node did since it was asked before.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Calls that redeem a code: made only by who read the code while it was not spent.
    pub(crate) tried: usize,
    /// Families that began.
    pub(crate) started: usize,
    /// Refusals of a code that had been redeemed.
    pub(crate) replayed: usize,
    /// Families that ended by that.
    pub(crate) revoked: usize,
}

impl Node {
    /// Starts one over the rows in this directory.
    pub(crate) fn start<D: Database>(directory: &Directory) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "node", "--nocapture", "--test-threads=1"]);
        command.env(STORE, D::NAME).env(DIRECTORY, directory.path()).envs(D::environment());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let orders = process.stdin.take().unwrap();
        let says = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, orders, says, doors: Vec::new(), http2: None }
    }

    /// Waits until it listens.
    pub(crate) fn ready(mut self) -> Self {
        self.doors = self.hear().split(' ').map(|door| door.parse().unwrap()).collect();
        self.http2 = self.doors.pop();
        self
    }

    /// One of its doors for HTTP/1 in turn.
    pub(crate) fn door(&self, number: usize) -> SocketAddr {
        self.doors[number % self.doors.len()]
    }

    /// The one that speaks HTTP/2.
    pub(crate) fn http2_door(&self) -> SocketAddr {
        self.http2.expect("it listens")
    }

    pub(crate) fn tally(&mut self) -> Tally {
        writeln!(self.orders, "tally").unwrap();
        let said = self.hear();
        let counts: Vec<usize> = said.split(' ').map(|count| count.parse().unwrap()).collect();
        let [tried, started, replayed, revoked] = counts[..] else { panic!("no tally: {said}") };
        Tally { tried, started, replayed, revoked }
    }

    fn hear(&mut self) -> String {
        let marked = |line: String| line.split_once(MARK).map(|(_, said)| said.to_owned());
        self.says.by_ref().map_while(Result::ok).find_map(marked).expect("the node is alive")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The life of a node, if this process is one.
pub(crate) fn live() {
    match std::env::var(STORE).as_deref() {
        Ok(SqliteStore::NAME) => serve::<SqliteStore>(),
        Ok(PostgresStore::NAME) => serve::<PostgresStore>(),
        _ => {}
    }
}

fn serve<D: Database>() {
    let directory = Directory::of_another_process(PathBuf::from(std::env::var_os(DIRECTORY).unwrap()));
    let mut host = Host::<D>::browsers_in(directory);
    host.open_doors(DOORS);
    host.open(Door::PATIENT.with_http2());
    host.forget();
    println!();
    // the first one has no patience
    let doors: Vec<String> = host.addresses()[1..].iter().map(SocketAddr::to_string).collect();
    say(doors.join(" "));
    for order in io::stdin().lock().lines().map_while(Result::ok) {
        assert_eq!(order, "tally");
        let Tally { tried, started, replayed, revoked } = tally(&host);
        host.forget();
        say(format!("{tried} {started} {replayed} {revoked}"));
    }
}

fn tally<D: Database>(host: &Host<D>) -> Tally {
    let events = host.events();
    let count = |is: fn(&What) -> bool| events.iter().filter(|event| is(&event.what)).count();
    Tally {
        tried: host.probe.count(Method::RedeemCode),
        started: count(|what| matches!(what, What::FamilyStarted { .. })),
        replayed: count(|what| matches!(what, What::Refused(Refusal::CodeReplayed))),
        revoked: count(|what| matches!(what, What::FamilyRevoked { why: RevokedWhy::Replay, .. })),
    }
}

fn say(what: impl Display) {
    let mut out = io::stdout().lock();
    out.write_all(format!("{MARK}{what}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}
