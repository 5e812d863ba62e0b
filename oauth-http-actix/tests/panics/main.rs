//! G4: nothing that can come over the wire panics. A process of its own, because it counts panics.

#[path = "../support/mod.rs"]
mod support;

use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{Ask, Backend, Connection, Host};

on_both_stores!(g04_nothing_reachable_from_the_wire_panics);

static PANICS: AtomicUsize = AtomicUsize::new(0);

fn count_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            previous(info);
        }));
    });
}

/// Text that is nearly something.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "grant_type",
        "client_credentials",
        "scope",
        "resource",
        "client_id",
        "client_secret",
        "app",
        "=",
        "&",
        "+",
        "%",
        "%00",
        "%ff",
        "%c3%a9",
        "id",
        "urn:x",
        "https://a#",
        "Basic ",
        "Bearer ",
        "YXBwOng=",
        "OmE6",
        ".",
        "..",
        "eyJhbGciOiJub25lIn0",
        "{}",
        "{\"alg\":",
        "\"",
        "\\",
        ",",
        ";",
        "q=1",
        "charset=",
        "utf-8",
        "W/\"x\"",
        "*",
        "application/x-www-form-urlencoded",
    ]);
    prop_oneof![
        6 => known.prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ]
}

fn text(pieces: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(piece(), 0..pieces).prop_map(|pieces| pieces.concat())
}

fn ask() -> impl Strategy<Value = Ask> {
    let method = prop::sample::select(vec!["POST", "POST", "POST", "GET", "HEAD", "PUT", "OPTIONS", "BREW"]);
    let target = prop::sample::select(vec![
        "/oauth/token",
        "/oauth/token",
        "/oauth/token?access_token=x",
        "/oauth/jwks",
        "/orders",
        "/form",
        "/me",
        "/.well-known/oauth-authorization-server",
    ]);
    let name = prop::sample::select(vec![
        "authorization",
        "authorization",
        "content-type",
        "content-encoding",
        "if-none-match",
        "user-agent",
        "x-forwarded-for",
        "forwarded",
        "accept",
        "origin",
        "cookie",
        "dpop",
        "expect",
    ]);
    // a field holds no line ends and no NUL, or it would not be one field
    let value = text(5).prop_map(|mut value| {
        value.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
        value
    });
    let headers = prop::collection::vec((name, value), 0..5);
    (method, target, headers, any::<bool>(), text(12)).prop_map(|(method, target, headers, is_form, body)| {
        let ask = Ask::new(method, target).body(body);
        let ask = headers.into_iter().fold(ask, |ask, (name, value)| ask.header(name, value));
        if is_form { ask.header("content-type", "application/x-www-form-urlencoded") } else { ask }
    })
}

fn g04_nothing_reachable_from_the_wire_panics<B: Backend>() {
    count_panics();
    let host = Host::<B>::start();
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&ask(), |ask| {
        if let Some(answer) = Connection::to(host.address).send(&ask.bytes()).try_answer() {
            prop_assert!(answer.status < 500, "{answer:?}");
        }
        Ok(())
    });
    outcome.unwrap();
    assert_eq!(PANICS.load(Ordering::SeqCst), 0);
}
