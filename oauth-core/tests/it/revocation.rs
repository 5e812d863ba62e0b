//! RFC 7009: a client gives back what is its own, and learns nothing of what is not (§8 of the protocol, rows U1 to U4).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_core::audit::{Audit, AuditLost, AuditSink, Event, What};
use oauth_core::jose::Alg;
use oauth_core::store::{
    AccessTokenFormat, KeyStore as _, KeyUse, OptionalClaim, RevokedWhy, StoreErrorKind, TokenProfile,
};
use oauth_core::wire::Method;
use oauth_core::{Builder, ClientSpec, Refusal};
use oauth_testkit::{Method as Call, Times, block_on};

use crate::people::{app, people, plain};
use crate::world::{Answer, ISSUER, World, basic, form, jwt};

const GRANT: &str = "grant_type=client_credentials";

fn both() -> [AccessTokenFormat; 2] {
    [AccessTokenFormat::Opaque, jwt(Alg::ES256)]
}

fn with(format: &AccessTokenFormat) -> World {
    people(|builder| builder.access_token(format.clone()), |spec| spec)
}

/// The one answer to whatever was given back or was not the client's to give.
fn is_empty_200(answer: &Answer) -> bool {
    let head: Vec<_> = answer.response.headers.iter().map(|(name, value)| (*name, value.as_ref())).collect();
    answer.status == 200
        && answer.response.body.is_empty()
        && head == [("cache-control", "no-store"), ("pragma", "no-cache")]
}

/// What the trail was told, reasons by their ids.
fn told(world: &World) -> Vec<String> {
    let told = |event: Event| match event.what {
        What::RevocationIgnored { why } => format!("ignored {why}"),
        what => what.id().to_owned(),
    };
    world.trail.take().into_iter().map(told).collect()
}

#[test]
fn u01_any_token_of_a_family_ends_it_for_its_public_client() {
    for format in both() {
        for given_back in ["access", "refresh", "expired access"] {
            let world = with(&format);
            let begun = world.begin();
            let other = world.begin();
            let family = world.family_of(&begun).id;
            let kept = world.family_of(&other).id;
            let token = match given_back {
                "refresh" => begun.refresh_token(),
                _ => begun.access_token().to_owned(),
            };
            if given_back == "expired access" {
                world.advance(601);
            }
            world.trail.take();
            assert!(is_empty_200(&world.revoke(&token)), "{given_back}");
            assert_eq!(world.ended(family), Some(RevokedWhy::Client));
            let events = world.trail.take();
            assert_eq!(events.len(), 1);
            assert_eq!(events[0].what, What::FamilyRevoked { family, why: RevokedWhy::Client });
            assert_eq!(events[0].client.as_ref().unwrap().as_str(), "app");
            assert_eq!(events[0].subject.as_ref().unwrap().as_str(), "alice");
            assert!(world.verify(begun.access_token()).is_err());
            assert!(world.refresh(&begun.refresh_token()).is_invalid_grant());
            assert_eq!(world.ended(kept), None, "one grant, not all of the user's");
            assert_eq!(world.refresh(&other.refresh_token()).status, 200);
            // again: the same answer, and the first reason stays
            world.trail.take();
            assert!(is_empty_200(&world.revoke(&token)));
            assert_eq!(world.ended(family), Some(RevokedWhy::Client));
            assert!(told(&world)[0].starts_with("ignored "));
        }
    }
}

#[test]
fn a_token_that_stands_alone_is_taken_back_alone() {
    for format in both() {
        let world = World::new(|builder| builder.access_token(format.clone()));
        let [one, other] = [(); 2].map(|()| world.token(GRANT).access_token().to_owned());
        world.trail.take();
        world.store.forget();
        let revoke = |token: &str| world.revoke_with(basic("orders-worker", &world.secret, &format!("token={token}")));
        assert!(is_empty_200(&revoke(&one)));
        assert_eq!((world.store.count(Call::RevokeToken), told(&world)), (1, vec!["token.revoked".to_owned()]));
        assert!(world.verify(&one).is_err());
        assert!(world.verify(&other).is_ok());
        assert!(is_empty_200(&revoke(&one)));
        assert_eq!((world.store.count(Call::RevokeToken), told(&world)), (1, vec!["ignored token.revoked".to_owned()]));
        world.advance(601);
        assert!(is_empty_200(&revoke(&other)));
        assert_eq!((world.store.count(Call::RevokeToken), told(&world)), (1, vec!["ignored token.expired".to_owned()]));
    }
}

#[test]
fn u02_what_is_unknown_and_what_is_another_clients_get_the_same_answer_and_change_nothing() {
    for format in both() {
        let world = with(&format);
        let begun = world.begin();
        let spent = begun.refresh_token();
        let current = world.refresh(&spent).refresh_token();
        block_on(world.server.ensure_client(app("other"))).unwrap();
        let worker = world.asking(ClientSpec::confidential("worker").scope("orders.read").audience(["orders"]));
        let alone = world.post(basic("worker", &worker.secret, GRANT)).access_token().to_owned();
        let mut forged = URL_SAFE_NO_PAD.decode(&current).unwrap();
        *forged.last_mut().unwrap() ^= 1;
        let other = |token: &str| world.revoke_with(form(&format!("client_id=other&token={token}")));
        world.store.forget();
        world.trail.take();
        let tokens = [
            (begun.access_token().to_owned(), "ignored token.foreign"),
            (current.clone(), "ignored refresh.foreign"),
            (spent, "ignored refresh.foreign"),
            (alone.clone(), "ignored token.foreign"),
            (URL_SAFE_NO_PAD.encode(&forged), "ignored refresh.unknown"),
            ("iufhfWPkY_LOP8haywhRijU7KfntoXW3_uAoyBnFlts".to_owned(), "ignored refresh.unknown"),
            ("garbage".to_owned(), "ignored token.malformed"),
            ("a.b.c".to_owned(), "ignored token.malformed"),
            ("a".repeat(10_240), "ignored token.malformed"),
            (begun.body["id_token"].as_str().unwrap().to_owned(), "ignored token.malformed"),
        ];
        for (token, why) in &tokens {
            for hint in ["", "&token_type_hint=refresh_token", "&token_type_hint=access_token", "&token_type_hint=x"] {
                assert!(is_empty_200(&other(&format!("{token}{hint}"))), "{token}");
                assert_eq!(told(&world), [*why], "{token}");
            }
        }
        assert_eq!(world.writes(), 0, "nothing changes");
        for token in [begun.access_token(), &alone] {
            assert!(world.verify(token).is_ok(), "keeps");
        }
        assert_eq!(world.refresh(&current).status, 200, "keeps");
    }
}

#[test]
fn u01_the_caller_authenticates() {
    let world = World::new(|builder| builder);
    let token = world.token(GRANT).access_token().to_owned();
    let body = format!("token={token}");
    for (request, error) in [
        (basic("orders-worker", "wrong", &body), (401, "invalid_client")),
        (basic("nobody", "x", &body), (401, "invalid_client")),
        (form(&format!("{body}&client_id=orders-worker")), (401, "invalid_client")),
        (form(&body), (400, "invalid_request")),
        (basic("orders-worker", &world.secret, ""), (400, "invalid_request")),
        (basic("orders-worker", &world.secret, "token="), (400, "invalid_request")),
        (basic("orders-worker", &world.secret, "token=a&token=b"), (400, "invalid_request")),
    ] {
        assert_eq!(world.revoke_with(request).error(), error);
    }
    let mut get = basic("orders-worker", &world.secret, &body);
    get.method = Method::Get;
    let answer = world.revoke_with(get);
    assert_eq!((answer.status, answer.response.header_value("allow")), (405, Some("POST")));
    assert!(world.verify(&token).is_ok(), "keeps");
}

#[test]
fn u04_an_outage_is_never_a_200_and_trying_again_ends_it() {
    for format in both() {
        let world = with(&format);
        let begun = world.begin();
        for token in [begun.access_token(), &begun.refresh_token()] {
            world.store.forget();
            // what cannot be known, at every call up to the commit
            let calls =
                if token.contains('.') { [Call::Find, Call::Standing] } else { [Call::Find, Call::FindByHandle] };
            let calls = if token == begun.access_token() && !token.contains('.') {
                [Call::Find, Call::FindAccessToken]
            } else {
                calls
            };
            for call in calls.into_iter().chain([Call::RevokeFamily]) {
                for (kind, status) in [(StoreErrorKind::Unavailable, 503), (StoreErrorKind::Corrupt, 500)] {
                    world.store.forget();
                    world.store.fail(call, kind, Times::Always);
                    let answer = world.revoke(token);
                    assert_eq!(answer.status, status, "{call}");
                    assert_eq!(answer.response.header_value("retry-after").is_some(), status == 503);
                }
            }
            world.store.forget();
            assert!(world.verify(begun.access_token()).is_ok(), "keeps");
        }
        // done, but nobody knows: the next try finds it done
        world.store.lose_answer(Call::RevokeFamily, Times::Nth(1));
        assert_eq!(world.revoke(&begun.refresh_token()).status, 503);
        assert!(is_empty_200(&world.revoke(&begun.refresh_token())));
        assert!(world.verify(begun.access_token()).is_err());
    }
    let world = World::new(|builder| builder);
    let token = world.token(GRANT).access_token().to_owned();
    world.store.fail(Call::RevokeToken, StoreErrorKind::Unavailable, Times::Nth(1));
    let revoke = || world.revoke_with(basic("orders-worker", &world.secret, &format!("token={token}")));
    assert_eq!(revoke().error(), (503, "temporarily_unavailable"));
    assert!(world.verify(&token).is_ok());
    assert!(is_empty_200(&revoke()));
}

fn legacy(omit: &[OptionalClaim]) -> AccessTokenFormat {
    AccessTokenFormat::Jwt { alg: Alg::ES256, profile: TokenProfile::Legacy { typ: None, omit: omit.to_vec() } }
}

#[test]
fn a_token_that_cannot_be_taken_back_is_said_to_be_one() {
    for omit in [&[OptionalClaim::Jti][..], &OptionalClaim::ALL] {
        let world = World::new(|builder| builder.access_token(legacy(omit)));
        let token = world.token(GRANT).access_token().to_owned();
        world.trail.take();
        let answer = world.revoke_with(basic("orders-worker", &world.secret, &format!("token={token}")));
        assert_eq!(answer.error(), (400, "unsupported_token_type"));
        assert_eq!(world.trail.refusals(), [Refusal::TokenNotRevocable]);
    }
    // whoever is told that it is another's learns nothing
    let world = World::new(|builder| builder.access_token(legacy(&[OptionalClaim::Jti])));
    let token = world.token(GRANT).access_token().to_owned();
    let other = world.asking(ClientSpec::confidential("other").scope("x").audience(["x"]));
    assert!(is_empty_200(&world.revoke_with(basic("other", &other.secret, &format!("token={token}")))));
}

#[test]
fn a_token_that_does_not_name_its_client_is_its_familys() {
    let omit = [OptionalClaim::ClientId, OptionalClaim::Sub];
    let world = people(|builder| builder.access_token(legacy(&omit)), |spec| spec);
    let begun = world.begin();
    block_on(world.server.ensure_client(app("other"))).unwrap();
    let other = |token: &str| world.revoke_with(form(&format!("client_id=other&token={token}")));
    assert!(is_empty_200(&other(begun.access_token())));
    world.trail.take();
    assert!(is_empty_200(&world.revoke(begun.access_token())));
    assert_eq!(told(&world), ["family.revoked"]);
    assert!(world.refresh(&begun.refresh_token()).is_invalid_grant());
}

#[test]
fn a_refresh_token_whose_family_key_is_gone_still_ends_its_family() {
    let world = plain();
    let begun = world.begin();
    let family = world.family_of(&begun).id;
    let stored = block_on(world.memory.load(ISSUER)).unwrap();
    let key = stored.iter().find(|key| key.usage == KeyUse::Derive).unwrap();
    block_on(world.server.keys().revoke(&key.kid)).unwrap();
    assert!(world.refresh(&begun.refresh_token()).is_invalid_grant());
    assert_eq!(world.ended(family), None);
    assert!(is_empty_200(&world.revoke(&begun.refresh_token())));
    assert_eq!(world.ended(family), Some(RevokedWhy::Client));
}

#[test]
fn those_who_give_it_back_together_are_all_told_it_is_done_and_one_did_it() {
    let world = plain();
    let begun = world.begin();
    let (first, second) = (begun.refresh_token(), world.refresh(&begun.refresh_token()).refresh_token());
    world.trail.take();
    let world = &world;
    std::thread::scope(|scope| {
        for token in [&first, &second, &first, &second].repeat(4) {
            scope.spawn(move || assert!(is_empty_200(&world.revoke(token))));
        }
    });
    let told = told(world);
    assert_eq!(told.len(), 16);
    assert_eq!(told.iter().filter(|what| *what == "family.revoked").count(), 1);
}

#[test]
fn a_refresh_that_began_before_gives_nothing_that_lives() {
    for number in 1..=4 {
        let world = plain();
        let begun = world.begin();
        let token = begun.refresh_token();
        world.store.forget();
        let held = world.store.pause_at(number);
        let world = &world;
        std::thread::scope(|scope| {
            let refreshed = scope.spawn(|| world.refresh(&token));
            block_on(held.reached());
            // the refresh token itself: the access token finds the same family
            assert!(is_empty_200(&world.revoke(begun.access_token())));
            held.release();
            let answer = refreshed.join().unwrap();
            assert!(answer.is_invalid_grant(), "call {number}: {}", answer.body);
        });
    }
}

/// Takes nothing.
#[derive(Debug)]
struct Full;

impl AuditSink for Full {
    fn record(&self, _: &Event) -> Result<(), AuditLost> {
        Err(AuditLost)
    }

    fn ready(&self) -> Result<(), AuditLost> {
        Err(AuditLost)
    }
}

#[test]
fn where_the_trail_is_required_nothing_is_taken_back_without_it() {
    let world = plain();
    let begun = world.begin();
    let beside = |builder: Builder| builder.audit(Arc::new(Full)).audit_mode(Audit::Required);
    let parts = crate::world::Parts {
        memory: world.memory.clone(),
        store: Arc::clone(&world.store),
        clock: world.clock.clone(),
        trail: Arc::default(),
    };
    let strict = parts.start(beside);
    assert_eq!(strict.revoke(begun.access_token()).error(), (503, "temporarily_unavailable"));
    assert!(world.verify(begun.access_token()).is_ok());
    // asking needs no trail, unless there is something to tell
    let api = world.orders_api();
    assert!(strict.introspect(&api, begun.access_token()).is_active());
    let wrong = crate::people::Asking { id: api.id, secret: "wrong".into() };
    assert_eq!(strict.introspect(&wrong, begun.access_token()).status, 503);
}
