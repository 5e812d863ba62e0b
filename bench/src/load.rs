//! The load: servers as child processes on core 0, wrk on core 1, everything on the loopback address.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::figures::Failure;

const SERVER_CORE: &str = "0";
const LOAD_CORE: &str = "1";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/token.lua");

/// What a child process prints once, when it listens.
pub(crate) fn announce(address: std::net::SocketAddr, authorization: &str) {
    println!("ready {address} {authorization}");
}

/// A server in a process of its own; ended when dropped.
pub(crate) struct Served {
    child: Child,
    url: String,
    authorization: String,
}

impl Served {
    /// Starts this very program with these arguments and waits until it listens.
    pub(crate) fn start(arguments: &[&str]) -> Result<Self, Failure> {
        let mut command = Command::new("taskset");
        command.args(["-c", SERVER_CORE]).arg(std::env::current_exe()?).args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|why| format!("taskset (of util-linux) does not start: {why}"))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let mut served = Self { child, url: String::new(), authorization: String::new() };
        let said = line.trim_end().strip_prefix("ready ").and_then(|rest| rest.split_once(' '));
        let (address, authorization) = said.ok_or_else(|| format!("{arguments:?} did not start: {line}"))?;
        served.url = format!("http://{address}");
        served.authorization = authorization.to_owned();
        Ok(served)
    }

    /// Token requests over this many connections.
    pub(crate) fn tokens(&self, connections: usize, seconds: u64) -> Wrk<'_> {
        Wrk { served: self, path: "/oauth/token", post: true, connections, seconds }
    }

    /// GET requests for the key set, one after the other.
    pub(crate) fn jwks(&self, seconds: u64) -> Wrk<'_> {
        Wrk { served: self, path: "/oauth/jwks", post: false, connections: 1, seconds }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // it may be gone already
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One run of wrk.
pub(crate) struct Wrk<'a> {
    served: &'a Served,
    path: &'static str,
    post: bool,
    connections: usize,
    seconds: u64,
}

/// What wrk saw.
pub(crate) struct Seen {
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

impl Wrk<'_> {
    /// Runs it to its end.
    pub(crate) fn run(&self) -> Result<Seen, Failure> {
        Self::finish(self.begin()?)
    }

    /// Begins it; [`finish`](Self::finish) waits for it.
    pub(crate) fn begin(&self) -> Result<Child, Failure> {
        let mut command = Command::new("taskset");
        command.args(["-c", LOAD_CORE, "wrk", "-t", "1", "-s", SCRIPT]);
        command.args(["-c", &self.connections.to_string(), "-d", &format!("{}s", self.seconds)]);
        command.arg(format!("{}{}", self.served.url, self.path));
        if self.post {
            command.args(["--", &self.served.authorization]);
        }
        Ok(command.stdout(Stdio::piped()).spawn()?)
    }

    /// Reads its figures; one failed request fails the run.
    pub(crate) fn finish(wrk: Child) -> Result<Seen, Failure> {
        let output = wrk.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find_map(|line| line.strip_prefix("figures "));
        let line = line.ok_or("wrk gave no figures; install it, on Debian with `apt-get install wrk`")?;
        let figures: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        match figures.as_slice() {
            [requests, micros, 0.0, p50, p99] if *requests > 0.0 => {
                Ok(Seen { per_second: requests / micros * 1e6, p50_ms: p50 / 1e3, p99_ms: p99 / 1e3 })
            }
            _ => Err(format!("requests failed: {line}").into()),
        }
    }
}
