//! Where the endpoints lie: data, from which metadata is rendered and the adapters mount.

use crate::types::Issuer;

/// An endpoint that an adapter mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// The authorization endpoint (RFC 6749 §3.1). It needs the host's pages: see
    /// [`begin`](crate::AuthorizationServer::begin).
    Authorize,
    /// The introspection endpoint (RFC 7662).
    Introspect,
    /// The JWK set (RFC 7517).
    Jwks,
    /// Authorization server metadata (RFC 8414).
    Metadata,
    /// The revocation endpoint (RFC 7009).
    Revoke,
    /// The token endpoint (RFC 6749 §3.2).
    Token,
}

/// The paths of the endpoints, absolute from the origin that the application serves.
///
/// Defaults: `/oauth/authorize`, `/oauth/token`, `/oauth/introspect`, `/oauth/revoke` and `/oauth/jwks` below the issuer's
/// path, metadata at
/// `/.well-known/oauth-authorization-server` followed by the issuer's path (RFC 8414 §3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    pub(crate) authorize: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) introspect: Option<String>,
    pub(crate) revoke: Option<String>,
    pub(crate) jwks: Option<String>,
    pub(crate) public_base: Option<String>,
}

impl Endpoints {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { authorize: None, token: None, introspect: None, revoke: None, jwks: None, public_base: None }
    }

    /// The authorization endpoint's path, such as `/connect/authorize`.
    #[must_use]
    pub fn authorize(mut self, path: impl Into<String>) -> Self {
        self.authorize = Some(path.into());
        self
    }

    /// The token endpoint's path, such as `/connect/token`.
    #[must_use]
    pub fn token(mut self, path: impl Into<String>) -> Self {
        self.token = Some(path.into());
        self
    }

    /// The introspection endpoint's path, such as `/connect/introspect`.
    #[must_use]
    pub fn introspect(mut self, path: impl Into<String>) -> Self {
        self.introspect = Some(path.into());
        self
    }

    /// The revocation endpoint's path, such as `/connect/revocation`.
    #[must_use]
    pub fn revoke(mut self, path: impl Into<String>) -> Self {
        self.revoke = Some(path.into());
        self
    }

    /// The JWK set's path, such as `/auth/.well-known/jwks.json`.
    #[must_use]
    pub fn jwks(mut self, path: impl Into<String>) -> Self {
        self.jwks = Some(path.into());
        self
    }

    /// The path that a proxy takes away before the application sees it: metadata shows it in front of each path.
    #[must_use]
    pub fn public_base(mut self, path: impl Into<String>) -> Self {
        self.public_base = Some(path.into());
        self
    }

    /// Where the standard token endpoint lies.
    pub(crate) fn token_path(&self, issuer: &Issuer) -> String {
        self.token.clone().unwrap_or_else(|| format!("{}/oauth/token", issuer.path()))
    }

    /// Settles every path for this issuer; pushes a sentence for each mistake.
    pub(crate) fn settle(
        self,
        issuer: &Issuer,
        token_paths: Vec<String>,
        has_authorize: bool,
        has_metadata: bool,
        mistakes: &mut Vec<String>,
    ) -> Mounted {
        let own = |path: Option<String>, default: &str| path.unwrap_or_else(|| format!("{}{default}", issuer.path()));
        let base = self.public_base.unwrap_or_default();
        if !(base.is_empty() || is_path(&base)) {
            mistakes.push(format!(
                "the public base `{base}` is no path; write it like `/auth`, without a slash at the end"
            ));
        }
        let mut paths: Vec<_> = token_paths.into_iter().map(|path| (Endpoint::Token, path)).collect();
        if has_authorize {
            paths.push((Endpoint::Authorize, own(self.authorize, "/oauth/authorize")));
        }
        paths.push((Endpoint::Introspect, own(self.introspect, "/oauth/introspect")));
        paths.push((Endpoint::Revoke, own(self.revoke, "/oauth/revoke")));
        paths.push((Endpoint::Jwks, own(self.jwks, "/oauth/jwks")));
        if has_metadata {
            let well_known = format!("/.well-known/oauth-authorization-server{}", issuer.path());
            paths.push((Endpoint::Metadata, well_known));
        }
        for (place, (endpoint, path)) in paths.iter().enumerate() {
            if !is_path(path) {
                mistakes.push(format!(
                    "the path `{path}` of {endpoint:?} is no plain path; begin it with `/` and use letters, digits and `-._~/%` only"
                ));
            }
            if paths.iter().skip(place + 1).any(|(_, other)| other == path) {
                mistakes.push(format!("two endpoints lie at `{path}`; give each its own path"));
            }
        }
        Mounted { paths, public: format!("{}{base}", issuer.origin()) }
    }
}

impl Default for Endpoints {
    fn default() -> Self {
        Self::new()
    }
}

/// The settled table: what is mounted, and how the world calls it.
#[derive(Debug, Clone)]
pub(crate) struct Mounted {
    paths: Vec<(Endpoint, String)>,
    public: String,
}

impl Mounted {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Endpoint, &str)> {
        self.paths.iter().map(|(endpoint, path)| (*endpoint, path.as_str()))
    }

    /// The public URL of an endpoint.
    pub(crate) fn url(&self, endpoint: Endpoint) -> Option<String> {
        let (_, path) = self.iter().find(|(mounted, _)| *mounted == endpoint)?;
        Some(self.public_url(path))
    }

    /// How the world calls a path.
    pub(crate) fn public_url(&self, path: &str) -> String {
        format!("{}{path}", self.public)
    }
}

/// A path that every router takes literally: no empty or dot segments, no broken escapes.
fn is_path(path: &str) -> bool {
    let is_segment = |segment: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '%');
        let mut escapes = segment.split('%').skip(1);
        let whole = escapes.all(|rest| rest.len() >= 2 && rest.chars().take(2).all(|c| c.is_ascii_hexdigit()));
        !matches!(segment, "" | "." | "..") && segment.chars().all(plain) && whole
    };
    path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_segment))
}
