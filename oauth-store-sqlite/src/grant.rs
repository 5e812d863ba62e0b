//! [`GrantStore`]: each method is one operation of `authorization_request`, `code`, `consent`, `family`, `refresh`,
//! `access_token`, `cutoff`, `strike` or `purge`.

use async_trait::async_trait;
use oauth_core::store::{
    AccessTokenRecord, BeginOutcome, BeginRequest, ClientGrants, CodeRecord, ConsentKey, ConsentRecord, Cutoff,
    DecideOutcome, DecideRequest, Extend, FamilyRecord, FoundAccessToken, FoundCode, FoundFamily, FoundRequest,
    GrantStore, InsertToken, IssueCode, ListGrants, Purged, RedeemCode, RedeemOutcome, Refreshed, Retry, RevokeFamily,
    RevokeToken, RevokedWhy, Rotate, Standing, StandingQuery, StartFamily, StartOutcome, StoreError, Strike,
};
use oauth_core::types::{FamilyId, KeyedHash, Subject, Timestamp, TokenDigest};
use rusqlite::Connection;

use crate::{SqliteStore, access_token, authorization_request, code, consent, cutoff, family, purge, refresh, strike};

#[async_trait]
impl GrantStore for SqliteStore {
    async fn begin_request(&self, begin: BeginRequest) -> Result<BeginOutcome, StoreError> {
        let (now, limit) = (begin.request.begun_at, begin.tenant_limit);
        let has_room = move |connection: &Connection, tenant: &str| {
            authorization_request::has_room(connection, tenant, now, limit)
        };
        if !self.read(has_room).await? {
            return Ok(BeginOutcome::TooMany);
        }
        self.write(move |connection, tenant| authorization_request::begin(connection, tenant, &begin)).await
    }

    async fn find_request(
        &self,
        handle: &TokenDigest,
        subject: Option<&Subject>,
    ) -> Result<Option<FoundRequest>, StoreError> {
        let (handle, subject) = (*handle, subject.cloned());
        self.read(move |connection, tenant| authorization_request::find(connection, tenant, &handle, subject.as_ref()))
            .await
    }

    async fn decide_request(&self, decide: DecideRequest) -> Result<DecideOutcome, StoreError> {
        self.write(move |connection, tenant| authorization_request::decide(connection, tenant, &decide)).await
    }

    async fn issue_code(&self, code: CodeRecord) -> Result<IssueCode, StoreError> {
        self.write(move |connection, tenant| code::issue(connection, tenant, &code)).await
    }

    async fn find_code(&self, digest: &TokenDigest) -> Result<Option<FoundCode>, StoreError> {
        let digest = *digest;
        self.read(move |connection, tenant| code::find(connection, tenant, &digest)).await
    }

    async fn redeem_code(&self, redeem: RedeemCode) -> Result<RedeemOutcome, StoreError> {
        self.write(move |connection, tenant| code::redeem(connection, tenant, &redeem)).await
    }

    async fn find_consent(&self, key: &ConsentKey) -> Result<Option<ConsentRecord>, StoreError> {
        let key = key.clone();
        self.read(move |connection, tenant| consent::find(connection, tenant, &key)).await
    }

    async fn list_grants(&self, list: &ListGrants) -> Result<Vec<ClientGrants>, StoreError> {
        let list = list.clone();
        self.read(move |connection, tenant| consent::list_grants(connection, tenant, &list)).await
    }

    async fn start_family(&self, start: StartFamily) -> Result<StartOutcome, StoreError> {
        self.write(move |connection, tenant| family::start(connection, tenant, &start)).await
    }

    async fn find_family(&self, id: &FamilyId) -> Result<Option<FamilyRecord>, StoreError> {
        let id = *id;
        self.read(move |connection, tenant| family::find(connection, tenant, &id)).await
    }

    async fn find_by_handle(&self, handle: &[u8; 8]) -> Result<Option<FoundFamily>, StoreError> {
        let handle = *handle;
        self.read(move |connection, tenant| family::find_by_handle(connection, tenant, &handle)).await
    }

    async fn rotate(&self, rotate: Rotate) -> Result<Refreshed, StoreError> {
        self.write(move |connection, tenant| refresh::rotate(connection, tenant, &rotate)).await
    }

    async fn retry(&self, retry: Retry) -> Result<Refreshed, StoreError> {
        self.write(move |connection, tenant| refresh::retry(connection, tenant, &retry)).await
    }

    async fn extend(&self, extend: Extend) -> Result<Refreshed, StoreError> {
        self.write(move |connection, tenant| refresh::extend(connection, tenant, &extend)).await
    }

    async fn revoke_family(&self, id: &FamilyId, why: RevokedWhy, at: Timestamp) -> Result<RevokeFamily, StoreError> {
        let id = *id;
        self.write(move |connection, tenant| family::revoke(connection, tenant, &id, why, at)).await
    }

    async fn insert_access_token(&self, token: AccessTokenRecord) -> Result<InsertToken, StoreError> {
        self.write(move |connection, tenant| access_token::insert(connection, tenant, &token)).await
    }

    async fn find_access_token(&self, digest: &TokenDigest) -> Result<Option<FoundAccessToken>, StoreError> {
        let digest = *digest;
        self.read(move |connection, tenant| access_token::find(connection, tenant, &digest)).await
    }

    async fn standing(&self, query: &StandingQuery) -> Result<Standing, StoreError> {
        let query = query.clone();
        self.read(move |connection, tenant| access_token::standing(connection, tenant, &query)).await
    }

    async fn revoke_token(&self, token: RevokeToken) -> Result<(), StoreError> {
        self.write(move |connection, tenant| access_token::revoke(connection, tenant, &token)).await
    }

    async fn cut_off(&self, cutoff: Cutoff) -> Result<(), StoreError> {
        self.write(move |connection, tenant| cutoff::raise(connection, tenant, &cutoff)).await
    }

    async fn add_strike(&self, strike: Strike) -> Result<u32, StoreError> {
        self.write(move |connection, tenant| strike::add(connection, tenant, &strike)).await
    }

    async fn clear_strikes(&self, account: &KeyedHash) -> Result<(), StoreError> {
        let account = *account;
        self.write(move |connection, tenant| strike::clear(connection, tenant, &account)).await
    }

    async fn purge_expired(&self, before: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let mut rows = 0;
        loop {
            let most = purge::STEP.min(limit - rows);
            let step = self.write(move |connection, tenant| purge::step(connection, tenant, before, most)).await?;
            rows += step.rows;
            if !step.more || rows >= limit {
                return Ok(Purged { rows, more: step.more });
            }
        }
    }

    async fn raise_clock_mark(&self, at: Timestamp) -> Result<Timestamp, StoreError> {
        if at == Timestamp::from_millis(i64::MIN) {
            return self.read(purge::read_clock).await;
        }
        self.write(move |connection, tenant| purge::raise_clock(connection, tenant, at)).await
    }

    /// Closes this store and its clones; other stores of the database, of other tenants or of this one, stay open. A
    /// file that was opened by [`SqliteStore::open`] is let go with the last of them, one that was opened by
    /// [`Database::open`](crate::Database::open) by [`Database::close`](crate::Database::close).
    async fn close(&self) {
        self.shut().await;
    }
}
