//! One guarded route and the authorization server beside it, on a SQLite file: `cargo run --bin quickstart`.
//!
//! The first start prints a client's secret and commands to paste. Settings: see the crate's documentation.

use actix_web::{App, HttpServer, Responder, web};
use oauth_core::store::TokenProfile;
use oauth_core::{AuthorizationServer, ClientSpec, Endpoint, EnsuredClient};
use oauth_examples::{Failure, Host, Store, log_to_stderr, stop_signal, tell_secret};
use oauth_http_actix::{Access, Guard, routes, scopes};
use serde_json::json;

scopes!(ReadOrders = ["orders.read"]);

/// Runs only for tokens that are good, meant for `orders`, and allow `orders.read`.
async fn orders(_access: Access<ReadOrders>) -> impl Responder {
    web::Json(json!({ "orders": [{ "id": 1, "item": "a red bicycle" }] }))
}

#[actix_web::main]
async fn main() -> Result<(), Failure> {
    log_to_stderr();
    let host = Host::from_env("quickstart")?;
    let store = host.open_store()?;

    // oauth:begin
    let builder = AuthorizationServer::builder(host.issuer(), store.stores(), store.sealing_keys()?);
    let server = host.in_front_of(builder).start().await?;
    let reports = ClientSpec::confidential("reports").scope("orders.read").audience(["orders"]);
    let reports = server.ensure_client(reports).await?;
    let guard = Guard::of(&server, "orders".parse()?, TokenProfile::Rfc9068);
    let mounted = server.clone();
    let app =
        move || App::new().configure(routes(&mounted)).app_data(guard.clone()).route("/orders", web::get().to(orders));
    // oauth:end

    tell(&server, &reports, &host, &store);
    for advice in server.lint().await? {
        println!("Worth a thought: {advice}");
    }
    let http = HttpServer::new(app).workers(host.workers()).listen(host.listener()?)?;
    host.run(http.shutdown_signal(stop_signal(&server)?).run()).await
}

fn tell(server: &AuthorizationServer, reports: &EnsuredClient, host: &Host, store: &Store) {
    let id = &reports.client.id;
    let url = |wanted| {
        let path = server.endpoints().find(|(endpoint, _)| *endpoint == wanted).map_or("", |(_, path)| path);
        format!("{}{path}", host.url())
    };
    match &reports.secret {
        Some(secret) => {
            let secret = secret.expose();
            tell_secret(reports);
            println!("Get a token:");
            println!(
                "  TOKEN=$(curl -s -u '{id}:{secret}' -d grant_type=client_credentials {} \
                 | sed 's/.*\"access_token\":\"\\([^\"]*\\).*/\\1/')",
                url(Endpoint::Token)
            );
        }
        None => println!("The client `{id}` is registered; its secret was shown at the first start.\n"),
    }
    println!("Use it:");
    println!("  curl -s -H \"Authorization: Bearer $TOKEN\" {}/orders", host.url());
    println!("Fetch the keys that verify it:");
    println!("  curl -s {}\n", url(Endpoint::Jwks));
    if let Some(command) = store.command_to_forget() {
        println!("To start afresh, stop and run: {command}");
    }
}
