//! Removing what is of no use any more.

use oauth_core::store::{Purged, StoreError};
use oauth_core::types::Timestamp;

use crate::grants::{Grants, Shard};
use crate::table::{Table, locked};

/// Kinds of rows that go while others work: claims, strikes, tombstones and tokens.
const SHARED: u32 = 4;
/// Kinds of rows for which everybody stops: requests, codes, consents, families and salts.
const EXCLUSIVE: u32 = 5;

/// Removes up to `limit` rows that expired before `before`: an equal share of each kind first, so that none waits for
/// the backlog of another, then what there is. The lock that stops everybody is taken only when there is something for
/// it.
pub(crate) fn purge(grants: &Table<Grants>, before: Timestamp, limit: u32) -> Result<Purged, StoreError> {
    let is_exclusive = grants.read(|grants| grants.has_expired_exclusive(before))?;
    let reserved = if is_exclusive { limit - limit / (SHARED + EXCLUSIVE) * SHARED } else { 0 };
    let shared = grants.read(|grants| grants.purge_shared(before, limit - reserved))??;
    if !is_exclusive {
        return Ok(shared);
    }
    grants.write(|grants| {
        let rows = shared.rows + grants.purge_exclusive(before, limit - shared.rows);
        Purged { rows, more: shared.more || grants.has_expired_exclusive(before) }
    })
}

impl Grants {
    fn has_expired_exclusive(&self, before: Timestamp) -> bool {
        self.families.has_expired(before)
            || self.requests.has_expired(before)
            || self.codes.has_expired(before)
            || self.consents.has_expired(before)
    }

    fn purge_exclusive(&mut self, before: Timestamp, limit: u32) -> u32 {
        let mut rows = 0;
        for share in [limit / EXCLUSIVE, limit] {
            rows += self.requests.purge(before, share.min(limit - rows));
            rows += self.codes.purge(before, share.min(limit - rows));
            rows += self.consents.purge(before, share.min(limit - rows));
            // families and salts, half of it each
            rows += self.families.purge(before, share.saturating_mul(2).min(limit - rows));
        }
        rows
    }

    fn purge_shared(&self, before: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let mut rows = 0;
        for share in [limit / SHARED, limit] {
            rows += self.claims()?.evict(before, share.min(limit - rows));
            rows += self.strikes()?.evict(before, share.min(limit - rows));
            rows +=
                self.evict_in_shards(share.min(limit - rows), |shard, most| shard.tombstones.evict(before, most))?;
            rows += self.evict_in_shards(share.min(limit - rows), |shard, most| shard.tokens.evict(before, most))?;
        }
        let more = self.claims()?.has_expired(before)
            || self.strikes()?.has_expired(before)
            || self.any_shard(|shard| shard.tombstones.has_expired(before) || shard.tokens.has_expired(before))?;
        Ok(Purged { rows, more })
    }

    /// Goes from shard to shard, each under its own lock; answers how many rows went.
    fn evict_in_shards(&self, limit: u32, evict: impl Fn(&mut Shard, u32) -> u32) -> Result<u32, StoreError> {
        let mut rows = 0;
        for shard in &self.shards {
            rows += evict(&mut *locked(shard)?, limit - rows);
        }
        Ok(rows)
    }

    fn any_shard(&self, is_so: impl Fn(&Shard) -> bool) -> Result<bool, StoreError> {
        for shard in &self.shards {
            if is_so(&*locked(shard)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
