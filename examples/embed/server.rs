//! The authorization server, its clients, and the API that its tokens open.

// oauth:begin
use std::sync::Arc;

use actix_cors::Cors;
use actix_web::{Error, HttpResponse, web};
use async_trait::async_trait;
use oauth_core::store::{StoreError, TokenProfile, User, UserStore};
use oauth_core::types::Subject;
use oauth_core::{AuthorizationServer, ClientSpec};
use oauth_examples::{Failure, Host, Store, tell_secret};
use oauth_http_actix::{Access, Authorize, Guard, Routes, decide, scopes};

use crate::accounts::Accounts;
use crate::allow;
use crate::notes::{Note, Notes};
use crate::pages::message;

scopes! {
    ReadNotes = ["notes.read"];
    WriteNotes = ["notes.write"];
}

/// The application's users, as the authorization server finds them.
#[async_trait]
impl UserStore for Accounts {
    async fn find_by_subject(&self, subject: &Subject) -> Result<Option<User>, StoreError> {
        let Some(id) = subject.key() else { return Ok(None) };
        let found = self.find(id).await.map_err(|why| StoreError::unavailable(why.to_string()))?;
        Ok(found.map(|person| User { subject: subject.clone(), active: person.active, scope: None, password: None }))
    }
}

/// The server, and what takes its tokens for the API.
pub(crate) type Oauth = (AuthorizationServer, Guard);

/// Starts it beside the application's users.
pub(crate) async fn start(host: &Host, store: &Store, users: Accounts) -> Result<Oauth, Failure> {
    let stores = store.stores().users(Arc::new(users));
    let builder = AuthorizationServer::builder(host.issuer(), stores, store.sealing_keys()?)
        .authorization_code()
        .scope_text("notes.read", "Read your notes")
        .scope_text("notes.write", "Write notes in your name")
        .scope_text("offline_access", "Go on while you are away");
    let server = host.in_front_of(builder).audit(store.audit_sink()).start().await?;
    for (client, name, redirect_uri) in [
        (ClientSpec::public("notes-cli"), "Notes for the terminal", "http://127.0.0.1/callback"),
        (ClientSpec::public("notes-web"), "Notes in a tab", "http://127.0.0.1/callback.html"),
        (ClientSpec::confidential("paper"), "Paper & Post", "https://paper.example/callback"),
    ] {
        let client = client.name(name).redirect_uris([redirect_uri]).grants(["authorization_code", "refresh_token"]);
        let client = client.scope("notes.read notes.write offline_access").audience(["notes"]);
        tell_secret(&server.ensure_client(client).await?);
    }
    let guard = Guard::of(&server, "notes".parse()?, TokenProfile::Rfc9068);
    Ok((server, guard))
}

/// Mounts the endpoints, their pages and the API.
pub(crate) fn mount((server, guard): &Oauth, app: &mut web::ServiceConfig) {
    let authorize = Authorize::new("/allow", allow::signed_in);
    let authorize = authorize.error_page(|_, page| message("This sign-in cannot go on", page.message));
    Routes::new(server).authorize(authorize).mount(app);
    app.service(web::resource("/allow").get(allow::ask).post(decide));
    app.service(web::resource("/connections").get(allow::connections).post(allow::withdraw));
    // scripts of every origin may ask: tokens decide here, and no cookie
    let cors = Cors::default().allow_any_origin().send_wildcard().allow_any_method().allow_any_header();
    app.service(web::resource("/api/notes").app_data(guard.clone()).wrap(cors).get(read).post(write));
}

async fn read(access: Access<ReadNotes>, notes: web::Data<Notes>) -> Result<web::Json<Vec<Note>>, Error> {
    Ok(web::Json(notes.of(access.require_user_key()?).await?))
}

async fn write(access: Access<WriteNotes>, notes: web::Data<Notes>, text: String) -> Result<HttpResponse, Error> {
    Ok(HttpResponse::Created().json(notes.write(access.require_user_key()?, text).await?))
}
// oauth:end
