//! The application's pages. Templates escape what they print; nothing comes from elsewhere, and no script is needed.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, ResponseError};
use askama::Template;

use crate::notes::Note;
use crate::session::Visitor;

/// What surrounds every page.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Who is signed in.
    pub(crate) name: Option<String>,
    /// For the forms of the page.
    pub(crate) csrf: String,
}

impl Frame {
    pub(crate) fn of(visitor: &Visitor) -> Self {
        Self { name: visitor.person.as_ref().map(|person| person.name.clone()), csrf: visitor.csrf() }
    }

    /// For a page that stands alone.
    const fn bare() -> Self {
        Self { name: None, csrf: String::new() }
    }
}

/// The notes of a user.
#[derive(Debug, Template)]
#[template(path = "notes.html")]
pub(crate) struct NotesPage {
    pub(crate) frame: Frame,
    pub(crate) notes: Vec<Note>,
}

/// Name and password.
#[derive(Debug, Template)]
#[template(path = "login.html")]
pub(crate) struct LoginPage {
    pub(crate) frame: Frame,
    /// Where to go afterwards: a path of ours.
    pub(crate) next: String,
    pub(crate) login: String,
    pub(crate) wrong: bool,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    frame: Frame,
    title: &'a str,
    text: &'a str,
}

impl LoginPage {
    /// For somebody who comes to sign in.
    pub(crate) const fn new(frame: Frame, next: String, login: String) -> Self {
        Self { frame, next, login, wrong: false }
    }
}

/// A page.
pub(crate) fn page(template: &impl Template) -> HttpResponse {
    match template.render() {
        Ok(html) => HttpResponse::Ok().content_type("text/html; charset=utf-8").body(html),
        Err(why) => Problem::broken(why).error_response(),
    }
}

/// A page with a sentence.
pub(crate) fn message(title: &str, text: &str) -> HttpResponse {
    page(&MessagePage { frame: Frame::bare(), title, text })
}

/// A way to another page of ours, to be fetched by GET.
pub(crate) fn see(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, path)).finish()
}

/// Why a request is not answered as its sender hoped.
#[derive(Debug)]
pub(crate) enum Problem {
    /// We failed; the text is for the log.
    Broken(String),
    /// A form of another session, or of none.
    OldForm,
    /// Nobody is signed in.
    SignedOut,
}

impl Problem {
    pub(crate) fn broken(why: impl fmt::Display) -> Self {
        Self::Broken(why.to_string())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken(why) => why,
            Self::OldForm => "a form of another session",
            Self::SignedOut => "nobody is signed in",
        })
    }
}

/// Whatever fails beneath a handler.
impl<E: std::error::Error> From<E> for Problem {
    fn from(why: E) -> Self {
        Self::broken(why)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::OldForm => StatusCode::FORBIDDEN,
            Self::SignedOut => StatusCode::SEE_OTHER,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = match self {
            Self::Broken(why) => {
                tracing::error!(%why, "a request failed");
                message("Something went wrong", "Please try again in a moment.")
            }
            Self::OldForm => message(
                "This page is out of date",
                "Somebody signed in or out in another tab meanwhile. Please go back, load the page again and send it \
                 once more.",
            ),
            Self::SignedOut => see("/login"),
        };
        *answer.status_mut() = self.status_code();
        answer
    }
}
