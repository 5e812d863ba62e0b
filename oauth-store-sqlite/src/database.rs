//! One file: who opens it, hands it out by tenant, and closes it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use futures_channel::oneshot;
use oauth_core::store::StoreError;
use oauth_core::types::Tenant;
use rusqlite::Connection;

use crate::audit_sink::{Trail, Trails};
use crate::engine::Engine;
use crate::error::Failure;
use crate::writer::Job;
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
    /// `None` once closed. Whoever enqueues holds the lock for reading, so that closing excludes it.
    engine: RwLock<Option<Arc<Engine>>>,
    /// Stores that were handed out and not closed or dropped since.
    open_stores: AtomicUsize,
    /// Whether it closes with the last of its stores: it was opened as a store, nobody else would close it.
    ends_with_its_stores: bool,
    /// The sinks of its tenants.
    trails: Trails,
}

impl Database {
    /// Opens a file by `sqlite:PATH` or plain path, makes it (mode 0600) when there is none, and brings it to the
    /// newest schema. Blocks, up to about five seconds when other processes hold the file.
    ///
    /// # Errors
    /// [`OpenError`]. `:memory:` is refused: that is what `oauth-store-memory` is for.
    pub fn open(url_or_path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::opened(url_or_path.as_ref(), false)
    }

    pub(crate) fn opened(url_or_path: &Path, ends_with_its_stores: bool) -> Result<Self, OpenError> {
        let path = location::create(&location::parse(url_or_path)?)?;
        let engine = RwLock::new(Some(Engine::of(&path)?));
        let trails = Trails::default();
        let shared = Shared { path, engine, open_stores: AtomicUsize::new(0), ends_with_its_stores, trails };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The store of one tenant. Cheap; two handles of one tenant see the same rows.
    #[must_use]
    pub fn tenant(&self, tenant: Tenant) -> SqliteStore {
        self.shared.open_stores.fetch_add(1, Ordering::SeqCst);
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
        self.shared.trails.close();
        let taken = self.shared.engine.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(engine) = taken else { return };
        let _ = engine.writer.barrier().await;
        if let Some(engine) = Arc::into_inner(engine) {
            engine.end().await;
        }
    }

    /// One of its stores is not used any more; answers whether nobody is left to use the database.
    pub(crate) fn let_go(&self) -> bool {
        self.shared.open_stores.fetch_sub(1, Ordering::SeqCst) == 1 && self.shared.ends_with_its_stores
    }

    /// Waits until every write that was accepted before is done.
    pub(crate) async fn drain(&self) {
        let barrier = self.enqueue(|engine| Ok(engine.writer.barrier()));
        if let Ok(barrier) = barrier {
            let _ = barrier.await;
        }
    }

    pub(crate) fn enqueue_read<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<Answer<T>, StoreError> {
        self.enqueue(|engine| engine.readers.enqueue(operation))
    }

    /// The operation runs in a transaction that holds the write lock. What it changed stands iff it answers `Ok`.
    pub(crate) fn enqueue_write<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<Answer<T>, StoreError> {
        self.enqueue(|engine| engine.writer.enqueue(operation))
    }

    pub(crate) fn enqueue_job(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        let engine = self.shared.engine.read().unwrap_or_else(PoisonError::into_inner);
        engine.as_deref().ok_or_else(closed)?.writer.enqueue_job(job)
    }

    /// Closes the sink when the database is closed.
    pub(crate) fn keep_trail(&self, trail: &Arc<Trail>) {
        self.shared.trails.keep(trail);
    }

    fn enqueue<T>(&self, push: impl FnOnce(&Engine) -> Result<Answer<T>, StoreError>) -> Result<Answer<T>, StoreError> {
        let engine = self.shared.engine.read().unwrap_or_else(PoisonError::into_inner);
        push(engine.as_deref().ok_or_else(closed)?)
    }
}

/// What an operation that was enqueued will find.
pub(crate) type Answer<T> = oneshot::Receiver<Result<T, StoreError>>;

pub(crate) async fn received<T>(answer: Answer<T>) -> Result<T, StoreError> {
    answer.await.unwrap_or_else(|_| Err(StoreError::unavailable("the operation was not answered")))
}

pub(crate) fn closed() -> StoreError {
    StoreError::unavailable("the database was closed")
}
