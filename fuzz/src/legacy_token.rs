//! A token endpoint that speaks JSON and forms in a dialect, with refresh tokens and an extension grant.
//!
//! Inputs look like HTTP, as in `form_and_basic`. `$REFRESH` in a body stands for the refresh token that may be used
//! next, so that a seed can spend one.

use std::sync::{Arc, Mutex, OnceLock};

use oauth_core::dialect::{BodyMedia, Dialect, ErrorAnswer, TokenAnswer, TokenMount};
use oauth_core::keys::{SealingKey, SealingKeys};
use oauth_core::store::{AccessTokenFormat, Client, User};
use oauth_core::types::{Issuer, Subject};
use oauth_core::wire::{Body, Method, Request, Response};
use oauth_core::{
    Authenticated, AuthorizationServer, ClientSpec, Endpoint, ExtensionFacts, ExtensionGrant, ExtensionParameters,
    ExtensionRefusal, ExtensionSettings, Proposal,
};
use oauth_store_memory::MemoryStore;
use oauth_testkit::block_on;
use serde_json::{Map, Value, json};

use crate::form_and_basic::{is_description, read};

const SCOPE: &str = "offline_access orders.read orders.write";

/// Asks for a token; whatever was asked, the answer is in the envelope and never our fault.
pub fn check(input: &[u8]) {
    let response = answer(input);
    let body: Value = serde_json::from_slice(&response.body).expect("the body is JSON");
    assert_eq!(body["ok"].as_bool(), Some(response.status == 200), "{body}");
    if response.status == 200 {
        assert!(body["data"]["accessToken"].as_str().is_some_and(|token| token.len() >= 43));
    } else {
        assert!(matches!(response.status, 400 | 401 | 405 | 413 | 415 | 429), "{response:?}");
        assert!(body["code"].as_str().is_some_and(|code| code.bytes().all(is_description)));
        assert!(body.get("data").is_none());
    }
    assert_eq!(response.header_value("cache-control"), Some("no-store"));
}

/// Whether this request gets a token.
#[must_use]
pub fn succeeds(input: &[u8]) -> bool {
    answer(input).status == 200
}

fn answer(input: &[u8]) -> Response {
    let Jar { server, refresh } = jar();
    let mut refresh = refresh.lock().expect("nothing panics while it is held");
    let mut request = read(input);
    request.path = "/token".to_owned();
    if let Body::Whole(bytes) = &request.body
        && let Some(place) = bytes.windows(8).position(|window| window == b"$REFRESH")
    {
        request.body = Body::Whole([&bytes[..place], refresh.as_bytes(), &bytes[place + 8..]].concat());
    }
    let response = block_on(server.handle(Endpoint::Token, &request));
    // a replay ends the family: begin another
    *refresh = begin(server);
    response
}

struct Jar {
    server: AuthorizationServer,
    refresh: Mutex<String>,
}

fn jar() -> &'static Jar {
    static JAR: OnceLock<Jar> = OnceLock::new();
    JAR.get_or_init(|| {
        let server = block_on(start());
        let refresh = Mutex::new(begin(&server));
        Jar { server, refresh }
    })
}

async fn start() -> AuthorizationServer {
    let store = MemoryStore::new();
    let alice = User { subject: "alice".parse().expect("lawful"), active: true, scope: None, password: None };
    let _ = store.insert_user(alice, ["alice"]).expect("an empty store");
    let issuer = Issuer::url("https://auth.example").expect("lawful");
    let sealing = SealingKeys::new(SealingKey::new("fuzz", [1; 32]).expect("lawful"));
    let mount = TokenMount::legacy("/token", Arc::new(Camel(BodyMedia::Json))).and(Arc::new(Camel(BodyMedia::Form)));
    let trust = ExtensionSettings { scope: SCOPE.to_owned(), refresh_tokens: true, id_tokens: false };
    let server = AuthorizationServer::builder(issuer, &store, sealing)
        .access_token(AccessTokenFormat::Opaque)
        .failures_per_minute(u32::MAX)
        .family_limit(4)
        .token_mounts([mount])
        .extension_grant(Arc::new(Trust), trust)
        .start()
        .await
        .expect("a server");
    let spec = ClientSpec::public("app").grants(["urn:trust", "refresh_token"]).scope(SCOPE).audience(["orders"]);
    server.ensure_client(spec.legacy_json_bodies()).await.expect("a client");
    server
}

/// A fresh family's refresh token.
fn begin(server: &AuthorizationServer) -> String {
    let mut request = Request::new(Method::Post, "/token");
    request.headers.push("content-type", b"application/json");
    request.body = Body::Whole(br#"{"clientId":"app","grantType":"urn:trust","loginId":"alice"}"#.to_vec());
    let response = block_on(server.handle(Endpoint::Token, &request));
    let body: Value = serde_json::from_slice(&response.body).expect("JSON");
    body["data"]["refreshToken"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
}

#[derive(Debug)]
struct Camel(BodyMedia);

impl Dialect for Camel {
    fn media(&self) -> BodyMedia {
        self.0
    }

    fn parameter<'a>(&self, member: &'a str) -> Option<&'a str> {
        Some(match member {
            "clientId" => "client_id",
            "clientSecret" => "client_secret",
            "grantType" | "grant_types" => "grant_type",
            "refreshToken" => "refresh_token",
            other => other,
        })
    }

    fn success(&self, answer: &TokenAnswer<'_>) -> Map<String, Value> {
        let mut data = json!({ "accessToken": answer.access_token, "scope": answer.scope });
        if let Some(token) = answer.refresh_token {
            data["refreshToken"] = token.into();
        }
        Map::from_iter([("ok".to_owned(), true.into()), ("data".to_owned(), data)])
    }

    fn error(&self, error: &ErrorAnswer<'_>) -> Map<String, Value> {
        Map::from_iter([("ok".to_owned(), false.into()), ("code".to_owned(), error.error.into())])
    }
}

/// Believes whom it is told.
#[derive(Debug)]
struct Trust;

impl ExtensionGrant for Trust {
    fn grant_type(&self) -> &str {
        "urn:trust"
    }

    fn parameters(&self) -> &[&'static str] {
        &["loginId"]
    }

    fn propose(
        &self,
        _: &Authenticated<Client>,
        parameters: &ExtensionParameters<'_>,
        _: &ExtensionFacts,
    ) -> Result<Proposal, ExtensionRefusal> {
        let user = parameters.one("loginId").ok_or(ExtensionRefusal::Malformed)?;
        Subject::parse(user).map(Proposal::new).map_err(|_| ExtensionRefusal::Invalid)
    }
}
