//! `ensure_client`: idempotent, shows a secret once, never undoes what an operator did.

use oauth_core::store::{ClientRegistry as _, ClientStore as _, UpdateClient};
use oauth_core::types::ClientId;
use oauth_core::{ClientSpec, Registration};
use oauth_testkit::block_on;

use crate::world::{Parts, World, basic};

fn spec() -> ClientSpec {
    ClientSpec::confidential("orders-worker").scope("orders.read orders.write").audience(["orders"])
}

#[test]
fn the_secret_is_shown_only_by_the_call_that_made_it() {
    let world = Parts::new().start(|builder| builder);
    let first = block_on(world.server.ensure_client(spec())).unwrap();
    assert_eq!(first.registration, Registration::Made);
    let secret = first.secret.unwrap();
    assert_eq!(secret.expose().len(), 43);
    assert_eq!(format!("{secret:?}"), "ClientSecret([redacted])");
    let again = block_on(world.server.ensure_client(spec())).unwrap();
    assert_eq!((again.registration, again.secret.is_none()), (Registration::Unchanged, true));
    let answer = world.post(basic("orders-worker", secret.expose(), "grant_type=client_credentials"));
    assert_eq!(answer.status, 200);
}

#[test]
fn a_changed_spec_changes_the_client_but_not_its_secret_nor_its_active_flag() {
    let world = World::new(|builder| builder);
    let id = ClientId::parse("orders-worker").unwrap();
    let mut client = (*block_on(world.memory.find(&id)).unwrap().unwrap()).clone();
    (client.active, client.version) = (false, 2);
    assert_eq!(block_on(world.memory.update(client, 1)).unwrap(), UpdateClient::Updated);
    let changed = block_on(world.server.ensure_client(spec().scope("orders.read").name("Orders"))).unwrap();
    assert_eq!((changed.registration, changed.secret.is_none()), (Registration::Changed, true));
    assert_eq!((changed.client.version, changed.client.active), (3, false));
    assert_eq!(world.token("grant_type=client_credentials").status, 401);
}

#[test]
fn a_client_that_becomes_confidential_gets_a_secret_and_is_what_its_spec_says() {
    let world = Parts::new().start(|builder| builder);
    let public = ClientSpec::public("app").scope("a").audience(["x"]);
    assert!(block_on(world.server.ensure_client(public)).unwrap().secret.is_none());
    let id = ClientId::parse("app").unwrap();
    let mut client = (*block_on(world.memory.find(&id)).unwrap().unwrap()).clone();
    client.redirect_uris = vec!["https://app.example/cb".to_owned()];
    client.version = 2;
    assert_eq!(block_on(world.memory.update(client, 1)).unwrap(), UpdateClient::Updated);
    let confidential = ClientSpec::confidential("app").scope("a").audience(["x"]);
    let changed = block_on(world.server.ensure_client(confidential)).unwrap();
    assert_eq!(changed.client.redirect_uris, [""; 0], "the spec names none");
    let secret = changed.secret.unwrap();
    assert_eq!(world.post(basic("app", secret.expose(), "grant_type=client_credentials")).status, 200);
}

#[test]
fn a_chosen_secret_that_differs_is_told_not_ignored() {
    let world = Parts::new().start(|builder| builder.with_chosen_client_secrets().hashing_threads(1));
    assert_eq!(
        block_on(world.server.ensure_client(spec().chosen_secret("one"))).unwrap().registration,
        Registration::Made
    );
    let again = block_on(world.server.ensure_client(spec().chosen_secret("one"))).unwrap();
    assert_eq!(again.registration, Registration::Unchanged);
    let why = block_on(world.server.ensure_client(spec().chosen_secret("two"))).unwrap_err().to_string();
    assert!(why.contains("never replaced"), "{why}");
}

#[test]
fn nodes_that_start_together_make_one_client() {
    let parts = Parts::new();
    let memory = parts.memory.clone();
    let world = parts.start(|builder| builder);
    let made: Vec<bool> = std::thread::scope(|scope| {
        let start = || block_on(world.server.ensure_client(spec())).unwrap().secret.is_some();
        let nodes: Vec<_> = (0..16).map(|_| scope.spawn(start)).collect();
        nodes.into_iter().map(|node| node.join().unwrap()).collect()
    });
    assert_eq!(made.iter().filter(|made| **made).count(), 1);
    assert_eq!(block_on(memory.page(None, 10)).unwrap().len(), 1);
}
