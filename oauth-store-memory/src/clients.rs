//! Clients by id, in the byte order that pages need.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use oauth_core::store::{Client, ClientRegistry, ClientStore, Deregister, Register, StoreError, UpdateClient};
use oauth_core::types::ClientId;

use crate::MemoryStore;

/// Whole records, shared with whoever looked them up.
pub(crate) type Clients = BTreeMap<ClientId, Arc<Client>>;

#[async_trait]
impl ClientStore for MemoryStore {
    async fn find(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        self.rows.clients.read(|clients| clients.get(id).cloned())
    }
}

#[async_trait]
impl ClientRegistry for MemoryStore {
    async fn register(&self, client: Client) -> Result<Register, StoreError> {
        self.rows.clients.write(|clients| match clients.entry(client.id.clone()) {
            Entry::Vacant(place) => {
                place.insert(Arc::new(client));
                Register::Registered
            }
            Entry::Occupied(_) => Register::Taken,
        })
    }

    async fn update(&self, client: Client, expected: u64) -> Result<UpdateClient, StoreError> {
        self.rows.clients.write(|clients| match clients.get_mut(&client.id) {
            Some(stored) if stored.version == expected => {
                *stored = Arc::new(client);
                UpdateClient::Updated
            }
            Some(_) => UpdateClient::Stale,
            None => UpdateClient::Unknown,
        })
    }

    async fn page(&self, after: Option<&ClientId>, limit: u32) -> Result<Vec<Arc<Client>>, StoreError> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.rows.clients.read(|clients| {
            clients.range::<ClientId, _>((start, Bound::Unbounded)).take(limit).map(|(_, c)| Arc::clone(c)).collect()
        })
    }

    async fn deregister(&self, id: &ClientId) -> Result<Deregister, StoreError> {
        self.rows.clients.write(|clients| match clients.remove(id) {
            Some(_) => Deregister::Removed,
            None => Deregister::Unknown,
        })
    }
}
