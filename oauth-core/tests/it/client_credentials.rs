//! RFC 6749 §4.4: the grant of services, end to end.

use std::time::Duration;

use oauth_core::jose::Alg;
use oauth_core::store::{AccessTokenFormat, Principal};
use oauth_core::{ClientSpec, Refusal, ResourceSettings, ScopeMode};
use oauth_testkit::{Method, block_on};
use serde_json::json;

use crate::world::{Parts, World, basic, form, jwt, peek};

const GRANT: &str = "grant_type=client_credentials";

#[test]
fn a_service_gets_a_token_that_its_api_verifies() {
    for alg in [Alg::ES256, Alg::EdDSA] {
        let world = World::new(|builder| builder.access_token(jwt(alg)));
        let answer = world.token(&format!("{GRANT}&scope=orders.read"));
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body["token_type"], "Bearer");
        assert_eq!(answer.body["expires_in"], 600);
        assert_eq!(answer.body["scope"], "orders.read");
        assert_eq!(answer.body.as_object().unwrap().len(), 4);
        let (header, claims) = peek(answer.access_token());
        assert!(header.starts_with(&format!("{{\"alg\":\"{alg}\",\"kid\":\"")), "{header}");
        assert_eq!(claims["iss"], "https://as.example");
        assert_eq!(claims["sub"], "orders-worker");
        assert_eq!(claims["client_id"], "orders-worker");
        assert_eq!(claims["aud"], "orders");
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
        let access = world.verify(answer.access_token()).unwrap();
        assert!(matches!(access.principal(), Some(Principal::Client { .. })));
        assert_eq!(access.scope().as_str(), "orders.read");
        assert!(access.require_user().is_err());
    }
}

#[test]
fn a_stateless_jwt_writes_nothing_and_an_opaque_token_one_row() {
    let world = World::new(|builder| builder);
    world.token(GRANT).access_token();
    assert_eq!(world.store.calls(), [Method::Find]);
    let world = World::new(|builder| builder.access_token(AccessTokenFormat::Opaque).opaque_prefix("tok_"));
    let answer = world.token(GRANT);
    assert_eq!(world.store.calls(), [Method::Find, Method::InsertAccessToken]);
    let token = answer.access_token();
    assert!(token.starts_with("tok_") && token.len() == 4 + 43, "{token}");
    assert_eq!(world.verify(token).unwrap().scope().as_str(), "orders.read orders.write");
}

#[test]
fn scope_is_narrowed_or_refused_as_configured_and_never_empty() {
    let world = World::new(|builder| builder);
    assert_eq!(world.token(GRANT).body["scope"], "orders.read orders.write");
    assert_eq!(
        world.token(&format!("{GRANT}&scope=orders.write+admin+orders.read")).body["scope"],
        "orders.read orders.write"
    );
    assert_eq!(world.token(&format!("{GRANT}&scope=admin")).error(), (400, "invalid_scope"));
    assert_eq!(world.token(&format!("{GRANT}&scope=orders.read+openid")).error(), (400, "invalid_scope"));
    let strict = World::new(|builder| builder.scope_mode(ScopeMode::Refuse));
    assert_eq!(strict.token(&format!("{GRANT}&scope=orders.read+admin")).error(), (400, "invalid_scope"));
    let without_default = World::with_client(|builder| builder, |client| client.default_scope(""));
    assert_eq!(without_default.token(GRANT).error(), (400, "invalid_scope"));
    assert_eq!(without_default.trail.refusals(), [Refusal::ScopeEmpty]);
}

#[test]
fn resources_decide_audience_format_and_lifetime() {
    let api = |format, seconds| ResourceSettings {
        scope: Some("orders.read".into()),
        access_token: format,
        access_token_lifetime: Some(Duration::from_secs(seconds)),
    };
    let world = World::with_client(
        |builder| {
            builder
                .resource("https://api.example/orders", api(None, 60))
                .resource("https://api.example/stock", api(None, 30))
                .resource("https://api.example/old", api(Some(AccessTokenFormat::Opaque), 60))
                .resource("https://api.example/foreign", api(None, 60))
        },
        |client| {
            client.resources(["https://api.example/orders", "https://api.example/stock", "https://api.example/old"])
        },
    );
    let one = world.token(&format!("{GRANT}&resource=https://api.example/orders"));
    assert_eq!((&one.body["scope"], &one.body["expires_in"]), (&json!("orders.read"), &json!(60)));
    assert_eq!(peek(one.access_token()).1["aud"], "https://api.example/orders");
    let two = world.token(&format!("{GRANT}&resource=https://api.example/orders&resource=https://api.example/stock"));
    assert_eq!(two.body["expires_in"], 30);
    assert_eq!(peek(two.access_token()).1["aud"], json!(["https://api.example/orders", "https://api.example/stock"]));
    let opaque = world.token(&format!("{GRANT}&resource=https://api.example/old"));
    assert!(!opaque.access_token().contains('.'));
    for bad in [
        "https://api.example/orders&resource=https://api.example/old",
        "https://api.example/foreign",
        "https://api.example/unknown",
        "https://api.example/orders/",
        "orders",
        "https://api.example/orders%23f",
    ] {
        assert_eq!(world.token(&format!("{GRANT}&resource={bad}")).error(), (400, "invalid_target"), "{bad}");
    }
}

#[test]
fn lifetimes_are_per_client_within_the_servers_bounds() {
    let minute = Duration::from_secs(60);
    let world = World::with_client(|builder| builder, |client| client.access_token_lifetime(minute));
    assert_eq!(world.token(GRANT).body["expires_in"], 60);
    let day = Duration::from_secs(24 * 3600);
    let opaque = |client: ClientSpec| client.access_token(AccessTokenFormat::Opaque).access_token_lifetime(day);
    assert_eq!(World::with_client(|builder| builder, opaque).token(GRANT).body["expires_in"], 86_400);
    let world = Parts::new().start(|builder| builder);
    let spec =
        ClientSpec::confidential("c").scope("a").audience(["x"]).access_token_lifetime(2 * Duration::from_secs(3600));
    let why = block_on(world.server.ensure_client(spec)).unwrap_err().to_string();
    assert!(why.contains("the bound for this format is 3600 s"), "{why}");
}

#[test]
fn a_client_may_use_only_its_grants_and_only_while_active() {
    let world = World::with_client(|builder| builder, |client| client.grants(Vec::<String>::new()));
    assert_eq!(world.token(GRANT).error(), (400, "unauthorized_client"));
    let world = World::new(|builder| builder);
    assert_eq!(world.token("grant_type=password").error(), (400, "unsupported_grant_type"));
    assert_eq!(world.token("scope=orders.read").error(), (400, "invalid_request"));
    assert_eq!(world.post(basic("orders-worker", "wrong", "grant_type=password")).error(), (401, "invalid_client"));
    assert_eq!(world.post(form(GRANT)).error(), (400, "invalid_request"));
}

#[test]
fn several_secrets_work_until_each_expires() {
    use oauth_core::store::{ClientRegistry as _, ClientSecretRecord, ClientStore as _, SecretHash, UpdateClient};
    use oauth_core::types::{ClientId, KeyId, Lifetime, SecretDigest};

    use crate::world::START;

    let world = World::new(|builder| builder);
    let id = ClientId::parse("orders-worker").unwrap();
    let mut client = (*block_on(world.memory.find(&id)).unwrap().unwrap()).clone();
    let digest = |text: &str| {
        let bytes = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        SecretHash::Generated(SecretDigest::from_bytes(bytes.as_ref().try_into().unwrap()))
    };
    for (n, expires_at) in [(2, None), (3, Some(START.plus(Lifetime::of_seconds(60)))), (4, Some(START))] {
        client.secrets.push(ClientSecretRecord {
            id: KeyId::parse(&n.to_string()).unwrap(),
            hash: digest(&format!("secret-{n}")),
            created_at: START,
            expires_at,
        });
    }
    client.version = 2;
    assert_eq!(block_on(world.memory.update(client, 1)).unwrap(), UpdateClient::Updated);
    let status = |secret: &str| world.post(basic("orders-worker", secret, GRANT)).status;
    assert_eq!(
        [status(&world.secret), status("secret-2"), status("secret-3"), status("secret-4")],
        [200, 200, 200, 401]
    );
    world.advance(60);
    assert_eq!([status(&world.secret), status("secret-2"), status("secret-3")], [200, 200, 401]);
    assert_eq!(world.trail.refusals(), [Refusal::ClientSecretExpired; 2]);
}

#[test]
fn an_access_token_ends_at_its_exp_to_the_second() {
    for format in [jwt(Alg::ES256), AccessTokenFormat::Opaque] {
        let world = World::new(|builder| builder.access_token(format));
        let answer = world.token(GRANT);
        world.advance(599);
        assert!(world.verify(answer.access_token()).is_ok());
        world.advance(1);
        let why = world.verify(answer.access_token()).unwrap_err();
        assert!(matches!(why, oauth_core::Error::Refused(Refusal::TokenExpired)), "{why}");
        world.clock.turn_back(crate::world::START);
        assert!(world.verify(answer.access_token()).is_err(), "refused as expired stays refused");
    }
}

#[test]
fn chosen_secrets_cost_one_argon2id_for_every_failure() {
    let world = World::with_client(
        |builder| builder.with_chosen_client_secrets().hashing_threads(1),
        |client| client.chosen_secret("replace-with-real-secret"),
    );
    let hashes = |request| {
        let before = world.server.password_hashes();
        let status = world.post(request).status;
        (status, world.server.password_hashes() - before)
    };
    assert_eq!(hashes(basic("orders-worker", "replace-with-real-secret", GRANT)), (200, 1));
    assert_eq!(hashes(basic("orders-worker", "wrong", GRANT)), (401, 1));
    assert_eq!(hashes(basic("nobody", "wrong", GRANT)), (401, 1));
    assert_eq!(hashes(form(&format!("{GRANT}&client_id=orders-worker"))), (401, 1));
    assert_eq!(hashes(form(&format!("{GRANT}&client_id=nobody"))), (401, 1));
    let generated = World::new(|builder| builder);
    assert_eq!(generated.token(GRANT).status, 200);
    assert_eq!(generated.server.password_hashes(), 0);
}

#[test]
fn clients_authenticate_from_their_networks_only() {
    let world = World::with_client(|builder| builder, |client| client.networks(["203.0.113.0/24"]));
    let from = |peer: Option<&str>| {
        let mut request = basic("orders-worker", &world.secret, GRANT);
        request.peer = peer.map(|peer| peer.parse().unwrap());
        world.post(request).status
    };
    assert_eq!(
        [from(Some("203.0.113.7")), from(Some("::ffff:203.0.113.7")), from(Some("203.0.114.7")), from(None)],
        [200, 200, 401, 401]
    );
    assert_eq!(world.trail.refusals(), [Refusal::ClientNetwork; 2]);
}
