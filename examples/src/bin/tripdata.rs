//! One endpoint for services and for an app that takes passwords: `cargo run --bin tripdata`.
//!
//! Services get JWTs by RFC 9068; the app, which is older, gets opaque tokens and refreshes them. Both call one API.
//! No dialect: the system speaks RFC 6749, so this is registrations and policy only.

use std::time::Duration;

use actix_web::{App, HttpServer, Responder, web};
use oauth_core::jose::Alg;
use oauth_core::store::{AccessTokenFormat, AuthMethod, TokenProfile};
use oauth_core::{AuthorizationServer, ClientSpec, Endpoints};
use oauth_examples::{Failure, Host, Store, log_to_stderr, stop_signal};
use oauth_http_actix::{Access, Guard, routes, scopes};
use serde::{Deserialize, Serialize};
use serde_json::json;

// oauth:begin
scopes! {
    TenantData = ["tenant-data"];
    UserData = ["user-data"];
}

const API: &str = "tripdata-api";
const SERVICES: &str = "client-data config-data hub-data tenant-data user-data";
const USERS: &str = "client-data config-data hub-data offline_access user-data";

/// A service: it asks by `client_secret_post`, and gets all of its scope when it names none.
fn service(id: &str) -> ClientSpec {
    ClientSpec::confidential(id)
        .auth_methods(&[AuthMethod::ClientSecretPost])
        .chosen_secret("tripdata-demo-secret")
        .scope(SERVICES)
        .audience([API])
}

/// An app that is trusted with passwords, because it is older than the alternatives (RFC 9700 §2.4).
fn app_with_passwords(id: &str) -> ClientSpec {
    ClientSpec::public(id)
        .legacy_password_grant()
        .grants(["refresh_token"])
        .access_token(AccessTokenFormat::Opaque)
        .scope(USERS)
        .audience([API])
}
// oauth:end

/// A setting of a tenant.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Setting {
    config_key: String,
    value: String,
}

async fn configure(access: Access<TenantData>, setting: web::Json<Setting>) -> impl Responder {
    let by = access.principal().map(|principal| principal.client().to_string());
    web::Json(json!({ "saved": setting.into_inner(), "by": by }))
}

async fn protected(access: Access<UserData>) -> impl Responder {
    let user = access.require_user().ok().map(ToString::to_string);
    web::Json(json!({ "message": "this is protected", "user": user, "scope": access.scope().as_str() }))
}

#[actix_web::main]
async fn main() -> Result<(), Failure> {
    log_to_stderr();
    if std::env::args().any(|argument| argument == "--audit-trail") {
        return Store::of_example("tripdata")?.print_audit_trail().await;
    }
    let host = Host::from_env("tripdata")?;
    let store = host.open_store()?;

    // oauth:begin
    let builder = AuthorizationServer::builder(host.issuer(), store.stores(), store.sealing_keys()?)
        .endpoints(Endpoints::new().token("/connect/token"))
        .access_token(AccessTokenFormat::Jwt { alg: Alg::RS256, profile: TokenProfile::Rfc9068 })
        .access_token_lifetime(Duration::from_secs(3600))
        .with_chosen_client_secrets()
        .audit(store.audit_sink())
        .danger()
        .password_grant();
    let server = host.in_front_of(builder).start().await?;
    for client in [
        service("tripdata-service"),
        // the page's advice: credentials work from known addresses only; these are nobody's
        service("tripdata-partner").networks(["203.0.113.0/24"]),
        app_with_passwords("tripdata-app"),
        app_with_passwords("tripdata-kiosk").retry_window(Duration::from_secs(5)),
    ] {
        server.ensure_client(client).await?;
    }
    store.add_user(&server, "user-1", "account@tripdata.vn", "@Password123").await?;
    // it takes the services' JWTs, and opaque tokens of any client
    let guard = Guard::of(&server, API.parse()?, TokenProfile::Rfc9068);
    let mounted = server.clone();
    let app = move || {
        App::new()
            .configure(routes(&mounted))
            .app_data(guard.clone())
            .route("/api/tenant/configuration", web::post().to(configure))
            .route("/api/protected-resource", web::get().to(protected))
    };
    // oauth:end

    host.tell(&store, COMMANDS);
    let http = HttpServer::new(app).workers(host.workers()).listen(host.listener()?)?;
    host.run(http.shutdown_signal(stop_signal(&server)?).run()).await
}

const COMMANDS: &[(&str, &str)] = &[
    (
        "A service asks for a token:",
        "curl --location '{url}/connect/token' \\
--header 'Content-Type: application/x-www-form-urlencoded' \\
--data-urlencode 'grant_type=client_credentials' \\
--data-urlencode 'client_id=tripdata-service' \\
--data-urlencode 'client_secret=tripdata-demo-secret'",
    ),
    (
        "With its access_token as $TOKEN:",
        "curl -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\
-d '{\"configKey\": \"SYSTEM_TIMEOUT\", \"value\": \"30000\"}' {url}/api/tenant/configuration",
    ),
    (
        "A user signs in through the app:",
        "curl --location '{url}/connect/token' \\
--header 'Content-Type: application/x-www-form-urlencoded' \\
--data-urlencode 'grant_type=password' \\
--data-urlencode 'client_id=tripdata-app' \\
--data-urlencode 'password=@Password123' \\
--data-urlencode 'username=account@tripdata.vn'",
    ),
    ("With that access_token as $TOKEN:", "curl -H \"Authorization: Bearer $TOKEN\" {url}/api/protected-resource"),
    (
        "With its refresh_token as $REFRESH:",
        "curl -d grant_type=refresh_token -d client_id=tripdata-app -d \"refresh_token=$REFRESH\" {url}/connect/token",
    ),
];
