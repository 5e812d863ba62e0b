//! Z10 to Z14: between the first visit and the answer, in this browser, by this user, about what was asked.

use std::time::Duration;

use oauth_core::Refusal;
use oauth_core::audit::What;
use oauth_core::types::ClientId;
use oauth_testkit::{Method as Call, block_on};

use crate::on_every_store;
use crate::support::{Answer, Ask, Backend, Browser, Connection, Host, NATIVE, START, Shows, Visit, WEB, form_encode};

on_every_store!(
    z10_prompt_max_age_and_hints_are_obeyed,
    z12_native_apps_are_asked_about_each_time,
    z13_the_transaction_is_frozen_on_the_server,
    z13_and_stays_frozen_at_another_node,
    z14_consent_belongs_to_browser_user_and_prompt,
    z14_a_decision_that_is_not_posted_is_none,
    z14_a_decision_counts_once,
    z14_a_form_without_a_decision_is_none,
    who_decides_is_asked_of_the_host_each_time,
    an_interaction_ends_after_half_an_hour,
    a_browser_with_many_tabs_keeps_the_youngest,
    a_host_that_cannot_say_who_is_there_loses_nothing,
    strangers_cannot_make_the_server_write_without_bound,
);

#[track_caller]
fn is_page(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.text().contains("<h1>"), "{answer:?}");
}

#[track_caller]
fn error_of<B: Backend>(browser: &Browser<'_, B>, visit: &Visit, uri: &str) -> String {
    browser.send(visit.get()).sent_to(uri).get("error").cloned().unwrap_or_default()
}

fn z10_prompt_max_age_and_hints_are_obeyed<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let (nobody, alice) = (Browser::new(&host), Browser::of(&host, "alice"));
    let silent = Visit::web().with("prompt", "none");
    assert_eq!(error_of(&nobody, &silent, WEB), "login_required");
    assert_eq!(error_of(&alice, &silent, WEB), "consent_required");
    for (name, value) in [
        ("prompt", "none login"),
        ("prompt", "create"),
        ("prompt", "None"),
        ("max_age", "-1"),
        ("max_age", "1e9"),
        ("max_age", "abc"),
        ("max_age", "1180591620717411303424"),
        ("max_age", "+5"),
    ] {
        assert_eq!(error_of(&alice, &Visit::web().with(name, value), WEB), "invalid_request", "{name}={value}");
    }
    // whoever signed in before is asked to sign in again, and whoever did so since is not
    for (name, value) in [("prompt", "login"), ("prompt", "select_account"), ("max_age", "0"), ("max_age", "59")] {
        let browser = Browser::of(&host, "alice");
        host.clock.advance(Duration::from_secs(60));
        let page = browser.begin(&Visit::web().with(name, value));
        let answer = browser.get(&page);
        assert!(answer.text().starts_with("login "), "{name}={value}: {answer:?}");
        browser.sign_in("alice", host.now());
        browser.look(&page);
    }
    // an id token of ours names whom the client expects; nothing else does
    let browser = Browser::new(&host);
    browser.sign_in("alice", host.now());
    let hint = host.redeem(&browser.code(&Visit::web().with("scope", "openid"))).id_token();
    let (head, rest) = hint.split_once('.').unwrap();
    let forged = rest.split_once('.').unwrap().0;
    for hint in [format!("eyJhbGciOiJub25lIn0.{forged}."), format!("{head}.{forged}.AAAA"), "x".to_owned()] {
        assert_eq!(error_of(&browser, &Visit::web().with("id_token_hint", &hint), WEB), "invalid_request");
    }
    let foreign = Visit::spa().with("id_token_hint", &hint);
    assert_eq!(error_of(&browser, &foreign, crate::support::SPA), "invalid_request", "another audience");
    let bob = Browser::new(&host);
    bob.sign_in("bob", host.now());
    let page = bob.begin(&Visit::web().with("id_token_hint", &hint));
    assert_eq!(bob.get(&page).text(), "login OtherUser");
    assert_eq!(error_of(&bob, &silent.with("id_token_hint", &hint), WEB), "login_required");
}

fn z12_native_apps_are_asked_about_each_time<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let browser = Browser::of(&host, "alice");
    for _ in 0..2 {
        let code = browser.code(&Visit::native());
        assert_eq!(host.redeem_public("native", NATIVE, &code).status, 200);
        assert_eq!(error_of(&browser, &Visit::native().with("prompt", "none"), NATIVE), "consent_required");
    }
    // others are remembered
    browser.code(&Visit::web());
    assert!(browser.send(Visit::web().with("prompt", "none").get()).sent_to(WEB).contains_key("code"));
    assert!(browser.send(Visit::web().get()).sent_to(WEB).contains_key("code"));
}

/// Everything that a browser could send to change what was asked.
const CHANGES: &str = "redirect_uri=https%3A%2F%2Fevil.example%2Fcb&client_id=spa&scope=openid+offline_access&response_type=token\
                       &response_mode=form_post&state=other&nonce=other&code_challenge=AAAA&resource=https%3A%2F%2Fevil.example";

fn z13_the_transaction_is_frozen_on_the_server<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let browser = Browser::of(&host, "alice");
    let page =
        format!("{}&{CHANGES}", browser.begin(&Visit::web().with("scope", "orders.read openid").with("nonce", "mine")));
    for name in CHANGES.split('&').filter_map(|pair| pair.split_once('=')) {
        browser.set_cookie(name.0, name.1);
    }
    let shows = browser.look(&page);
    assert_eq!((shows.client.as_str(), shows.scope.as_str()), ("web", "openid orders.read"));
    let form = format!("consent={}&decision=approve&scope=orders.read+openid&{CHANGES}", form_encode(&shows.consent));
    // a box that was not shown
    is_page(&browser.send(Ask::new("POST", &page).form(form.as_str())), 403);
    let form = form.replace("&scope=openid+offline_access", "");
    let members = browser.send(Ask::new("POST", &page).form(form)).sent_to(WEB);
    assert_eq!(members["state"], "a state");
    let tokens = host.redeem(&members["code"]);
    assert_eq!(tokens.scope(), "openid orders.read");
    assert!(tokens.member("refresh_token").is_none());
    let (_, claims) = crate::support::TestKey::read(&tokens.id_token());
    assert_eq!((&claims["nonce"], &claims["aud"]), (&"mine".into(), &"web".into()));
}

fn z13_and_stays_frozen_at_another_node<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let beside = host.browsers_beside();
    let browser = Browser::of(&host, "alice");
    let page = browser.begin(&Visit::web());
    let there = browser.at(&beside);
    let shows = there.look(&page);
    let code = browser.allow(&page, &shows, "orders.read").code(WEB);
    assert_eq!(beside.redeem(&code).scope(), "orders.read");
}

fn z14_consent_belongs_to_browser_user_and_prompt<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let alice = Browser::of(&host, "alice");
    let page = alice.begin(&Visit::web());
    let shows = alice.look(&page);
    let allowing = || Browser::<B>::allowing(&page, &shows, "orders.read");
    // a link that somebody sends is worth nothing: neither to a thief nor to whom it was sent
    for other in [Browser::new(&host), Browser::of(&host, "alice"), Browser::of(&host, "bob")] {
        is_page(&other.get(&page), 403);
        is_page(&other.send(allowing()), 403);
    }
    // a browser that begins by itself has a secret, of its own interaction only
    let mallory = Browser::of(&host, "bob");
    let own = mallory.begin(&Visit::web());
    is_page(&mallory.send(allowing()), 403);
    let (name, _) = alice.cookies().remove(0);
    let (_, secret) = mallory.cookies().remove(0);
    mallory.set_cookie(&name, &secret);
    is_page(&mallory.get(&page), 403);
    is_page(&mallory.send(allowing()), 403);
    // no token, somebody else's, one of another interaction, one of less
    let strange = [
        String::new(),
        "x".to_owned(),
        format!("{}x", shows.consent),
        mallory.look(&own).consent,
        alice.look(&alice.begin(&Visit::web().with("scope", "orders.read"))).consent,
        "A".repeat(5_000),
    ];
    for consent in strange {
        is_page(&alice.allow(&page, &Shows { consent, ..shows.clone() }, "orders.read"), 403);
    }
    let absent = Ask::new("POST", &page).form("decision=approve&scope=orders.read");
    is_page(&alice.send(absent), 403);
    // the user is another one in the meantime
    alice.sign_in("bob", START);
    is_page(&alice.send(allowing()), 403);
    // or the same one, who signed in anew
    alice.sign_in("alice", host.later(1));
    is_page(&alice.send(allowing()), 403);
    alice.sign_in("alice", START);
    // the handle or the cookie is broken
    for broken in [
        "/consent",
        "/consent?interaction=",
        "/consent?interaction=x",
        &format!("{page}x"),
        &format!("{page}&{}", &page[9..]),
    ] {
        is_page(&alice.get(broken), 400);
    }
    is_page(&alice.get(&format!("/consent?interaction={}", "A".repeat(43))), 403);
    // GET decides nothing, whatever it brings
    let query = format!("{page}&consent={}&decision=approve&scope=orders.read", form_encode(&shows.consent));
    assert!(alice.get(&query).text().starts_with("prompt "));
    assert!(!host.calls().contains(&Call::DecideRequest));
    assert_eq!(host.refusals().iter().filter(|why| **why == Refusal::InteractionForeign).count(), 10);
    // and after all that the user decides
    alice.send(allowing()).code(WEB);
}

fn z14_a_decision_that_is_not_posted_is_none<B: Backend>() {
    const METHODS: [&str; 7] = ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "post"];
    let host = Host::<B>::browsers(|builder| builder);
    let browser = Browser::of(&host, "alice");
    for decision in ["&allow=orders.read", ""] {
        let page = browser.begin(&Visit::web().with("prompt", "consent"));
        let consent = form_encode(&browser.look(&page).consent);
        // a host whose page takes every method for a decision
        let target = format!("{}&consent={consent}{decision}", page.replacen("/consent", "/hasty", 1));
        host.forget();
        for method in METHODS {
            let overridden = format!("{target}&_method=POST");
            let asks =
                [Ask::new(method, &target), Ask::new(method, &overridden).header("x-http-method-override", "POST")];
            for ask in asks {
                let refused = browser.send(ask);
                assert_eq!((refused.status, refused.all("set-cookie")), (403, Vec::new()), "{method}: {refused:?}");
            }
        }
        assert_eq!(host.calls(), [], "refused before the store");
        assert_eq!(host.refusals(), [Refusal::DecisionNotPosted; 2 * METHODS.len()]);
        // the same by POST is one
        let answer = browser.send(Ask::new("POST", &target)).sent_to(WEB);
        assert_eq!(answer.contains_key("code"), !decision.is_empty(), "{answer:?}");
    }
}

fn z14_a_decision_counts_once<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let browser = Browser::of(&host, "alice");
    let page = browser.begin(&Visit::web());
    let shows = browser.look(&page);
    let held = browser.cookies();
    assert_eq!(browser.deny(&page, &shows).sent_to(WEB)["error"], "access_denied");
    // whoever goes back reads that it is done; a thief of the cookie comes too late
    is_page(&browser.allow(&page, &shows, "orders.read"), 403);
    browser.set_cookie(&held[0].0, &held[0].1);
    host.forget();
    assert!(browser.allow(&page, &shows, "orders.read").is_decided());
    told_of_each_loser(&host, 1);
    assert!(browser.deny(&page, &shows).is_decided());
    told_of_each_loser(&host, 2);
    is_page(&browser.get(&page), 403);
    // two tabs at once
    let page = browser.begin(&Visit::web());
    let shows = browser.look(&page);
    let ask = browser.dress(Browser::<B>::allowing(&page, &shows, "orders.read"));
    host.forget();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let tabs: Vec<_> = (0..8).map(|_| scope.spawn(|| host.send(&ask))).collect();
        tabs.into_iter().map(|tab| tab.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|answer| answer.status == 303).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.is_decided()).count(), 7);
    told_of_each_loser(&host, 7);
}

/// One event for each decision that came too late, and it says whose.
#[track_caller]
fn told_of_each_loser<B: Backend>(host: &Host<B>, losers: usize) {
    let events = host.events();
    let lost = events.iter().filter(|event| event.what == What::Refused(Refusal::InteractionDecided));
    let named = lost.map(|event| (event.client.as_ref().map(ClientId::as_str), event.subject.is_some()));
    assert_eq!(named.collect::<Vec<_>>(), vec![(Some("web"), true); losers]);
}

fn z14_a_form_without_a_decision_is_none<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let browser = Browser::of(&host, "alice");
    let page = browser.begin(&Visit::web());
    let shows = browser.look(&page);
    let consent = form_encode(&shows.consent);
    let long = format!("consent={consent}&decision=deny&x={}", "x".repeat(70_000));
    for form in ["", &format!("consent={consent}"), &format!("consent={consent}&decision=yes"), "decision=deny", &long]
    {
        is_page(&browser.send(Ask::new("POST", &page).form(form)), 403);
        assert_eq!(host.refusals().last(), Some(&Refusal::DecisionUnreadable));
    }
    let json =
        Ask::new("POST", &page).header("content-type", "text/plain").body(format!("consent={consent}&decision=deny"));
    is_page(&browser.send(json), 403);
    // all but its last byte, and nothing more within the deadline
    let slow = browser.dress(Browser::<B>::allowing(&page, &shows, "orders.read")).bytes();
    is_page(&Connection::to(host.address).send(&slow[..slow.len() - 1]).answer(), 403);
    assert!(!host.calls().contains(&Call::DecideRequest));
    assert_eq!(browser.deny(&page, &shows).sent_to(WEB)["error"], "access_denied");
}

fn who_decides_is_asked_of_the_host_each_time<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let browser = Browser::of(&host, "alice");
    let page = browser.begin(&Visit::web());
    let shows = browser.look(&page);
    // the host's sessions are down: nobody is taken for signed out
    browser.set_cookie("user", "broken");
    is_page(&browser.get(&page), 503);
    is_page(&browser.allow(&page, &shows, "orders.read"), 503);
    is_page(&browser.deny(&page, &shows), 503);
    browser.sign_out();
    assert_eq!(browser.get(&page).text(), "login NobodySignedIn");
    let asked_again = browser.allow(&page, &shows, "orders.read");
    assert_eq!((asked_again.status, asked_again.header("location")), (303, Some(page.as_str())), "{asked_again:?}");
    assert!(!host.calls().contains(&Call::DecideRequest));
    browser.sign_in("alice", START);
    browser.allow(&page, &shows, "orders.read").code(WEB);
}

fn an_interaction_ends_after_half_an_hour<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let browser = Browser::of(&host, "alice");
    let page = browser.begin(&Visit::web());
    let stale = browser.look(&page);
    host.clock.advance(Duration::from_secs(600));
    is_page(&browser.allow(&page, &stale, "orders.read"), 403);
    let fresh = browser.look(&page);
    host.clock.advance(Duration::from_secs(1_200));
    is_page(&browser.get(&page), 400);
    is_page(&browser.allow(&page, &fresh, "orders.read"), 400);
}

fn a_browser_with_many_tabs_keeps_the_youngest<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let browser = Browser::of(&host, "alice");
    let pages: Vec<String> = (0..40).map(|_| browser.begin(&Visit::web())).collect();
    assert_eq!(browser.cookies().len(), 16, "a request head has room for them");
    browser.look(pages.last().unwrap());
}

fn a_host_that_cannot_say_who_is_there_loses_nothing<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let browser = Browser::new(&host);
    browser.set_cookie("user", "broken");
    let answer = browser.send(Visit::web().get());
    is_page(&answer, 503);
    assert!(!answer.text().contains("session store"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(!host.calls().contains(&Call::BeginRequest));
    browser.sign_in("alice", START);
    browser.begin(&Visit::web());
}

fn strangers_cannot_make_the_server_write_without_bound<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder.open_requests(5, 8));
    let nobody = || Browser::new(&host);
    for _ in 0..5 {
        nobody().begin(&Visit::web());
    }
    for _ in 0..20 {
        let full = nobody().send(Visit::web().get());
        is_page(&full, 503);
        assert_eq!(full.header("retry-after"), Some("1"));
    }
    for _ in 0..3 {
        nobody().begin(&Visit::spa());
    }
    is_page(&nobody().send(Visit::native().get()), 503);
    host.clock.advance(Duration::from_secs(1_800));
    nobody().begin(&Visit::web());
    let _ = block_on(host.server.maintain()).unwrap();
}
