//! Table 1 of the protocol: of two things that are wrong, the earlier step answers; and nothing changes without a 200.

use oauth_core::store::{AccessTokenFormat, StoreErrorKind};
use oauth_core::wire::{Body, Method, Request, Transport};
use oauth_testkit::{Method as Call, Times};

use crate::world::{World, basic};

/// What can be wrong with a request, in the order in which it must be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    Method,
    Media,
    Coding,
    Size,
    Clear,
    Syntax,
    Mechanisms,
    Client,
    GrantMissing,
    Grant,
    ScopeSyntax,
    Target,
    Scope,
    Store,
}

const ALL: [(Wrong, u16, &str); 14] = [
    (Wrong::Method, 405, "invalid_request"),
    (Wrong::Media, 400, "invalid_request"),
    (Wrong::Coding, 415, "invalid_request"),
    (Wrong::Size, 413, "invalid_request"),
    (Wrong::Clear, 400, "invalid_request"),
    (Wrong::Syntax, 400, "invalid_request"),
    (Wrong::Mechanisms, 400, "invalid_request"),
    (Wrong::Client, 401, "invalid_client"),
    (Wrong::GrantMissing, 400, "invalid_request"),
    (Wrong::Grant, 400, "unsupported_grant_type"),
    (Wrong::ScopeSyntax, 400, "invalid_scope"),
    (Wrong::Target, 400, "invalid_target"),
    (Wrong::Scope, 400, "invalid_scope"),
    (Wrong::Store, 503, "temporarily_unavailable"),
];

fn request(world: &World, wrong: &[Wrong]) -> Request {
    let is = |one| wrong.contains(&one);
    let mut form = Vec::new();
    if !is(Wrong::GrantMissing) {
        form.push(if is(Wrong::Grant) { "grant_type=urn:x" } else { "grant_type=client_credentials" });
    }
    match (is(Wrong::ScopeSyntax), is(Wrong::Scope)) {
        (true, _) => form.push("scope=%22"),
        (false, true) => form.push("scope=admin"),
        (false, false) => {}
    }
    if is(Wrong::Target) {
        form.push("resource=https://api.example/unknown");
    }
    if is(Wrong::Mechanisms) {
        form.push("client_id=orders-worker&client_secret=x");
    }
    if is(Wrong::Syntax) {
        form.push("x=%zz");
    }
    let secret = if is(Wrong::Client) { "wrong" } else { &world.secret };
    let mut request = basic("orders-worker", secret, &form.join("&"));
    if is(Wrong::Method) {
        request.method = Method::Put;
    }
    if is(Wrong::Coding) {
        request.headers.push("content-encoding", b"gzip");
    }
    if is(Wrong::Media) {
        request.headers.push("content-type", b"application/json");
    }
    if is(Wrong::Size) {
        request.body = Body::TooLarge;
    }
    if is(Wrong::Clear) {
        request.transport = Transport::Clear;
        request.peer = Some("203.0.113.9".parse().unwrap());
    }
    request
}

#[test]
fn of_two_faults_the_earlier_step_answers() {
    for (at, (first, status, code)) in ALL.iter().enumerate() {
        for (second, ..) in &ALL[at..] {
            let world = World::new(|builder| builder.access_token(AccessTokenFormat::Opaque));
            if *first == Wrong::Store || *second == Wrong::Store {
                world.store.fail(Call::InsertAccessToken, StoreErrorKind::Unavailable, Times::Nth(1));
            }
            let answer = world.post(request(&world, &[*first, *second]));
            assert_eq!(answer.error(), (*status, *code), "{first:?} before {second:?}");
            // the credential keeps, and nothing was issued on the way
            let inserted = world.store.count(Call::InsertAccessToken);
            assert_eq!(inserted, usize::from(*first == Wrong::Store), "{first:?}");
            if *first < Wrong::Client {
                assert_eq!(world.store.calls(), [], "{first:?} is found before any store is asked");
            }
            world.store.forget();
            assert_eq!(world.post(request(&world, &[])).status, 200, "{first:?} spent something");
        }
    }
}

#[test]
fn the_right_request_is_right() {
    let world = World::new(|builder| builder);
    assert_eq!(world.post(request(&world, &[])).status, 200);
}
