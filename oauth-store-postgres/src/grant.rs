//! [`GrantStore`]: each method is one operation of `request`, `code`, `consent`, `family`, `refresh`, `access_token`,
//! `cutoff`, `strike` or `purge`.

use async_trait::async_trait;
use oauth_core::store::{
    AccessTokenRecord, BeginOutcome, BeginRequest, ClientGrants, CodeRecord, ConsentKey, ConsentRecord, Cutoff,
    DecideOutcome, DecideRequest, Extend, FamilyRecord, FoundAccessToken, FoundCode, FoundFamily, FoundRequest,
    GrantStore, InsertToken, IssueCode, ListGrants, Purged, RedeemCode, RedeemOutcome, Refreshed, Retry, RevokeFamily,
    RevokeToken, RevokedWhy, Rotate, Standing, StandingQuery, StartFamily, StartOutcome, StoreError, Strike,
};
use oauth_core::types::{ClientId, FamilyId, KeyedHash, Subject, Timestamp, TokenDigest};

use crate::{PostgresStore, access_token, code, consent, cutoff, family, purge, refresh, request, strike};

#[async_trait]
impl GrantStore for PostgresStore {
    async fn begin_request(&self, begin: BeginRequest) -> Result<BeginOutcome, StoreError> {
        self.write(begin, |session, begin| Box::pin(request::begin(session, begin))).await
    }

    async fn find_request(
        &self,
        handle: &TokenDigest,
        subject: Option<&Subject>,
    ) -> Result<Option<FoundRequest>, StoreError> {
        self.read((*handle, subject.cloned()), |session, asked| Box::pin(request::find(session, asked))).await
    }

    async fn decide_request(&self, decide: DecideRequest) -> Result<DecideOutcome, StoreError> {
        self.write(decide, |session, decide| Box::pin(request::decide(session, decide))).await
    }

    async fn issue_code(&self, code: CodeRecord) -> Result<IssueCode, StoreError> {
        self.write(code, |session, code| Box::pin(code::issue(session, code))).await
    }

    async fn find_code(&self, digest: &TokenDigest) -> Result<Option<FoundCode>, StoreError> {
        self.read(*digest, |session, digest| Box::pin(code::find(session, digest))).await
    }

    async fn redeem_code(&self, redeem: RedeemCode) -> Result<RedeemOutcome, StoreError> {
        let (subject, client) = (redeem.family.subject.clone(), redeem.family.client.clone());
        let holder = families_of(&subject, &client);
        self.write_locked(&holder, redeem, |session, redeem| Box::pin(code::redeem(session, redeem))).await
    }

    async fn find_consent(&self, key: &ConsentKey) -> Result<Option<ConsentRecord>, StoreError> {
        self.read(key.clone(), |session, key| Box::pin(consent::find(session, key))).await
    }

    async fn list_grants(&self, list: &ListGrants) -> Result<Vec<ClientGrants>, StoreError> {
        self.read(list.clone(), |session, list| Box::pin(consent::list_grants(session, list))).await
    }

    async fn start_family(&self, start: StartFamily) -> Result<StartOutcome, StoreError> {
        let (subject, client) = (start.family.subject.clone(), start.family.client.clone());
        let holder = families_of(&subject, &client);
        self.write_locked(&holder, start, |session, start| Box::pin(family::start(session, start))).await
    }

    async fn find_family(&self, id: &FamilyId) -> Result<Option<FamilyRecord>, StoreError> {
        self.read(*id, |session, id| Box::pin(family::find(session, id))).await
    }

    async fn find_by_handle(&self, handle: &[u8; 8]) -> Result<Option<FoundFamily>, StoreError> {
        self.read(*handle, |session, handle| Box::pin(family::find_by_handle(session, handle))).await
    }

    async fn rotate(&self, rotate: Rotate) -> Result<Refreshed, StoreError> {
        self.write(rotate, |session, rotate| Box::pin(refresh::rotate(session, rotate))).await
    }

    async fn retry(&self, retry: Retry) -> Result<Refreshed, StoreError> {
        self.write(retry, |session, retry| Box::pin(refresh::retry(session, retry))).await
    }

    async fn extend(&self, extend: Extend) -> Result<Refreshed, StoreError> {
        self.write(extend, |session, extend| Box::pin(refresh::extend(session, extend))).await
    }

    async fn revoke_family(&self, id: &FamilyId, why: RevokedWhy, at: Timestamp) -> Result<RevokeFamily, StoreError> {
        self.write((*id, why, at), |session, asked| Box::pin(family::revoke(session, asked))).await
    }

    async fn insert_access_token(&self, token: AccessTokenRecord) -> Result<InsertToken, StoreError> {
        self.write(token, |session, token| Box::pin(access_token::insert(session, token))).await
    }

    async fn find_access_token(&self, digest: &TokenDigest) -> Result<Option<FoundAccessToken>, StoreError> {
        self.read(*digest, |session, digest| Box::pin(access_token::find(session, digest))).await
    }

    async fn standing(&self, query: &StandingQuery) -> Result<Standing, StoreError> {
        self.read(query.clone(), |session, query| Box::pin(access_token::standing(session, query))).await
    }

    async fn revoke_token(&self, token: RevokeToken) -> Result<(), StoreError> {
        self.write(token, |session, token| Box::pin(access_token::revoke(session, token))).await
    }

    async fn cut_off(&self, cutoff: Cutoff) -> Result<(), StoreError> {
        self.write(cutoff, |session, cutoff| Box::pin(cutoff::raise(session, cutoff))).await
    }

    async fn add_strike(&self, strike: Strike) -> Result<u32, StoreError> {
        self.write(strike, |session, strike| Box::pin(strike::add(session, strike))).await
    }

    async fn clear_strikes(&self, account: &KeyedHash) -> Result<(), StoreError> {
        self.write(*account, |session, account| Box::pin(strike::clear(session, account))).await
    }

    async fn purge_expired(&self, before: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let mut plan = purge::Plan::of(limit);
        loop {
            let round = plan.round();
            if round.is_empty() {
                break;
            }
            for (kind, most) in round {
                let step = (kind, before, most);
                let rows = self.write(step, |session, step| Box::pin(purge::step(session, step))).await?;
                plan.removed(kind, most, rows);
            }
        }
        let more = self.read(before, |session, before| Box::pin(purge::more(session, before))).await?;
        Ok(plan.done(more))
    }

    async fn raise_clock_mark(&self, at: Timestamp) -> Result<Timestamp, StoreError> {
        if at == Timestamp::from_millis(i64::MIN) {
            return self.read((), |session, unit| Box::pin(purge::read_clock(session, unit))).await;
        }
        self.write(at, |session, at| Box::pin(purge::raise_clock(session, at))).await
    }

    /// Closes this store and its clones; other stores of the database, of other tenants or of this one, stay open. The
    /// connections close with [`Database::close`](crate::Database::close) or the last handle.
    async fn close(&self) {
        self.shut().await;
    }
}

/// The lock of whoever counts the live families of a subject and a client.
fn families_of<'a>(subject: &'a Subject, client: &'a ClientId) -> [&'a str; 3] {
    ["families", subject.as_str(), client.as_str()]
}
