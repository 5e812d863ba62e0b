//! Keys through a server: made, announced, promoted, revoked, imported, external, sealed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use oauth_core::jose::Alg;
use oauth_core::keys::{ImportedKey, KeyNaming, SealingKey, SealingKeys, Signer, SignerError};
use oauth_core::store::{KeyRecord, KeyState, KeyStore as _, KeyUse, Stores};
use oauth_core::types::{Issuer, KeyId, Tenant};
use oauth_core::wire::{Method, Request};
use oauth_core::{AuthorizationServer, Endpoint, StartError};
use oauth_store_memory::MemoryStore;
use oauth_testkit::block_on;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use crate::world::{ISSUER, Parts, World, jwt, peek, sealing};

const GRANT: &str = "grant_type=client_credentials";
const DAY: u64 = 86_400;

/// The states of the keys that sign.
fn states(world: &World) -> Vec<KeyState> {
    let keys = block_on(world.server.keys().list()).unwrap();
    keys.into_iter().filter(|key| key.usage != KeyUse::Derive).map(|key| key.state).collect()
}

/// The stored keys that sign.
fn signing(parts: &MemoryStore) -> Vec<KeyRecord> {
    let keys = block_on(parts.load(ISSUER)).unwrap();
    keys.into_iter().filter(|key| key.usage != KeyUse::Derive).collect()
}

fn published(server: &AuthorizationServer) -> Vec<String> {
    let answer = block_on(server.handle(Endpoint::Jwks, &Request::new(Method::Get, "/")));
    let set: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn kid(token: &str) -> String {
    let header: serde_json::Value = serde_json::from_str(&peek(token).0).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

/// Another server over the same store and clock, as after a restart or on another node.
fn node(world: &World) -> World {
    let parts = Parts {
        memory: world.memory.clone(),
        store: world.store.clone(),
        clock: world.clock.clone(),
        trail: world.trail.clone(),
    };
    let mut node = parts.start(|builder| builder);
    node.secret.clone_from(&world.secret);
    node
}

#[test]
fn maintenance_announces_promotes_and_forgets_and_every_token_verifies_meanwhile() {
    let world = World::new(|builder| builder);
    let (mut token, mut seen) = (world.token(GRANT).access_token().to_owned(), Vec::new());
    for _ in 0..(200 * 4) {
        world.advance(DAY / 4);
        let before = published(&world.server);
        let _ = block_on(world.server.maintain()).unwrap();
        let now = world.token(GRANT).access_token().to_owned();
        assert!(before.contains(&kid(&now)), "a key signed that was not published before");
        assert!(world.verify(&now).is_ok());
        if kid(&now) != kid(&token) {
            seen.push(kid(&token));
            token = now;
        }
    }
    assert_eq!(seen.len(), 2, "about every 90 days");
    assert!(published(&world.server).iter().all(|kid| !seen.contains(kid)), "retired keys are forgotten");
}

#[test]
fn nodes_share_one_key_and_one_promotion() {
    let world = World::new(|builder| builder);
    let other = node(&world);
    assert_eq!(published(&world.server), published(&other.server));
    world.advance(76 * DAY);
    std::thread::scope(|scope| {
        for node in [&world, &other] {
            scope.spawn(|| block_on(node.server.maintain()).map(|_| ()));
        }
    });
    for days in [0, 14, 0] {
        world.advance(days * DAY);
        let _ = (block_on(world.server.maintain()).unwrap(), block_on(other.server.maintain()).unwrap());
    }
    assert_eq!(published(&world.server), published(&other.server));
    assert_eq!(states(&world).iter().filter(|state| **state == KeyState::Active).count(), 1);
    assert_eq!(kid(world.token(GRANT).access_token()), kid(other.token(GRANT).access_token()));
}

#[test]
fn m05_a_revoked_key_is_gone_here_at_once_and_elsewhere_within_a_minute() {
    let world = World::new(|builder| builder);
    let other = node(&world);
    let token = world.token(GRANT).access_token().to_owned();
    assert!(other.verify(&token).is_ok());
    world.advance(1);
    block_on(world.server.keys().revoke(&KeyId::parse(&kid(&token)).unwrap())).unwrap();
    assert!(world.verify(&token).is_err());
    assert!(!published(&world.server).contains(&kid(&token)));
    let next = world.token(GRANT).access_token().to_owned();
    assert!(kid(&next) != kid(&token) && world.verify(&next).is_ok(), "a successor signs at once");
    world.advance(60);
    assert!(other.verify(&token).is_err());
    assert!(!published(&other.server).contains(&kid(&token)));
    assert!(other.verify(&next).is_ok());
    assert_eq!(states(&world), [KeyState::Revoked, KeyState::Active]);
}

#[test]
fn a_key_stays_revoked_when_it_cannot_be_read_again_and_when_an_older_reading_comes_late() {
    use oauth_core::store::StoreErrorKind::Unavailable;
    use oauth_testkit::{Method as Call, Times};
    let world = World::new(|builder| builder);
    let token = world.token(GRANT).access_token().to_owned();
    let key = KeyId::parse(&kid(&token)).unwrap();
    // the reading that a health check began is held while the key is revoked
    let pause = world.store.pause_after(world.store.calls().len() + 2);
    std::thread::scope(|scope| {
        let health = scope.spawn(|| block_on(world.server.health()).is_ok());
        block_on(pause.reached());
        block_on(world.server.keys().revoke(&key)).unwrap();
        assert!(world.verify(&token).is_err());
        pause.release();
        assert!(health.join().unwrap());
    });
    assert!(world.verify(&token).is_err(), "an older reading brought the key back");
    assert!(kid(world.token(GRANT).access_token()) != kid(&token));

    let world = World::new(|builder| builder);
    let token = world.token(GRANT).access_token().to_owned();
    block_on(world.server.keys().announce(Alg::ES256)).unwrap();
    world.trail.take();
    // the second reading of the call is the one after the commit
    world.store.fail(Call::LoadKeys, Unavailable, Times::Nth(2));
    block_on(world.server.keys().revoke(&KeyId::parse(&kid(&token)).unwrap())).unwrap();
    assert_eq!(world.trail.take().len(), 2, "revoked and promoted");
    assert_eq!(world.token(GRANT).status, 503, "nothing is signed by what is known to be out of date");
    world.advance(1);
    assert!(kid(world.token(GRANT).access_token()) != kid(&token));
    assert!(world.verify(&token).is_err());
}

#[test]
fn what_fails_for_one_algorithm_leaves_the_others_their_turn() {
    let world = World::new(|builder| builder.external_signer(remote(false)));
    let external = block_on(world.server.keys().list()).unwrap();
    let external = external.iter().find(|key| key.usage.as_str() == "EdDSA").unwrap().kid.clone();
    block_on(world.server.keys().revoke(&external)).unwrap();
    world.trail.take();
    for _ in 0..80 {
        world.advance(DAY - 1);
        assert!(block_on(world.server.maintain()).is_err(), "nobody can make the external key");
    }
    let changed = world.trail.take();
    assert!(changed.iter().any(|event| event.what.id() == "key.changed"), "ES256 has its successor");
    assert!(states(&world).contains(&KeyState::Announced));
}

#[test]
fn nodes_that_start_together_with_one_imported_key_record_it_once() {
    for _ in 0..20 {
        let parts = Parts::new();
        std::thread::scope(|scope| {
            let start = || {
                let key = ImportedKey::from_pem(include_str!("../fixtures/ed25519.pkcs8.pem"), None).unwrap();
                let builder = parts.builder().access_token(jwt(Alg::EdDSA)).key_naming(KeyNaming::Date);
                block_on(builder.import_key(key, None).start()).map(|_| ())
            };
            let nodes: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
            nodes.into_iter().for_each(|node| node.join().unwrap().unwrap());
        });
        assert_eq!(signing(&parts.memory).len(), 1);
    }
}

#[test]
fn a_private_half_that_will_not_sign_again_is_destroyed() {
    let world = World::new(|builder| builder);
    for _ in 0..200 {
        world.advance(DAY - 1);
        let _ = block_on(world.server.maintain()).unwrap();
    }
    let stored = signing(&world.memory);
    let gone =
        |state| stored.iter().filter(|key| key.state == state).all(|key| format!("{:?}", key.material) == "Destroyed");
    assert!(gone(KeyState::Retired) && !gone(KeyState::Active));
    let active = stored.iter().find(|key| key.state == KeyState::Active).unwrap();
    block_on(world.server.keys().revoke(&active.kid)).unwrap();
    let stored = signing(&world.memory);
    let revoked = stored.iter().find(|key| key.kid == active.kid).unwrap();
    assert_eq!((revoked.state, format!("{:?}", revoked.material)), (KeyState::Revoked, "Destroyed".to_owned()));
}

#[test]
fn keys_are_announced_and_activated_by_hand() {
    let world = World::new(|builder| builder.key_naming(KeyNaming::Date));
    block_on(world.server.keys().announce(Alg::ES256)).unwrap();
    assert_eq!(published(&world.server), ["2027-01-15", "2027-01-15-2"]);
    let old = world.token(GRANT).access_token().to_owned();
    assert_eq!(kid(&old), "2027-01-15");
    block_on(world.server.keys().activate(&KeyId::parse("2027-01-15-2").unwrap())).unwrap();
    assert_eq!(kid(world.token(GRANT).access_token()), "2027-01-15-2");
    assert!(world.verify(&old).is_ok(), "a retired key is believed until its tokens are over");
    let why = block_on(world.server.keys().activate(&KeyId::parse("2027-01-15").unwrap())).unwrap_err();
    assert_eq!(why.to_string(), "key `2027-01-15` is retired");
}

#[test]
fn an_imported_key_signs_under_its_name_and_is_taken_in_once() {
    let pem = include_str!("../fixtures/rsa-2048.pkcs1.pem");
    let import = || ImportedKey::from_pem(pem, None).unwrap();
    let world = World::new(|builder| {
        builder.access_token(jwt(Alg::RS256)).import_key(import(), Some(KeyId::parse("our-rsa").unwrap()))
    });
    let token = world.token(GRANT).access_token().to_owned();
    assert_eq!(kid(&token), "our-rsa");
    assert!(world.verify(&token).is_ok());
    block_on(world.server.keys().import(&import(), Some(&KeyId::parse("again").unwrap()))).unwrap();
    assert_eq!(states(&world), [KeyState::Active]);
    let second = include_str!("../fixtures/rsa-3072.pkcs8.pem");
    block_on(world.server.keys().import(&ImportedKey::from_pem(second, None).unwrap(), None)).unwrap();
    block_on(world.server.keys().revoke(&KeyId::parse("our-rsa").unwrap())).unwrap();
    let why = block_on(world.server.keys().import(&import(), None)).unwrap_err();
    assert_eq!(why.to_string(), "key `our-rsa` is revoked");
}

/// An HSM that is a variable.
#[derive(Debug)]
struct Remote {
    pair: Ed25519KeyPair,
    lies: bool,
}

#[async_trait]
impl Signer for Remote {
    fn name(&self) -> &str {
        "hsm/slot-1"
    }

    fn alg(&self) -> Alg {
        Alg::EdDSA
    }

    fn public_jwk(&self) -> String {
        use base64::Engine as _;
        let x = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.pair.public_key());
        format!("{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"{x}\"}}")
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        let message = if self.lies { b"something else" } else { message };
        Ok(self.pair.sign(message).as_ref().to_vec())
    }
}

fn remote(lies: bool) -> Arc<Remote> {
    Arc::new(Remote { pair: Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap(), lies })
}

#[test]
fn an_external_signer_signs_and_one_that_lies_stops_the_start() {
    let world = World::new(|builder| builder.access_token(jwt(Alg::EdDSA)).external_signer(remote(false)));
    let token = world.token(GRANT).access_token().to_owned();
    assert!(world.verify(&token).is_ok());
    let stored = block_on(world.memory.load(ISSUER)).unwrap();
    assert!(stored.iter().any(|key| format!("{:?}", key.material) == "External(\"hsm/slot-1\")"));
    let parts = Parts::new();
    let why = block_on(parts.builder().external_signer(remote(true)).start()).unwrap_err().to_string();
    assert!(why.contains("hsm/slot-1") && why.contains("does not verify"), "{why}");
    let without = Parts { memory: world.memory.clone(), store: world.store.clone(), ..Parts::new() };
    let why = block_on(without.builder().access_token(jwt(Alg::EdDSA)).start()).unwrap_err().to_string();
    assert!(why.contains("pass it to the builder with `external_signer`"), "{why}");
}

#[test]
fn private_halves_are_sealed_to_key_tenant_and_issuer_and_sealed_anew() {
    let world = World::new(|builder| builder);
    let token = world.token(GRANT).access_token().to_owned();
    let start = |keys: SealingKeys, issuer: &str| {
        let stores = Stores::all(Tenant::default_tenant(), world.store.clone());
        let builder = AuthorizationServer::builder(Issuer::url(issuer).unwrap(), stores, keys);
        block_on(builder.clock(Arc::new(world.clock.clone())).start())
    };
    let other = || SealingKey::new("other", [8; 32]).unwrap();
    let Err(StartError::Keys(why)) = start(other().into(), ISSUER) else { panic!("opened with a foreign key") };
    assert!(why.to_string().contains("sealed by the key `test`, which the server does not have"), "{why}");
    // rotation: the new key first, the old one to open; afterwards the new one is enough
    let both = SealingKeys::new(other()).and_older(sealing()).unwrap();
    assert!(start(both, ISSUER).is_ok());
    let again = start(other().into(), ISSUER).unwrap();
    assert!(published(&again).contains(&kid(&token)));
    assert!(start(sealing().into(), ISSUER).is_err());
    // a record that was moved to another issuer's name does not open there, whatever the key is for
    for (number, mut record) in block_on(world.memory.load(ISSUER)).unwrap().into_iter().enumerate() {
        let evil = format!("https://evil-{number}.example");
        record.issuer.clone_from(&evil);
        let _ = block_on(world.memory.insert(record)).unwrap();
        assert!(matches!(start(other().into(), &evil), Err(StartError::Keys(_))), "{number}");
    }
}

#[test]
fn keys_that_cannot_be_read_for_a_minute_sign_nothing() {
    let world = World::new(|builder| builder.key_periods(Duration::from_secs(7 * DAY), Duration::from_secs(30 * DAY)));
    world.store.fail(
        oauth_testkit::Method::LoadKeys,
        oauth_core::store::StoreErrorKind::Unavailable,
        oauth_testkit::Times::Always,
    );
    world.advance(59);
    assert_eq!(world.token(GRANT).status, 200);
    world.advance(1);
    assert_eq!(world.token(GRANT).error(), (503, "temporarily_unavailable"));
}
