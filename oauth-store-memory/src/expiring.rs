//! A map whose rows go when their time has come, earliest first.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap};
use std::hash::Hash;

use oauth_core::types::Timestamp;

/// Rows by key, and the order in which they expire. Rows leave by [`Self::evict`] only, so both always agree.
pub(crate) struct Expiring<K, V> {
    rows: HashMap<K, V>,
    ends: BinaryHeap<Reverse<(Timestamp, K)>>,
}

impl<K: Clone + Eq + Hash + Ord, V> Expiring<K, V> {
    /// The row with this key, expired or not.
    pub(crate) fn find(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    /// The same, to change it.
    pub(crate) fn find_mut(&mut self, key: &K) -> Option<&mut V> {
        self.rows.get_mut(key)
    }

    /// Adds a row **iff** the key is free; answers whether it was.
    pub(crate) fn insert(&mut self, key: K, row: V, expires_at: Timestamp) -> bool {
        match self.rows.entry(key) {
            Entry::Vacant(place) => {
                self.ends.push(Reverse((expires_at, place.key().clone())));
                place.insert(row);
                true
            }
            Entry::Occupied(_) => false,
        }
    }

    /// Removes up to `limit` rows that expired before `before`; answers how many.
    pub(crate) fn evict(&mut self, before: Timestamp, limit: u32) -> u32 {
        let mut evicted = 0;
        while evicted < limit && self.has_expired(before) {
            if let Some(Reverse((_, key))) = self.ends.pop() {
                self.rows.remove(&key);
                evicted += 1;
            }
        }
        evicted
    }

    /// Whether a row expired before `before`.
    pub(crate) fn has_expired(&self, before: Timestamp) -> bool {
        self.ends.peek().is_some_and(|Reverse((end, _))| *end < before)
    }
}

impl<K: Ord, V> Default for Expiring<K, V> {
    fn default() -> Self {
        Self { rows: HashMap::new(), ends: BinaryHeap::new() }
    }
}
