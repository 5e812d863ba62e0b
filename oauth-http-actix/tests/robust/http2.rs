//! HTTP/2, where the application speaks it: the same answers as over HTTP/1, and streams that do not harm each other.

use oauth_core::store::AccessTokenFormat;
use oauth_core::{AuthorizationServer, Refusal};
use oauth_testkit::{Method, block_on};

use crate::on_every_store;
use crate::support::{Answer, Ask, Backend, Browser, Connection, Door, Host, Http2, Shows, TestKey, Visit, WEB};

on_every_store!(
    http2_is_answered_as_http1_is,
    a_user_comes_through_over_http2,
    g07_the_authority_of_http2_makes_no_url,
    p11_a_body_over_the_limit_ends_its_stream_only,
    a_body_that_stops_ends_its_stream_only,
    a_stream_that_is_reset_before_its_body_ends_leaves_no_request,
    a_stream_that_is_reset_at_a_store_call_leaves_a_finished_request,
);

const GRANT: &str = "grant_type=client_credentials";
const METADATA: &str = "/.well-known/oauth-authorization-server";

/// Goes on through a port that speaks both.
fn connect<B: Backend>(host: &mut Host<B>, door: Door) -> Http2 {
    host.address = host.open(door.with_http2());
    Http2::to(host.address)
}

/// The answer over HTTP/1, as it must be over HTTP/2: there no field speaks of the connection (RFC 9113 §8.2.2).
fn over_http1<B: Backend>(host: &Host<B>, bytes: &[u8]) -> Answer {
    let mut answer = Connection::to(host.address).send(bytes).answer();
    answer.headers.retain(|(name, _)| name != "connection");
    answer
}

fn http2_is_answered_as_http1_is<B: Backend>() {
    let mut host = Host::<B>::start();
    let mut http2 = connect(&mut host, Door::PATIENT);
    let (id, secret) = (&host.app.id, &host.app.secret);
    let by_body = Ask::token().form(format!("{GRANT}&client_id={id}&client_secret={secret}"));
    for ask in [Ask::token().basic(id, secret).form(GRANT), by_body] {
        let (answer, before) = (http2.send(&ask), over_http1(&host, &ask.bytes()));
        host.check(&ask, &answer);
        assert_eq!(answer.names(), before.names());
        let orders = Ask::new("GET", "/orders");
        assert_eq!(http2.send(&orders.clone().bearer(&answer.token())).text(), "client app");
        let denied = orders.bearer(&answer.token()[1..]);
        assert_eq!(http2.send(&denied).comparable(), over_http1(&host, &denied.bytes()).comparable());
    }
    let etag = host.get("/oauth/jwks").header("etag").unwrap().to_owned();
    for (status, ask) in [
        (200, Ask::new("GET", METADATA)),
        (200, Ask::new("GET", "/oauth/jwks")),
        (304, Ask::new("GET", "/oauth/jwks").header("if-none-match", etag)),
        (405, Ask::new("POST", "/oauth/jwks")),
        (401, Ask::new("GET", "/orders")),
        (400, Ask::token().form(GRANT)),
        (401, Ask::token().basic(id, "wrong").form(GRANT)),
        (400, Ask::token().basic(id, secret).form("grant_type=x")),
        (400, Ask::token().basic(id, secret).basic(id, secret).form(GRANT)),
        (405, Ask::new("GET", "/oauth/token")),
        (404, Ask::new("GET", "/oauth")),
    ] {
        let answer = http2.send(&ask);
        host.check(&ask, &answer);
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.comparable(), over_http1(&host, &ask.bytes()).comparable());
    }
}

fn a_user_comes_through_over_http2<B: Backend>() {
    let mut host = Host::<B>::browsers(|builder| builder);
    let mut http2 = connect(&mut host, Door::PATIENT);
    let session = Browser::of(&host, "alice");
    let ask = session.dress(Visit::web().with("prompt", "consent").get());
    let begun = http2.send(&ask);
    host.check(&ask, &begun);
    assert_eq!(begun.status, 303, "{begun:?}");
    let page = begun.header("location").unwrap();
    let (pair, attributes) = begun.header("set-cookie").unwrap().split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-oauth-") && attributes.ends_with("Secure"), "{begun:?}");
    // browsers send each cookie in a field of its own (RFC 9113 §8.2.3)
    let dress = |ask: Ask| session.dress(ask).header("cookie", "theme=dark").header("cookie", pair);
    let stranger = http2.send(&session.dress(Ask::new("GET", page)));
    assert_eq!(stranger.status, 403, "{stranger:?}");
    let shows = Shows::of(&http2.send(&dress(Ask::new("GET", page))));
    let decided = http2.send(&dress(Browser::<B>::allowing(page, &shows, &shows.scope)));
    let code = decided.code(WEB);
    let redeemed = http2.send(&host.redeeming(&code));
    assert!(host.is_live(&redeemed), "{redeemed:?}");
    http2.send(&host.redeeming(&code)).is(400, "invalid_grant");
    assert!(!host.is_live(&redeemed), "replayed");
}

fn g07_the_authority_of_http2_makes_no_url<B: Backend>() {
    let mut host = Host::<B>::start();
    let mut http2 = connect(&mut host, Door::PATIENT);
    let spoofed = |ask: Ask| ask.header("host", "evil.example").header("x-forwarded-host", "evil.example");
    for path in [METADATA, "/oauth/jwks"] {
        let answer = http2.send(&spoofed(Ask::new("GET", path)));
        assert_eq!((answer.status, &answer.body), (200, &host.get(path).body), "{path}");
    }
    let ask = spoofed(Ask::token().basic("app", &host.app.secret).form(GRANT));
    let (_, claims) = TestKey::read(&http2.send(&ask).token());
    assert_eq!(claims["iss"], "https://as.example");
    let mut people = Host::<B>::browsers(|builder| builder);
    let mut http2 = connect(&mut people, Door::PATIENT);
    let begun = http2.send(&spoofed(Visit::web().get()));
    assert!(begun.header("location").unwrap().starts_with("/consent?interaction="), "{begun:?}");
}

fn p11_a_body_over_the_limit_ends_its_stream_only<B: Backend>() {
    let mut host = Host::<B>::start();
    let mut http2 = connect(&mut host, Door::PATIENT);
    let limit = AuthorizationServer::BODY_LIMIT;
    let ask = Ask::token().basic("app", &host.app.secret).form("");
    let padded = |length: usize| format!("{GRANT}&x={}", "y".repeat(length - GRANT.len() - 3));
    let within = ask.clone().body(padded(limit));
    assert_eq!(http2.send(&within).comparable(), over_http1(&host, &within.bytes()).comparable());
    // a declared length is refused although not a byte of the body is sent
    let before = over_http1(&host, &ask.head("Content-Length: 10737418240\r\n"));
    before.is(413, "invalid_request");
    let stream = http2.open(&ask.clone().header("content-length", "10737418240"));
    assert_eq!(http2.answer(stream).comparable(), before.comparable());
    // without one: 10 MiB in all, and actix gives a connection room for 2, so what was not read is let go
    for _ in 0..20 {
        let mut stream = http2.open(&ask);
        stream.send(padded(8 * limit).as_bytes());
        assert_eq!(http2.answer(stream).comparable(), before.comparable());
    }
    assert_eq!(host.calls(), []);
    assert_eq!(http2.send(&ask.body(GRANT)).status, 200);
}

fn a_body_that_stops_ends_its_stream_only<B: Backend>() {
    let mut host = Host::<B>::start();
    let ask = Ask::token().basic("app", &host.app.secret).form(GRANT);
    let (start, last) = ask.body.split_at(1);
    // the others do not wait for it
    let mut http2 = connect(&mut host, Door::PATIENT);
    let mut stopped = http2.open(&ask);
    stopped.send(start);
    assert_eq!(http2.send(&ask).status, 200);
    stopped.finish(last);
    assert_eq!(http2.answer(stopped).status, 200);
    // and it is not waited for for ever
    let mut http2 = connect(&mut host, Door::IMPATIENT);
    let before = over_http1(&host, &ask.head("Content-Length: 29\r\n"));
    before.is(408, "invalid_request");
    let mut stopped = http2.open(&ask);
    stopped.send(start);
    assert_eq!(http2.answer(stopped).comparable(), before.comparable());
    assert_eq!(http2.send(&ask).status, 200);
}

fn a_stream_that_is_reset_before_its_body_ends_leaves_no_request<B: Backend>() {
    let mut host = Host::<B>::start();
    let mut http2 = connect(&mut host, Door::PATIENT);
    let opaque = host.client("opaque", |spec| spec.access_token(AccessTokenFormat::Opaque));
    let ask = Ask::token().basic("opaque", &opaque.secret).form(GRANT);
    for sent in [0, 1, GRANT.len() - 1, GRANT.len()] {
        let mut stream = http2.open(&ask);
        stream.send(&GRANT.as_bytes()[..sent]);
        http2.settle();
        stream.reset();
        http2.settle();
    }
    assert_eq!(http2.send(&ask).status, 200);
    assert_eq!((host.calls(), host.issued()), (vec![Method::Find, Method::InsertAccessToken], 1));
    assert!(host.refusals().iter().all(|refusal| *refusal == Refusal::BodyBroken), "{:?}", host.refusals());
}

fn a_stream_that_is_reset_at_a_store_call_leaves_a_finished_request<B: Backend>() {
    for number in 1..=2 {
        let mut host = Host::<B>::start();
        let mut http2 = connect(&mut host, Door::PATIENT);
        let opaque = host.client("opaque", |spec| spec.access_token(AccessTokenFormat::Opaque));
        let ask = Ask::token().basic("opaque", &opaque.secret).form(GRANT);
        let pause = host.probe.pause_at(number);
        let mut stream = http2.open(&ask);
        stream.finish(&ask.body);
        http2.settle();
        block_on(pause.reached());
        stream.reset();
        http2.settle();
        // the connection goes on meanwhile
        assert_eq!(http2.send(&Ask::new("GET", METADATA)).status, 200);
        pause.release();
        // resolves when no request is in flight any more
        block_on(host.server.shutdown());
        let calls: Vec<Method> = host.calls().into_iter().filter(|call| *call != Method::Close).collect();
        assert_eq!((calls, host.issued()), (vec![Method::Find, Method::InsertAccessToken], 1), "call {number}");
    }
}
