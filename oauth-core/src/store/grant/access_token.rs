//! Access tokens: the rows of opaque ones, and what is asked of JWTs.

use super::record::{AuthenticationContext, Binding, Extra, Principal, Standing};
use crate::types::{Audience, ClientId, FamilyId, ResourceUri, Scope, Subject, Timestamp, TokenDigest, TokenId};

/// One opaque access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessTokenRecord {
    /// SHA-256 of the whole token.
    pub digest: TokenDigest,
    /// Its own name, the `jti` that introspection shows.
    pub id: TokenId,
    /// Its family; `None` for a token that stands alone (client credentials).
    pub family: Option<FamilyId>,
    /// Who it speaks for.
    pub principal: Principal,
    /// What it allows.
    pub scope: Scope,
    /// For whom it is.
    pub audience: Vec<Audience>,
    /// The resources that were asked for (RFC 8707).
    pub resource: Vec<ResourceUri>,
    /// Whose key it is bound to.
    pub binding: Binding,
    /// How the user had signed in.
    pub auth: Option<AuthenticationContext>,
    /// When it was issued; what cutoffs compare.
    pub issued_at: Timestamp,
    /// From when on it is worthless.
    pub expires_at: Timestamp,
    /// Room for what comes later; the claims that a `TokenHook` added stand here.
    pub extra: Extra,
}

/// Answer of [`GrantStore::find_access_token`](super::GrantStore::find_access_token).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundAccessToken {
    /// The row.
    pub token: AccessTokenRecord,
    /// Whether it still stands.
    pub standing: Standing,
}

/// Answer of [`GrantStore::insert_access_token`](super::GrantStore::insert_access_token).
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertToken {
    /// Stored.
    Inserted,
    /// Its family is not live, or a cutoff covers it; nothing changed.
    NotLive,
}

/// A JWT, as far as [`GrantStore::standing`](super::GrantStore::standing) needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingQuery {
    /// Its `jti`; `None` for a legacy profile that leaves it out.
    pub id: Option<TokenId>,
    /// Its family, if its `jti` names one.
    pub family: Option<FamilyId>,
    /// The client that got it; `None` when a legacy profile leaves it out.
    pub client: Option<ClientId>,
    /// The user that it speaks for, if any.
    pub subject: Option<Subject>,
    /// When it was issued.
    pub issued_at: Timestamp,
}

/// Which token [`GrantStore::revoke_token`](super::GrantStore::revoke_token) takes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevokeToken {
    /// A JWT, by its `jti`.
    Jwt {
        /// Its name.
        id: TokenId,
        /// Its `exp`: how long the tombstone is kept.
        expires_at: Timestamp,
    },
    /// An opaque token.
    Opaque {
        /// SHA-256 of the whole token.
        digest: TokenDigest,
    },
}
