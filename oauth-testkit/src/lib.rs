//! Tests for those who write a store or embed the server.
//!
//! - [`store_contract!`] runs every clause of the contract of [`oauth_core::store`] against a store, one named test
//!   each. The clauses are plain functions in [`clauses`]; [`strategies`] makes the records.
//! - [`policy_laws!`] runs the laws of policy against a server with a host's own rule; [`laws`] holds them.
//! - [`golden`] holds the records that every release reads back from the databases of those before it.
//! - [`differential`] runs the same random histories on two stores.
//! - [`interaction_contract!`] drives a host's login and consent pages over HTTP, with two browsers and two users.
//! - [`ManualClock`] and [`SeededEntropy`] make a server repeatable; [`FailingEntropy`] breaks it.
//! - [`Probe`] stands between a server and its store: it lists the calls, fails them, loses their answers and holds
//!   them, so that a test can look at every point where a process can die.
//! - [`token_for`] gives a host a good token and what verifies it, to test guarded handlers with.
//! - [`RefreshingServer`] is the shortest way to a refresh token.
//! - [`PostgresServer`] is a PostgreSQL server to throw away, from the installed binaries.
//! - [`races`] and [`crash`] try a store with several processes: who wins, and what is left when one is killed.
//! - [`block_on`] runs one future on the calling thread. Nothing here needs an async runtime.
//!
//! Everything here speaks by panicking, as a test does.

mod arena;
mod block_on;
mod clock;
mod contract;
mod entropy;
mod fixture;
mod model;
mod postgres;
mod probe;
mod process;
mod refreshing;
mod samples;
mod suite;
mod together;
mod token_for;

pub mod clauses;
pub mod crash;
pub mod golden;
pub mod interaction;
pub mod laws;
pub mod races;
pub mod strategies;

pub use self::arena::Arena;
pub use self::block_on::block_on;
pub use self::clock::ManualClock;
pub use self::entropy::{FailingEntropy, SeededEntropy};
pub use self::fixture::{Fixture, TenantStore};
pub use self::interaction::{HostUser, InteractionHost};
pub use self::model::differential;
pub use self::postgres::PostgresServer;
pub use self::probe::{Method, Pause, Probe, Times};
pub use self::refreshing::RefreshingServer;
pub use self::token_for::{TestToken, token_for};
