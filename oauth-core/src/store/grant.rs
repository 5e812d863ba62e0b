//! Grants: families, opaque access tokens, revocation and purge.

use std::fmt;

use async_trait::async_trait;

use super::error::StoreError;
use crate::types::{
    Audience, ClientId, FamilyId, KeyId, KeyedHash, Lifetime, ResourceUri, Scope, Subject, Timestamp, TokenDigest,
    TokenId,
};

/// Remembers what was granted and what was taken back. The essay of [`store`](super) is its contract.
///
/// A token or a family is **live** when it is not revoked, not expired at the `now` of the call, and no [`Cutoff`]
/// covers its `issued_at`.
#[async_trait]
pub trait GrantStore: fmt::Debug + Send + Sync {
    /// Stores a new family, and its first access token if that is opaque, **iff** no cutoff covers
    /// [`FamilyRecord::issued_at`] and [`StartFamily::claim`] was never made before. When its subject and client then
    /// have more than `live_limit` live families, the oldest others (by `issued_at`, then id) end in the same step
    /// ([`RevokedWhy::Limit`]); never the new one. What is refused leaves its claim free.
    ///
    /// # Errors
    /// [`StoreError`]; then all of it happened or nothing. An id, a refresh handle or a digest that is taken is
    /// `Unavailable`: only a broken random source brings one.
    async fn start_family(&self, start: StartFamily) -> Result<StartOutcome, StoreError>;

    /// The family, live or not.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_family(&self, id: &FamilyId) -> Result<Option<FamilyRecord>, StoreError>;

    /// The family whose refresh tokens begin with this handle, live or not, with its standing: one statement.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_by_handle(&self, handle: &[u8; 8]) -> Result<Option<FoundFamily>, StoreError>;

    /// Makes the current refresh token the predecessor of a new one, **iff** the family is live at `now` and its
    /// current token is still [`Rotate::current`]. The access token is stored in the same step.
    ///
    /// `generation` grows by one, `retries` becomes 0, `rotated_at` becomes `now`; `retry_streak` becomes 0 when the
    /// generation that ends saw no retry, and stays otherwise; `seen_at` never goes back.
    ///
    /// # Errors
    /// [`StoreError`]; then all of it happened or nothing.
    async fn rotate(&self, rotate: Rotate) -> Result<Refreshed, StoreError>;

    /// Counts one more retry of the last rotation, **iff** the family is live at `now`, its current token is still
    /// [`Retry::current`] and it counted fewer than [`Retry::limit`]. The access token is stored in the same step.
    ///
    /// The first retry of a generation adds one to `retry_streak`; `seen_at` never goes back; nothing else changes, so
    /// that callers who retry at the same time do not answer each other [`Refreshed::Moved`].
    ///
    /// # Errors
    /// [`StoreError`]; then all of it happened or nothing.
    async fn retry(&self, retry: Retry) -> Result<Refreshed, StoreError>;

    /// Moves the idle end of a family whose refresh token stays, **iff** the family is live at `now` and its current
    /// token is still [`Extend::current`]. The access token is stored in the same step; `seen_at` never goes back.
    ///
    /// # Errors
    /// [`StoreError`]; then all of it happened or nothing.
    async fn extend(&self, extend: Extend) -> Result<Refreshed, StoreError>;

    /// Ends a family and every token of it, **iff** it is not revoked yet; the first reason stays.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn revoke_family(&self, id: &FamilyId, why: RevokedWhy, at: Timestamp) -> Result<RevokeFamily, StoreError>;

    /// Stores an opaque access token **iff** its family (if it has one) is live at `issued_at` and no cutoff covers
    /// it.
    ///
    /// # Errors
    /// [`StoreError`]; then it is stored whole or not at all. A digest that is taken is `Unavailable`, and the stored
    /// row stays as it was.
    async fn insert_access_token(&self, token: AccessTokenRecord) -> Result<InsertToken, StoreError>;

    /// The opaque access token with this digest, with its standing. A store may have forgotten one that has expired.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_access_token(&self, digest: &TokenDigest) -> Result<Option<FoundAccessToken>, StoreError>;

    /// Whether a JWT was taken back: its family, its own tombstone, and the cutoffs, in one statement. A family that
    /// is not known (any more) is revoked.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn standing(&self, query: &StandingQuery) -> Result<Standing, StoreError>;

    /// Takes one access token back: a tombstone for a JWT, kept until its `exp`; the row's own mark for an opaque
    /// one. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn revoke_token(&self, token: RevokeToken) -> Result<(), StoreError>;

    /// Takes back all that a subject or a client holds, by one row. A later cutoff replaces an earlier one, never the
    /// other way round.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn cut_off(&self, cutoff: Cutoff) -> Result<(), StoreError>;

    /// Counts a wrong password, or an attempt that may become one, against an account; answers how many there are in
    /// the present window, with this one. A window begins with its first strike and ends [`Strike::window`] later; the
    /// first strike at or after its end begins the next one. Every one of many callers is counted.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn add_strike(&self, strike: Strike) -> Result<u32, StoreError>;

    /// Forgets every strike against an account.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn clear_strikes(&self, account: &KeyedHash) -> Result<(), StoreError>;

    /// Removes up to `limit` rows that are of no use any more: access tokens, tombstones and claims that expired before
    /// `before`, strikes whose window ended before it, families whose absolute end is before it. A family that ended
    /// early stays until its absolute end, because late replays still count. Clears salts that expired before
    /// `before`, each counted as a row. Never blocks other work for long, and lets no kind of row wait for the backlog
    /// of another, if `limit` has room for one of each.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge_expired(&self, before: Timestamp, limit: u32) -> Result<Purged, StoreError>;

    /// Raises the stored high-water mark of the clock to `at` if that is later, and answers the mark.
    /// `Timestamp::from_millis(i64::MIN)` reads it without raising it.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn raise_clock_mark(&self, at: Timestamp) -> Result<Timestamp, StoreError>;

    /// Finishes what this tenant's handle accepted; afterwards every call on it is `Unavailable`. Other tenants of the
    /// same database stay open. Repeating it is harmless.
    async fn close(&self);
}

/// What [`GrantStore::start_family`] stores.
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

/// What [`GrantStore::rotate`] changes.
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

/// What [`GrantStore::retry`] changes.
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

/// What [`GrantStore::extend`] changes.
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

/// Answer of [`GrantStore::rotate`], [`GrantStore::retry`] and [`GrantStore::extend`].
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// Done.
    Done,
    /// The family is not live any more, or not as it was judged; nothing changed.
    Moved,
}

/// What [`GrantStore::add_strike`] counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strike {
    /// Against which account.
    pub account: KeyedHash,
    /// When.
    pub now: Timestamp,
    /// How long the window is that this strike begins, if it begins one.
    pub window: Lifetime,
}

/// Answer of [`GrantStore::start_family`].
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

/// Answer of [`GrantStore::find_by_handle`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFamily {
    /// The row.
    pub family: FamilyRecord,
    /// Whether it still stands: not revoked, and no cutoff covers it. (Whether it expired is for the caller to see.)
    pub standing: Standing,
}

/// Answer of [`GrantStore::revoke_family`].
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

/// Answer of [`GrantStore::insert_access_token`].
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertToken {
    /// Stored.
    Inserted,
    /// Its family is not live, or a cutoff covers it; nothing changed.
    NotLive,
}

/// Whether something that was issued still stands.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing took it back. (Whether it expired is for the caller to see.)
    Live,
    /// It, its family, its subject's or its client's grants were revoked.
    Revoked,
}

/// What [`GrantStore::purge_expired`] did.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    /// Rows removed.
    pub rows: u32,
    /// Whether more are waiting.
    pub more: bool,
}

/// Who a token speaks for (RFC 9700 §4.15: a client can never pass for a user).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Principal {
    /// A client in its own name.
    Client {
        /// Which one.
        client: ClientId,
    },
    /// A user, through a client.
    User {
        /// Which user.
        subject: Subject,
        /// Through which client.
        client: ClientId,
    },
}

impl Principal {
    /// The client that got the token.
    #[must_use]
    pub const fn client(&self) -> &ClientId {
        match self {
            Self::Client { client } | Self::User { client, .. } => client,
        }
    }

    /// The user, if it is one.
    #[must_use]
    pub const fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Client { .. } => None,
            Self::User { subject, .. } => Some(subject),
        }
    }
}

/// The key that whoever uses a grant must prove (RFC 9449 §6, RFC 8705 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Binding {
    /// None: a bearer grant.
    #[default]
    None,
    /// The SHA-256 thumbprint of a DPoP key (`cnf.jkt`).
    Jkt([u8; 32]),
    /// The SHA-256 thumbprint of a client certificate (`cnf.x5t#S256`).
    X5t([u8; 32]),
}

/// When and how a user signed in (OpenID Connect Core §2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticationContext {
    /// When.
    pub auth_time: Timestamp,
    /// By which methods (RFC 8176).
    pub amr: Vec<String>,
    /// To which class.
    pub acr: Option<String>,
}

/// Room in a record for what comes later: at most 16 KiB, written and read by the core only, kept by stores as it is.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Extra(Vec<u8>);

/// More bytes than an [`Extra`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`extra` holds at most 16384 bytes")]
pub struct TooLarge;

impl Extra {
    /// The most bytes.
    pub const MAX_LEN: usize = 16 * 1024;

    /// From the bytes that a store kept.
    ///
    /// # Errors
    /// [`TooLarge`] past [`Self::MAX_LEN`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, TooLarge> {
        if bytes.len() > Self::MAX_LEN { Err(TooLarge) } else { Ok(Self(bytes)) }
    }

    /// The bytes for a store to keep; empty when there is nothing.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extra({} bytes)", self.0.len())
    }
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
    /// When it began; what cutoffs compare.
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
    /// The user withdrew consent.
    Withdrawn,
}

impl RevokedWhy {
    /// Every reason.
    pub const ALL: [Self; 6] = [Self::Client, Self::Expired, Self::Host, Self::Limit, Self::Replay, Self::Withdrawn];

    /// A name for stores and audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Expired => "expired",
            Self::Host => "host",
            Self::Limit => "limit",
            Self::Replay => "replay",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// From the name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.as_str() == name)
    }
}

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

/// Answer of [`GrantStore::find_access_token`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundAccessToken {
    /// The row.
    pub token: AccessTokenRecord,
    /// Whether it still stands.
    pub standing: Standing,
}

/// A JWT, as far as [`GrantStore::standing`] needs to know it.
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

/// Which token [`GrantStore::revoke_token`] takes back.
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

/// From `at` backwards, nothing that was issued to the key stands any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cutoff {
    /// Whose grants.
    pub key: CutoffKey,
    /// Issued at or before this time is dead.
    pub at: Timestamp,
}

/// Whose grants a [`Cutoff`] ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CutoffKey {
    /// Everything that one client was issued.
    Client(ClientId),
    /// Everything of the tenant.
    Everything,
    /// Everything in one user's name.
    Subject(Subject),
}
