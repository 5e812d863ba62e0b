//! Authorization requests, codes, consent, and the list of what a user allows.

use std::collections::BTreeMap;

use oauth_core::store::{
    AuthorizationRequestRecord, BeginOutcome, BeginRequest, ClientGrants, CodeRecord, ConsentKey, ConsentRecord,
    DecideOutcome, DecideRequest, FamilyRecord, FoundCode, FoundRequest, IssueCode, ListGrants, RedeemCode,
    RedeemOutcome, Redeemed, RequestDecision, RequestState, Standing,
};
use oauth_core::types::{ClientId, Subject, TokenDigest};

use super::{Reference, Refusals, TAKEN};
use crate::model::call::Answer;

impl Reference {
    pub(super) fn begin(&mut self, begin: BeginRequest, told: &Answer) -> Answer {
        let BeginRequest { request, client_limit, tenant_limit } = begin;
        let now = request.begun_at;
        self.pass(now);
        let is_open = |other: &&AuthorizationRequestRecord| other.state.is_open() && now < other.expires_at;
        let open: Vec<_> = self.requests.values().filter(is_open).collect();
        let is_full = |open: &[&AuthorizationRequestRecord]| {
            let of_client = open.iter().filter(|other| other.client == request.client).count();
            of_client >= client_limit as usize || open.len() >= tenant_limit as usize
        };
        // Since the clock of a history steps back, some that are open may have been forgotten.
        let surely_open: Vec<_> = open.iter().copied().filter(|r| !self.may_be_forgotten(r.expires_at)).collect();
        let mut no = Refusals::default();
        no.must(is_full(&surely_open), Answer::Begun(BeginOutcome::TooMany));
        no.may(is_full(&open), Answer::Begun(BeginOutcome::TooMany));
        if let Some(taken) = self.requests.get(&request.handle) {
            if self.may_be_forgotten(taken.expires_at) { no.may(true, TAKEN) } else { no.must(true, TAKEN) }
        }
        if let Some(answer) = no.answer(told) {
            return answer;
        }
        self.requests.insert(request.handle, request);
        Answer::Begun(BeginOutcome::Begun)
    }

    pub(super) fn find_request(&mut self, handle: &TokenDigest, user: Option<&Subject>, told: &Answer) -> Answer {
        let Some(request) = self.requests.get(handle) else { return Answer::Request(None) };
        if *told == Answer::Request(None) && self.may_be_forgotten(request.expires_at) {
            self.requests.remove(handle);
            return Answer::Request(None);
        }
        let key = user.map(|user| ConsentKey {
            subject: user.clone(),
            client: request.client.clone(),
            redirect_uri: request.redirect_uri.clone(),
            resource: request.resource.clone(),
        });
        Answer::Request(Some(FoundRequest {
            request: request.clone(),
            standing: standing(!self.is_cut_off(Some(&request.client), None, request.begun_at)),
            consent: key.and_then(|key| self.consent(&key)).cloned(),
        }))
    }

    pub(super) fn decide(&mut self, decide: DecideRequest, told: &Answer) -> Answer {
        let DecideRequest { handle, subject, auth, now, decision } = decide;
        self.pass(now);
        let not_live = Answer::Decided(DecideOutcome::NotLive);
        let Some(request) = self.requests.get(&handle) else { return not_live };
        let mut no = Refusals::default();
        no.may(self.may_be_forgotten(request.expires_at), not_live.clone());
        no.must(!request.state.is_open(), Answer::Decided(DecideOutcome::AlreadyDecided));
        let is_over = request.expires_at <= now || self.is_cut_off(Some(&request.client), None, request.begun_at);
        no.must(is_over, not_live.clone());
        if let RequestDecision::Approved { code, .. } = &decision {
            no.must(self.is_cut_off(Some(&code.client), Some(&code.subject), code.issued_at), not_live);
            self.ask_for_code(code, &mut no);
        }
        if let Some(answer) = no.answer(told) {
            return answer;
        }
        let state = match decision {
            RequestDecision::Approved { code, consent } => {
                self.keep_code(*code);
                if let Some(consent) = consent {
                    self.consents.retain(|other| other.key != consent.key);
                    self.consents.push(*consent);
                }
                RequestState::Approved
            }
            RequestDecision::Denied => RequestState::Denied,
        };
        if let Some(request) = self.requests.get_mut(&handle) {
            (request.state, request.subject, request.auth) = (state, Some(subject), auth);
        }
        Answer::Decided(DecideOutcome::Decided)
    }

    pub(super) fn issue_code(&mut self, code: CodeRecord, told: &Answer) -> Answer {
        self.pass(code.issued_at);
        let mut no = Refusals::default();
        let is_cut_off = self.is_cut_off(Some(&code.client), Some(&code.subject), code.issued_at);
        no.must(is_cut_off, Answer::CodeIssued(IssueCode::CutOff));
        self.ask_for_code(&code, &mut no);
        if let Some(answer) = no.answer(told) {
            return answer;
        }
        self.keep_code(code);
        Answer::CodeIssued(IssueCode::Issued)
    }

    pub(super) fn find_code(&mut self, digest: &TokenDigest, told: &Answer) -> Answer {
        let Some((code, known_until)) = self.codes.get(digest) else { return Answer::Code(None) };
        if *told == Answer::Code(None) && self.may_be_forgotten(*known_until) {
            self.codes.remove(digest);
            return Answer::Code(None);
        }
        let stands = !self.is_cut_off(Some(&code.client), Some(&code.subject), code.issued_at);
        Answer::Code(Some(FoundCode { code: code.clone(), standing: standing(stands) }))
    }

    pub(super) fn redeem(&mut self, redeem: RedeemCode, told: &Answer) -> Answer {
        let RedeemCode { code: digest, now, family, access_token, live_limit } = redeem;
        self.pass(now);
        let moved = Answer::Redeemed(RedeemOutcome::Moved);
        let mut no = Refusals::default();
        match self.codes.get(&digest) {
            None => no.must(true, moved.clone()),
            Some((code, known_until)) => {
                no.may(self.may_be_forgotten(*known_until), moved.clone());
                no.must(code.redeemed.is_some() || code.expires_at <= now, moved.clone());
                no.must(self.is_cut_off(Some(&code.client), Some(&code.subject), code.issued_at), moved.clone());
            }
        }
        no.must(self.is_cut_off(Some(&family.client), Some(&family.subject), family.issued_at), moved);
        self.ask_for_names(&family, &mut no);
        self.ask_for_digest(access_token.as_ref(), &mut no);
        if let Some(answer) = no.answer(told) {
            return answer;
        }
        let ended = self.make_room(&family, live_limit, now);
        if let Some((code, known_until)) = self.codes.get_mut(&digest) {
            code.redeemed = Some(Redeemed { at: now, family: family.id });
            *known_until = family.absolute_expires_at;
        }
        self.families.insert(family.id, family);
        self.store(access_token);
        Answer::Redeemed(RedeemOutcome::Redeemed { ended })
    }

    /// The consent with this key, unless it was withdrawn.
    pub(super) fn consent(&self, key: &ConsentKey) -> Option<&ConsentRecord> {
        self.consents.iter().find(|consent| consent.key == *key && self.is_given(consent))
    }

    pub(super) fn is_given(&self, consent: &ConsentRecord) -> bool {
        !self.is_cut_off(Some(&consent.key.client), Some(&consent.key.subject), consent.granted_at)
    }

    pub(super) fn list_grants(&self, list: &ListGrants) -> Answer {
        let ListGrants { subject, now, after, limit } = list;
        let mut clients: BTreeMap<ClientId, (Vec<FamilyRecord>, Vec<ConsentRecord>)> = BTreeMap::new();
        for family in self.families.values().filter(|family| family.subject == *subject) {
            if self.is_live(&family.id, *now) {
                clients.entry(family.client.clone()).or_default().0.push(family.clone());
            }
        }
        for consent in self.consents.iter().filter(|consent| consent.key.subject == *subject) {
            if self.is_given(consent) && *now < consent.expires_at {
                clients.entry(consent.key.client.clone()).or_default().1.push(consent.clone());
            }
        }
        let later = clients.into_iter().filter(|(client, _)| after.as_ref().is_none_or(|after| client > after));
        let page = later.take(*limit as usize).map(|(client, (mut families, consents))| {
            families.sort_by_key(|family| (family.issued_at, family.id));
            ClientGrants { client, families, consents }
        });
        Answer::Grants(page.collect())
    }

    /// Refuses a code whose digest is taken.
    fn ask_for_code(&self, code: &CodeRecord, no: &mut Refusals) {
        if let Some((_, known_until)) = self.codes.get(&code.digest) {
            if self.may_be_forgotten(*known_until) { no.may(true, TAKEN) } else { no.must(true, TAKEN) }
        }
    }

    fn keep_code(&mut self, code: CodeRecord) {
        let known_until = code.expires_at;
        self.codes.insert(code.digest, (code, known_until));
    }
}

const fn standing(stands: bool) -> Standing {
    if stands { Standing::Live } else { Standing::Revoked }
}
