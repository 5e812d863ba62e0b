//! What the faulty store gets wrong about grants.

use std::thread;

use async_trait::async_trait;
use oauth_core::store::{
    AccessTokenRecord, BeginOutcome, BeginRequest, ClientGrants, CodeRecord, ConsentKey, ConsentRecord, Cutoff,
    CutoffKey, DecideOutcome, DecideRequest, Extend, FamilyRecord, FoundAccessToken, FoundCode, FoundFamily,
    FoundRequest, GrantStore, InsertToken, IssueCode, ListGrants, Purged, RedeemCode, RedeemOutcome, Refreshed, Retry,
    RevokeFamily, RevokeToken, RevokedWhy, Rotate, Standing, StandingQuery, StartFamily, StartOutcome, StoreError,
    Strike,
};
use oauth_core::types::{ClientId, FamilyId, KeyedHash, Lifetime, Subject, Tenant, Timestamp, TokenDigest, TokenId};

use crate::faulty::{Fault, Faulty};
use crate::refresh::Use;

const fn shifted(at: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(at.millis().saturating_add(millis))
}

impl Faulty {
    fn token_id(&self, id: &TokenId) -> TokenId {
        if self.has(Fault::CaseIgnored) { TokenId::parse(&id.as_str().to_lowercase()).unwrap() } else { id.clone() }
    }

    fn cutoff_key(&self, key: &CutoffKey) -> CutoffKey {
        match key {
            CutoffKey::Client(client) => CutoffKey::Client(self.client_id(client)),
            CutoffKey::Everything => CutoffKey::Everything,
            CutoffKey::Grant { subject, client } => {
                CutoffKey::Grant { subject: self.subject(subject), client: self.client_id(client) }
            }
            CutoffKey::Subject(subject) => CutoffKey::Subject(self.subject(subject)),
        }
    }

    /// Whether the last cutoff written for the token's subject, client or everything covers it.
    fn last_cutoff_covers(&self, query: &StandingQuery) -> bool {
        let cutoffs = self.cutoffs.lock().unwrap();
        let (client, subject) = (query.client.clone(), query.subject.clone());
        let grant = subject.clone().zip(client.clone()).map(|(subject, client)| CutoffKey::Grant { subject, client });
        [Some(CutoffKey::Everything), client.map(CutoffKey::Client), subject.map(CutoffKey::Subject), grant]
            .into_iter()
            .flatten()
            .any(|key| cutoffs.get(&self.cutoff_key(&key)).is_some_and(|at| *at >= query.issued_at))
    }
}

#[async_trait]
impl GrantStore for Faulty {
    async fn begin_request(&self, begin: BeginRequest) -> Result<BeginOutcome, StoreError> {
        self.begin(begin).await
    }

    async fn find_request(
        &self,
        handle: &TokenDigest,
        subject: Option<&Subject>,
    ) -> Result<Option<FoundRequest>, StoreError> {
        self.found_request(handle, subject).await
    }

    async fn decide_request(&self, decide: DecideRequest) -> Result<DecideOutcome, StoreError> {
        self.decide(decide).await
    }

    async fn issue_code(&self, code: CodeRecord) -> Result<IssueCode, StoreError> {
        self.issue(code).await
    }

    async fn find_code(&self, digest: &TokenDigest) -> Result<Option<FoundCode>, StoreError> {
        self.found_code(digest).await
    }

    async fn redeem_code(&self, redeem: RedeemCode) -> Result<RedeemOutcome, StoreError> {
        self.redeem(redeem).await
    }

    async fn find_consent(&self, key: &ConsentKey) -> Result<Option<ConsentRecord>, StoreError> {
        self.found_consent(key).await
    }

    async fn list_grants(&self, list: &ListGrants) -> Result<Vec<ClientGrants>, StoreError> {
        self.listed(list).await
    }

    async fn start_family(&self, mut start: StartFamily) -> Result<StartOutcome, StoreError> {
        (self.losses.family)(&mut start.family);
        if let Some(outcome) = self.claim(&start).await? {
            return Ok(outcome);
        }
        self.handles.lock().unwrap().extend(start.family.refresh.as_ref().map(|state| state.handle));
        match self.fault {
            Fault::FamilyOutlivesItsEnd => {
                start.family.absolute_expires_at = shifted(start.family.absolute_expires_at, 1);
            }
            Fault::FirstTokenForgotten => start.access_token = None,
            Fault::HandleTakenTwice => {
                if let Some(state) = &mut start.family.refresh {
                    state.handle.copy_from_slice(&start.family.id.as_bytes()[8..]);
                }
            }
            Fault::LimitIgnored => start.live_limit = u32::MAX,
            Fault::StartInTwoSteps => {
                if let Some(token) = start.access_token.take() {
                    let _ = self.inner.insert_access_token(AccessTokenRecord { family: None, ..token }).await?;
                }
            }
            Fault::StartsFamilyBeforeToken => {
                if let Some(token) = start.access_token.take() {
                    let outcome = self.inner.start_family(start).await?;
                    let _ = self.inner.insert_access_token(token).await?;
                    return Ok(outcome);
                }
            }
            _ => {}
        }
        self.start(start).await
    }

    async fn find_family(&self, id: &FamilyId) -> Result<Option<FamilyRecord>, StoreError> {
        let mut family = self.shown(id).await?;
        if let Some(family) = &mut family {
            if let Some(last) = self.reasons.lock().unwrap().get(id).filter(|_| self.has(Fault::SecondReasonWins)) {
                family.revoked = Some(*last);
            }
            if let Some((_, why)) = family.revoked.as_mut().filter(|_| self.has(Fault::LimitWithoutReason)) {
                *why = RevokedWhy::Host;
            }
        }
        if self.has(Fault::PurgeForgetsEndedFamilies) && *self.purged.lock().unwrap() {
            return Ok(family.filter(|family| family.revoked.is_none()));
        }
        Ok(family)
    }

    async fn find_by_handle(&self, handle: &[u8; 8]) -> Result<Option<FoundFamily>, StoreError> {
        self.found_by_handle(handle).await
    }

    async fn rotate(&self, rotate: Rotate) -> Result<Refreshed, StoreError> {
        self.use_token(Use::Rotate(rotate)).await
    }

    async fn retry(&self, retry: Retry) -> Result<Refreshed, StoreError> {
        self.use_token(Use::Retry(retry)).await
    }

    async fn extend(&self, extend: Extend) -> Result<Refreshed, StoreError> {
        self.use_token(Use::Extend(extend)).await
    }

    async fn revoke_family(&self, id: &FamilyId, why: RevokedWhy, at: Timestamp) -> Result<RevokeFamily, StoreError> {
        if self.has(Fault::LooksBeforeItWrites) {
            let ended = self.inner.find_family(id).await?.is_some_and(|family| family.revoked.is_some());
            self.looked.wait();
            let _ = self.inner.revoke_family(id, why, at).await?;
            return Ok(if ended { RevokeFamily::AlreadyRevoked } else { RevokeFamily::Revoked });
        }
        self.reasons.lock().unwrap().insert(*id, (at, why));
        self.inner.revoke_family(id, why, at).await
    }

    async fn insert_access_token(&self, mut token: AccessTokenRecord) -> Result<InsertToken, StoreError> {
        (self.losses.token)(&mut token);
        let alone = AccessTokenRecord { family: None, ..token.clone() };
        match self.fault {
            Fault::InsertIgnoresFamily => match self.inner.insert_access_token(token).await? {
                InsertToken::NotLive => self.inner.insert_access_token(alone).await,
                InsertToken::Inserted => Ok(InsertToken::Inserted),
            },
            Fault::LooksBeforeItInserts => {
                let query = StandingQuery {
                    id: None,
                    family: token.family,
                    client: Some(token.principal.client().clone()),
                    subject: token.principal.subject().cloned(),
                    issued_at: token.issued_at,
                };
                if self.inner.standing(&query).await? == Standing::Revoked {
                    return Ok(InsertToken::NotLive);
                }
                while self.inner.standing(&query).await? == Standing::Live {
                    thread::yield_now(); // until the other side was acknowledged
                }
                self.inner
                    .insert_access_token(AccessTokenRecord { issued_at: shifted(alone.issued_at, 1), ..alone })
                    .await
            }
            Fault::TakenDigestIsFine => {
                Ok(self.inner.insert_access_token(token).await.unwrap_or(InsertToken::Inserted))
            }
            _ => self.inner.insert_access_token(token).await,
        }
    }

    async fn find_access_token(&self, digest: &TokenDigest) -> Result<Option<FoundAccessToken>, StoreError> {
        let mut found = self.inner.find_access_token(digest).await?;
        if let Some(found) = found.as_mut().filter(|_| self.has(Fault::FindIgnoresFamily)) {
            found.standing = Standing::Live;
        }
        Ok(found)
    }

    async fn standing(&self, query: &StandingQuery) -> Result<Standing, StoreError> {
        let by_own_cutoffs = self.has(Fault::CutoffMovesBack) || self.has(Fault::CaseIgnored);
        if by_own_cutoffs && self.last_cutoff_covers(query) {
            return Ok(Standing::Revoked);
        }
        let mut query = StandingQuery { id: query.id.as_ref().map(|id| self.token_id(id)), ..query.clone() };
        if let Some(id) = query.family.filter(|_| self.has(Fault::UnknownFamilyIsLive)) {
            query.family = self.inner.find_family(&id).await?.map(|family| family.id);
        }
        self.inner.standing(&query).await
    }

    async fn revoke_token(&self, token: RevokeToken) -> Result<(), StoreError> {
        match token {
            RevokeToken::Opaque { .. } if self.has(Fault::OpaqueTokensStayLive) => Ok(()),
            RevokeToken::Opaque { digest } if self.has(Fault::TokenTakesItsFamily) => {
                if let Some(id) = self.inner.find_access_token(&digest).await?.and_then(|found| found.token.family) {
                    let _ = self.inner.revoke_family(&id, RevokedWhy::Client, Timestamp::MAX).await?;
                }
                Ok(())
            }
            RevokeToken::Jwt { id, expires_at } => {
                let last = Timestamp::from_seconds(u32::MAX.into());
                let expires_at = if self.has(Fault::TombstoneEndsIn2106) { expires_at.min(last) } else { expires_at };
                self.inner.revoke_token(RevokeToken::Jwt { id: self.token_id(&id), expires_at }).await
            }
            token => self.inner.revoke_token(token).await,
        }
    }

    async fn cut_off(&self, Cutoff { key, at }: Cutoff) -> Result<(), StoreError> {
        self.cutoffs.lock().unwrap().insert(self.cutoff_key(&key), at);
        match self.fault {
            Fault::CutoffMovesBack => Ok(()),
            Fault::GrantCutoffTakesAll => {
                let key = match key {
                    CutoffKey::Grant { subject, .. } => CutoffKey::Subject(subject),
                    key => key,
                };
                self.inner.cut_off(Cutoff { key, at }).await
            }
            Fault::CutoffExcludesItsTime => self.inner.cut_off(Cutoff { key, at: shifted(at, -1) }).await,
            Fault::CutoffKindsMixed => {
                let twin = match &key {
                    CutoffKey::Client(client) => Subject::parse(client.as_str()).ok().map(CutoffKey::Subject),
                    CutoffKey::Everything | CutoffKey::Grant { .. } => None,
                    CutoffKey::Subject(subject) => ClientId::parse(subject.as_str()).ok().map(CutoffKey::Client),
                };
                if let Some(key) = twin {
                    self.inner.cut_off(Cutoff { key, at }).await?;
                }
                self.inner.cut_off(Cutoff { key, at }).await
            }
            _ => self.inner.cut_off(Cutoff { key, at }).await,
        }
    }

    async fn add_strike(&self, strike: Strike) -> Result<u32, StoreError> {
        self.strike(strike).await
    }

    async fn clear_strikes(&self, account: &KeyedHash) -> Result<(), StoreError> {
        self.forget_strikes(account).await
    }

    async fn purge_expired(&self, before: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        *self.purged.lock().unwrap() = true;
        {
            let mut purged_before = self.purged_before.lock().unwrap();
            *purged_before = before.max(*purged_before);
        }
        let Purged { rows, more } = match self.fault {
            Fault::PurgeIgnoresLimit => self.inner.purge_expired(before, u32::MAX).await?,
            Fault::PurgeTooWide => self.inner.purge_expired(before.plus(Lifetime::SECOND), limit).await?,
            _ => self.inner.purge_expired(before, limit).await?,
        };
        self.forget_purged().await?;
        let (windows, more_windows) = self.purge_windows(before, limit.saturating_sub(rows));
        Ok(Purged { rows: rows + windows, more: more || more_windows })
    }

    async fn raise_clock_mark(&self, at: Timestamp) -> Result<Timestamp, StoreError> {
        let mark = self.inner.raise_clock_mark(at).await?;
        Ok(if self.has(Fault::ClockMarkFalls) && at.millis() != i64::MIN { at } else { mark })
    }

    async fn close(&self) {
        if self.has(Fault::CloseReachesOtherTenants) {
            for tenant in ["default", "other"] {
                self.inner.for_tenant(Tenant::parse(tenant).unwrap()).close().await;
            }
        } else if !self.has(Fault::CloseIsIgnored) {
            self.inner.close().await;
        }
    }
}
