//! A database that several processes open.

use std::fmt;
use std::sync::Arc;

use oauth_core::store::{ClientRegistry, ClientStore, GrantStore, KeyStore};

/// What [`races`](crate::races) and [`crash`](crate::crash) are tried on: a database that several processes of one
/// machine open at the same time. All that is said of it to another process is its place.
pub trait Arena: Sized {
    /// The store under test.
    type Store: ClientStore + ClientRegistry + KeyStore + GrantStore + 'static;

    /// A new, empty one, removed with the value. `None` where there is nothing to make it with: then nothing is tried.
    fn create() -> Option<Self>;

    /// How another process finds it, in one line.
    fn place(&self) -> String;

    /// Opens it, in whatever process. Panics when that fails.
    fn open(place: &str) -> Self::Store;

    /// Returns once nothing is under way any more that a killed process had begun. By default at once, which is right
    /// where all the work of a process dies with it.
    fn settle(&self) {}

    /// What to set in the environment of the next process so that it dies by SIGKILL in the middle of its n-th write to
    /// the disk, from 1. `None`, the default, when that cannot be had.
    fn dies_at_write(&self, _nth: u32) -> Option<Vec<(String, String)>> {
        None
    }

    /// Whether the database has a server of its own, which [`Self::crash_server`] ends. By default it has none.
    fn has_server(&self) -> bool {
        false
    }

    /// Ends the server as a crash does: nothing is finished.
    fn crash_server(&self) {}

    /// Starts the server again after [`Self::crash_server`].
    fn restart_server(&self) {}
}

/// A store as one process has it open.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) clients: Arc<dyn ClientStore>,
    pub(crate) registry: Arc<dyn ClientRegistry>,
    pub(crate) keys: Arc<dyn KeyStore>,
    pub(crate) grants: Arc<dyn GrantStore>,
}

impl Node {
    pub(crate) fn open<A: Arena>(place: &str) -> Self {
        Self::of(A::open(place))
    }

    pub(crate) fn of(store: impl ClientStore + ClientRegistry + KeyStore + GrantStore + 'static) -> Self {
        let store = Arc::new(store);
        Self {
            clients: Arc::clone(&store) as _,
            registry: Arc::clone(&store) as _,
            keys: Arc::clone(&store) as _,
            grants: store,
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("grants", &self.grants).finish_non_exhaustive()
    }
}
