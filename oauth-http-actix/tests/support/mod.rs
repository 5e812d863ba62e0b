//! A server on a loopback socket, the store that it stands on, and a client that sends exactly the bytes it is told to.
#![allow(dead_code, unused_imports, reason = "each test binary uses its part")]

mod answer;
mod backend;
mod browser;
mod dialects;
mod host;
mod jwt;
mod people;
mod request;

pub(crate) use self::answer::Answer;
pub(crate) use self::backend::{Backend, Directory};
pub(crate) use self::browser::{
    Browser, CHALLENGE, NATIVE, ORIGIN, PEOPLE_SCOPE, SPA, Shows, VERIFIER, Visit, WEB, user_client,
};
pub(crate) use self::dialects::{Camel, Way};
pub(crate) use self::host::{Host, Registered, START};
pub(crate) use self::jwt::TestKey;
pub(crate) use self::people::{PASSWORD, SCOPE, TRUST, phone};
pub(crate) use self::request::{Ask, Connection, form_decode, form_encode};

/// Runs each row on both stores: `on_both_stores!(g01_…, g02_…)` makes the tests `memory::g01_…` and `sqlite::g01_…`.
#[macro_export]
macro_rules! on_both_stores {
    ($($row:ident),* $(,)?) => {
        mod memory {
            $(#[test] fn $row() { super::$row::<oauth_store_memory::MemoryStore>(); })*
        }
        mod sqlite {
            $(#[test] fn $row() { super::$row::<oauth_store_sqlite::SqliteStore>(); })*
        }
    };
}
