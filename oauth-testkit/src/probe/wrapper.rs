//! Every method of every trait, written out, so that a trait that grows stops the probe from compiling.
#![deny(clippy::missing_trait_methods)]

use std::sync::Arc;

use async_trait::async_trait;
use oauth_core::store::{
    AccessTokenRecord, BeginOutcome, BeginRequest, Client, ClientGrants, ClientRegistry, ClientStore, CodeRecord,
    ConsentKey, ConsentRecord, Cutoff, DecideOutcome, DecideRequest, Deregister, Extend, FamilyRecord,
    FoundAccessToken, FoundCode, FoundFamily, FoundRequest, GrantStore, InsertKey, InsertToken, IssueCode, KeyRecord,
    KeyStore, KeyTransition, ListGrants, PasswordHash, Purged, RedeemCode, RedeemOutcome, Refreshed, Register, Rehash,
    Retry, RevokeFamily, RevokeToken, RevokedWhy, Rotate, Standing, StandingQuery, StartFamily, StartOutcome,
    StoreError, Strike, Transition, UpdateClient, User, UserStore,
};
use oauth_core::types::{ClientId, FamilyId, KeyedHash, Subject, Timestamp, TokenDigest};

use super::{Method, Probe};

#[async_trait]
impl<S: ClientStore> ClientStore for Probe<S> {
    async fn find(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        self.pass(Method::Find, self.inner.find(id)).await
    }
}

#[async_trait]
impl<S: ClientRegistry> ClientRegistry for Probe<S> {
    async fn register(&self, client: Client) -> Result<Register, StoreError> {
        self.pass(Method::Register, self.inner.register(client)).await
    }

    async fn update(&self, client: Client, expected: u64) -> Result<UpdateClient, StoreError> {
        self.pass(Method::Update, self.inner.update(client, expected)).await
    }

    async fn page(&self, after: Option<&ClientId>, limit: u32) -> Result<Vec<Arc<Client>>, StoreError> {
        self.pass(Method::Page, self.inner.page(after, limit)).await
    }

    async fn deregister(&self, id: &ClientId) -> Result<Deregister, StoreError> {
        self.pass(Method::Deregister, self.inner.deregister(id)).await
    }
}

#[async_trait]
impl<S: UserStore> UserStore for Probe<S> {
    async fn find_by_login(&self, login: &str) -> Result<Option<User>, StoreError> {
        self.pass(Method::FindByLogin, self.inner.find_by_login(login)).await
    }

    async fn find_by_subject(&self, subject: &Subject) -> Result<Option<User>, StoreError> {
        self.pass(Method::FindBySubject, self.inner.find_by_subject(subject)).await
    }

    async fn rehash(&self, subject: &Subject, old: &PasswordHash, new: PasswordHash) -> Result<Rehash, StoreError> {
        self.pass(Method::Rehash, self.inner.rehash(subject, old, new)).await
    }
}

#[async_trait]
impl<S: KeyStore> KeyStore for Probe<S> {
    async fn load(&self, issuer: &str) -> Result<Vec<KeyRecord>, StoreError> {
        self.pass(Method::LoadKeys, self.inner.load(issuer)).await
    }

    async fn insert(&self, key: KeyRecord) -> Result<InsertKey, StoreError> {
        self.pass(Method::InsertKey, self.inner.insert(key)).await
    }

    async fn transition(&self, issuer: &str, steps: &[KeyTransition]) -> Result<Transition, StoreError> {
        self.pass(Method::TransitionKeys, self.inner.transition(issuer, steps)).await
    }
}

#[async_trait]
impl<S: GrantStore> GrantStore for Probe<S> {
    async fn begin_request(&self, begin: BeginRequest) -> Result<BeginOutcome, StoreError> {
        self.pass(Method::BeginRequest, self.inner.begin_request(begin)).await
    }

    async fn find_request(
        &self,
        handle: &TokenDigest,
        subject: Option<&Subject>,
    ) -> Result<Option<FoundRequest>, StoreError> {
        self.pass(Method::FindRequest, self.inner.find_request(handle, subject)).await
    }

    async fn decide_request(&self, decide: DecideRequest) -> Result<DecideOutcome, StoreError> {
        self.pass(Method::DecideRequest, self.inner.decide_request(decide)).await
    }

    async fn issue_code(&self, code: CodeRecord) -> Result<IssueCode, StoreError> {
        self.pass(Method::IssueCode, self.inner.issue_code(code)).await
    }

    async fn find_code(&self, digest: &TokenDigest) -> Result<Option<FoundCode>, StoreError> {
        self.pass(Method::FindCode, self.inner.find_code(digest)).await
    }

    async fn redeem_code(&self, redeem: RedeemCode) -> Result<RedeemOutcome, StoreError> {
        self.pass(Method::RedeemCode, self.inner.redeem_code(redeem)).await
    }

    async fn find_consent(&self, key: &ConsentKey) -> Result<Option<ConsentRecord>, StoreError> {
        self.pass(Method::FindConsent, self.inner.find_consent(key)).await
    }

    async fn list_grants(&self, list: &ListGrants) -> Result<Vec<ClientGrants>, StoreError> {
        self.pass(Method::ListGrants, self.inner.list_grants(list)).await
    }

    async fn start_family(&self, start: StartFamily) -> Result<StartOutcome, StoreError> {
        self.pass(Method::StartFamily, self.inner.start_family(start)).await
    }

    async fn find_family(&self, id: &FamilyId) -> Result<Option<FamilyRecord>, StoreError> {
        self.pass(Method::FindFamily, self.inner.find_family(id)).await
    }

    async fn find_by_handle(&self, handle: &[u8; 8]) -> Result<Option<FoundFamily>, StoreError> {
        self.pass(Method::FindByHandle, self.inner.find_by_handle(handle)).await
    }

    async fn rotate(&self, rotate: Rotate) -> Result<Refreshed, StoreError> {
        self.pass(Method::Rotate, self.inner.rotate(rotate)).await
    }

    async fn retry(&self, retry: Retry) -> Result<Refreshed, StoreError> {
        self.pass(Method::Retry, self.inner.retry(retry)).await
    }

    async fn extend(&self, extend: Extend) -> Result<Refreshed, StoreError> {
        self.pass(Method::Extend, self.inner.extend(extend)).await
    }

    async fn revoke_family(&self, id: &FamilyId, why: RevokedWhy, at: Timestamp) -> Result<RevokeFamily, StoreError> {
        self.pass(Method::RevokeFamily, self.inner.revoke_family(id, why, at)).await
    }

    async fn insert_access_token(&self, token: AccessTokenRecord) -> Result<InsertToken, StoreError> {
        self.pass(Method::InsertAccessToken, self.inner.insert_access_token(token)).await
    }

    async fn find_access_token(&self, digest: &TokenDigest) -> Result<Option<FoundAccessToken>, StoreError> {
        self.pass(Method::FindAccessToken, self.inner.find_access_token(digest)).await
    }

    async fn standing(&self, query: &StandingQuery) -> Result<Standing, StoreError> {
        self.pass(Method::Standing, self.inner.standing(query)).await
    }

    async fn revoke_token(&self, token: RevokeToken) -> Result<(), StoreError> {
        self.pass(Method::RevokeToken, self.inner.revoke_token(token)).await
    }

    async fn cut_off(&self, cutoff: Cutoff) -> Result<(), StoreError> {
        self.pass(Method::CutOff, self.inner.cut_off(cutoff)).await
    }

    async fn add_strike(&self, strike: Strike) -> Result<u32, StoreError> {
        self.pass(Method::AddStrike, self.inner.add_strike(strike)).await
    }

    async fn clear_strikes(&self, account: &KeyedHash) -> Result<(), StoreError> {
        self.pass(Method::ClearStrikes, self.inner.clear_strikes(account)).await
    }

    async fn purge_expired(&self, before: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.pass(Method::PurgeExpired, self.inner.purge_expired(before, limit)).await
    }

    async fn raise_clock_mark(&self, at: Timestamp) -> Result<Timestamp, StoreError> {
        self.pass(Method::RaiseClockMark, self.inner.raise_clock_mark(at)).await
    }

    async fn close(&self) {
        let closing = async {
            self.inner.close().await;
            Ok(())
        };
        // Closing cannot fail, so an order to fail it only keeps it from the store.
        let _ = self.pass(Method::Close, closing).await;
    }
}
