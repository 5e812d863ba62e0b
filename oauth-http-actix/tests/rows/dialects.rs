//! What a dialect may and may not change (protocol.md §5 and §6), over the wire.

use std::collections::HashSet;
use std::sync::Arc;

use oauth_core::AuthorizationServer;
use oauth_core::dialect::{BodyMedia, Dialect, ErrorAnswer, TokenAnswer, TokenMount};
use oauth_core::store::{AuthMethod, StoreErrorKind};
use oauth_core::types::Timestamp;
use oauth_testkit::{Method as Call, Times};
use serde_json::{Map, Value};

use crate::on_every_store;
use crate::support::{Answer, Ask, Backend, Camel, Connection, Host, PASSWORD, Registered, Way};

on_every_store!(
    json_that_breaks_a_rule_is_refused_in_the_envelope,
    json_within_the_rules_is_read,
    json_is_bounded_before_it_is_read,
    json_is_read_where_a_dialect_says_so_and_nowhere_else,
    what_matches_by_media_type_answers_whatever_is_wrong,
    our_own_faults_are_told_in_the_envelope_too,
    every_refusal_of_a_client_is_byte_identical_in_its_dialect,
    every_refusal_of_a_user_is_byte_identical_in_its_dialect,
);

fn post(media: &str, body: impl AsRef<[u8]>) -> Ask {
    Ask::new("POST", "/token").header("content-type", media).body(body)
}

fn right<B: Backend>(host: &Host<B>) -> String {
    let secret = &host.app.secret;
    format!(r#"{{"clientId":"app","clientSecret":"{secret}","grantType":"client_credentials"}}"#)
}

fn json_that_breaks_a_rule_is_refused_in_the_envelope<B: Backend>() {
    let host = Host::<B>::people(|builder| builder);
    let whole = right(&host);
    let with = |member: &str| whole.replacen('{', &format!("{{{member},"), 1);
    let grant_type = |value: &str| whole.replace("\"client_credentials\"", value);
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let many = |count: usize| (0..count).map(|n| format!("\"x{n}\":1")).collect::<Vec<_>>().join(",");
    let bad: Vec<Vec<u8>> = [
        // not JSON
        String::new(),
        " ".into(),
        "not json".into(),
        "grant_type=client_credentials".into(),
        whole[..whole.len() - 1].into(),
        whole.replace('"', "'"),
        with("// comment\n\"x\":1"),
        format!("{whole},"),
        format!("{whole} x"),
        format!("{whole}{whole}"),
        format!("\u{feff}{whole}"),
        with(r#""x":NaN"#),
        with(r#""x":01"#),
        with("\"x\":\"a\tb\""),
        // not an object
        "[]".into(),
        format!("[{whole}]"),
        "\"x\"".into(),
        "null".into(),
        "1".into(),
        // another type than a string
        grant_type("1"),
        grant_type("true"),
        grant_type("[\"client_credentials\"]"),
        grant_type("{\"x\":1}"),
        with(r#""scope":["orders.read"]"#),
        with(r#""scope":{"orders.read":true}"#),
        with(r#""scope":0"#),
        with(r#""password":12345678"#),
        with(r#""resource":["https://a.example"]"#),
        whole.replace("\"app\"", "7590139168389961"),
        // there twice: the same value, another, nothing, another spelling of the parameter or of the name
        with(r#""grantType":"client_credentials""#),
        with(r#""grantType":"password""#),
        with(r#""grant_type":"client_credentials""#),
        with(r#""grant_types":null"#),
        with(r#""client_id":"""#),
        with(r#""client_secret":"x""#),
        with(r#""\u0067rantType":"client_credentials""#),
        with(r#""gr\u0061nt_type":"client_credentials""#),
        with(r#""x":1,"x":1"#),
        with(r#""x":{"y":1,"\u0079":1}"#),
        // characters
        with(r#""scope":"a\u0000b""#),
        with(r#""x":"a\u0000b""#),
        with(r#""x\u0000":1"#),
        with(r#""x":["\u0000"]"#),
        with(r#""refresh_token":"a\u0001""#),
        with(r#""username":"a\u000ab""#),
        whole.replace("\"app\"", "\"app\\u0000\""),
        whole.replace("\"app\"", "\"\u{e4}pp\""),
        with(r#""x":"\ud800""#),
        with(r#""x":"\udc00\ud800""#),
        // limits
        with(&format!(r#""x":{}"#, deep(8))),
        with(&format!(r#""x":{}"#, deep(20_000))),
        with(&many(62)),
        with(&format!(r#""x":[{}1]"#, "1,".repeat(300))),
        with(&format!(r#""scope":"{}""#, "a".repeat(4_097))),
        with(&format!(r#""x":"{}""#, "a".repeat(4_097))),
        with(&format!(r#""{}":1"#, "a".repeat(4_097))),
    ]
    .into_iter()
    .map(String::into_bytes)
    .chain([
        b"{\"a\":\"\xff\"}".to_vec(),
        [b"{\"\xc0\xaf\":1,", &whole.as_bytes()[1..]].concat(),
        [&[0xff, 0xfe][..], &whole.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()].concat(),
    ])
    .collect();
    for body in &bad {
        // the host checks that the envelope is spoken
        let answer = host.send(&post("application/json", body));
        answer.is(400, "invalid_request");
        let shown = String::from_utf8_lossy(&body[..body.len().min(120)]).into_owned();
        assert!(host.calls().is_empty(), "refused before the store: {shown}");
    }
    // only after the client proved itself is its scope judged
    for scope in [r#"\""#, " a", "a  b", "a\\tb", "\u{e4}"] {
        let body = with(&format!(r#""scope":"{scope}""#));
        host.send(&post("application/json", body)).is(400, "invalid_scope");
    }
    assert_eq!((host.issued(), host.server.password_hashes()), (0, 0), "nothing was issued");
}

fn json_within_the_rules_is_read<B: Backend>() {
    let host = Host::<B>::people(|builder| builder);
    let whole = right(&host);
    let with = |member: &str| whole.replacen('{', &format!("{{{member},"), 1);
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let all = "orders.read orders.write profile";
    for body in [
        whole.clone(),
        with(r#""scope":null"#),
        with(r#""scope":"""#),
        with(r#""unknown":12.5e3,"nothing":null,"__proto__":{"x":true}"#),
        with(&format!(r#""x":{}"#, deep(7))),
        with(&(0..61).map(|n| format!("\"x{n}\":1")).collect::<Vec<_>>().join(",")),
        with(&format!(r#""x":"{}""#, "a".repeat(4_096))),
        with(r#""x":"\ud83d\ude00 \u00e9""#),
        whole.replace("clientId", "client_id").replace("grantType", "grant_types"),
        whole.replace("client_credentials", "\\u0063lient_credentials"),
        format!(" \r\n\t{whole}\n"),
    ] {
        assert_eq!(host.send(&post("application/json", &body)).scope(), all, "{body}");
    }
    for media in ["application/json;charset=utf-8", "Application/JSON; Charset=\"UTF-8\"", "application/json "] {
        assert_eq!(host.send(&post(media, &whole)).status, 200, "{media}");
    }
    // `null` and `""` mean that it is omitted, also where it is needed
    for omitted in ["null", "\"\""] {
        let body = whole.replace("\"client_credentials\"", omitted);
        host.send(&post("application/json", body)).is(400, "invalid_request");
        let body = whole.replace(&format!("\"{}\"", host.app.secret), omitted);
        host.send(&post("application/json", body)).is(401, "invalid_client");
    }
    // names and values are case-sensitive
    host.send(&post("application/json", whole.replace("grantType", "GrantType"))).is(400, "invalid_request");
    let body = whole.replace("client_credentials", "Client_Credentials");
    host.send(&post("application/json", body)).is(400, "unsupported_grant_type");
    // and a scope that is not what was asked for shows
    let narrowed = host.send(&post("application/json", with(r#""scope":"profile admin""#)));
    assert_eq!(narrowed.scope(), "profile");
}

fn json_is_bounded_before_it_is_read<B: Backend>() {
    let host = Host::<B>::people(|builder| builder);
    let limit = AuthorizationServer::BODY_LIMIT;
    let padded = |length: usize| format!("{}{}", right(&host), " ".repeat(length - right(&host).len()));
    assert_eq!(host.send(&post("application/json", padded(limit))).status, 200);
    host.send(&post("application/json", padded(limit + 1))).is(413, "invalid_request");
    host.forget();
    for ask in [post("application/json", ""), post("application/x-www-form-urlencoded", "")] {
        // a mebibyte is refused by its length alone, and ten gibibytes too
        for length in [1_u64 << 20, 10 << 30] {
            let mut connection = Connection::to(host.address);
            let answer = connection.send(&ask.head(&format!("Content-Length: {length}\r\n"))).answer();
            host.check(&ask, &answer);
            answer.is(413, "invalid_request");
            assert!(connection.read_to_end().is_empty(), "and hangs up");
        }
        // without a length, when it has become too long
        let mut connection = Connection::to(host.address);
        connection.send(&ask.head("Transfer-Encoding: chunked\r\n"));
        let chunk = [b"1000\r\n".as_slice(), &[b' '; 0x1000], b"\r\n"].concat();
        (0..=limit / 0x1000).for_each(|_| {
            connection.send(&chunk);
        });
        let answer = connection.send(b"0\r\n\r\n").answer();
        host.check(&ask, &answer);
        answer.is(413, "invalid_request");
        // and one that never ends
        let mut connection = Connection::to(host.address);
        let answer = connection.send(&ask.head("Content-Length: 100\r\n")).send(b"{").answer();
        host.check(&ask, &answer);
        answer.is(408, "invalid_request");
    }
    assert_eq!((host.calls(), host.issued()), (Vec::new(), 0));
}

fn json_is_read_where_a_dialect_says_so_and_nowhere_else<B: Backend>() {
    let host = Host::<B>::people(|builder| builder);
    let whole = right(&host);
    for media in [
        "text/plain",
        "text/json",
        "application/ld+json",
        "application/json; charset=iso-8859-1",
        "application/json; charset=utf-16",
        "application/json; profile=x",
        "application/json, application/json",
        "multipart/form-data; boundary=x",
        "json",
        "*/*",
        "",
    ] {
        host.send(&post(media, &whole)).is(400, "invalid_request");
    }
    host.send(&Ask::new("POST", "/token").body(&whole)).is(400, "invalid_request");
    let twice = post("application/json", &whole).header("content-type", "application/json");
    host.send(&twice).is(400, "invalid_request");
    // each body by its own media type only
    host.send(&post("application/x-www-form-urlencoded", &whole)).is(400, "invalid_request");
    host.send(&post("application/json", "grant_type=client_credentials&client_id=app")).is(400, "invalid_request");
    // the standard mount reads no JSON, whoever sends it, and answers in its own shape
    host.send(&Ask::token().json(&whole)).is(400, "invalid_request");
    // aliases are for JSON
    let form = format!("clientId=app&clientSecret={}&grantType=client_credentials", host.app.secret);
    host.send(&post("application/x-www-form-urlencoded", form)).is(400, "invalid_request");
    assert_eq!(host.calls(), []);
    // a client that is not registered for it is told so, after it proved who it is
    let strict = host.client("strict", |spec| spec);
    host.send(&Host::<B>::by_body(Way::Json, &strict, &[])).is(400, "unauthorized_client");
    let guess = Registered { secret: "w".repeat(43), ..strict.clone() };
    host.send(&Host::<B>::by_body(Way::Json, &guess, &[])).is(401, "invalid_client");
    for way in [Way::Form, Way::FormInEnvelope] {
        assert_eq!(host.send(&Host::<B>::by_body(way, &strict, &[])).status, 200);
    }
}

/// The protocol's own members, one level down.
#[derive(Debug)]
struct Nested;

impl Dialect for Nested {
    fn media(&self) -> BodyMedia {
        BodyMedia::Form
    }

    fn success(&self, answer: &TokenAnswer<'_>) -> Map<String, Value> {
        Map::from_iter([("nested".to_owned(), serde_json::to_value(answer).unwrap())])
    }

    fn error(&self, error: &ErrorAnswer<'_>) -> Map<String, Value> {
        Map::from_iter([("nested".to_owned(), serde_json::to_value(error).unwrap())])
    }
}

fn what_matches_by_media_type_answers_whatever_is_wrong<B: Backend>() {
    let mount = TokenMount::legacy("/token", Arc::new(Camel(BodyMedia::Json))).and(Arc::new(Nested));
    let host = Host::<B>::with(|builder| builder.token_mounts([mount, TokenMount::standard("/oauth/token")]));
    let form = |body: &str| {
        let ask = post("application/x-www-form-urlencoded", body);
        Connection::to(host.address).send(&ask.bytes()).answer()
    };
    let code = |answer: &Answer| answer.json()["nested"]["error"].as_str().map(str::to_owned);
    for (body, status) in [
        ("grant_type=x&client_id=app&client_secret=wrong".to_owned(), 401),
        ("grant_type=%00".to_owned(), 400),
        ("x".repeat(AuthorizationServer::BODY_LIMIT + 1), 413),
    ] {
        let answer = form(&body);
        assert_eq!(answer.status, status);
        assert!(code(&answer).is_some(), "a form is answered as forms are here: {answer:?}");
    }
    // what fails before a dialect is chosen is written in the first
    host.send(&post("text/plain", "x")).is(400, "invalid_request");
    host.send(&Ask::new("GET", "/token")).is(405, "invalid_request");
    let coded = post("application/x-www-form-urlencoded", "x").header("content-encoding", "gzip");
    let answer = Connection::to(host.address).send(&coded.bytes()).answer();
    assert_eq!((answer.status, code(&answer).as_deref()), (415, Some("invalid_request")), "the media type comes first");
}

fn our_own_faults_are_told_in_the_envelope_too<B: Backend>() {
    let host = Host::<B>::people(|builder| builder);
    for way in [Way::Json, Way::FormInEnvelope] {
        for (kind, status, code) in [
            (StoreErrorKind::Unavailable, 503, "temporarily_unavailable"),
            (StoreErrorKind::Corrupt, 500, "server_error"),
        ] {
            host.probe.forget();
            host.probe.fail(Call::Find, kind, Times::Always);
            host.send(&Host::<B>::by_body(way, &host.app, &[])).is(status, code);
        }
    }
    host.probe.forget();
}

/// Everything of an answer but the date, by value.
fn bytes(answer: &Answer) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let (status, headers, _) = answer.comparable();
    (status, headers.into_iter().collect(), answer.body.clone())
}

fn every_refusal_of_a_client_is_byte_identical_in_its_dialect<B: Backend>() {
    for chosen in [false, true] {
        let host = Host::<B>::people(|builder| if chosen { builder.with_chosen_client_secrets() } else { builder });
        let json = |id: &str| host.client(id, oauth_core::ClientSpec::legacy_json_bodies);
        let (inactive, expired) = (json("inactive"), json("expired"));
        host.administer(&inactive, |client| client.active = false);
        host.administer(&expired, |client| client.secrets[0].expires_at = Some(Timestamp::from_seconds(1_000)));
        let foreign = host.client("foreign", |spec| spec.legacy_json_bodies().networks(["203.0.113.0/24"]));
        let basic_only =
            host.client("basic", |spec| spec.legacy_json_bodies().auth_methods(&[AuthMethod::ClientSecretBasic]));
        let post_only =
            host.client("post", |spec| spec.legacy_json_bodies().auth_methods(&[AuthMethod::ClientSecretPost]));
        let wrong = |id: &str| Registered { id: id.to_owned(), secret: "w".repeat(43) };
        let off = [&inactive, &expired, &foreign].map(Clone::clone);
        let by_body = [wrong("nobody"), wrong("app"), wrong("phone"), basic_only].into_iter().chain(off.clone());
        let by_basic = [wrong("nobody"), wrong("app"), wrong("phone"), post_only].into_iter().chain(off.clone());
        let by_name = [wrong("nobody"), wrong("app")].into_iter().chain(off);
        for way in Way::ALL {
            let asks = (by_body.clone().map(|client| Host::<B>::by_body(way, &client, &[])))
                .chain(by_basic.clone().map(|client| Host::<B>::by_basic(way, &client)))
                .chain(
                    by_name
                        .clone()
                        .map(|client| way.ask(&[("grant_type", "client_credentials"), ("client_id", &client.id)])),
                );
            let seen: Vec<_> = asks.map(|ask| host.send(&ask)).collect();
            seen[0].is(401, "invalid_client");
            let kinds: HashSet<_> = seen.iter().map(bytes).collect();
            assert_eq!(kinds.len(), 1, "{way:?}, chosen secrets {chosen}: {kinds:#?}");
        }
    }
}

fn every_refusal_of_a_user_is_byte_identical_in_its_dialect<B: Backend>() {
    let host = Host::<B>::people(|builder| builder.password_strikes(2, std::time::Duration::from_secs(900)));
    host.add_person("bob", Some(PASSWORD), true, &["bob"]);
    host.add_person("off", Some(PASSWORD), false, &["off"]);
    host.register(crate::support::phone("eve"));
    host.add_person("eve", Some(PASSWORD), true, &["eve"]);
    (0..2).for_each(|_| drop(host.sign_in(Way::Form, "alice@example.org", "wrong")));
    for way in Way::ALL {
        let seen: Vec<_> = [
            ("nobody", PASSWORD),
            ("bob", "wrong"),
            ("alice", PASSWORD),
            ("off", PASSWORD),
            // a subject that is a client's id
            ("eve", PASSWORD),
        ]
        .iter()
        .map(|(login, password)| host.sign_in(way, login, password))
        .chain(["A".repeat(43), "x".to_owned()].iter().map(|token| host.refresh(way, token)))
        .collect();
        seen[0].is(400, "invalid_grant");
        let kinds: HashSet<_> = seen.iter().map(bytes).collect();
        assert_eq!(kinds.len(), 1, "{way:?}: {kinds:#?}");
        assert_eq!(host.sign_in(way, "bob", PASSWORD).status, 200);
    }
}
