//! Clients: found by their exact id, changed by one caller at a time.

use std::collections::btree_map::Entry;
use std::sync::Arc;

use async_trait::async_trait;
use oauth_core::store::{Client, ClientRegistry, ClientStore, Deregister, Register, StoreError, UpdateClient};
use oauth_core::types::ClientId;

use super::CustomStore;

#[async_trait]
impl ClientStore for CustomStore {
    async fn find(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        self.step(|tables| tables.clients.get(id).cloned())
    }
}

#[async_trait]
impl ClientRegistry for CustomStore {
    async fn register(&self, client: Client) -> Result<Register, StoreError> {
        self.step(|tables| match tables.clients.entry(client.id.clone()) {
            Entry::Occupied(_) => Register::Taken,
            Entry::Vacant(place) => {
                place.insert(Arc::new(client));
                Register::Registered
            }
        })
    }

    async fn update(&self, client: Client, expected: u64) -> Result<UpdateClient, StoreError> {
        self.step(|tables| match tables.clients.get_mut(&client.id) {
            None => UpdateClient::Unknown,
            Some(stored) if stored.version != expected => UpdateClient::Stale,
            Some(stored) => {
                *stored = Arc::new(client);
                UpdateClient::Updated
            }
        })
    }

    async fn page(&self, after: Option<&ClientId>, limit: u32) -> Result<Vec<Arc<Client>>, StoreError> {
        self.step(|tables| {
            let later = tables.clients.values().filter(|client| after.is_none_or(|after| client.id > *after));
            later.take(limit as usize).map(Arc::clone).collect()
        })
    }

    async fn deregister(&self, id: &ClientId) -> Result<Deregister, StoreError> {
        self.step(|tables| match tables.clients.remove(id) {
            Some(_) => Deregister::Removed,
            None => Deregister::Unknown,
        })
    }
}
