//! What an operator does: rotates secrets with overlap, switches clients off, and may insist on the audit trail.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use oauth_core::audit::{Audit, AuditLost, AuditSink, Event};
use oauth_core::{ClientSpec, NewSecret, RotateSecretError, SetActiveError};
use oauth_testkit::{Method as Call, block_on};

use crate::people::plain;
use crate::world::{World, basic};

const GRANT: &str = "grant_type=client_credentials";

fn rotate(world: &World, overlap: u64) -> Result<Option<String>, RotateSecretError> {
    let client = "orders-worker".parse().unwrap();
    let rotated = world.server.rotate_client_secret(&client, NewSecret::Generated, Duration::from_secs(overlap));
    Ok(block_on(rotated)?.map(|secret| secret.expose().to_owned()))
}

fn status(world: &World, secret: &str) -> u16 {
    world.post(basic("orders-worker", secret, GRANT)).status
}

#[test]
fn the_old_secret_goes_on_for_the_overlap_and_not_a_second_longer() {
    let world = World::new(|builder| builder);
    let first = world.secret.clone();
    let second = rotate(&world, 3_600).unwrap().unwrap();
    assert_eq!((status(&world, &first), status(&world, &second)), (200, 200));
    world.advance(3_599);
    assert_eq!(status(&world, &first), 200);
    world.advance(1);
    assert_eq!((status(&world, &first), status(&world, &second)), (401, 200));
    let third = rotate(&world, 0).unwrap().unwrap();
    assert_eq!((status(&world, &second), status(&world, &third)), (401, 200), "no overlap");
    assert!(world.trail.take().iter().any(|event| event.what.id() == "client.secret_added"));
}

#[test]
fn a_rotation_never_lengthens_an_end_and_never_passes_the_most() {
    let world = World::new(|builder| builder);
    let first = world.secret.clone();
    let mut secrets = vec![first.clone()];
    for _ in 0..3 {
        secrets.push(rotate(&world, 100).unwrap().unwrap());
        world.advance(1);
    }
    assert!(matches!(rotate(&world, 100), Err(RotateSecretError::TooMany(_))));
    assert!(secrets.iter().all(|secret| status(&world, secret) == 200));
    world.advance(98);
    assert_eq!(status(&world, &first), 401, "the first end stands");
    assert!(rotate(&world, 100).is_ok(), "room again");
    assert!(matches!(rotate(&world, 400 * 86_400), Err(RotateSecretError::Overlap)));
    let client = "nobody".parse().unwrap();
    let unknown = block_on(world.server.rotate_client_secret(&client, NewSecret::Generated, Duration::ZERO));
    assert!(matches!(unknown, Err(RotateSecretError::Unknown(_))));
    let chosen = NewSecret::Chosen("chosen".to_owned().into());
    let client = "orders-worker".parse().unwrap();
    let chosen = block_on(world.server.rotate_client_secret(&client, chosen, Duration::ZERO));
    assert!(matches!(chosen, Err(RotateSecretError::Chosen)), "switched off");
}

#[test]
fn chosen_secrets_rotate_too_and_cost_one_hash_whichever_it_is() {
    let world =
        World::with_client(oauth_core::Builder::with_chosen_client_secrets, |spec| spec.chosen_secret("the first"));
    let client = "orders-worker".parse().unwrap();
    let next = NewSecret::Chosen("the second".to_owned().into());
    assert!(block_on(world.server.rotate_client_secret(&client, next, Duration::from_secs(60))).unwrap().is_none());
    for (secret, wanted) in [("the first", 200), ("the second", 200), ("the third", 401)] {
        let before = world.server.password_hashes();
        assert_eq!(status(&world, secret), wanted, "{secret}");
        assert_eq!(world.server.password_hashes() - before, 1, "{secret}");
    }
    world.advance(60);
    assert_eq!((status(&world, "the first"), status(&world, "the second")), (401, 200));
}

#[test]
fn an_inactive_client_is_an_unknown_one_and_its_tokens_are_over() {
    let world = World::new(|builder| builder);
    let token = world.token(GRANT).access_token().to_owned();
    assert!(world.verify(&token).is_ok());
    let client = "orders-worker".parse().unwrap();
    block_on(world.server.set_client_active(&client, false)).unwrap();
    let (unknown, inactive) = (world.post(basic("nobody", "x", GRANT)), world.token(GRANT));
    assert_eq!(inactive.status, 401);
    assert_eq!((unknown.response.headers, unknown.response.body), (inactive.response.headers, inactive.response.body));
    assert!(world.verify(&token).is_err());
    block_on(world.server.set_client_active(&client, false)).unwrap();
    block_on(world.server.set_client_active(&client, true)).unwrap();
    assert_eq!(world.token(GRANT).status, 200);
    assert!(world.verify(&token).is_err(), "nothing comes back");
    let nobody = "nobody".parse().unwrap();
    let unknown = block_on(world.server.set_client_active(&nobody, false));
    assert!(matches!(unknown, Err(SetActiveError::Unknown(_))));
}

/// Loses every event from the nth on.
#[derive(Debug)]
struct Full(AtomicUsize);

impl AuditSink for Full {
    fn record(&self, _: &Event) -> Result<(), AuditLost> {
        let left = self.0.load(Ordering::SeqCst);
        if left == 0 {
            return Err(AuditLost);
        }
        self.0.store(left - 1, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn where_the_trail_is_required_a_lost_event_shows_no_token() {
    for (mode, status) in [(Audit::BestEffort, 200), (Audit::Required, 503)] {
        let sink = Arc::new(Full(AtomicUsize::new(100)));
        let world = World::new(|builder| builder.audit(Arc::clone(&sink) as _).audit_mode(mode));
        assert_eq!(world.token(GRANT).status, 200);
        sink.0.store(0, Ordering::SeqCst);
        let answer = world.token(GRANT);
        assert_eq!((answer.status, answer.body.get("access_token").is_some()), (status, status == 200));
        // a refusal that cannot be told is none either
        let refused = world.post(basic("orders-worker", "x", GRANT));
        assert_eq!(refused.status, if mode == Audit::Required { 503 } else { 401 });
        sink.0.store(100, Ordering::SeqCst);
        assert_eq!(world.token(GRANT).status, 200, "when there is room again");
    }
}

#[test]
fn a_refresh_whose_event_was_lost_can_be_asked_for_again() {
    let world = plain();
    let sink = Arc::new(Full(AtomicUsize::new(100)));
    let strict =
        crate::people::people(|builder| builder.audit(Arc::clone(&sink) as _).audit_mode(Audit::Required), |spec| spec);
    drop(world);
    let token = strict.begin().refresh_token();
    sink.0.store(0, Ordering::SeqCst);
    assert_eq!(strict.refresh(&token).status, 503);
    assert_eq!(strict.store.count(Call::Rotate), 1);
    sink.0.store(100, Ordering::SeqCst);
    let again = strict.refresh(&token);
    assert_eq!(again.status, 200);
    assert_eq!(strict.refresh(&again.refresh_token()).status, 200);
}

#[test]
fn old_habits_need_the_word_of_server_and_client() {
    let world = World::new(|builder| builder);
    let public = || ClientSpec::public("app").grants(["refresh_token"]).scope("a").audience(["a"]);
    let mistake = |spec| block_on(world.server.ensure_client(spec)).unwrap_err().to_string();
    assert!(mistake(public().static_refresh()).contains("legacy_static_refresh"));
    assert!(mistake(public().legacy_static_refresh()).contains("legacy_static_refresh_of_public_clients"));
    assert!(mistake(public().scope("openid")).contains(".id_tokens"));
    assert!(mistake(public().retry_window(Duration::from_secs(601))).contains("600"));
    assert!(mistake(public().static_refresh().retry_window(Duration::ZERO)).contains("drop one"));
    let long = Duration::from_secs(400 * 86_400);
    assert!(mistake(public().refresh_lifetimes(Duration::from_secs(60), long)).contains("the most is"));
    assert!(mistake(public().refresh_lifetimes(Duration::from_secs(60), Duration::from_secs(30))).contains("idle"));
    let confidential = ClientSpec::confidential("keeper").grants(["refresh_token"]).scope("a").audience(["a"]);
    assert!(block_on(world.server.ensure_client(confidential.static_refresh())).is_ok());
}

#[test]
fn lint_names_every_old_habit_and_nothing_else() {
    use oauth_core::dialect::{BodyMedia, TokenMount};
    use oauth_core::store::{AccessTokenFormat, TokenProfile};

    let ids = |world: &World| {
        let advice = block_on(world.server.lint()).unwrap();
        let name = |one: &oauth_core::Advice| one.client.as_ref().map_or("server".to_owned(), ToString::to_string);
        let mut ids: Vec<_> = advice.iter().map(|one| format!("{} {}", name(one), one.id)).collect();
        assert!(advice.iter().all(|one| one.reference.starts_with("RFC ") && one.to_string().contains(one.reason)));
        ids.sort();
        ids
    };
    let plain = World::new(|builder| builder);
    assert_eq!(ids(&plain), ["orders-worker secret_without_end"]);
    let client = "orders-worker".parse().unwrap();
    let next = block_on(plain.server.rotate_client_secret(&client, NewSecret::Generated, Duration::from_secs(60)));
    drop(next.unwrap());
    assert_eq!(ids(&plain), ["orders-worker secret_without_end"], "the new one has none either");

    let legacy = AccessTokenFormat::Jwt {
        alg: oauth_core::jose::Alg::ES256,
        profile: TokenProfile::Legacy { typ: None, omit: Vec::new() },
    };
    let habits = World::with_client(
        |builder| {
            let json = Arc::new(crate::dialect::Camel(BodyMedia::Json));
            let builder = builder.token_mounts([TokenMount::legacy("/oauth/token", json)]).access_token(legacy.clone());
            let builder = builder.with_chosen_client_secrets().danger().password_grant();
            let builder = builder.danger().legacy_static_refresh_of_public_clients().danger().plain_http();
            builder.danger().unsealed_keys().authorization_code()
        },
        |spec| {
            let spec = spec.chosen_secret("chosen by hand").acts_for(["alice"]).danger_introspects_everything();
            let spec = spec.grants(["authorization_code"]).legacy_code_without_pkce();
            spec.localhost_redirect_uri("http://localhost:8080/cb")
        },
    );
    let app = ClientSpec::public("app").legacy_password_grant().legacy_static_refresh().grants(["refresh_token"]);
    let app = app.scope("a").legacy_audience_is_client_id().legacy_json_bodies();
    let app = app.access_token(AccessTokenFormat::Opaque).access_token_lifetime(Duration::from_secs(86_400));
    block_on(habits.server.ensure_client(app)).unwrap();
    assert_eq!(
        ids(&habits),
        [
            "app audience_is_client",
            "app json_bodies",
            "app long_tokens",
            "app password_grant",
            "app static_refresh_of_public_clients",
            "orders-worker acts_for",
            "orders-worker chosen_secrets",
            "orders-worker code_without_pkce",
            "orders-worker introspects_everything",
            "orders-worker localhost_redirect",
            "orders-worker secret_without_end",
            "server chosen_secrets",
            "server json_bodies",
            "server legacy_profile",
            "server password_grant",
            "server plain_http",
            "server static_refresh_of_public_clients",
            "server unsealed_keys",
        ]
    );
    let advice = block_on(habits.server.lint()).unwrap();
    let pkce = advice.iter().find(|one| one.id == "code_without_pkce").unwrap();
    assert_eq!(pkce.reference, "RFC 9700 section 2.1.1");
}

#[test]
fn lint_looks_at_resources_issuers_and_windows_too() {
    use oauth_core::store::{AccessTokenFormat, TokenProfile};
    use oauth_core::types::Issuer;

    let legacy = AccessTokenFormat::Jwt {
        alg: oauth_core::jose::Alg::ES256,
        profile: TokenProfile::Legacy { typ: None, omit: Vec::new() },
    };
    let resource = oauth_core::ResourceSettings { access_token: Some(legacy), ..Default::default() };
    let builder = crate::world::Parts::new().builder_for(Issuer::legacy_name("atm").unwrap());
    let server = block_on(builder.resource("urn:api:1", resource).start()).unwrap();
    for (id, seconds) in [("patient", 61), ("usual", 60)] {
        let app = ClientSpec::public(id).scope("a").audience(["api"]).retry_window(Duration::from_secs(seconds));
        block_on(server.ensure_client(app)).unwrap();
    }
    let advice = block_on(server.lint()).unwrap();
    let ids: Vec<_> = advice.iter().map(|one| (one.client.as_ref().map(ToString::to_string), one.id)).collect();
    let expected =
        [(None, "legacy_issuer"), (None, "legacy_profile"), (Some("patient".to_owned()), "long_retry_window")];
    assert_eq!(ids, expected);
}
