//! Grants: authorization requests, codes, families, opaque access tokens, consent; revocation and purge.

mod access_token;
mod code;
mod consent;
mod family;
mod record;
mod request;

use std::fmt;

use async_trait::async_trait;

pub use self::access_token::{AccessTokenRecord, FoundAccessToken, InsertToken, RevokeToken, StandingQuery};
pub use self::code::{CodeRecord, FoundCode, IssueCode, RedeemCode, RedeemOutcome, Redeemed};
pub use self::consent::{ClientGrants, ConsentKey, ConsentRecord, ListGrants};
pub use self::family::{
    Claim, Extend, FamilyRecord, FoundFamily, RefreshState, Refreshed, Retry, RevokeFamily, RevokedWhy, Rotate, Salt,
    StartFamily, StartOutcome,
};
pub use self::record::{AuthenticationContext, Binding, Extra, Principal, Standing, TooLarge};
pub use self::request::{
    AuthorizationRequestRecord, BeginOutcome, BeginRequest, DecideOutcome, DecideRequest, FoundRequest, FrozenRequest,
    RequestDecision, RequestOrigin, RequestState,
};
use super::error::StoreError;
use crate::types::{ClientId, FamilyId, KeyedHash, Lifetime, Subject, Timestamp, TokenDigest};

/// Remembers what was granted and what was taken back. The essay of [`store`](super) is its contract.
///
/// A code, a family or a token is **live** when it is not revoked, not expired at the `now` of the call, and no
/// [`Cutoff`] covers its `issued_at`. A cutoff *covers* what was issued at or before its time to its subject, to its
/// client, to both of [`CutoffKey::Grant`], or, with [`CutoffKey::Everything`], to anybody.
#[async_trait]
pub trait GrantStore: fmt::Debug + Send + Sync {
    /// Stores an authorization request, **iff** its client and the tenant have fewer open ones than the limits. Open
    /// are those that are not decided and not expired at the [`begun_at`](AuthorizationRequestRecord::begun_at) of
    /// this one. Requests that begin at the same moment need not see each other: the limits bound what strangers can
    /// make the server keep, to within the number of its concurrent requests.
    ///
    /// # Errors
    /// [`StoreError`]. A handle that is taken is `Unavailable`: only a broken random source brings one.
    async fn begin_request(&self, begin: BeginRequest) -> Result<BeginOutcome, StoreError>;

    /// The authorization request with this handle, open or not, with its standing and with what `subject` allowed
    /// before (nothing for `None`): one statement. A store may have forgotten one that has expired.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_request(
        &self,
        handle: &TokenDigest,
        subject: Option<&Subject>,
    ) -> Result<Option<FoundRequest>, StoreError>;

    /// Decides an authorization request, once: **iff** it is open, not expired at `now`, and no cutoff of its client
    /// or of the tenant covers its [`begun_at`](AuthorizationRequestRecord::begun_at). State, subject and
    /// authentication of the request, the code and the consent are written in one step; an approval happens **iff**
    /// no cutoff covers the code either.
    ///
    /// # Errors
    /// [`StoreError`]; then all of it happened or nothing. The digest of a code that is taken is `Unavailable`.
    async fn decide_request(&self, decide: DecideRequest) -> Result<DecideOutcome, StoreError>;

    /// Stores a code that no stored request waits for (remembered consent answered at once), **iff** no cutoff covers
    /// it.
    ///
    /// # Errors
    /// [`StoreError`]. A digest that is taken is `Unavailable`.
    async fn issue_code(&self, code: CodeRecord) -> Result<IssueCode, StoreError>;

    /// The code with this digest, redeemed or not, with its standing: one statement. A store may have forgotten one
    /// that has expired; one that was redeemed is known until the absolute end of its family, because late replays
    /// still count.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_code(&self, digest: &TokenDigest) -> Result<Option<FoundCode>, StoreError>;

    /// Redeems a code, once: **iff** it was not redeemed, is live at `now`, and no cutoff covers the family. The mark
    /// on the code, the family and its first access token are written in one step; older families make room as in
    /// [`Self::start_family`].
    ///
    /// # Errors
    /// [`StoreError`]; then all of it happened or nothing. An id, a refresh handle or a digest that is taken is
    /// `Unavailable`.
    async fn redeem_code(&self, redeem: RedeemCode) -> Result<RedeemOutcome, StoreError>;

    /// The remembered consent with this key, unless a cutoff withdrew it. (Whether it expired is for the caller to
    /// see.)
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find_consent(&self, key: &ConsentKey) -> Result<Option<ConsentRecord>, StoreError>;

    /// A page of what a user allows at present: up to [`ListGrants::limit`] clients in byte order of their ids, each
    /// with all of its families that are live and consents that stand at [`ListGrants::now`]; clients with neither are
    /// left out.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list_grants(&self, list: &ListGrants) -> Result<Vec<ClientGrants>, StoreError>;

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

    /// Removes up to `limit` rows that are of no use any more: authorization requests, codes, consents, access tokens,
    /// tombstones and claims that expired before `before`, strikes whose window ended before it, families whose
    /// absolute end is before it. A family that ended early stays until its absolute end, and so does the code that it
    /// was redeemed from, because late replays still count. Clears salts that expired before
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

/// What [`GrantStore::purge_expired`] did.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    /// Rows removed.
    pub rows: u32,
    /// Whether more are waiting.
    pub more: bool,
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
    /// Everything that one user allowed one client: consent, codes, families and their tokens.
    Grant {
        /// Which user.
        subject: Subject,
        /// Which client.
        client: ClientId,
    },
    /// Everything in one user's name.
    Subject(Subject),
}
