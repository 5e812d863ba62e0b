//! What all examples share: settings from the environment, stores, how they listen and how they end.
//!
//! | variable | is | default |
//! |---|---|---|
//! | `BIND` | where to listen | `127.0.0.1:8080`; port 0 takes a free one |
//! | `DATABASE_URL` | `sqlite:PATH` or `memory:` | `sqlite:NAME.db` in the current directory |
//! | `ISSUER` | the server's public URL | `http://` and where it listens |
//! | `TRUSTED_PROXIES` | networks whose proxies end TLS, with commas between | none |
//! | `WORKERS` | threads that answer requests | 2 |
//!
//! An address that others can reach needs `TRUSTED_PROXIES`, or the argument `--insecure-http`.

pub mod custom_store;
mod host;
mod store;
mod user_credentials;

use oauth_core::AuthorizationServer;
use serde_json::{Map, Value};

pub use self::host::{Host, tell_secret};
pub use self::store::{Directory, Store};
pub use self::user_credentials::UserCredentials;

/// What an example ends with when it cannot go on: told to the person who started it.
pub struct Failure(Box<dyn std::error::Error>);

impl<E: Into<Box<dyn std::error::Error>>> From<E> for Failure {
    fn from(why: E) -> Self {
        Self(why.into())
    }
}

/// `main` prints this one.
impl std::fmt::Debug for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The members of a JSON object, for the answers of a dialect.
#[must_use]
pub fn members(object: Value) -> Map<String, Value> {
    if let Value::Object(members) = object { members } else { Map::new() }
}

/// Writes the audit trail to standard error, so that standard output is for people.
pub fn log_to_stderr() {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing_subscriber::filter::LevelFilter::INFO)
        .init();
}

/// Resolves when the process was asked to end, by ctrl-c or SIGTERM, and the authorization server has finished what it
/// began. HTTP stops after that, so that no request is cut off with its worker. Signals are caught from now on.
///
/// # Errors
/// What the operating system says.
pub fn stop_signal(oauth: &AuthorizationServer) -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let asked = asked_to_end()?;
    let oauth = oauth.clone();
    Ok(async move {
        asked.await;
        oauth.shutdown().await;
    })
}

#[cfg(unix)]
fn asked_to_end() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn asked_to_end() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

/// The README's snippet, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
