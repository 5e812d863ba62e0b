//! The authorization endpoint: who is proved before anything is sent, who must sign in, who is asked, and who decides.

use oauth_core::audit::What;
use oauth_core::authorize::{Begun, BrowserSecret, Completed, ConsentToken, Decision, LoginReason, Shown};
use oauth_core::store::StoreErrorKind;
use oauth_core::types::{ClientId, Lifetime, Scope};
use oauth_core::wire::{Body, Method};
use oauth_core::{ClientSpec, Refusal};
use oauth_testkit::{Method as Call, Times, block_on};
use proptest::prelude::*;

use crate::browser::{
    CHALLENGE, NATIVE, SCOPE, SPA, Tab, Visit, WEB, alice, approve, page, people_in_browsers, posted, sent_back, spa,
    told, web, who,
};
use crate::world::{ISSUER, START, World};

fn plain() -> World {
    people_in_browsers(|builder| builder)
}

fn refused(begun: &Begun) -> Option<Refusal> {
    match begun {
        Begun::Page(page) => page.reason,
        _ => None,
    }
}

#[test]
fn a_user_signs_in_agrees_and_the_client_gets_tokens() {
    let world = plain();
    let visit = web().with("scope", SCOPE).with("nonce", "n-0S6_WzA2Mj");
    let tab = world.tab(&visit, None);
    let Shown::NeedLogin { reason: LoginReason::NobodySignedIn, .. } = world.look(&tab, None) else { panic!() };
    let prompt = world.prompt(&tab, &alice());
    assert_eq!((prompt.client_name.as_str(), prompt.redirect_host.as_str()), ("Notes <on> the web", "web.example"));
    let texts: Vec<_> = prompt.scopes.iter().map(|scope| (scope.name.as_str(), scope.text.as_deref())).collect();
    assert!(texts.contains(&("notes.read", Some("Read your notes"))) && texts.contains(&("notes.write", None)));
    let sent = sent_back(world.decide(&tab, &prompt.consent, &alice(), &approve(SCOPE)));
    assert_eq!((sent["state"].as_str(), sent["iss"].as_str()), ("a state", ISSUER));
    let tokens = world.redeem(&sent["code"]);
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    let access = world.verify(tokens.access_token()).unwrap();
    assert_eq!(access.require_user().unwrap().as_str(), "alice");
    assert_eq!(access.auth_time(), Some(START));
    let (_, id_token) = crate::world::peek(tokens.body["id_token"].as_str().unwrap());
    assert_eq!((&id_token["nonce"], &id_token["aud"]), (&"n-0S6_WzA2Mj".into(), &"web".into()));
    let family = world.family_of(&tokens);
    assert!(family.refresh.is_some() && family.code_digest.is_some());
    assert_eq!(family.scope.as_str(), Scope::parse(SCOPE).unwrap().as_str());
}

#[test]
fn nothing_is_sent_anywhere_until_client_and_redirect_uri_are_proved() {
    let world = plain();
    for (visit, why) in [
        (web().without("client_id"), Refusal::ClientIdMissing),
        (web().with("client_id", "nobody"), Refusal::ClientUnknown),
        (web().and("client_id", "web"), Refusal::ParameterRepeated),
        (web().without("redirect_uri"), Refusal::RedirectUriMissing),
        (web().with("redirect_uri", SPA), Refusal::RedirectUriUnknown),
        (web().and("redirect_uri", WEB), Refusal::ParameterRepeated),
        (web().and("scope", "x").and("redirect_uri", "https://evil.example"), Refusal::ParameterRepeated),
        (web().with("redirect_uri", "https://web.example/cb\t"), Refusal::ParameterCharacters),
    ] {
        let begun = world.visit(&visit, Some(&alice()));
        assert_eq!(refused(&begun), Some(why), "{}", visit.query());
        let Begun::Page(page) = begun else { panic!() };
        let response = page.response();
        assert!((400..500).contains(&response.status), "{response:?}");
        assert_eq!(response.header_value("location"), None);
        assert!(response.header_value("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
        let text = String::from_utf8(response.body).unwrap();
        assert!(!text.contains("evil") && !text.contains("nobody"), "{text}");
    }
}

#[test]
fn what_else_is_wrong_is_told_to_the_client_with_state_and_issuer() {
    let world = plain();
    for (visit, error) in [
        (web().without("response_type"), "invalid_request"),
        (web().with("response_type", "token"), "unsupported_response_type"),
        (web().with("response_type", "code code"), "unsupported_response_type"),
        (web().with("response_type", "id_token token"), "unsupported_response_type"),
        (web().with("response_mode", "fragment"), "invalid_request"),
        (web().without("code_challenge"), "invalid_request"),
        (web().without("code_challenge").without("code_challenge_method"), "invalid_request"),
        (web().with("code_challenge_method", "plain"), "invalid_request"),
        (web().with("code_challenge_method", "s256"), "invalid_request"),
        (web().without("code_challenge_method"), "invalid_request"),
        (web().with("code_challenge", &CHALLENGE[1..]), "invalid_request"),
        (web().with("scope", "a  b"), "invalid_scope"),
        (web().with("scope", "unheard_of"), "invalid_scope"),
        (web().and("scope", "notes.read"), "invalid_request"),
        (web().with("resource", "foo"), "invalid_target"),
        (web().with("resource", "https://unknown.example"), "invalid_target"),
        (web().with("prompt", "none login"), "invalid_request"),
        (web().with("prompt", "create"), "invalid_request"),
        (web().with("max_age", "-1"), "invalid_request"),
        (web().with("max_age", "1e9"), "invalid_request"),
        (web().with("max_age", "abc"), "invalid_request"),
        (web().with("max_age", "1180591620717411303424"), "invalid_request"),
        (web().with("nonce", &"n".repeat(513)), "invalid_request"),
        (web().with("id_token_hint", "e30.e30."), "invalid_request"),
        (web().with("request", "e30"), "request_not_supported"),
        (web().with("request_uri", "https://web.example/r"), "request_uri_not_supported"),
    ] {
        let sent = told(world.visit(&visit, None));
        assert_eq!(sent["error"], error, "{}", visit.query());
        assert_eq!((sent["state"].as_str(), sent["iss"].as_str()), ("a state", ISSUER));
        assert!(!sent.contains_key("code") && !sent.contains_key("access_token"));
    }
    assert_eq!(world.store.count(Call::BeginRequest), 0);
}

#[test]
fn state_comes_back_exactly_or_not_at_all() {
    let world = plain();
    for state in ["+", "%2B", "&a=b", "ünï <\"'>", " ", &"s".repeat(2_048)] {
        let sent = told(world.visit(&web().with("state", state).with("prompt", "none"), None));
        assert_eq!(sent["state"], state);
    }
    let absent = told(world.visit(&web().without("state").with("prompt", "none"), None));
    assert!(!absent.contains_key("state"));
    for state in ["a\nb", "\u{0}", "\u{85}", &"s".repeat(2_049)] {
        let sent = told(world.visit(&web().with("state", state), None));
        assert_eq!(sent["error"], "invalid_request", "{state:?}");
        assert!(!sent.contains_key("state"));
    }
}

#[test]
fn only_the_port_of_a_native_app_may_differ() {
    let world = plain();
    let native = Visit::of("native", NATIVE);
    for uri in ["http://127.0.0.1:51004/cb", "http://127.0.0.1/cb", "http://127.0.0.1:1/cb"] {
        let begun = world.visit(&native.clone().with("redirect_uri", uri), None);
        assert!(matches!(begun, Begun::Interaction { .. }), "{uri}");
    }
    for uri in ["http://localhost:51004/cb", "http://127.0.0.1:51004/cb/", "https://127.0.0.1/cb", "http://[::1]/cb"] {
        let begun = world.visit(&native.clone().with("redirect_uri", uri), None);
        assert_eq!(refused(&begun), Some(Refusal::RedirectUriUnknown), "{uri}");
    }
}

#[test]
fn a_form_is_read_like_a_query_and_everything_else_is_not() {
    let world = plain();
    let mut posted = web().request();
    posted.method = Method::Post;
    posted.query = None;
    posted.body = Body::Whole(web().query().into_bytes());
    assert_eq!(refused(&block_on(world.server.begin(&posted, None, None))), Some(Refusal::MediaType));
    posted.headers.push("content-type", b"application/x-www-form-urlencoded");
    assert!(matches!(block_on(world.server.begin(&posted, None, None)), Begun::Interaction { .. }));
    for method in [Method::Head, Method::Put, Method::Options] {
        let mut request = web().request();
        request.method = method;
        let begun = block_on(world.server.begin(&request, Some(&alice()), None));
        assert_eq!(refused(&begun), Some(Refusal::MethodNotAllowed));
        let Begun::Page(page) = begun else { panic!() };
        assert_eq!(page.response().header_value("allow"), Some("GET, POST"));
    }
    for (name, value) in [("purpose", "prefetch"), ("sec-purpose", "prefetch;prerender"), ("x-moz", "Prefetch")] {
        let mut request = web().request();
        request.headers.push(name, value.as_bytes());
        let begun = block_on(world.server.begin(&request, Some(&alice()), None));
        assert_eq!(refused(&begun), Some(Refusal::Prefetch));
    }
}

#[test]
fn an_interaction_belongs_to_the_browser_that_began_it() {
    let world = plain();
    let tab = world.tab(&web(), Some(&alice()));
    let other = world.tab(&web(), Some(&alice()));
    let prompt = world.prompt(&tab, &alice());
    let stolen = Tab { handle: tab.handle.clone(), browser: other.browser.clone() };
    let Shown::Page(page) = world.look(&stolen, Some(&alice())) else { panic!() };
    assert_eq!((page.status, page.reason), (403, Some(Refusal::InteractionForeign)));
    let Completed::Page(page) = world.decide(&stolen, &prompt.consent, &alice(), &approve("notes.read")) else {
        panic!()
    };
    assert_eq!(page.reason, Some(Refusal::InteractionForeign));
    // the same session of the host, in another tab
    let session = BrowserSecret::from_host_session(b"0123456789abcdef").unwrap();
    assert!(BrowserSecret::from_host_session(b"short").is_err());
    let begun = block_on(world.server.begin(&web().request(), None, Some(session.clone())));
    let Begun::Interaction { handle, .. } = begun else { panic!() };
    let again = BrowserSecret::from_host_session(b"0123456789abcdef").unwrap();
    assert!(matches!(world.look(&Tab { handle, browser: again }, None), Shown::NeedLogin { .. }));
}

#[test]
fn consent_is_bound_to_user_sign_in_and_what_was_shown() {
    let world = plain();
    let tab = world.tab(&web(), Some(&alice()));
    let prompt = world.prompt(&tab, &alice());
    let elsewhere = world.prompt(&world.tab(&web(), Some(&alice())), &alice());
    let bobs = world.prompt(&tab, &who("bob", START));
    let later = who("alice", START.plus(Lifetime::SECOND));
    let nothing = ConsentToken::presented("");
    for (consent, signed_in, decision, why) in [
        (&nothing, alice(), approve("notes.read"), Refusal::ConsentTokenWrong),
        (&elsewhere.consent, alice(), approve("notes.read"), Refusal::ConsentTokenWrong),
        (&bobs.consent, alice(), approve("notes.read"), Refusal::ConsentTokenWrong),
        (&prompt.consent, who("bob", START), approve("notes.read"), Refusal::ConsentTokenWrong),
        (&prompt.consent, later, approve("notes.read"), Refusal::ConsentTokenWrong),
        (&prompt.consent, alice(), approve("notes.read openid"), Refusal::ScopeNotShown),
        (&nothing, alice(), Decision::Deny, Refusal::ConsentTokenWrong),
    ] {
        let Completed::Page(page) = world.decide(&tab, consent, &signed_in, &decision) else { panic!() };
        assert_eq!((page.status, page.reason), (403, Some(why)));
    }
    let read = block_on(world.server.complete(
        &page(),
        &tab.handle,
        &tab.browser,
        &prompt.consent,
        &alice(),
        &approve("notes.read"),
    ));
    let Completed::Page(page) = read else { panic!() };
    assert_eq!((page.status, page.reason), (403, Some(Refusal::DecisionNotPosted)));
    assert_eq!(world.store.count(Call::DecideRequest), 0);
    assert!(matches!(world.decide(&tab, &prompt.consent, &alice(), &approve("notes.read")), Completed::Redirect(_)));
}

#[test]
fn a_prompt_that_was_looked_at_for_ten_minutes_is_not_believed() {
    let world = plain();
    let tab = world.tab(&web(), Some(&alice()));
    let prompt = world.prompt(&tab, &alice());
    world.advance(600);
    let Completed::Page(page) = world.decide(&tab, &prompt.consent, &alice(), &approve("notes.read")) else { panic!() };
    assert_eq!(page.reason, Some(Refusal::ConsentTokenWrong));
    let fresh = world.prompt(&tab, &alice());
    world.advance(1_200);
    let Shown::Page(page) = world.look(&tab, Some(&alice())) else { panic!() };
    assert_eq!(page.reason, Some(Refusal::InteractionExpired));
    let Completed::Page(page) = world.decide(&tab, &fresh.consent, &alice(), &approve("notes.read")) else { panic!() };
    assert_eq!(page.reason, Some(Refusal::InteractionExpired));
}

#[test]
fn a_decision_counts_once() {
    let world = plain();
    let tab = world.tab(&web(), Some(&alice()));
    let prompt = world.prompt(&tab, &alice());
    let denied = sent_back(world.decide(&tab, &prompt.consent, &alice(), &Decision::Deny));
    assert_eq!(denied["error"], "access_denied");
    for decision in [approve("notes.read"), Decision::Deny] {
        world.trail.take();
        let again = world.decide(&tab, &prompt.consent, &alice(), &decision);
        let Completed::AlreadyDecided(page) = again else { panic!("{again:?}") };
        assert_eq!((page.status, page.reason), (403, Some(Refusal::InteractionDecided)));
        let [event] = &world.trail.take()[..] else { panic!("one event") };
        assert_eq!(event.what, What::Refused(Refusal::InteractionDecided));
        let (client, subject) = (event.client.as_ref().unwrap(), event.subject.as_ref().unwrap());
        assert_eq!((client.as_str(), subject.as_str(), event.correlation_id), ("web", "alice", page.request));
    }
    let Shown::Page(page) = world.look(&tab, Some(&alice())) else { panic!() };
    assert_eq!(page.reason, Some(Refusal::InteractionDecided));
    let nothing = world.tab(&web(), Some(&alice()));
    let prompt = world.prompt(&nothing, &alice());
    let denied = sent_back(world.decide(&nothing, &prompt.consent, &alice(), &approve("")));
    assert_eq!(denied["error"], "access_denied", "approving nothing is a denial");
}

#[test]
fn a_user_may_allow_a_part() {
    let world = plain();
    let tab = world.tab(&web(), Some(&alice()));
    let prompt = world.prompt(&tab, &alice());
    let sent = sent_back(world.decide(&tab, &prompt.consent, &alice(), &approve("notes.read")));
    let tokens = world.redeem(&sent["code"]);
    assert_eq!(tokens.body["scope"], "notes.read");
}

#[test]
fn prompt_and_max_age_ask_for_a_fresh_sign_in_and_are_content_with_one() {
    let world = plain();
    for (visit, reason) in [
        (web().with("prompt", "login"), LoginReason::Prompt),
        (web().with("prompt", "select_account"), LoginReason::SelectAccount),
        (web().with("max_age", "0"), LoginReason::TooLongAgo),
        (web().with("max_age", "59"), LoginReason::TooLongAgo),
    ] {
        let before = alice();
        let now = world.later(60);
        let tab = world.tab(&visit, Some(&who("alice", now.minus(Lifetime::of_seconds(60)))));
        let Shown::NeedLogin { reason: why, .. } = world.look(&tab, Some(&before)) else { panic!() };
        assert_eq!(why, reason, "{}", visit.query());
        assert_eq!(world.prompt(&tab, &who("alice", now)).subject.as_str(), "alice");
    }
    let now = world.later(1);
    let tab = world.tab(&web(), None);
    let ahead = who("alice", now.plus(Lifetime::of_seconds(6)));
    let Shown::NeedLogin { reason: LoginReason::NotYet, .. } = world.look(&tab, Some(&ahead)) else { panic!() };
    world.add_user("carol", false);
    for nobody in ["carol", "nobody"] {
        let shown = world.look(&tab, Some(&who(nobody, now)));
        assert!(matches!(shown, Shown::NeedLogin { reason: LoginReason::NotActive, .. }), "{shown:?}");
    }
}

#[test]
fn prompt_none_answers_at_once() {
    let world = plain();
    let silent = web().with("prompt", "none");
    assert_eq!(told(world.visit(&silent, None))["error"], "login_required");
    assert_eq!(told(world.visit(&silent, Some(&alice())))["error"], "consent_required");
    world.code(&web(), &alice());
    let sent = told(world.visit(&silent, Some(&alice())));
    assert_eq!(world.redeem(&sent["code"]).status, 200);
    let wide = silent.clone().with("scope", "notes.read openid");
    assert_eq!(told(world.visit(&wide, Some(&alice())))["error"], "consent_required");
    assert_eq!(told(world.visit(&silent, Some(&who("bob", START))))["error"], "consent_required");
    let old = silent.with("max_age", "5");
    world.advance(6);
    assert_eq!(told(world.visit(&old, Some(&alice())))["error"], "login_required");
}

#[test]
fn an_id_token_of_ours_says_whom_the_client_expects() {
    let world = plain();
    let code = world.code(&web().with("scope", "openid"), &alice());
    let hint = world.redeem(&code).body["id_token"].as_str().unwrap().to_owned();
    let visit = web().with("id_token_hint", &hint);
    let tab = world.tab(&visit, Some(&who("bob", START)));
    let shown = world.look(&tab, Some(&who("bob", START)));
    assert!(matches!(shown, Shown::NeedLogin { reason: LoginReason::OtherUser, .. }), "{shown:?}");
    assert_eq!(world.prompt(&tab, &alice()).subject.as_str(), "alice");
    let for_another = spa().with("id_token_hint", &hint);
    assert_eq!(told(world.visit(&for_another, None))["error"], "invalid_request");
}

#[test]
fn an_answer_can_be_posted() {
    let world = plain();
    let visit = web().with("response_mode", "form_post").with("state", "\"><script>alert(1)</script>");
    let tab = world.tab(&visit, Some(&alice()));
    let prompt = world.prompt(&tab, &alice());
    let Completed::Redirect(redirect) = world.decide(&tab, &prompt.consent, &alice(), &approve("notes.read")) else {
        panic!()
    };
    let response = redirect.response();
    assert_eq!((response.status, response.header_value("location")), (200, None));
    let html = String::from_utf8(response.body.clone()).unwrap();
    assert!(html.contains("action=\"https://web.example/cb\"") && html.contains("name=\"code\""));
    assert!(html.contains("&quot;&gt;&lt;script&gt;") && !html.contains("<script>alert"));
    let policy = response.header_value("content-security-policy").unwrap();
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("script-src 'sha256-"));
    assert!(!format!("{redirect:?}{response:?}").contains("script"));
}

#[test]
fn the_client_may_be_gone_and_its_uri_too_before_the_decision() {
    let world = plain();
    let tab = world.tab(&web(), Some(&alice()));
    let prompt = world.prompt(&tab, &alice());
    let moved = ClientSpec::confidential("web")
        .name("Notes <on> the web")
        .grants(["authorization_code", "refresh_token"])
        .scope(SCOPE)
        .audience(["orders"])
        .redirect_uris(["https://web.example/new"]);
    block_on(world.server.ensure_client(moved)).unwrap();
    let Completed::Page(page) = world.decide(&tab, &prompt.consent, &alice(), &approve("notes.read")) else { panic!() };
    assert_eq!(page.reason, Some(Refusal::RedirectUriUnknown));
    world.advance(1);
    block_on(world.server.set_client_active(&ClientId::parse("web").unwrap(), false)).unwrap();
    let Shown::Page(page) = world.look(&tab, Some(&alice())) else { panic!() };
    assert_eq!(page.reason, Some(Refusal::InteractionExpired));
    assert_eq!(refused(&world.visit(&web(), None)), Some(Refusal::ClientInactive));
}

#[test]
fn strangers_make_the_server_keep_no_more_than_the_limit() {
    let world = people_in_browsers(|builder| builder.open_requests(3, 5));
    for _ in 0..3 {
        world.tab(&web(), None);
    }
    let Begun::Page(full) = world.visit(&web(), None) else { panic!() };
    assert_eq!((full.status, full.reason), (503, Some(Refusal::TooManyInteractions)));
    assert!(full.response().header_value("retry-after").is_some());
    world.tab(&spa(), None);
    world.tab(&spa(), None);
    assert_eq!(refused(&world.visit(&spa(), None)), Some(Refusal::TooManyInteractions));
    world.advance(1_800);
    world.tab(&web(), None);
}

#[test]
fn each_call_asks_the_stores_as_often_as_it_must() {
    let world = plain();
    let counts = |world: &World| {
        let grants = [Call::BeginRequest, Call::FindRequest, Call::DecideRequest, Call::IssueCode, Call::FindConsent];
        let count = |calls: &[Call]| calls.iter().map(|call| world.store.count(*call)).sum::<usize>();
        let counted = (count(&[Call::Find]), count(&[Call::FindBySubject]), count(&grants));
        let of_codes = count(&[Call::FindCode, Call::RedeemCode]);
        assert_eq!(world.store.calls().len(), counted.0 + counted.1 + counted.2 + of_codes, "and nothing else");
        world.store.forget();
        counted
    };
    let tab = world.tab(&web(), None);
    assert_eq!(counts(&world), (1, 0, 1), "begin, nobody signed in");
    world.tab(&web(), Some(&alice()));
    assert_eq!(counts(&world), (1, 1, 2), "begin, somebody signed in");
    let prompt = world.prompt(&tab, &alice());
    counts(&world);
    let code = sent_back(world.decide(&tab, &prompt.consent, &alice(), &approve("notes.read")))["code"].clone();
    assert_eq!(counts(&world), (1, 1, 2), "complete");
    told(world.visit(&web().with("scope", "notes.read"), Some(&alice())));
    assert_eq!(counts(&world), (1, 1, 2), "begin, covered");
    assert_eq!(world.redeem(&code).status, 200);
    let redeemed = (world.store.count(Call::FindCode), world.store.count(Call::RedeemCode), counts(&world));
    assert_eq!(redeemed, (1, 1, (1, 1, 0)), "redemption");
}

#[test]
fn a_broken_store_is_our_fault_and_loses_nothing() {
    let world = plain();
    for call in [Call::Find, Call::BeginRequest] {
        world.store.fail(call, StoreErrorKind::Unavailable, Times::Nth(1));
        let begun = world.visit(&web(), None);
        let Begun::Page(page) = begun else { panic!("{call}: {begun:?}") };
        assert_eq!((page.status, page.reason), (503, None), "{call}");
    }
    world.store.fail(Call::FindConsent, StoreErrorKind::Unavailable, Times::Nth(1));
    assert_eq!(told(world.visit(&web(), Some(&alice())))["error"], "temporarily_unavailable");
    let tab = world.tab(&web(), Some(&alice()));
    let prompt = world.prompt(&tab, &alice());
    for call in [Call::FindRequest, Call::Find, Call::FindBySubject, Call::DecideRequest] {
        world.store.fail(call, StoreErrorKind::Unavailable, Times::Nth(1));
        let Completed::Page(page) = world.decide(&tab, &prompt.consent, &alice(), &approve("notes.read")) else {
            panic!("{call}")
        };
        assert_eq!((page.status, page.reason), (503, None), "{call}");
    }
    let sent = sent_back(world.decide(&tab, &prompt.consent, &alice(), &approve("notes.read")));
    assert_eq!(world.redeem(&sent["code"]).status, 200);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_query_panics_and_none_redirects_to_where_the_client_did_not_register(
        pairs in prop::collection::vec((
            prop::sample::select(vec![
                "client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "prompt", "max_age",
                "response_mode", "resource", "nonce", "id_token_hint", "request", "x",
            ]),
            prop_oneof![
                Just("web".to_owned()), Just(WEB.to_owned()), Just("code".to_owned()), Just("none".to_owned()),
                Just("https://evil.example/cb".to_owned()), any::<String>(),
            ],
        ), 0..12),
        raw in prop::option::of(any::<String>()),
    ) {
        let world = plain();
        let mut visit = web();
        for (name, value) in &pairs {
            visit = visit.and(name, value);
        }
        let mut request = visit.request();
        if let Some(raw) = raw {
            request.query = Some(raw);
        }
        match block_on(world.server.begin(&request, Some(&alice()), None)) {
            Begun::Redirect(redirect) => {
                let response = redirect.response();
                if let Some(location) = response.header_value("location") {
                    prop_assert!(location.starts_with("https://web.example/cb?"), "{}", location);
                }
            }
            Begun::Interaction { .. } | Begun::Page(_) => {}
        }
        let _ = posted();
    }
}
