//! Authorization requests, codes, consent, and the list of what a user allows.

use std::collections::BTreeMap;

use oauth_core::store::{
    BeginOutcome, BeginRequest, ClientGrants, CodeRecord, ConsentKey, ConsentRecord, DecideOutcome, DecideRequest,
    FoundCode, FoundRequest, IssueCode, ListGrants, RedeemCode, RedeemOutcome, Redeemed, RequestDecision, RequestState,
    StoreError,
};
use oauth_core::types::{ClientId, Subject, TokenDigest};

use super::tokens::standing;
use super::{Code, Tables};

impl Tables {
    pub(super) fn begin_request(&mut self, begin: BeginRequest) -> Result<BeginOutcome, StoreError> {
        let BeginRequest { request, client_limit, tenant_limit } = begin;
        let open = || self.requests.values().filter(|r| r.state.is_open() && request.begun_at < r.expires_at);
        let of_client = open().filter(|other| other.client == request.client).count();
        if of_client >= client_limit as usize || open().count() >= tenant_limit as usize {
            return Ok(BeginOutcome::TooMany);
        }
        if self.requests.contains_key(&request.handle) {
            return Err(StoreError::unavailable("the handle of a request is taken"));
        }
        self.requests.insert(request.handle, request);
        Ok(BeginOutcome::Begun)
    }

    pub(super) fn find_request(&self, handle: &TokenDigest, subject: Option<&Subject>) -> Option<FoundRequest> {
        let request = self.requests.get(handle)?.clone();
        let key = subject.map(|subject| ConsentKey {
            subject: subject.clone(),
            client: request.client.clone(),
            redirect_uri: request.redirect_uri.clone(),
            resource: request.resource.clone(),
        });
        let stands = !self.is_cut_off(Some(&request.client), None, request.begun_at);
        let consent = key.and_then(|key| self.find_consent(&key)).cloned();
        Some(FoundRequest { request, standing: standing(stands), consent })
    }

    pub(super) fn decide_request(&mut self, decide: DecideRequest) -> Result<DecideOutcome, StoreError> {
        let DecideRequest { handle, subject, auth, now, decision } = decide;
        let Some(request) = self.requests.get(&handle) else { return Ok(DecideOutcome::NotLive) };
        if !request.state.is_open() {
            return Ok(DecideOutcome::AlreadyDecided);
        }
        if request.expires_at <= now || self.is_cut_off(Some(&request.client), None, request.begun_at) {
            return Ok(DecideOutcome::NotLive);
        }
        let state = match decision {
            RequestDecision::Denied => RequestState::Denied,
            RequestDecision::Approved { code, consent } => {
                if self.issue_code(*code)? == IssueCode::CutOff {
                    return Ok(DecideOutcome::NotLive);
                }
                if let Some(consent) = consent {
                    self.consents.retain(|other| other.key != consent.key);
                    self.consents.push(*consent);
                }
                RequestState::Approved
            }
        };
        if let Some(request) = self.requests.get_mut(&handle) {
            (request.state, request.subject, request.auth) = (state, Some(subject), auth);
        }
        Ok(DecideOutcome::Decided)
    }

    pub(super) fn issue_code(&mut self, record: CodeRecord) -> Result<IssueCode, StoreError> {
        if self.is_cut_off(Some(&record.client), Some(&record.subject), record.issued_at) {
            return Ok(IssueCode::CutOff);
        }
        if self.codes.contains_key(&record.digest) {
            return Err(StoreError::unavailable("the digest of a code is taken"));
        }
        self.codes.insert(record.digest, Code { known_until: record.expires_at, record });
        Ok(IssueCode::Issued)
    }

    pub(super) fn find_code(&self, digest: &TokenDigest) -> Option<FoundCode> {
        let code = self.codes.get(digest)?.record.clone();
        let stands = !self.is_cut_off(Some(&code.client), Some(&code.subject), code.issued_at);
        Some(FoundCode { code, standing: standing(stands) })
    }

    pub(super) fn redeem_code(&mut self, redeem: RedeemCode) -> Result<RedeemOutcome, StoreError> {
        let RedeemCode { code: digest, now, family, access_token, live_limit } = redeem;
        let may_be_redeemed = self.codes.get(&digest).is_some_and(|Code { record: code, .. }| {
            code.redeemed.is_none()
                && now < code.expires_at
                && !self.is_cut_off(Some(&code.client), Some(&code.subject), code.issued_at)
        });
        if !may_be_redeemed || self.is_cut_off(Some(&family.client), Some(&family.subject), family.issued_at) {
            return Ok(RedeemOutcome::Moved);
        }
        self.has_free_names(&family, access_token.as_ref())?;
        // Everything was asked; from here on nothing can fail.
        if let Some(code) = self.codes.get_mut(&digest) {
            code.record.redeemed = Some(Redeemed { at: now, family: family.id });
            code.known_until = family.absolute_expires_at;
        }
        Ok(RedeemOutcome::Redeemed { ended: self.insert_family(family, access_token, live_limit, now) })
    }

    pub(super) fn find_consent(&self, key: &ConsentKey) -> Option<&ConsentRecord> {
        self.consents.iter().find(|consent| consent.key == *key && self.is_given(consent))
    }

    pub(super) fn list_grants(&self, list: &ListGrants) -> Vec<ClientGrants> {
        let ListGrants { subject, now, after, limit } = list;
        let mut clients: BTreeMap<&ClientId, ClientGrants> = BTreeMap::new();
        let empty = |client: &ClientId| ClientGrants { client: client.clone(), families: vec![], consents: vec![] };
        for family in self.families.values().filter(|f| f.subject == *subject && self.is_live(&f.id, *now)) {
            let of_client = clients.entry(&family.client).or_insert_with(|| empty(&family.client));
            of_client.families.push(family.clone());
        }
        let given = |consent: &&ConsentRecord| *now < consent.expires_at && self.is_given(consent);
        for consent in self.consents.iter().filter(|consent| consent.key.subject == *subject).filter(given) {
            let client = &consent.key.client;
            clients.entry(client).or_insert_with(|| empty(client)).consents.push(consent.clone());
        }
        let later = clients.into_values().filter(|of_client| after.as_ref().is_none_or(|a| of_client.client > *a));
        let mut page: Vec<ClientGrants> = later.take(*limit as usize).collect();
        page.iter_mut().for_each(|of_client| of_client.families.sort_by_key(|family| (family.issued_at, family.id)));
        page
    }

    fn is_given(&self, consent: &ConsentRecord) -> bool {
        !self.is_cut_off(Some(&consent.key.client), Some(&consent.key.subject), consent.granted_at)
    }
}
