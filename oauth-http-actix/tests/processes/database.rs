//! The stores that several processes can open.

use oauth_store_postgres::PostgresStore;
use oauth_store_sqlite::SqliteStore;
use rusqlite::Connection;

use crate::support::{Backend, Directory, postgres};

pub(crate) trait Database: Backend {
    const NAME: &'static str;

    /// What another process needs to find it, beside the directory.
    fn environment() -> Vec<(&'static str, String)>;

    /// How many rows a table holds.
    fn count(directory: &Directory, table: &str) -> i64;
}

impl Database for SqliteStore {
    const NAME: &'static str = "SQLite";

    fn environment() -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn count(directory: &Directory, table: &str) -> i64 {
        let file = Connection::open(directory.path().join("oauth.db")).unwrap();
        file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }
}

impl Database for PostgresStore {
    const NAME: &'static str = "PostgreSQL";

    fn environment() -> Vec<(&'static str, String)> {
        vec![(postgres::URL, postgres::url())]
    }

    fn count(directory: &Directory, table: &str) -> i64 {
        let schema = postgres::schema(directory);
        postgres::ask(format!("SELECT count(*) FROM {}.{table}", schema.as_str()))[0].get(0)
    }
}
