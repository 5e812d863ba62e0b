//! AC1 to AC9 and AC11, T4 and T5 where they are about codes, G12 and G13: what a code is good for, and for whom.

use std::time::Duration;

use oauth_core::ClientSpec;
use oauth_core::store::{RevokedWhy, StoreErrorKind};
use oauth_testkit::{Method as Call, Times, block_on};
use serde_json::json;

use super::introspection::formats;
use crate::on_every_store;
use crate::support::{
    Answer, Ask, Backend, Browser, CHALLENGE, Host, NATIVE, Registered, SPA, TestKey, VERIFIER, Visit, WEB, at_once,
    form_encode, user_client,
};

on_every_store!(
    ac01_an_unknown_code_is_an_invalid_grant,
    ac02_a_code_serves_only_its_client,
    ac03_a_code_lives_for_a_minute,
    ac04_a_second_valid_use_ends_what_the_first_gave,
    ac05_an_invalid_replay_ends_nothing,
    ac06_the_redirect_uri_is_that_of_the_request,
    ac07_pkce_is_all_or_nothing,
    ac08_the_verifier_has_a_grammar,
    ac09_of_racers_at_two_nodes_one_wins,
    ac11_the_nonce_returns_unchanged,
    t04_resources_are_those_that_were_allowed,
    t05_user_client_and_consent_are_asked_again,
    a_broken_store_burns_no_code,
    g13_codes_compare_whole_and_exact,
);

/// Refuses all of it, and then redeems the code all the same.
#[track_caller]
fn keeps<B: Backend>(host: &Host<B>, code: &str, refused: &[(Answer, &str)]) {
    for (answer, error) in refused {
        answer.is(400, error);
    }
    assert_eq!(host.redeem(code).status, 200);
}

fn with_verifier(uri: &str) -> String {
    format!("&code_verifier={VERIFIER}&redirect_uri={}", form_encode(uri))
}

/// A code of alice's for `web`, whatever she allowed before.
fn code<B: Backend>(host: &Host<B>) -> String {
    Browser::of(host, "alice").code(&Visit::web().with("prompt", "consent"))
}

fn refresh<B: Backend>(host: &Host<B>, token: &str) -> Answer {
    host.token(&format!("grant_type=refresh_token&refresh_token={token}"))
}

fn ac01_an_unknown_code_is_an_invalid_grant<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    for unknown in ["c0de", &"A".repeat(43), &"A".repeat(4_000)] {
        host.redeem(unknown).is(400, "invalid_grant");
    }
    let good = with_verifier(WEB);
    host.token(&format!("grant_type=authorization_code{good}")).is(400, "invalid_request");
    host.token(&format!("grant_type=authorization_code&code={good}")).is(400, "invalid_request");
    let code = code(&host);
    host.token(&format!("grant_type=authorization_code&code={code}&code={code}{good}")).is(400, "invalid_request");
    let query = Ask::new("POST", &format!("/oauth/token?grant_type=authorization_code&code={code}{good}"));
    host.send(&query.basic("web", &host.app.secret).form("")).is(400, "invalid_request");
    assert_eq!(host.redeem(&code).status, 200);
}

fn ac02_a_code_serves_only_its_client<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let other = host.register(user_client(ClientSpec::confidential("other"), WEB));
    let code = code(&host);
    let wrong = Registered { id: "web".to_owned(), secret: "wrong".to_owned() };
    host.send(&host.redeeming_as(&wrong, &code, &with_verifier(WEB))).is(401, "invalid_client");
    host.send(
        &Ask::token().form(format!("grant_type=authorization_code&client_id=web&code={code}{}", with_verifier(WEB))),
    )
    .is(401, "invalid_client");
    let refused = [
        (host.send(&host.redeeming_as(&other, &code, &with_verifier(WEB))), "invalid_grant"),
        (host.redeem_public("spa", WEB, &code), "invalid_grant"),
        (host.redeem_public("native", NATIVE, &code), "invalid_grant"),
    ];
    keeps(&host, &code, &refused);
}

fn ac03_a_code_lives_for_a_minute<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let (late, timely) = (code(&host), code(&host));
    let begun = host.now();
    host.clock.advance(Duration::from_millis(59_999));
    assert_eq!(host.redeem(&timely).status, 200);
    host.clock.advance(Duration::from_millis(1));
    host.redeem(&late).is(400, "invalid_grant");
    host.clock.advance(Duration::from_secs(1));
    host.redeem(&late).is(400, "invalid_grant");
    host.clock.turn_back(begun.minus(oauth_core::types::Lifetime::of_seconds(3_600)));
    host.redeem(&late).is(400, "invalid_grant");
}

fn ac04_a_second_valid_use_ends_what_the_first_gave<B: Backend>() {
    for (later, format) in [1, 61, 86_400].into_iter().flat_map(|later| formats().map(|format| (later, format))) {
        let host = Host::<B>::browsers(|builder| builder.access_token(format));
        let api = host.orders_api();
        let code = Browser::of(&host, "alice").code(&Visit::web().with("scope", "offline_access orders.read"));
        let first = host.redeem(&code);
        let family = host.family_of(&first).id;
        host.clock.advance(Duration::from_secs(later));
        // after a day the first access token has expired, and its family lives on
        let live = if later > 600 { refresh(&host, &first.refresh_token()) } else { first.clone() };
        assert!(host.is_live(&live) && host.is_active(&host.app, &live.refresh_token()), "after {later} s");
        assert!(host.is_active(&host.app, &live.token()) && host.is_active(&api, &live.token()));
        host.redeem(&code).is(400, "invalid_grant");
        assert_eq!(host.family(family).revoked.map(|(_, why)| why), Some(RevokedWhy::Replay));
        for given in [&first, &live] {
            assert!(!host.is_active(&host.app, &given.token()) && !host.is_active(&api, &given.token()));
            assert!(!host.is_live(given) && !host.is_active(&host.app, &given.refresh_token()));
            refresh(&host, &given.refresh_token()).is(400, "invalid_grant");
        }
        host.redeem(&code).is(400, "invalid_grant");
    }
}

fn ac05_an_invalid_replay_ends_nothing<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let code = Browser::of(&host, "alice").code(&Visit::spa());
    let first = host.redeem_public("spa", SPA, &code);
    let with = |client: &str, verifier: &str, uri: &str| {
        let uri = form_encode(uri);
        host.send(&Ask::token().form(format!(
            "grant_type=authorization_code&client_id={client}&code={code}&code_verifier={verifier}&redirect_uri={uri}"
        )))
    };
    with("spa", &"A".repeat(43), SPA).is(400, "invalid_grant");
    with("spa", CHALLENGE, SPA).is(400, "invalid_grant");
    with("spa", VERIFIER, WEB).is(400, "invalid_grant");
    with("native", VERIFIER, SPA).is(400, "invalid_grant");
    host.send(&host.redeeming_as(&host.app, &code, &with_verifier(SPA))).is(400, "invalid_grant");
    let bare = format!("grant_type=authorization_code&client_id=spa&code={code}");
    host.send(&Ask::token().form(bare)).is(400, "invalid_grant");
    assert!(host.is_live(&first), "a thief cannot sign the user out");
    with("spa", VERIFIER, SPA).is(400, "invalid_grant");
    assert!(!host.is_live(&first), "whoever asked can");
}

fn ac06_the_redirect_uri_is_that_of_the_request<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let two = "https://web.example/two";
    let spec = user_client(ClientSpec::confidential("web"), WEB).redirect_uris([two]);
    block_on(host.server.ensure_client(spec)).unwrap();
    let code_ = code(&host);
    let refused = [two, "https://web.example/cb/", "https://WEB.example/cb", "https://web.example/cb?", "x"]
        .map(|uri| (host.send(&host.redeeming_as(&host.app, &code_, &with_verifier(uri))), "invalid_grant"));
    keeps(&host, &code_, &refused);
    let absent = format!("&code_verifier={VERIFIER}");
    let answer = host.send(&host.redeeming_as(&host.app, &code(&host), &absent));
    assert_eq!(answer.status, 200, "beside PKCE it may be left out");
}

fn ac07_pkce_is_all_or_nothing<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let code_ = code(&host);
    let with = |more: &str| {
        host.send(&host.redeeming_as(&host.app, &code_, &format!("{more}&redirect_uri={}", form_encode(WEB))))
    };
    let refused = [
        (with(""), "invalid_grant"),
        (with("&code_verifier="), "invalid_grant"),
        (with(&format!("&code_verifier={}", "A".repeat(43))), "invalid_grant"),
        (with(&format!("&code_verifier={}", VERIFIER.to_lowercase())), "invalid_grant"),
        (with(&format!("&code_verifier={VERIFIER}A")), "invalid_grant"),
    ];
    keeps(&host, &code_, &refused);
    // a client that is registered to do without
    let uri = "https://old.example/cb";
    let old = host.register(user_client(ClientSpec::confidential("old"), uri).legacy_code_without_pkce());
    let visit = Visit::of("old", uri).with("prompt", "consent");
    let without = visit.clone().without("code_challenge").without("code_challenge_method");
    let bare = Browser::of(&host, "alice").code(&without);
    let redeem = |code: &str, more: &str| host.send(&host.redeeming_as(&old, code, more));
    let at = format!("&redirect_uri={}", form_encode(uri));
    redeem(&bare, "").is(400, "invalid_grant");
    redeem(&bare, &format!("{at}&code_verifier={VERIFIER}")).is(400, "invalid_request");
    assert_eq!(redeem(&bare, &at).status, 200);
    let held = Browser::of(&host, "alice").code(&visit);
    redeem(&held, &at).is(400, "invalid_grant");
    assert_eq!(redeem(&held, &with_verifier(uri)).status, 200);
}

fn ac08_the_verifier_has_a_grammar<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let code = code(&host);
    let with = |verifier: &str| {
        host.send(&host.redeeming_as(
            &host.app,
            &code,
            &format!("&code_verifier={verifier}&redirect_uri={}", form_encode(WEB)),
        ))
    };
    let long = "A".repeat(43);
    let mut refused: Vec<_> = [
        "A".repeat(42),
        "A".repeat(129),
        "A".repeat(4_000),
        format!("{long}%3D"),
        format!("{long}%00"),
        format!("{long}%2B"),
        format!("{long}+"),
        format!("{long}%C3%A9"),
        "A".to_owned(),
    ]
    .iter()
    .map(|verifier| (with(verifier), "invalid_request"))
    .collect();
    refused.push((with(CHALLENGE), "invalid_grant"));
    refused.push((with(&"~".repeat(128)), "invalid_grant"));
    keeps(&host, &code, &refused);
}

fn ac09_of_racers_at_two_nodes_one_wins<B: Backend>() {
    let mut host = Host::<B>::browsers(|builder| builder);
    let mut beside = host.browsers_beside();
    host.open_doors(4);
    beside.open_doors(4);
    let addresses = [&host.addresses()[1..], &beside.addresses()[1..]].concat();
    for racers in [2, 8, 64] {
        let code = Browser::of(&host, "alice")
            .code(&Visit::web().with("scope", "offline_access orders.read").with("prompt", "consent"));
        let doors: Vec<_> = (0..racers).map(|racer| addresses[racer % addresses.len()]).collect();
        let answers = at_once(&host.redeeming(&code), &doors);
        let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!((won.len(), lost.len()), (1, racers - 1));
        lost.iter().for_each(|answer| answer.is(400, "invalid_grant"));
        // a right verifier came more than once: whoever else holds it may be the thief
        assert!(!host.is_live(won[0]) && !beside.is_live(won[0]));
        refresh(&host, &won[0].refresh_token()).is(400, "invalid_grant");
        let begun = [&host, &beside].map(|node| node.issued()).iter().sum::<usize>();
        assert_eq!(begun, 1, "one family");
        host.forget();
        beside.forget();
    }
}

fn ac11_the_nonce_returns_unchanged<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    for nonce in ["n".repeat(64), "n".repeat(384), "n".repeat(512), "+ %2B&=\u{fc}".to_owned()] {
        let visit = Visit::web().with("scope", "openid").with("prompt", "consent").with("nonce", &nonce);
        let tokens = host.redeem(&Browser::of(&host, "alice").code(&visit));
        assert_eq!(TestKey::read(&tokens.id_token()).1["nonce"], json!(nonce));
    }
    for nonce in ["n".repeat(513), "a\nb".to_owned()] {
        let answer = Browser::of(&host, "alice").send(Visit::web().with("nonce", &nonce).get());
        assert_eq!(answer.sent_to(WEB)["error"], "invalid_request");
    }
    let tokens =
        host.redeem(&Browser::of(&host, "alice").code(&Visit::web().with("scope", "openid").with("prompt", "consent")));
    assert_eq!(TestKey::read(&tokens.id_token()).1.get("nonce"), None);
}

fn t04_resources_are_those_that_were_allowed<B: Backend>() {
    let (notes, mail) = ("https://notes.example", "https://mail.example");
    let host =
        Host::<B>::browsers(|builder| builder.resource(notes, Default::default()).resource(mail, Default::default()));
    let both = host.register(user_client(ClientSpec::confidential("both"), WEB).resources([notes, mail]));
    let visit = Visit::of("both", WEB).with("scope", "offline_access orders.read").with("prompt", "consent");
    for bad in ["foo", "https://a#", "https://notes.example#f", "https://unknown.example", "/notes", ""] {
        let answer = Browser::of(&host, "alice").send(visit.clone().with("resource", bad).get());
        if bad.is_empty() {
            assert_eq!(answer.status, 303, "an empty parameter is an absent one");
            continue;
        }
        assert_eq!(answer.sent_to(WEB)["error"], "invalid_target", "{bad}");
    }
    let code = Browser::of(&host, "alice").code(&visit.with("resource", mail).and("resource", notes));
    let redeem = |more: &str| host.send(&host.redeeming_as(&both, &code, &format!("{}{more}", with_verifier(WEB))));
    for bad in ["foo", "https://a%23", "https://unknown.example"] {
        redeem(&format!("&resource={bad}")).is(400, "invalid_target");
    }
    let first = redeem(&format!("&resource={}", form_encode(notes)));
    let verifier =
        |audience: &str| host.server.verifier(audience.parse().unwrap(), oauth_core::store::TokenProfile::Rfc9068);
    assert!(block_on(verifier(notes).verify(&first.token())).is_ok());
    assert!(block_on(verifier(mail).verify(&first.token())).is_err());
    // the rest of what was allowed can still be had, and nothing else
    let refresh = |resource: &str| {
        let token = first.refresh_token();
        host.token_as(&both, &format!("grant_type=refresh_token&refresh_token={token}&resource={resource}"))
    };
    refresh("https://unknown.example").is(400, "invalid_target");
    assert!(block_on(verifier(mail).verify(&refresh(&form_encode(mail)).token())).is_ok());
}

fn t05_user_client_and_consent_are_asked_again<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let (alice, web) = ("alice".parse().unwrap(), "web".parse().unwrap());
    // a user who is off, at each step
    let code_ = code(&host);
    let browser = Browser::of(&host, "alice");
    let page = browser.begin(&Visit::web().with("prompt", "consent"));
    let shows = browser.look(&page);
    host.backend.set_active(&alice, false);
    host.redeem(&code_).is(400, "invalid_grant");
    assert_eq!(browser.get(&page).text(), "login NotActive");
    let asked_again = browser.allow(&page, &shows, "orders.read");
    assert_eq!((asked_again.status, asked_again.header("location")), (303, Some(page.as_str())));
    let silent = Visit::web().with("prompt", "none");
    assert_eq!(browser.send(silent.get()).sent_to(WEB)["error"], "login_required");
    host.backend.set_active(&alice, true);
    assert_eq!(host.redeem(&code_).status, 200, "nothing was spent");
    // consent withdrawn: what is under way ends, and the user is asked again
    let code_ = code(&host);
    host.later(1);
    block_on(host.server.withdraw(&alice, &web)).unwrap();
    host.redeem(&code_).is(400, "invalid_grant");
    assert_eq!(browser.send(silent.get()).sent_to(WEB)["error"], "consent_required");
    // everything of the user, or of the client, revoked
    host.later(1);
    let code_ = code(&host);
    host.later(1);
    block_on(host.server.revoke_subject(&alice)).unwrap();
    host.redeem(&code_).is(400, "invalid_grant");
    host.later(1);
    // the sign-in of before is as good as ever: it is the host that ends sessions
    let code_ = code(&host);
    let page = browser.begin(&Visit::web().with("prompt", "consent"));
    let shows = browser.look(&page);
    host.later(1);
    block_on(host.server.set_client_active(&web, false)).unwrap();
    host.later(6);
    host.redeem(&code_).is(401, "invalid_client");
    for answer in [browser.get(&page), browser.allow(&page, &shows, "orders.read"), browser.send(Visit::web().get())] {
        assert_eq!((answer.status, answer.header("location")), (400, None), "{answer:?}");
    }
}

fn a_broken_store_burns_no_code<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let code_ = code(&host);
    for call in [Call::FindCode, Call::FindBySubject, Call::RedeemCode] {
        host.probe.fail(call, StoreErrorKind::Unavailable, Times::Always);
        host.redeem(&code_).is(503, "temporarily_unavailable");
        host.probe.forget();
    }
    assert_eq!(host.redeem(&code_).status, 200);
    // §3.4: to the client where it is proved, to the user where not; never a code without a row
    let browser = Browser::of(&host, "alice");
    let page = browser.begin(&Visit::web().with("prompt", "consent"));
    let shows = browser.look(&page);
    for call in [Call::FindRequest, Call::DecideRequest] {
        host.probe.fail(call, StoreErrorKind::Unavailable, Times::Always);
        let answer = browser.allow(&page, &shows, "orders.read");
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{call}");
        host.probe.forget();
    }
    host.probe.fail(Call::FindConsent, StoreErrorKind::Unavailable, Times::Always);
    assert_eq!(browser.send(Visit::web().get()).sent_to(WEB)["error"], "temporarily_unavailable");
    host.probe.forget();
    let code_ = browser.allow(&page, &shows, "orders.read").code(WEB);
    assert_eq!(host.redeem(&code_).status, 200);
}

fn g13_codes_compare_whole_and_exact<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder.failures_per_minute(100_000));
    let code = code(&host);
    let unknown = host.redeem(&"A".repeat(43));
    unknown.is(400, "invalid_grant");
    let mut variants: Vec<String> = ["=", " ", ".", "A", "~"].iter().map(|end| format!("{code}{end}")).collect();
    variants.extend([format!("A{code}"), format!(" {code}"), code.to_lowercase(), code.to_uppercase()]);
    for at in 0..code.len() {
        variants.push(code[..at].to_owned());
        variants.push(format!("{}{}", &code[..at], &code[at + 1..]));
        let other = if code.as_bytes()[at].is_ascii_alphabetic() { code.as_bytes()[at] ^ 0x20 } else { b'A' };
        variants.push(format!("{}{}{}", &code[..at], char::from(other), &code[at + 1..]));
    }
    for variant in variants.into_iter().filter(|variant| !variant.is_empty() && *variant != code) {
        assert_eq!(host.redeem(&variant).comparable(), unknown.comparable(), "{variant}");
    }
    for end in ["\0", "\n"] {
        host.redeem(&format!("{code}{end}")).is(400, "invalid_request");
    }
    assert_eq!(host.redeem(&code).status, 200, "keeps");
}
