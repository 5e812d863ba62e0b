//! What a store author hands to the contract.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use oauth_core::store::{ClientRegistry, ClientStore, GrantStore, KeyStore, Register, User, UserStore};
use oauth_core::types::Tenant;
use oauth_store_memory::MemoryStore;

/// An empty store, seen by two tenants. Each clause gets a fixture of its own.
#[derive(Debug)]
pub struct Fixture {
    /// The store under test.
    pub store: TenantStore,
    /// The same data set, seen by another tenant.
    pub other: TenantStore,
    keep: Vec<Box<dyn Any + Send + Sync>>,
}

/// One tenant of a store, trait by trait, because a host may serve each trait from elsewhere.
#[derive(Clone)]
pub struct TenantStore {
    /// Finds clients.
    pub clients: Arc<dyn ClientStore>,
    /// Administers the same clients.
    pub registry: Arc<dyn ClientRegistry>,
    /// Finds users.
    pub users: Arc<dyn UserStore>,
    /// Stores keys.
    pub keys: Arc<dyn KeyStore>,
    /// Stores grants.
    pub grants: Arc<dyn GrantStore>,
    /// Adds a user with the names to sign in by. No trait does it: accounts are the host's.
    pub add_user: AddUser,
}

type AddUser = Arc<dyn Fn(User, &[&str]) + Send + Sync>;

impl Fixture {
    /// From two tenants of one empty data set, with the store's own way to add a user (panicking when it fails).
    pub fn new<S>(store: Arc<S>, other: Arc<S>, add_user: fn(&S, User, &[&str])) -> Self
    where
        S: ClientStore + ClientRegistry + UserStore + KeyStore + GrantStore + 'static,
    {
        Self { store: TenantStore::new(store, add_user), other: TenantStore::new(other, add_user), keep: Vec::new() }
    }

    /// The memory store, to compare others with.
    #[must_use]
    pub fn in_memory() -> Self {
        let store = MemoryStore::new();
        let other = store.for_tenant(Tenant::parse("other").expect("a lawful tenant"));
        Self::new(Arc::new(store), Arc::new(other), |store, user, logins| {
            let stored = store.insert_user(user, logins.iter().copied()).expect("an open store");
            assert_eq!(stored, Register::Registered);
        })
    }

    /// Keeps a value until the clause has ended, such as the directory that the store's file lies in.
    #[must_use]
    pub fn keeping(mut self, value: impl Any + Send + Sync) -> Self {
        self.keep.push(Box::new(value));
        self
    }
}

impl TenantStore {
    fn new<S>(store: Arc<S>, add_user: fn(&S, User, &[&str])) -> Self
    where
        S: ClientStore + ClientRegistry + UserStore + KeyStore + GrantStore + 'static,
    {
        Self {
            clients: Arc::clone(&store) as _,
            registry: Arc::clone(&store) as _,
            users: Arc::clone(&store) as _,
            keys: Arc::clone(&store) as _,
            grants: Arc::clone(&store) as _,
            add_user: Arc::new(move |user, logins| add_user(&store, user, logins)),
        }
    }
}

impl fmt::Debug for TenantStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantStore").field("grants", &self.grants).finish_non_exhaustive()
    }
}
