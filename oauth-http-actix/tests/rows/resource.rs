//! B and M3: what a guarded route lets through, and what it says to the rest.

use std::time::Duration;

use oauth_core::store::{AccessTokenFormat, StoreErrorKind};
use oauth_testkit::{Method, Times, block_on};
use serde_json::{Value, json};

use crate::on_every_store;
use crate::support::{Ask, Backend, Connection, Host, START, TestKey};

on_every_store!(
    b01_one_way_to_send_the_token_and_never_the_query,
    b02_challenges_say_what_is_wanted_and_no_more,
    b03_only_access_tokens_by_rfc_9068_for_this_audience,
    m03_jwt_input_is_strict_and_cheap,
    what_cannot_be_known_now_is_a_503,
);

fn b01_one_way_to_send_the_token_and_never_the_query<B: Backend>() {
    let host = Host::<B>::start();
    let token = host.good_token(&host.app);
    let form = format!("a=1&access_token={token}");
    // header and body, however the name is spelt
    for body in [form.as_str(), "access_token=", "a=1&%61ccess_token=x"] {
        let answer = host.send(&Ask::new("POST", "/form").bearer(&token).form(body));
        answer.is(400, "invalid_request");
        assert!(answer.header("www-authenticate").unwrap().contains("error=\"invalid_request\""));
    }
    // header and query
    for query in [format!("access_token={token}"), "a=1&%61ccess%5ftoken=x".to_owned(), "access_token".to_owned()] {
        host.send(&Ask::new("GET", &format!("/orders?{query}")).bearer(&token)).is(400, "invalid_request");
    }
    // two headers
    let twice = Ask::new("GET", "/orders").bearer(&token).bearer(&token);
    host.send(&twice).is(400, "invalid_request");
    host.send(&Ask::new("GET", "/orders").bearer(&token).basic("app", "x")).is(400, "invalid_request");
    // query or body alone say nothing
    let query = host.send(&Ask::new("GET", &format!("/orders?access_token={token}")));
    assert_eq!(query.status, 401);
    let body = host.send(&Ask::new("POST", "/form").form(&form));
    for answer in [query, body] {
        assert_eq!(
            (answer.header("www-authenticate"), answer.text()),
            (Some("Bearer realm=\"orders\""), "{}".to_owned())
        );
    }
    // a form without a token reaches the handler whole, also a large one
    let plain = host.send(&Ask::new("POST", "/form").bearer(&token).form("b=2&a=1"));
    assert_eq!(plain.text(), "client app [\"a\", \"b\"]");
    let large = format!("a={}&b=1", "x".repeat(200_000));
    assert_eq!(host.send(&Ask::new("POST", "/form").bearer(&token).form(large)).text(), "client app [\"a\", \"b\"]");
    // and so it does where the token is optional
    assert_eq!(host.send(&Ask::new("POST", "/optional").form("a=1&b=2")).text(), "false 2");
    assert_eq!(host.send(&Ask::new("POST", "/optional").bearer(&token).form("a=1")).text(), "true 1");
}

fn b02_challenges_say_what_is_wanted_and_no_more<B: Backend>() {
    let host = Host::<B>::start();
    let narrow = host.client("narrow", |spec| spec.scope("profile"));
    let plain = "Bearer realm=\"orders\"";
    for ask in [
        Ask::new("GET", "/orders"),
        Ask::new("GET", "/orders").basic("app", &host.app.secret),
        Ask::new("GET", "/orders").header("authorization", "Bearerx y"),
        Ask::new("GET", "/orders").header("authorization", ""),
    ] {
        let answer = host.send(&ask);
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some(plain)));
    }
    for bad in ["", "x", "x.y.z", "\"\\", "x y", "\u{fc}"] {
        let answer = host.guarded(bad);
        answer.is(401, "invalid_token");
        let challenge = answer.header("www-authenticate").unwrap();
        let rest = challenge.strip_prefix(plain).unwrap();
        assert_eq!(rest, ", error=\"invalid_token\", error_description=\"the access token is not valid\"", "{bad}");
    }
    let token = host.good_token(&narrow);
    let read = host.guarded(&token);
    read.is(403, "insufficient_scope");
    let challenge = read.header("www-authenticate").unwrap();
    assert!(challenge.starts_with(plain) && challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    assert!(challenge.ends_with(", scope=\"orders.read\""), "{challenge}");
    let write = host.send(&Ask::new("POST", "/orders").bearer(&token));
    assert!(write.header("www-authenticate").unwrap().ends_with(", scope=\"orders.read orders.write\""));
    assert_eq!(host.send(&Ask::new("GET", "/any").bearer(&token)).text(), "client narrow");
    // the scheme ignores case
    let token = host.good_token(&host.app);
    for scheme in ["bearer", "BEARER", "bEaReR  "] {
        let ask = Ask::new("GET", "/orders").header("authorization", format!("{scheme} {token}"));
        assert_eq!(host.send(&ask).status, 200, "{scheme}");
    }
}

fn b03_only_access_tokens_by_rfc_9068_for_this_audience<B: Backend>() {
    let host = Host::<B>::start();
    let (header, claims) = TestKey::read(&host.good_token(&host.app));
    assert_eq!(header, json!({ "alg": "ES256", "kid": TestKey::KID, "typ": "at+jwt" }));
    assert_eq!(host.guarded(&TestKey::sign(&header, &claims)).status, 200, "the test signs as the server does");
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims
    };
    let mut bad = Vec::new();
    for typ in
        [json!("JWT"), json!("at+JWT2"), json!(""), json!(null), json!(1), json!("application/jwt"), json!("id_token")]
    {
        let mut header = header.clone();
        header["typ"] = typ;
        bad.push(TestKey::sign(&header, &claims));
    }
    let mut untyped = header.clone();
    untyped.as_object_mut().unwrap().remove("typ");
    bad.push(TestKey::sign(&untyped, &claims));
    for name in ["iss", "aud", "exp", "iat", "sub", "client_id", "jti"] {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        bad.push(TestKey::sign(&header, &claims));
        for value in [json!(null), json!([1]), json!({}), json!(true)] {
            bad.push(TestKey::sign(&header, &with(name, value)));
        }
    }
    let now = START.seconds();
    for (name, value) in [
        ("iss", json!("https://as.example/")),
        ("iss", json!("https://AS.example")),
        ("aud", json!("Orders")),
        ("aud", json!("app")),
        ("aud", json!([])),
        ("aud", json!(["app", "orders "])),
        ("aud", json!(["orders", 1])),
        ("exp", json!(now)),
        ("exp", json!(now - 1)),
        ("exp", json!("9999999999")),
        ("exp", json!(9_999_999_999.5)),
        ("exp", json!(1e308)),
        ("iat", json!(now + 6)),
        ("iat", json!("1")),
        ("scope", json!(["orders.read"])),
        ("scope", json!("orders.read  profile")),
    ] {
        bad.push(TestKey::sign(&header, &with(name, value)));
    }
    // an ID token of ours, by the same key
    let id_token = json!({ "iss": "https://as.example", "sub": "alice", "aud": "orders", "exp": now + 600, "iat": now, "nonce": "n" });
    bad.push(TestKey::sign(&json!({ "alg": "ES256", "kid": TestKey::KID, "typ": "JWT" }), &id_token));
    for token in &bad {
        host.guarded(token).is(401, "invalid_token");
    }
    for good in [with("aud", json!(["other", "orders"])), with("iat", json!(now + 5)), with("exp", json!(now + 1))] {
        assert_eq!(host.guarded(&TestKey::sign(&header, &good)).status, 200, "{good}");
    }
    // the end is exact
    host.clock.advance(Duration::from_secs(600));
    host.guarded(&TestKey::sign(&header, &claims)).is(401, "invalid_token");
    let other = host.client("elsewhere", |spec| spec.audience(["elsewhere"]));
    host.guarded(&host.good_token(&other)).is(401, "invalid_token");
    let opaque = host.client("opaque", |spec| spec.audience(["elsewhere"]).access_token(AccessTokenFormat::Opaque));
    host.guarded(&host.good_token(&opaque)).is(401, "invalid_token");
}

fn m03_jwt_input_is_strict_and_cheap<B: Backend>() {
    let host = Host::<B>::start();
    let token = host.good_token(&host.app);
    let (header, claims) = TestKey::read(&token);
    let [head, body, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let (header_text, claims_text) = (header.to_string(), claims.to_string());
    let doubled = |text: &str, member: &str| text.replacen('{', &format!("{{{member},"), 1);
    let mut bad = vec![
        format!("{head}.{body}"),
        format!("{head}.{body}.{signature}.x"),
        format!("{head}.{body}.{signature}.x.y"),
        format!("{head}.{body}."),
        format!(".{body}.{signature}"),
        format!("{head}..{signature}"),
        format!("{head}=.{body}.{signature}"),
        format!("{head}.{body}.{signature}="),
        format!("{head}.{body}.{signature}=="),
        ".".to_owned(),
        "..".to_owned(),
        ".".repeat(10_000),
        // duplicate members
        TestKey::sign_text(&doubled(&header_text, r#""alg":"none""#), claims_text.as_bytes()),
        TestKey::sign_text(&doubled(&header_text, r#""kid":"test-key""#), claims_text.as_bytes()),
        TestKey::sign_text(&header_text, doubled(&claims_text, r#""aud":"other""#).as_bytes()),
        TestKey::sign_text(&header_text, doubled(&claims_text, r#""\u0061ud":"orders""#).as_bytes()),
        // encodings
        TestKey::sign_text(&format!("\u{feff}{header_text}"), claims_text.as_bytes()),
        TestKey::sign_text(&header_text, format!("\u{feff}{claims_text}").as_bytes()),
        TestKey::sign_text(&header_text, &[claims_text.as_bytes(), b" \xff"].concat()),
        TestKey::sign_text(&header_text, claims_text.replace("app", "\\ud800").as_bytes()),
        TestKey::sign_text(&header_text, format!("{claims_text}{claims_text}").as_bytes()),
        TestKey::sign_text(&header_text, b"[]"),
        TestKey::sign_text(&header_text, b"null"),
        TestKey::sign_text("[]", claims_text.as_bytes()),
        TestKey::sign_text(
            &header_text,
            doubled(&claims_text, &format!("\"deep\":{}{}", "[".repeat(2_000), "]".repeat(2_000))).as_bytes(),
        ),
        TestKey::sign_input(&format!("{head}+.{body}")),
    ];
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("NONE")),
        ("alg", json!("RS256")),
        ("alg", json!("EdDSA")),
        ("alg", json!(["ES256"])),
        ("alg", json!(null)),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("p2c", json!(1_000_000_000)),
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/x5u")),
        ("jwk", json!({ "kty": "EC", "crv": "P-256", "x": "x", "y": "y" })),
        ("kid", json!("../../dev/null")),
        ("kid", json!("' OR 1=1 --")),
        ("kid", json!(1)),
    ] {
        let mut header = header.clone();
        header[name] = value.clone();
        let token = TestKey::sign(&header, &claims);
        // what a JWS reader must ignore, it may ignore; it never follows it
        if ["enc", "jku", "x5u", "jwk", "p2c"].contains(&name) {
            let answer = host.guarded(&token);
            assert!([200, 401].contains(&answer.status), "{name}");
            continue;
        }
        bad.push(token);
    }
    host.forget();
    for (place, token) in bad.iter().enumerate() {
        assert_eq!(host.guarded(token).status, 401, "token {place}: {:.300}", token);
    }
    assert_eq!(host.calls(), [], "a token that is not ours costs no look at the store");
    // too long for HTTP: straight into the verifier
    let verifier = host.verifier();
    for long in
        [".".repeat(1_000_000), "A".repeat(1 << 20) + "..", format!("{}.{body}.{signature}", "A".repeat(1 << 20))]
    {
        assert!(block_on(verifier.verify(&long)).is_err());
    }
    assert_eq!(host.calls(), []);
    let ask = Ask::new("GET", "/orders").header("authorization", format!("Bearer {}", "x".repeat(1 << 18)));
    let answer = Connection::to(host.address).send(&ask.bytes()).answer();
    assert_eq!((answer.status, answer.text()), (431, String::new()), "actix takes no field that long");
}

fn what_cannot_be_known_now_is_a_503<B: Backend>() {
    let host = Host::<B>::start();
    let opaque = host.client("opaque", |spec| spec.access_token(AccessTokenFormat::Opaque));
    for client in [&host.app, &opaque] {
        let token = host.good_token(client);
        for method in [Method::Standing, Method::FindAccessToken] {
            host.probe.fail(method, StoreErrorKind::Unavailable, Times::Always);
        }
        host.guarded(&token).is(503, "temporarily_unavailable");
        host.forget();
        assert_eq!(host.guarded(&token).status, 200);
    }
}
