//! One tenant's view of a database.

use std::sync::Arc;

use oauth_core::store::{StoreError, Stores};
use oauth_core::types::Tenant;

use crate::database::Operation;
use crate::gate::Gate;
use crate::lock::key_of;
use crate::session::Mode;
use crate::{Database, OpenError};

/// Every store trait of `oauth-core`, for one tenant, on PostgreSQL. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    view: Arc<View>,
}

/// What the clones of a store share: they close together, and apart from the other stores of the database.
#[derive(Debug)]
struct View {
    database: Database,
    tenant: Tenant,
    gate: Gate,
}

impl PostgresStore {
    /// Opens a database for the tenant `default`: [`Database::open`] and [`Database::tenant`] in one.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        Ok(Database::open(url).await?.tenant(Tenant::default_tenant()))
    }

    pub(crate) fn of(database: Database, tenant: Tenant) -> Self {
        Self { view: Arc::new(View { database, tenant, gate: Gate::new() }) }
    }

    /// The database that it is a view of.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.view.database
    }

    /// Whose rows it sees.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.view.tenant
    }

    /// One statement that only reads.
    pub(crate) async fn read<A, T>(&self, argument: A, operation: Operation<A, T>) -> Result<T, StoreError>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.run(Mode::Read, argument, operation).await
    }

    /// One statement that writes.
    pub(crate) async fn write<A, T>(&self, argument: A, operation: Operation<A, T>) -> Result<T, StoreError>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.run(Mode::Write, argument, operation).await
    }

    /// Statements in one transaction, one such transaction at a time for what the parts name within the tenant.
    pub(crate) async fn write_locked<A, T>(
        &self,
        parts: &[&str],
        argument: A,
        operation: Operation<A, T>,
    ) -> Result<T, StoreError>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let key = key_of(&[&[self.tenant().as_str()], parts].concat());
        self.run(Mode::Locked(key), argument, operation).await
    }

    pub(crate) async fn run<A, T>(&self, mode: Mode, argument: A, operation: Operation<A, T>) -> Result<T, StoreError>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let View { database, tenant, gate } = &*self.view;
        let passes = [gate.enter().ok_or_else(closed)?, database.shared.enter().ok_or_else(closed)?];
        database.shared.run(passes, tenant.clone(), mode, argument, operation).await
    }

    pub(crate) async fn shut(&self) {
        self.view.gate.close().await;
    }
}

fn closed() -> StoreError {
    StoreError::unavailable("the database was closed")
}

impl From<PostgresStore> for Stores {
    fn from(store: PostgresStore) -> Self {
        Stores::all(store.tenant().clone(), Arc::new(store))
    }
}

impl From<&PostgresStore> for Stores {
    fn from(store: &PostgresStore) -> Self {
        store.clone().into()
    }
}
