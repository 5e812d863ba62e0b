//! A count for each of a bounded number of keys: exact until it is full, never too low for a key that it holds.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Places, each with a lock of its own. A power of two.
const SETS: u64 = 1024;
/// Keys in one place. So many that places fill up evenly: the first is full when about two thirds of all keys are there.
const KEYS: usize = 64;

/// The keys are hashes that nobody can predict; they choose the place, and stand for what was hashed.
#[derive(Debug)]
pub(super) struct Table {
    sets: Vec<Mutex<Set>>,
}

/// The keys of one place, and their counts of one minute.
#[derive(Debug)]
struct Set {
    minute: i64,
    /// The highest count that had to go in this minute: whoever comes anew may be the one that went.
    gone: u32,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    key: u64,
    failures: u32,
}

impl Table {
    pub(super) fn new() -> Self {
        Self { sets: (0..SETS).map(|_| Mutex::new(Set::new())).collect() }
    }

    /// The failures of the key in this minute, or a later one that began meanwhile; 0 for a key that is not held.
    pub(super) fn failures(&self, key: u64, minute: i64) -> u32 {
        let Some(set) = self.place(key) else { return 0 };
        if set.minute < minute {
            return 0;
        }
        set.entries.iter().find(|entry| entry.key == key).map_or(0, |entry| entry.failures)
    }

    /// Counts a failure in this minute, or a later one that began meanwhile.
    pub(super) fn count(&self, key: u64, minute: i64) {
        if let Some(mut set) = self.place(key) {
            set.enter(minute);
            set.count(key);
        }
    }

    fn place(&self, key: u64) -> Option<MutexGuard<'_, Set>> {
        let set = self.sets.get(usize::try_from(key % SETS).ok()?)?;
        // Nothing that can panic runs under the lock with the set half changed.
        Some(set.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Set {
    const fn new() -> Self {
        Self { minute: i64::MIN, gone: 0, entries: Vec::new() }
    }

    fn enter(&mut self, minute: i64) {
        if self.minute < minute {
            self.minute = minute;
            self.gone = 0;
            self.entries.clear();
        }
    }

    /// INVARIANT: what an entry says is at least what happened, because a key that went had no more than `gone`.
    fn count(&mut self, key: u64) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == key) {
            entry.failures = entry.failures.saturating_add(1);
            return;
        }
        if self.entries.len() < KEYS {
            self.entries.push(Entry { key, failures: 1 });
        } else if let Some(least) = self.entries.iter_mut().min_by_key(|entry| entry.failures) {
            self.gone = self.gone.max(least.failures);
            *least = Entry { key, failures: self.gone.saturating_add(1) };
        }
    }
}

#[cfg(test)]
impl Table {
    /// The bytes of everything that it holds, and the number of keys.
    pub(super) fn size(&self) -> (usize, usize) {
        let sets = self.sets.iter().map(|set| set.lock().unwrap());
        sets.fold((self.sets.capacity() * size_of::<Mutex<Set>>(), 0), |(bytes, keys), set| {
            (bytes + set.entries.capacity() * size_of::<Entry>(), keys + set.entries.len())
        })
    }
}
