//! G4: nothing that can come over the wire panics. A process of its own, because it counts panics.

#[path = "../support/mod.rs"]
mod support;

use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::support::{Ask, Backend, Connection, Host, TRUST, Way, form_encode};

on_every_store!(g04_nothing_reachable_from_the_wire_panics);

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
        "application/json",
        "password",
        "refresh_token",
        "urn:test:trust",
        "username",
        "user",
        "alice",
        "phone",
        "id_token_hint",
        "offline_access openid",
        "token",
        "token_type_hint",
        "clientId",
        "{\"clientId\":\"phone\",\"grantType\":\"",
        "\":\"",
        "\",\"",
        "\"}",
        "[[[",
        "\\u0000",
        "\\ud800",
        "null",
        "1e999",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
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
        "/token",
        "/token",
        "/oauth/token?access_token=x",
        "/oauth/introspect",
        "/oauth/revoke",
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
    let media = prop::sample::select(vec![None, Some("application/x-www-form-urlencoded"), Some("application/json")]);
    (method, target, headers, media, text(12)).prop_map(|(method, target, headers, media, body)| {
        let ask = Ask::new(method, target).body(body);
        let ask = headers.into_iter().fold(ask, |ask, (name, value)| ask.header(name, value));
        media.map_or(ask.clone(), |media| ask.header("content-type", media))
    })
}

/// Any value, of the size of a request.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..4).prop_map(Value::from_iter),
        ]
    })
}

/// A token request in either dialect that is right but for a few parameters.
fn grant() -> impl Strategy<Value = Ask> {
    const NAMES: [&str; 11] = [
        "grant_type",
        "client_id",
        "client_secret",
        "username",
        "password",
        "refresh_token",
        "scope",
        "resource",
        "id_token_hint",
        "user",
        "x",
    ];
    let grant_type = prop::sample::select(vec!["password", "refresh_token", "client_credentials", TRUST]);
    let way = prop::sample::select(Way::ALL.to_vec());
    let value = prop_oneof![3 => "[ -~]{0,60}", 2 => ".{0,40}", 1 => "[A-Za-z0-9_-]{43}"];
    let changed = prop::collection::btree_map(prop::sample::select(NAMES.to_vec()), value, 0..4);
    let odd = prop::option::of((prop::sample::select(NAMES.to_vec()), json()));
    (grant_type, way, changed, odd).prop_map(|(grant_type, way, changed, odd)| {
        let own = [("grant_type", grant_type), ("client_id", "phone"), ("user", "alice"), ("scope", "openid")];
        let own = own.into_iter().filter(|(name, _)| !changed.contains_key(name));
        let parameters: Vec<_> = own.chain(changed.iter().map(|(name, value)| (*name, value.as_str()))).collect();
        let mut ask = way.ask(&parameters);
        if let (Way::Json, Some((name, value))) = (way, odd) {
            let mut members: Value = serde_json::from_slice(&ask.body).unwrap();
            members[name] = value;
            ask.body = members.to_string().into_bytes();
        }
        ask
    })
}

/// A question about a token, or one given back, by a client that may.
fn about_a_token(secret: String, good: [String; 3]) -> impl Strategy<Value = Ask> {
    let odd = prop_oneof![
        "[ -~]{0,60}",
        "[A-Za-z0-9_-]{43}",
        "[A-Za-z0-9_-]{1,20}\\.[A-Za-z0-9_-]{0,20}\\.[A-Za-z0-9_-]{0,9}"
    ];
    let altered = (prop::sample::select(good.to_vec()), any::<prop::sample::Index>(), "[ -~]{0,2}");
    let altered = altered.prop_map(|(mut token, at, to)| {
        let at = at.index(token.len());
        token.replace_range(at..=at, &to);
        token
    });
    let path = prop::sample::select(vec!["/oauth/introspect", "/oauth/revoke"]);
    let hint = prop::option::of("[ -~]{0,12}");
    (path, prop_oneof![1 => odd, 1 => altered], hint).prop_map(move |(path, token, hint)| {
        let hint = hint.map(|hint| format!("&token_type_hint={}", form_encode(&hint))).unwrap_or_default();
        let form = format!("token={}{hint}", form_encode(&token));
        Ask::new("POST", path).basic("app", &secret).form(form)
    })
}

fn g04_nothing_reachable_from_the_wire_panics<B: Backend>() {
    count_panics();
    let host = Host::<B>::people(|builder| builder.failures_per_minute(100_000));
    let config = Config { cases: 1_500, failure_persistence: None, ..Config::default() };
    let begun = host.begin();
    let good = [begun.token(), begun.refresh_token(), host.good_token(&host.app)];
    let about_a_token = about_a_token(host.app.secret.clone(), good);
    let outcome = TestRunner::new(config).run(&prop_oneof![ask(), grant(), about_a_token], |ask| {
        if let Some(answer) = Connection::to(host.address).send(&ask.bytes()).try_answer() {
            prop_assert!(answer.status < 500, "{answer:?}");
        }
        Ok(())
    });
    outcome.unwrap();
    assert_eq!(PANICS.load(Ordering::SeqCst), 0);
}
