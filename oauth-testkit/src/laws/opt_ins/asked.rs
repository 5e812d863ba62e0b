//! A server as it was said, and how each opt-in is asked for there.

use std::sync::Arc;
use std::time::Duration;

use oauth_core::dialect::{BodyMedia, Dialect, ErrorAnswer, TokenAnswer, TokenMount};
use oauth_core::jose::Alg;
use oauth_core::keys::SealingKey;
use oauth_core::store::{AccessTokenFormat, GrantTypes, TokenProfile, User};
use oauth_core::types::{Issuer, Subject};
use oauth_core::wire::{Request, Transport};
use oauth_core::{AuthorizationServer, Builder, ClientSpec, Endpoint, ExtensionSettings};
use oauth_store_memory::MemoryStore;
use serde_json::{Map, Value};

use super::super::ask::{self, Answered, CHALLENGE, VERIFIER, Visit};
use super::super::case::START;
use super::super::jar::{AUDIENCE, HASH, Jar, PASSWORD, Proposes, RESOURCE, USER};
use super::{OPT_INS, Said, once};
use crate::{ManualClock, SeededEntropy, block_on};

/// Public, with users' grants.
pub(super) const APP: &str = "app";
/// Public, and nothing yet.
pub(super) const SPA: &str = "spa";
/// Confidential, with its own tokens and codes.
pub(super) const DESK: &str = "desk";
/// Confidential, with its own tokens.
pub(super) const CLERK: &str = "clerk";
/// Confidential, and nothing yet.
pub(super) const API: &str = "api";
/// Confidential, and nothing yet.
pub(super) const AUDITOR: &str = "auditor";

/// The grant that the server always has.
pub(super) const TRUST: &str = "urn:oauth-testkit:trust";
/// The grant that it has when it says so.
pub(super) const OWN: &str = "urn:oauth-testkit:own";
pub(super) const CODES: &str = GrantTypes::AUTHORIZATION_CODE;
pub(super) const CHOSEN: &str = "chosen by hand";
pub(super) const URI: &str = "https://client.test/cb";
pub(super) const LOCALHOST: &str = "http://localhost:8080/cb";

const TOKEN_PATH: &str = "/oauth/token";
const JSON_PATH: &str = "/json";

/// A client before it says anything.
fn spec(id: &str) -> ClientSpec {
    let spec = match id {
        APP => ClientSpec::public(id).grants([TRUST, GrantTypes::REFRESH_TOKEN]).scope("offline_access read"),
        SPA => ClientSpec::public(id).scope("read"),
        DESK => {
            let grants = [GrantTypes::CLIENT_CREDENTIALS, CODES, TRUST];
            ClientSpec::confidential(id).grants(grants).redirect_uris([URI]).scope("read")
        }
        CLERK => ClientSpec::confidential(id).scope("read"),
        _ => ClientSpec::confidential(id).grants::<&str>([]).scope("read"),
    };
    spec.audience([AUDIENCE])
}

/// A server that says what it was said to say, and one client.
pub(in super::super) struct Served {
    server: AuthorizationServer,
    clock: ManualClock,
    client: &'static str,
    secret: Option<String>,
}

impl Served {
    /// `None` when the server does not register the client.
    pub(in super::super) fn of(jar: &Jar, said: &Said) -> Option<Self> {
        let (store, clock) = (MemoryStore::new(), ManualClock::at(START));
        let password = (said.asked == "password_grant").then(|| HASH.clone());
        let user = User { subject: user(), active: true, scope: None, password };
        let _ = store.insert_user(user, [USER]).expect("an empty store");
        let registrar = once(OPT_INS.iter()).fold(builder(&store, &clock), |builder, (_, say)| say(builder));
        let registrar = block_on(registrar.start()).expect("a server that says everything");
        let said_by_server = said.server_words().fold(builder(&store, &clock), |builder, (_, say)| say(builder));
        let ruled = jar.rules().fold(said_by_server, Builder::policy);
        let server = block_on(ruled.start()).expect("a server");
        // whose tokens the others ask about
        block_on(registrar.ensure_client(spec(APP))).expect("a client");
        let client = said.opt_in().by;
        let spec = said.client_words().fold(spec(client), |spec, say| say(spec));
        let by = if said.registered_before { &registrar } else { &server };
        let made = block_on(by.ensure_client(spec)).ok()?;
        let secret = made.secret.map(|secret| secret.expose().to_owned());
        Some(Self { server, clock, client, secret })
    }

    /// Whether it asks for what was said, and has it.
    pub(in super::super) fn has(&self, said: &Said) -> bool {
        (said.opt_in().had)(self)
    }

    /// What the client sends to prove who it is, and these members.
    fn members<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let secret = self.secret.as_deref().map(|secret| ("client_secret", secret));
        [("client_id", self.client)].into_iter().chain(secret).chain(more.iter().copied()).collect()
    }

    fn token(&self, request: &Request) -> Answered {
        Answered::by(&self.server, Endpoint::Token, request)
    }

    /// A token request of the client's.
    fn ask(&self, members: &[(&str, &str)]) -> Answered {
        self.token(&ask::form(TOKEN_PATH, &self.members(members)))
    }

    /// The user's tokens for `app`.
    fn trusted(&self, scope: &str) -> Answered {
        let members = [("client_id", APP), ("grant_type", TRUST), ("scope", scope)];
        self.token(&ask::form(TOKEN_PATH, &members))
    }

    /// From the visit to the tokens.
    fn code(&self, uri: &str, has_pkce: bool) -> Option<String> {
        let mut visit = vec![("response_type", "code"), ("client_id", self.client), ("redirect_uri", uri)];
        if has_pkce {
            visit.extend([("code_challenge", CHALLENGE), ("code_challenge_method", "S256")]);
        }
        Visit::of(&visit, user(), START).code(&self.server)
    }

    fn signs_in(&self, uri: &str, has_pkce: bool) -> bool {
        let Some(code) = self.code(uri, has_pkce) else { return false };
        let mut redemption = vec![("grant_type", CODES), ("redirect_uri", uri), ("code", &code)];
        if has_pkce {
            redemption.push(("code_verifier", VERIFIER));
        }
        self.ask(&redemption).status == 200
    }

    fn verifies(&self, token: &str, audience: &str, profile: TokenProfile) -> bool {
        let verifier = self.server.verifier(audience.parse().expect("an audience"), profile);
        block_on(verifier.verify(token)).is_ok()
    }
}

fn user() -> Subject {
    Subject::parse(USER).expect("a subject")
}

fn builder(store: &MemoryStore, clock: &ManualClock) -> Builder {
    let sealing = SealingKey::new("laws", [7; 32]).expect("a key");
    let gives =
        ExtensionSettings { scope: "offline_access openid read".to_owned(), refresh_tokens: true, id_tokens: true };
    AuthorizationServer::builder(Issuer::url("https://laws.test").expect("an issuer"), store, sealing.into())
        .clock(Arc::new(clock.clone()))
        .entropy(Arc::new(SeededEntropy::new(13)))
        .extension_grant(Arc::new(Proposes { name: TRUST, lifetime: None, scope: None }), gives)
}

pub(super) fn password(it: &Served) -> bool {
    it.ask(&[("grant_type", "password"), ("username", USER), ("password", PASSWORD)]).status == 200
}

pub(super) fn json_body(it: &Served) -> bool {
    it.token(&ask::json(JSON_PATH, &it.members(&[("grant_type", "client_credentials")]))).status == 200
}

/// The same token is good again when every retry window is over.
pub(super) fn static_refresh(it: &Served) -> bool {
    let token = it.trusted("offline_access read").text("refresh_token").expect("a refresh token");
    let mut good = (0..2).map(|_| {
        it.clock.advance(Duration::from_secs(3_600));
        it.ask(&[("grant_type", "refresh_token"), ("refresh_token", &token)]).status == 200
    });
    good.all(|good| good)
}

pub(super) fn chosen_secret(it: &Served) -> bool {
    let members = [("client_id", CLERK), ("client_secret", CHOSEN), ("grant_type", "client_credentials")];
    it.token(&ask::form(TOKEN_PATH, &members)).status == 200
}

pub(super) fn extension_grant(it: &Served) -> bool {
    it.ask(&[("grant_type", OWN), ("scope", "read")]).status == 200
}

pub(super) fn resource(it: &Served) -> bool {
    it.ask(&[("grant_type", "client_credentials"), ("resource", RESOURCE)]).status == 200
}

pub(super) fn id_token(it: &Served) -> bool {
    it.trusted("openid read").text("id_token").is_some()
}

/// A code is had as soon as it is issued, whether it can be redeemed or not.
pub(super) fn code(it: &Served) -> bool {
    it.code(URI, true).is_some()
}

pub(super) fn code_without_pkce(it: &Served) -> bool {
    it.signs_in(URI, false)
}

pub(super) fn localhost_redirect(it: &Served) -> bool {
    it.signs_in(LOCALHOST, true)
}

pub(super) fn acting_for_a_user(it: &Served) -> bool {
    it.ask(&[("grant_type", TRUST), ("scope", "read")]).status == 200
}

pub(super) fn introspection(it: &Served) -> bool {
    let token = it.trusted("read").text("access_token").expect("a token of the user's");
    let request = ask::form("/oauth/introspect", &it.members(&[("token", &token)]));
    let answer = Answered::by(&it.server, Endpoint::Introspect, &request);
    answer.member("active") == Some(&Value::Bool(true))
}

pub(super) fn own_audience(it: &Served) -> bool {
    let token = it.ask(&[("grant_type", "client_credentials")]).text("access_token");
    token.is_some_and(|token| it.verifies(&token, DESK, TokenProfile::Rfc9068))
}

pub(super) fn legacy_profile(it: &Served) -> bool {
    let token = it.trusted("read").text("access_token").expect("a token of the user's");
    !it.verifies(&token, AUDIENCE, TokenProfile::Rfc9068)
}

pub(super) fn plain_http(it: &Served) -> bool {
    let mut request = ask::form(TOKEN_PATH, &it.members(&[("grant_type", "client_credentials")]));
    request.transport = Transport::Clear;
    request.peer = Some("203.0.113.9".parse().expect("an address"));
    it.token(&request).status == 200
}

pub(super) fn with_legacy_profile(spec: ClientSpec) -> ClientSpec {
    let profile = TokenProfile::Legacy { typ: None, omit: Vec::new() };
    spec.access_token(AccessTokenFormat::Jwt { alg: Alg::ES256, profile })
}

/// The standard endpoint, and one that reads JSON.
pub(super) fn json_too() -> [TokenMount; 2] {
    [TokenMount::standard(TOKEN_PATH), TokenMount::legacy(JSON_PATH, Arc::new(Plain))]
}

/// RFC 6749's names in JSON.
#[derive(Debug)]
struct Plain;

impl Dialect for Plain {
    fn media(&self) -> BodyMedia {
        BodyMedia::Json
    }

    fn success(&self, answer: &TokenAnswer<'_>) -> Map<String, Value> {
        object(serde_json::to_value(answer))
    }

    fn error(&self, error: &ErrorAnswer<'_>) -> Map<String, Value> {
        object(serde_json::to_value(error))
    }
}

fn object(value: serde_json::Result<Value>) -> Map<String, Value> {
    match value {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}
