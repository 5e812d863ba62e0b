//! The application itself: signing in and out, and the notes of a user.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, Responder, web};
use serde::{Deserialize, Serialize};

use crate::accounts::Accounts;
use crate::database::Database;
use crate::pages::{Frame, LoginPage, NotesPage, Problem, page, see};
use crate::session::Visitor;

/// What every part of the application reaches.
#[derive(Debug)]
pub(crate) struct Notes {
    pub(crate) database: Database,
    /// Whether browsers come by https.
    pub(crate) secure: bool,
}

/// A note.
#[derive(Debug, Serialize)]
pub(crate) struct Note {
    pub(crate) id: i64,
    pub(crate) text: String,
}

impl Notes {
    /// The notes of a user, newest first.
    pub(crate) async fn of(&self, user: i64) -> Result<Vec<Note>, Problem> {
        let query = "SELECT id, text FROM notes WHERE user = ?1 ORDER BY id DESC LIMIT 100";
        let read = move |sql: &rusqlite::Connection| {
            let mut query = sql.prepare_cached(query)?;
            let rows = query.query_map([user], |row| Ok(Note { id: row.get(0)?, text: row.get(1)? }))?;
            rows.collect()
        };
        self.database.run(read).await
    }

    /// Writes a note of a user.
    pub(crate) async fn write(&self, user: i64, text: String) -> Result<Note, Problem> {
        let insert = "INSERT INTO notes (user, text) VALUES (?1, ?2) RETURNING id, text";
        let read = |row: &rusqlite::Row<'_>| Ok(Note { id: row.get(0)?, text: row.get(1)? });
        self.database.run(move |sql| sql.query_row(insert, (user, text), read)).await
    }
}

/// Mounts the pages.
pub(crate) fn routes(app: &mut web::ServiceConfig) {
    app.route("/", web::get().to(|| async { see("/notes") }))
        .route("/style.css", web::get().to(style))
        .route("/notes", web::get().to(list))
        .route("/notes", web::post().to(add))
        .route("/login", web::get().to(login))
        .route("/login", web::post().to(sign_in))
        .route("/logout", web::post().to(sign_out));
}

async fn style() -> impl Responder {
    (include_str!("templates/style.css"), StatusCode::OK).customize().insert_header(("content-type", "text/css"))
}

async fn list(visitor: Visitor, notes: web::Data<Notes>) -> Result<HttpResponse, Problem> {
    let notes = notes.of(visitor.person()?.id).await?;
    Ok(page(&NotesPage { frame: Frame::of(&visitor), notes }))
}

#[derive(Deserialize)]
struct Written {
    csrf: String,
    text: String,
}

async fn add(visitor: Visitor, form: web::Form<Written>, notes: web::Data<Notes>) -> Result<HttpResponse, Problem> {
    visitor.prove(&form.csrf)?;
    let text = form.text.trim();
    if !text.is_empty() {
        notes.write(visitor.person()?.id, text.to_owned()).await?;
    }
    Ok(see("/notes"))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    next: String,
    #[serde(default)]
    login: String,
}

async fn login(visitor: Visitor, asked: web::Query<Asked>) -> HttpResponse {
    let Asked { next, login } = asked.into_inner();
    page(&LoginPage::new(Frame::of(&visitor), next, login))
}

#[derive(Deserialize)]
struct Credentials {
    csrf: String,
    login: String,
    password: String,
    next: String,
}

async fn sign_in(
    visitor: Visitor,
    form: web::Form<Credentials>,
    notes: web::Data<Notes>,
) -> Result<HttpResponse, Problem> {
    visitor.prove(&form.csrf)?;
    let Credentials { login, password, next, .. } = form.into_inner();
    let Some(person) = Accounts(notes.database.clone()).sign_in(login.clone(), password).await? else {
        let mut again = page(&LoginPage { wrong: true, ..LoginPage::new(Frame::of(&visitor), next, login) });
        *again.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(again);
    };
    let cookie = visitor.sign_in(&person).await?;
    let mut answer = see(if is_ours(&next) { &next } else { "/notes" });
    answer.add_cookie(&cookie).map_err(Problem::broken)?;
    Ok(answer)
}

#[derive(Deserialize)]
struct Leaving {
    csrf: String,
}

async fn sign_out(visitor: Visitor, form: web::Form<Leaving>) -> Result<HttpResponse, Problem> {
    visitor.prove(&form.csrf)?;
    let mut answer = see("/login");
    answer.add_cookie(&visitor.sign_out().await?).map_err(Problem::broken)?;
    Ok(answer)
}

/// Whether it is a path of this application, so that nobody is sent away by a link to the login page.
fn is_ours(path: &str) -> bool {
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    is_plain && path.starts_with('/') && !path.starts_with("//")
}
