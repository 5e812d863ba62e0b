use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::keys::fixtures;

// The modulus of RFC 7517 App. A.1 and RFC 7638 §3.1.
const N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
const X: &str = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4";
const Y: &str = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM";

fn parse(jwk: Value) -> Result<PublicKey, InvalidJwk> {
    PublicKey::parse_jwk(&jwk.to_string())
}

fn set(keys: Value) -> Result<JwkSet, InvalidJwkSet> {
    JwkSet::parse(&json!({ "keys": keys }).to_string())
}

fn rsa() -> Value {
    json!({ "kty": "RSA", "n": N, "e": "AQAB" })
}

fn ec() -> Value {
    json!({ "kty": "EC", "crv": "P-256", "x": X, "y": Y })
}

/// The JWK with these members added or replaced.
fn with(mut jwk: Value, members: Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk
}

#[test]
fn thumbprints_are_those_of_the_rfcs() {
    let decorated = with(rsa(), json!({ "alg": "RS256", "kid": "2011-04-29" }));
    for jwk in [rsa(), decorated, with(rsa(), json!({ "alg": "PS256" }))] {
        assert_eq!(parse(jwk).unwrap().thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }
    let ed25519 = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    assert_eq!(parse(ed25519).unwrap().thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn the_example_set_of_rfc_7517_gives_its_signing_key() {
    let set = set(json!([
        with(ec(), json!({ "use": "enc", "kid": "1" })),
        with(rsa(), json!({ "alg": "RS256", "kid": "2011-04-29" })),
    ]))
    .unwrap();
    assert_eq!(set.len(), 1);
    assert_eq!(set.find("2011-04-29").unwrap().alg(), Alg::RS256);
    assert!(set.find("1").is_none());
}

#[test]
fn a_published_key_holds_its_public_members_only_and_reads_back() {
    let kid = KeyId::parse("k1").unwrap();
    for alg in Alg::ALL {
        let key = fixtures::key(alg);
        let text = key.public().to_jwk_json(&kid);
        let members: Map<String, Value> = serde_json::from_str(&text).unwrap();
        let names: Vec<&str> = members.keys().map(String::as_str).collect();
        let expected: &[&str] = match alg {
            Alg::EdDSA => &["alg", "crv", "kid", "kty", "use", "x"],
            Alg::ES256 => &["alg", "crv", "kid", "kty", "use", "x", "y"],
            Alg::PS256 | Alg::RS256 => &["alg", "e", "kid", "kty", "n", "use"],
        };
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, expected);
        assert_eq!(
            (&members["use"], &members["alg"], &members["kid"]),
            (&json!("sig"), &json!(alg.as_str()), &json!("k1"))
        );
        assert_eq!(PublicKey::parse_jwk(&text).as_ref(), Ok(key.public()));
        assert_eq!(JwkSet::parse(&format!("{{\"keys\":[{text}]}}")).unwrap().find("k1"), Some(key.public()));
    }
}

#[test]
fn private_and_symmetric_keys_are_refused() {
    // RFC 7518 §6.2.2, §6.3.2, §6.4.1.
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert_eq!(parse(with(rsa(), json!({ name: "AQAB" }))), Err(InvalidJwk::Private), "{name}");
        let entry = with(rsa(), json!({ "kid": "a", name: "AQAB" }));
        assert!(set(json!([entry])).unwrap().is_empty(), "{name}");
    }
    assert_eq!(parse(json!({ "kty": "oct", "k": "AAAA" })), Err(InvalidJwk::Private));
    assert_eq!(parse(json!({ "kty": "oct" })), Err(InvalidJwk::KeyType));
}

#[test]
fn what_does_not_fit_is_refused() {
    let n = |bytes: &[u8]| with(rsa(), json!({ "n": encode(bytes) }));
    let number = |bits: usize| {
        let mut bytes = vec![0xff; bits.div_ceil(8)];
        bytes[0] >>= bits.div_ceil(8) * 8 - bits;
        bytes
    };
    assert!(parse(n(&number(2048))).is_ok() && parse(n(&number(4096))).is_ok());
    for (jwk, why) in [
        (n(&number(2047)), InvalidJwk::RsaSize),
        (n(&number(1024)), InvalidJwk::RsaSize),
        (n(&number(4097)), InvalidJwk::RsaSize),
        (n(&[&[0], &number(2048)[..]].concat()), InvalidJwk::RsaSize),
        (n(&[&number(2048)[..255], &[2]].concat()), InvalidJwk::RsaSize),
        (n(b""), InvalidJwk::RsaSize),
        (with(rsa(), json!({ "e": "AQ" })), InvalidJwk::RsaSize),
        (with(rsa(), json!({ "e": "AQAA" })), InvalidJwk::RsaSize),
        (with(rsa(), json!({ "e": "" })), InvalidJwk::RsaSize),
        (with(rsa(), json!({ "e": "AQAAAAE" })), InvalidJwk::RsaSize),
        (with(rsa(), json!({ "e": "AQAB=" })), InvalidJwk::Encoding),
        (with(rsa(), json!({ "e": 65537 })), InvalidJwk::KeyType),
        (with(rsa(), json!({ "alg": "RS512" })), InvalidJwk::Algorithm),
        (with(rsa(), json!({ "alg": "HS256" })), InvalidJwk::Algorithm),
        (with(rsa(), json!({ "alg": "ES256" })), InvalidJwk::Algorithm),
        (with(rsa(), json!({ "alg": null })), InvalidJwk::Json(InvalidJson::Type)),
        (with(rsa(), json!({ "use": "enc" })), InvalidJwk::Use),
        (with(rsa(), json!({ "key_ops": ["encrypt"] })), InvalidJwk::Use),
        (with(ec(), json!({ "crv": "P-384" })), InvalidJwk::KeyType),
        (with(ec(), json!({ "crv": "secp256k1" })), InvalidJwk::KeyType),
        (with(ec(), json!({ "x": "AAAA" })), InvalidJwk::Encoding),
        (with(ec(), json!({ "alg": "RS256" })), InvalidJwk::Algorithm),
        (json!({ "kty": "EC", "crv": "P-256", "x": X }), InvalidJwk::KeyType),
        (json!({ "kty": "OKP", "crv": "Ed25519", "x": "AAAA" }), InvalidJwk::Encoding),
        (json!({ "kty": "OKP", "crv": "X25519", "x": X }), InvalidJwk::KeyType),
        (json!({ "kty": "AKP" }), InvalidJwk::KeyType),
        (json!({}), InvalidJwk::KeyType),
    ] {
        assert_eq!(parse(jwk.clone()), Err(why), "{jwk}");
    }
    assert!(parse(with(ec(), json!({ "use": "sig", "key_ops": ["verify"], "alg": "ES256" }))).is_ok());
}

#[test]
fn a_point_that_is_not_on_the_curve_verifies_nothing() {
    let text = "eyJhbGciOiJFUzI1NiJ9.e30";
    for (x, y) in [(encode([0; 32]), encode([0; 32])), (X.to_owned(), X.to_owned())] {
        let key = parse(with(ec(), json!({ "x": x, "y": y }))).unwrap();
        for byte in [0, 1] {
            assert!(!key.verify(text.as_bytes(), &[byte; 64]));
        }
    }
}

#[test]
fn entries_that_are_not_understood_are_left_out() {
    let set = set(json!([
        { "kty": "AKP", "kid": "a" },
        with(rsa(), json!({ "kid": "b", "alg": "RS512" })),
        with(rsa(), json!({ "kid": "c", "use": "enc" })),
        { "kty": "RSA", "kid": "d", "e": "AQAB" },
        with(ec(), json!({ "kid": 5 })),
        ec(),
        with(ec(), json!({ "kid": "e", "x5t": 1 })),
        with(ec(), json!({ "kid": "f", "unknown": { "a": [] } })),
        with(rsa(), json!({ "kid": "g" })),
    ]))
    .unwrap();
    assert_eq!((set.len(), set.is_empty()), (2, false));
    assert_eq!(set.find("f").unwrap().alg(), Alg::ES256);
    assert_eq!(set.find("g").unwrap().alg(), Alg::RS256);
    assert!(set.find("").is_none() && set.find("F").is_none());
}

#[test]
fn sets_that_are_ambiguous_or_not_sets_are_refused() {
    let keyed = |kid: &str| with(ec(), json!({ "kid": kid }));
    assert_eq!(set(json!([keyed("a"), keyed("a")])).unwrap_err(), InvalidJwkSet::RepeatedKid);
    for keys in [json!(null), json!({}), json!([1]), json!([[]])] {
        assert_eq!(set(keys).unwrap_err(), InvalidJwkSet::Malformed);
    }
    let long = format!("{{\"keys\":[]}}{}", " ".repeat(256 * 1024));
    for text in ["", "[]", "{}", r#"{"keys":[],"keys":[]}"#, &long] {
        assert_eq!(JwkSet::parse(text).unwrap_err(), InvalidJwkSet::Malformed);
    }
    let keys = |count: usize| (0..count).map(|i| keyed(&i.to_string())).collect::<Vec<_>>();
    assert_eq!(set(json!(keys(64))).unwrap().len(), 64);
    assert_eq!(set(json!(keys(65))).unwrap_err(), InvalidJwkSet::TooMany);
    assert!(set(json!([])).unwrap().is_empty());
}

#[test]
fn debug_shows_the_thumbprint_only() {
    assert_eq!(format!("{:?}", parse(rsa()).unwrap()), "PublicKey(RS256, NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs)");
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,80}") {
        let _ = PublicKey::parse_jwk(&text);
        let _ = JwkSet::parse(&text);
    }
}
