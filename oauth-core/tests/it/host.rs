//! What a host does without the wire: tokens for its own users, revocation, health, maintenance, shutdown.

use oauth_core::jose::Alg;
use oauth_core::store::{AccessTokenFormat, Principal, StoreErrorKind};
use oauth_core::types::{ClientId, Scope, Subject};
use oauth_core::{Endpoint, Error, Refusal};
use oauth_testkit::{Method, Times, block_on};

use crate::world::{World, basic, jwt};

fn alice() -> Subject {
    Subject::parse("alice").unwrap()
}

fn worker() -> ClientId {
    ClientId::parse("orders-worker").unwrap()
}

fn scope(text: &str) -> Scope {
    Scope::parse(text).unwrap()
}

#[test]
fn a_host_gets_a_token_for_a_user_it_signed_in_and_ends_it() {
    for format in [jwt(Alg::ES256), AccessTokenFormat::Opaque] {
        let world = World::new(|builder| builder.access_token(format));
        world.add_user("alice", true);
        let issued = block_on(world.server.issue(&alice(), &worker(), &scope("orders.read admin"))).unwrap();
        assert_eq!(issued.scope.as_str(), "orders.read");
        let access = world.verify(issued.access_token.expose()).unwrap();
        assert_eq!(access.principal(), Some(&Principal::User { subject: alice(), client: worker() }));
        assert_eq!(access.require_user().unwrap(), &alice());
        assert_eq!(access.family(), Some(issued.family));
        block_on(world.server.revoke_family(issued.family)).unwrap();
        let why = world.verify(issued.access_token.expose()).unwrap_err();
        assert!(matches!(why, Error::Refused(Refusal::TokenRevoked)));
    }
}

#[test]
fn issue_refuses_whom_the_wire_would_refuse() {
    let world = World::new(|builder| builder);
    world.add_user("alice", true);
    world.add_user("mallory", false);
    world.add_user("orders-worker", true);
    let refusal = |subject: &str, client: &str, wanted: &str| {
        let (subject, client) = (Subject::parse(subject).unwrap(), ClientId::parse(client).unwrap());
        match block_on(world.server.issue(&subject, &client, &scope(wanted))) {
            Err(Error::Refused(why)) => why,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refusal("nobody", "orders-worker", "orders.read"), Refusal::SubjectUnknown);
    assert_eq!(refusal("mallory", "orders-worker", "orders.read"), Refusal::SubjectInactive);
    assert_eq!(refusal("alice", "nobody", "orders.read"), Refusal::ClientUnknown);
    assert_eq!(refusal("alice", "orders-worker", "admin"), Refusal::ScopeEmpty);
    assert_eq!(refusal("orders-worker", "orders-worker", "orders.read"), Refusal::SubjectIsClient);
}

#[test]
fn cutoffs_end_what_was_issued_and_nothing_later() {
    for format in [jwt(Alg::ES256), AccessTokenFormat::Opaque] {
        let world = World::new(|builder| builder.access_token(format));
        world.add_user("alice", true);
        world.add_user("bob", true);
        let issue = |who: &str| {
            let issued = block_on(world.server.issue(&Subject::parse(who).unwrap(), &worker(), &scope("orders.read")));
            issued.unwrap().access_token.expose().to_owned()
        };
        let (early, other) = (issue("alice"), issue("bob"));
        let service = world.token("grant_type=client_credentials").access_token().to_owned();
        block_on(world.server.revoke_subject(&alice())).unwrap();
        let live = |token: &str| world.verify(token).is_ok();
        assert_eq!([live(&early), live(&other), live(&service)], [false, true, true]);
        // one millisecond later in the same second: the `jti` tells the time that `iat` rounds away
        world.clock.advance(std::time::Duration::from_millis(1));
        let late = issue("alice");
        assert!(live(&late));
        block_on(world.server.revoke_client(&worker())).unwrap();
        assert_eq!([live(&late), live(&other), live(&service)], [false; 3]);
    }
}

#[test]
fn one_token_is_taken_back_alone() {
    for format in [jwt(Alg::ES256), AccessTokenFormat::Opaque] {
        let world = World::new(|builder| builder.access_token(format));
        let tokens = [(); 2].map(|()| world.token("grant_type=client_credentials").access_token().to_owned());
        let access = world.verify(&tokens[0]).unwrap();
        block_on(world.server.revoke_token(&tokens[0], &access)).unwrap();
        assert!(world.verify(&tokens[0]).is_err());
        assert!(world.verify(&tokens[1]).is_ok());
    }
}

#[test]
fn health_names_the_store_that_is_gone() {
    let world = World::new(|builder| builder);
    assert!(block_on(world.server.health()).is_ok());
    world.store.fail(Method::Standing, StoreErrorKind::Unavailable, Times::Always);
    let health = block_on(world.server.health());
    assert!(health.clients.is_ok() && health.keys.is_ok() && health.grants.is_err());
}

#[test]
fn maintenance_purges_what_expired_and_has_one_holder() {
    let world = World::new(|builder| builder.access_token(AccessTokenFormat::Opaque));
    for _ in 0..3 {
        world.token("grant_type=client_credentials");
    }
    assert_eq!(block_on(world.server.maintain()).unwrap().purged.rows, 0);
    world.advance(3_600);
    assert_eq!(block_on(world.server.maintain()).unwrap().purged.rows, 3);
    let lease = world.server.maintenance_lease();
    assert!(lease.is_some() && world.server.clone().maintenance_lease().is_none());
    drop(lease);
    assert!(world.server.maintenance_lease().is_some());
}

#[test]
fn a_restart_never_reads_an_earlier_time_than_was_marked() {
    let world = World::new(|builder| builder);
    let token = world.token("grant_type=client_credentials").access_token().to_owned();
    world.advance(601);
    let _ = block_on(world.server.maintain()).unwrap();
    world.clock.turn_back(crate::world::START);
    let parts = crate::world::Parts {
        memory: world.memory.clone(),
        store: world.store.clone(),
        clock: world.clock.clone(),
        trail: world.trail.clone(),
    };
    let again = parts.start(|builder| builder);
    assert!(again.verify(&token).is_err(), "expired before the restart, expired after it");
}

#[test]
fn after_shutdown_requests_are_answered_503() {
    let world = World::new(|builder| builder);
    block_on(world.server.shutdown());
    block_on(world.server.shutdown());
    let answer = world.post(basic("orders-worker", &world.secret, "grant_type=client_credentials"));
    assert_eq!(answer.error(), (503, "temporarily_unavailable"));
    assert_eq!(answer.response.header_value("retry-after"), Some("1"));
    let metadata = oauth_core::wire::Request::new(oauth_core::wire::Method::Get, "/");
    assert_eq!(block_on(world.server.handle(Endpoint::Metadata, &metadata)).status, 503);
}
