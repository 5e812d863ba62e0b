//! One tenant's view of a database.

use std::path::Path;
use std::sync::Arc;

use oauth_core::store::{StoreError, Stores};
use oauth_core::types::Tenant;
use rusqlite::Connection;

use crate::error::Failure;
use crate::{Database, OpenError};

/// Every store trait of `oauth-core`, for one tenant, on SQLite. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    database: Database,
    tenant: Tenant,
}

impl SqliteStore {
    /// Opens a file for the tenant `default`: [`Database::open`] and [`Database::tenant`] in one.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(url_or_path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Ok(Database::open(url_or_path)?.tenant(Tenant::default_tenant()))
    }

    pub(crate) const fn of(database: Database, tenant: Tenant) -> Self {
        Self { database, tenant }
    }

    /// The database that it is a view of.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// Whose rows it sees.
    #[must_use]
    pub const fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection, &str) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let tenant = self.tenant.clone();
        self.database.read(move |connection| operation(connection, tenant.as_str())).await
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection, &str) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let tenant = self.tenant.clone();
        self.database.write(move |connection| operation(connection, tenant.as_str())).await
    }
}

impl From<SqliteStore> for Stores {
    fn from(store: SqliteStore) -> Self {
        Stores::all(store.tenant.clone(), Arc::new(store))
    }
}

impl From<&SqliteStore> for Stores {
    fn from(store: &SqliteStore) -> Self {
        store.clone().into()
    }
}
