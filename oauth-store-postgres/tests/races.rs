//! Two processes race on one schema, 2,000 times of each kind; `cargo test -p oauth-store-postgres --test races --
//! --races 100000` for more. [`oauth_testkit::races`] says what is raced for, what counts and what a loss is.

#[path = "common/arena.rs"]
mod arena;
mod common;

use oauth_store_postgres::{Database, PostgresStore, Schema, Settings};

fn main() -> std::process::ExitCode {
    oauth_testkit::races::main::<arena::OneSchema>()
}
