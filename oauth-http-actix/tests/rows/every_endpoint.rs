//! G: what holds of every endpoint.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use oauth_core::random::{Entropy, EntropyError, SystemEntropy};
use oauth_core::store::{AccessTokenFormat, KeyUse, StoreErrorKind};
use oauth_core::wire::{Body, Method, Request};
use oauth_core::{AuthorizationServer, Endpoint};
use oauth_testkit::{Method as Call, Times, block_on};

use crate::support::{Ask, Backend, Connection, Host, TRUST, TestKey, Way, form_encode};
use crate::{GRANT, on_both_stores};

on_both_stores!(
    g01_no_answer_with_a_token_or_credential_is_cached,
    g02_errors_are_plain_ascii_and_echo_nothing,
    g03_no_input_becomes_a_header,
    g05_a_post_endpoint_refuses_other_methods,
    g07_urls_come_from_configuration_only,
    g11_a_stolen_store_holds_nothing_to_spend,
    g11_a_stolen_store_holds_nothing_of_a_user_to_spend,
    g12_tokens_are_unguessable,
    g12_refresh_tokens_are_unguessable,
    g13_tokens_compare_whole_and_exact,
    g13_refresh_tokens_compare_whole_and_exact,
);

fn g01_no_answer_with_a_token_or_credential_is_cached<B: Backend>() {
    let host = Host::<B>::start();
    // the host checks every answer of the token endpoint; here is one of each status
    let statuses: Vec<u16> = [
        Ask::token().basic(&host.app.id, &host.app.secret).form(GRANT),
        Ask::token().form("grant_type="),
        Ask::token().basic("app", "wrong").form(GRANT),
        Ask::new("GET", "/oauth/token"),
        Ask::token().form("x".repeat(AuthorizationServer::BODY_LIMIT + 1)),
        Ask::token().header("content-encoding", "gzip").form(GRANT),
    ]
    .iter()
    .map(|ask| host.send(ask).status)
    .collect();
    assert_eq!(statuses, [200, 400, 401, 405, 413, 415]);
    host.probe.fail(Call::Find, StoreErrorKind::Unavailable, Times::Always);
    assert_eq!(host.token(GRANT).status, 503);
    host.probe.forget();
    host.probe.fail(Call::Find, StoreErrorKind::Corrupt, Times::Always);
    assert_eq!(host.token(GRANT).status, 500);

    let host = Host::<B>::people(|builder| builder.failures_per_minute(2));
    let right = Host::<B>::by_body(Way::Json, &host.app, &[]);
    let wrong = || Ask::new("POST", "/token").json(r#"{"clientId":"app","clientSecret":"x","grantType":"x"}"#);
    let statuses: Vec<u16> = [
        right.clone(),
        Ask::new("POST", "/token").json("{}"),
        wrong(),
        Ask::new("GET", "/token"),
        Ask::new("POST", "/token").json("x".repeat(AuthorizationServer::BODY_LIMIT + 1)),
        right.clone().header("content-encoding", "gzip"),
        wrong(),
        right,
    ]
    .iter()
    .map(|ask| host.send(ask).status)
    .collect();
    assert_eq!(statuses, [200, 400, 401, 405, 413, 415, 401, 429]);
    for answer in [host.begin(), host.refresh(Way::Json, &host.begin().refresh_token())] {
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

fn g02_errors_are_plain_ascii_and_echo_nothing<B: Backend>() {
    let host = Host::<B>::start();
    for nasty in ["\"\\é", "a\r\nb", "a\tb", "\u{1f980}", "<script>"] {
        let answer = host.token(&format!("{GRANT}&scope={}", form_encode(nasty)));
        answer.is(400, "invalid_scope");
        assert!(!answer.text().contains(nasty), "{answer:?}");
    }
    let answer = host.send(&Ask::token().form(format!("{GRANT}&client_id=sEcReTiVe&client_secret=hush-hush")));
    answer.is(401, "invalid_client");
    assert!(!answer.text().contains("sEcReTiVe") && !answer.text().contains("hush"), "{answer:?}");

    let host = Host::<B>::people(|builder| builder);
    for nasty in ["\"\\é", "a\r\nb", "a\tb", "\u{1f980}", "<script>"] {
        for way in Way::ALL {
            // the host looks at every character of the answer
            let answers = [
                host.send(&Host::<B>::by_body(way, &host.app, &[("scope", nasty)])),
                host.send(&way.ask(&[("grant_type", nasty), ("client_id", "phone")])),
                host.send(&way.ask(&[("grant_type", "x"), ("client_id", nasty)])),
                host.sign_in(way, nasty, nasty),
                host.refresh(way, nasty),
                host.send(&way.ask(&[("grant_type", "x"), ("client_id", "phone"), (nasty, nasty)])),
            ];
            answers[0].is(400, "invalid_scope");
            for answer in answers {
                assert!((400..402).contains(&answer.status), "{answer:?}");
                assert!(!answer.text().contains(nasty) && !answer.text().contains("<script"), "{answer:?}");
            }
        }
    }
}

fn g03_no_input_becomes_a_header<B: Backend>() {
    let host = Host::<B>::start();
    let injection = "a%0d%0aSet-Cookie:%20x=1";
    let plain = host.token("grant_type=none");
    for form in [
        format!("{GRANT}&scope={injection}"),
        format!("{GRANT}&client_id={injection}"),
        format!("grant_type={injection}"),
        format!("{GRANT}&resource={injection}"),
    ] {
        let answer = host.token(&form);
        assert_eq!((answer.status, answer.names()), (400, plain.names()), "{form}");
    }
    let unauthenticated = host.send(&Ask::token().basic("nobody", "x").form(GRANT));
    let realm = host.send(&Ask::token().basic_raw("a\r\nSet-Cookie: x=1:secret").form(GRANT));
    assert_eq!((realm.status, realm.names()), (400, plain.names()));
    let foreign = host.send(&Ask::token().basic_raw("a%0d%0aSet-Cookie: x=1:secret").form(GRANT));
    assert_eq!((foreign.status, foreign.names()), (400, plain.names()));
    assert_eq!(unauthenticated.status, 401);
    // `state` means nothing at the token endpoint, and comes back nowhere
    let good = host.token(GRANT);
    let state = host.token(&format!("{GRANT}&state={injection}"));
    assert_eq!((state.status, state.names()), (200, good.names()));
    assert!(!state.text().contains("Set-Cookie"));

    let host = Host::<B>::people(|builder| builder);
    let injection = "a\r\nSet-Cookie: x=1";
    let plain = host.send(&Way::Json.ask(&[("grant_type", "x"), ("client_id", "phone")]));
    for name in ["grant_type", "client_id", "username", "password", "refresh_token", "scope", "state"] {
        for way in Way::ALL {
            let own = [("grant_type", "password"), ("client_id", "phone"), ("username", "u"), ("password", "p")];
            let parameters: Vec<_> =
                own.into_iter().filter(|(own, _)| *own != name).chain([(name, injection)]).collect();
            let answer = host.send(&way.ask(&parameters));
            assert_eq!((answer.status, answer.names()), (400, plain.names()), "{name}");
        }
    }
}

fn g05_a_post_endpoint_refuses_other_methods<B: Backend>() {
    let host = Host::<B>::start();
    let query = format!("/oauth/token?{GRANT}&client_id=app&client_secret={}", host.app.secret);
    for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
        for target in ["/oauth/token", &query] {
            let answer = host.send(&Ask::new(method, target).form(GRANT).basic("app", &host.app.secret));
            assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method}");
        }
    }
    assert_eq!(host.calls(), [], "the store is not asked");
    let people = Host::<B>::people(|builder| builder);
    for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
        let ask = Host::<B>::by_body(Way::Json, &people.app, &[]);
        let answer = people.send(&Ask { method: method.to_owned(), ..ask });
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method}");
    }
    assert_eq!(people.calls(), []);
    for document in ["/oauth/jwks", "/.well-known/oauth-authorization-server"] {
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let answer = host.send(&Ask::new(method, document));
            assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
        }
    }
}

fn g07_urls_come_from_configuration_only<B: Backend>() {
    let host = Host::<B>::start();
    let spoofed = |ask: Ask| {
        ask.header("host", "evil.example")
            .header("forwarded", "for=6.6.6.6;host=evil.example;proto=http")
            .header("x-forwarded-host", "evil.example")
            .header("x-forwarded-proto", "http")
            .header("x-forwarded-for", "6.6.6.6")
    };
    for path in ["/.well-known/oauth-authorization-server", "/oauth/jwks"] {
        let plain = host.get(path);
        assert_eq!(host.send(&spoofed(Ask::new("GET", path))).body, plain.body);
        let absolute = format!("http://evil.example{path}");
        assert_eq!(host.send(&spoofed(Ask::new("GET", &absolute))).body, plain.body);
    }
    let ask = Ask::new("POST", "http://evil.example/oauth/token").basic("app", &host.app.secret).form(GRANT);
    let (_, claims) = TestKey::read(&host.send(&spoofed(ask)).token());
    assert_eq!(claims["iss"], "https://as.example");
    let peers: HashSet<_> = host.events().iter().filter_map(|event| event.peer).collect();
    assert!(peers.iter().all(|peer| peer.is_loopback()), "the address is the socket's: {peers:?}");
}

fn g11_a_stolen_store_holds_nothing_to_spend<B: Backend>() {
    let host = Host::<B>::with(|builder| builder.with_chosen_client_secrets());
    let opaque = host.client("opaque", |spec| spec.access_token(AccessTokenFormat::Opaque));
    let chosen = "correct horse battery staple";
    host.client("chosen", |spec| spec.chosen_secret(chosen));
    host.remember(chosen);
    let alice = host.user("alice");
    for client in [&host.app, &opaque] {
        host.good_token(client);
        let id = client.id.parse().unwrap();
        let issued = block_on(host.server.issue(&alice, &id, &"orders.read".parse().unwrap())).unwrap();
        host.remember(issued.access_token.expose());
    }
    let dump = host.dump();
    let holds = |needle: &[u8]| dump.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"opaque"), "the dump is a dump");
    let secrets = host.secrets();
    assert!(secrets.len() >= 7);
    for secret in &secrets {
        assert!(!holds(secret.as_bytes()), "{secret} lies in clear");
    }
    assert!(!holds(&TestKey::scalar()), "a private key lies in clear");
    assert!(!holds(&TestKey::der()) && !holds(b"PRIVATE KEY"));
    let pkcs8_of_p256 = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    assert!(!holds(&pkcs8_of_p256), "a PKCS#8 document lies in clear");
    let sealing_key = [0x5e; 32];
    assert!(!holds(&sealing_key));
}

/// Remembers every draw, until it is told to stop.
#[derive(Debug, Default)]
struct Recorder(SystemEntropy, Mutex<Option<Vec<Vec<u8>>>>);

impl Entropy for Recorder {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        self.0.fill(buffer)?;
        if let Some(draws) = &mut *self.1.lock().unwrap() {
            draws.push(buffer.to_vec());
        }
        Ok(())
    }
}

fn g11_a_stolen_store_holds_nothing_of_a_user_to_spend<B: Backend>() {
    let recorder = Arc::new(Recorder(SystemEntropy::default(), Mutex::new(Some(Vec::new()))));
    let entropy = Arc::clone(&recorder);
    let host = Host::<B>::people(|builder| {
        let builder = builder.with_chosen_client_secrets().failures_per_minute(1_000);
        builder.entropy(entropy).access_token(AccessTokenFormat::Opaque)
    });
    let password = "bob's very own password";
    host.add_person("bob", Some(password), true, &["bob", "bob.login@example.org"]);
    host.client("chosen", |spec| spec.chosen_secret("the secret of some people").legacy_json_bodies());
    let mut plain: Vec<Vec<u8>> = [
        password,
        "the secret of some people",
        // typed into the wrong field, or of nobody
        "hunter2 in the name",
        "nobody@example.org",
        "a wrong password of bob",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    for way in Way::ALL {
        host.sign_in(way, "hunter2 in the name", "x").is(400, "invalid_grant");
        host.sign_in(way, "nobody@example.org", password).is(400, "invalid_grant");
        host.sign_in(way, "bob", "a wrong password of bob").is(400, "invalid_grant");
    }
    let begun = host.sign_in(Way::Json, "bob.login@example.org", password);
    let usages: Vec<KeyUse> =
        block_on(host.backend.load("https://as.example")).unwrap().iter().map(|key| key.usage).collect();
    assert!(usages.contains(&KeyUse::Derive), "the family key is there: {usages:?}");
    // from here on salts are drawn, which lie in clear and are worth nothing without the family key
    let drawn = recorder.1.lock().unwrap().take().unwrap();
    let keys: Vec<&Vec<u8>> = drawn.iter().filter(|draw| draw.len() == 32).collect();
    assert!(keys.len() >= 2, "the family key and a secret were drawn");
    for key in keys {
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        plain.extend([key.clone(), hex.to_uppercase().into_bytes(), hex.into_bytes()]);
        plain.extend([STANDARD.encode(key), URL_SAFE_NO_PAD.encode(key)].map(String::into_bytes));
    }
    let mut token = begun.refresh_token();
    for way in Way::ALL.into_iter().cycle().take(7) {
        let next = host.refresh(way, &token).refresh_token();
        assert_eq!(host.refresh(way, &token).refresh_token(), next);
        token = next;
    }
    host.refresh(Way::Form, &begun.refresh_token()).is(400, "invalid_grant");
    let other = host.sign_in(Way::Form, "bob", password);
    assert_eq!(host.refresh(Way::Form, &other.refresh_token()).status, 200);
    block_on(host.server.revoke_subject(&"bob".parse().unwrap())).unwrap();

    for name in ["bob", "bob.login@example.org"] {
        host.remember(name);
    }
    let dump = host.dump();
    let holds = |needle: &[u8]| dump.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"chosen") && holds(b"bob"), "the dump is a dump");
    assert!(holds(&Sha256::of(other.refresh_token().as_bytes())), "it holds the families");
    let tokens = host.secrets().into_iter().filter(|secret| secret.len() > 30);
    plain.extend(tokens.map(String::into_bytes));
    assert!(plain.len() > 40);
    for needle in &plain {
        assert!(!holds(needle), "{} lies in clear", String::from_utf8_lossy(needle));
    }
    // nor the bytes that a refresh token is made of, but for its handle
    for token in [&begun.refresh_token(), &token, &other.refresh_token()] {
        let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
        assert!(!holds(&bytes[8..26]), "the body of a refresh token lies in clear");
    }
}

struct Sha256;

impl Sha256 {
    fn of(bytes: &[u8]) -> Vec<u8> {
        ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().to_vec()
    }
}

fn g12_tokens_are_unguessable<B: Backend>() {
    let host = Host::<B>::start();
    let client = host.client("opaque", |spec| spec.access_token(AccessTokenFormat::Opaque));
    // the tokens come from the core, so a durable store sees fewer of them
    let count = if B::IS_DURABLE { 2_000 } else { 100_000 };
    let form = format!("{GRANT}&client_id=opaque&client_secret={}", client.secret);
    are_unguessable((0..count).map(|_| answer_of(&host, &form)["access_token"].as_str().unwrap().to_owned()));
}

fn g12_refresh_tokens_are_unguessable<B: Backend>() {
    let host = Host::<B>::people(|builder| builder.access_token(AccessTokenFormat::Opaque).family_limit(1_000_000));
    let count = if B::IS_DURABLE { 1_500 } else { 5_000 };
    let begin = format!("grant_type={TRUST}&client_id=phone&user=alice&scope=offline_access");
    let refresh_token = |form: &str| answer_of(&host, form)["refresh_token"].as_str().unwrap().to_owned();
    // the first of families, and each successor
    are_unguessable((0..count).map(|_| refresh_token(&begin)));
    let first = refresh_token(&begin);
    // a family's tokens share their first 8 bytes: 10 characters and most of one
    are_unguessable_from(
        11,
        std::iter::successors(Some(first), |token| {
            Some(refresh_token(&format!("grant_type=refresh_token&client_id=phone&refresh_token={token}")))
        })
        .skip(1)
        .take(count),
    );
}

/// Past the socket, which adds nothing here.
fn answer_of<B: Backend>(host: &Host<B>, form: &str) -> serde_json::Value {
    let mut request = Request::new(Method::Post, "/oauth/token");
    request.headers.push("content-type", b"application/x-www-form-urlencoded");
    request.body = Body::Whole(form.as_bytes().to_vec());
    let answer = block_on(host.server.handle(Endpoint::Token, &request));
    serde_json::from_slice(&answer.body).unwrap()
}

/// No two alike, and every position uses its whole alphabet evenly.
#[track_caller]
pub(crate) fn are_unguessable(tokens: impl Iterator<Item = String>) {
    are_unguessable_from(0, tokens);
}

/// From this position on; what stands before names the row.
#[track_caller]
fn are_unguessable_from(first: usize, tokens: impl Iterator<Item = String>) {
    let (mut seen, mut positions) = (HashSet::new(), vec![[0_u32; 256]; 43]);
    for token in tokens {
        assert_eq!(token.len(), 43, "256 bits in base64url");
        token.bytes().zip(&mut positions).for_each(|(byte, counts)| counts[usize::from(byte)] += 1);
        assert!(seen.insert(token), "a token came twice");
    }
    for (at, counts) in positions.iter().enumerate().skip(first) {
        // 256 bits are 42 characters of six bits and one of four
        let values = if at == 42 { 16.0 } else { 64.0 };
        let expected = seen.len() as f64 / values;
        let used: Vec<f64> = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count)).collect();
        assert_eq!(used.len() as f64, values, "position {at} uses its whole alphabet");
        let chi_square: f64 = used.iter().map(|count| (count - expected).powi(2) / expected).sum();
        // seven standard deviations above the mean of values - 1 degrees of freedom
        let bound = values - 1.0 + 7.0 * (2.0 * (values - 1.0)).sqrt();
        assert!(chi_square < bound, "position {at}: {chi_square} is above {bound}");
    }
}

fn g13_refresh_tokens_compare_whole_and_exact<B: Backend>() {
    let host = Host::<B>::people(|builder| builder.failures_per_minute(100_000));
    let begun = host.begin();
    let family = host.family_of(&begun).id;
    let current = host.refresh(Way::Form, &begun.refresh_token()).refresh_token();
    for token in [begun.refresh_token(), current.clone()] {
        let unknown = Way::BOTH.map(|way| host.refresh(way, &"A".repeat(43)));
        unknown.iter().for_each(|answer| answer.is(400, "invalid_grant"));
        let mut variants: Vec<String> =
            ["=", " ", " x", ".", "A", "\\n", "~"].iter().map(|end| format!("{token}{end}")).collect();
        variants.extend([format!("A{token}"), format!(" {token}"), format!("{token}{token}")]);
        variants.extend([token.to_lowercase(), token.to_uppercase(), token.replace(['-', '_'], "+")]);
        for at in 0..token.len() {
            variants.push(token[..at].to_owned());
            variants.push(format!("{}{}", &token[..at], &token[at + 1..]));
            let other = match token.as_bytes()[at] {
                byte if byte.is_ascii_alphabetic() => byte ^ 0x20,
                _ => b'A',
            };
            variants.push(format!("{}{}{}", &token[..at], char::from(other), &token[at + 1..]));
        }
        for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars() {
            variants.push(format!("{}{last}", &token[..token.len() - 1]));
        }
        let variants = variants.into_iter().filter(|variant| !variant.is_empty() && *variant != token);
        for (number, variant) in variants.enumerate() {
            let way = number % 2;
            let answer = host.refresh(Way::BOTH[way], &variant);
            assert_eq!(answer.comparable(), unknown[way].comparable(), "{variant}");
        }
        // what no token can hold never reaches the store
        host.forget();
        for end in ["\0", "\n", "\u{7f}", "\u{e9}"] {
            for way in Way::BOTH {
                host.refresh(way, &format!("{token}{end}")).is(400, "invalid_request");
            }
        }
        assert_eq!(host.calls(), []);
    }
    assert_eq!(host.family(family).revoked, None, "a guess never ends anybody's family");
    assert_eq!(host.refresh(Way::Json, &current).status, 200, "keeps");
}

fn g13_tokens_compare_whole_and_exact<B: Backend>() {
    let host = Host::<B>::start();
    let opaque = host.client("opaque", |spec| spec.access_token(AccessTokenFormat::Opaque));
    let mut connections = 0;
    for client in [&host.app, &opaque] {
        let token = host.good_token(client);
        assert_eq!(host.guarded(&token).status, 200);
        let unknown = host.guarded(&"A".repeat(43));
        unknown.is(401, "invalid_token");
        let is_jwt = token.contains('.');
        let mut variants: Vec<String> =
            ["=", " x", "%00", ".", "A", "\\n", "\t."].iter().map(|end| format!("{token}{end}")).collect();
        variants.push(format!("A{token}"));
        // every position of an opaque token, every seventh of a JWT
        for at in (0..token.len()).step_by(if is_jwt { 7 } else { 1 }) {
            variants.push(token[..at].to_owned());
            variants.push(format!("{}{}", &token[..at], &token[at + 1..]));
            let flipped = match token.as_bytes()[at] {
                byte if byte.is_ascii_alphabetic() => byte ^ 0x20,
                b'.' => b',',
                _ => b'A',
            };
            variants.push(format!("{}{}{}", &token[..at], char::from(flipped), &token[at + 1..]));
        }
        for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars() {
            variants.push(format!("{}{last}", &token[..token.len() - 1]));
        }
        for variant in variants.into_iter().filter(|variant| *variant != token) {
            let answer = host.guarded(&variant);
            assert_eq!(answer.comparable(), unknown.comparable(), "{variant}");
            connections += 1;
        }
    }
    assert!(connections > 250);
    // a byte that HTTP does not allow in a field never reaches us
    let token = host.good_token(&host.app);
    let ask = Ask::new("GET", "/orders").header("authorization", [b"Bearer ", token.as_bytes(), b"\0"].concat());
    let refused = Connection::to(host.address).send(&ask.bytes()).answer();
    assert_eq!(refused.status, 400);
}
