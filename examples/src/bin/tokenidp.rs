//! Camel-case JSON inside an envelope, at a path that also takes standard forms: `cargo run --bin tokenidp`.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, HttpServer, Responder, web};
use oauth_core::dialect::{BodyMedia, Dialect, ErrorAnswer, TokenAnswer, TokenMount};
use oauth_core::jose::Alg;
use oauth_core::keys::KeyNaming;
use oauth_core::store::{AccessTokenFormat, TokenProfile};
use oauth_core::{AuthorizationServer, ClientSpec, ScopeMode};
use oauth_examples::{Failure, Host, log_to_stderr, members, stop_signal};
use oauth_http_actix::{Access, Guard, routes, scopes};
use serde_json::{Map, Value, json};

// oauth:begin
scopes!(ReadOrders = ["orders.read"]);

const API: &str = "orders";
/// What its readers know: `alg` and `kid` in the header and nothing else. Every claim of RFC 9068 stays.
const PROFILE: TokenProfile = TokenProfile::Legacy { typ: None, omit: Vec::new() };

/// Answers in `isSuccess` and `data` or `error`, to JSON and to forms.
#[derive(Debug)]
struct Envelope(BodyMedia);

impl Dialect for Envelope {
    fn media(&self) -> BodyMedia {
        self.0
    }

    fn parameter<'a>(&self, member: &'a str) -> Option<&'a str> {
        match member {
            "grantType" => Some("grant_type"),
            "clientId" => Some("client_id"),
            "clientSecret" => Some("client_secret"),
            "scope" => Some(member),
            _ => None,
        }
    }

    fn success(&self, answer: &TokenAnswer<'_>) -> Map<String, Value> {
        let mut data = json!({
            "accessToken": answer.access_token,
            "tokenType": answer.token_type,
            "expiresIn": answer.expires_in,
        });
        if let Some(token) = answer.refresh_token {
            data["refreshToken"] = token.into();
        }
        members(json!({ "isSuccess": true, "data": data }))
    }

    fn error(&self, error: &ErrorAnswer<'_>) -> Map<String, Value> {
        let ErrorAnswer { error: code, error_description: message, .. } = error;
        members(json!({ "isSuccess": false, "error": { "code": code, "message": message } }))
    }
}

/// An application: JSON or form, Basic or secret in the body.
fn application(id: &str) -> ClientSpec {
    ClientSpec::confidential(id)
        .chosen_secret("replace-with-real-secret")
        .legacy_json_bodies()
        .scope("orders.read orders.write")
        .audience([API])
}
// oauth:end

async fn orders(access: Access<ReadOrders>) -> impl Responder {
    web::Json(json!({ "orders": [{ "id": 1, "item": "a red bicycle" }], "scope": access.scope().as_str() }))
}

#[actix_web::main]
async fn main() -> Result<(), Failure> {
    log_to_stderr();
    let host = Host::from_env("tokenidp")?;
    let store = host.open_store()?;

    // oauth:begin
    // the answer has no member for the scope, so a request for too much is refused instead of narrowed
    let mount = TokenMount::legacy("/token", Arc::new(Envelope(BodyMedia::Json)))
        .and(Arc::new(Envelope(BodyMedia::Form)))
        .scope_mode(ScopeMode::Refuse);
    let builder = AuthorizationServer::builder(host.issuer(), store.stores(), store.sealing_keys()?)
        .token_mounts([mount])
        .access_token(AccessTokenFormat::Jwt { alg: Alg::RS256, profile: PROFILE })
        .access_token_lifetime(Duration::from_secs(3600))
        .key_naming(KeyNaming::Date)
        .with_chosen_client_secrets();
    let server = host.in_front_of(builder).start().await?;
    server.ensure_client(application("orders-worker")).await?;
    // an application that may not use client_credentials, and one that was switched off
    server.ensure_client(application("orders-dashboard").grants(["refresh_token"])).await?;
    let retired = server.ensure_client(application("orders-retired")).await?.client;
    if retired.active {
        server.set_client_active(&retired.id, false).await?;
    }
    let guard = Guard::of(&server, API.parse()?, PROFILE);
    let mounted = server.clone();
    let app =
        move || App::new().configure(routes(&mounted)).app_data(guard.clone()).route("/orders", web::get().to(orders));
    // oauth:end

    host.tell(&store, COMMANDS);
    let http = HttpServer::new(app).workers(host.workers()).listen(host.listener()?)?;
    host.run(http.shutdown_signal(stop_signal(&server)?).run()).await
}

const COMMANDS: &[(&str, &str)] = &[
    (
        "An application asks for a token:",
        "curl -X POST {url}/token \\
  -H \"Content-Type: application/json\" \\
  -d '{
    \"grantType\": \"client_credentials\",
    \"clientId\": \"orders-worker\",
    \"clientSecret\": \"replace-with-real-secret\",
    \"scope\": \"orders.read orders.write\"
  }'",
    ),
    (
        "The same as a standard form, with Basic:",
        "curl -u orders-worker:replace-with-real-secret -d grant_type=client_credentials {url}/token",
    ),
    ("With the accessToken as $TOKEN:", "curl -H \"Authorization: Bearer $TOKEN\" {url}/orders"),
];
