//! Keeps everything in memory: the contract of [`oauth_core::store`] in its simplest form.
//!
//! For tests, for trying things out, and for one process that may forget everything when it ends. It is also what the
//! SQL stores are compared with.
//!
//! ```
//! use oauth_core::store::Stores;
//! use oauth_store_memory::MemoryStore;
//!
//! let store = MemoryStore::new();
//! let stores = Stores::from(&store);
//! # let _ = stores;
//! ```
//!
//! # Locks
//!
//! Each trait has its own table behind one `RwLock`; no method takes two tables, no lock lives across an `.await`.
//! Within the table of grants the order is: the table's `RwLock` first, then *one* mutex: that of the strikes, that of
//! the claims, or that of one of 64 shards, which hold access tokens and tombstones by digest. Storing a token takes the
//! table for *reading*, so stores of tokens run side by side; what ends or changes families (revocation, cutoff, a new
//! family, a rotation) takes it for *writing*, so that no token slips in between the question whether its family lives
//! and its insertion.
//!
//! # Growth
//!
//! Storing a token removes a few of its shard that expired more than five minutes before the new one was issued, oldest
//! first: a server that issues tokens needs no purge to stay bounded, and no call ever pauses to sweep. Requests, codes,
//! consents, families, salts, claims and strikes go by [`purge_expired`](oauth_core::store::GrantStore::purge_expired) only.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::todo)
)]

mod clients;
mod codes;
mod consents;
mod cutoffs;
mod expiring;
mod families;
mod grants;
mod keys;
mod packed;
mod purge;
mod refresh;
mod requests;
mod strikes;
mod table;
mod users;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use oauth_core::store::Stores;
use oauth_core::types::Tenant;

use crate::clients::Clients;
use crate::grants::Grants;
use crate::keys::Keys;
use crate::table::Table;
use crate::users::Users;

/// A store in memory, serving one tenant. Cloning copies a handle; all clones share their rows.
#[derive(Clone)]
pub struct MemoryStore {
    tenant: Tenant,
    rows: Arc<Rows>,
    tenants: Tenants,
}

/// The rows of every tenant of one data set.
type Tenants = Arc<Mutex<HashMap<Tenant, Arc<Rows>>>>;

/// The rows of one tenant.
#[derive(Default)]
struct Rows {
    clients: Table<Clients>,
    users: Table<Users>,
    keys: Table<Keys>,
    grants: Table<Grants>,
}

impl MemoryStore {
    /// A new, empty data set, seen by the tenant `default`.
    #[must_use]
    pub fn new() -> Self {
        Self::of(&Tenants::default(), Tenant::default_tenant())
    }

    /// The same data set, seen by another tenant: none of its rows are seen here, nor these there. Closing one
    /// tenant's store leaves the others open.
    #[must_use]
    pub fn for_tenant(&self, tenant: Tenant) -> Self {
        Self::of(&self.tenants, tenant)
    }

    /// The tenant whose rows these are.
    #[must_use]
    pub const fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    fn of(tenants: &Tenants, tenant: Tenant) -> Self {
        let mut known = tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = Arc::clone(known.entry(tenant.clone()).or_default());
        drop(known);
        Self { tenant, rows, tenants: Arc::clone(tenants) }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl From<MemoryStore> for Stores {
    fn from(store: MemoryStore) -> Self {
        Self::all(store.tenant.clone(), Arc::new(store))
    }
}

impl From<&MemoryStore> for Stores {
    fn from(store: &MemoryStore) -> Self {
        store.clone().into()
    }
}
