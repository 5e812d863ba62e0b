//! Authorization requests by handle, with the order in which they end and those that can still be decided.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use oauth_core::store::{
    AuthorizationRequestRecord, BeginOutcome, BeginRequest, DecideOutcome, DecideRequest, FoundRequest,
    RequestDecision, RequestState, Standing, StoreError,
};
use oauth_core::types::{ClientId, Subject, Timestamp, TokenDigest};

use crate::grants::Grants;

/// By when they expire.
type Order = BTreeSet<(Timestamp, TokenDigest)>;

/// Every authorization request that was not purged yet.
#[derive(Default)]
pub(crate) struct Requests {
    rows: HashMap<TokenDigest, AuthorizationRequestRecord>,
    by_end: Order,
    /// Those that nobody decided: what the limits count.
    open: Order,
    open_by_client: HashMap<ClientId, Order>,
}

impl Requests {
    fn insert(&mut self, request: AuthorizationRequestRecord) {
        let end = (request.expires_at, request.handle);
        self.by_end.insert(end);
        if request.state.is_open() {
            self.open.insert(end);
            self.open_by_client.entry(request.client.clone()).or_default().insert(end);
        }
        self.rows.insert(request.handle, request);
    }

    fn has_room(&self, BeginRequest { request, client_limit, tenant_limit }: &BeginRequest) -> bool {
        let of_client = self.open_by_client.get(&request.client);
        is_below(&self.open, *tenant_limit, request.begun_at)
            && of_client.is_none_or(|open| is_below(open, *client_limit, request.begun_at))
            && *client_limit > 0
    }

    fn decide(&mut self, handle: &TokenDigest, change: impl FnOnce(&mut AuthorizationRequestRecord)) {
        let Some(request) = self.rows.get_mut(handle) else { return };
        change(request);
        let (client, end) = (request.client.clone(), (request.expires_at, *handle));
        self.close(&client, &end);
    }

    /// Removes up to `limit` that expired before `before`; answers how many.
    pub(crate) fn purge(&mut self, before: Timestamp, limit: u32) -> u32 {
        let mut purged = 0;
        while purged < limit && self.has_expired(before) {
            let Some(end) = self.by_end.pop_first() else { break };
            if let Some(request) = self.rows.remove(&end.1) {
                self.close(&request.client, &end);
            }
            purged += 1;
        }
        purged
    }

    /// Whether one expired before `before`.
    pub(crate) fn has_expired(&self, before: Timestamp) -> bool {
        self.by_end.first().is_some_and(|(end, _)| *end < before)
    }

    fn close(&mut self, client: &ClientId, end: &(Timestamp, TokenDigest)) {
        self.open.remove(end);
        if let Some(open) = self.open_by_client.get_mut(client) {
            open.remove(end);
            if open.is_empty() {
                self.open_by_client.remove(client);
            }
        }
    }
}

/// Whether fewer than `limit` are open and not expired at `now`. Counts only when expired ones could matter.
fn is_below(open: &Order, limit: u32, now: Timestamp) -> bool {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let expired = Bound::Excluded((now, TokenDigest::from_bytes([u8::MAX; 32])));
    open.len() < limit || open.range((expired, Bound::Unbounded)).take(limit).count() < limit
}

impl Grants {
    pub(crate) fn begin_request(&mut self, begin: BeginRequest) -> Result<BeginOutcome, StoreError> {
        if !self.requests.has_room(&begin) {
            return Ok(BeginOutcome::TooMany);
        }
        if self.requests.rows.contains_key(&begin.request.handle) {
            return Err(StoreError::unavailable("the handle of an authorization request is taken"));
        }
        self.requests.insert(begin.request);
        Ok(BeginOutcome::Begun)
    }

    pub(crate) fn find_request(&self, handle: &TokenDigest, subject: Option<&Subject>) -> Option<FoundRequest> {
        let request = self.requests.rows.get(handle)?;
        let consent = subject.and_then(|subject| {
            self.consents.find_for(subject, &request.client, &request.redirect_uri, &request.resource, &self.cutoffs)
        });
        Some(FoundRequest { request: request.clone(), standing: self.standing_of(request), consent: consent.cloned() })
    }

    pub(crate) fn decide_request(&mut self, decide: DecideRequest) -> Result<DecideOutcome, StoreError> {
        let DecideRequest { handle, subject, auth, now, decision } = decide;
        let Some(request) = self.requests.rows.get(&handle) else { return Ok(DecideOutcome::NotLive) };
        if !request.state.is_open() {
            return Ok(DecideOutcome::AlreadyDecided);
        }
        if request.expires_at <= now || self.standing_of(request) == Standing::Revoked {
            return Ok(DecideOutcome::NotLive);
        }
        let state = match decision {
            RequestDecision::Denied => RequestState::Denied,
            RequestDecision::Approved { code, consent } => {
                if self.is_covered(&code) {
                    return Ok(DecideOutcome::NotLive);
                }
                self.codes.insert(*code)?;
                self.consents.extend(consent.map(|consent| *consent));
                RequestState::Approved
            }
        };
        self.requests.decide(&handle, |request| {
            request.state = state;
            request.subject = Some(subject);
            request.auth = auth;
        });
        Ok(DecideOutcome::Decided)
    }

    /// Only what its client or the tenant lost counts: nobody had allowed anything yet.
    fn standing_of(&self, request: &AuthorizationRequestRecord) -> Standing {
        let covered = self.cutoffs.cover(Some(&request.client), None, request.begun_at);
        if covered { Standing::Revoked } else { Standing::Live }
    }
}
