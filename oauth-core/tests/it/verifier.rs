//! `TokenVerifier`: what a resource server believes, in the server's process and away from it (rows B3, M3).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_core::jose::Alg;
use oauth_core::keys::ImportedKey;
use oauth_core::store::{AccessTokenFormat, LegacyTyp, OptionalClaim, TokenProfile};
use oauth_core::token::TokenVerifier;
use oauth_core::types::{Audience, KeyId};
use oauth_core::wire::{Method, Request};
use oauth_core::{Endpoint, Error};
use oauth_testkit::block_on;
use ring::signature::Ed25519KeyPair;
use serde_json::{Value, json};

use crate::world::{ISSUER, START, World, jwt, peek};

const GRANT: &str = "grant_type=client_credentials";

fn jwks(world: &World) -> String {
    let answer = block_on(world.server.handle(Endpoint::Jwks, &Request::new(Method::Get, "/")));
    String::from_utf8(answer.body).unwrap()
}

fn orders() -> Audience {
    Audience::parse("orders").unwrap()
}

fn away(world: &World, set: &str) -> oauth_core::token::TokenVerifierBuilder {
    TokenVerifier::builder(ISSUER, orders(), TokenProfile::Rfc9068, set).unwrap().clock(Arc::new(world.clock.clone()))
}

#[test]
fn a_verifier_away_from_the_server_fetches_newer_keys_at_most_once_a_minute() {
    let world = World::new(|builder| builder);
    let token = world.token(GRANT).access_token().to_owned();
    let fetched = Arc::new(AtomicUsize::new(0));
    let (count, set) = (Arc::clone(&fetched), jwks(&world));
    let verifier = away(&world, r#"{"keys":[]}"#)
        .fetch_with(Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
            let set = set.clone();
            Box::pin(async move { Ok(set) })
        }))
        .build();
    assert!(block_on(verifier.verify(&token)).is_ok());
    assert!(block_on(verifier.verify(&token)).is_ok());
    assert_eq!(fetched.load(Ordering::SeqCst), 1);
    // a token that names a key nobody knows makes no storm
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","kid":"nobody","typ":"at+jwt"}"#);
    let unknown = format!("{header}.{}", token.split_once('.').unwrap().1);
    for _ in 0..5 {
        assert!(block_on(verifier.verify(&unknown)).is_err());
    }
    assert_eq!(fetched.load(Ordering::SeqCst), 1);
    world.advance(60);
    assert!(block_on(verifier.verify(&unknown)).is_err());
    assert_eq!(fetched.load(Ordering::SeqCst), 2);
}

#[test]
fn a_fetch_that_fails_is_a_fault_and_opaque_tokens_are_not_for_it() {
    let world = World::new(|builder| builder);
    let token = world.token(GRANT).access_token().to_owned();
    let fails = away(&world, r#"{"keys":[]}"#).fetch_with(Box::new(|| Box::pin(async { Err("no route".into()) })));
    let fails = fails.build();
    for _ in 0..3 {
        // also when the minute allows no further fetch: nobody knows whether the token is good
        assert!(matches!(block_on(fails.verify(&token)), Err(Error::Fault(_))));
    }
    let verifier = away(&world, &jwks(&world)).build();
    assert!(matches!(block_on(verifier.verify("iufhfWPkY_LOP8haywhRijU7KfntoXW3_uAoyBnFlts")), Err(Error::Refused(_))));
}

#[test]
fn callers_wait_for_the_fetch_that_is_under_way_and_old_keys_are_fetched_again() {
    let world = World::new(|builder| builder);
    let token = world.token(GRANT).access_token().to_owned();
    let (count, set) = (Arc::new(AtomicUsize::new(0)), Arc::new(std::sync::Mutex::new(jwks(&world))));
    let (counted, served) = (Arc::clone(&count), Arc::clone(&set));
    let slow = away(&world, r#"{"keys":[]}"#).fetch_with(Box::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        let set = served.lock().unwrap().clone();
        Box::pin(async move {
            std::thread::sleep(std::time::Duration::from_millis(50));
            Ok(set)
        })
    }));
    let slow = slow.build();
    let good = std::thread::scope(|scope| {
        let verify = || block_on(slow.verify(&token)).is_ok();
        let callers: Vec<_> = (0..8).map(|_| scope.spawn(verify)).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).filter(|good| *good).count()
    });
    assert_eq!((good, count.load(Ordering::SeqCst)), (8, 1));
    // the issuer takes the key back: ten minutes later it is believed no more
    *set.lock().unwrap() = r#"{"keys":[]}"#.to_owned();
    world.advance(599);
    let token = world.token(GRANT).access_token().to_owned();
    assert!(block_on(slow.verify(&token)).is_ok());
    world.advance(1);
    assert!(block_on(slow.verify(&token)).is_err());
}

/// A server whose EdDSA key the test holds too, so that it can sign whatever it likes.
struct Forge {
    world: World,
    pair: Ed25519KeyPair,
    claims: Value,
}

impl Forge {
    fn new() -> Self {
        let pem = include_str!("../fixtures/ed25519.pkcs8.pem");
        let world = World::new(|builder| {
            let key = ImportedKey::from_pem(pem, None).unwrap();
            builder.access_token(jwt(Alg::EdDSA)).import_key(key, Some(KeyId::parse("k").unwrap()))
        });
        let der = pem.lines().filter(|line| !line.starts_with("---")).collect::<String>();
        let der = base64::engine::general_purpose::STANDARD.decode(der).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).unwrap();
        let claims = peek(world.token(GRANT).access_token()).1;
        Self { world, pair, claims }
    }

    fn sign(&self, header: &str, payload: &[u8]) -> String {
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(self.pair.sign(input.as_bytes())))
    }

    fn accepts(&self, header: &str, payload: &[u8]) -> bool {
        self.world.verify(&self.sign(header, payload)).is_ok()
    }
}

const HEADER: &str = r#"{"alg":"EdDSA","kid":"k","typ":"at+jwt"}"#;

#[test]
fn b03_every_claim_of_rfc_9068_is_required_and_typed() {
    let forge = Forge::new();
    let good = forge.claims.to_string();
    assert!(forge.accepts(HEADER, good.as_bytes()), "the forge signs well");
    for typ in [r#""typ":"application/at+jwt""#, r#""typ":"AT+JWT""#] {
        assert!(forge.accepts(&HEADER.replace(r#""typ":"at+jwt""#, typ), good.as_bytes()), "{typ}");
    }
    for header in [
        r#"{"alg":"EdDSA","kid":"k"}"#,
        r#"{"alg":"EdDSA","kid":"k","typ":"JWT"}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt"}"#,
        r#"{"alg":"EdDSA","kid":"K","typ":"at+jwt"}"#,
        r#"{"alg":"none","kid":"k","typ":"at+jwt"}"#,
        r#"{"alg":"ES256","kid":"k","typ":"at+jwt"}"#,
        r#"{"alg":"EdDSA","kid":"k","typ":"at+jwt","crit":["exp"]}"#,
        r#"{"alg":"EdDSA","alg":"EdDSA","kid":"k","typ":"at+jwt"}"#,
    ] {
        assert!(!forge.accepts(header, good.as_bytes()), "{header}");
    }
    for name in ["iss", "aud", "exp", "iat", "sub", "client_id", "jti"] {
        let mut claims = forge.claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        assert!(!forge.accepts(HEADER, claims.to_string().as_bytes()), "without {name}");
        for wrong in [json!(null), json!([]), json!({}), json!(true), json!("9"), json!(1.5), json!(1e308)] {
            let mut claims = forge.claims.clone();
            claims[name] = wrong.clone();
            let lawful = wrong.is_string() && ["sub", "client_id", "jti"].contains(&name);
            assert_eq!(forge.accepts(HEADER, claims.to_string().as_bytes()), lawful, "{name}: {wrong}");
        }
    }
    for (name, wrong) in [
        ("iss", json!("https://as.example/")),
        ("aud", json!("stock")),
        ("aud", json!(["stock", "order"])),
        ("exp", json!(START.seconds())),
        ("iat", json!(START.seconds() + 6)),
        ("scope", json!(["orders.read"])),
        ("cnf", json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})),
    ] {
        let mut claims = forge.claims.clone();
        claims[name] = wrong.clone();
        assert!(!forge.accepts(HEADER, claims.to_string().as_bytes()), "{name}: {wrong}");
    }
    let mut several = forge.claims.clone();
    several["aud"] = json!(["stock", "orders"]);
    assert!(forge.accepts(HEADER, several.to_string().as_bytes()));
}

#[test]
fn m03_claims_that_are_not_strict_json_are_refused() {
    let forge = Forge::new();
    let good = forge.claims.to_string();
    let twice = good.replacen('{', r#"{"sub":"admin","#, 1);
    let mut bom = vec![0xef, 0xbb, 0xbf];
    bom.extend(good.as_bytes());
    for bad in
        [twice.as_bytes(), &bom, format!("{good} x").as_bytes(), b"[]", b"", b"{", b"\"a\"", b"{\"iss\":\"\xff\"}"]
    {
        assert!(!forge.accepts(HEADER, bad), "{}", String::from_utf8_lossy(bad));
    }
    let token = forge.sign(HEADER, good.as_bytes());
    for bad in [
        format!("{token}="),
        format!("{token}.x"),
        token.replacen('.', "..", 1),
        ".".repeat(1_000_000),
        format!("{token} "),
    ] {
        assert!(forge.world.verify(&bad).is_err());
    }
}

#[test]
fn legacy_profiles_leave_out_what_they_say_and_are_their_own_kind() {
    let legacy = TokenProfile::Legacy {
        typ: None,
        omit: vec![OptionalClaim::ClientId, OptionalClaim::Jti, OptionalClaim::Scope, OptionalClaim::Sub],
    };
    let format = AccessTokenFormat::Jwt { alg: Alg::ES256, profile: legacy.clone() };
    let world = World::new(|builder| builder.access_token(format));
    let token = world.token(GRANT).access_token().to_owned();
    let (header, claims) = peek(&token);
    assert!(!header.contains("typ"), "{header}");
    assert_eq!(claims.as_object().unwrap().keys().collect::<Vec<_>>(), ["aud", "exp", "iat", "iss"]);
    assert!(world.verify(&token).is_err(), "a verifier of the standard profile does not take it");
    let access = block_on(world.server.verifier(orders(), legacy).verify(&token)).unwrap();
    assert!(access.principal().is_none() && access.require_user().is_err());
    let jwt_typ = TokenProfile::Legacy { typ: Some(LegacyTyp::Jwt), omit: Vec::new() };
    assert!(block_on(world.server.verifier(orders(), jwt_typ).verify(&token)).is_err());
}

#[test]
fn a_token_that_is_too_long_is_refused_unread() {
    let world = World::new(|builder| builder);
    for (length, calls) in [(16 * 1024, 1), (16 * 1024 + 1, 0)] {
        world.store.forget();
        let opaque = "x".repeat(length);
        assert!(matches!(world.verify(&opaque), Err(Error::Refused(_))), "{length}");
        assert_eq!(world.store.calls().len(), calls, "{length}");
    }
}

#[test]
fn g13_a_token_counts_whole_and_exact() {
    for format in [jwt(Alg::ES256), AccessTokenFormat::Opaque] {
        let world = World::new(|builder| builder.access_token(format));
        let token = world.token(GRANT).access_token().to_owned();
        let mut altered: Vec<String> = (0..token.len()).map(|end| token[..end].to_owned()).collect();
        altered.extend(["=", " ", "\0", "\n", "A"].map(|end| format!("{token}{end}")));
        altered.extend(["=", " ", "A"].map(|start| format!("{start}{token}")));
        for (at, c) in token.char_indices().filter(|(_, c)| c.is_ascii_alphabetic()) {
            let flipped = if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
            altered.push(format!("{}{flipped}{}", &token[..at], &token[at + 1..]));
        }
        for bad in altered {
            assert!(matches!(world.verify(&bad), Err(Error::Refused(_))), "{bad:?}");
        }
        assert!(world.verify(&token).is_ok());
    }
}
