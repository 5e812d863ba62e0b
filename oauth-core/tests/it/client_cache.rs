//! Clients kept in the process: seldom read, never out of date for whoever is refused, and never for what is taken back.

use std::sync::Arc;
use std::time::Duration;

use oauth_core::store::{AccessTokenFormat, StoreErrorKind, Stores};
use oauth_core::types::{ClientId, Issuer, Tenant};
use oauth_core::{AuthorizationServer, ClientSpec, Endpoint, NewSecret};
use oauth_testkit::{Method as Call, SeededEntropy, Times, block_on};

use crate::world::{Answer, ISSUER, World, basic, sealing};

const GRANT: &str = "grant_type=client_credentials";

/// A node that keeps clients, beside the one of the world that does not.
struct Node<'a> {
    world: &'a World,
    server: AuthorizationServer,
}

impl<'a> Node<'a> {
    fn beside(world: &'a World) -> Self {
        let stores = Stores::all(Tenant::default_tenant(), Arc::clone(&world.store)).cache_clients();
        let server = AuthorizationServer::builder(Issuer::url(ISSUER).unwrap(), stores, sealing().into())
            .clock(Arc::new(world.clock.clone()))
            .entropy(Arc::new(SeededEntropy::new(2)))
            .access_token(AccessTokenFormat::Opaque)
            .start();
        let node = Self { world, server: block_on(server).unwrap() };
        world.store.forget();
        node
    }

    fn ask(&self, id: &str, secret: &str) -> Answer {
        Answer::of(block_on(self.server.handle(Endpoint::Token, &basic(id, secret, GRANT))))
    }

    fn status(&self, secret: &str) -> u16 {
        self.ask("orders-worker", secret).status
    }

    /// How often clients were read since the last question.
    fn reads(&self) -> usize {
        let reads = self.world.store.count(Call::Find);
        self.world.store.forget();
        reads
    }
}

fn worker() -> ClientId {
    "orders-worker".parse().unwrap()
}

fn opaque() -> World {
    World::new(|builder| builder.access_token(AccessTokenFormat::Opaque))
}

#[test]
fn a_client_is_read_once_in_five_seconds() {
    let world = opaque();
    let node = Node::beside(&world);
    for _ in 0..3 {
        assert_eq!(node.status(&world.secret), 200);
    }
    assert_eq!(node.reads(), 1);
    world.clock.advance(Duration::from_millis(4_999));
    assert_eq!((node.status(&world.secret), node.reads()), (200, 0));
    world.clock.advance(Duration::from_millis(1));
    assert_eq!((node.status(&world.secret), node.reads()), (200, 1));
}

#[test]
fn a_refusal_by_a_kept_client_is_judged_again_by_what_the_store_says() {
    let world = opaque();
    let node = Node::beside(&world);
    assert_eq!(node.status(&world.secret), 200);
    let worker = worker();
    let rotated = world.server.rotate_client_secret(&worker, NewSecret::Generated, Duration::ZERO);
    let second = block_on(rotated).unwrap().unwrap().expose().to_owned();
    node.reads();
    assert_eq!((node.status(&second), node.reads()), (200, 1), "another node's new secret is good at once");
    assert_eq!(node.status(&world.secret), 401, "and the old one is gone with it");
}

#[test]
fn every_refusal_costs_one_read_whether_the_client_is_kept_known_or_not() {
    let world = opaque();
    let node = Node::beside(&world);
    assert_eq!((node.status("wrong"), node.reads()), (401, 1), "not kept yet");
    assert_eq!((node.status("wrong"), node.reads()), (401, 1), "kept");
    let unknown = node.ask("nobody", "wrong");
    assert_eq!((unknown.status, node.reads()), (401, 1));
    assert_eq!(unknown.body, node.ask("orders-worker", "wrong").body);
}

#[test]
fn what_is_not_known_is_never_remembered() {
    let world = opaque();
    let node = Node::beside(&world);
    assert_eq!(node.ask("late", "wrong").status, 401);
    let late = ClientSpec::confidential("late").scope("orders.read").audience(["orders"]);
    let secret = block_on(world.server.ensure_client(late)).unwrap().secret.unwrap();
    assert_eq!(node.ask("late", secret.expose()).status, 200);
}

#[test]
fn what_a_client_gets_after_it_was_switched_off_elsewhere_is_dead() {
    let world = opaque();
    let node = Node::beside(&world);
    assert_eq!(node.status(&world.secret), 200);
    let elsewhere = Node::beside(&world);
    block_on(elsewhere.server.set_client_active(&worker(), false)).unwrap();
    world.clock.advance(Duration::from_millis(1_500));
    // opaque tokens are refused at the commit; whatever comes after the 5 seconds is refused before
    let late = node.ask("orders-worker", &world.secret);
    assert_eq!(late.error(), (400, "invalid_grant"), "{late:?}");
    world.clock.advance(Duration::from_secs(4));
    assert_eq!(node.ask("orders-worker", &world.secret).error(), (401, "invalid_client"));
}

#[test]
fn a_broken_store_never_reads_as_a_wrong_secret() {
    let world = opaque();
    let node = Node::beside(&world);
    assert_eq!(node.status(&world.secret), 200);
    world.store.fail(Call::Find, StoreErrorKind::Unavailable, Times::Always);
    assert_eq!(node.status(&world.secret), 200, "what is kept serves through a short outage");
    assert_eq!(node.status("wrong"), 503, "whether it is wrong cannot be known");
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(node.status(&world.secret), 503);
}
