//! Clients, users and keys.

use oauth_core::store::{
    Client, Deregister, InsertKey, KeyRecord, KeyState, KeyTransition, PasswordHash, Register, Rehash, Transition,
    UpdateClient,
};
use oauth_core::types::{ClientId, Subject};

use super::{Reference, Refusals};
use crate::model::call::Answer;

impl Reference {
    pub(super) fn register(&mut self, client: Client) -> Answer {
        if self.clients.contains_key(&client.id) {
            return Answer::Registered(Register::Taken);
        }
        self.clients.insert(client.id.clone(), client);
        Answer::Registered(Register::Registered)
    }

    pub(super) fn update(&mut self, client: Client, expected: u64) -> Answer {
        Answer::Updated(match self.clients.get_mut(&client.id) {
            None => UpdateClient::Unknown,
            Some(stored) if stored.version != expected => UpdateClient::Stale,
            Some(stored) => {
                *stored = client;
                UpdateClient::Updated
            }
        })
    }

    pub(super) fn deregister(&mut self, id: &ClientId) -> Answer {
        let removed = self.clients.remove(id);
        Answer::Deregistered(if removed.is_some() { Deregister::Removed } else { Deregister::Unknown })
    }

    pub(super) fn page(&self, after: &ClientId, limit: u32) -> Answer {
        let later = self.clients.values().filter(|client| client.id > *after);
        Answer::Page(later.take(limit as usize).cloned().collect())
    }

    pub(super) fn rehash(&mut self, subject: &Subject, old: &PasswordHash, new: PasswordHash) -> Answer {
        Answer::Rehashed(match self.users.get_mut(subject) {
            Some(user) if user.password.as_ref() == Some(old) => {
                user.password = Some(new);
                Rehash::Stored
            }
            _ => Rehash::Moved,
        })
    }

    pub(super) fn insert_key(&mut self, key: KeyRecord, told: &Answer) -> Answer {
        let is_taken = self.keys.iter().any(|other| other.kid == key.kid);
        let is_second = key.state == KeyState::Active && self.keys.iter().any(|k| is_active(k) && k.usage == key.usage);
        let mut no = Refusals::default();
        no.must(is_taken, Answer::KeyInserted(InsertKey::Taken));
        no.must(is_second, Answer::KeyInserted(InsertKey::AlreadyActive));
        if let Some(answer) = no.answer(told) {
            return answer;
        }
        self.keys.push(key);
        Answer::KeyInserted(InsertKey::Inserted)
    }

    pub(super) fn transition(&mut self, steps: &[KeyTransition]) -> Answer {
        let mut keys = self.keys.clone();
        for step in steps {
            let key = keys.iter_mut().find(|key| key.kid == step.kid && key.state == step.expected);
            let Some(key) = key else { return Answer::Transitioned(Transition::Moved) };
            (key.state, key.times) = (step.next, step.times);
            key.material = step.material.clone().unwrap_or_else(|| key.material.clone());
        }
        // All keys of a history have one use.
        if keys.iter().filter(|key| is_active(key)).count() > 1 {
            return Answer::Transitioned(Transition::Moved);
        }
        self.keys = keys;
        Answer::Transitioned(Transition::Applied)
    }

    pub(super) fn load_keys(&self) -> Answer {
        let mut keys = self.keys.clone();
        keys.sort_by(|a, b| (a.times.announced_at, &a.kid).cmp(&(b.times.announced_at, &b.kid)));
        Answer::Keys(keys)
    }
}

fn is_active(key: &KeyRecord) -> bool {
    key.state == KeyState::Active
}
