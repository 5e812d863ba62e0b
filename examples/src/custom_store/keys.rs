//! Keys: an id is used once, and one key of an issuer is active for each use.

use async_trait::async_trait;
use oauth_core::store::{InsertKey, KeyRecord, KeyState, KeyStore, KeyTransition, StoreError, Transition};

use super::CustomStore;

#[async_trait]
impl KeyStore for CustomStore {
    async fn load(&self, issuer: &str) -> Result<Vec<KeyRecord>, StoreError> {
        self.step(|tables| {
            let mut keys: Vec<KeyRecord> = tables.keys.iter().filter(|key| key.issuer == issuer).cloned().collect();
            keys.sort_by(|a, b| (a.times.announced_at, &a.kid).cmp(&(b.times.announced_at, &b.kid)));
            keys
        })
    }

    async fn insert(&self, key: KeyRecord) -> Result<InsertKey, StoreError> {
        self.step(|tables| {
            if tables.keys.iter().any(|other| other.issuer == key.issuer && other.kid == key.kid) {
                return InsertKey::Taken;
            }
            tables.keys.push(key);
            if is_one_active(&tables.keys) {
                return InsertKey::Inserted;
            }
            tables.keys.pop();
            InsertKey::AlreadyActive
        })
    }

    async fn transition(&self, issuer: &str, steps: &[KeyTransition]) -> Result<Transition, StoreError> {
        self.step(|tables| {
            // The steps are judged together, on a copy that replaces the keys if all of them can be taken.
            let mut keys = tables.keys.clone();
            for KeyTransition { kid, expected, next, times, material } in steps {
                let found = keys.iter_mut().find(|k| k.issuer == issuer && k.kid == *kid && k.state == *expected);
                let Some(key) = found else { return Transition::Moved };
                (key.state, key.times) = (*next, *times);
                if let Some(material) = material {
                    key.material = material.clone();
                }
            }
            if !is_one_active(&keys) {
                return Transition::Moved;
            }
            tables.keys = keys;
            Transition::Applied
        })
    }
}

/// Whether no two active keys of one issuer have the same use.
fn is_one_active(keys: &[KeyRecord]) -> bool {
    let active = |key: &&KeyRecord| key.state == KeyState::Active;
    keys.iter().filter(active).all(|key| {
        keys.iter().filter(active).filter(|other| other.issuer == key.issuer && other.usage == key.usage).count() == 1
    })
}
