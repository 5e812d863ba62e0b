//! Clients kept in the process for a few seconds, so that a request need not ask the store who its client is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::client::{Client, ClientStore};
use super::error::StoreError;
use crate::types::{ClientId, Lifetime, Timestamp};

/// How old a kept client may get.
pub(crate) const CLIENT_CACHE_AGE: Lifetime = Lifetime::of_seconds(5);
/// The most clients that are kept. Only what the store knows is, so strangers cannot fill it.
const CAPACITY: usize = 10_000;

/// Clients as they were read, each with the time of its reading. What the store does not know is never kept: a client
/// that was registered a moment ago is found at once.
#[derive(Debug, Default)]
pub(crate) struct ClientCache(Mutex<HashMap<ClientId, (Arc<Client>, Timestamp)>>);

/// A client, and where this answer came from.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) client: Arc<Client>,
    /// Whether the store may know better by now.
    pub(crate) kept: bool,
}

impl ClientCache {
    /// The client, at most [`CLIENT_CACHE_AGE`] old.
    pub(crate) async fn find(
        &self,
        store: &dyn ClientStore,
        id: &ClientId,
        now: Timestamp,
    ) -> Result<Option<Known>, StoreError> {
        match self.kept(id, now) {
            Some(client) => Ok(Some(Known { client, kept: true })),
            None => Ok(self.read(store, id, now).await?.map(|client| Known { client, kept: false })),
        }
    }

    /// The client as the store knows it now.
    pub(crate) async fn read(
        &self,
        store: &dyn ClientStore,
        id: &ClientId,
        now: Timestamp,
    ) -> Result<Option<Arc<Client>>, StoreError> {
        let found = store.find(id).await?;
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &found {
            Some(client) => {
                if held.len() >= CAPACITY {
                    held.retain(|_, (_, read_at)| is_young(*read_at, now));
                }
                let overtaken = held.get(id).is_some_and(|(_, read_at)| *read_at > now);
                if held.len() < CAPACITY && !overtaken {
                    held.insert(id.clone(), (Arc::clone(client), now));
                }
            }
            None => drop(held.remove(id)),
        }
        drop(held);
        Ok(found)
    }

    fn kept(&self, id: &ClientId, now: Timestamp) -> Option<Arc<Client>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (client, read_at) = held.get(id)?;
        is_young(*read_at, now).then(|| Arc::clone(client))
    }
}

fn is_young(read_at: Timestamp, now: Timestamp) -> bool {
    now.millis_since(read_at) < CLIENT_CACHE_AGE.millis()
}
