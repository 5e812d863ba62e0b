//! PostgreSQL under the rows: one server for all of them, a schema for each.

use std::error::Error;
use std::sync::OnceLock;

use oauth_core::store::User;
use oauth_core::types::Subject;
use oauth_store_postgres::deadpool_postgres::tokio_postgres::types::{FromSql, Type};
use oauth_store_postgres::deadpool_postgres::tokio_postgres::{NoTls, Row, connect};
use oauth_store_postgres::{Database, PostgresStore, Schema, Settings};
use oauth_testkit::{PostgresServer, block_on};
use tokio::runtime::{Builder, Handle, Runtime};

use super::{Backend, Directory};

/// Where connections live.
fn runtime() -> &'static Handle {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()).handle()
}

/// Tells a process that another one started where the server is.
pub(crate) const URL: &str = "OAUTH_HTTP_ACTIX_TEST_POSTGRES_URL";

pub(crate) fn url() -> String {
    std::env::var(URL).unwrap_or_else(|_| PostgresServer::shared().expect("the row asked whether there is one").url())
}

/// The schema of whoever has this directory.
pub(crate) fn schema(directory: &Directory) -> Schema {
    let name = directory.path().file_name().unwrap().to_str().unwrap();
    Schema::parse(&name.replace('-', "_")).unwrap()
}

pub(crate) fn ask(sql: String) -> Vec<Row> {
    let asked = runtime().spawn(async move {
        let (client, driver) = connect(&url(), NoTls).await.unwrap();
        tokio::spawn(driver);
        client.query(&sql, &[]).await.unwrap()
    });
    block_on(asked).unwrap()
}

impl Backend for PostgresStore {
    const IS_DURABLE: bool = true;

    fn open(directory: &Directory) -> Self {
        let settings = Settings::parse(&url()).unwrap().schema(schema(directory)).connections(4);
        let database = block_on(Database::connect(settings, runtime().clone())).unwrap();
        database.tenant("default".parse().unwrap())
    }

    fn open_again(&self, directory: &Directory) -> Self {
        <Self as Backend>::open(directory)
    }

    fn add_user(&self, user: User, logins: &[&str]) {
        let _ = block_on(self.insert_user(user, logins)).unwrap();
    }

    fn set_active(&self, subject: &Subject, active: bool) {
        assert!(block_on(self.set_user_active(subject, active)).unwrap());
    }

    fn strikes(&self, directory: &Directory) -> Option<Vec<i64>> {
        let counts = ask(format!("SELECT strikes FROM {}.strike ORDER BY strikes", schema(directory).as_str()));
        Some(counts.iter().map(|row| row.get(0)).collect())
    }

    /// Every cell of every table. What was overwritten and not collected yet lies in files that are the server's alone.
    fn dump(&self, directory: &Directory, _: &str, _: &[String]) -> Vec<u8> {
        let schema = schema(directory);
        let schema = schema.as_str();
        let tables = ask(format!("SELECT tablename FROM pg_tables WHERE schemaname = '{schema}'"));
        assert!(tables.len() > 5, "{} tables", tables.len());
        let mut dump = Vec::new();
        for table in &tables {
            for row in ask(format!("SELECT * FROM {schema}.{}", table.get::<_, &str>(0))) {
                for column in 0..row.len() {
                    dump.extend(row.get::<_, Option<Cell<'_>>>(column).map_or(&[][..], |cell| cell.0));
                    dump.push(b'\n');
                }
            }
        }
        dump
    }
}

/// A cell of any type as the server sends it: text and bytes as they are.
struct Cell<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Cell<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
