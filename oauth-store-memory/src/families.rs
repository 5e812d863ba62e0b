//! Families by id and by handle, with the orders in which they end: by age within one grant, and by their absolute end;
//! and that in which their salts expire.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use oauth_core::store::{FamilyRecord, RefreshState, RevokeFamily, RevokedWhy};
use oauth_core::types::{ClientId, FamilyId, Subject, Timestamp};

use crate::cutoffs::Cutoffs;

/// Families, oldest first.
type ByAge = BTreeSet<(Timestamp, FamilyId)>;

/// Every family that was not purged yet.
#[derive(Default)]
pub(crate) struct Families {
    rows: HashMap<FamilyId, FamilyRecord>,
    by_end: BTreeSet<(Timestamp, FamilyId)>,
    /// What refresh tokens begin with; a family keeps its own until it is purged.
    handles: HashMap<[u8; 8], FamilyId>,
    /// Families that have a salt, by when it expires.
    salts: BTreeSet<(Timestamp, FamilyId)>,
    /// Families that nobody revoked, oldest first: what the live limit counts, without walking through those that
    /// ended.
    unrevoked: HashMap<Subject, BTreeMap<ClientId, ByAge>>,
}

impl Families {
    pub(crate) fn find(&self, id: &FamilyId) -> Option<&FamilyRecord> {
        self.rows.get(id)
    }

    pub(crate) fn find_by_handle(&self, handle: &[u8; 8]) -> Option<&FamilyRecord> {
        self.handles.get(handle).and_then(|id| self.rows.get(id))
    }

    /// What of a new family is taken already, in words for the operator.
    pub(crate) fn collision(&self, family: &FamilyRecord) -> Option<&'static str> {
        if self.rows.contains_key(&family.id) {
            return Some("the family id is taken");
        }
        let taken = handle(family).is_some_and(|handle| self.handles.contains_key(&handle));
        taken.then_some("the handle of the refresh tokens is taken")
    }

    /// Adds a family that collides with none.
    pub(crate) fn insert(&mut self, family: FamilyRecord) {
        self.handles.extend(handle(&family).map(|handle| (handle, family.id)));
        self.salts.extend(salt_end(&family));
        self.by_end.insert((family.absolute_expires_at, family.id));
        if family.revoked.is_none() {
            let of_subject = self.unrevoked.entry(family.subject.clone()).or_default();
            of_subject.entry(family.client.clone()).or_default().insert((family.issued_at, family.id));
        }
        self.rows.insert(family.id, family);
    }

    /// Changes the refresh tokens of a family that was used at `now`.
    pub(crate) fn refresh(&mut self, id: &FamilyId, now: Timestamp, change: impl FnOnce(&mut RefreshState)) {
        let Some(family) = self.rows.get_mut(id) else { return };
        if let Some(end) = salt_end(family) {
            self.salts.remove(&end);
        }
        if let Some(state) = &mut family.refresh {
            change(state);
        }
        family.seen_at = family.seen_at.max(now);
        self.salts.extend(salt_end(family));
    }

    pub(crate) fn revoke(&mut self, id: &FamilyId, why: RevokedWhy, at: Timestamp) -> RevokeFamily {
        let Some(family) = self.rows.get_mut(id) else { return RevokeFamily::Unknown };
        if family.revoked.is_some() {
            return RevokeFamily::AlreadyRevoked;
        }
        family.revoked = Some((at, why));
        let (subject, client) = (family.subject.clone(), family.client.clone());
        let age = (family.issued_at, family.id);
        self.forget_unrevoked(&subject, &client, &age);
        RevokeFamily::Revoked
    }

    /// The families of a user that nobody revoked one by one, client by client, each oldest first.
    pub(crate) fn of(&self, subject: &Subject) -> impl Iterator<Item = &FamilyRecord> {
        let ids = self.unrevoked.get(subject).into_iter().flat_map(BTreeMap::values).flatten();
        ids.filter_map(|(_, id)| self.rows.get(id))
    }

    /// Ends the oldest live families of the new one's subject and client, so that with it at most `limit` are live;
    /// the new one itself is never ended. Answers how many.
    pub(crate) fn make_room(&mut self, new: &FamilyRecord, limit: u32, now: Timestamp, cutoffs: &Cutoffs) -> u32 {
        let live: Vec<FamilyId> = self
            .unrevoked
            .get(&new.subject)
            .and_then(|clients| clients.get(&new.client))
            .into_iter()
            .flatten()
            .map(|(_, id)| *id)
            .filter(|id| self.rows.get(id).is_some_and(|family| is_live(family, now, cutoffs)))
            .collect();
        let keep = usize::try_from(limit.saturating_sub(1)).unwrap_or(usize::MAX);
        let mut ended = 0;
        for id in live.iter().take(live.len().saturating_sub(keep)) {
            if self.revoke(id, RevokedWhy::Limit, now) == RevokeFamily::Revoked {
                ended += 1;
            }
        }
        ended
    }

    /// Removes up to `limit` families that ended and salts that expired before `before`, half of it families first;
    /// answers how many.
    pub(crate) fn purge(&mut self, before: Timestamp, limit: u32) -> u32 {
        let mut rows = self.purge_families(before, limit.div_ceil(2));
        rows += self.purge_salts(before, limit - rows);
        rows + self.purge_families(before, limit - rows)
    }

    /// Whether a family ended or a salt expired before `before`.
    pub(crate) fn has_expired(&self, before: Timestamp) -> bool {
        is_due(&self.by_end, before) || is_due(&self.salts, before)
    }

    fn purge_families(&mut self, before: Timestamp, limit: u32) -> u32 {
        let mut purged = 0;
        while purged < limit && is_due(&self.by_end, before) {
            let Some((_, id)) = self.by_end.pop_first() else { break };
            if let Some(family) = self.rows.remove(&id) {
                if let Some(handle) = handle(&family) {
                    self.handles.remove(&handle);
                }
                if let Some(end) = salt_end(&family) {
                    self.salts.remove(&end);
                }
                self.forget_unrevoked(&family.subject, &family.client, &(family.issued_at, id));
            }
            purged += 1;
        }
        purged
    }

    fn purge_salts(&mut self, before: Timestamp, limit: u32) -> u32 {
        let mut purged = 0;
        while purged < limit && is_due(&self.salts, before) {
            let Some((_, id)) = self.salts.pop_first() else { break };
            if let Some(state) = self.rows.get_mut(&id).and_then(|family| family.refresh.as_mut()) {
                state.salt = None;
            }
            purged += 1;
        }
        purged
    }

    fn forget_unrevoked(&mut self, subject: &Subject, client: &ClientId, age: &(Timestamp, FamilyId)) {
        let Some(clients) = self.unrevoked.get_mut(subject) else { return };
        if let Some(families) = clients.get_mut(client) {
            families.remove(age);
            if families.is_empty() {
                clients.remove(client);
            }
        }
        if clients.is_empty() {
            self.unrevoked.remove(subject);
        }
    }
}

/// Whether a family may still be given tokens. Its idle end is the core's to judge.
pub(crate) fn is_live(family: &FamilyRecord, now: Timestamp, cutoffs: &Cutoffs) -> bool {
    now < family.absolute_expires_at && !is_revoked(family, cutoffs)
}

/// Whether a family was taken back, by itself or with all that its subject or client holds.
pub(crate) fn is_revoked(family: &FamilyRecord, cutoffs: &Cutoffs) -> bool {
    family.revoked.is_some() || cutoffs.cover(Some(&family.client), Some(&family.subject), family.issued_at)
}

fn is_due(order: &BTreeSet<(Timestamp, FamilyId)>, before: Timestamp) -> bool {
    order.first().is_some_and(|(end, _)| *end < before)
}

fn handle(family: &FamilyRecord) -> Option<[u8; 8]> {
    family.refresh.as_ref().map(|state| state.handle)
}

fn salt_end(family: &FamilyRecord) -> Option<(Timestamp, FamilyId)> {
    let salt = family.refresh.as_ref().and_then(|state| state.salt.as_ref());
    salt.map(|salt| (salt.expires_at, family.id))
}
