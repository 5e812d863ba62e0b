//! Processes that are killed while they write to one schema, and servers that crash under them, 300 times; `cargo test
//! -p oauth-store-postgres --test crash -- --cycles 10000` for more. [`oauth_testkit::crash`] says how they die and what
//! is compared then.

#[path = "common/arena.rs"]
mod arena;
mod common;

use oauth_store_postgres::{Database, PostgresStore, Schema, Settings};

fn main() -> std::process::ExitCode {
    oauth_testkit::crash::main::<arena::OneSchema>()
}
