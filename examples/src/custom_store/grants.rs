//! The methods of the grant store, each one step. What each step asks and changes stands in the files that it names.

use async_trait::async_trait;
use oauth_core::store::{
    AccessTokenRecord, BeginOutcome, BeginRequest, ClientGrants, CodeRecord, ConsentKey, ConsentRecord, Cutoff,
    DecideOutcome, DecideRequest, Extend, FamilyRecord, FoundAccessToken, FoundCode, FoundFamily, FoundRequest,
    GrantStore, InsertToken, IssueCode, ListGrants, Purged, RedeemCode, RedeemOutcome, Refreshed, Retry, RevokeFamily,
    RevokeToken, RevokedWhy, Rotate, Standing, StandingQuery, StartFamily, StartOutcome, StoreError, Strike,
};
use oauth_core::types::{FamilyId, KeyedHash, Subject, Timestamp, TokenDigest};

use super::CustomStore;

#[async_trait]
impl GrantStore for CustomStore {
    async fn begin_request(&self, begin: BeginRequest) -> Result<BeginOutcome, StoreError> {
        self.step(|tables| tables.begin_request(begin))?
    }

    async fn find_request(
        &self,
        handle: &TokenDigest,
        subject: Option<&Subject>,
    ) -> Result<Option<FoundRequest>, StoreError> {
        self.step(|tables| tables.find_request(handle, subject))
    }

    async fn decide_request(&self, decide: DecideRequest) -> Result<DecideOutcome, StoreError> {
        self.step(|tables| tables.decide_request(decide))?
    }

    async fn issue_code(&self, code: CodeRecord) -> Result<IssueCode, StoreError> {
        self.step(|tables| tables.issue_code(code))?
    }

    async fn find_code(&self, digest: &TokenDigest) -> Result<Option<FoundCode>, StoreError> {
        self.step(|tables| tables.find_code(digest))
    }

    async fn redeem_code(&self, redeem: RedeemCode) -> Result<RedeemOutcome, StoreError> {
        self.step(|tables| tables.redeem_code(redeem))?
    }

    async fn find_consent(&self, key: &ConsentKey) -> Result<Option<ConsentRecord>, StoreError> {
        self.step(|tables| tables.find_consent(key).cloned())
    }

    async fn list_grants(&self, list: &ListGrants) -> Result<Vec<ClientGrants>, StoreError> {
        self.step(|tables| tables.list_grants(list))
    }

    async fn start_family(&self, start: StartFamily) -> Result<StartOutcome, StoreError> {
        self.step(|tables| tables.start_family(start))?
    }

    async fn find_family(&self, id: &FamilyId) -> Result<Option<FamilyRecord>, StoreError> {
        self.step(|tables| tables.families.get(id).cloned())
    }

    async fn find_by_handle(&self, handle: &[u8; 8]) -> Result<Option<FoundFamily>, StoreError> {
        self.step(|tables| tables.find_by_handle(handle))
    }

    async fn rotate(&self, rotate: Rotate) -> Result<Refreshed, StoreError> {
        self.step(|tables| tables.rotate(rotate))?
    }

    async fn retry(&self, retry: Retry) -> Result<Refreshed, StoreError> {
        self.step(|tables| tables.retry(retry))?
    }

    async fn extend(&self, extend: Extend) -> Result<Refreshed, StoreError> {
        self.step(|tables| tables.extend(extend))?
    }

    async fn revoke_family(&self, id: &FamilyId, why: RevokedWhy, at: Timestamp) -> Result<RevokeFamily, StoreError> {
        self.step(|tables| tables.revoke_family(id, why, at))
    }

    async fn insert_access_token(&self, token: AccessTokenRecord) -> Result<InsertToken, StoreError> {
        self.step(|tables| tables.insert_access_token(token))?
    }

    async fn find_access_token(&self, digest: &TokenDigest) -> Result<Option<FoundAccessToken>, StoreError> {
        self.step(|tables| tables.find_access_token(digest))
    }

    async fn standing(&self, query: &StandingQuery) -> Result<Standing, StoreError> {
        self.step(|tables| tables.standing(query))
    }

    async fn revoke_token(&self, token: RevokeToken) -> Result<(), StoreError> {
        self.step(|tables| tables.revoke_token(token))
    }

    async fn cut_off(&self, cutoff: Cutoff) -> Result<(), StoreError> {
        self.step(|tables| tables.cut_off(cutoff))
    }

    async fn add_strike(&self, strike: Strike) -> Result<u32, StoreError> {
        self.step(|tables| tables.add_strike(&strike))
    }

    async fn clear_strikes(&self, account: &KeyedHash) -> Result<(), StoreError> {
        self.step(|tables| drop(tables.strikes.remove(account)))
    }

    async fn purge_expired(&self, before: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.step(|tables| tables.purge_expired(before, limit))
    }

    async fn raise_clock_mark(&self, at: Timestamp) -> Result<Timestamp, StoreError> {
        self.step(|tables| *tables.clock_mark.insert(tables.clock_mark.map_or(at, |mark| mark.max(at))))
    }

    async fn close(&self) {
        self.close_tenant();
    }
}
