//! Users in browsers in the jar: `web` keeps a secret, `spa` runs in the browser, `native` on the user's device.

use std::collections::HashMap;
use std::time::Duration;

use oauth_core::authorize::{
    Begun, BrowserSecret, Completed, ConsentToken, Decision, Handle, Prompt, Redirect, Shown, SignedIn,
};
use oauth_core::jose::Alg;
use oauth_core::store::AccessTokenFormat;
use oauth_core::types::{Scope, Subject, Timestamp};
use oauth_core::wire::{Method, Request};
use oauth_core::{Builder, ClientSpec};
use oauth_testkit::block_on;

use crate::world::{Answer, Parts, START, World, basic, form};

pub(crate) const WEB: &str = "https://web.example/cb";
pub(crate) const SPA: &str = "https://spa.example/cb";
pub(crate) const NATIVE: &str = "http://127.0.0.1/cb";
pub(crate) const SCOPE: &str = "openid offline_access notes.read notes.write";
// RFC 7636 appendix B
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A server with the users `alice` and `bob`.
pub(crate) fn people_in_browsers(configure: impl FnOnce(Builder) -> Builder) -> World {
    let mut world = Parts::new().start(|builder| {
        let builder = builder.authorization_code().id_tokens(Alg::ES256).access_token(AccessTokenFormat::Opaque);
        configure(builder.scope_text("notes.read", "Read your notes"))
    });
    let grants = ["authorization_code", "refresh_token"];
    let with = |spec: ClientSpec, uri: &str| spec.grants(grants).scope(SCOPE).audience(["orders"]).redirect_uris([uri]);
    let web = with(ClientSpec::confidential("web"), WEB).name("Notes <on> the web");
    world.secret = block_on(world.server.ensure_client(web)).unwrap().secret.unwrap().expose().to_owned();
    for (id, uri) in [("spa", SPA), ("native", NATIVE)] {
        block_on(world.server.ensure_client(with(ClientSpec::public(id), uri))).unwrap();
    }
    world.add_user("alice", true);
    world.add_user("bob", true);
    world.trail.take();
    world.store.forget();
    world
}

pub(crate) fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// An authorization request, before it is sent.
#[derive(Clone)]
pub(crate) struct Visit(pub(crate) Vec<(String, String)>);

impl Visit {
    pub(crate) fn of(client: &str, uri: &str) -> Self {
        Self(Vec::new())
            .with("response_type", "code")
            .with("client_id", client)
            .with("redirect_uri", uri)
            .with("scope", "notes.read notes.write")
            .with("state", "a state")
            .with("code_challenge", CHALLENGE)
            .with("code_challenge_method", "S256")
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.retain(|(held, _)| held != name);
        self.and(name, value)
    }

    /// A second value of the same name.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.retain(|(held, _)| held != name);
        self
    }

    pub(crate) fn query(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
    }

    pub(crate) fn request(&self) -> Request {
        let mut request = Request::new(Method::Get, "/oauth/authorize");
        request.query = Some(self.query());
        request
    }
}

pub(crate) fn web() -> Visit {
    Visit::of("web", WEB)
}

pub(crate) fn spa() -> Visit {
    Visit::of("spa", SPA)
}

pub(crate) fn who(subject: &str, auth_time: Timestamp) -> SignedIn {
    let mut signed_in = SignedIn::new(Subject::parse(subject).unwrap(), auth_time);
    signed_in.amr = vec!["pwd".to_owned()];
    signed_in
}

pub(crate) fn alice() -> SignedIn {
    who("alice", START)
}

pub(crate) fn approve(scopes: &str) -> Decision {
    Decision::Approve { scopes: Scope::parse(scopes).unwrap() }
}

/// Everything that one browser holds of one interaction.
pub(crate) struct Tab {
    pub(crate) handle: Handle,
    pub(crate) browser: BrowserSecret,
}

pub(crate) fn page() -> Request {
    Request::new(Method::Get, "/consent")
}

pub(crate) fn posted() -> Request {
    Request::new(Method::Post, "/consent")
}

impl World {
    pub(crate) fn visit(&self, visit: &Visit, signed_in: Option<&SignedIn>) -> Begun {
        block_on(self.server.begin(&visit.request(), signed_in, None))
    }

    pub(crate) fn tab(&self, visit: &Visit, signed_in: Option<&SignedIn>) -> Tab {
        match self.visit(visit, signed_in) {
            Begun::Interaction { handle, browser } => Tab { handle, browser },
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn look(&self, tab: &Tab, signed_in: Option<&SignedIn>) -> Shown {
        block_on(self.server.show(&page(), &tab.handle, &tab.browser, signed_in))
    }

    pub(crate) fn prompt(&self, tab: &Tab, signed_in: &SignedIn) -> Prompt {
        match self.look(tab, Some(signed_in)) {
            Shown::Prompt(prompt) => *prompt,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn decide(
        &self,
        tab: &Tab,
        consent: &ConsentToken,
        signed_in: &SignedIn,
        decision: &Decision,
    ) -> Completed {
        block_on(self.server.complete(&posted(), &tab.handle, &tab.browser, consent, signed_in, decision))
    }

    /// From the first visit to the code, with everything approved that is shown.
    pub(crate) fn code(&self, visit: &Visit, signed_in: &SignedIn) -> String {
        let tab = self.tab(visit, Some(signed_in));
        let prompt = self.prompt(&tab, signed_in);
        let decision = Decision::Approve { scopes: prompt.scope() };
        let members = sent_back(self.decide(&tab, &prompt.consent, signed_in, &decision));
        members.get("code").unwrap_or_else(|| panic!("{members:?}")).clone()
    }

    /// What `web` gets for a code.
    pub(crate) fn redeem_web(&self, code: &str, more: &str) -> Answer {
        self.post(basic("web", &self.secret, &format!("grant_type=authorization_code&code={code}{more}")))
    }

    /// What `web` gets for a code with everything that belongs to it.
    pub(crate) fn redeem(&self, code: &str) -> Answer {
        self.redeem_web(code, &format!("&code_verifier={VERIFIER}&redirect_uri={}", encode(WEB)))
    }

    pub(crate) fn redeem_spa(&self, code: &str) -> Answer {
        let body = format!(
            "grant_type=authorization_code&client_id=spa&code={code}&code_verifier={VERIFIER}&redirect_uri={}",
            encode(SPA)
        );
        self.post(form(&body))
    }

    pub(crate) fn later(&self, seconds: u64) -> Timestamp {
        self.clock.advance(Duration::from_secs(seconds));
        oauth_core::time::Clock::now(&self.clock)
    }
}

/// The members of an answer that goes back to the client in the query.
pub(crate) fn members(redirect: &Redirect) -> HashMap<String, String> {
    let response = redirect.response();
    assert_eq!(response.status, 303);
    assert_eq!(response.header_value("cache-control"), Some("no-store"));
    let location = response.header_value("location").unwrap();
    let (_, query) = location.split_once('?').unwrap();
    query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.into(), decode(value))).collect()
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            out.push(u8::from_str_radix(&text[at + 1..at + 3], 16).unwrap());
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).unwrap()
}

pub(crate) fn sent_back(completed: Completed) -> HashMap<String, String> {
    match completed {
        Completed::Redirect(redirect) => members(&redirect),
        other => panic!("{other:?}"),
    }
}

/// What the client is told by `begin`.
pub(crate) fn told(begun: Begun) -> HashMap<String, String> {
    match begun {
        Begun::Redirect(redirect) => members(&redirect),
        other => panic!("{other:?}"),
    }
}
