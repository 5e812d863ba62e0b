//! A node: this test binary again, as a process with a server that does what it is told by lines.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use std::fmt::Display;
use std::io::{self, BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use oauth_core::store::{AccessTokenFormat, TokenProfile};
use oauth_core::types::{Audience, Timestamp};
use oauth_core::wire::{Method, Request};
use oauth_core::{AuthorizationServer, Endpoint};
use oauth_testkit::{ManualClock, PostgresServer, RefreshingServer, block_on};
use serde_json::Value;

use crate::common::{NOW, open};
use crate::server::jwt;
use crate::{Schema, Settings};

const URL: &str = "OAUTH_STORE_POSTGRES_TEST_URL";
const SCHEMA: &str = "OAUTH_STORE_POSTGRES_TEST_SCHEMA";
const OPAQUE: &str = "OAUTH_STORE_POSTGRES_TEST_OPAQUE";
/// Stands before what a node says, among what the test harness says.
const MARK: &str = "@";

/// A server process. It is killed when this is dropped.
pub struct Node {
    process: Child,
    orders: ChildStdin,
    says: Lines<BufReader<ChildStdout>>,
}

impl Node {
    /// Starts one, whose clock shows [`NOW`] and whose connections have the name of the schema. It says `ready` when it is.
    pub fn start(server: &PostgresServer, schema: &Schema, opaque: bool) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "node", "--nocapture", "--test-threads=1"]);
        let url = format!("{} application_name={}", server.url(), schema.as_str());
        command.env(URL, url).env(SCHEMA, schema.as_str()).env(OPAQUE, opaque.to_string());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let orders = process.stdin.take().unwrap();
        let says = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, orders, says }
    }

    /// Tells it to do something; the answer is to be waited for.
    pub fn order(&mut self, what: impl Display) {
        writeln!(self.orders, "{what}").unwrap();
    }

    /// The next thing that it says; `None` when it died.
    pub fn next(&mut self) -> Option<String> {
        let marked = |line: String| line.split_once(MARK).map(|(_, said)| said.to_owned());
        self.says.by_ref().map_while(Result::ok).find_map(marked)
    }

    pub fn answer(&mut self) -> String {
        self.next().expect("the node is alive")
    }

    pub fn ask(&mut self, what: impl Display) -> String {
        self.order(what);
        self.answer()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Tells all of them the same, and then waits for what each says.
pub fn ask_all(nodes: &mut [Node], what: impl Display) -> Vec<String> {
    nodes.iter_mut().for_each(|node| node.order(&what));
    nodes.iter_mut().map(Node::answer).collect()
}

fn say(what: impl Display) {
    let mut out = io::stdout().lock();
    // a short line is one write to the pipe, so that a kill cuts none in half
    out.write_all(format!("{MARK}{what}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// The life of a node, if this process is one.
pub fn live() {
    let Ok(url) = std::env::var(URL) else { return };
    let schema = Schema::parse(&std::env::var(SCHEMA).unwrap()).unwrap();
    let store = open(Settings::parse(&url).unwrap().schema(schema));
    let format = if std::env::var(OPAQUE).unwrap() == "true" { AccessTokenFormat::Opaque } else { jwt() };
    let clock = ManualClock::at(NOW);
    let builder = RefreshingServer::builder(&store, format)
        .clock(Arc::new(clock.clone()))
        .jwks_max_age(Duration::from_secs(30))
        .key_periods(Duration::from_secs(120), Duration::from_secs(300));
    let refreshing = RefreshingServer::start(builder);
    let server = refreshing.server();
    println!();
    say("ready");
    for order in io::stdin().lock().lines().map_while(Result::ok) {
        let (verb, object) = order.split_once(' ').unwrap_or((&order, ""));
        match verb {
            "clock" => {
                clock.set(Timestamp::from_millis(object.parse().unwrap()));
                say("set");
            }
            "cut" => say(block_on(server.revoke_subject(&object.parse().unwrap())).map_or("failed", |()| "cut")),
            "jwks" => say(String::from_utf8(jwks(server)).unwrap()),
            "maintain" => say(block_on(server.maintain()).unwrap().keys_changed),
            "refresh" => refresh_for_ever(&refreshing, object.to_owned()),
            "token" => {
                let (status, body) = post(&refreshing, object);
                say(format!("{status} {body}"));
            }
            "verify" => {
                let verifier = server.verifier(Audience::parse("orders").unwrap(), TokenProfile::Rfc9068);
                let verified = block_on(verifier.verify(object));
                say(verified.map_or_else(|error| format!("{error:?}"), |_| "verified".to_owned()));
            }
            _ => panic!("unknown order {order}"),
        }
    }
}

fn jwks(server: &AuthorizationServer) -> Vec<u8> {
    block_on(server.handle(Endpoint::Jwks, &Request::new(Method::Get, "/oauth/jwks"))).body
}

/// Status and body of the answer to a token request.
fn post(server: &RefreshingServer, form: &str) -> (u16, String) {
    let response = server.token(form);
    (response.status, String::from_utf8(response.body).unwrap())
}

/// Uses each refresh token that it gets, and says what it was answered, until it is killed.
fn refresh_for_ever(server: &RefreshingServer, mut token: String) {
    loop {
        let (status, body) = post(server, &RefreshingServer::refresh_form(&token));
        assert_eq!(status, 200, "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        token = answer["refresh_token"].as_str().unwrap().to_owned();
        say(body);
    }
}
