//! A file that several processes open.

use oauth_store_sqlite::SqliteStore;
use oauth_testkit::Arena;

use crate::directory::Directory;

pub(crate) struct File(Directory);

impl Arena for File {
    type Store = SqliteStore;

    fn create() -> Option<Self> {
        Some(Self(Directory::new()))
    }

    fn place(&self) -> String {
        self.0.file().display().to_string()
    }

    fn open(place: &str) -> SqliteStore {
        SqliteStore::open(place).unwrap()
    }
}
