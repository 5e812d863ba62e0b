//! Remembered consent, and the list of all that a user allows.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use oauth_core::store::{ClientGrants, ConsentKey, ConsentRecord, FamilyRecord, ListGrants};
use oauth_core::types::{ClientId, ResourceUri, Subject, Timestamp};

use crate::cutoffs::Cutoffs;
use crate::families::is_live;
use crate::grants::Grants;

/// Redirect URI and resources.
type Use = (String, Vec<ResourceUri>);

/// Every consent that was not purged yet.
#[derive(Default)]
pub(crate) struct Consents {
    rows: BTreeMap<Subject, BTreeMap<ClientId, BTreeMap<Use, ConsentRecord>>>,
    by_end: BTreeSet<(Timestamp, Subject, ClientId, Use)>,
}

impl Consents {
    /// The consent for this use, unless it was withdrawn.
    pub(crate) fn find_for(
        &self,
        subject: &Subject,
        client: &ClientId,
        redirect_uri: &str,
        resource: &[ResourceUri],
        cutoffs: &Cutoffs,
    ) -> Option<&ConsentRecord> {
        let used = (redirect_uri.to_owned(), resource.to_vec());
        let consent = self.rows.get(subject)?.get(client)?.get(&used)?;
        Some(consent).filter(|consent| stands(consent, cutoffs))
    }

    fn remember(&mut self, consent: ConsentRecord) {
        let ConsentKey { subject, client, redirect_uri, resource } = consent.key.clone();
        let (used, end) = ((redirect_uri, resource), consent.expires_at);
        let of_client = self.rows.entry(subject.clone()).or_default().entry(client.clone()).or_default();
        if let Some(before) = of_client.insert(used.clone(), consent) {
            self.by_end.remove(&(before.expires_at, subject.clone(), client.clone(), used.clone()));
        }
        self.by_end.insert((end, subject, client, used));
    }

    /// Removes up to `limit` that expired before `before`; answers how many.
    pub(crate) fn purge(&mut self, before: Timestamp, limit: u32) -> u32 {
        let mut purged = 0;
        while purged < limit && self.has_expired(before) {
            let Some((_, subject, client, used)) = self.by_end.pop_first() else { break };
            self.forget(&subject, &client, &used);
            purged += 1;
        }
        purged
    }

    /// Whether one expired before `before`.
    pub(crate) fn has_expired(&self, before: Timestamp) -> bool {
        self.by_end.first().is_some_and(|(end, ..)| *end < before)
    }

    fn forget(&mut self, subject: &Subject, client: &ClientId, used: &Use) {
        let Some(of_subject) = self.rows.get_mut(subject) else { return };
        if let Some(of_client) = of_subject.get_mut(client) {
            of_client.remove(used);
            if of_client.is_empty() {
                of_subject.remove(client);
            }
        }
        if of_subject.is_empty() {
            self.rows.remove(subject);
        }
    }

    fn of(&self, subject: &Subject) -> impl Iterator<Item = &ConsentRecord> {
        self.rows.get(subject).into_iter().flat_map(BTreeMap::values).flat_map(BTreeMap::values)
    }
}

impl Extend<ConsentRecord> for Consents {
    fn extend<I: IntoIterator<Item = ConsentRecord>>(&mut self, consents: I) {
        consents.into_iter().for_each(|consent| self.remember(consent));
    }
}

impl Grants {
    pub(crate) fn find_consent(&self, key: &ConsentKey) -> Option<ConsentRecord> {
        let ConsentKey { subject, client, redirect_uri, resource } = key;
        self.consents.find_for(subject, client, redirect_uri, resource, &self.cutoffs).cloned()
    }

    pub(crate) fn list_grants(&self, list: &ListGrants) -> Vec<ClientGrants> {
        let ListGrants { subject, now, after, limit } = list;
        let mut clients: BTreeMap<&ClientId, (Vec<FamilyRecord>, Vec<ConsentRecord>)> = BTreeMap::new();
        for family in self.families.of(subject).filter(|family| is_live(family, *now, &self.cutoffs)) {
            clients.entry(&family.client).or_default().0.push(family.clone());
        }
        let consents = self.consents.of(subject).filter(|consent| *now < consent.expires_at);
        for consent in consents.filter(|consent| stands(consent, &self.cutoffs)) {
            clients.entry(&consent.key.client).or_default().1.push(consent.clone());
        }
        let start = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        clients
            .range::<ClientId, _>((start, Bound::Unbounded))
            .take(usize::try_from(*limit).unwrap_or(usize::MAX))
            .map(|(client, (families, consents))| {
                let (mut families, consents) = (families.clone(), consents.clone());
                families.sort_by_key(|family| (family.issued_at, family.id));
                ClientGrants { client: (*client).clone(), families, consents }
            })
            .collect()
    }
}

fn stands(consent: &ConsentRecord, cutoffs: &Cutoffs) -> bool {
    !cutoffs.cover(Some(&consent.key.client), Some(&consent.key.subject), consent.granted_at)
}
