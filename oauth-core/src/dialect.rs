//! Dialects: how a token request and its answer are spelled where that is not RFC 6749's way.
//!
//! A dialect sees no bytes, no headers and no URL: the core parses a form or JSON into checked texts with the same
//! limits, and the dialect is three pure maps. It cannot add a way to authenticate, skip a limit, or touch status,
//! `WWW-Authenticate` or `Cache-Control`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::policy::scope::ScopeMode;

/// The media type of the bodies that a dialect reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyMedia {
    /// `application/x-www-form-urlencoded` (RFC 6749 App. B).
    Form,
    /// `application/json`: an object of at most 8 levels. Clients must be registered for it too
    /// ([`ClientSpec::legacy_json_bodies`](crate::ClientSpec::legacy_json_bodies)).
    Json,
}

/// Three pure maps between a dialect's members and the protocol's parameters.
///
/// `build()` tries each dialect once: an answer must hold the access token, a new refresh token, and the id token where the
/// server makes them, an error its code, and a scope that is not the requested one must show, unless the mount refuses
/// such requests.
pub trait Dialect: fmt::Debug + Send + Sync {
    /// Which bodies it reads.
    fn media(&self) -> BodyMedia;

    /// The parameter that a member of a JSON body means; `None` ignores the member. Several members may mean one
    /// parameter, but a request may hold one of them only. Forms have the protocol's own names. Default: the same name.
    fn parameter<'a>(&self, member: &'a str) -> Option<&'a str> {
        Some(member)
    }

    /// The members of a success answer.
    fn success(&self, answer: &TokenAnswer<'_>) -> Map<String, Value>;

    /// The members of an error answer.
    fn error(&self, error: &ErrorAnswer<'_>) -> Map<String, Value>;
}

/// A success answer (RFC 6749 §5.1), to be spelled. `Debug` prints no token.
#[derive(Serialize)]
#[non_exhaustive]
pub struct TokenAnswer<'a> {
    /// The access token.
    pub access_token: &'a str,
    /// `Bearer`.
    pub token_type: &'static str,
    /// Seconds until the access token ends.
    pub expires_in: u32,
    /// The refresh token, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<&'a str>,
    /// Whether that is the one that was presented: the client may go on with what it has.
    #[serde(skip)]
    pub refresh_token_stays: bool,
    /// The id token, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<&'a str>,
    /// What was granted, as scope text.
    pub scope: &'a str,
    /// Whether less was granted than was asked for.
    #[serde(skip)]
    pub narrowed: bool,
    /// What a [`TokenHook`](crate::token::TokenHook) added.
    #[serde(flatten)]
    pub members: &'a Map<String, Value>,
}

impl fmt::Debug for TokenAnswer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAnswer")
            .field("expires_in", &self.expires_in)
            .field("scope", &self.scope)
            .field("narrowed", &self.narrowed)
            .finish_non_exhaustive()
    }
}

/// An error answer (RFC 6749 §5.2), to be spelled.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct ErrorAnswer<'a> {
    /// The registered code.
    pub error: &'static str,
    /// A fixed sentence, or the name of the request when the server failed.
    pub error_description: &'a str,
}

/// A token endpoint: its path, and the dialects that are spoken there.
#[derive(Debug, Clone)]
pub struct TokenMount {
    pub(crate) path: String,
    pub(crate) dialects: Vec<Spoken>,
    pub(crate) scope_mode: Option<ScopeMode>,
}

impl TokenMount {
    /// RFC 6749 at this path.
    #[must_use]
    pub fn standard(path: impl Into<String>) -> Self {
        Self { path: path.into(), dialects: vec![Spoken::Rfc6749], scope_mode: None }
    }

    /// Another dialect at this path. Add more with [`and`](Self::and): the first one that reads the media type of a
    /// request answers it; what is refused before that is answered in the first.
    #[must_use]
    pub fn legacy(path: impl Into<String>, dialect: Arc<dyn Dialect>) -> Self {
        Self { path: path.into(), dialects: vec![Spoken::Legacy(dialect)], scope_mode: None }
    }

    /// One more dialect.
    #[must_use]
    pub fn and(mut self, dialect: Arc<dyn Dialect>) -> Self {
        self.dialects.push(Spoken::Legacy(dialect));
        self
    }

    /// What an over-wide scope request gets here. Default: the server's mode.
    #[must_use]
    pub const fn scope_mode(mut self, mode: ScopeMode) -> Self {
        self.scope_mode = Some(mode);
        self
    }

    /// Says what a dialect gets wrong.
    pub(crate) fn check(&self, server: ScopeMode, id_tokens: bool, mistakes: &mut Vec<String>) {
        let mode = self.scope_mode.unwrap_or(server);
        for (place, dialect) in self.dialects.iter().enumerate() {
            if let Spoken::Legacy(dialect) = dialect {
                try_out(dialect.as_ref(), &self.path, mode, id_tokens, mistakes);
            }
            if self.dialects.iter().take(place).any(|before| before.media() == dialect.media()) {
                mistakes.push(format!(
                    "the dialect {dialect:?} at `{}` is never spoken: one before it reads the same media type; drop one",
                    self.path
                ));
            }
        }
    }
}

/// What is spoken at a mount.
#[derive(Debug, Clone)]
pub(crate) enum Spoken {
    Rfc6749,
    Legacy(Arc<dyn Dialect>),
}

impl Spoken {
    pub(crate) fn media(&self) -> BodyMedia {
        match self {
            Self::Rfc6749 => BodyMedia::Form,
            Self::Legacy(dialect) => dialect.media(),
        }
    }

    pub(crate) fn parameter<'a>(&self, member: &'a str) -> Option<&'a str> {
        match self {
            Self::Rfc6749 => Some(member),
            Self::Legacy(dialect) => dialect.parameter(member),
        }
    }

    /// The body of a success answer.
    pub(crate) fn success(&self, answer: &TokenAnswer<'_>) -> Option<Vec<u8>> {
        let mut body = Vec::with_capacity(answer.access_token.len() + 256);
        let written = match self {
            Self::Rfc6749 => serde_json::to_writer(&mut body, answer),
            Self::Legacy(dialect) => serde_json::to_writer(&mut body, &dialect.success(answer)),
        };
        // a map with text keys always serializes; if it ever did not, no half token may leave
        written.ok().map(|()| body)
    }

    /// The body of an error answer.
    pub(crate) fn error(&self, error: &ErrorAnswer<'_>) -> Vec<u8> {
        let written = match self {
            Self::Rfc6749 => serde_json::to_vec(error),
            Self::Legacy(dialect) => serde_json::to_vec(&dialect.error(error)),
        };
        written.unwrap_or_else(|_| br#"{"error":"server_error"}"#.to_vec())
    }
}

/// Spells one answer and one error, and looks whether anything that a client needs is lost.
fn try_out(dialect: &dyn Dialect, path: &str, mode: ScopeMode, id_tokens: bool, mistakes: &mut Vec<String>) {
    let none = Map::new();
    let answer = TokenAnswer {
        access_token: "try-access",
        token_type: "Bearer",
        expires_in: 600,
        refresh_token: Some("try-refresh"),
        refresh_token_stays: false,
        id_token: Some("try-id"),
        scope: "try-scope",
        narrowed: true,
        members: &none,
    };
    let spelled = Value::Object(dialect.success(&answer)).to_string();
    let needed = [
        ("try-access", "access token", true),
        ("try-refresh", "new refresh token", true),
        ("try-id", "id token", id_tokens),
    ];
    for (text, what, needed) in needed {
        if needed && !spelled.contains(text) {
            mistakes.push(format!("the dialect {dialect:?} at `{path}` leaves the {what} out of its answer; add it"));
        }
    }
    if !spelled.contains("try-scope") && mode != ScopeMode::Refuse {
        mistakes.push(format!(
            "the dialect {dialect:?} at `{path}` does not show a scope that is less than the requested one; print it \
             when `narrowed`, or refuse such requests with `.scope_mode(ScopeMode::Refuse)` on the mount"
        ));
    }
    let error = ErrorAnswer { error: "invalid_grant", error_description: "try" };
    if !Value::Object(dialect.error(&error)).to_string().contains("invalid_grant") {
        mistakes.push(format!("the dialect {dialect:?} at `{path}` leaves the error code out of its errors; add it"));
    }
}

/// Where the token endpoints lie and what is spoken there.
#[derive(Debug)]
pub(crate) struct TokenMounts(Vec<TokenMount>);

impl TokenMounts {
    /// At least one.
    pub(crate) const fn new(mounts: Vec<TokenMount>) -> Self {
        Self(mounts)
    }

    /// The path that metadata names: the first that speaks RFC 6749, or else the first.
    pub(crate) fn named(&self) -> &str {
        let standard = |mount: &&TokenMount| matches!(mount.dialects.first(), Some(Spoken::Rfc6749));
        self.0.iter().find(standard).or(self.0.first()).map_or("", |mount| mount.path.as_str())
    }

    /// Every mount.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &TokenMount> {
        self.0.iter()
    }

    /// The mount at a path. An adapter that was asked at another spelling of it gets the first.
    pub(crate) fn at(&self, path: &str) -> Cow<'_, TokenMount> {
        let found = self.0.iter().find(|mount| mount.path == path).or(self.0.first());
        found.map_or_else(|| Cow::Owned(TokenMount::standard(path)), Cow::Borrowed)
    }
}
