//! Strikes: how many against each account within its present window.

use std::collections::{BTreeSet, HashMap};

use oauth_core::store::Strike;
use oauth_core::types::{KeyedHash, Timestamp};

/// The last window of each account that was not purged yet, and the order in which they end.
#[derive(Default)]
pub(crate) struct Strikes {
    windows: HashMap<KeyedHash, Window>,
    by_end: BTreeSet<(Timestamp, KeyedHash)>,
}

struct Window {
    strikes: u32,
    ends_at: Timestamp,
}

impl Strikes {
    /// Counts one more; answers how many the present window has.
    pub(crate) fn add(&mut self, Strike { account, now, window }: Strike) -> u32 {
        if let Some(present) = self.windows.get_mut(&account)
            && now < present.ends_at
        {
            present.strikes = present.strikes.saturating_add(1);
            return present.strikes;
        }
        self.clear(&account);
        let ends_at = now.plus(window);
        self.by_end.insert((ends_at, account));
        self.windows.insert(account, Window { strikes: 1, ends_at });
        1
    }

    pub(crate) fn clear(&mut self, account: &KeyedHash) {
        if let Some(Window { ends_at, .. }) = self.windows.remove(account) {
            self.by_end.remove(&(ends_at, *account));
        }
    }

    /// Removes up to `limit` windows that ended before `before`; answers how many.
    pub(crate) fn evict(&mut self, before: Timestamp, limit: u32) -> u32 {
        let mut evicted = 0;
        while evicted < limit && self.has_expired(before) {
            if let Some((_, account)) = self.by_end.pop_first() {
                self.windows.remove(&account);
                evicted += 1;
            }
        }
        evicted
    }

    /// Whether a window ended before `before`.
    pub(crate) fn has_expired(&self, before: Timestamp) -> bool {
        self.by_end.first().is_some_and(|(end, _)| *end < before)
    }
}

#[cfg(test)]
mod tests {
    use oauth_core::types::Lifetime;

    use super::*;

    #[test]
    fn an_account_has_one_window_however_many_began() {
        let mut strikes = Strikes::default();
        let (account, window) = (KeyedHash::from_bytes([1; 32]), Lifetime::SECOND);
        for second in 0..100 {
            let now = Timestamp::from_seconds(second);
            assert_eq!(strikes.add(Strike { account, now, window }), 1);
            assert_eq!(strikes.add(Strike { account, now, window }), 2);
            assert_eq!((strikes.windows.len(), strikes.by_end.len()), (1, 1));
        }
        assert_eq!(strikes.evict(Timestamp::from_seconds(100), 9), 0, "its last window ends then, not before");
        strikes.clear(&account);
        assert_eq!((strikes.windows.len(), strikes.by_end.len()), (0, 0));
    }
}
