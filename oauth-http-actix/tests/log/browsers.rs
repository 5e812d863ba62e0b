//! G10 for users in browsers, with actix's access log on: what is written of an interaction, and what is not.

use oauth_core::store::StoreErrorKind;
use oauth_testkit::{Method as Call, Times};

use crate::support::{Ask, Backend, Browser, Host, SPA, VERIFIER, Visit, WEB, form_encode};
use crate::{WRITTEN, capture, on_every_store};

on_every_store!(
    g10_no_secret_of_an_interaction_reaches_any_log,
    a_prompt_on_a_page_that_can_be_framed_is_complained_about,
);

fn written() -> String {
    String::from_utf8_lossy(&WRITTEN.lock().unwrap()).into_owned()
}

fn g10_no_secret_of_an_interaction_reaches_any_log<B: Backend>() {
    capture();
    let mut host = Host::<B>::browsers(|builder| builder.audit(std::sync::Arc::new(oauth_core::audit::TracingSink)));
    host.log_access();
    let browser = Browser::of(&host, "alice");
    let (mut secrets, mut handles, mut debug) = (vec![VERIFIER.to_owned()], Vec::new(), String::new());
    for mode in ["query", "form_post"] {
        for (visit, client) in [(Visit::web(), "web"), (Visit::spa(), "spa")] {
            let visit = visit.with("response_mode", mode).with("prompt", "consent").with("scope", "openid orders.read");
            let page = browser.begin(&visit);
            handles.push(page.rsplit_once('=').unwrap().1.to_owned());
            secrets.extend(browser.cookies().into_iter().map(|(_, secret)| secret));
            let shows = browser.look(&page);
            secrets.push(shows.consent.clone());
            for call in [Call::FindRequest, Call::DecideRequest] {
                for kind in [StoreErrorKind::Unavailable, StoreErrorKind::Corrupt] {
                    host.probe.fail(call, kind, Times::Always);
                    assert!(browser.allow(&page, &shows, "orders.read").status >= 500);
                    host.probe.forget();
                }
            }
            // the link in another browser, a wrong token, too much
            assert_eq!(Browser::of(&host, "bob").get(&page).status, 403);
            assert_eq!(browser.send(Ask::new("POST", &page).form("consent=x")).status, 403);
            assert_eq!(browser.allow(&page, &shows, "orders.read openid orders.write").status, 403);
            let answer = browser.allow(&page, &shows, "orders.read openid");
            let code = match mode {
                "query" => answer.code(if client == "web" { WEB } else { SPA }),
                _ => {
                    let text = answer.text();
                    let (_, rest) = text.split_once("name=\"code\" value=\"").unwrap();
                    rest.split_once('"').unwrap().0.to_owned()
                }
            };
            secrets.push(code.clone());
            // wrong in every way, right, and again
            let wrong = format!("{}-wrong-verifier", "v".repeat(43));
            let with = |verifier: &str| match client {
                "web" => host.redeeming_as(&host.app, &code, &format!("&code_verifier={verifier}")),
                _ => Ask::token()
                    .form(format!("grant_type=authorization_code&client_id=spa&code={code}&code_verifier={verifier}")),
            };
            host.send(&with(&wrong)).is(400, "invalid_grant");
            secrets.push(wrong);
            for call in [Call::FindCode, Call::RedeemCode] {
                host.probe.fail(call, StoreErrorKind::Corrupt, Times::Always);
                host.send(&with(VERIFIER)).is(500, "server_error");
                host.probe.forget();
            }
            assert_eq!(host.send(&with(VERIFIER)).status, 200);
            host.send(&with(VERIFIER)).is(400, "invalid_grant");
        }
    }
    for event in host.events() {
        debug += &format!("{event:?} {}", event.to_json());
    }
    secrets.extend(host.secrets());
    secrets.extend(secrets.iter().map(|secret| form_encode(secret)).collect::<Vec<_>>());
    let log = written() + &debug;
    assert!(log.contains("code.issued") && log.contains("code.replayed"), "the flow was captured");
    assert!(secrets.len() > 30);
    for secret in &secrets {
        let needle = if secret.starts_with("eyJ") { secret.rsplit('.').next().unwrap_or(secret) } else { secret };
        if let Some(line) = log.lines().find(|line| line.contains(needle)) {
            panic!("`{secret}` was written: {line}");
        }
    }
    // what the default format shows: the client's own query, and handles, which are worth nothing in another browser
    let shown =
        |needle: &str| log.lines().any(|line| line.contains("actix_web::middleware::logger") && line.contains(needle));
    assert!(shown("GET /oauth/authorize?") && handles.iter().all(|handle| shown(handle)));
    // and of paths only not even that
    let paths: Vec<&str> = log.lines().filter(|line| line.contains(" paths: ")).collect();
    assert!(paths.iter().any(|line| line.contains("POST /consent 303")), "{paths:?}");
    assert!(paths.iter().all(|line| !line.contains('?')), "{paths:?}");
}

fn a_prompt_on_a_page_that_can_be_framed_is_complained_about<B: Backend>() {
    const COMPLAINT: &str = "wrap what the handler returns in `PrivatePage`";
    capture();
    let host = Host::<B>::browsers(|builder| builder);
    let browser = Browser::of(&host, "alice");
    let page = browser.begin(&Visit::web());
    let complaints = || written().matches(COMPLAINT).count();
    // the tests of the other stores complain at the same time: counts only grow
    let careless = page.replacen("/consent", "/careless", 1);
    let before = complaints();
    let answer = browser.get(&careless);
    assert!(answer.text().contains("Prompt"), "{answer:?}");
    // the request ends a moment after its answer
    let heard = (0..2_000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(5));
        complaints() > before
    });
    assert!(heard, "nobody complained");
}
