//! The reference model: the contract of [`oauth_core::store`] in maps, as a reader would write it down.
//!
//! It knows nothing of locks, indexes or batches. Where the contract leaves a store a choice, the model is told what the
//! store chose and judges whether it may.

mod families;
mod purge;
mod records;
mod tokens;
mod visits;

use std::collections::BTreeMap;

use oauth_core::store::{
    AccessTokenRecord, AuthorizationRequestRecord, Client, CodeRecord, ConsentRecord, Cutoff, CutoffKey, FamilyRecord,
    KeyRecord, StoreErrorKind, User,
};
use oauth_core::types::{ClientId, FamilyId, KeyedHash, Subject, Timestamp, TokenDigest, TokenId};

use super::call::{Answer, Call};

/// What one tenant of a store remembers.
#[derive(Debug)]
pub(crate) struct Reference {
    requests: BTreeMap<TokenDigest, AuthorizationRequestRecord>,
    /// Codes, and until when each is known: its own end, or that of the family that it gave.
    codes: BTreeMap<TokenDigest, (CodeRecord, Timestamp)>,
    consents: Vec<ConsentRecord>,
    families: BTreeMap<FamilyId, FamilyRecord>,
    /// Opaque access tokens, and whether each was taken back by itself.
    tokens: BTreeMap<TokenDigest, (AccessTokenRecord, bool)>,
    /// JWTs that were taken back, and how long that is remembered.
    tombstones: BTreeMap<TokenId, Timestamp>,
    /// Claims that were made, and how long that is remembered.
    claims: BTreeMap<TokenDigest, Timestamp>,
    /// Every cutoff that was ever written.
    cutoffs: Vec<Cutoff>,
    /// The strikes of an account, and the end of their window.
    windows: BTreeMap<KeyedHash, (u32, Timestamp)>,
    mark: Timestamp,
    /// The latest time that the store was told: what expired by then it may have forgotten.
    latest: Timestamp,
    clients: BTreeMap<ClientId, Client>,
    users: BTreeMap<Subject, User>,
    logins: BTreeMap<String, Subject>,
    keys: Vec<KeyRecord>,
}

impl Reference {
    /// Remembers nothing yet, but for the mark of the clock.
    pub(crate) const fn new(mark: Timestamp) -> Self {
        Self {
            requests: BTreeMap::new(),
            codes: BTreeMap::new(),
            consents: Vec::new(),
            families: BTreeMap::new(),
            tokens: BTreeMap::new(),
            tombstones: BTreeMap::new(),
            claims: BTreeMap::new(),
            cutoffs: Vec::new(),
            windows: BTreeMap::new(),
            mark,
            latest: Timestamp::from_millis(i64::MIN),
            clients: BTreeMap::new(),
            users: BTreeMap::new(),
            logins: BTreeMap::new(),
            keys: Vec::new(),
        }
    }

    /// Does what the call says and answers as the contract has it: what the store `told`, if it may.
    pub(crate) fn judge(&mut self, call: Call, told: &Answer) -> Answer {
        match call {
            Call::Begin(begin) => self.begin(begin, told),
            Call::Decide(decide) => self.decide(decide, told),
            Call::IssueCode(code) => self.issue_code(code, told),
            Call::Redeem(redeem) => self.redeem(redeem, told),
            Call::Start(start) => self.start(start, told),
            Call::Rotate(rotate) => self.rotate(rotate, told),
            Call::Retry(retry) => self.retry(retry, told),
            Call::Extend(extend) => self.extend(extend, told),
            Call::RevokeFamily(id, why, at) => self.revoke_family(&id, why, at),
            Call::InsertToken(token) => self.insert_token(token, told),
            Call::RevokeToken(token) => self.revoke_token(token),
            Call::CutOff(cutoff) => {
                self.cutoffs.push(cutoff);
                Answer::Done
            }
            Call::AddStrike(strike) => self.add_strike(&strike),
            Call::ClearStrikes(account) => {
                self.windows.remove(&account);
                Answer::Done
            }
            Call::Purge { before, .. } => self.purge(before, told),
            Call::RaiseMark(at) => {
                self.mark = self.mark.max(at);
                Answer::Mark(self.mark)
            }
            Call::Register(client) => self.register(client),
            Call::Update(client, expected) => self.update(client, expected),
            Call::Deregister(id) => self.deregister(&id),
            Call::Rehash(subject, old, new) => self.rehash(&subject, &old, new),
            Call::InsertKey(key) => self.insert_key(key, told),
            Call::Transition(_, steps) => self.transition(&steps),
            Call::FindRequest(handle, user) => self.find_request(&handle, user.as_ref(), told),
            Call::FindCode(digest) => self.find_code(&digest, told),
            Call::FindConsent(key) => Answer::Consent(self.consent(&key).cloned()),
            Call::ListGrants(list) => self.list_grants(&list),
            Call::FindFamily(id) => self.find_family(&id, told),
            Call::FindByHandle(handle) => self.find_by_handle(handle, told),
            Call::FindToken(digest) => self.find_token(&digest, told),
            Call::Standing(query) => self.standing(&query, told),
            Call::FindClient(id) => Answer::Client(self.clients.get(&id).cloned()),
            Call::Page(after, limit) => self.page(&after, limit),
            Call::FindUser(subject) => Answer::User(self.users.get(&subject).cloned()),
            Call::Login(login) => Answer::User(self.logins.get(&login).and_then(|s| self.users.get(s)).cloned()),
            Call::LoadKeys(_) => self.load_keys(),
        }
    }

    /// A user whom the host added.
    pub(crate) fn add_user(&mut self, user: User, login: String) {
        self.logins.insert(login, user.subject.clone());
        self.users.insert(user.subject.clone(), user);
    }

    /// Whether a cutoff covers what was issued then to this client, for this subject.
    fn is_cut_off(&self, client: Option<&ClientId>, subject: Option<&Subject>, issued_at: Timestamp) -> bool {
        self.cutoffs.iter().any(|cutoff| {
            let is_meant = match &cutoff.key {
                CutoffKey::Client(key) => client == Some(key),
                CutoffKey::Everything => true,
                CutoffKey::Grant { subject: user, client: of } => subject == Some(user) && client == Some(of),
                CutoffKey::Subject(key) => subject == Some(key),
            };
            is_meant && issued_at <= cutoff.at
        })
    }

    /// The store was told this time.
    fn pass(&mut self, now: Timestamp) {
        self.latest = self.latest.max(now);
    }

    /// Whether a store may have forgotten what expires then.
    fn may_be_forgotten(&self, expires_at: Timestamp) -> bool {
        expires_at <= self.latest
    }
}

/// Why a call does nothing, and what it answers then.
#[derive(Debug, Default)]
struct Refusals {
    /// One of these, or of the others, is the answer.
    must: Vec<Answer>,
    /// These may be the answer, because the store may or may not remember something that has expired.
    may: Vec<Answer>,
}

const TAKEN: Answer = Answer::Failed(StoreErrorKind::Unavailable);

impl Refusals {
    fn must(&mut self, is_so: bool, answer: Answer) {
        self.must.extend(is_so.then_some(answer));
    }

    fn may(&mut self, is_so: bool, answer: Answer) {
        self.may.extend(is_so.then_some(answer));
    }

    /// The answer, if the call is refused.
    fn answer(self, told: &Answer) -> Option<Answer> {
        if self.must.contains(told) || self.may.contains(told) {
            return Some(told.clone());
        }
        self.must.into_iter().next()
    }
}
