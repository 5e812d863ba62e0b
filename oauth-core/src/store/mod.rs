//! What the core needs to be remembered: four traits, their records and their outcomes.
//!
//! # The contract
//!
//! A store keeps facts and reports what happened; it never decides, never reads a clock, never sees a token, a secret
//! or a private key in clear. Every time it needs comes in the call, every token is a SHA-256 digest, every private
//! key is sealed. Records are plain structs; a store writes them by destructuring *without* `..`, so that a record
//! that grows stops the store from compiling instead of losing a member.
//!
//! **One method is one protocol step is one atomic fact.** Whatever a method promises happens whole or not at all,
//! also under callers in other processes, also when the process dies in the middle. The condition stands in the
//! statement that writes, and the answer is read from that same statement:
//!
//! ```sql
//! -- wrong: between the SELECT and the INSERT another caller revokes the family; the token outlives it
//! SELECT revoked_at FROM family WHERE id = ?1;          -- "still live"
//! INSERT INTO access_token (digest, family) VALUES (?2, ?1);
//!
//! -- right: the INSERT itself asks; no row inserted means "not live"
//! INSERT INTO access_token (digest, family)
//!     SELECT ?2, ?1 WHERE EXISTS (SELECT 1 FROM family WHERE id = ?1 AND revoked_at IS NULL);
//! ```
//!
//! It must be right at READ COMMITTED and must not lean on a stronger isolation. A conflict that the database reports
//! (a serialization failure, a deadlock) is retried inside the store, a bounded number of times.
//!
//! **Acknowledged means durable.** When a method has answered, a power failure does not undo it (the memory store is
//! exempt). When the outcome of a commit is unknown the answer is [`StoreErrorKind::Unavailable`], never a guess. An
//! operation that was accepted runs to its end even though its caller was dropped.
//!
//! **A lawful no is an outcome, a failure is a [`StoreError`].** "No such row" is `None` or a variant; it is never an
//! error, and an outage is never "no such row": clients throw their credentials away on that.
//!
//! **Consumed is not revoked.** What was used as intended and what was taken back are different states. Every insert
//! into a family is conditional on the family being live, in the same statement.
//!
//! **Cutoffs.** Revoking all that a subject or a client holds, or all that one allowed the other, writes one row,
//! [`Cutoff`]; whatever was issued at or before its time is dead, checked on use. Liveness of a code, a family or a
//! token is therefore: not revoked, and no cutoff of its subject, its client, the two of them or
//! [`CutoffKey::Everything`] with `at >= issued_at`.
//!
//! **Tenants.** A store handle serves one tenant. Every key begins with the tenant; two tenants never see each
//! other's rows.
//!
//! The clauses are executable: `oauth-testkit`'s `store_contract!` runs them against any store.

mod client;
mod client_cache;
mod client_text;
mod error;
mod grant;
mod key;
mod user;

use std::sync::Arc;

pub use self::client::{
    AccessTokenFormat, AccessTokenRule, AuthMethod, AuthMethods, Client, ClientRegistry, ClientSecretRecord,
    ClientStore, Deregister, GrantTypes, LegacyTyp, OptionalClaim, RefreshPolicy, RefreshRule, Register, SecretHash,
    TokenProfile, UpdateClient,
};
use self::client_cache::{CLIENT_CACHE_AGE, ClientCache, Known};
pub use self::client_text::InvalidRecordText;
pub use self::error::{StoreError, StoreErrorKind};
pub use self::grant::{
    AccessTokenRecord, AuthenticationContext, AuthorizationRequestRecord, BeginOutcome, BeginRequest, Binding, Claim,
    ClientGrants, CodeRecord, ConsentKey, ConsentRecord, Cutoff, CutoffKey, DecideOutcome, DecideRequest, Extend,
    Extra, FamilyRecord, FoundAccessToken, FoundCode, FoundFamily, FoundRequest, FrozenRequest, GrantStore,
    InsertToken, IssueCode, ListGrants, Principal, Purged, RedeemCode, RedeemOutcome, Redeemed, RefreshState,
    Refreshed, RequestDecision, RequestOrigin, RequestState, Retry, RevokeFamily, RevokeToken, RevokedWhy, Rotate,
    Salt, Standing, StandingQuery, StartFamily, StartOutcome, Strike, TooLarge,
};
pub use self::key::{
    InsertKey, KeyMaterial, KeyRecord, KeyState, KeyStore, KeyTimes, KeyTransition, KeyUse, Transition,
};
pub use self::user::{PasswordHash, Rehash, User, UserStore};

use crate::types::{ClientId, Tenant, Timestamp};

/// The stores of one tenant, each behind its trait; one may be served by another database than the next.
///
/// A store that implements all traits converts by `From`. There are no foreign keys across traits: clients may come
/// from a file, users from the application's own table, grants from SQLite.
#[derive(Debug, Clone)]
pub struct Stores {
    pub(crate) tenant: Tenant,
    pub(crate) clients: Arc<dyn ClientStore>,
    client_cache: Option<Arc<ClientCache>>,
    pub(crate) registry: Option<Arc<dyn ClientRegistry>>,
    pub(crate) users: Arc<dyn UserStore>,
    pub(crate) keys: Arc<dyn KeyStore>,
    pub(crate) grants: Arc<dyn GrantStore>,
}

impl Stores {
    /// One store for everything, with the tenant that its rows are kept under.
    pub fn all<S>(tenant: Tenant, store: Arc<S>) -> Self
    where
        S: ClientStore + ClientRegistry + UserStore + KeyStore + GrantStore + 'static,
    {
        Self {
            tenant,
            clients: Arc::clone(&store) as _,
            client_cache: None,
            registry: Some(Arc::clone(&store) as _),
            users: Arc::clone(&store) as _,
            keys: Arc::clone(&store) as _,
            grants: store as _,
        }
    }

    /// Serves clients from another store. Without a registry `ensure_client` answers that there is none.
    #[must_use]
    pub fn clients(mut self, clients: Arc<dyn ClientStore>, registry: Option<Arc<dyn ClientRegistry>>) -> Self {
        self.clients = clients;
        self.registry = registry;
        self
    }

    /// Keeps clients in the process for up to 5 seconds, so that a request asks the store for its client only now and
    /// then.
    ///
    /// A registration that was changed on another node is seen here within 5 seconds, and at once by whoever the kept
    /// one would not let in: what refuses a client is judged again by what the store says now. Clients that are not
    /// known are never remembered as such. A client that is made inactive may still be let in for 5 seconds by another
    /// node; what it is given then is dead, because
    /// [`set_client_active`](crate::AuthorizationServer::set_client_active) takes back that much ahead. Users are
    /// never kept.
    #[must_use]
    pub fn cache_clients(mut self) -> Self {
        self.client_cache = Some(Arc::default());
        self
    }

    /// Serves users from another store, usually the application's own table.
    #[must_use]
    pub fn users(mut self, users: Arc<dyn UserStore>) -> Self {
        self.users = users;
        self
    }

    /// Serves keys from another store.
    #[must_use]
    pub fn keys(mut self, keys: Arc<dyn KeyStore>) -> Self {
        self.keys = keys;
        self
    }

    /// Serves grants from another store.
    #[must_use]
    pub fn grants(mut self, grants: Arc<dyn GrantStore>) -> Self {
        self.grants = grants;
        self
    }

    /// The client, kept or read.
    pub(crate) async fn client(&self, id: &ClientId, now: Timestamp) -> Result<Option<Known>, StoreError> {
        match &self.client_cache {
            Some(cache) => cache.find(self.clients.as_ref(), id, now).await,
            None => Ok(self.clients.find(id).await?.map(|client| Known { client, kept: false })),
        }
    }

    /// The client as the store knows it now.
    pub(crate) async fn client_now(&self, id: &ClientId, now: Timestamp) -> Result<Option<Arc<Client>>, StoreError> {
        match &self.client_cache {
            Some(cache) => cache.read(self.clients.as_ref(), id, now).await,
            None => self.clients.find(id).await,
        }
    }

    /// Until when a client may be taken for what it is at `now`.
    pub(crate) fn client_known_until(&self, now: Timestamp) -> Timestamp {
        if self.client_cache.is_some() { now.plus(CLIENT_CACHE_AGE) } else { now }
    }
}
