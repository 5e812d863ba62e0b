//! One tenant's view of a database.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use oauth_core::store::{StoreError, Stores};
use oauth_core::types::Tenant;
use rusqlite::Connection;

use crate::audit_sink::{Trail, Trails};
use crate::database::{Answer, closed, received};
use crate::error::Failure;
use crate::{Database, OpenError};

/// Every store trait of `oauth-core`, for one tenant, on SQLite. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    view: Arc<View>,
}

/// What the clones of a store share: they close together, and apart from the other stores of the database.
#[derive(Debug)]
struct View {
    database: Database,
    tenant: Tenant,
    /// Whoever enqueues holds the lock for reading, so that closing excludes it.
    open: RwLock<bool>,
    /// Its sinks.
    trails: Trails,
}

impl SqliteStore {
    /// Opens a file for the tenant `default`: [`Database::open`] and [`Database::tenant`] in one. The file is let go
    /// when this store, and every other that was taken from its [`Self::database`], is closed.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(url_or_path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Ok(Database::opened(url_or_path.as_ref(), true)?.tenant(Tenant::default_tenant()))
    }

    pub(crate) fn of(database: Database, tenant: Tenant) -> Self {
        Self { view: Arc::new(View { database, tenant, open: RwLock::new(true), trails: Trails::default() }) }
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

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection, &str) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let tenant = self.tenant().clone();
        let operation = move |connection: &Connection| operation(connection, tenant.as_str());
        let answer = self.while_open(|database| database.enqueue_read(operation))?;
        received(answer).await
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection, &str) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let tenant = self.tenant().clone();
        let operation = move |connection: &Connection| operation(connection, tenant.as_str());
        let answer = self.while_open(|database| database.enqueue_write(operation))?;
        received(answer).await
    }

    pub(crate) async fn shut(&self) {
        let was_open = {
            let mut open = self.view.open.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *open, false)
        };
        self.view.trails.close();
        if was_open && self.database().let_go() {
            self.database().close().await;
        } else {
            self.database().drain().await;
        }
    }

    /// Closes the sink when the store or the database is closed, or now if it was.
    pub(crate) fn keep_trail(&self, trail: &Arc<Trail>) {
        self.view.trails.keep(trail);
        self.database().keep_trail(trail);
    }

    fn while_open<T>(
        &self,
        enqueue: impl FnOnce(&Database) -> Result<Answer<T>, StoreError>,
    ) -> Result<Answer<T>, StoreError> {
        let open = self.view.open.read().unwrap_or_else(PoisonError::into_inner);
        if *open { enqueue(self.database()) } else { Err(closed()) }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        let open = *self.open.get_mut().unwrap_or_else(PoisonError::into_inner);
        if open {
            // Should it be the last: the threads end by themselves once the database is dropped too.
            let _ = self.database.let_go();
        }
    }
}

impl From<SqliteStore> for Stores {
    fn from(store: SqliteStore) -> Self {
        Stores::all(store.tenant().clone(), Arc::new(store))
    }
}

impl From<&SqliteStore> for Stores {
    fn from(store: &SqliteStore) -> Self {
        store.clone().into()
    }
}
