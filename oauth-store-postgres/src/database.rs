//! One database: who connects to it, hands it out by tenant, and closes it.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use oauth_core::store::StoreError;
use oauth_core::types::Tenant;
use tokio::runtime::{self, Handle};

use crate::connection::Connector;
use crate::error::Failure;
use crate::gate::{Gate, Pass};
use crate::session::Mode;
use crate::sql::Statements;
use crate::{OpenError, PostgresStore, Schema, Session, Settings, migrate, session};

/// An open database: its pool, its schema, the runtime that its connections live on. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    pub(crate) shared: Arc<Shared>,
}

/// What the handles of a database share, and every operation under way.
pub(crate) struct Shared {
    pool: Pool,
    statements: Statements,
    /// Whether the pool, and with it the settings of its connections, is the host's.
    guest: bool,
    gate: Gate,
    handle: Handle,
    /// Dropped last.
    _own_runtime: Option<OwnRuntime>,
}

/// How often an operation is done again that the database undid because of another.
const RETRIES: u32 = 6;

impl Database {
    /// Connects to `postgres://user@host/database`, as [`Settings::parse`] reads it, with everything at its default and
    /// threads of its own for the connections; brings the schema `oauth` to its newest version.
    ///
    /// Works from any executor.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let settings = Settings::parse(url)?;
        let (own, handle) = OwnRuntime::start()?;
        Self::connected(settings, handle, Some(own)).await
    }

    /// Connects, with connections and operations on the runtime that is given, and brings the schema to its newest
    /// version.
    ///
    /// The runtime must be running, with I/O and time switched on, and best have threads of its own: what it does for
    /// the database then never waits for a request's worker, nor a worker for it.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn connect(settings: Settings, runtime: Handle) -> Result<Self, OpenError> {
        Self::connected(settings, runtime, None).await
    }

    /// Uses the host's own pool, and brings the schema to its newest version.
    ///
    /// Nothing is changed in the settings of the host's connections, so that each write is in a transaction that asks
    /// for durability by itself, which costs two round trips; timeouts are the host's.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn with_pool(pool: Pool, schema: Schema, runtime: Handle) -> Result<Self, OpenError> {
        let migrating = (pool.clone(), schema.clone());
        on(&runtime, async move {
            let (pool, schema) = migrating;
            let client =
                pool.get().await.map_err(|why| OpenError::Unavailable { source: Failure::from(why).into() })?;
            migrate::bring_up_to_date(&client, &schema).await
        })
        .await?;
        Ok(Self::of(pool, &schema, true, runtime, None))
    }

    async fn connected(settings: Settings, handle: Handle, own: Option<OwnRuntime>) -> Result<Self, OpenError> {
        let config = settings.judged()?;
        let migrating = Connector::for_migration(handle.clone(), &settings);
        let (target, schema) = (config.clone(), settings.schema.clone());
        on(&handle, async move {
            let (client, driver) = migrating.open(&target).await?;
            let migrated = migrate::bring_up_to_date(&client, &schema).await;
            drop(client);
            let _ = driver.await;
            migrated
        })
        .await?;
        let connector = Connector::new(handle.clone(), &settings);
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_connect(config, connector, manager))
            .max_size(settings.connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(settings.pool_timeout))
            .create_timeout(Some(settings.pool_timeout))
            .recycle_timeout(Some(settings.pool_timeout))
            .build()
            .map_err(|why| OpenError::settings(why.to_string()))?;
        Ok(Self::of(pool, &settings.schema, false, handle, own))
    }

    fn of(pool: Pool, schema: &Schema, guest: bool, handle: Handle, own: Option<OwnRuntime>) -> Self {
        let statements = Statements::of(schema);
        let shared = Shared { pool, statements, guest, gate: Gate::new(), handle, _own_runtime: own };
        Self { shared: Arc::new(shared) }
    }

    /// The store of one tenant. Cheap; two handles of one tenant see the same rows.
    #[must_use]
    pub fn tenant(&self, tenant: Tenant) -> PostgresStore {
        PostgresStore::of(self.clone(), tenant)
    }

    /// Finishes what was accepted and closes the connections, unless the pool is the host's; afterwards every call
    /// through this database, its clones and its tenants is `Unavailable`. Repeating it is harmless.
    ///
    /// Dropping the last handle without closing is safe too: what was accepted is still done, but nobody can wait for
    /// it.
    pub async fn close(&self) {
        self.shared.gate.close().await;
        if !self.shared.guest {
            self.shared.pool.close();
        }
    }
}

impl Shared {
    #[cfg(test)]
    pub(crate) fn pool_is_closed(&self) -> bool {
        self.pool.is_closed()
    }

    pub(crate) fn enter(&self) -> Option<Pass> {
        self.gate.enter()
    }

    /// Runs an operation to its end on the database's runtime, whatever becomes of its caller, and from any executor.
    pub(crate) async fn run<A, T>(
        self: &Arc<Self>,
        passes: [Pass; 2],
        tenant: Tenant,
        mode: Mode,
        argument: A,
        operation: Operation<A, T>,
    ) -> Result<T, StoreError>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let shared = Arc::clone(self);
        let task = self.handle.spawn(async move {
            let answer = shared.attempts(tenant.as_str(), mode, &argument, operation).await;
            drop(passes);
            answer
        });
        task.await.unwrap_or_else(|why| Err(StoreError::unavailable(format!("the operation was not answered: {why}"))))
    }

    /// Tries again, a bounded number of times, what the database undid because of another's work.
    async fn attempts<A, T>(
        &self,
        tenant: &str,
        mode: Mode,
        argument: &A,
        operation: Operation<A, T>,
    ) -> Result<T, StoreError> {
        let mut tries = 0;
        loop {
            let answer = match self.pool.get().await {
                Ok(client) => {
                    let operation = async |session: &Session<'_>| operation(session, argument).await;
                    session::run(client, &self.statements, tenant, mode, self.guest, operation).await
                }
                Err(why) => Err(why.into()),
            };
            match answer {
                Err(failure) if failure.is_conflict() && tries < RETRIES => {
                    tries += 1;
                    tokio::time::sleep(pause(tries)).await;
                }
                answer => return answer.map_err(StoreError::from),
            }
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("pool", &self.pool.status()).field("guest", &self.guest).finish_non_exhaustive()
    }
}

/// One operation: statements on one connection, and what they mean.
pub(crate) type Operation<A, T> =
    for<'a> fn(&'a Session<'_>, &'a A) -> std::pin::Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// 1 to 64 milliseconds, uneven so that two who collided do not collide again in step.
fn pause(tries: u32) -> Duration {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let longest = 2_u64.saturating_pow(tries.min(6)) * 1_000;
    Duration::from_micros(longest / 2 + RandomState::new().build_hasher().finish() % (longest / 2))
}

/// Runs the future on the runtime, from any executor.
async fn on<T: Send + 'static>(
    runtime: &Handle,
    work: impl Future<Output = Result<T, OpenError>> + Send + 'static,
) -> Result<T, OpenError> {
    runtime.spawn(work).await.unwrap_or_else(|why| {
        let source = io::Error::other(format!("it did not finish what it was given ({why})"));
        Err(OpenError::Runtime { source })
    })
}

/// Threads of our own, for a host that gave none.
struct OwnRuntime(Option<runtime::Runtime>);

impl OwnRuntime {
    fn start() -> Result<(Self, Handle), OpenError> {
        let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(2));
        let started = runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("oauth-postgres")
            .enable_io()
            .enable_time()
            .build()
            .map_err(|source| OpenError::Runtime { source })?;
        let handle = started.handle().clone();
        Ok((Self(Some(started)), handle))
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        // Waiting for its threads is not allowed on the host's executor, nor on one of these threads.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
