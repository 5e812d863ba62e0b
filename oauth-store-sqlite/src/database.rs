//! One file: who opens it, hands it out by tenant, and closes it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use futures_channel::oneshot;
use oauth_core::store::StoreError;
use oauth_core::types::Tenant;
use rusqlite::Connection;

use crate::engine::Engine;
use crate::error::Failure;
use crate::{OpenError, SqliteStore, location};

/// An open SQLite file: its writer, its readers, its schema. Cheap to clone.
///
/// There is one writing thread for each process and file, however often the file is opened; several processes on one
/// machine may share a file.
#[derive(Debug, Clone)]
pub struct Database {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    /// `None` once closed.
    engine: RwLock<Option<Arc<Engine>>>,
}

impl Database {
    /// Opens a file by `sqlite:PATH` or plain path, makes it (mode 0600) when there is none, and brings it to the
    /// newest schema. Blocks, up to about five seconds when other processes hold the file.
    ///
    /// # Errors
    /// [`OpenError`]. `:memory:` is refused: that is what `oauth-store-memory` is for.
    pub fn open(url_or_path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = location::create(&location::parse(url_or_path.as_ref())?)?;
        let engine = Engine::of(&path)?;
        Ok(Self { shared: Arc::new(Shared { path, engine: RwLock::new(Some(engine)) }) })
    }

    /// The store of one tenant. Cheap; two handles of one tenant see the same rows.
    #[must_use]
    pub fn tenant(&self, tenant: Tenant) -> SqliteStore {
        SqliteStore::of(self.clone(), tenant)
    }

    /// Where the sealing key of this database is kept unless the host says otherwise: the database's canonical path
    /// with `.sealing-key` appended. This crate neither reads nor writes it.
    #[must_use]
    pub fn sealing_key_path(&self) -> PathBuf {
        let mut path = self.shared.path.clone().into_os_string();
        path.push(".sealing-key");
        path.into()
    }

    /// Finishes what was accepted and lets go of the file; afterwards every call through this database, its clones
    /// and its tenants is `Unavailable`. Repeating it is harmless.
    ///
    /// Dropping the last handle without closing is safe too: what was accepted is still done, but nobody can wait
    /// for it.
    pub async fn close(&self) {
        let taken = self.shared.engine.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(engine) = taken else { return };
        let _ = engine.writer.barrier().await;
        if let Some(engine) = Arc::into_inner(engine) {
            engine.end().await;
        }
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let answer = self.engine()?.readers.enqueue(operation)?;
        received(answer).await
    }

    /// Runs the operation in a transaction that holds the write lock. What it changed stands iff it answers `Ok`.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let answer = self.engine()?.writer.enqueue(operation)?;
        received(answer).await
    }

    fn engine(&self) -> Result<Arc<Engine>, StoreError> {
        let engine = self.shared.engine.read().unwrap_or_else(PoisonError::into_inner);
        engine.clone().ok_or_else(|| StoreError::unavailable("the database was closed"))
    }
}

async fn received<T>(answer: oneshot::Receiver<Result<T, StoreError>>) -> Result<T, StoreError> {
    answer.await.unwrap_or_else(|_| Err(StoreError::unavailable("the operation was not answered")))
}
