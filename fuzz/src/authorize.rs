//! The authorization endpoint: any query or form, with and without a user who is signed in, through to the decision.
//!
//! Inputs look like HTTP, as in `form_and_basic`; the query stands behind the path.

use std::sync::{Mutex, PoisonError};

use oauth_core::authorize::{Begun, Completed, Decision, Page, Redirect, Shown, SignedIn};
use oauth_core::keys::{SealingKey, SealingKeys};
use oauth_core::store::User;
use oauth_core::time::{Clock as _, SystemClock};
use oauth_core::types::{Issuer, Timestamp};
use oauth_core::wire::{Method, Request, Response};
use oauth_core::{AuthorizationServer, ClientSpec};
use oauth_store_memory::MemoryStore;
use oauth_testkit::block_on;

use crate::form_and_basic::{is_description, read};

/// What the client is registered with.
const URIS: [&str; 3] = ["https://app.example/cb", "http://127.0.0.1/cb", "com.example.app:/cb?one=1&two=2"];
const ISSUER: &str = "https://auth.example";
/// Every code that a client may be told here (RFC 6749 §4.1.2.1, RFC 8707 §2, OpenID Connect Core §3.1.2.6), but those that
/// say that we failed.
const CODES: [&str; 10] = [
    "access_denied",
    "consent_required",
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "login_required",
    "request_not_supported",
    "request_uri_not_supported",
    "unauthorized_client",
    "unsupported_response_type",
];
/// How often a server is asked before another takes its place, so that its store does not grow without end.
const ASKED: u32 = 500;

/// Begins as a stranger, then as a user who allows all that is asked; whatever was asked, nothing is sent but to a
/// registered URI.
pub fn check(input: &[u8]) {
    drop(answer(input));
}

/// Whether alice's visit ends with a code.
#[must_use]
pub fn succeeds(input: &[u8]) -> bool {
    answer(input).is_some_and(|redirect| !redirect.is_error())
}

/// What alice's visit sends to the client, if anything.
fn answer(input: &[u8]) -> Option<Redirect> {
    let mut request = read(input);
    if let Some((path, query)) = request.path.clone().split_once('?') {
        (request.path, request.query) = (path.to_owned(), Some(query.to_owned()));
    }
    let server = server();
    match block_on(server.begin(&request, None, None)) {
        Begun::Interaction { handle, browser } => {
            // a stranger is asked to sign in, whatever page the handle is shown on
            let shown = block_on(server.show(&page(Method::Get), &handle, &browser, None));
            assert!(matches!(shown, Shown::NeedLogin { .. }), "{shown:?}");
        }
        Begun::Redirect(redirect) => {
            assert!(redirect.is_error(), "a stranger got a code");
            check_redirect(&redirect);
        }
        Begun::Page(page) => check_page(&page),
    }
    visit(&server, &request)
}

/// As alice, who signed in long ago and signs in again when she is asked.
fn visit(server: &AuthorizationServer, request: &Request) -> Option<Redirect> {
    let (handle, browser) = match block_on(server.begin(request, Some(&alice(Timestamp::from_seconds(1))), None)) {
        Begun::Interaction { handle, browser } => (handle, browser),
        Begun::Redirect(redirect) => return Some(check_redirect(&redirect)),
        Begun::Page(page) => {
            check_page(&page);
            return None;
        }
    };
    let signed_in = alice(SystemClock.now());
    let prompt = match block_on(server.show(&page(Method::Get), &handle, &browser, Some(&signed_in))) {
        Shown::Prompt(prompt) => prompt,
        Shown::Redirect(redirect) => return Some(check_redirect(&redirect)),
        // the hint was of somebody else
        Shown::NeedLogin { .. } => return None,
        Shown::Page(page) => panic!("{page:?}"),
    };
    let host = prompt.redirect_host.split(':').next().unwrap_or_default();
    assert!(["app.example", "127.0.0.1", "com.example.app"].contains(&host), "{host}");
    let decision = Decision::Approve { scopes: prompt.scope() };
    let form = page(Method::Post);
    match block_on(server.complete(&form, &handle, &browser, &prompt.consent, &signed_in, &decision)) {
        Completed::Redirect(redirect) => Some(check_redirect(&redirect)),
        // `max_age=0`, and a moment went by
        Completed::NeedLogin { .. } => None,
        other => panic!("{other:?}"),
    }
}

/// A server that has not been asked very often.
fn server() -> AuthorizationServer {
    static SERVER: Mutex<Option<(AuthorizationServer, u32)>> = Mutex::new(None);
    let mut held = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    let (server, asked) = match held.take() {
        Some((server, asked)) if asked < ASKED => (server, asked),
        _ => (block_on(start()), 0),
    };
    *held = Some((server.clone(), asked + 1));
    server
}

async fn start() -> AuthorizationServer {
    let store = MemoryStore::new();
    let user = User { subject: "alice".parse().expect("lawful"), active: true, scope: None, password: None };
    let _ = store.insert_user(user, ["alice"]).expect("an empty store");
    let issuer = Issuer::url(ISSUER).expect("lawful");
    let sealing = SealingKeys::new(SealingKey::new("fuzz", [1; 32]).expect("lawful"));
    let builder = AuthorizationServer::builder(issuer, &store, sealing).authorization_code();
    let builder = builder.resource("https://api.example", oauth_core::ResourceSettings::default());
    let server = builder.start().await.expect("a server");
    let spec = ClientSpec::confidential("app")
        .grants(["authorization_code", "refresh_token"])
        .scope("notes.read notes.write offline_access")
        .audience(["notes"])
        .resources(["https://api.example"])
        .redirect_uris(URIS);
    server.ensure_client(spec).await.expect("a client");
    server
}

fn alice(auth_time: Timestamp) -> SignedIn {
    SignedIn::new("alice".parse().expect("lawful"), auth_time)
}

fn page(method: Method) -> Request {
    Request::new(method, "/consent")
}

/// An answer that goes to the client: by 303, or by a page that posts it.
fn check_redirect(redirect: &Redirect) -> Redirect {
    let response = redirect.response();
    check_head(&response);
    match response.status {
        303 => {
            let location = response.header_value("location").expect("where to");
            let (uri, members) = split(location).unwrap_or_else(|| panic!("sent to {location}"));
            assert!(is_registered(uri), "sent to {location}");
            check_members(members.split('&').filter_map(|member| member.split_once('=')), redirect);
        }
        200 => {
            let body = String::from_utf8(response.body).expect("text");
            let mut tags = body.split('<').skip(1);
            assert!(tags.all(is_ours), "what was asked became markup: {body}");
            let action = between(&body, "action=\"", "\"").expect("where to").replace("&amp;", "&");
            assert!(is_registered(&action), "posted to {action}");
            let inputs = body.split("<input type=\"hidden\" ").skip(1);
            let member = |input| Some((between(input, "name=\"", "\"")?, between(input, "value=\"", "\"")?));
            check_members(inputs.filter_map(member), redirect);
        }
        status => panic!("status {status}"),
    }
    redirect.clone()
}

/// The URI and what the answer added to its query.
fn split(location: &str) -> Option<(&str, &str)> {
    let own = location.find("code=").into_iter().chain(location.find("error=")).min()?;
    Some((location.get(..own - 1)?, location.get(own..)?))
}

/// By eye: the bytes of a registered URI, or those of the loopback one with a port.
fn is_registered(uri: &str) -> bool {
    let port = between(uri, "http://127.0.0.1:", "/cb").filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    URIS.contains(&uri) || port.is_some_and(|port| uri == format!("http://127.0.0.1:{port}/cb"))
}

fn check_members<'a>(members: impl Iterator<Item = (&'a str, &'a str)>, redirect: &Redirect) {
    let members: Vec<_> = members.collect();
    let value = |name| members.iter().find(|(held, _)| *held == name).map(|(_, value)| *value);
    let known = ["code", "error", "error_description", "state", "iss"];
    for (place, (name, _)) in members.iter().enumerate() {
        assert!(known.contains(name) && !members[..place].iter().any(|(held, _)| held == name), "{members:?}");
    }
    assert!(matches!(value("iss"), Some(ISSUER | "https%3A%2F%2Fauth.example")), "{members:?}");
    assert_eq!(value("code").is_some_and(|code| code.len() == 43), !redirect.is_error(), "{members:?}");
    assert_eq!(value("error").is_some_and(|error| CODES.contains(&error)), redirect.is_error(), "{members:?}");
}

/// A page of our own: nothing of the request, and nowhere to go.
fn check_page(page: &Page) {
    let response = page.response();
    check_head(&response);
    assert!(matches!(page.status, 400 | 403 | 405 | 413 | 415) && response.status == page.status, "{page:?}");
    assert!(page.message.bytes().all(is_description) && response.header_value("location").is_none());
    let body = String::from_utf8(response.body).expect("text");
    assert!(body.split('<').skip(1).all(is_ours), "{body}");
}

fn check_head(response: &Response) {
    assert_eq!(response.header_value("cache-control"), Some("no-store"));
    assert_eq!(response.header_value("referrer-policy"), Some("no-referrer"));
    for (name, value) in &response.headers {
        assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{name}");
    }
}

/// Whether a tag is one of those that the two pages are made of.
fn is_ours(tag: &str) -> bool {
    let name = tag.split([' ', '>']).next().unwrap_or_default().trim_start_matches('/');
    let names =
        ["!doctype", "html", "head", "meta", "title", "body", "main", "h1", "p", "form", "input", "noscript", "button"];
    names.contains(&name) || tag.starts_with("script>document.forms[0].submit()") || tag == "/script>"
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(value, _)| value)
}
