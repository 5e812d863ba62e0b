//! I: introspection (RFC 7662).

use std::time::Duration;

use oauth_core::jose::Alg;
use oauth_core::store::{AccessTokenFormat, StoreErrorKind, TokenProfile};
use oauth_core::{AuthorizationServer, Builder, Refusal};
use oauth_testkit::{Method as Call, Times, block_on};

use crate::on_every_store;
use crate::support::{Answer, Ask, Backend, Host, Registered, Way, form_encode};

on_every_store!(
    g01_no_answer_about_a_token_is_cached,
    g13_a_token_that_is_asked_about_counts_whole_and_exact,
    i01_callers_are_authorized,
    i02_every_dead_or_odd_token_is_just_inactive,
    i03_the_hint_only_hints_and_active_is_a_boolean,
    i04_all_revocation_rules_apply_together,
    p06_only_forms_are_read_about_tokens,
    t05_user_and_client_are_judged_now,
    what_cannot_be_known_is_not_said_to_be_inactive,
);

pub(crate) fn formats() -> [AccessTokenFormat; 2] {
    [AccessTokenFormat::Opaque, AccessTokenFormat::Jwt { alg: Alg::ES256, profile: TokenProfile::Rfc9068 }]
}

fn with<B: Backend>(format: &AccessTokenFormat) -> Host<B> {
    let format = format.clone();
    Host::people(|builder: Builder| builder.access_token(format))
}

fn g01_no_answer_about_a_token_is_cached<B: Backend>() {
    let host = Host::<B>::people(|builder| builder.failures_per_minute(2));
    let (begun, api) = (host.begin(), host.orders_api());
    let ask = |api: &Registered| Ask::new("POST", "/oauth/introspect").basic(&api.id, &api.secret);
    let wrong = || Ask::new("POST", "/oauth/introspect").basic("orders-api", "wrong").form("token=x");
    // the host looks at the head of each
    let statuses: Vec<u16> = [
        ask(&api).form(format!("token={}", begun.token())),
        ask(&api).form("token=x"),
        ask(&api).form(""),
        wrong(),
        Ask::new("GET", "/oauth/introspect"),
        ask(&api).form("x".repeat(AuthorizationServer::BODY_LIMIT + 1)),
        ask(&api).header("content-encoding", "gzip").form("token=x"),
        wrong(),
        ask(&api).form("token=x"),
    ]
    .iter()
    .map(|ask| host.send(ask).status)
    .collect();
    assert_eq!(statuses, [200, 200, 400, 401, 405, 413, 415, 401, 429]);
    host.clock.advance(Duration::from_secs(60));
    host.probe.fail(Call::Find, StoreErrorKind::Unavailable, Times::Always);
    assert_eq!(host.introspect(&api, "x").status, 503);
    host.probe.forget();
    host.probe.fail(Call::Find, StoreErrorKind::Corrupt, Times::Always);
    assert_eq!(host.introspect(&api, "x").status, 500);
}

fn g13_a_token_that_is_asked_about_counts_whole_and_exact<B: Backend>() {
    for format in formats() {
        let host = with::<B>(&format);
        let begun = host.begin();
        let (own, api) = (host.phone_turned_confidential(), host.orders_api());
        for (caller, token) in [(&api, begun.token()), (&own, begun.refresh_token())] {
            assert!(host.is_active(caller, &token));
            let mut altered: Vec<String> = (1..token.len()).step_by(7).map(|end| token[..end].to_owned()).collect();
            altered.extend(["=", " ", "A"].map(|end| format!("{token}{end}")));
            altered.extend(["=", " ", "A"].map(|start| format!("{start}{token}")));
            for (at, c) in token.char_indices().filter(|(_, c)| c.is_ascii_alphabetic()).step_by(5) {
                let flipped = if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
                altered.push(format!("{}{flipped}{}", &token[..at], &token[at + 1..]));
            }
            for bad in altered {
                assert!(!host.is_active(caller, &bad), "{bad:?}");
            }
            for control in ["\0", "\n", "\u{7f}", "é"] {
                // refused by its characters, before the store (P9)
                host.introspect(caller, &format!("{token}{control}")).is(400, "invalid_request");
            }
        }
    }
}

fn i01_callers_are_authorized<B: Backend>() {
    let host = Host::<B>::people(|builder| builder);
    let (begun, api) = (host.begin(), host.orders_api());
    let body = format!("token={}", begun.token());
    let to = || Ask::new("POST", "/oauth/introspect");
    let refused = [
        (to().basic("orders-api", "wrong").form(&body), Refusal::ClientSecretWrong),
        (to().basic("nobody", "wrong").form(&body), Refusal::ClientUnknown),
        (to().form(format!("{body}&client_id=phone")), Refusal::ClientPublic),
        (to().form(format!("{body}&client_id=orders-api")), Refusal::ClientMethod),
        (to().bearer(&begun.token()).form(&body), Refusal::AuthorizationScheme),
    ];
    let one = host.send(&refused[1].0).comparable();
    for (ask, why) in refused {
        host.forget();
        let answer = host.send(&ask);
        answer.is(401, "invalid_client");
        assert_eq!(answer.comparable(), one, "{why}");
        assert_eq!(host.refusals(), [why]);
    }
    // no mechanism at all is no authentication that failed
    host.send(&to().form(&body)).is(400, "invalid_request");
    // another client's token is inactive and nothing else
    let own = host.good_token(&host.app);
    let other = host.client("other", |spec| spec);
    assert!(host.is_active(&host.app, &own));
    assert_eq!(host.introspect(&other, &own).text(), r#"{"active":false}"#);
    assert!(host.is_active(&api, &own), "it is for `orders`");
    let seen = host.introspect(&api, &own).json();
    assert_eq!(seen["scope"], "orders.read", "of what the client may do");
}

fn i02_every_dead_or_odd_token_is_just_inactive<B: Backend>() {
    for format in formats() {
        let host = with::<B>(&format);
        let expired = host.begin();
        host.clock.advance(Duration::from_secs(600));
        let revoked = host.begin();
        block_on(host.server.revoke_family(host.family_of(&revoked).id)).unwrap();
        let spent = host.begin();
        let next = host.refresh(Way::Form, &spent.refresh_token());
        let (own, api) = (host.phone_turned_confidential(), host.orders_api());
        assert!(host.is_active(&api, &next.token()) && host.is_active(&own, &next.refresh_token()));
        let odd = [
            expired.token(),
            revoked.token(),
            revoked.refresh_token(),
            spent.refresh_token(),
            next.id_token(),
            "garbage".to_owned(),
            "a.b.c".to_owned(),
            "iufhfWPkY_LOP8haywhRijU7KfntoXW3_uAoyBnFlts".to_owned(),
            "x".repeat(10 * 1024),
        ];
        let one = host.introspect(&api, "x").comparable();
        for token in &odd {
            for hint in ["", "&token_type_hint=access_token", "&token_type_hint=refresh_token", "&token_type_hint=x"] {
                for caller in [&own, &api] {
                    let answer = host.introspect_with(caller, &format!("token={token}{hint}"));
                    assert_eq!(answer.comparable(), one, "{format:?} {token}");
                    assert_eq!(answer.text(), r#"{"active":false}"#);
                }
            }
        }
        for missing in ["", "token=", "token_type_hint=access_token"] {
            host.introspect_with(&api, missing).is(400, "invalid_request");
        }
    }
}

fn i03_the_hint_only_hints_and_active_is_a_boolean<B: Backend>() {
    for format in formats() {
        let host = with::<B>(&format);
        let begun = host.begin();
        let own = host.phone_turned_confidential();
        for token in [begun.token(), begun.refresh_token()] {
            let seen = host.introspect(&own, &token);
            assert_eq!(seen.json()["active"], serde_json::Value::Bool(true));
            for hint in ["access_token", "refresh_token", "id_token", "", "x"] {
                let hinted = host.introspect_with(&own, &format!("token={token}&token_type_hint={hint}"));
                assert_eq!(hinted.comparable(), seen.comparable(), "{hint}");
            }
        }
    }
}

fn i04_all_revocation_rules_apply_together<B: Backend>() {
    type Rule<B> = (&'static str, fn(&Host<B>, &Answer));
    let rules: [Rule<B>; 4] = [
        ("user", |host, _| block_on(host.server.revoke_subject(&"alice".parse().unwrap())).unwrap()),
        ("client", |host, _| block_on(host.server.revoke_client(&"phone".parse().unwrap())).unwrap()),
        ("family", |host, begun| assert_eq!(host.revoke(&begun.refresh_token()).status, 200)),
        ("time", |host, _| host.clock.advance(Duration::from_secs(600))),
    ];
    for format in formats() {
        let host = with::<B>(&format);
        let api = host.orders_api();
        for (one, first) in &rules {
            for (other, second) in &rules {
                // what was issued at the moment of a cutoff is dead
                host.clock.advance(Duration::from_secs(1));
                let begun = host.begin();
                assert!(host.is_active(&api, &begun.token()));
                for rule in [first, second] {
                    rule(&host, &begun);
                    assert!(!host.is_active(&api, &begun.token()), "{one}, then {other}");
                }
            }
        }
    }
}

fn p06_only_forms_are_read_about_tokens<B: Backend>() {
    let host = Host::<B>::people(|builder| builder);
    let (begun, api) = (host.begin(), host.orders_api());
    for path in ["/oauth/introspect", "/oauth/revoke"] {
        let ask = |body: &str| Ask::new("POST", path).basic(&api.id, &api.secret).body(body);
        let body = format!("token={}", begun.token());
        for media in ["text/plain", "multipart/form-data", "application/x-www-form-urlencoded;charset=utf-16"] {
            host.send(&ask(&body).header("content-type", media)).is(400, "invalid_request");
        }
        // dialects are the token endpoint's affair
        let json = format!(r#"{{"token":"{}"}}"#, begun.token());
        host.send(&ask(&json).header("content-type", "application/json")).is(400, "invalid_request");
        for bad in [
            format!("{body}&token=x"),
            format!("{body}&t%6fken=x"),
            "token=%ff".to_owned(),
            "token=%zz".to_owned(),
            "token=%00".to_owned(),
            format!("{body}&client_id=a%00"),
            format!("token={}", "x".repeat(16 * 1024 + 1)),
            format!("{body}&token_type_hint={}", "x".repeat(4097)),
            format!("{body}{}", "&a=b".repeat(64)),
        ] {
            host.forget();
            host.send(&ask(&bad).header("content-type", "application/x-www-form-urlencoded"))
                .is(400, "invalid_request");
            assert_eq!(host.calls(), [], "refused before the store");
        }
        let gzip = ask(&body).header("content-encoding", "gzip");
        assert_eq!(host.send(&gzip.header("content-type", "application/x-www-form-urlencoded")).status, 415);
    }
    assert!(host.is_active(&api, &begun.token()), "keeps");
    assert!(!host.is_active(&api, &form_encode("a token")));
}

fn t05_user_and_client_are_judged_now<B: Backend>() {
    for format in formats() {
        let host = with::<B>(&format);
        let (begun, api) = (host.begin(), host.orders_api());
        assert!(host.is_active(&api, &begun.token()));
        host.backend.set_active(&"alice".parse().unwrap(), false);
        assert!(!host.is_active(&api, &begun.token()));
        host.backend.set_active(&"alice".parse().unwrap(), true);
        assert!(host.is_active(&api, &begun.token()), "nothing was changed");
        let phone = Registered { id: "phone".to_owned(), secret: String::new() };
        host.administer(&phone, |client| client.active = false);
        assert!(!host.is_active(&api, &begun.token()));
    }
}

fn what_cannot_be_known_is_not_said_to_be_inactive<B: Backend>() {
    for format in formats() {
        let host = with::<B>(&format);
        let (begun, api) = (host.begin(), host.orders_api());
        host.forget();
        assert!(host.is_active(&api, &begun.token()));
        let calls = host.calls();
        let grants = calls.iter().filter(|call| matches!(call, Call::FindAccessToken | Call::Standing)).count();
        let count = |method| calls.iter().filter(|call| **call == method).count();
        assert_eq!((count(Call::Find), count(Call::FindBySubject), grants, calls.len()), (2, 1, 1, 4));
        for number in 1..=calls.len() {
            host.forget();
            host.probe.fail_at(number, StoreErrorKind::Unavailable);
            let answer = host.introspect(&api, &begun.token());
            answer.is(503, "temporarily_unavailable");
            assert!(answer.header("retry-after").is_some());
        }
    }
}
