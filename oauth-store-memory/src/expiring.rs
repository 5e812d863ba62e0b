//! A map whose rows go when their time has come, earliest first.

use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BinaryHeap};

use oauth_core::types::Timestamp;

/// Rows by key, and the order in which they expire. Rows leave by [`Self::evict`] only, so both always agree.
///
/// A tree and no hash table: a table of a million rows is half empty after it grew, leaves its old self as a hole in the
/// heap, and makes one caller wait while it grows.
pub(crate) struct Expiring<K, V> {
    rows: BTreeMap<K, V>,
    ends: BinaryHeap<Reverse<(Timestamp, K)>>,
}

impl<K: Clone + Ord, V> Expiring<K, V> {
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
        Self { rows: BTreeMap::new(), ends: BinaryHeap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn rows_leave_in_the_order_in_which_they_expire_and_never_early() {
        let mut rows = Expiring::default();
        for (key, end) in [('c', 3), ('a', 1), ('b', 2), ('d', 3), ('e', 9)] {
            assert!(rows.insert(key, (), at(end)));
        }
        assert!(!rows.insert('a', (), at(100)), "the key is taken");
        assert_eq!(rows.evict(at(1), 9), 0, "at its end a row has not expired before it");
        assert_eq!(rows.evict(at(9), 2), 2);
        assert!(rows.find(&'a').is_none() && rows.find(&'b').is_none() && rows.find(&'c').is_some());
        assert!(rows.has_expired(at(4)) && !rows.has_expired(at(3)));
        assert_eq!(rows.evict(at(9), 9), 2);
        assert!(rows.insert('a', (), at(100)), "the key is free again");
        assert_eq!((rows.rows.len(), rows.ends.len()), (2, 2));
    }
}
