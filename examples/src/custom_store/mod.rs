//! A store of one's own, as the guide `docs/write-your-own-store.md` builds it: every trait, and the whole contract.
//!
//! It keeps everything in maps behind one lock, so that the conditions stand out and nothing else does. **It is not
//! durable**: the process ends, and all is forgotten. It looks through whole maps where a real store has an index. What
//! it shows holds for any database: a method takes the lock (opens the transaction), asks *everything* that it has to
//! ask, and only then writes.
//!
//! `examples/tests/custom_store.rs` runs the contract against it.

mod clients;
mod families;
mod grants;
mod keys;
mod purge;
mod tokens;
mod users;
mod visits;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use oauth_core::store::{
    AccessTokenRecord, AuthorizationRequestRecord, Client, CodeRecord, ConsentRecord, CutoffKey, FamilyRecord,
    KeyRecord, StoreError, Stores, User,
};
use oauth_core::types::{ClientId, FamilyId, KeyedHash, Subject, Tenant, Timestamp, TokenDigest, TokenId};

/// The rows of one tenant. Cloning copies a handle.
#[derive(Clone)]
pub struct CustomStore {
    tenant: Tenant,
    data: Arc<Mutex<BTreeMap<Tenant, Tables>>>,
}

/// All that one tenant stored.
#[derive(Default)]
struct Tables {
    is_closed: bool,
    clients: BTreeMap<ClientId, Arc<Client>>,
    users: BTreeMap<Subject, User>,
    logins: BTreeMap<String, Subject>,
    keys: Vec<KeyRecord>,
    requests: BTreeMap<TokenDigest, AuthorizationRequestRecord>,
    codes: BTreeMap<TokenDigest, Code>,
    consents: Vec<ConsentRecord>,
    families: BTreeMap<FamilyId, FamilyRecord>,
    tokens: BTreeMap<TokenDigest, Token>,
    /// JWTs that were taken back, by `jti`, with their `exp`.
    tombstones: BTreeMap<TokenId, Timestamp>,
    /// Claims that were made, and until when that is remembered.
    claims: BTreeMap<TokenDigest, Timestamp>,
    cutoffs: HashMap<CutoffKey, Timestamp>,
    /// How many strikes each account has, and when their window ends.
    strikes: BTreeMap<KeyedHash, (u32, Timestamp)>,
    clock_mark: Option<Timestamp>,
}

struct Code {
    record: CodeRecord,
    /// Its own end, or the absolute end of the family that it gave.
    known_until: Timestamp,
}

struct Token {
    record: AccessTokenRecord,
    is_revoked: bool,
}

impl CustomStore {
    /// An empty data set, seen by the tenant `default`.
    #[must_use]
    pub fn new() -> Self {
        Self { tenant: Tenant::default_tenant(), data: Arc::default() }
    }

    /// The same data set, seen by another tenant.
    #[must_use]
    pub fn for_tenant(&self, tenant: Tenant) -> Self {
        Self { tenant, data: Arc::clone(&self.data) }
    }

    /// One step: nobody sees what lies between its beginning and its end.
    fn step<R>(&self, step: impl FnOnce(&mut Tables) -> R) -> Result<R, StoreError> {
        // A step that panicked may have left half a change, which is never shown.
        let mut data = self.data.lock().map_err(|_| StoreError::unavailable("a step panicked"))?;
        let tables = data.entry(self.tenant.clone()).or_default();
        if tables.is_closed { Err(StoreError::unavailable("the store was closed")) } else { Ok(step(tables)) }
    }

    fn close_tenant(&self) {
        let mut data = self.data.lock().unwrap_or_else(PoisonError::into_inner);
        data.insert(self.tenant.clone(), Tables { is_closed: true, ..Tables::default() });
    }
}

impl Default for CustomStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CustomStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomStore").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl From<CustomStore> for Stores {
    fn from(store: CustomStore) -> Self {
        Self::all(store.tenant.clone(), Arc::new(store))
    }
}
