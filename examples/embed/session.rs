//! Sessions: a random id in a cookie, renewed at login. Everybody has one; it stands in the database, as a digest, once
//! somebody has signed in.

use std::future::Future;
use std::pin::Pin;
use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::body::MessageBody;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use rusqlite::OptionalExtension as _;

use crate::Notes;
use crate::accounts::Person;
use crate::pages::Problem;

/// How long a sign-in lasts, in milliseconds.
const LIFETIME: i64 = 12 * 3600 * 1000;

/// The id in the cookie.
#[derive(Clone)]
struct SessionId(String);

impl SessionId {
    fn random() -> Result<Self, Problem> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(Problem::broken)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    fn digest(&self, purpose: &str) -> Vec<u8> {
        digest(&SHA256, format!("{purpose}\n{}", self.0).as_bytes()).as_ref().to_vec()
    }

    fn cookie(self, secure: bool) -> Cookie<'static> {
        let cookie = Cookie::build(cookie_name(secure), self.0).path("/").http_only(true).secure(secure);
        cookie.same_site(SameSite::Lax).finish()
    }
}

const fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-notes" } else { "notes" }
}

/// Whoever sends a request.
pub(crate) struct Visitor {
    id: SessionId,
    /// The user who signed in, if one did.
    pub(crate) person: Option<Person>,
    /// When, in milliseconds since 1970.
    pub(crate) signed_in_at: i64,
    notes: web::Data<Notes>,
}

impl Visitor {
    /// The user.
    ///
    /// # Errors
    /// The way to the login page.
    pub(crate) fn person(&self) -> Result<&Person, Problem> {
        self.person.as_ref().ok_or(Problem::SignedOut)
    }

    /// Goes into every form that changes something: a page elsewhere cannot know it.
    pub(crate) fn csrf(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.id.digest("form"))
    }

    /// Whether a form came from a page of ours in this session.
    ///
    /// # Errors
    /// A page that says so.
    pub(crate) fn prove(&self, csrf: &str) -> Result<(), Problem> {
        // digests, so that how long it takes tells nothing
        let hash = |text: &str| digest(&SHA256, text.as_bytes()).as_ref().to_vec();
        if hash(csrf) == hash(&self.csrf()) { Ok(()) } else { Err(Problem::OldForm) }
    }

    /// Signs a user in: the old id is worth nothing from now on.
    pub(crate) async fn sign_in(&self, person: &Person) -> Result<Cookie<'static>, Problem> {
        let (id, now) = (SessionId::random()?, now());
        let (old, new, user) = (self.id.digest("session"), id.digest("session"), person.id);
        let change = self.notes.database.run(move |sql| {
            sql.execute("DELETE FROM sessions WHERE digest = ?1 OR expires_at <= ?2", (old, now))?;
            sql.execute("INSERT INTO sessions VALUES (?1, ?2, ?3, ?4)", (new, user, now, now + LIFETIME))
        });
        change.await?;
        Ok(id.cookie(self.notes.secure))
    }

    /// Signs the user out.
    pub(crate) async fn sign_out(&self) -> Result<Cookie<'static>, Problem> {
        let old = self.id.digest("session");
        self.notes.database.run(move |sql| sql.execute("DELETE FROM sessions WHERE digest = ?1", [old])).await?;
        Ok(SessionId::random()?.cookie(self.notes.secure))
    }
}

impl FromRequest for Visitor {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(http: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = http.extensions().get::<SessionId>().cloned();
        let notes = http.app_data::<web::Data<Notes>>().cloned();
        Box::pin(async move {
            let (id, notes) = id.zip(notes).ok_or_else(|| Problem::broken("no session in this application"))?;
            let (key, now) = (id.digest("session"), now());
            let query = format!(
                "SELECT {}, signed_in_at FROM sessions JOIN users ON users.id = user
                 WHERE digest = ?1 AND expires_at > ?2 AND active",
                Person::COLUMNS
            );
            let find = move |sql: &rusqlite::Connection| {
                sql.query_row(&query, (key, now), |row| Ok((Person::read(row)?, row.get(3)?))).optional()
            };
            let (person, signed_in_at) = notes.database.run(find).await?.unzip();
            Ok(Self { id, person, signed_in_at: signed_in_at.unwrap_or_default(), notes })
        })
    }
}

/// Sees to it that every browser has a session id, and every page the headers that keep it to itself. Other answers stay
/// as they are.
pub(crate) async fn every_page(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let secure = request.app_data::<web::Data<Notes>>().is_some_and(|notes| notes.secure);
    let held = request.cookie(cookie_name(secure)).map(|cookie| SessionId(cookie.value().to_owned()));
    let held = held.filter(|id| id.0.len() == 43);
    let is_new = held.is_none();
    let id = held.map_or_else(SessionId::random, Ok)?;
    request.extensions_mut().insert(id.clone());
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    if !headers.get(header::CONTENT_TYPE).is_some_and(|media| media.as_bytes().starts_with(b"text/html")) {
        return Ok(response);
    }
    if is_new {
        headers.append(header::SET_COOKIE, HeaderValue::from_str(&id.cookie(secure).to_string())?);
    }
    // no form-action: browsers apply it to every redirect after a form, and signing in may end at another application
    let policy = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";
    set(headers, header::CONTENT_SECURITY_POLICY, policy);
    set(headers, header::X_FRAME_OPTIONS, "DENY");
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, header::REFERRER_POLICY, "no-referrer");
    set(headers, header::CACHE_CONTROL, "no-store");
    Ok(response)
}

/// What a page says of itself stays.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    if !headers.contains_key(&name) {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the application's own clock; the authorization server has its own")]
fn now() -> i64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(passed.as_millis()).unwrap_or(i64::MAX)
}
