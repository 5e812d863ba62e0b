//! Cutoffs: up to when everything of a client, a subject, the two together or the tenant is dead.

use std::collections::HashMap;

use oauth_core::store::{Cutoff, CutoffKey};
use oauth_core::types::{ClientId, Subject, Timestamp};

/// One time for each key; later ones replace earlier ones.
#[derive(Default)]
pub(crate) struct Cutoffs {
    everything: Option<Timestamp>,
    clients: HashMap<ClientId, Timestamp>,
    subjects: HashMap<Subject, Timestamp>,
    grants: HashMap<Subject, HashMap<ClientId, Timestamp>>,
}

impl Cutoffs {
    /// Moves a cutoff forward, never back.
    pub(crate) fn raise(&mut self, Cutoff { key, at }: Cutoff) {
        let held = match key {
            CutoffKey::Client(client) => self.clients.entry(client).or_insert(at),
            CutoffKey::Everything => self.everything.get_or_insert(at),
            CutoffKey::Grant { subject, client } => self.grants.entry(subject).or_default().entry(client).or_insert(at),
            CutoffKey::Subject(subject) => self.subjects.entry(subject).or_insert(at),
        };
        *held = at.max(*held);
    }

    /// Whether what was issued then to this client, for this subject, is dead.
    pub(crate) fn cover(&self, client: Option<&ClientId>, subject: Option<&Subject>, issued_at: Timestamp) -> bool {
        let covers = |at: &Timestamp| *at >= issued_at;
        let both = subject.zip(client);
        self.everything.as_ref().is_some_and(covers)
            || client.and_then(|client| self.clients.get(client)).is_some_and(covers)
            || subject.and_then(|subject| self.subjects.get(subject)).is_some_and(covers)
            || both.and_then(|(subject, client)| self.grants.get(subject)?.get(client)).is_some_and(covers)
    }
}
