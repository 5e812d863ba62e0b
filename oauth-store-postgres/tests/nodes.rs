//! Three server processes over one database. The processes are this test binary again.

mod common;
#[path = "common/node.rs"]
mod node;
#[path = "common/server.rs"]
mod server;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::thread;

use common::{NOW, Stranger, fresh_schema, open, settings, waiters};
use node::{Node, ask_all};
use oauth_store_postgres::{Database, PostgresStore, Schema, Settings};
use oauth_testkit::{PostgresServer, RefreshingServer, block_on};
use serde_json::Value;
use server::add_alice;

/// Does nothing when it runs as a test.
#[test]
fn node() {
    node::live();
}

/// A schema with a user, and three nodes that start on it at once.
fn three_nodes(server: &PostgresServer, opaque: bool) -> (Schema, PostgresStore, [Node; 3]) {
    let schema = fresh_schema();
    let store = open(settings(server).schema(schema.clone()));
    add_alice(&store);
    let mut nodes = [(); 3].map(|()| Node::start(server, &schema, opaque));
    nodes.iter_mut().for_each(|node| assert_eq!(node.answer(), "ready"));
    (schema, store, nodes)
}

fn granted(answer: &str) -> Value {
    let body = answer.strip_prefix("200 ").unwrap_or_else(|| panic!("{answer}"));
    serde_json::from_str(body).unwrap()
}

fn text<'a>(answer: &'a Value, member: &str) -> &'a str {
    answer[member].as_str().unwrap()
}

/// Every key by its id, with its state.
fn keys(eye: &Stranger, schema: &Schema) -> BTreeMap<String, String> {
    let all = format!("SELECT kid || ' ' || state FROM {}.server_key", schema.as_str());
    let pair = |line: &String| line.split_once(' ').map(|(kid, state)| (kid.to_owned(), state.to_owned())).unwrap();
    eye.ask(&all).iter().map(pair).collect()
}

/// The keys that work for each use.
fn active(eye: &Stranger, schema: &Schema) -> Vec<String> {
    eye.ask(&format!(
        "SELECT usage || ' ' || kid FROM {}.server_key WHERE state = 'active' ORDER BY 1",
        schema.as_str()
    ))
}

/// A token from each node is believed by each.
fn mint_and_verify(nodes: &mut [Node; 3], minted: &mut VecDeque<String>) {
    for answer in ask_all(nodes, format!("token {}", RefreshingServer::begin_form())) {
        minted.push_back(text(&granted(&answer), "access_token").to_owned());
    }
    for token in &*minted {
        assert_eq!(ask_all(nodes, format!("verify {token}")), ["verified"; 3]);
    }
}

/// Tells all nodes the same while the lock keeps them from writing, until all three want to: each has read what it decides
/// by before any wrote. Answers what they said, and whether they raced so.
fn ask_at_once(
    nodes: &mut [Node; 3],
    server: &PostgresServer,
    schema: &Schema,
    lock: &str,
    what: &str,
) -> (Vec<String>, bool) {
    let (holder, eye) = (Stranger::connect(server), Stranger::connect(server));
    holder.ask(&format!("SET search_path = {}; BEGIN; {lock}", schema.as_str()));
    thread::scope(|scope| {
        let asked = scope.spawn(|| ask_all(nodes, what));
        let mut raced = false;
        while !raced && !asked.is_finished() {
            raced = waiters(&eye, schema.as_str()) == 3;
        }
        holder.ask("COMMIT");
        (asked.join().unwrap(), raced)
    })
}

#[test]
fn keys_are_promoted_once_and_what_any_node_signs_every_node_believes() {
    const INTERVAL: u32 = 30; // seconds between two rounds of maintenance
    const ROUNDS: u32 = 32;
    /// Tokens live for ten minutes.
    const ALIVE: usize = 3 * 6;
    let Some(server) = PostgresServer::shared() else { return };
    let (schema, _store, mut nodes) = three_nodes(server, false);
    let eye = Stranger::connect(server);
    let uses = active(&eye, &schema).len();
    let (mut promoted, mut races, mut minted) = (0, 0, VecDeque::new());
    for round in 1..=ROUNDS {
        let now = NOW.millis() + i64::from(round * INTERVAL) * 1_000;
        assert_eq!(ask_all(&mut nodes, format!("clock {now}")), ["set"; 3]);
        let (keys_before, active_before) = (keys(&eye, &schema), active(&eye, &schema));
        // in some rounds one is ahead of the others, and signs with what they have not looked at
        let ahead = if round % 4 == 0 { vec![nodes[round as usize % 3].ask("maintain")] } else { Vec::new() };
        mint_and_verify(&mut nodes, &mut minted);
        let lock = "LOCK TABLE server_key IN SHARE MODE";
        let (together, raced) = ask_at_once(&mut nodes, server, &schema, lock, "maintain");
        races += u32::from(raced);
        let told: usize = ahead.iter().chain(&together).map(|count| count.parse::<usize>().unwrap()).sum();
        let keys_after = keys(&eye, &schema);
        let changed = keys_after.iter().filter(|(kid, state)| keys_before.get(*kid) != Some(*state)).count();
        assert_eq!(told, changed, "each step was taken by one node");
        assert!(raced || changed == 0 || !ahead.is_empty(), "whatever changed, all three wanted to change");
        let active_after = active(&eye, &schema);
        assert_eq!(active_after.len(), uses, "one key for each use: {active_after:?}");
        promoted += active_after.iter().filter(|key| !active_before.contains(key)).count();
        let listed = ask_all(&mut nodes, "jwks");
        assert!(listed.iter().all(|set| *set == listed[0]), "after one interval all list the same: {listed:?}");
        mint_and_verify(&mut nodes, &mut minted);
        minted.drain(..minted.len().saturating_sub(ALIVE));
    }
    // the first announcement and what comes of it; how many more depends on how many nodes announced, and who was ahead
    assert!(promoted >= 2 * uses && races >= 2, "{promoted} promotions of {uses} uses, {races} races");
}

#[test]
fn of_nodes_that_refresh_one_token_all_answer_one_child() {
    const RACES: u32 = 40;
    let Some(server) = PostgresServer::shared() else { return };
    let (schema, _store, mut nodes) = three_nodes(server, true);
    let eye = Stranger::connect(server);
    let families = format!("SELECT generation || ' ' || (revoked_at IS NULL) FROM {}.family", schema.as_str());
    let mut answer = granted(&nodes[0].ask(format!("token {}", RefreshingServer::begin_form())));
    for race in 1..=RACES {
        let refresh = format!("token {}", RefreshingServer::refresh_form(text(&answer, "refresh_token")));
        let lock = "SELECT tenant FROM family FOR UPDATE";
        let (answers, raced) = ask_at_once(&mut nodes, server, &schema, lock, &refresh);
        assert!(raced);
        let answers: Vec<Value> = answers.iter().map(|answer| granted(answer)).collect();
        let children: BTreeSet<&str> = answers.iter().map(|answer| text(answer, "refresh_token")).collect();
        assert_eq!(children.len(), 1, "one live child, whoever asked");
        assert_eq!(eye.ask(&families), [format!("{race} true")]);
        answer = answers[0].clone();
    }
    // once the answer cannot have been lost any more, what is spent ends its family, on every node
    let spent = answer["refresh_token"].clone();
    let child = granted(&nodes[1].ask(format!("token {}", RefreshingServer::refresh_form(spent.as_str().unwrap()))));
    assert_eq!(ask_all(&mut nodes, format!("clock {}", NOW.millis() + 60_000)), ["set"; 3]);
    for token in [spent.as_str().unwrap(), text(&child, "refresh_token")] {
        for refused in ask_all(&mut nodes, format!("token {}", RefreshingServer::refresh_form(token))) {
            assert!(refused.starts_with("400 ") && refused.contains("invalid_grant"), "{refused}");
        }
    }
    for refused in ask_all(&mut nodes, format!("verify {}", text(&child, "access_token"))) {
        assert_ne!(refused, "verified");
    }
}

#[test]
fn what_becomes_of_a_user_counts_on_every_node_at_once() {
    let Some(server) = PostgresServer::shared() else { return };
    let (_schema, store, mut nodes) = three_nodes(server, true);
    let alice = "alice".parse().unwrap();
    let mut answer = granted(&nodes[0].ask(format!("token {}", RefreshingServer::begin_form())));
    for turn in 0..6 {
        assert!(block_on(store.set_user_active(&alice, false)).unwrap());
        for refused in
            ask_all(&mut nodes, format!("token {}", RefreshingServer::refresh_form(text(&answer, "refresh_token"))))
        {
            assert!(refused.starts_with("400 "), "{refused}");
        }
        assert!(block_on(store.set_user_active(&alice, true)).unwrap());
        answer = granted(&nodes[turn % 3].ask(format!("token {}", RefreshingServer::begin_form())));
        let refresh = format!("token {}", RefreshingServer::refresh_form(text(&answer, "refresh_token")));
        answer = granted(&nodes[(turn + 1) % 3].ask(refresh));
    }
    assert_eq!(ask_all(&mut nodes, format!("verify {}", text(&answer, "access_token"))), ["verified"; 3]);
    assert_eq!(nodes[1].ask("cut alice"), "cut");
    for refused in ask_all(&mut nodes, format!("verify {}", text(&answer, "access_token"))) {
        assert_ne!(refused, "verified");
    }
}

/// The clock stands still, so that an answer that was not heard can be asked for again for as long as the test takes.
#[test]
fn what_a_killed_node_acknowledged_is_there_on_the_others() {
    const KILLS: usize = 12;
    let Some(server) = PostgresServer::shared() else { return };
    let (schema, _store, mut nodes) = three_nodes(server, true);
    let mut answer = granted(&nodes[0].ask(format!("token {}", RefreshingServer::begin_form())));
    for kill in 0..KILLS {
        let [victim, survivor] = [kill % 3, (kill + 1) % 3];
        nodes[victim].order(format!("refresh {}", text(&answer, "refresh_token")));
        // another number of answers each time, so that the kill falls into different steps
        let mut acknowledged: Vec<Value> = Vec::new();
        for _ in 0..=kill {
            acknowledged.push(serde_json::from_str(&nodes[victim].answer()).unwrap());
        }
        nodes[victim].kill();
        while let Some(said) = nodes[victim].next() {
            acknowledged.push(serde_json::from_str(&said).unwrap());
        }
        for said in &acknowledged {
            assert_eq!(nodes[survivor].ask(format!("verify {}", text(said, "access_token"))), "verified");
        }
        let last = acknowledged.last().unwrap();
        answer = granted(
            &nodes[survivor].ask(format!("token {}", RefreshingServer::refresh_form(text(last, "refresh_token")))),
        );
        nodes[victim] = Node::start(server, &schema, true);
        assert_eq!(nodes[victim].answer(), "ready");
    }
    let eye = Stranger::connect(server);
    let families = format!("SELECT count(*) FROM {}.family WHERE revoked_at IS NULL", schema.as_str());
    assert_eq!(eye.ask(&families), ["1"], "one family, from the first answer to the last");
}
