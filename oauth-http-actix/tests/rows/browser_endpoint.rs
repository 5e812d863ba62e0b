//! G: what holds of the authorization endpoint and of the pages behind it.

use oauth_core::AuthorizationServer;
use oauth_core::authorize::{Begun, SignedIn};
use oauth_core::wire::{Method, Request};
use oauth_testkit::block_on;

use super::every_endpoint::are_unguessable;
use crate::on_every_store;
use crate::support::{
    Ask, Backend, Browser, Connection, Host, NATIVE, Registered, SPA, START, Visit, WEB, form_encode,
};

on_every_store!(
    g03_no_input_becomes_a_header_of_a_redirect,
    g06_scripts_read_only_what_their_origin_may,
    g07_redirects_follow_configuration_only,
    g08_ambiguous_http_is_refused,
    g09_no_page_can_be_framed_or_leaks_its_address,
    g11_a_stolen_store_holds_no_code_handle_or_browser_secret,
    g12_codes_handles_and_browser_secrets_are_unguessable,
    p06_a_posted_request_is_a_form_within_the_limits,
);

fn g03_no_input_becomes_a_header_of_a_redirect<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let plain = Browser::of(&host, "alice").send(Visit::web().with("prompt", "none").get());
    for name in ["state", "scope", "client_id", "redirect_uri", "nonce", "login_hint", "response_mode", "x"] {
        for end in ["\r\nSet-Cookie: x=1", "\nX-Injected: 1", "\r\n\r\n<html>", "\0", "\u{e9}\u{1f600}"] {
            let value = format!("a{end}");
            let answer = Browser::of(&host, "alice").send(Visit::web().with("prompt", "none").with(name, &value).get());
            assert_eq!((answer.all("set-cookie"), answer.header("x-injected")), (Vec::new(), None), "{answer:?}");
            if answer.status == 303 {
                assert_eq!(answer.names(), plain.names(), "{name}");
                assert!(answer.header("location").unwrap().is_ascii());
            }
        }
    }
    // bytes that no target can hold are no request at all
    for raw in ["/oauth/authorize?state=a\rb", "/oauth/authorize?state=a\0b"] {
        let bytes = Ask::new("GET", raw).bytes();
        assert_eq!(Connection::to(host.address).send(&bytes).answer().status, 400);
    }
}

fn g06_scripts_read_only_what_their_origin_may<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let listed = crate::support::ORIGIN;
    let cors = |answer: &crate::support::Answer| {
        let names = answer.headers.iter().map(|(name, _)| name.clone());
        names.filter(|name| name.starts_with("access-control-")).collect::<Vec<_>>()
    };
    let preflight = |path: &str, origin: &str| {
        let ask = Ask::new("OPTIONS", path).header("access-control-request-method", "POST");
        host.send(&ask.header("access-control-request-headers", "content-type").header("origin", origin))
    };
    // never here, for nobody: `check_page` looks at every answer
    for origin in [listed, "https://evil.example", "null", "https://as.example"] {
        for path in ["/oauth/authorize", "/consent"] {
            assert_eq!(cors(&preflight(path, origin)), Vec::<String>::new());
        }
        assert_eq!(
            cors(&Browser::of(&host, "alice").send(Visit::web().get().header("origin", origin))),
            Vec::<String>::new()
        );
    }
    // the token endpoint: whoever may ask first, for the origins that the operator lists
    for path in ["/oauth/token", "/oauth/revoke"] {
        let allowed = preflight(path, listed);
        assert_eq!((allowed.status, allowed.body.len()), (204, 0));
        assert_eq!(allowed.header("access-control-allow-origin"), Some(listed));
        assert_eq!(allowed.header("access-control-allow-methods"), Some("POST"));
        assert_eq!(allowed.header("access-control-allow-headers"), Some("authorization, content-type"));
        assert_eq!((allowed.header("vary"), allowed.all("set-cookie")), (Some("Origin"), Vec::new()));
    }
    assert_eq!(cors(&preflight("/oauth/introspect", listed)), Vec::<String>::new());
    // who may read: scripts of the client's own origins, listed or not
    let spa = |code: &str| host.redeeming_public("spa", SPA, code);
    let native = |code: &str| host.redeeming_public("native", NATIVE, code);
    let code = || Browser::of(&host, "alice").code(&Visit::spa().with("prompt", "consent"));
    for (status, ask, origin) in [
        (400, spa("x"), listed),
        (200, spa(&code()), listed),
        (400, native("x"), "http://127.0.0.1:51004"),
        (200, Ask::new("POST", "/oauth/revoke").form("client_id=spa&token=x"), listed),
        (400, Ask::new("POST", "/oauth/revoke").form("client_id=spa"), listed),
    ] {
        let answer = host.send(&ask.header("origin", origin));
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (status, Some(origin)), "{answer:?}");
        assert_eq!((answer.header("vary"), answer.header("access-control-allow-credentials")), (Some("Origin"), None));
        assert_eq!(answer.header("access-control-expose-headers"), Some("retry-after"));
    }
    // another client's origin, even a listed one, reads nothing; nor does anybody before the client is known, nor where
    // the client has a secret
    for (ask, origin) in [
        (host.redeeming(&Browser::of(&host, "alice").code(&Visit::web())), listed),
        (native("x"), listed),
        (Ask::new("POST", "/oauth/revoke").form("client_id=native&token=x"), listed),
        (host.redeeming("x"), "https://web.example"),
        (spa("x"), "https://web.example"),
        (host.redeeming_public("nobody", SPA, "x"), listed),
        (Ask::token().form("grant_type=authorization_code"), listed),
        (
            host.redeeming_as(&Registered { secret: "wrong".to_owned(), ..host.app.clone() }, "x", ""),
            "https://web.example",
        ),
        (
            Ask::new("POST", "/oauth/introspect").basic(&host.app.id, &host.app.secret).form("token=x"),
            "https://web.example",
        ),
    ] {
        assert_eq!(cors(&host.send(&ask.header("origin", origin))), Vec::<String>::new(), "{origin}");
    }
    for other in [
        "https://evil.example",
        "null",
        "*",
        "",
        "https://SPA.example",
        "https://spa.example/",
        "https://spa.example.evil",
        "http://spa.example",
    ] {
        let refused = preflight("/oauth/token", other);
        assert_eq!((refused.status, cors(&refused)), (405, Vec::new()), "{other}");
        let answer = host.send(&spa(&code()).header("origin", other));
        assert_eq!((answer.status, cors(&answer), answer.header("vary")), (200, Vec::new(), Some("Origin")), "{other}");
    }
    let two = spa("x").header("origin", listed).header("origin", "https://evil.example");
    assert_eq!(cors(&host.send(&two)), Vec::<String>::new());
    assert_eq!(host.send(&spa("x")).header("vary"), None, "nobody's script asks");
    // documents are everybody's
    for path in ["/oauth/jwks", "/.well-known/oauth-authorization-server"] {
        for origin in [listed, "https://evil.example", "null"] {
            let answer = host.send(&Ask::new("GET", path).header("origin", origin));
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
            assert_eq!(cors(&answer).len(), 1);
        }
    }
}

fn g07_redirects_follow_configuration_only<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let spoofed = |ask: Ask| {
        ask.header("host", "evil.example")
            .header("forwarded", "for=6.6.6.6;host=evil.example;proto=http")
            .header("x-forwarded-host", "evil.example")
            .header("x-forwarded-proto", "http")
            .header("x-forwarded-prefix", "/evil")
            .header("x-original-url", "/evil")
    };
    let browser = Browser::of(&host, "alice");
    let mut absolute = Visit::web().get();
    absolute.target = format!("http://evil.example{}", absolute.target);
    for ask in [Visit::web().get(), Visit::web().post(), absolute] {
        let answer = browser.send(spoofed(ask));
        let page = answer.header("location").unwrap().to_owned();
        assert!(page.starts_with("/consent?interaction=") && !format!("{answer:?}").contains("evil"), "{answer:?}");
        let shows = crate::support::Shows::of(&browser.send(spoofed(Ask::new("GET", &page))));
        // `sent_to` looks at the place and at `iss`
        browser.send(spoofed(Browser::<B>::allowing(&page, &shows, "orders.read"))).code(WEB);
        host.later(1);
        block_on(host.server.withdraw(&"alice".parse().unwrap(), &"web".parse().unwrap())).unwrap();
        host.later(1);
    }
}

fn g08_ambiguous_http_is_refused<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let form = Visit::web().query();
    let length = format!("Content-Length: {}\r\n", form.len());
    let ask = Ask::new("POST", "/oauth/authorize").header("content-type", "application/x-www-form-urlencoded");
    for framing in [
        format!("Transfer-Encoding: chunked\r\n{length}"),
        format!("{length}Transfer-Encoding: chunked\r\n"),
        format!("{length}Content-Length: {}\r\n", form.len() + 1),
        format!("{length}{length}"),
        "Transfer-Encoding: identity,chunked\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n".to_owned(),
        format!("{length}X-Folded: a\r\n b\r\n"),
        "Content-Length: +5\r\n".to_owned(),
    ] {
        let bytes = [ask.head(&framing), form.clone().into_bytes()].concat();
        let answer = Connection::to(host.address).send(&bytes).try_answer();
        let refused = answer.as_ref().is_some_and(|answer| answer.status == 400 && answer.header("location").is_none());
        assert!(refused, "{framing:?}: {answer:?}");
    }
    assert!(host.calls().is_empty());
}

fn g09_no_page_can_be_framed_or_leaks_its_address<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    // `check_page` looks at every answer of these paths; here is one of each kind
    let browser = Browser::of(&host, "alice");
    let page = browser.begin(&Visit::web());
    let shows = browser.look(&page);
    for (ask, status) in [
        (Visit::web().without("client_id").get(), 400),
        (Ask::new("DELETE", "/oauth/authorize"), 405),
        (Ask::new("GET", "/consent"), 400),
        (Ask::new("GET", &page), 200),
        (Ask::new("POST", &page).form("consent=x"), 403),
        (Visit::web().with("response_mode", "form_post").with("prompt", "none").get(), 200),
    ] {
        let answer = browser.send(ask);
        assert_eq!(answer.status, status, "{answer:?}");
    }
    browser.allow(&page, &shows, "orders.read").code(WEB);
    // a policy of the host's own holds beside ours, and other headers give way
    let page = browser.begin(&Visit::web().with("prompt", "consent"));
    let styled = browser.get(&page.replacen("/consent", "/styled", 1));
    styled.check_page();
    assert_eq!(
        styled.header("content-security-policy"),
        Some("default-src 'self'; style-src 'self', frame-ancestors 'none'")
    );
    // nor are the host's own errors without them
    let wrong = Browser::of(&host, "bob").send(Ask::new("GET", &page));
    assert_eq!(wrong.status, 403);
}

fn g11_a_stolen_store_holds_no_code_handle_or_browser_secret<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let browser = Browser::of(&host, "alice");
    let mut plain = Vec::new();
    let mut redeemed = String::new();
    for visit in [Visit::web().with("scope", "offline_access orders.read"), Visit::spa(), Visit::native()] {
        let page = browser.begin(&visit);
        plain.push(page.rsplit_once('=').unwrap().1.to_owned());
        plain.extend(browser.cookies().into_iter().map(|(_, secret)| secret));
        let shows = browser.look(&page);
        plain.push(shows.consent.clone());
        let uri = &visit.0.iter().find(|(name, _)| name == "redirect_uri").unwrap().1;
        let code = browser.allow(&page, &shows, &shows.scope).code(uri);
        if visit.0.contains(&("client_id".to_owned(), "web".to_owned())) {
            assert_eq!(host.redeem(&code).status, 200);
            redeemed = code.clone();
        }
        plain.push(code);
    }
    // one that is still open, too
    let open = browser.begin(&Visit::native());
    plain.push(open.rsplit_once('=').unwrap().1.to_owned());
    plain.extend(browser.cookies().into_iter().map(|(_, secret)| secret));
    plain.push(crate::support::VERIFIER.to_owned());
    plain.extend(host.secrets());
    plain.iter().for_each(|secret| host.remember(secret));
    let dump = host.dump();
    let holds = |needle: &[u8]| dump.windows(needle.len()).any(|window| window == needle);
    let digest = ring::digest::digest(&ring::digest::SHA256, redeemed.as_bytes());
    assert!(holds(digest.as_ref()) && holds(b"orders.read"), "the dump holds codes");
    assert!(plain.len() > 12);
    for secret in plain {
        assert!(!holds(secret.as_bytes()), "{secret} lies in clear");
    }
}

fn g12_codes_handles_and_browser_secrets_are_unguessable<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder.open_requests(1_000_000, 1_000_000));
    // they come from the core, so a durable store sees fewer of them; past the socket, which adds nothing here
    let count = if B::IS_DURABLE { 1_500 } else { 10_000 };
    let visit = |visit: &Visit| {
        let mut request = Request::new(Method::Get, "/oauth/authorize");
        request.query = Some(visit.query());
        request
    };
    let (asking, answered) = (visit(&Visit::native()), visit(&Visit::web()));
    let alice = SignedIn::new("alice".parse().unwrap(), START);
    let mut secrets = Vec::new();
    are_unguessable((0..count).map(|_| match block_on(host.server.begin(&asking, None, None)) {
        Begun::Interaction { handle, browser } => {
            secrets.push(browser.expose().to_owned());
            handle.expose().to_owned()
        }
        other => panic!("{other:?}"),
    }));
    are_unguessable(secrets.into_iter());
    Browser::of(&host, "alice").code(&Visit::web());
    are_unguessable((0..count).map(|_| match block_on(host.server.begin(&answered, Some(&alice), None)) {
        Begun::Redirect(redirect) => {
            let response = redirect.response();
            let query = response.header_value("location").unwrap().split_once('?').unwrap().1.to_owned();
            query.split('&').find_map(|pair| pair.strip_prefix("code=")).unwrap().to_owned()
        }
        other => panic!("{other:?}"),
    }));
}

fn p06_a_posted_request_is_a_form_within_the_limits<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let post =
        |media: &str| Ask::new("POST", "/oauth/authorize").header("content-type", media).body(Visit::web().query());
    for media in ["application/json", "multipart/form-data", "text/plain", "application/x-www-form-urlencoded-foo"] {
        assert_eq!(host.send(&post(media)).status, 400, "{media}");
    }
    assert_eq!(host.send(&post("application/x-www-form-urlencoded;charset=utf-8")).status, 303);
    let huge = format!("{}&x={}", Visit::web().query(), "x".repeat(AuthorizationServer::BODY_LIMIT));
    let refused = host.send(&Ask::new("POST", "/oauth/authorize").form(&huge));
    assert_eq!((refused.status, refused.header("connection")), (413, Some("close")));
    let slow = Ask::new("POST", "/oauth/authorize").header("content-type", "application/x-www-form-urlencoded");
    let answer = Connection::to(host.address).send(&slow.head("Content-Length: 100\r\n")).send(b"client_id").answer();
    assert_eq!(answer.status, 408);
    for query in ["client_id=%ff", "client_id=%zz", "a=b%00", &"&".repeat(10_000), &format!("x={}", "y".repeat(4_097))]
    {
        let answer = host.send(&Ask::new("GET", &format!("/oauth/authorize?{query}&{}", form_encode("x"))));
        assert_eq!((answer.status, answer.header("location")), (400, None), "{query:.40}");
    }
}
