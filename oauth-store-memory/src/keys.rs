//! Keys by issuer. There are few, so each question looks at all of an issuer's.

use std::collections::HashMap;

use async_trait::async_trait;
use oauth_core::store::{InsertKey, KeyRecord, KeyState, KeyStore, KeyTransition, KeyUse, StoreError, Transition};

use crate::MemoryStore;

/// Each issuer's keys, in order of arrival.
pub(crate) type Keys = HashMap<String, Vec<KeyRecord>>;

#[async_trait]
impl KeyStore for MemoryStore {
    async fn load(&self, issuer: &str) -> Result<Vec<KeyRecord>, StoreError> {
        let mut keys = self.rows.keys.read(|keys| keys.get(issuer).cloned().unwrap_or_default())?;
        keys.sort_by(|a, b| (a.times.announced_at, &a.kid).cmp(&(b.times.announced_at, &b.kid)));
        Ok(keys)
    }

    async fn insert(&self, key: KeyRecord) -> Result<InsertKey, StoreError> {
        self.rows.keys.write(|keys| {
            let held = keys.entry(key.issuer.clone()).or_default();
            if held.iter().any(|other| other.kid == key.kid) {
                return InsertKey::Taken;
            }
            if key.state == KeyState::Active && active(held, key.usage) > 0 {
                return InsertKey::AlreadyActive;
            }
            held.push(key);
            InsertKey::Inserted
        })
    }

    async fn transition(&self, issuer: &str, steps: &[KeyTransition]) -> Result<Transition, StoreError> {
        self.rows.keys.write(|keys| {
            let held = keys.get(issuer).map_or(&[][..], Vec::as_slice);
            match stepped(held, steps) {
                Some(next) => {
                    keys.insert(issuer.to_owned(), next);
                    Transition::Applied
                }
                None => Transition::Moved,
            }
        })
    }
}

/// The keys after all steps; `None` when one cannot be taken or two keys of a use would be active.
fn stepped(held: &[KeyRecord], steps: &[KeyTransition]) -> Option<Vec<KeyRecord>> {
    let mut next = held.to_vec();
    for KeyTransition { kid, expected, next: state, times, material } in steps {
        let key = next.iter_mut().find(|key| key.kid == *kid && key.state == *expected)?;
        key.state = *state;
        key.times = *times;
        if let Some(material) = material {
            key.material = material.clone();
        }
    }
    next.iter().all(|key| active(&next, key.usage) <= 1).then_some(next)
}

fn active(keys: &[KeyRecord], usage: KeyUse) -> usize {
    keys.iter().filter(|key| key.usage == usage && key.state == KeyState::Active).count()
}
