//! Z1 to Z9, Z16 to Z18: who may ask at the authorization endpoint for what, and where the answer goes.

use oauth_core::ClientSpec;
use oauth_testkit::{Method as Call, block_on};

use crate::on_every_store;
use crate::support::{
    Answer, Ask, Backend, Browser, CHALLENGE, Host, NATIVE, SPA, START, Visit, WEB, form_encode, user_client,
};

on_every_store!(
    a_user_signs_in_agrees_and_the_client_gets_tokens,
    z01_no_redirect_until_client_and_uri_are_proved,
    z02_redirect_uris_match_byte_for_byte,
    z03_only_the_port_of_a_loopback_uri_may_differ,
    z04_dangerous_redirect_uris_never_register,
    z05_every_answer_to_a_client_names_the_issuer_once,
    z06_response_types_and_modes_are_closed_lists,
    z07_pkce_is_required_and_s256_only,
    z08_state_is_returned_exactly_or_refused,
    z09_an_answer_after_credentials_is_303,
    z16_nothing_that_a_stranger_wrote_becomes_markup,
    z17_there_is_no_open_redirector,
    z18_head_and_prefetch_decide_nothing,
    p16_a_malformed_scope_is_told_to_the_client,
    p17_an_over_wide_scope_is_narrowed_and_an_unknown_one_refused,
);

/// A page of ours, for the user: no client learns anything.
#[track_caller]
fn is_page(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.text().contains("<h1>"), "{answer:?}");
    assert!(!answer.text().contains("evil") && !answer.text().contains("script"), "{answer:?}");
}

#[track_caller]
fn is_told<B: Backend>(host: &Host<B>, visit: &Visit, error: &str) {
    for ask in [visit.get(), visit.post()] {
        let members = Browser::of(host, "alice").send(ask).sent_to(WEB);
        assert_eq!(members["error"], error, "{}", visit.query());
        assert_eq!(members["state"], "a state");
    }
}

fn a_user_signs_in_agrees_and_the_client_gets_tokens<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let browser = Browser::new(&host);
    let page = browser.begin(&Visit::web());
    assert_eq!(browser.cookies().len(), 1);
    assert_eq!(browser.get(&page).text(), "login NobodySignedIn");
    browser.sign_in("alice", START);
    let shows = browser.look(&page);
    assert_eq!((shows.client.as_str(), shows.scope.as_str()), ("web", "orders.read orders.write"));
    let code = browser.allow(&page, &shows, "orders.read").code(WEB);
    assert!(browser.get(&page).text().contains("This sign-in is done."), "whoever goes back reads so");
    let tokens = host.redeem(&code);
    assert_eq!(tokens.scope(), "orders.read");
    assert_eq!(host.send(&Ask::new("GET", "/me").bearer(&tokens.token())).text(), "alice");
}

fn z01_no_redirect_until_client_and_uri_are_proved<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    for visit in [
        Visit::web().without("client_id"),
        Visit::web().with("client_id", "nobody"),
        Visit::web().with("client_id", "evil <script>"),
        Visit::web().and("client_id", "web"),
        Visit::web().without("redirect_uri"),
        Visit::web().with("redirect_uri", "https://evil.example/cb"),
        Visit::web().with("redirect_uri", SPA),
        Visit::web().and("redirect_uri", WEB),
        Visit::web().and("redirect_uri", "https://evil.example/cb"),
        // whatever else is wrong or right
        Visit::web().with("redirect_uri", "https://evil.example/cb").with("prompt", "none"),
        Visit::web().with("redirect_uri", "https://evil.example/cb").with("response_mode", "form_post"),
    ] {
        for browser in [Browser::new(&host), Browser::of(&host, "alice")] {
            is_page(&browser.send(visit.get()), 400);
            is_page(&browser.send(visit.post()), 400);
            assert_eq!(browser.cookies(), []);
        }
    }
    // nor is one parameter taken from the query and another from the form
    let split = Ask::new("POST", &format!("/oauth/authorize?redirect_uri={}", form_encode(WEB)));
    is_page(&Browser::new(&host).send(split.form(Visit::web().without("redirect_uri").query())), 400);
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let ask = Ask::new(method, &format!("/oauth/authorize?{}", Visit::web().query()));
        let answer = Browser::of(&host, "alice").send(ask);
        is_page(&answer, 405);
        assert_eq!(answer.header("allow"), Some("GET, POST"));
    }
    assert!(!host.calls().contains(&Call::BeginRequest));
}

fn z02_redirect_uris_match_byte_for_byte<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    for other in [
        "https://web.example/cb/",
        "https://web.example/CB",
        "https://web.example/cb?x=1",
        "https://web.example/cb?",
        "https://web.example/cb/../x",
        "https://web.example/cb%2f..",
        "HTTPS://web.example/cb",
        "https://WEB.example/cb",
        "https://web.example:443/cb",
        "https://web.example./cb",
        "https://good@web.example/cb",
        "https://web.example@evil.example/cb",
        "https://evil.example\\@web.example/cb",
        "//web.example/cb",
        "https:web.example/cb",
        "https://xn--wb-9ka.example/cb",
        "https://w\u{435}b.example/cb",
        "https://web.example/cb#",
        "https://web.example/cb#f",
        "https://web.example/cb\t",
        "https://web.example/cb\r\n",
        " https://web.example/cb",
        "https://web.example:8443/cb",
        "web",
    ] {
        is_page(&Browser::of(&host, "alice").send(Visit::of("web", other).get()), 400);
    }
    Browser::of(&host, "alice").begin(&Visit::web());
}

fn z03_only_the_port_of_a_loopback_uri_may_differ<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    host.register(user_client(ClientSpec::public("native6"), "http://[::1]/cb"));
    for (client, uri) in [
        ("native", NATIVE),
        ("native", "http://127.0.0.1:1/cb"),
        ("native", "http://127.0.0.1:65535/cb"),
        ("native6", "http://[::1]:51004/cb"),
    ] {
        let browser = Browser::of(&host, "alice");
        let code = browser.code(&Visit::of(client, uri));
        // and it is that port which belongs to the code
        if uri != NATIVE {
            host.redeem_public(client, NATIVE, &code).is(400, "invalid_grant");
        }
        assert_eq!(host.redeem_public(client, uri, &code).status, 200, "{uri}");
    }
    for uri in [
        "http://127.0.0.1:51004/other",
        "http://127.0.0.1:51004/cb?x=1",
        "https://127.0.0.1:51004/cb",
        "http://127.1:51004/cb",
        "http://0x7f.1:51004/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.1:1@evil.example/cb",
        "http://[::ffff:127.0.0.1]/cb",
        "http://[::1]/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:/cb",
        "http://user@127.0.0.1/cb",
        "http://localhost/cb",
        "http://localhost:51004/cb",
    ] {
        is_page(&Browser::of(&host, "alice").send(Visit::of("native", uri).get()), 400);
    }
    let spec = ClientSpec::public("old").grants(["authorization_code"]).scope("orders.read").audience(["orders"]);
    host.register(spec.localhost_redirect_uri("http://localhost:8080/cb"));
    Browser::of(&host, "alice").begin(&Visit::of("old", "http://localhost:8080/cb").with("scope", "orders.read"));
}

fn z04_dangerous_redirect_uris_never_register<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    for uri in [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://web.example/x",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "\0javascript:alert(1)",
        "myapp:/cb",
        "MyApp.example:/cb",
        "http://web.example/cb",
        "http://localhost/cb",
        "https://good@web.example/cb",
        "https://web.example/cb#f",
        "https:///cb",
        "/cb",
        "",
        "https://web.example/cb?code=x",
        "https://web.example/cb?a=b&state=x",
        "https://web.example/cb?iss=x",
        "https://web.example/cb?error",
        "https://web.example/cb?response=x",
    ] {
        let made = block_on(host.server.ensure_client(user_client(ClientSpec::public("danger"), uri)));
        assert!(made.is_err(), "{uri:?}");
    }
    assert!(block_on(host.backend.find(&"danger".parse().unwrap())).unwrap().is_none());
    for uri in ["com.example.app:/cb", "https://web.example/cb?codes=x"] {
        let id = format!("fine-{}", uri.len());
        host.register(user_client(ClientSpec::public(&id), uri));
        let answer = Browser::of(&host, "alice").send(Visit::of(&id, uri).with("prompt", "none").get());
        assert!(answer.header("location").unwrap().starts_with(uri), "{answer:?}");
    }
}

fn z05_every_answer_to_a_client_names_the_issuer_once<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let metadata = host.get("/.well-known/oauth-authorization-server").json();
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    assert_eq!(metadata["authorization_endpoint"], "https://as.example/oauth/authorize");
    // `sent_to` looks at `iss`
    let browser = Browser::of(&host, "alice");
    let page = browser.begin(&Visit::web());
    let denied = browser.deny(&page, &browser.look(&page)).sent_to(WEB);
    assert_eq!((denied["error"].as_str(), denied["state"].as_str()), ("access_denied", "a state"));
    assert_eq!(browser.answer(&Visit::web()).sent_to(WEB)["state"], "a state");
    let remembered = browser.send(Visit::web().get()).sent_to(WEB);
    assert!(remembered.contains_key("code"));
    let posted = browser.send(Visit::web().with("response_mode", "form_post").post()).text();
    assert_eq!(posted.matches("name=\"iss\" value=\"https://as.example\"").count(), 1, "{posted}");
    assert_eq!(posted.matches("name=\"state\" value=\"a state\"").count(), 1, "{posted}");
    assert!(posted.contains("action=\"https://web.example/cb\"") && posted.contains("name=\"code\""), "{posted}");
}

fn z06_response_types_and_modes_are_closed_lists<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    is_told(&host, &Visit::web().without("response_type"), "invalid_request");
    is_told(&host, &Visit::web().with("response_type", ""), "invalid_request");
    for other in ["token", "id_token", "id_token token", "code token", "code code", "Code", "none"] {
        is_told(&host, &Visit::web().with("response_type", other), "unsupported_response_type");
    }
    for mode in ["fragment", "query.jwt", "Query", "web_message"] {
        is_told(&host, &Visit::web().with("response_mode", mode), "invalid_request");
    }
    is_told(&host, &Visit::web().with("request", "e30.e30."), "request_not_supported");
    is_told(&host, &Visit::web().with("request_uri", "https://web.example/r"), "request_uri_not_supported");
    let metadata = host.get("/.well-known/oauth-authorization-server").json();
    assert_eq!(metadata["response_types_supported"], serde_json::json!(["code"]));
    assert_eq!(metadata["response_modes_supported"], serde_json::json!(["query", "form_post"]));
    let browser = Browser::of(&host, "alice");
    browser.begin(&Visit::web().with("response_mode", "query"));
}

fn z07_pkce_is_required_and_s256_only<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let none = Visit::web().without("code_challenge").without("code_challenge_method");
    for visit in [
        none.clone(),
        none.with("code_challenge_method", "S256"),
        Visit::web().without("code_challenge_method"),
        Visit::web().with("code_challenge_method", "plain"),
        Visit::web().with("code_challenge_method", "s256"),
        Visit::web().with("code_challenge", &CHALLENGE[1..]),
        Visit::web().with("code_challenge", &format!("{CHALLENGE}A")),
        Visit::web().with("code_challenge", &CHALLENGE.replace('-', "+")),
        Visit::web().with("code_challenge", &format!("{}=", &CHALLENGE[1..])),
        Visit::web().and("code_challenge", CHALLENGE),
    ] {
        is_told(&host, &visit, "invalid_request");
    }
    let metadata = host.get("/.well-known/oauth-authorization-server").json();
    assert_eq!(metadata["code_challenge_methods_supported"], serde_json::json!(["S256"]));
}

fn z08_state_is_returned_exactly_or_refused<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let long = "s".repeat(2_048);
    for state in ["+", "%2B", "%", "&a=b", "=", " ", "\u{fc}n\u{ef} \u{1f600} <\"'>", &long] {
        for ask in [Visit::web().with("state", state).get(), Visit::web().with("state", state).post()] {
            let browser = Browser::of(&host, "alice");
            let page = browser.send(ask).header("location").unwrap().to_owned();
            let answer = browser.deny(&page, &browser.look(&page));
            assert_eq!(answer.sent_to(WEB)["state"], state);
        }
    }
    let absent = Browser::new(&host).send(Visit::web().without("state").with("prompt", "none").get());
    assert!(!absent.sent_to(WEB).contains_key("state"));
    for state in ["a\r\nSet-Cookie: x=1", "\0", "\u{7f}", "\t", &"s".repeat(2_049)] {
        let answer = Browser::new(&host).send(Visit::web().with("state", state).get());
        let members = answer.sent_to(WEB);
        assert_eq!((members["error"].as_str(), members.get("state")), ("invalid_request", None));
        assert_eq!(answer.all("set-cookie"), Vec::<&str>::new());
    }
    is_told(&host, &Visit::web().with("scope", "a  b"), "invalid_scope");
}

fn z09_an_answer_after_credentials_is_303<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let browser = Browser::of(&host, "alice");
    // `check_page` refuses 301, 302, 307 and 308 of everything here
    let page = browser.send(Visit::web().post()).header("location").unwrap().to_owned();
    let shows = browser.look(&page);
    let answer = browser.send(Browser::<B>::allowing(&page, &shows, "orders.read").header("x", "y"));
    assert_eq!((answer.status, answer.body.len()), (303, 0));
    assert!(!format!("{answer:?}").contains(&shows.consent), "the form is not sent on");
}

fn z16_nothing_that_a_stranger_wrote_becomes_markup<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let markup = "\"'><script>alert(1)</script>";
    for name in ["client_id", "redirect_uri", "state", "scope", "response_type", "prompt", "nonce", "login_hint", "x"] {
        for visit in [Visit::web().with(name, markup), Visit::web().and(name, markup)] {
            for mode in ["query", "form_post"] {
                let answer = Browser::of(&host, "alice").send(visit.clone().with("response_mode", mode).get());
                let text = answer.text();
                assert!(!text.contains("alert") || text.contains("&lt;script&gt;alert(1)"), "{answer:?}");
                assert!(!text.contains("<script>alert") && !text.contains("\"'>"), "{answer:?}");
            }
        }
    }
    let browser = Browser::of(&host, "alice");
    for query in [markup, &form_encode(markup), "interaction=%22%3E%3Cscript%3E"] {
        let target = format!("/consent?{}", query.replace(['"', '\'', '<', '>'], "%3C"));
        is_page(&browser.get(&target), 400);
    }
}

fn z17_there_is_no_open_redirector<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let browser = Browser::of(&host, "alice");
    let page = browser.begin(&Visit::web());
    for evil in ["https://evil.example", "//evil.example", "\\\\evil.example", "/\\evil.example", "%2f%2fevil.example"]
    {
        for name in ["return_to", "next", "redirect_uri", "post_logout_redirect_uri", "iss", "interaction_page"] {
            let more = format!("{name}={}", form_encode(evil));
            let visit = Browser::of(&host, "alice").get(&format!("/oauth/authorize?{more}"));
            is_page(&visit, 400);
            // beside a good request it is one parameter more, or one twice
            let beside = Browser::of(&host, "bob").get(&format!("/oauth/authorize?{}&{more}", Visit::web().query()));
            assert!(beside.status == 400 || beside.header("location").unwrap().starts_with("/consent?"), "{beside:?}");
            let shows = browser.get(&format!("{page}&{more}"));
            assert!(shows.text().starts_with("prompt ") && !shows.text().contains("evil"), "{shows:?}");
            is_page(&browser.get(&format!("/consent?{more}")), 400);
        }
    }
}

fn z18_head_and_prefetch_decide_nothing<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let browser = Browser::of(&host, "alice");
    // consent is remembered: a GET would be answered with a code
    browser.code(&Visit::web());
    let late = Browser::new(&host);
    let page = late.begin(&Visit::web());
    late.sign_in("alice", START);
    host.forget();
    let target = format!("/oauth/authorize?{}", Visit::web().query());
    let head = browser.send(Ask::new("HEAD", &target));
    assert_eq!((head.status, head.header("location")), (405, None));
    for (name, value) in [
        ("purpose", "prefetch"),
        ("sec-purpose", "prefetch;prerender"),
        ("x-moz", "prefetch"),
        ("x-purpose", "preview"),
    ] {
        is_page(&browser.send(Visit::web().get().header(name, value)), 403);
        let looked = late.send(Ask::new("GET", &page).header(name, value));
        assert!(looked.text().starts_with("prompt "), "{looked:?}");
    }
    let looked = late.send(Ask::new("HEAD", &page));
    assert_eq!((looked.status, looked.header("location")), (200, None));
    for call in [Call::BeginRequest, Call::IssueCode, Call::DecideRequest] {
        assert!(!host.calls().contains(&call), "{call}");
    }
    assert!(late.get(&page).sent_to(WEB).contains_key("code"));
    assert!(browser.send(Visit::web().get()).sent_to(WEB).contains_key("code"));
}

fn p16_a_malformed_scope_is_told_to_the_client<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    for scope in [" orders.read", "orders.read ", "a  b", "a\tb", "a\"b", "a\\b", "\u{e9}", "a\u{7f}"] {
        let visit = Visit::web().with("scope", scope);
        let members = Browser::of(&host, "alice").send(visit.get()).sent_to(WEB);
        assert_eq!(members["error"], "invalid_scope", "{scope:?}");
    }
}

fn p17_an_over_wide_scope_is_narrowed_and_an_unknown_one_refused<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let browser = Browser::of(&host, "alice");
    let page = browser.begin(&Visit::web().with("scope", "orders.write admin orders.read orders.read"));
    let shows = browser.look(&page);
    assert_eq!(shows.scope, "orders.read orders.write", "nothing is asked of the user that cannot be given");
    assert_eq!(host.redeem(&browser.allow(&page, &shows, &shows.scope).code(WEB)).scope(), shows.scope);
    is_told(&host, &Visit::web().with("scope", "admin"), "invalid_scope");
    // a part that was not shown cannot be allowed
    let page = browser.begin(&Visit::web().with("scope", "orders.read").with("prompt", "consent"));
    let shows = browser.look(&page);
    is_page(&browser.allow(&page, &shows, "orders.read orders.write"), 403);
    let strict = Host::<B>::browsers(|builder| builder.scope_mode(oauth_core::ScopeMode::Refuse));
    is_told(&strict, &Visit::web().with("scope", "orders.read admin"), "invalid_scope");
}
