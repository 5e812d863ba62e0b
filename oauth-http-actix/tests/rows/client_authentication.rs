//! C: who the client is.

use std::collections::BTreeSet;

use oauth_core::store::AuthMethod;
use oauth_core::types::Timestamp;

use crate::support::{Answer, Ask, Backend, Host, Registered, TestKey, Way, form_encode};
use crate::{GRANT, on_every_store};

on_every_store!(
    c01_one_mechanism_per_request,
    c02_basic_halves_are_form_encoded,
    c03_basic_is_decoded_strictly,
    c04_failed_authentication_is_a_401_with_a_challenge,
    c05_unknown_client_and_wrong_secret_look_the_same,
    c06_only_the_registered_method_works,
    c07_empty_or_missing_keys_verify_nothing,
);

/// The ways in which rows are run beside RFC 6749's own.
const IN_ENVELOPE: [Way; 2] = [Way::Json, Way::FormInEnvelope];

fn by_body(client: &Registered) -> Ask {
    Ask::token().form(format!("{GRANT}&client_id={}&client_secret={}", client.id, client.secret))
}

fn c01_one_mechanism_per_request<B: Backend>() {
    let host = Host::<B>::start();
    let app = &host.app;
    let basic = || Ask::token().basic(&app.id, &app.secret);
    let header = basic().headers[0].1.clone();
    let assertion =
        "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=a.b.c";
    for ask in [
        basic().form(format!("{GRANT}&client_secret={}", app.secret)),
        basic().form(format!("{GRANT}&client_id=app&client_secret={}", app.secret)),
        basic().form(format!("{GRANT}&{assertion}")),
        Ask::token().form(format!("{GRANT}&client_id=app&client_secret={}&{assertion}", app.secret)),
        basic().header("authorization", &header).form(GRANT),
        basic().header("Authorization", "Bearer x").form(GRANT),
        basic().form(format!("{GRANT}&client_id=other")),
        Ask::token().form(GRANT),
    ] {
        host.send(&ask).is(400, "invalid_request");
    }
    assert_eq!(host.calls(), []);
    assert_eq!(host.send(&basic().form(format!("{GRANT}&client_id=app"))).status, 200);
    assert_eq!(host.send(&by_body(app)).status, 200);

    let host = Host::<B>::people(|builder| builder);
    let (app, grant) = (&host.app, ("grant_type", "client_credentials"));
    let assertion = [
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", "a.b.c"),
    ];
    let (id, secret) = (("client_id", "app"), ("client_secret", app.secret.as_str()));
    for way in IN_ENVELOPE {
        let basic = |more: &[(&str, &str)]| way.ask(&[&[grant], more].concat()).basic("app", &app.secret);
        for ask in [
            basic(&[secret]),
            basic(&[id, secret]),
            basic(&assertion),
            way.ask(&[&[grant, id, secret], &assertion[..]].concat()),
            basic(&[]).header("authorization", "Bearer x"),
            basic(&[("client_id", "other")]),
            way.ask(&[grant]),
            way.ask(&[grant, secret]),
        ] {
            host.send(&ask).is(400, "invalid_request");
        }
        assert_eq!(host.calls(), []);
        assert_eq!(host.send(&basic(&[id])).status, 200);
        assert_eq!(host.send(&way.ask(&[grant, id, secret])).status, 200);
        host.forget();
    }
}

fn c02_basic_halves_are_form_encoded<B: Backend>() {
    let host = Host::<B>::with(|builder| builder.with_chosen_client_secrets());
    host.client("a:b", |spec| spec.chosen_secret("p%40 ss+w:rd/"));
    let send = |credentials: &str| host.send(&Ask::token().basic_raw(credentials).form(GRANT));
    assert_eq!(send("a%3Ab:p%2540+ss%2Bw%3Ard%2F").status, 200);
    assert_eq!(send("a%3Ab:p%2540+ss%2Bw:rd/").status, 200, "only the first colon splits");
    send("a:b:p%40 ss+w:rd/").is(401, "invalid_client");
    send("a%3Ab:p%40 ss+w:rd/").is(401, "invalid_client");
    let every: String = (' '..='~').collect();
    host.client("every", |spec| spec.chosen_secret(&every));
    assert_eq!(send(&format!("every:{}", form_encode(&every))).status, 200);

    let host = Host::<B>::people(|builder| builder.with_chosen_client_secrets());
    host.client("a:b", |spec| spec.chosen_secret("p%40 ss+w:rd/").legacy_json_bodies());
    host.client("every", |spec| spec.chosen_secret(&every).legacy_json_bodies());
    for way in IN_ENVELOPE {
        let grant = [("grant_type", "client_credentials")];
        let send = |credentials: &str| host.send(&way.ask(&grant).basic_raw(credentials));
        assert_eq!(send("a%3Ab:p%2540+ss%2Bw%3Ard%2F").status, 200);
        send("a:b:p%40 ss+w:rd/").is(401, "invalid_client");
        // in a body they are what they are
        for (id, secret) in [("a:b", "p%40 ss+w:rd/"), ("every", &every)] {
            let client = Registered { id: id.to_owned(), secret: secret.to_owned() };
            assert_eq!(host.send(&Host::<B>::by_body(way, &client, &[])).status, 200, "{id}");
        }
        let encoded = Registered { id: "a:b".to_owned(), secret: "p%2540+ss%2Bw%3Ard%2F".to_owned() };
        host.send(&Host::<B>::by_body(way, &encoded, &[])).is(401, "invalid_client");
    }
}

fn c03_basic_is_decoded_strictly<B: Backend>() {
    let host = Host::<B>::people(|builder| builder);
    host.client("public", |spec| spec.auth_methods(&[AuthMethod::None]).grants([] as [&str; 0]));
    for value in [
        "Basic",
        "Basic ",
        "Basic YXBw",          // no colon
        "Basic OnNlY3JldA==",  // empty id
        "Basic YXBwOj8_Pz8_",  // the alphabet of base64url
        "Basic YXBw OnNlYw==", // a space inside
        "Basic\tYXBwOnNlYw==",
        "Basic YXBwOnNlYw",  // no padding
        "Basic YXBwOnNlYw=", // half of it
        "Basic YXBwOnNlYw===",
        "Basic YXBwOnNlYx==", // bits behind the end
        "Basic YXBwADpzZWM=", // NUL
        "Basic YXBwOv8=",     // not UTF-8
        "Basic cHVibGljOg",   // a public client's name, badly padded, must not become one
        "Basic ====",
        "Basic YXBwOnNlYw==, Basic YXBwOnNlYw==",
    ] {
        let (grant, public) = (("grant_type", "client_credentials"), ("client_id", "public"));
        for ask in Way::ALL.iter().flat_map(|way| [way.ask(&[grant]), way.ask(&[grant, public])]) {
            let answer = host.send(&ask.header("authorization", value));
            // a tab is no separator, so this names another scheme
            if value.contains('\t') {
                answer.is(401, "invalid_client");
            } else {
                answer.is(400, "invalid_request");
            }
        }
    }
    assert_eq!(host.calls(), []);
}

fn c04_failed_authentication_is_a_401_with_a_challenge<B: Backend>() {
    let host = Host::<B>::start();
    for ask in [
        Ask::token().basic("app", "wrong").form(GRANT),
        Ask::token().form(format!("{GRANT}&client_id=app&client_secret=wrong")),
        Ask::token().header("authorization", "Bearer x").form(GRANT),
        Ask::token().header("authorization", "Digest username=\"app\"").form(GRANT),
    ] {
        let answer = host.send(&ask);
        answer.is(401, "invalid_client");
        assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"https://as.example\""));
    }
    let host = Host::<B>::people(|builder| builder);
    let wrong = Registered { id: "app".to_owned(), secret: "wrong".to_owned() };
    for way in IN_ENVELOPE {
        let alone = way.ask(&[("grant_type", "client_credentials")]);
        for ask in [
            Host::<B>::by_basic(way, &wrong),
            Host::<B>::by_body(way, &wrong, &[]),
            alone.clone().header("authorization", "Bearer x"),
            alone.header("authorization", "Digest username=\"app\""),
        ] {
            let answer = host.send(&ask);
            answer.is(401, "invalid_client");
            assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"https://as.example\""));
        }
    }
}

/// What somebody who guesses can see and measure of a failure.
#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    body: String,
    names: BTreeSet<String>,
    calls: Vec<oauth_testkit::Method>,
    hashes: u64,
}

fn c05_unknown_client_and_wrong_secret_look_the_same<B: Backend>() {
    for (chosen, way) in [false, true].into_iter().flat_map(|chosen| Way::ALL.map(|way| (chosen, way))) {
        let host = Host::<B>::people(|builder| if chosen { builder.with_chosen_client_secrets() } else { builder });
        let disabled = host.client("disabled", |spec| spec);
        host.administer(&disabled, |client| client.active = false);
        let expired = host.client("expired", |spec| spec);
        host.administer(&expired, |client| client.secrets[0].expires_at = Some(Timestamp::from_seconds(1_000)));
        let foreign = host.client("foreign", |spec| spec.networks(["203.0.113.0/24"]));
        let post_only = host.client("post-only", |spec| spec.auth_methods(&[AuthMethod::ClientSecretPost]));
        let wrong = Registered { id: "app".to_owned(), secret: "w".repeat(43) };
        let unknown = Registered { id: "nobody".to_owned(), secret: "w".repeat(43) };
        let see = |client: &Registered| {
            host.forget();
            let before = host.server.password_hashes();
            let answer: Answer = host.send(&Host::<B>::by_basic(way, client));
            Seen {
                status: answer.status,
                body: answer.text(),
                names: answer.headers.iter().map(|(name, _)| name.clone()).collect(),
                calls: host.calls(),
                hashes: host.server.password_hashes() - before,
            }
        };
        let reference = see(&wrong);
        assert_eq!(reference.status, 401);
        assert_eq!(see(&unknown), reference, "unknown, chosen secrets {chosen}");
        // a wrong secret at a client that is off, foreign or expired is a wrong secret like any other
        for client in [&disabled, &expired, &foreign, &post_only] {
            let guess = Registered { secret: "w".repeat(43), ..client.clone() };
            assert_eq!(see(&guess), reference, "{} with a wrong secret, chosen secrets {chosen}", client.id);
        }
        for client in [&disabled, &expired, &foreign, &post_only] {
            assert_eq!(see(client), reference, "{}, chosen secrets {chosen}", client.id);
        }
    }
}

fn c06_only_the_registered_method_works<B: Backend>() {
    let host = Host::<B>::start();
    let basic_only = host.client("basic-only", |spec| spec.auth_methods(&[AuthMethod::ClientSecretBasic]));
    let post_only = host.client("post-only", |spec| spec.auth_methods(&[AuthMethod::ClientSecretPost]));
    let public = host.client("public", |spec| spec.auth_methods(&[AuthMethod::None]).grants([] as [&str; 0]));
    assert_eq!(host.token_as(&basic_only, GRANT).status, 200);
    host.send(&by_body(&basic_only)).is(401, "invalid_client");
    assert_eq!(host.send(&by_body(&post_only)).status, 200);
    host.token_as(&post_only, GRANT).is(401, "invalid_client");
    // a client with a secret that sends only its name
    host.send(&Ask::token().form(format!("{GRANT}&client_id=app"))).is(401, "invalid_client");
    host.send(&Ask::token().basic("app", "").form(GRANT)).is(401, "invalid_client");
    // a client without one that sends one
    let pretender = Registered { secret: "x".to_owned(), ..public };
    host.token_as(&pretender, GRANT).is(401, "invalid_client");
    host.send(&by_body(&pretender)).is(401, "invalid_client");
    // an assertion where a secret is registered
    let assertion =
        "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=a.b.c";
    host.send(&Ask::token().form(format!("{GRANT}&client_id=app&{assertion}"))).is(401, "invalid_client");

    let host = Host::<B>::people(|builder| builder);
    let only = |id: &str, method| host.client(id, |spec| spec.auth_methods(&[method]).legacy_json_bodies());
    let (basic_only, post_only) =
        (only("basic-only", AuthMethod::ClientSecretBasic), only("post-only", AuthMethod::ClientSecretPost));
    let pretender = Registered { id: "phone".to_owned(), secret: "x".to_owned() };
    for way in IN_ENVELOPE {
        assert_eq!(host.send(&Host::<B>::by_basic(way, &basic_only)).status, 200);
        host.send(&Host::<B>::by_body(way, &basic_only, &[])).is(401, "invalid_client");
        assert_eq!(host.send(&Host::<B>::by_body(way, &post_only, &[])).status, 200);
        host.send(&Host::<B>::by_basic(way, &post_only)).is(401, "invalid_client");
        host.send(&way.ask(&[("grant_type", "client_credentials"), ("client_id", "app")])).is(401, "invalid_client");
        host.send(&Host::<B>::by_basic(way, &pretender)).is(401, "invalid_client");
        host.send(&Host::<B>::by_body(way, &pretender, &[])).is(401, "invalid_client");
        let assertion = [
            ("grant_type", "client_credentials"),
            ("client_id", "app"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", "a.b.c"),
        ];
        host.send(&way.ask(&assertion)).is(401, "invalid_client");
    }
}

fn c07_empty_or_missing_keys_verify_nothing<B: Backend>() {
    let host = Host::<B>::start();
    let bare = host.client("bare", |spec| spec);
    host.administer(&bare, |client| client.secrets.clear());
    for client in [&host.app, &bare] {
        for secret in ["", "%20", "++", "%09"] {
            let ask = Ask::token().basic_raw(format!("{}:{secret}", client.id)).form(GRANT);
            let answer = host.send(&ask);
            // a control byte is no secret at all
            answer.is(
                if secret == "%09" { 400 } else { 401 },
                if secret == "%09" { "invalid_request" } else { "invalid_client" },
            );
        }
        host.send(&Ask::token().form(format!("{GRANT}&client_id={}", client.id))).is(401, "invalid_client");
    }
    host.token_as(&bare, GRANT).is(401, "invalid_client");
    let people = Host::<B>::people(|builder| builder);
    people.client("bare", oauth_core::ClientSpec::legacy_json_bodies);
    people.administer(&bare, |client| client.secrets.clear());
    for way in IN_ENVELOPE {
        for id in ["app", "bare"] {
            for secret in ["", " ", "  "] {
                let client = Registered { id: id.to_owned(), secret: secret.to_owned() };
                people.send(&Host::<B>::by_body(way, &client, &[])).is(401, "invalid_client");
                people.send(&Host::<B>::by_basic(way, &client)).is(401, "invalid_client");
            }
        }
        people.send(&Host::<B>::by_body(way, &bare, &[])).is(401, "invalid_client");
    }
    for empty in ["null", "\"\""] {
        let body = format!(r#"{{"clientId":"app","clientSecret":{empty},"grantType":"client_credentials"}}"#);
        people.send(&Ask::new("POST", "/token").json(body)).is(401, "invalid_client");
    }
    // at the guard: no key, an empty key, a key that nobody knows
    let (mut header, claims) = TestKey::read(&host.good_token(&host.app));
    header["kid"] = "nobody".into();
    host.guarded(&TestKey::sign(&header, &claims)).is(401, "invalid_token");
    header["kid"] = TestKey::KID.into();
    header["alg"] = "HS256".into();
    let signed = TestKey::sign(&header, &claims);
    let input = signed.rsplit_once('.').unwrap().0;
    for key in [&b""[..], &TestKey::der(), host.get("/oauth/jwks").body.as_slice()] {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
        let tag = ring::hmac::sign(&key, input.as_bytes());
        let tag = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, tag);
        host.guarded(&format!("{input}.{tag}")).is(401, "invalid_token");
    }
    host.guarded(&format!("{input}.")).is(401, "invalid_token");
}
