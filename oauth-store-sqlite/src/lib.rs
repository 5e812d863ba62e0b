//! The embedded store: one SQLite file holds clients, users, keys and grants, durably and for several processes.
//!
//! ```no_run
//! use oauth_core::store::Stores;
//! use oauth_store_sqlite::{Database, SqliteStore};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = SqliteStore::open("sqlite:oauth.db")?; // tenant `default`
//! let stores = Stores::from(&store);
//!
//! let database = Database::open("tenants.db")?;
//! let tenant = database.tenant("acme".parse()?);
//! # let _ = (stores, tenant);
//! # Ok(())
//! # }
//! ```
//!
//! # The way of an operation
//!
//! *Reads* go to a few threads with a connection each; in WAL mode they see every acknowledged write and never wait
//! for the writer. *Writes* go through a bounded queue to one thread for each process and file. It takes all that
//! waits, at most 128 operations, into one `BEGIN IMMEDIATE` transaction, each in a savepoint of its own, and answers
//! after `COMMIT`: under load many operations share one `fsync`, and one that fails harms no other. An operation that
//! was enqueued runs to its end though its caller is gone. A full queue is `Unavailable`.
//!
//! The conditions of the store contract stand inside the statements that write, so they hold between processes too.
//! No async runtime is needed, and no type of `rusqlite` is in this API.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::todo)
)]

mod access_token;
mod audit;
mod audit_sink;
mod authorization_request;
mod claim;
mod client;
mod code;
mod codec;
mod connection;
mod consent;
mod cutoff;
mod database;
mod engine;
mod error;
mod family;
mod grant;
mod key;
mod location;
mod migrate;
mod purge;
mod queue;
mod reader;
mod refresh;
mod sql;
mod store;
mod strike;
mod user;
mod worker;
mod writer;

#[cfg(test)]
mod tests;

pub use self::audit::{AuditQuery, RecordedEvent};
pub use self::audit_sink::{AuditSettings, SqliteAudit};
pub use self::database::Database;
pub use self::error::OpenError;
pub use self::migrate::{MIGRATIONS, Migration, migrate};
pub use self::store::SqliteStore;
