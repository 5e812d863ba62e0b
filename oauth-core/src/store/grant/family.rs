//! Families: one row for each grant of a user to a client, and its refresh tokens.

use std::fmt;

use super::access_token::AccessTokenRecord;
use super::record::{AuthenticationContext, Binding, Extra, Standing};
use crate::types::{ClientId, FamilyId, KeyId, ResourceUri, Scope, Subject, Timestamp, TokenDigest};

/// What [`GrantStore::start_family`](super::GrantStore::start_family) stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartFamily {
    /// The family.
    pub family: FamilyRecord,
    /// Its first access token, when that is opaque.
    pub access_token: Option<AccessTokenRecord>,
    /// The most live families that one subject may have with one client; above it the oldest end.
    pub live_limit: u32,
    /// What the family was given for, when that may be used once.
    pub claim: Option<Claim>,
}

/// Something that may be used once, such as the assertion of an extension grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// SHA-256 of what names it.
    pub digest: TokenDigest,
    /// Until when it is remembered: it must be worthless by itself afterwards.
    pub expires_at: Timestamp,
}

/// Answer of [`GrantStore::start_family`](super::GrantStore::start_family).
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartOutcome {
    /// Stored.
    Started {
        /// How many older families ended to make room.
        ended: u32,
    },
    /// A cutoff covers it; nothing changed.
    CutOff,
    /// Its [`StartFamily::claim`] was made before; nothing changed.
    Claimed,
}

/// One family: one grant of one user to one client, whatever its age. One row for ever, however often it is refreshed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyRecord {
    /// Its name.
    pub id: FamilyId,
    /// Who got it.
    pub client: ClientId,
    /// Whose it is.
    pub subject: Subject,
    /// All that was granted.
    pub scope: Scope,
    /// For which resources (RFC 8707).
    pub resource: Vec<ResourceUri>,
    /// Whose key it is bound to.
    pub binding: Binding,
    /// How the user had signed in.
    pub auth: Option<AuthenticationContext>,
    /// The code that it was redeemed from, if any.
    pub code_digest: Option<TokenDigest>,
    /// Its refresh tokens, if it has any.
    pub refresh: Option<RefreshState>,
    /// When it was granted; what cutoffs compare. A family that was redeemed from a code is as old as the code.
    pub issued_at: Timestamp,
    /// The latest reading of the clock that touched it.
    pub seen_at: Timestamp,
    /// When it ends whatever happens.
    pub absolute_expires_at: Timestamp,
    /// When and why it ended early, if it did.
    pub revoked: Option<(Timestamp, RevokedWhy)>,
    /// Room for what comes later.
    pub extra: Extra,
}

/// The refresh tokens of a family, as digests: the current one and its predecessor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshState {
    /// The first eight bytes of every refresh token of the family; finds the row, so it is unique within the tenant.
    pub handle: [u8; 8],
    /// The derivation key that the family was born with.
    pub key_id: KeyId,
    /// How many rotations lie behind it.
    pub generation: u64,
    /// SHA-256 of the token that may be used next.
    pub current_digest: TokenDigest,
    /// SHA-256 of the token before it.
    pub previous_digest: Option<TokenDigest>,
    /// Input of the derivation of the current token; `None` for the first one, and when no retry can ask again.
    pub salt: Option<Salt>,
    /// When the current token was made.
    pub rotated_at: Timestamp,
    /// How often the rotation's answer was asked for again.
    pub retries: u32,
    /// How many generations in a row saw a retry.
    pub retry_streak: u32,
    /// When the family ends if it is not used.
    pub idle_expires_at: Timestamp,
}

/// What a refresh token was derived with, beside a key that the store does not have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt {
    /// The bytes.
    pub bytes: [u8; 32],
    /// From when on no retry can ask for the derivation again, so that a purge may clear them.
    pub expires_at: Timestamp,
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Salt(.., {:?})", self.expires_at)
    }
}

/// Answer of [`GrantStore::find_by_handle`](super::GrantStore::find_by_handle).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFamily {
    /// The row.
    pub family: FamilyRecord,
    /// Whether it still stands: not revoked, and no cutoff covers it. (Whether it expired is for the caller to see.)
    pub standing: Standing,
}

/// What [`GrantStore::rotate`](super::GrantStore::rotate) changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotate {
    /// Which family.
    pub family: FamilyId,
    /// The token that was presented; becomes the predecessor.
    pub current: TokenDigest,
    /// The token that becomes current.
    pub successor: TokenDigest,
    /// What the successor was derived with.
    pub salt: Salt,
    /// The new idle end; never past the absolute end.
    pub idle_expires_at: Timestamp,
    /// When.
    pub now: Timestamp,
    /// The access token that goes with it, when that is opaque.
    pub access_token: Option<AccessTokenRecord>,
}

/// What [`GrantStore::retry`](super::GrantStore::retry) changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// Which family.
    pub family: FamilyId,
    /// The token that is answered again.
    pub current: TokenDigest,
    /// The most retries of one generation.
    pub limit: u32,
    /// When.
    pub now: Timestamp,
    /// The access token that goes with it, when that is opaque.
    pub access_token: Option<AccessTokenRecord>,
}

/// What [`GrantStore::extend`](super::GrantStore::extend) changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extend {
    /// Which family.
    pub family: FamilyId,
    /// The token that was presented, and stays.
    pub current: TokenDigest,
    /// The new idle end; never past the absolute end.
    pub idle_expires_at: Timestamp,
    /// When.
    pub now: Timestamp,
    /// The access token that goes with it, when that is opaque.
    pub access_token: Option<AccessTokenRecord>,
}

/// Answer of [`GrantStore::rotate`](super::GrantStore::rotate), [`GrantStore::retry`](super::GrantStore::retry) and [`GrantStore::extend`](super::GrantStore::extend).
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// Done.
    Done,
    /// The family is not live any more, or not as it was judged; nothing changed.
    Moved,
}

/// Answer of [`GrantStore::revoke_family`](super::GrantStore::revoke_family).
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokeFamily {
    /// It ended by this call.
    Revoked,
    /// It had ended before; nothing changed.
    AlreadyRevoked,
    /// No such family.
    Unknown,
}

/// Why a family ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RevokedWhy {
    /// Its client asked for it (RFC 7009).
    Client,
    /// It lay idle past its limit.
    Expired,
    /// The host asked for it, for example at sign-out.
    Host,
    /// Its subject began more families with its client than the server keeps.
    Limit,
    /// A spent credential of it came back.
    Replay,
}

impl RevokedWhy {
    /// Every reason.
    pub const ALL: [Self; 5] = [Self::Client, Self::Expired, Self::Host, Self::Limit, Self::Replay];

    /// A name for stores and audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Expired => "expired",
            Self::Host => "host",
            Self::Limit => "limit",
            Self::Replay => "replay",
        }
    }

    /// From the name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.as_str() == name)
    }
}
