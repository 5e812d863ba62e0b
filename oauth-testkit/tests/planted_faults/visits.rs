//! What the faulty store gets wrong about requests, codes and consent, and about families that start while others do.

use std::thread;

use oauth_core::store::{
    AccessTokenRecord, AuthorizationRequestRecord, BeginOutcome, BeginRequest, ClientGrants, CodeRecord, ConsentKey,
    ConsentRecord, DecideOutcome, DecideRequest, FamilyRecord, FoundCode, FoundRequest, GrantStore, IssueCode,
    ListGrants, RedeemCode, RedeemOutcome, RequestDecision, RequestState, RevokedWhy, Standing, StandingQuery,
    StartFamily, StartOutcome, StoreError,
};
use oauth_core::types::{FamilyId, Subject, Timestamp, TokenDigest};

use crate::faulty::{Fault, Faulty};

const REDEEMED: RedeemOutcome = RedeemOutcome::Redeemed { ended: 0 };

impl Faulty {
    pub(crate) async fn begin(&self, mut begin: BeginRequest) -> Result<BeginOutcome, StoreError> {
        (self.losses.request)(&mut begin.request);
        begin.request.client = self.client_id(&begin.request.client);
        match self.fault {
            Fault::BeginOverwrites => {
                self.requests.lock().unwrap().insert(begin.request.handle, begin.request.clone());
                return Ok(self.inner.begin_request(begin).await.unwrap_or(BeginOutcome::Begun));
            }
            Fault::LimitsCountDecided => {
                let mut begun = self.begun.lock().unwrap();
                let of_client = begun.iter().filter(|client| **client == begin.request.client).count();
                if of_client >= begin.client_limit as usize {
                    return Ok(BeginOutcome::TooMany);
                }
                begun.push(begin.request.client.clone());
            }
            Fault::LimitsCountExpired => begin.request.begun_at = Timestamp::from_millis(i64::MIN),
            Fault::RequestsStay => {
                self.requests.lock().unwrap().insert(begin.request.handle, begin.request.clone());
            }
            Fault::LimitsPassByOne => begin.client_limit = begin.client_limit.saturating_add(1),
            _ => {}
        }
        self.inner.begin_request(begin).await
    }

    pub(crate) async fn found_request(
        &self,
        handle: &TokenDigest,
        subject: Option<&Subject>,
    ) -> Result<Option<FoundRequest>, StoreError> {
        let shown = self.requests.lock().unwrap().get(handle).cloned();
        let Some(mut found) = self.inner.find_request(handle, subject).await? else {
            let stays = |request| FoundRequest { request, standing: Standing::Live, consent: None };
            return Ok(shown.map(stays));
        };
        if let Some(shown) = shown.filter(|_| !self.has(Fault::RequestsStay)) {
            found.request = shown;
        }
        match self.fault {
            Fault::DecisionForgetsWho => (found.request.subject, found.request.auth) = (None, None),
            Fault::RequestStandingIsLive => found.standing = Standing::Live,
            _ => {}
        }
        Ok(Some(found))
    }

    pub(crate) async fn decide(&self, mut decide: DecideRequest) -> Result<DecideOutcome, StoreError> {
        if let RequestDecision::Approved { code, consent } = &mut decide.decision {
            (self.losses.code)(code);
            if let Some(consent) = consent {
                (self.losses.consent)(consent);
            }
            if self.has(Fault::FirstConsentStays)
                && let Some(given) = consent.clone()
            {
                let before = self.inner.find_consent(&given.key).await?;
                *consent = Some(before.map_or(given, Box::new));
            }
        }
        let open = self.inner.find_request(&decide.handle, None).await?.map(|found| found.request);
        let is_open = open.as_ref().is_some_and(|request| request.state.is_open());
        match self.fault {
            Fault::DecisionIgnoresEnd => {
                if let Some(request) = &open {
                    decide.now = decide.now.min(Timestamp::from_millis(request.expires_at.millis() - 1));
                }
            }
            Fault::DecisionMarksFirst if is_open => {
                let taken = match &decide.decision {
                    RequestDecision::Approved { code, .. } => self.inner.find_code(&code.digest).await?.is_some(),
                    RequestDecision::Denied => false,
                };
                if taken {
                    let denial = DecideRequest { decision: RequestDecision::Denied, ..decide.clone() };
                    let _ = self.inner.decide_request(denial).await?;
                    return Err(StoreError::unavailable("the digest is taken"));
                }
            }
            Fault::LooksBeforeItWrites => {
                self.looked.wait();
                let _ = self.inner.decide_request(decide).await?;
                return Ok(if is_open { DecideOutcome::Decided } else { DecideOutcome::AlreadyDecided });
            }
            _ => {}
        }
        let outcome = self.inner.decide_request(decide.clone()).await?;
        if let (DecideOutcome::Decided, RequestDecision::Approved { consent: Some(consent), .. }) =
            (outcome, &decide.decision)
        {
            self.consents.lock().unwrap().push((**consent).clone());
        }
        match (outcome, self.fault, open) {
            (DecideOutcome::AlreadyDecided, Fault::DecidedTwice, Some(request))
            | (DecideOutcome::NotLive, Fault::DecisionIgnoresCutoff, Some(request)) => {
                self.decide_again(decide, request).await?;
                Ok(DecideOutcome::Decided)
            }
            (outcome, ..) => Ok(outcome),
        }
    }

    async fn decide_again(&self, decide: DecideRequest, request: AuthorizationRequestRecord) -> Result<(), StoreError> {
        let DecideRequest { handle, subject, auth, decision, .. } = decide;
        let state = match decision {
            RequestDecision::Approved { code, .. } => {
                let _ = self.inner.issue_code(*code).await;
                RequestState::Approved
            }
            RequestDecision::Denied => RequestState::Denied,
        };
        let shown = AuthorizationRequestRecord { state, subject: Some(subject), auth, ..request };
        self.requests.lock().unwrap().insert(handle, shown);
        Ok(())
    }

    pub(crate) async fn issue(&self, mut code: CodeRecord) -> Result<IssueCode, StoreError> {
        (self.losses.code)(&mut code);
        match self.fault {
            Fault::IssueIgnoresCutoff => {
                let _ = self.inner.issue_code(code).await?;
                Ok(IssueCode::Issued)
            }
            Fault::CodesStay => {
                self.codes.lock().unwrap().insert(code.digest, code.clone());
                self.inner.issue_code(code).await
            }
            Fault::TakenCodeIsFine => Ok(self.inner.issue_code(code).await.unwrap_or(IssueCode::Issued)),
            _ => self.inner.issue_code(code).await,
        }
    }

    pub(crate) async fn found_code(&self, digest: &TokenDigest) -> Result<Option<FoundCode>, StoreError> {
        let Some(mut found) = self.inner.find_code(digest).await? else {
            let kept = self.codes.lock().unwrap().get(digest).cloned();
            return Ok(kept.map(|code| FoundCode { code, standing: Standing::Live }));
        };
        match self.fault {
            Fault::ConsumedIsRevoked if found.code.redeemed.is_some() => found.standing = Standing::Revoked,
            Fault::PurgeForgetsRedeemed if found.code.expires_at < *self.purged_before.lock().unwrap() => {
                return Ok(None);
            }
            _ => {}
        }
        Ok(Some(found))
    }

    pub(crate) async fn redeem(&self, mut redeem: RedeemCode) -> Result<RedeemOutcome, StoreError> {
        let found = self.inner.find_code(&redeem.code).await?;
        let Some(FoundCode { code, standing }) = found else { return self.inner.redeem_code(redeem).await };
        let is_redeemed = code.redeemed.is_some();
        match self.fault {
            Fault::LooksBeforeItRedeems => {
                if standing == Standing::Revoked || is_redeemed {
                    return Ok(RedeemOutcome::Moved);
                }
                while self.inner.find_code(&redeem.code).await?.is_some_and(|found| found.standing == Standing::Live) {
                    thread::yield_now(); // until the other side was acknowledged
                }
                self.start_late(&redeem).await?;
                return Ok(REDEEMED);
            }
            Fault::LooksBeforeItWrites => {
                self.looked.wait();
                let outcome = self.inner.redeem_code(redeem).await?;
                return Ok(if is_redeemed { outcome } else { REDEEMED });
            }
            Fault::RedeemBurnsFirst => {
                let outcome = self.inner.redeem_code(redeem.clone()).await;
                if outcome.is_err() {
                    // For a family that nobody asked for.
                    let mut id = *redeem.family.id.as_bytes();
                    id[0] ^= 1;
                    redeem.family = FamilyRecord { id: FamilyId::from_bytes(id), refresh: None, ..redeem.family };
                    (redeem.access_token, redeem.live_limit) = (None, u32::MAX);
                    let _ = self.inner.redeem_code(redeem).await?;
                }
                return outcome;
            }
            Fault::RedeemIgnoresEnd => {
                redeem.now = redeem.now.min(Timestamp::from_millis(code.expires_at.millis() - 1));
            }
            Fault::RedeemIgnoresLimit => redeem.live_limit = u32::MAX,
            _ => {}
        }
        let outcome = self.inner.redeem_code(redeem.clone()).await?;
        let overlooked = outcome == RedeemOutcome::Moved
            && match self.fault {
                Fault::RedeemIgnoresCutoff => !is_redeemed && standing == Standing::Revoked,
                Fault::RedeemIgnoresFamily => !is_redeemed && standing == Standing::Live,
                Fault::RedeemedTwice => is_redeemed,
                _ => false,
            };
        if overlooked {
            self.start_late(&redeem).await?;
            return Ok(REDEEMED);
        }
        Ok(outcome)
    }

    /// Starts the family of a redemption with its token where no cutoff covers them.
    async fn start_late(&self, redeem: &RedeemCode) -> Result<(), StoreError> {
        let issued_at = Timestamp::from_millis(redeem.family.issued_at.millis() + 1);
        let family = FamilyRecord { issued_at, ..redeem.family.clone() };
        let access_token = redeem.access_token.clone();
        let access_token =
            access_token.map(|token| AccessTokenRecord { issued_at: token.issued_at.max(issued_at), ..token });
        let start = StartFamily { family, access_token, live_limit: u32::MAX, claim: None };
        let _ = self.inner.start_family(start).await?;
        Ok(())
    }

    pub(crate) async fn found_consent(&self, key: &ConsentKey) -> Result<Option<ConsentRecord>, StoreError> {
        let remembered = |is_meant: &dyn Fn(&ConsentRecord) -> bool| {
            let consents = self.consents.lock().unwrap();
            consents.iter().rev().find(|consent| is_meant(consent)).cloned()
        };
        match self.fault {
            Fault::ConsentsStay => Ok(remembered(&|consent| consent.key == *key)),
            Fault::ConsentsOfEveryUse => Ok(remembered(&|consent| {
                let (given, asked) = (&consent.key, key);
                given.subject == asked.subject && given.client == asked.client && given.resource == asked.resource
            })),
            _ => self.inner.find_consent(key).await,
        }
    }

    pub(crate) async fn listed(&self, list: &ListGrants) -> Result<Vec<ClientGrants>, StoreError> {
        let mut list = list.clone();
        if self.has(Fault::ListShowsTheDead) {
            list.now = Timestamp::from_millis(i64::MIN);
        }
        let mut page = self.inner.list_grants(&list).await?;
        if self.has(Fault::ListForgetsOrder) {
            page.iter_mut().for_each(|of_client| of_client.families.sort_by_key(|family| family.id));
        }
        Ok(page)
    }

    pub(crate) async fn start(&self, start: StartFamily) -> Result<StartOutcome, StoreError> {
        match self.fault {
            Fault::LooksBeforeItMakesRoom => self.make_room_first(start).await,
            Fault::LooksBeforeItStarts => self.look_and_start(start).await,
            _ => self.inner.start_family(start).await,
        }
    }

    /// Ends those that were there when it looked, and starts when all who start at once have looked.
    async fn make_room_first(&self, start: StartFamily) -> Result<StartOutcome, StoreError> {
        let (client, now) = (start.family.client.clone(), start.family.issued_at);
        let list = ListGrants { subject: start.family.subject.clone(), now, after: None, limit: u32::MAX };
        let mut live = self.inner.list_grants(&list).await?;
        live.retain(|grants| grants.client == client);
        self.few.wait();
        let families: Vec<_> = live.into_iter().flat_map(|grants| grants.families).collect();
        let too_many = families.len().saturating_sub(start.live_limit.saturating_sub(1) as usize);
        for family in families.iter().take(too_many) {
            let _ = self.inner.revoke_family(&family.id, RevokedWhy::Limit, now).await?;
        }
        self.inner.start_family(StartFamily { live_limit: u32::MAX, ..start }).await
    }

    /// Starts a family that was not covered when it looked.
    async fn look_and_start(&self, start: StartFamily) -> Result<StartOutcome, StoreError> {
        let FamilyRecord { subject, client, issued_at, .. } = &start.family;
        let query = StandingQuery {
            id: None,
            family: None,
            client: Some(client.clone()),
            subject: Some(subject.clone()),
            issued_at: *issued_at,
        };
        if self.inner.standing(&query).await? == Standing::Revoked {
            return Ok(StartOutcome::CutOff);
        }
        while self.inner.standing(&query).await? == Standing::Live {
            thread::yield_now(); // until the other side was acknowledged
        }
        let issued_at = Timestamp::from_millis(issued_at.millis() + 1);
        let family = FamilyRecord { issued_at, ..start.family };
        self.inner.start_family(StartFamily { family, ..start }).await
    }
}
