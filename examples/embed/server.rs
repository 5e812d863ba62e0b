//! The authorization server of the application: its clients, its scopes, and the API that they use.

// oauth:begin
use std::sync::Arc;

use actix_web::{Error, HttpResponse, http::StatusCode, web};
use oauth_core::authorize::Page;
use oauth_core::store::TokenProfile;
use oauth_core::types::ClientId;
use oauth_core::{AuthorizationServer, ClientSpec};
use oauth_examples::{Failure, Host, Store};
use oauth_http_actix::{Access, Authorize, Guard, Routes, scopes};

use crate::accounts::Accounts;
use crate::allow;
use crate::notes::{Note, Notes};
use crate::pages::{Problem, message};

const SCOPES: [(&str, &str); 3] = [
    ("notes.read", "Read your notes"),
    ("notes.write", "Write notes in your name"),
    ("offline_access", "Go on while you are away"),
];
const CLI: (&str, &str) = ("notes-cli", "Notes for the terminal");
const PAPER: (&str, &str) = ("paper", "Paper & Post");

scopes! {
    ReadNotes = ["notes.read"];
    WriteNotes = ["notes.write"];
}

/// Starts it beside the application's users.
pub(crate) async fn start(host: &Host, store: &Store, accounts: Accounts) -> Result<AuthorizationServer, Failure> {
    let stores = store.stores().users(Arc::new(accounts));
    let builder = AuthorizationServer::builder(host.issuer(), stores, store.sealing_keys()?).authorization_code();
    let server = host.in_front_of(builder).audit(store.audit_sink()).start().await?;
    let with = |spec: ClientSpec, name, uri| {
        let spec = spec.name(name).grants(["authorization_code", "refresh_token"]).redirect_uris([uri]);
        spec.scope(SCOPES.map(|(scope, _)| scope).join(" ")).audience(["notes"])
    };
    server.ensure_client(with(ClientSpec::public(CLI.0), CLI.1, "http://127.0.0.1/callback")).await?;
    let paper = with(ClientSpec::confidential(PAPER.0), PAPER.1, "https://paper.example/callback");
    if let Some(secret) = server.ensure_client(paper).await?.secret {
        println!("The client `{}` is registered. Its secret is shown this once: {}", PAPER.0, secret.expose());
    }
    Ok(server)
}

/// Takes the server's tokens for the API.
pub(crate) fn guard(server: &AuthorizationServer) -> Result<Guard, Failure> {
    Ok(Guard::of(server, "notes".parse()?, TokenProfile::Rfc9068))
}

/// Mounts the endpoints, their pages and the API.
pub(crate) fn mount(server: &AuthorizationServer, guard: &Guard, app: &mut web::ServiceConfig) {
    let error = |_: &_, page: &Page| message(StatusCode::OK, "This sign-in cannot go on", page.message);
    Routes::new(server).authorize(Authorize::new("/allow", allow::signed_in).error_page(error)).mount(app);
    app.app_data(web::Data::new(server.clone())).app_data(guard.clone());
    app.route("/allow", web::get().to(allow::ask)).route("/allow", web::post().to(allow::decide));
    app.route("/connections", web::get().to(allow::connections)).route("/connections", web::post().to(allow::withdraw));
    app.route("/api/notes", web::get().to(read)).route("/api/notes", web::post().to(write));
}

async fn read(access: Access<ReadNotes>, notes: web::Data<Notes>) -> Result<web::Json<Vec<Note>>, Error> {
    Ok(web::Json(notes.of(user(&access)?).await?))
}

async fn write(access: Access<WriteNotes>, notes: web::Data<Notes>, text: String) -> Result<HttpResponse, Error> {
    Ok(HttpResponse::Created().json(notes.write(user(&access)?, text).await?))
}

fn user<S>(access: &Access<S>) -> Result<i64, Error> {
    Ok(access.require_user()?.as_str().parse().map_err(Problem::broken)?)
}

/// What people read for a scope.
pub(crate) fn text_of(scope: &str) -> &str {
    SCOPES.iter().find(|(name, _)| *name == scope).map_or(scope, |(_, text)| text)
}

/// What people read for a client.
pub(crate) fn name_of(client: &ClientId) -> &str {
    [CLI, PAPER].iter().find(|(id, _)| *id == client.as_str()).map_or(client.as_str(), |(_, name)| name)
}
// oauth:end
