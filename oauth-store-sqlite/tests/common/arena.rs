//! A file that several processes open.

#[path = "disk.rs"]
mod disk;

use std::cell::OnceCell;

use oauth_store_sqlite::SqliteStore;
use oauth_testkit::Arena;

use self::disk::{DEATH, faults, plan};
use crate::directory::Directory;

pub(crate) struct File {
    directory: Directory,
    faults: OnceCell<Vec<(String, String)>>,
}

impl Arena for File {
    type Store = SqliteStore;

    fn create() -> Option<Self> {
        Some(Self { directory: Directory::new(), faults: OnceCell::new() })
    }

    fn place(&self) -> String {
        self.directory.file().display().to_string()
    }

    fn open(place: &str) -> SqliteStore {
        SqliteStore::open(place).unwrap()
    }

    fn dies_at_write(&self, nth: u32) -> Option<Vec<(String, String)>> {
        if !cfg!(target_os = "linux") {
            return None;
        }
        let environment = self.faults.get_or_init(|| faults(self.directory.path()));
        plan(environment, nth, 1, DEATH);
        Some(environment.clone())
    }
}
