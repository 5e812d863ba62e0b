//! G: what holds of every endpoint.

use std::collections::HashSet;

use oauth_core::store::{AccessTokenFormat, StoreErrorKind};
use oauth_core::wire::{Body, Method, Request};
use oauth_core::{AuthorizationServer, Endpoint};
use oauth_testkit::{Method as Call, Times, block_on};

use crate::support::{Ask, Backend, Connection, Host, TestKey, form_encode};
use crate::{GRANT, on_both_stores};

on_both_stores!(
    g01_no_answer_with_a_token_or_credential_is_cached,
    g02_errors_are_plain_ascii_and_echo_nothing,
    g03_no_input_becomes_a_header,
    g05_a_post_endpoint_refuses_other_methods,
    g07_urls_come_from_configuration_only,
    g11_a_stolen_store_holds_nothing_to_spend,
    g12_tokens_are_unguessable,
    g13_tokens_compare_whole_and_exact,
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

fn g12_tokens_are_unguessable<B: Backend>() {
    let host = Host::<B>::start();
    let client = host.client("opaque", |spec| spec.access_token(AccessTokenFormat::Opaque));
    // the tokens come from the core, so a durable store sees fewer of them
    let count = if B::IS_DURABLE { 2_000 } else { 100_000 };
    let mut seen = HashSet::with_capacity(count);
    let mut positions = vec![[0_u32; 256]; 43];
    let mut request = Request::new(Method::Post, "/oauth/token");
    request.headers.push("content-type", b"application/x-www-form-urlencoded");
    request.body = Body::Whole(format!("{GRANT}&client_id=opaque&client_secret={}", client.secret).into_bytes());
    for _ in 0..count {
        let answer = block_on(host.server.handle(Endpoint::Token, &request));
        let text = std::str::from_utf8(&answer.body).unwrap();
        let token = text.split('"').nth(3).unwrap().to_owned();
        assert_eq!(token.len(), 43, "256 bits in base64url");
        token.bytes().zip(&mut positions).for_each(|(byte, counts)| counts[usize::from(byte)] += 1);
        assert!(seen.insert(token), "a token came twice");
    }
    for (at, counts) in positions.iter().enumerate() {
        // 256 bits are 42 characters of six bits and one of four
        let values = if at == 42 { 16.0 } else { 64.0 };
        let expected = count as f64 / values;
        let used: Vec<f64> = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count)).collect();
        assert_eq!(used.len() as f64, values, "position {at} uses its whole alphabet");
        let chi_square: f64 = used.iter().map(|count| (count - expected).powi(2) / expected).sum();
        // seven standard deviations above the mean of values - 1 degrees of freedom
        let bound = values - 1.0 + 7.0 * (2.0 * (values - 1.0)).sqrt();
        assert!(chi_square < bound, "position {at}: {chi_square} is above {bound}");
    }
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
