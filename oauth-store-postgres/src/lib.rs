//! The store for many nodes: clients, users, keys and grants in a schema of a PostgreSQL database.
//!
//! ```no_run
//! use oauth_core::store::Stores;
//! use oauth_store_postgres::{Database, PostgresStore, Settings};
//!
//! # async fn open() -> Result<(), Box<dyn std::error::Error>> {
//! let store = PostgresStore::open("postgres://app@localhost/app").await?; // tenant `default`, schema `oauth`
//! let stores = Stores::from(&store);
//!
//! // connections and operations on a runtime of the host's choice
//! let settings = Settings::parse("postgres://app@localhost/app")?.schema("tokens".parse()?).connections(20);
//! let database = Database::connect(settings, tokio::runtime::Handle::current()).await?;
//! let tenant = database.tenant("acme".parse()?);
//! # let _ = (stores, tenant);
//! # Ok(())
//! # }
//! ```
//!
//! # The way of an operation
//!
//! Each runs as a task on the database's runtime: it can be awaited from any executor, it runs to its end though its
//! caller is gone, and the connections' drivers never share a thread with a request unless the host says so. It takes a
//! connection from the pool (waiting a bounded time), runs prepared statements on it, and gives it back. Nothing is
//! hashed and nobody else is called while it holds one.
//!
//! # What READ COMMITTED needs
//!
//! *One statement is one transaction*, but for four methods. A statement sees what was committed when it began, and
//! nothing that commits while it runs; only a row that it has to wait for is judged again as it is then. So:
//!
//! - **Two who change one row** (rotate × rotate, rotate × revoke, retry × retry, redeem × redeem, decide × decide, update
//!   × update, rehash × rehash): the condition stands in the `UPDATE` and speaks of that same row, so the second judges
//!   what the first left. No lock beside the row's own is needed. What goes with the change (the family and the token of
//!   a redemption, the code and the consent of a decision) is inserted from the rows that the `UPDATE` returns, and
//!   nothing but the `UPDATE` may refuse: a mark without its family cannot be.
//! - **Why the second was refused** is asked again where it matters (decide × decide, two keys): by a statement of its
//!   own, because the first one still sees the row as it was before it waited. What is decided stays decided, so that
//!   the later look is no guess.
//! - **Two who add one row** (claims, ids, keys, digests, consents): a unique index decides. `ON CONFLICT` waits for
//!   whoever was first; of two consents for one use the later stays.
//! - **A code, a family or a token under a cutoff that is just being written, or into a family that is just being
//!   revoked**: the insert may not see it, and then the row is there. It is dead all the same, because the family and the
//!   cutoffs are asked again *on each use*: the outcome is that of the insert coming first, and the caller was not told
//!   before the revocation was. Locking the family's row (`FOR SHARE`) would give the same answers for a write to a busy
//!   row at each issue, so nothing is locked; whoever begins after a revocation was acknowledged sees it. The same holds
//!   for a rotation, a decision or a redemption that waited for its row while a cutoff was written; a family that is
//!   redeemed is as old as its code, so what ends the one ends the other.
//! - **Counting rows that others add** (the limit of live families in `start_family` and `redeem_code`) no condition can
//!   do: neither sees the other's row. One transaction at a time does it, by an advisory lock for each subject and
//!   client; the lock is taken by a statement of its own, so that the one after it sees what the last holder committed.
//!   The limits of open authorization requests are counted without one: their contract lets those who begin at the same
//!   moment overlook each other.
//! - **Several rows at once** (keys): an advisory lock for each issuer, and a partial unique index as the last word.
//! - **Several rows read** (`list_grants`): one statement, so that all of them are seen at one moment.
//!
//! *Nobody waits in a circle.* Who holds an advisory lock has taken it first and takes no other. After it a redemption
//! takes the row of its code, then rows of families that only holders of the same lock take more than one of; a decision
//! takes the row of its request, then at most the one of its consent. Everybody else takes one row, or, in a purge,
//! those that nobody has (`SKIP LOCKED`). A purge and a redemption of one code judge its end as the other left it: a code
//! that was just redeemed is kept, one that is gone is `Moved`.
//!
//! What the server undoes because of others (serialization failure, deadlock) is done again up to six times, then it is
//! `Conflict`. A commit whose outcome is unknown is `Unavailable`, and is not tried again.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::todo)
)]

mod access_token;
mod client;
mod code;
mod codec;
mod connection;
mod consent;
mod cutoff;
mod database;
mod error;
mod family;
mod gate;
mod grant;
mod key;
mod lock;
mod migrate;
mod purge;
mod refresh;
mod request;
mod session;
mod settings;
mod sql;
mod statements;
mod store;
mod strike;
mod tls;
mod user;

#[cfg(test)]
mod tests;

pub use deadpool_postgres;
pub use tokio_rustls::rustls;

pub use self::database::Database;
pub use self::error::OpenError;
pub use self::migrate::{MIGRATIONS, Migration, migrate};
pub use self::settings::{InvalidSchema, Schema, Settings};
pub use self::store::PostgresStore;

use self::session::Session;
