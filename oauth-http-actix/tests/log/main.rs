//! G10: no secret reaches a log, a trace or a `Debug`, whatever was done with it. A process of its own, because it
//! catches everything that is written.

#[path = "../support/mod.rs"]
mod support;

mod browsers;

use std::io;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oauth_core::store::{AccessTokenFormat, StoreErrorKind};
use oauth_core::types::Scope;
use oauth_core::{AuthorizationServer, NewSecret};
use oauth_testkit::{Method, Times, block_on};
use tracing_subscriber::filter::LevelFilter;

use crate::support::{Ask, Backend, Connection, Host, Registered, TRUST, Way, form_encode};

on_both_stores!(g10_no_secret_reaches_log_trace_or_debug);

pub(crate) static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Capture;

impl io::Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything that anybody in this process says, also through the `log` crate.
pub(crate) fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(|| Capture).init());
}

fn g10_no_secret_reaches_log_trace_or_debug<B: Backend>() {
    const GRANT: &str = "grant_type=client_credentials";
    capture();
    let host = Host::<B>::people(|builder| {
        let builder = builder.with_chosen_client_secrets().failures_per_minute(1_000);
        builder.password_strikes(100, Duration::from_secs(900)).audit(Arc::new(oauth_core::audit::TracingSink))
    });
    let opaque = host.client("opaque", |spec| spec.access_token(AccessTokenFormat::Opaque));
    let chosen = "a chosen secret of people";
    host.client("chosen", |spec| spec.chosen_secret(chosen).legacy_json_bodies());
    let mut debug = String::new();
    let mut secrets = vec![chosen.to_owned(), form_encode(chosen)];
    let mut sent = |what: &str| {
        let secret = format!("{what}-0f1e2d3c4b5a69788796a5b4c3d2e1f0");
        secrets.push(secret.clone());
        secrets.push(STANDARD.encode(format!("app:{secret}")));
        secret
    };

    // what goes well
    let tokens = [host.good_token(&host.app), host.good_token(&opaque)];
    assert_eq!(host.send(&Ask::token().basic("chosen", chosen).form(GRANT)).status, 200);
    for token in &tokens {
        assert_eq!(host.guarded(token).status, 200);
        let access = block_on(host.verifier().verify(token)).unwrap();
        debug += &format!("{access:?}");
        block_on(host.server.revoke_token(&access)).unwrap();
        assert_eq!(host.guarded(token).status, 401);
    }
    let alice = host.user("alice");
    let scope: Scope = "orders.read".parse().unwrap();
    let issued = block_on(host.server.issue(&alice, &"app".parse().unwrap(), &scope)).unwrap();
    debug += &format!("{issued:?} {:?}", host.server);
    host.remember(issued.access_token.expose());

    // what is refused, with a secret in every place that could hold one
    let wrong = sent("wrong-basic");
    host.send(&Ask::token().basic("app", &wrong).form(GRANT)).is(401, "invalid_client");
    host.send(&Ask::token().basic_raw(format!("app:{wrong}\u{1}")).form(GRANT)).is(400, "invalid_request");
    host.send(&Ask::token().header("authorization", format!("Basic {wrong}")).form(GRANT)).is(400, "invalid_request");
    host.send(&Ask::token().header("authorization", format!("Bearer {wrong}")).form(GRANT)).is(401, "invalid_client");
    for name in [
        "client_secret",
        "client_assertion",
        "code",
        "code_verifier",
        "refresh_token",
        "password",
        "username",
        "id_token_hint",
        "token",
        "scope",
        "resource",
        "grant_type",
        "client_id",
        "unknown",
    ] {
        let value = sent(name);
        let body = format!("{GRANT}&client_id=app&{name}={value}");
        host.send(&Ask::token().form(&body));
        host.send(&Ask::token().basic("app", &host.app.secret).form(format!("{GRANT}&{name}={value}&{name}={value}")));
        host.send(&Ask::token().form(format!("{body}&scope=%ff")));
        host.send(&Ask::token().header("content-type", "text/plain").body(&body));
        host.send(&Ask::new("GET", &format!("/oauth/token?{body}")));
        host.send(&Ask::new("POST", &format!("/oauth/token?{body}")).form(""));
        // of these the audit trail tells: which client was named, and what scope an authenticated one asked for
        let is_told = ["client_id", "scope"].contains(&name);
        for way in Way::ALL.into_iter().filter(|_| !is_told) {
            let value = value.as_str();
            let grants = ["client_credentials", "password", "refresh_token", TRUST, "x"];
            for grant_type in grants.into_iter().filter(|_| name != "grant_type") {
                let own = [("grant_type", grant_type), ("client_id", "phone")];
                let own = own.into_iter().filter(|(own, _)| *own != name);
                host.send(&way.ask(&own.chain([(name, value)]).collect::<Vec<_>>()));
            }
        }
        for json in [
            format!(r#"{{"{name}":["{value}"]}}"#),
            format!(r#"{{"{name}":"{value}","{name}":"{value}"}}"#),
            format!(r#"{{"{value}":"{value}","clientId":"phone"}}"#),
            format!(r#"{{"{name}":"{value}\u0000"}}"#),
            format!(r#"{{"{name}":"{value}"#),
            format!(r#""{value}""#),
        ] {
            host.send(&Ask::new("POST", "/token").json(json)).is(400, "invalid_request");
        }
    }
    let oversized = sent("oversized");
    let huge = format!("{oversized}{}", "x".repeat(AuthorizationServer::BODY_LIMIT));
    host.send(&Ask::token().form(huge)).is(413, "invalid_request");
    let truncated = sent("truncated");
    let ask = Ask::token().form("");
    Connection::to(host.address)
        .send(&ask.head("Content-Length: 100\r\n"))
        .send(truncated.as_bytes())
        .finish_sending()
        .read_to_end();
    Connection::to(host.address)
        .send(&ask.head("Transfer-Encoding: chunked\r\n"))
        .send(truncated.as_bytes())
        .read_to_end();

    // users: names, passwords, refresh tokens, id tokens
    let names = ["login-of-bob-5f1e", "bob.5f1e@hidden.example"];
    let password = "the password of bob 5f1e";
    host.add_person("bob", Some(password), true, &names);
    let mut private: Vec<String> = [password, names[0], names[1]].map(str::to_owned).into();
    debug += &format!("{:?}", block_on(host.backend.find_by_login(names[0])).unwrap().unwrap());
    for way in Way::ALL {
        let begun = host.sign_in(way, names[0], password);
        debug += &format!("{:?}", host.family_of(&begun));
        let next = host.refresh_with(way, &begun.refresh_token(), &[("id_token_hint", &begun.id_token())]);
        assert_eq!(host.refresh(way, &begun.refresh_token()).refresh_token(), next.refresh_token(), "a retry");
        host.refresh_with(way, &next.refresh_token(), &[("scope", "admin")]).is(400, "invalid_scope");
        host.refresh_with(way, &next.refresh_token(), &[("id_token_hint", &next.token())]).is(400, "invalid_grant");
        host.send(&Host::<B>::refreshing(way, "opaque", &next.refresh_token(), &[])).is(401, "invalid_client");
        for call in [Method::FindByHandle, Method::FindBySubject, Method::Rotate] {
            for kind in [StoreErrorKind::Unavailable, StoreErrorKind::Corrupt] {
                host.probe.fail(call, kind, Times::Always);
                assert!(host.refresh(way, &next.refresh_token()).status >= 500);
                host.probe.forget();
            }
        }
        let third = host.refresh(way, &next.refresh_token());
        host.guarded(&third.refresh_token()).is(401, "invalid_token");
        host.guarded(&third.id_token()).is(401, "invalid_token");
        // the replay ends the family, and tells of it
        host.refresh(way, &begun.refresh_token()).is(400, "invalid_grant");
        host.refresh(way, &third.refresh_token()).is(400, "invalid_grant");
        host.refresh(way, &format!("{}x", &third.refresh_token()[..42])).is(400, "invalid_grant");

        let (wrong, typed, nobody) = (sent("wrong-password"), sent("typed-as-name"), sent("nobody@example.org"));
        host.sign_in(way, names[1], &wrong).is(400, "invalid_grant");
        host.sign_in(way, &typed, "x").is(400, "invalid_grant");
        host.sign_in(way, &nobody, password).is(400, "invalid_grant");
        host.sign_in(way, names[1], &format!("{password}\u{1}")).is(400, "invalid_request");
        host.sign_in(way, &format!("{typed}\n"), password).is(400, "invalid_request");
        host.sign_in(way, &typed, &"x".repeat(5_000)).is(400, "invalid_request");
        for call in [Method::FindByLogin, Method::AddStrike, Method::ClearStrikes, Method::StartFamily] {
            for kind in [StoreErrorKind::Unavailable, StoreErrorKind::Corrupt] {
                host.probe.fail(call, kind, Times::Always);
                assert!(host.sign_in(way, names[1], password).status >= 500);
                host.probe.forget();
            }
        }
        let guess = sent("wrong-in-body");
        let client = Registered { id: "chosen".to_owned(), secret: guess };
        host.send(&Host::<B>::by_body(way, &client, &[])).is(401, "invalid_client");
        let client = Registered { id: "chosen".to_owned(), secret: chosen.to_owned() };
        assert_eq!(host.send(&Host::<B>::by_body(way, &client, &[])).status, 200);
    }
    // a secret that is changed by the operator
    let overlap = Duration::from_secs(60);
    for (id, next) in [("chosen", NewSecret::Chosen(sent("next-secret").into())), ("app", NewSecret::Generated)] {
        let id = id.parse().unwrap();
        if let Some(secret) = block_on(host.server.rotate_client_secret(&id, next, overlap)).unwrap() {
            host.remember(secret.expose());
        }
    }
    for event in host.events() {
        debug += &format!("{event:?} {}", event.to_json());
    }

    // what is refused at the guard
    for token in [sent("bad-token"), format!("{}x", tokens[0]), format!("{}.x", tokens[1])] {
        host.guarded(&token).is(401, "invalid_token");
        host.send(&Ask::new("GET", &format!("/orders?access_token={token}")).bearer(&token)).is(400, "invalid_request");
        assert_eq!(host.send(&Ask::new("POST", "/form").form(format!("access_token={token}"))).status, 401);
    }

    // what fails by our own fault
    for method in [Method::Find, Method::InsertAccessToken] {
        for kind in [StoreErrorKind::Unavailable, StoreErrorKind::Corrupt] {
            host.probe.fail(method, kind, Times::Always);
            assert!(host.token_as(&opaque, GRANT).status >= 500);
            host.probe.forget();
        }
    }

    secrets.extend(host.secrets());
    for client in [&host.app, &opaque] {
        secrets.push(STANDARD.encode(format!("{}:{}", client.id, client.secret)));
    }
    let mut written = WRITTEN.lock().unwrap().clone();
    written.extend(debug.into_bytes());
    let log = String::from_utf8_lossy(&written);
    assert!(log.contains("token.issued") && log.contains("TRACE"), "the log was captured");
    assert!(log.contains("refresh.replayed") && log.contains("password.wrong"), "the users' part was captured");
    private.extend(private.iter().map(|text| form_encode(text)).collect::<Vec<_>>());
    secrets.extend(private);
    assert!(secrets.len() > 60);
    for secret in &secrets {
        // the signature alone is what makes a JWT spendable
        let needle = if secret.starts_with("eyJ") { secret.rsplit('.').next().unwrap_or(secret) } else { secret };
        if let Some(line) = log.lines().find(|line| line.contains(needle)) {
            panic!("`{secret}` was written: {line}");
        }
    }
}
