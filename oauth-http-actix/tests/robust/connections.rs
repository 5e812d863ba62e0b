//! Clients that go away, handlers that panic, servers that end.

use std::sync::Arc;

use async_trait::async_trait;
use oauth_core::store::{AccessTokenFormat, RevokedWhy};
use oauth_core::token::{FactsRequest, HookError, HostFacts, TokenAdditions, TokenHook};
use oauth_core::{RequestContext, ValidatedGrant};
use oauth_testkit::{Method, block_on};

use crate::on_every_store;
use crate::support::{Ask, Backend, Connection, Host, Registered, Way};

on_every_store!(
    a_connection_dropped_at_a_store_call_leaves_a_finished_request,
    a_refresh_whose_connection_is_dropped_is_finished_and_can_be_asked_for_again,
    a_token_is_taken_back_though_the_connection_is_dropped,
    a_connection_dropped_before_the_body_ends_leaves_no_request,
    a_shutdown_waits_for_what_was_begun_and_refuses_the_rest,
    a_panic_is_a_server_error_without_detail,
    an_expectation_is_met_or_ignored,
);

const GRANT: &str = "grant_type=client_credentials";

fn opaque<B: Backend>(host: &Host<B>) -> (Registered, Ask) {
    let client = host.client("opaque", |spec| spec.access_token(AccessTokenFormat::Opaque));
    let ask = Ask::token().basic("opaque", &client.secret).form(GRANT);
    (client, ask)
}

/// There is one worker, and it sees a reset before a request that was sent after it.
fn until_the_reset_was_seen<B: Backend>(host: &Host<B>) {
    for _ in 0..3 {
        assert_eq!(host.get("/.well-known/oauth-authorization-server").status, 200);
    }
}

fn a_connection_dropped_at_a_store_call_leaves_a_finished_request<B: Backend>() {
    let whole = {
        let host = Host::<B>::start();
        let (client, _) = opaque(&host);
        host.good_token(&client);
        host.calls()
    };
    assert_eq!(whole, [Method::Find, Method::InsertAccessToken]);
    for number in 1..=whole.len() {
        for before in [true, false] {
            let host = Host::<B>::start();
            let (_, ask) = opaque(&host);
            let pause = if before { host.probe.pause_at(number) } else { host.probe.pause_after(number) };
            let mut connection = Connection::to(host.address);
            connection.send(&ask.bytes());
            block_on(pause.reached());
            connection.reset();
            until_the_reset_was_seen(&host);
            pause.release();
            // resolves when no request is in flight any more
            block_on(host.server.shutdown());
            let calls: Vec<Method> = host.calls().into_iter().filter(|call| *call != Method::Close).collect();
            assert_eq!((calls, host.issued()), (whole.clone(), 1), "call {number}, before {before}");
        }
    }
}

fn a_refresh_whose_connection_is_dropped_is_finished_and_can_be_asked_for_again<B: Backend>() {
    let host = Host::<B>::people(|builder| builder);
    for number in 1..=4 {
        for (before, way) in [(true, Way::Form), (false, Way::Json)] {
            let begun = host.begin();
            let family = host.family_of(&begun).id;
            host.forget();
            let pause = if before { host.probe.pause_at(number) } else { host.probe.pause_after(number) };
            let mut connection = Connection::to(host.address);
            connection.send(&Host::<B>::refreshing(way, "phone", &begun.refresh_token(), &[]).bytes());
            block_on(pause.reached());
            connection.reset();
            until_the_reset_was_seen(&host);
            pause.release();
            while host.issued() == 0 {
                std::thread::yield_now();
            }
            assert_eq!(host.calls(), [Method::Find, Method::FindByHandle, Method::FindBySubject, Method::Rotate]);
            let state = host.family(family).refresh.unwrap();
            assert_eq!((state.generation, state.retries), (1, 0), "call {number}, before {before}");
            // the client that heard nothing asks again, and goes on with what it gets
            let again = host.refresh(way, &begun.refresh_token());
            assert_eq!(host.refresh(way, &again.refresh_token()).status, 200);
        }
    }
}

fn a_token_is_taken_back_though_the_connection_is_dropped<B: Backend>() {
    let host = Host::<B>::people(|builder| builder);
    for number in 1..=3 {
        for before in [true, false] {
            let begun = host.begin();
            let family = host.family_of(&begun).id;
            host.forget();
            let pause = if before { host.probe.pause_at(number) } else { host.probe.pause_after(number) };
            let mut connection = Connection::to(host.address);
            connection.send(&Host::<B>::revoking("phone", &begun.refresh_token()).bytes());
            block_on(pause.reached());
            connection.reset();
            until_the_reset_was_seen(&host);
            pause.release();
            while host.events().is_empty() {
                std::thread::yield_now();
            }
            assert_eq!(host.calls(), [Method::Find, Method::FindByHandle, Method::RevokeFamily]);
            let why = host.family(family).revoked.map(|(_, why)| why);
            assert_eq!(why, Some(RevokedWhy::Client), "call {number}, before {before}");
            assert!(!host.is_live(&begun));
        }
    }
}

fn a_connection_dropped_before_the_body_ends_leaves_no_request<B: Backend>() {
    let host = Host::<B>::start();
    let (client, ask) = opaque(&host);
    let bytes = ask.bytes();
    let body_starts = bytes.len() - GRANT.len();
    for sent in [1, body_starts - 1, body_starts, body_starts + 1, bytes.len() - 1] {
        let mut connection = Connection::to(host.address);
        connection.send(&bytes[..sent]);
        connection.reset();
    }
    until_the_reset_was_seen(&host);
    assert_eq!((host.calls(), host.issued()), (Vec::new(), 0));
    host.good_token(&client);
}

fn a_shutdown_waits_for_what_was_begun_and_refuses_the_rest<B: Backend>() {
    let host = Host::<B>::start();
    let (_, ask) = opaque(&host);
    let pause = host.probe.pause_at(2);
    std::thread::scope(|scope| {
        let begun = scope.spawn(|| host.send(&ask));
        block_on(pause.reached());
        let ended = scope.spawn(|| block_on(host.server.shutdown()));
        // until the shutdown has begun, requests are answered as ever
        let refused = std::iter::repeat_with(|| host.token(GRANT)).find(|answer| answer.status != 200).unwrap();
        refused.is(503, "temporarily_unavailable");
        assert!(!ended.is_finished(), "it waits");
        pause.release();
        assert_eq!(begun.join().unwrap().status, 200);
        ended.join().unwrap();
    });
    host.token(GRANT).is(503, "temporarily_unavailable");
}

#[derive(Debug)]
struct Panicking;

#[async_trait]
impl TokenHook for Panicking {
    async fn facts(&self, _: &RequestContext, _: &FactsRequest<'_>) -> Result<HostFacts, HookError> {
        panic!("a detail that nobody should see")
    }

    async fn additions(
        &self,
        _: &RequestContext,
        _: &ValidatedGrant,
        _: &HostFacts,
        _: &mut TokenAdditions,
    ) -> Result<(), HookError> {
        Ok(())
    }
}

fn a_panic_is_a_server_error_without_detail<B: Backend>() {
    let host = Host::<B>::with(|builder| builder.token_hook(Arc::new(Panicking)));
    let answer = host.token(GRANT);
    assert_eq!((answer.status, answer.text()), (500, r#"{"error":"server_error"}"#.to_owned()));
    // the worker lives on, and nothing counts as in flight
    assert_eq!(host.token("grant_type=x").status, 400);
    block_on(host.server.shutdown());
}

fn an_expectation_is_met_or_ignored<B: Backend>() {
    let host = Host::<B>::start();
    let ask = Ask::token().basic(&host.app.id, &host.app.secret);
    let framing = format!("Content-Length: {}\r\n", GRANT.len());
    // the body is sent only when the server asks for it
    let mut connection = Connection::to(host.address);
    connection.send(&ask.clone().header("expect", "100-continue").form("").head(&framing));
    assert_eq!(connection.read_exactly(25), b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(connection.send(GRANT.as_bytes()).answer().status, 200);
    // an expectation that nobody knows changes nothing
    assert_eq!(host.send(&ask.header("expect", "the-spanish-inquisition").form(GRANT)).status, 200);
}
