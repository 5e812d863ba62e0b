//! How many allocations a token costs, from `wire::Request` to `wire::Response`: boxed futures and the answer's own
//! body and headers included, the making of the request not. Memory store, audit to a subscriber that is not there.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oauth_core::jose::Alg;
use oauth_core::keys::{SealingKey, SealingKeys};
use oauth_core::measure::Decider;
use oauth_core::store::{AccessTokenFormat, TokenProfile};
use oauth_core::types::Issuer;
use oauth_core::wire::{Body, Method, Request, Response};
use oauth_core::{AuthorizationServer, ClientSpec, Endpoint};
use oauth_store_memory::MemoryStore;
use oauth_testkit::block_on;

/// What warms up: the tables of the store, the key set.
const WARM_UP: usize = 2_000;
/// How many requests are counted. The store grows its tables now and then, so that the median is judged.
const COUNTED: usize = 501;

#[test]
fn an_opaque_token_costs_at_most_15() {
    judge("opaque", AccessTokenFormat::Opaque, 15);
}

#[test]
fn a_jwt_costs_at_most_25() {
    judge("ES256", AccessTokenFormat::Jwt { alg: Alg::ES256, profile: TokenProfile::Rfc9068 }, 25);
}

/// A client with 50 scopes is asked for 20 of them, and then for as many again that it has not.
#[test]
fn a_decision_costs_at_most_10() {
    let scopes = |from: usize, to: usize| (from..to).map(|n| format!("s{n:03}")).collect::<Vec<_>>().join(" ");
    for (asked, what) in [(scopes(0, 20), "granted"), (scopes(40, 60), "narrowed")] {
        let decider = Decider::new(&scopes(0, 50), &asked).unwrap();
        let info = allocation_counter::measure(|| assert!(decider.decide().is_ok()));
        println!("decide {:3} allocations, {} bytes when {what}; target 10", info.count_total, info.bytes_total);
        assert!(info.count_total <= 10, "{} allocations", info.count_total);
    }
}

fn judge(name: &str, format: AccessTokenFormat, most: u64) {
    let (server, authorization) = server(format);
    for _ in 0..WARM_UP {
        ask(&server, &request(&authorization));
    }
    let mut counts: Vec<(u64, u64)> = (0..COUNTED).map(|_| count(&server, &authorization)).collect();
    counts.sort_unstable();
    let (median, bytes) = counts[COUNTED / 2];
    let (highest, _) = counts[COUNTED - 1];
    println!("{name:6} {median:3} allocations, {bytes} bytes a request (at most {highest}); target {most}");
    assert!(median <= most, "{name}: {median} allocations a request are more than {most}");
}

/// Allocations and bytes of one request.
fn count(server: &AuthorizationServer, authorization: &str) -> (u64, u64) {
    let request = request(authorization);
    let mut response = None;
    let info = allocation_counter::measure(|| response = Some(ask(server, &request)));
    assert_eq!(response.map(|response| response.status), Some(200));
    (info.count_total, info.bytes_total)
}

/// Without an executor, whose waker would count: on the memory store nothing waits.
fn ask(server: &AuthorizationServer, request: &Request) -> Response {
    let asked = pin!(server.handle(Endpoint::Token, request));
    match asked.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(response) => response,
        Poll::Pending => panic!("the memory store made us wait"),
    }
}

fn request(authorization: &str) -> Request {
    let mut request = Request::new(Method::Post, "/oauth/token");
    request.headers.push("authorization", authorization.as_bytes());
    request.headers.push("content-type", b"application/x-www-form-urlencoded");
    request.body = Body::Whole(b"grant_type=client_credentials&scope=orders%3Aread+orders%3Awrite".to_vec());
    request
}

/// A server with one client, and the header that authenticates it.
fn server(format: AccessTokenFormat) -> (AuthorizationServer, String) {
    let sealing = SealingKeys::new(SealingKey::new("bench", [7; 32]).unwrap());
    let issuer = Issuer::url("https://auth.example").unwrap();
    let server = AuthorizationServer::builder(issuer, MemoryStore::new(), sealing).access_token(format);
    let server = block_on(server.start()).unwrap();
    let spec = ClientSpec::confidential("billing").scope("orders:read orders:write").audience(["https://api.example"]);
    let secret = block_on(server.ensure_client(spec)).unwrap().secret.unwrap();
    let authorization = format!("Basic {}", STANDARD.encode(format!("billing:{}", secret.expose())));
    (server, authorization)
}
