//! Client credentials by the book, one way to authenticate per client: `cargo run --bin tiki`.

use actix_web::{App, HttpServer, Responder, web};
use oauth_core::store::{AuthMethod, TokenProfile};
use oauth_core::{AuthorizationServer, ClientSpec, Endpoints};
use oauth_examples::{Failure, Host, log_to_stderr, stop_signal};
use oauth_http_actix::{Access, Guard, routes, scopes};
use serde_json::json;

// oauth:begin
scopes!(Orders = ["order"]);

const API: &str = "tiki-seller-api";

/// What the administrator gave an in-house application. It asks for none of it by name, and there is no user, so it
/// never gets a refresh token (RFC 6749 §4.4.3).
fn in_house(id: &str, method: AuthMethod) -> ClientSpec {
    ClientSpec::confidential(id)
        .auth_methods(&[method])
        .chosen_secret("tfSl0c6-demo-secret")
        .scope("inventory multichannel order product")
        .audience([API])
}
// oauth:end

async fn orders(access: Access<Orders>) -> impl Responder {
    web::Json(json!({ "orders": [], "scope": access.scope().as_str() }))
}

#[actix_web::main]
async fn main() -> Result<(), Failure> {
    log_to_stderr();
    let host = Host::from_env("tiki")?;
    let store = host.open_store()?;

    // oauth:begin
    let builder = AuthorizationServer::builder(host.issuer(), store.stores(), store.sealing_keys()?)
        .endpoints(Endpoints::new().token("/sc/oauth2/token"))
        .with_chosen_client_secrets();
    let server = host.in_front_of(builder).start().await?;
    server.ensure_client(in_house("7590139168389961", AuthMethod::ClientSecretBasic)).await?;
    server.ensure_client(in_house("7590139168389962", AuthMethod::ClientSecretPost)).await?;
    let guard = Guard::of(&server, API.parse()?, TokenProfile::Rfc9068);
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
        "The first application has its secret in the header:",
        "curl --location --request POST '{url}/sc/oauth2/token' \\
--header 'Authorization: Basic NzU5MDEzOTE2ODM4OTk2MTp0ZlNsMGM2LWRlbW8tc2VjcmV0' \\
--header 'Content-Type: application/x-www-form-urlencoded' \\
--data-urlencode 'grant_type=client_credentials'",
    ),
    (
        "The second has it in the body:",
        "curl '{url}/sc/oauth2/token' -d grant_type=client_credentials \\
-d client_id=7590139168389962 -d client_secret=tfSl0c6-demo-secret",
    ),
    ("With the access_token as $TOKEN:", "curl -H \"Authorization: Bearer $TOKEN\" {url}/orders"),
];
