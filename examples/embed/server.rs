//! The authorization server of the application: its clients, its scopes, and the API that they use.

// oauth:begin
use std::sync::Arc;

use actix_web::{HttpResponse, web};
use oauth_core::store::TokenProfile;
use oauth_core::{AuthorizationServer, ClientSpec, EnsuredClient};
use oauth_examples::{Failure, Host, Store};
use oauth_http_actix::{Access, Authorize, Guard, Routes, scopes};

use crate::accounts::Accounts;
use crate::allow;
use crate::notes::{Note, Notes};
use crate::pages::{Problem, message};

const SCOPES: [(&str, &str); 3] = [
    ("notes.read", "Read your notes"),
    ("notes.write", "Write notes in your name"),
    ("offline_access", "Go on without asking you to sign in again"),
];
const CLIENTS: [(&str, &str); 3] =
    [("notes-cli", "Notes for the terminal"), ("notes-spa", "Notes in the browser"), ("paper", "Paper & Post")];

scopes! {
    ReadNotes = ["notes.read"];
    WriteNotes = ["notes.write"];
}

/// Starts it beside the application's users; what it answers for `paper` holds a secret at the first start.
pub(crate) async fn start(
    host: &Host,
    store: &Store,
    accounts: Accounts,
) -> Result<(AuthorizationServer, EnsuredClient), Failure> {
    let stores = store.stores().users(Arc::new(accounts));
    let builder = AuthorizationServer::builder(host.issuer(), stores, store.sealing_keys()?).authorization_code();
    let builder = SCOPES.iter().fold(builder, |builder, (scope, text)| builder.scope_text(*scope, *text));
    let server = host.in_front_of(builder).audit(store.audit_sink()).start().await?;
    let client = |spec: ClientSpec, name: &str, uri: &str| {
        let scope = SCOPES.map(|(scope, _)| scope).join(" ");
        spec.name(name)
            .grants(["authorization_code", "refresh_token"])
            .scope(scope)
            .audience(["notes"])
            .redirect_uris([uri])
    };
    let [cli, spa, paper] = CLIENTS;
    server.ensure_client(client(ClientSpec::public(cli.0), cli.1, "http://127.0.0.1/callback")).await?;
    server.ensure_client(client(ClientSpec::public(spa.0), spa.1, "http://127.0.0.1/")).await?;
    let paper = client(ClientSpec::confidential(paper.0), paper.1, "https://paper.example/callback");
    let paper = server.ensure_client(paper).await?;
    Ok((server, paper))
}

/// Mounts its endpoints, its pages and the API.
pub(crate) fn mount(server: &AuthorizationServer, guard: &Guard, app: &mut web::ServiceConfig) {
    let sorry = |_: &_, page: &oauth_core::authorize::Page| {
        message(actix_web::http::StatusCode::BAD_REQUEST, "This sign-in cannot go on", page.message)
    };
    Routes::new(server).authorize(Authorize::new("/allow", allow::signed_in).error_page(sorry)).mount(app);
    app.configure(allow::routes)
        .app_data(web::Data::new(server.clone()))
        .app_data(guard.clone())
        .route("/api/notes", web::get().to(read))
        .route("/api/notes", web::post().to(write));
}

/// Takes the tokens of the server for this API.
pub(crate) fn guard(server: &AuthorizationServer) -> Result<Guard, Failure> {
    Ok(Guard::of(server, "notes".parse()?, TokenProfile::Rfc9068))
}

async fn read(access: Access<ReadNotes>, notes: web::Data<Notes>) -> Result<web::Json<Vec<Note>>, actix_web::Error> {
    Ok(web::Json(notes.of(user(&access)?).await?))
}

#[derive(serde::Deserialize)]
struct NewNote {
    text: String,
}

async fn write(
    access: Access<WriteNotes>,
    notes: web::Data<Notes>,
    new: web::Json<NewNote>,
) -> Result<HttpResponse, actix_web::Error> {
    let note = notes.write(user(&access)?, new.into_inner().text).await?;
    Ok(HttpResponse::Created().json(note))
}

fn user<S>(access: &Access<S>) -> Result<i64, actix_web::Error> {
    Ok(access.require_user()?.as_str().parse().map_err(Problem::broken)?)
}

/// What people read for a scope.
pub(crate) fn text_of<'a>(scope: &'a str) -> &'a str {
    SCOPES.iter().find(|(name, _)| *name == scope).map_or(scope, |(_, text)| text)
}

/// What people read for a client.
pub(crate) fn name_of(client: &oauth_core::types::ClientId) -> &str {
    CLIENTS.iter().find(|(id, _)| *id == client.as_str()).map_or(client.as_str(), |(_, name)| name)
}
// oauth:end
