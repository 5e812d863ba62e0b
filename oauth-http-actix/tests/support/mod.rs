//! A server on a loopback socket, the store that it stands on, and a client that sends exactly the bytes it is told to.
#![allow(dead_code, unused_imports, reason = "each test binary uses its part")]

mod answer;
mod backend;
mod browser;
mod dialects;
mod host;
mod http2;
mod jwt;
mod people;
pub(crate) mod postgres;
mod request;

pub(crate) use self::answer::Answer;
pub(crate) use self::backend::{Backend, Directory};
pub(crate) use self::browser::{
    Browser, CHALLENGE, NATIVE, ORIGIN, PEOPLE_SCOPE, SPA, Shows, VERIFIER, Visit, WEB, user_client,
};
pub(crate) use self::dialects::{Camel, Way};
pub(crate) use self::host::{Door, Host, ISSUER, Registered, START};
pub(crate) use self::http2::{Http2, Written, streams_at_once};
pub(crate) use self::jwt::TestKey;
pub(crate) use self::people::{PASSWORD, SCOPE, TRUST, phone};
pub(crate) use self::request::{Ask, Connection, at_once, form_decode, form_encode};

/// Runs each row on every store: `on_every_store!(g01_…, g02_…)` makes the tests `memory::g01_…`, `sqlite::g01_…` and
/// `postgres::g01_…`. Where PostgreSQL is not installed the last say so and do nothing, or fail if it is required.
#[macro_export]
macro_rules! on_every_store {
    ($($row:ident),* $(,)?) => {
        mod memory {
            $(#[test] fn $row() { super::$row::<oauth_store_memory::MemoryStore>(); })*
        }
        mod sqlite {
            $(#[test] fn $row() { super::$row::<oauth_store_sqlite::SqliteStore>(); })*
        }
        mod postgres {
            $(
                #[test]
                fn $row() {
                    if oauth_testkit::PostgresServer::shared().is_some() {
                        super::$row::<oauth_store_postgres::PostgresStore>();
                    }
                }
            )*
        }
    };
}
