//! How a host mounts the authorization endpoint, and what becomes of users who go away.

use std::collections::HashMap;
use std::net::TcpListener;

use actix_web::dev::Service;
use actix_web::http::header::CONTENT_SECURITY_POLICY;
use actix_web::test::{self, TestRequest};
use actix_web::web::{self, Html, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer};
use oauth_core::authorize::{BrowserSecret, SignedIn};
use oauth_core::jose::Alg;
use oauth_core::keys::SealingKey;
use oauth_core::types::Issuer;
use oauth_core::{AuthorizationServer, ClientSpec, Refusal};
use oauth_http_actix::{Authorize, Interaction, PrivatePage, Routes, Shown, routes};
use oauth_store_memory::MemoryStore;
use oauth_testkit::{Method as Call, block_on};

use crate::on_every_store;
use crate::support::{Backend, Browser, Connection, Host, Visit, WEB, user_client};

on_every_store!(a_user_who_goes_away_stops_no_decision);

fn server(issuer: &str, with_code: bool) -> AuthorizationServer {
    let key = SealingKey::new("test", [0x5e; 32]).unwrap();
    let builder = AuthorizationServer::builder(Issuer::url(issuer).unwrap(), MemoryStore::new(), key.into());
    let builder = if with_code { builder.authorization_code().id_tokens(Alg::ES256) } else { builder };
    let server = block_on(builder.start()).unwrap();
    if with_code {
        block_on(server.ensure_client(user_client(ClientSpec::confidential("web"), WEB))).unwrap();
    }
    server
}

async fn nobody() -> Result<Option<SignedIn>, actix_web::Error> {
    Ok(None)
}

async fn page(interaction: Interaction) -> PrivatePage {
    PrivatePage(match interaction.show().await {
        Shown::Answer(answer) => answer,
        other => HttpResponse::Ok().body(format!("{other:?}")),
    })
}

async fn starts(mount: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> bool {
    let app = move || App::new().configure(mount.clone());
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let http = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run();
    let handle = http.handle();
    let run = actix_web::rt::spawn(http);
    if !run.is_finished() {
        handle.stop(true).await;
    }
    run.await.unwrap().is_ok()
}

#[actix_web::test]
async fn an_application_whose_pages_are_missing_or_in_vain_does_not_start() {
    let (with, without) = (server("https://as.example", true), server("https://as.example", false));
    let pages = || Authorize::new("/consent", nobody);
    let (a, b) = (with.clone(), without.clone());
    assert!(
        starts(move |app| Routes::new(&a).authorize(pages()).preflight_origins(["https://spa.example"]).mount(app))
            .await
    );
    assert!(starts(move |app| routes(&b)(app)).await);
    let (a, b) = (with.clone(), without.clone());
    assert!(!starts(move |app| routes(&a)(app)).await, "nobody said where users sign in");
    assert!(!starts(move |app| Routes::new(&b).authorize(pages()).mount(app)).await, "there is no such endpoint");
    for page in ["consent", "//evil.example", "https://evil.example", "", "/a b", "/\\evil.example", "/a\r\nb"] {
        let a = with.clone();
        let app = move |app: &mut ServiceConfig| Routes::new(&a).authorize(Authorize::new(page, nobody)).mount(app);
        assert!(!starts(app).await, "{page}");
    }
    for origin in ["*", "null", "https://spa.example/"] {
        let b = without.clone();
        assert!(!starts(move |app| Routes::new(&b).preflight_origins([origin]).mount(app)).await, "{origin}");
    }
}

/// Status, headers and body of one request to an application with these pages.
async fn ask(
    server: &AuthorizationServer,
    host: Authorize,
    request: TestRequest,
) -> (u16, HashMap<String, String>, String) {
    let app = App::new()
        .configure(|app| Routes::new(server).authorize(host).mount(app))
        .route("/consent", web::get().to(page));
    let app = test::init_service(app).await;
    let answer = app.call(request.to_request()).await.unwrap();
    let status = answer.status().as_u16();
    let headers = answer.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    (status, headers, String::from_utf8(test::read_body(answer).await.to_vec()).unwrap())
}

fn visit() -> TestRequest {
    let query = Visit::web().query();
    TestRequest::get().uri(&format!("/oauth/authorize?{query}"))
}

#[actix_web::test]
async fn the_error_page_is_the_hosts_where_it_has_one() {
    let server = server("https://as.example", true);
    let host = || {
        Authorize::new("/consent?lang=en", nobody).error_page(|_, page| {
            let html = format!("<link rel=stylesheet href=/site.css><p>{} ({:?})", page.message, page.reason);
            HttpResponse::Ok().insert_header((CONTENT_SECURITY_POLICY, "style-src 'self'")).body(html)
        })
    };
    for (uri, status) in [("/oauth/authorize", 400), ("/consent", 400), ("/consent?interaction=x", 400)] {
        let (got, headers, body) = ask(&server, host(), TestRequest::get().uri(uri)).await;
        assert_eq!(got, status, "{body}");
        assert!(body.starts_with("<link") && body.contains("Some("), "{body}");
        let policy = &headers["content-security-policy"];
        assert_eq!(policy, "style-src 'self', frame-ancestors 'none'");
        assert_eq!((headers["x-frame-options"].as_str(), headers["referrer-policy"].as_str()), ("DENY", "no-referrer"));
    }
    let (status, headers, _) = ask(&server, host(), TestRequest::delete().uri("/oauth/authorize")).await;
    assert_eq!((status, headers["allow"].as_str()), (405, "GET, POST"));
    // a page with a query of its own keeps it
    let (_, headers, _) = ask(&server, host(), visit()).await;
    assert!(headers["location"].starts_with("/consent?lang=en&interaction="));
}

#[actix_web::test]
async fn an_interaction_can_be_tied_to_the_hosts_session() {
    let server = server("https://as.example", true);
    let host = || {
        Authorize::new("/consent", nobody)
            .bound_to_session(|http| BrowserSecret::from_host_session(http.headers().get("x-session")?.as_bytes()).ok())
    };
    let session = ("x-session", "0123456789abcdef");
    let (status, headers, _) = ask(&server, host(), visit().insert_header(session)).await;
    assert_eq!((status, headers.contains_key("set-cookie")), (303, false));
    let page = headers["location"].to_owned();
    let look = |session: Option<(&'static str, &'static str)>| {
        let request = TestRequest::get().uri(&page);
        ask(&server, host(), session.into_iter().fold(request, TestRequest::insert_header))
    };
    let (status, _, body) = look(Some(session)).await;
    assert!(status == 200 && body.starts_with("NeedLogin"), "{status} {body}");
    assert_eq!(look(Some(("x-session", "fedcba9876543210"))).await.0, 403);
    assert_eq!(look(None).await.0, 403);
    assert_eq!(ask(&server, host(), visit()).await.0, 503, "a visitor without a session");
}

#[actix_web::test]
async fn on_loopback_the_cookie_does_without_what_browsers_take_over_tls_only() {
    for (issuer, prefix, secure) in
        [("http://127.0.0.1:8080", "oauth-", false), ("https://as.example", "__Host-oauth-", true)]
    {
        let server = server(issuer, true);
        let (_, headers, _) = ask(&server, Authorize::new("/consent", nobody), visit()).await;
        let cookie = &headers["set-cookie"];
        assert!(cookie.starts_with(prefix) && cookie.contains("; Secure") == secure, "{cookie}");
        let (pair, _) = cookie.split_once(';').unwrap();
        let request = TestRequest::get().uri(&headers["location"]).insert_header(("cookie", pair));
        let (status, _, body) = ask(&server, Authorize::new("/consent", nobody), request).await;
        assert!(status == 200 && body.starts_with("NeedLogin"), "{status} {body}");
        assert!(!cookie.contains(headers["location"].rsplit_once('=').unwrap().1), "the handle");
    }
}

#[actix_web::test]
async fn an_interaction_without_an_authorization_endpoint_is_our_own_mistake() {
    let app = test::init_service(App::new().route("/consent", web::get().to(page))).await;
    let answer = test::call_service(&app, TestRequest::get().uri("/consent?interaction=x").to_request()).await;
    assert_eq!(answer.status(), 500);
}

async fn html() -> PrivatePage<Html> {
    PrivatePage(Html::new("hello"))
}

#[actix_web::test]
async fn any_page_of_the_hosts_can_be_private() {
    let app = test::init_service(App::new().route("/", web::get().to(html))).await;
    let answer = test::call_service(&app, TestRequest::get().to_request()).await;
    let policy = answer.headers().get(CONTENT_SECURITY_POLICY).unwrap();
    assert_eq!(policy, "frame-ancestors 'none'; base-uri 'none'; object-src 'none'");
    assert_eq!(test::read_body(answer).await, "hello");
}

fn a_user_who_goes_away_stops_no_decision<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    for number in 1..=4 {
        let browser = Browser::of(&host, "alice");
        let page = browser.begin(&Visit::web().with("prompt", "consent"));
        let shows = browser.look(&page);
        host.forget();
        let pause = if number % 2 == 0 { host.probe.pause_at(number) } else { host.probe.pause_after(number) };
        let mut connection = Connection::to(host.address);
        connection.send(&browser.dress(Browser::<B>::allowing(&page, &shows, "orders.read")).bytes());
        block_on(pause.reached());
        connection.reset();
        for _ in 0..3 {
            assert_eq!(host.get("/.well-known/oauth-authorization-server").status, 200);
        }
        pause.release();
        while host.events().is_empty() {
            std::thread::yield_now();
        }
        assert_eq!(host.calls(), [Call::FindRequest, Call::Find, Call::FindBySubject, Call::DecideRequest]);
        assert!(browser.allow(&page, &shows, "orders.read").is_decided(), "call {number}");
        assert_eq!(host.refusals(), [Refusal::InteractionDecided], "told once");
    }
}
