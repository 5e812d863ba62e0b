//! Forgetting what is of no use any more.

use oauth_core::store::{ConsentKey, Purged};
use oauth_core::types::{FamilyId, KeyedHash, Timestamp, TokenDigest, TokenId};

use super::Tables;

/// A row, or the salt in one.
enum Row {
    Claim(TokenDigest),
    Code(TokenDigest),
    Consent(ConsentKey),
    Family(FamilyId),
    Request(TokenDigest),
    Salt(FamilyId),
    Strikes(KeyedHash),
    Token(TokenDigest),
    Tombstone(TokenId),
}

impl Tables {
    /// Takes one row of each kind in turn, so that none waits for the backlog of another.
    pub(super) fn purge_expired(&mut self, before: Timestamp, limit: u32) -> Purged {
        let mut kinds = self.due(before);
        let mut rows = 0;
        while rows < limit && kinds.iter().any(|kind| !kind.is_empty()) {
            for kind in &mut kinds {
                if let Some(row) = (rows < limit).then(|| kind.pop()).flatten() {
                    self.remove(row);
                    rows += 1;
                }
            }
        }
        Purged { rows, more: kinds.iter().any(|kind| !kind.is_empty()) }
    }

    /// What has expired before that time, kind by kind. A real store asks an index for the first few of each.
    fn due(&self, before: Timestamp) -> [Vec<Row>; 9] {
        let is_due = |end: Timestamp| end < before;
        let salt_of = |family: &oauth_core::store::FamilyRecord| family.refresh.as_ref().and_then(|state| state.salt);
        let families = || self.families.values();
        [
            self.claims.iter().filter(|(_, end)| is_due(**end)).map(|(digest, _)| Row::Claim(*digest)).collect(),
            self.codes.iter().filter(|(_, c)| is_due(c.known_until)).map(|(digest, _)| Row::Code(*digest)).collect(),
            self.consents.iter().filter(|c| is_due(c.expires_at)).map(|c| Row::Consent(c.key.clone())).collect(),
            families().filter(|f| is_due(f.absolute_expires_at)).map(|f| Row::Family(f.id)).collect(),
            self.requests.values().filter(|r| is_due(r.expires_at)).map(|r| Row::Request(r.handle)).collect(),
            families()
                .filter(|f| !is_due(f.absolute_expires_at) && salt_of(f).is_some_and(|salt| is_due(salt.expires_at)))
                .map(|f| Row::Salt(f.id))
                .collect(),
            self.strikes.iter().filter(|(_, (_, end))| is_due(*end)).map(|(a, _)| Row::Strikes(*a)).collect(),
            self.tokens.iter().filter(|(_, t)| is_due(t.record.expires_at)).map(|(d, _)| Row::Token(*d)).collect(),
            self.tombstones.iter().filter(|(_, end)| is_due(**end)).map(|(id, _)| Row::Tombstone(id.clone())).collect(),
        ]
    }

    fn remove(&mut self, row: Row) {
        match row {
            Row::Claim(digest) => drop(self.claims.remove(&digest)),
            Row::Code(digest) => drop(self.codes.remove(&digest)),
            Row::Consent(key) => self.consents.retain(|consent| consent.key != key),
            Row::Family(id) => drop(self.families.remove(&id)),
            Row::Request(handle) => drop(self.requests.remove(&handle)),
            Row::Salt(id) => {
                if let Some(state) = self.families.get_mut(&id).and_then(|family| family.refresh.as_mut()) {
                    state.salt = None;
                }
            }
            Row::Strikes(account) => drop(self.strikes.remove(&account)),
            Row::Token(digest) => drop(self.tokens.remove(&digest)),
            Row::Tombstone(id) => drop(self.tombstones.remove(&id)),
        }
    }
}
