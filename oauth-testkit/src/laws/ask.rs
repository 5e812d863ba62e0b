//! Requests as the laws send them, and a user's browser from the first visit to the code.

use std::net::IpAddr;

use oauth_core::authorize::{Begun, Completed, Decision, Redirect, Shown, SignedIn};
use oauth_core::types::{Scope, Subject, Timestamp};
use oauth_core::wire::{Body, Method, Request, Response};
use oauth_core::{AuthorizationServer, Endpoint};
use serde_json::{Map, Value};

use crate::block_on;

/// The verifier of RFC 7636 appendix B.
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// Its S256 challenge.
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A form of these members.
pub(super) fn form(path: &str, members: &[(&str, &str)]) -> Request {
    post(path, b"application/x-www-form-urlencoded", pairs(members).into_bytes())
}

/// A JSON object of these members.
pub(super) fn json(path: &str, members: &[(&str, &str)]) -> Request {
    let members: Map<String, Value> = members.iter().map(|(name, text)| ((*name).to_owned(), (*text).into())).collect();
    post(path, b"application/json", Value::Object(members).to_string().into_bytes())
}

fn post(path: &str, media: &[u8], body: Vec<u8>) -> Request {
    let mut request = Request::new(Method::Post, path);
    request.headers.push("content-type", media);
    request.body = Body::Whole(body);
    request
}

fn pairs(members: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = members.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    pairs.join("&")
}

/// Bytes that a form cannot hold as they are.
fn escaped(value: &str) -> String {
    let one = |byte: u8| match byte {
        plain if plain.is_ascii_alphanumeric() || b"-._~".contains(&plain) => char::from(plain).to_string(),
        other => format!("%{other:02x}"),
    };
    value.bytes().map(one).collect()
}

/// What an endpoint answers, read.
pub(super) struct Answered {
    pub(super) status: u16,
    members: Value,
}

impl Answered {
    pub(super) fn by(server: &AuthorizationServer, endpoint: Endpoint, request: &Request) -> Self {
        let Response { status, body, .. } = block_on(server.handle(endpoint, request));
        Self { status, members: serde_json::from_slice(&body).unwrap_or_default() }
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.member(name).and_then(Value::as_str).map(str::to_owned)
    }

    pub(super) fn member(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }
}

/// A visit of a user who is signed in and allows what is shown: all of it, or as much as is `allowed`.
pub(super) struct Visit<'a> {
    pub(super) members: &'a [(&'a str, &'a str)],
    pub(super) signed_in: SignedIn,
    pub(super) allowed: Option<&'a Scope>,
    pub(super) peer: Option<IpAddr>,
}

impl<'a> Visit<'a> {
    /// Of somebody who allows everything.
    pub(super) const fn of(members: &'a [(&'a str, &'a str)], user: Subject, signed_in_at: Timestamp) -> Self {
        Self { members, signed_in: SignedIn::new(user, signed_in_at), allowed: None, peer: None }
    }

    fn request(&self, method: Method, path: &str) -> Request {
        let mut request = Request::new(method, path);
        request.peer = self.peer;
        request
    }

    /// What the user brings back: a code, or nothing.
    pub(super) fn code(&self, server: &AuthorizationServer) -> Option<String> {
        let mut visit = self.request(Method::Get, "/oauth/authorize");
        visit.query = Some(pairs(self.members));
        let (handle, browser) = match block_on(server.begin(&visit, Some(&self.signed_in), None)) {
            Begun::Interaction { handle, browser } => (handle, browser),
            Begun::Redirect(redirect) => return brought(&redirect),
            Begun::Page(_) => return None,
        };
        let page = self.request(Method::Get, "/consent");
        let prompt = match block_on(server.show(&page, &handle, &browser, Some(&self.signed_in))) {
            Shown::Prompt(prompt) => prompt,
            Shown::Redirect(redirect) => return brought(&redirect),
            Shown::NeedLogin { .. } | Shown::Page(_) => return None,
        };
        let shown = prompt.scope();
        let scopes = self.allowed.map_or(shown.clone(), |allowed| shown.intersection(allowed));
        let (posted, decision) = (self.request(Method::Post, "/consent"), Decision::Approve { scopes });
        match block_on(server.complete(&posted, &handle, &browser, &prompt.consent, &self.signed_in, &decision)) {
            Completed::Redirect(redirect) => brought(&redirect),
            Completed::AlreadyDecided(_) | Completed::NeedLogin { .. } | Completed::Page(_) => None,
        }
    }
}

fn brought(redirect: &Redirect) -> Option<String> {
    let response = redirect.response();
    let (_, query) = response.header_value("location")?.split_once('?')?;
    // a code holds no byte that is escaped
    query.split('&').find_map(|pair| pair.strip_prefix("code=")).map(str::to_owned)
}
