//! How long a family lives, what goes with it, and the keys that it was born with.

use oauth_core::Endpoint;
use oauth_core::audit::What;
use oauth_core::store::{KeyMaterial, KeyState, KeyStore as _, KeyTransition, KeyUse, Transition};
use oauth_core::wire::{Method, Request};
use oauth_testkit::block_on;

use crate::people::{app, plain};
use crate::world::form;

const DAY: u64 = 86_400;

#[test]
fn r10_a_thousand_rotations_move_the_idle_end_and_never_the_absolute_one() {
    let world = plain();
    let begun = world.begin();
    let end = world.family_of(&begun).absolute_expires_at;
    let mut token = begun.refresh_token();
    for _ in 0..1_000 {
        world.advance(3_600);
        let answer = world.refresh(&token);
        token = answer.refresh_token();
        let family = world.family_of(&answer);
        assert_eq!(family.absolute_expires_at, end);
        assert!(family.refresh.unwrap().idle_expires_at <= end);
    }
}

#[test]
fn no_access_token_outlives_its_family() {
    let world = plain();
    let begun = world.begin();
    let end = world.family_of(&begun).absolute_expires_at;
    let mut token = begun.refresh_token();
    for days in [13, 13, 13, 13, 13, 13] {
        world.advance(days * DAY);
        token = world.refresh(&token).refresh_token();
    }
    world.advance(12 * DAY - 100);
    let answer = world.refresh(&token);
    assert_eq!(answer.body["expires_in"], 100);
    assert_eq!(world.verify(answer.access_token()).unwrap().expires_at(), end);
}

#[test]
fn three_generations_that_each_saw_a_retry_are_told() {
    let world = plain();
    let mut token = world.begin().refresh_token();
    let mut told = Vec::new();
    for _ in 0..4 {
        let next = world.refresh(&token).refresh_token();
        assert_eq!(world.refresh(&token).refresh_token(), next);
        assert_eq!(world.refresh(&token).refresh_token(), next);
        told.extend(world.trail.take().into_iter().filter_map(|event| match event.what {
            What::RetryStreak { streak, .. } => Some(streak),
            _ => None,
        }));
        token = next;
    }
    assert_eq!(told, [3, 4]);
    // a generation without a retry begins anew
    token = world.refresh(&token).refresh_token();
    let next = world.refresh(&token).refresh_token();
    assert_eq!(world.refresh(&token).refresh_token(), next);
    assert!(!world.trail.take().iter().any(|event| matches!(event.what, What::RetryStreak { .. })));
}

#[test]
fn without_offline_access_or_the_grant_there_is_no_refresh_token() {
    let world = plain();
    let ask = |client: &str, scope: &str| {
        let body = format!("grant_type={}&client_id={client}&user=alice&scope={scope}", crate::people::TRUST);
        world.post(form(&body))
    };
    assert!(ask("app", "orders.read").body.get("refresh_token").is_none());
    assert!(ask("app", "orders.read+offline_access").body.get("refresh_token").is_some());
    block_on(world.server.ensure_client(app("once").grants([crate::people::TRUST]))).unwrap();
    assert!(ask("once", "orders.read+offline_access").body.get("refresh_token").is_none());
    let token = ask("app", "orders.read+offline_access").refresh_token();
    let refused = world.post(form(&format!("grant_type=refresh_token&client_id=once&refresh_token={token}")));
    assert_eq!(refused.error(), (400, "unauthorized_client"));
}

#[test]
fn r11_an_id_token_of_a_refresh_names_the_same_sign_in() {
    let world = plain();
    let begun = world.begin();
    let (header, first) = crate::world::peek(begun.body["id_token"].as_str().unwrap());
    assert!(header.contains("\"typ\":\"JWT\""), "{header}");
    world.advance(1_000);
    let answer = world.refresh(&begun.refresh_token());
    let (_, second) = crate::world::peek(answer.body["id_token"].as_str().unwrap());
    for claim in ["iss", "sub", "aud", "auth_time"] {
        assert_eq!(first.get(claim), second.get(claim), "{claim}");
    }
    assert_eq!(second["iat"].as_i64().unwrap() - first["iat"].as_i64().unwrap(), 1_000);
    // as a hint it is judged by who it names, not by its age
    world.advance(10 * DAY);
    let hint = begun.body["id_token"].as_str().unwrap();
    let third = world.refresh_with(&answer.refresh_token(), &format!("&id_token_hint={hint}"));
    assert_eq!(third.status, 200);
    // what another user or another client was told is no hint
    world.add_user("bob", true);
    block_on(world.server.ensure_client(app("other"))).unwrap();
    let told = |client: &str, user: &str| {
        let body = format!("grant_type={}&client_id={client}&user={user}&scope=openid", crate::people::TRUST);
        world.post(form(&body)).body["id_token"].as_str().unwrap().to_owned()
    };
    let (bobs, others) = (told("app", "bob"), told("other", "alice"));
    for wrong in [begun.access_token(), &hint[..hint.len() - 4], "a.b.c", &bobs, &others] {
        let answer = world.refresh_with(&third.refresh_token(), &format!("&id_token_hint={wrong}"));
        assert!(answer.is_invalid_grant(), "{wrong}");
    }
    assert_eq!(world.refresh(&third.refresh_token()).status, 200, "keeps");
    // without openid there is none
    let narrow = world.refresh_with(&third.refresh_token(), "&scope=orders.read");
    assert!(narrow.body.get("id_token").is_none());
}

/// The family keys with their states, oldest first.
fn family_keys(world: &crate::world::World) -> Vec<oauth_core::KeyInfo> {
    let keys = block_on(world.server.keys().list()).unwrap();
    keys.into_iter().filter(|key| key.usage == KeyUse::Derive).collect()
}

#[test]
fn a_family_goes_on_with_the_key_that_it_was_born_with() {
    let world = plain();
    let pass = |days: u64| {
        for _ in 0..days {
            world.advance(DAY);
            let _ = block_on(world.server.maintain()).unwrap();
        }
    };
    pass(85);
    let begun = world.begin();
    let born_with = world.family_of(&begun).refresh.unwrap().key_id;
    pass(10);
    let keys = family_keys(&world);
    let states: Vec<_> = keys.iter().map(|key| key.state).collect();
    assert_eq!(states, [KeyState::Retired, KeyState::Active], "promoted after 90 days");
    let second = world.refresh(&begun.refresh_token());
    assert_eq!(second.status, 200);
    assert_eq!(world.family_of(&second).refresh.unwrap().key_id, born_with);
    assert_ne!(world.family_of(&world.begin()).refresh.unwrap().key_id, born_with, "new families, new key");

    // a key that is there and cannot be opened is our fault, never a bad token
    let retired = &keys[0];
    let broken = KeyTransition {
        kid: retired.kid.clone(),
        expected: KeyState::Retired,
        next: KeyState::Retired,
        times: retired.times,
        material: Some(KeyMaterial::Sealed(vec![1, 2, 3])),
    };
    assert_eq!(block_on(world.memory.transition(crate::world::ISSUER, &[broken])).unwrap(), Transition::Applied);
    world.advance(60);
    assert_eq!(world.refresh(&second.refresh_token()).error(), (503, "temporarily_unavailable"));
    assert_eq!(world.begin().status, 200, "the others go on");
}

#[test]
fn a_family_key_is_destroyed_when_no_family_can_name_it() {
    let world = plain();
    for _ in 0..(90 + 14 + 366 + 2) {
        world.advance(DAY - 1);
        let _ = block_on(world.server.maintain()).unwrap();
    }
    let stored = block_on(world.memory.load(crate::world::ISSUER)).unwrap();
    let derive: Vec<_> = stored.iter().filter(|key| key.usage == KeyUse::Derive).collect();
    let gone = derive.iter().filter(|key| key.material == KeyMaterial::Destroyed).count();
    assert_eq!((gone, derive[0].state), (1, KeyState::Retired), "of {}", derive.len());
}

#[test]
fn an_id_token_of_a_key_that_is_not_listed_any_more_is_a_good_hint_and_one_of_a_revoked_key_is_not() {
    let world = plain();
    let pass = |days: u64| {
        for _ in 0..days {
            world.advance(DAY);
            let _ = block_on(world.server.maintain()).unwrap();
        }
    };
    let hinted = |token: &str, hint: &str| world.refresh_with(token, &format!("&id_token_hint={hint}"));
    pass(85);
    let begun = world.begin();
    let hint = begun.body["id_token"].as_str().unwrap().to_owned();
    pass(10);
    let (header, _) = crate::world::peek(&hint);
    let kid: serde_json::Value = serde_json::from_str(&header).unwrap();
    let kid = kid["kid"].as_str().unwrap();
    let set = block_on(world.server.handle(Endpoint::Jwks, &Request::new(Method::Get, "/")));
    assert!(!String::from_utf8(set.body).unwrap().contains(kid), "it is not listed any more");
    let second = hinted(&begun.refresh_token(), &hint);
    assert_eq!(second.status, 200);
    let young = world.begin().body["id_token"].as_str().unwrap().to_owned();
    let third = hinted(&second.refresh_token(), &young);
    assert_eq!(third.status, 200);
    let (header, _) = crate::world::peek(&young);
    let kid: serde_json::Value = serde_json::from_str(&header).unwrap();
    block_on(world.server.keys().revoke(&kid["kid"].as_str().unwrap().parse().unwrap())).unwrap();
    assert!(hinted(&third.refresh_token(), &young).is_invalid_grant(), "a revoked key is believed of nothing");
    assert_eq!(world.refresh(&third.refresh_token()).status, 200, "keeps");
}
