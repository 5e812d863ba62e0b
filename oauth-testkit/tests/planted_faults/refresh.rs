//! What the faulty store gets wrong about refresh tokens.

use std::thread;

use oauth_core::store::{
    AccessTokenRecord, Extend, FamilyRecord, FoundFamily, GrantStore, InsertToken, RefreshState, Refreshed, Retry,
    RevokeToken, Rotate, Salt, Standing, StoreError,
};
use oauth_core::types::{FamilyId, Tenant, Timestamp, TokenDigest, TokenId};
use oauth_store_memory::MemoryStore;

use crate::faulty::{Fault, Faulty};

/// One use of a refresh token.
#[derive(Debug, Clone)]
pub(crate) enum Use {
    Extend(Extend),
    Retry(Retry),
    Rotate(Rotate),
}

impl Use {
    fn family(&self) -> FamilyId {
        match self {
            Self::Extend(Extend { family, .. })
            | Self::Retry(Retry { family, .. })
            | Self::Rotate(Rotate { family, .. }) => *family,
        }
    }

    fn now(&self) -> Timestamp {
        match self {
            Self::Extend(Extend { now, .. }) | Self::Retry(Retry { now, .. }) | Self::Rotate(Rotate { now, .. }) => {
                *now
            }
        }
    }

    fn current(&mut self) -> &mut TokenDigest {
        match self {
            Self::Extend(Extend { current, .. })
            | Self::Retry(Retry { current, .. })
            | Self::Rotate(Rotate { current, .. }) => current,
        }
    }

    fn access_token(&mut self) -> &mut Option<AccessTokenRecord> {
        match self {
            Self::Extend(Extend { access_token, .. })
            | Self::Retry(Retry { access_token, .. })
            | Self::Rotate(Rotate { access_token, .. }) => access_token,
        }
    }

    async fn call(self, store: &MemoryStore) -> Result<Refreshed, StoreError> {
        match self {
            Self::Extend(extend) => store.extend(extend).await,
            Self::Retry(retry) => store.retry(retry).await,
            Self::Rotate(rotate) => store.rotate(rotate).await,
        }
    }
}

/// What happens to a family after it was used: the row before, and the row to be shown.
type Spoil = fn(&FamilyRecord, &mut FamilyRecord);

/// Members that a use changes wrongly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spoils {
    pub(crate) extend: Spoil,
    pub(crate) retry: Spoil,
    pub(crate) rotate: Spoil,
}

impl Spoils {
    pub(crate) const NONE: Self = Self { extend: |_, _| {}, retry: |_, _| {}, rotate: |_, _| {} };
}

impl Faulty {
    pub(crate) async fn use_token(&self, mut attempt: Use) -> Result<Refreshed, StoreError> {
        let Some(before) = self.shown(&attempt.family()).await? else { return attempt.call(&self.inner).await };
        let (id, now) = (before.id, attempt.now());
        let current = before.refresh.as_ref().map(|state| state.current_digest);
        let is_current = current == Some(*attempt.current());
        let token = attempt.access_token().clone();
        // A millisecond later, past the cutoff of the clauses.
        let alone = token.map(|token| {
            let issued_at = Timestamp::from_millis(token.issued_at.millis() + 1);
            AccessTokenRecord { family: None, issued_at, ..token }
        });
        match self.fault {
            Fault::LooksBeforeItRefreshes if is_current => return self.look_and_refresh(&before, alone).await,
            Fault::LooksBeforeItWrites if alone.is_some() => {
                let mut may = is_current;
                if let (Use::Retry(retry), Some(state)) = (&mut attempt, &before.refresh) {
                    may &= std::mem::replace(&mut retry.limit, u32::MAX) > state.retries;
                }
                self.looked.wait();
                let answer = attempt.call(&self.inner).await?;
                return Ok(if may { Refreshed::Done } else { answer });
            }
            Fault::RefreshForgetsToken => *attempt.access_token() = None,
            Fault::RefreshIgnoresCurrent => {
                *attempt.current() = current.unwrap_or(TokenDigest::from_bytes([0; 32]));
            }
            Fault::RefreshStoresTokenAfter => {
                let token = attempt.access_token().take();
                let answer = attempt.call(&self.inner).await?;
                if let Some(token) = token.filter(|_| answer == Refreshed::Done) {
                    let _ = self.inner.insert_access_token(token).await?;
                }
                return Ok(answer);
            }
            Fault::RefreshStoresTokenFirst => {
                if let Some(token) = attempt.access_token().take() {
                    let _ = self.inner.insert_access_token(token).await?;
                }
            }
            Fault::RetryExcludesSiblings => {
                if let (Use::Retry(retry), Some(state)) = (&mut attempt, &before.refresh) {
                    self.looked.wait();
                    retry.limit = retry.limit.min(state.retries + 1);
                }
            }
            Fault::RetryIgnoresLimit => {
                if let Use::Retry(retry) = &mut attempt {
                    retry.limit = u32::MAX;
                }
            }
            Fault::RetryPassesLimit => {
                if let Use::Retry(retry) = &mut attempt {
                    retry.limit = retry.limit.saturating_add(1);
                }
            }
            _ => {}
        }
        let (spoil, salt) = match &attempt {
            Use::Extend(_) => (self.spoils.extend, None),
            Use::Retry(_) => (self.spoils.retry, None),
            Use::Rotate(rotate) => (self.spoils.rotate, Some(rotate.salt)),
        };
        let answer = attempt.call(&self.inner).await?;
        if answer == Refreshed::Moved {
            if is_current && self.overlooks(&before, now).await? {
                self.store_alone(alone).await?;
                return Ok(Refreshed::Done);
            }
            return Ok(answer);
        }
        let mut after = self.inner.find_family(&id).await?.unwrap();
        if let Some(state) = before.refresh.as_ref().filter(|_| salt.is_some() && self.has(Fault::RotationLeavesARow)) {
            let name = TokenId::parse(&format!("generation-{}", state.generation)).unwrap();
            let row = RevokeToken::Jwt { id: name, expires_at: before.absolute_expires_at };
            self.inner.revoke_token(row).await?;
        }
        if let Some(salt) = salt {
            self.salts.lock().unwrap().entry(id).or_insert(salt);
        }
        spoil(&before, &mut after);
        self.spoiled.lock().unwrap().insert(id, after);
        Ok(answer)
    }

    pub(crate) async fn found_by_handle(&self, handle: &[u8; 8]) -> Result<Option<FoundFamily>, StoreError> {
        let mut handle = *handle;
        if self.has(Fault::HandleByPrefix) {
            let handles = self.handles.lock().unwrap();
            handle = handles.iter().copied().find(|known| known[..7] == handle[..7]).unwrap_or(handle);
        }
        let mut found = self.inner.find_by_handle(&handle).await?;
        if found.is_none() && self.has(Fault::HandlesOfEveryTenant) {
            for tenant in ["default", "other"] {
                let theirs = self.inner.for_tenant(Tenant::parse(tenant).unwrap());
                found = found.or(theirs.find_by_handle(&handle).await?);
            }
        }
        if let Some(found) = &mut found {
            if let Some(shown) = self.shown(&found.family.id).await? {
                found.family = shown;
            }
            if self.has(Fault::FoundByHandleIsLive) {
                found.standing = Standing::Live;
            }
        }
        Ok(found)
    }

    /// The row as this store shows it.
    pub(crate) async fn shown(&self, id: &FamilyId) -> Result<Option<FamilyRecord>, StoreError> {
        let Some(mut family) = self.inner.find_family(id).await? else { return Ok(None) };
        let spoiled = self.spoiled.lock().unwrap().get(id).cloned();
        if let Some(mut spoiled) = spoiled.filter(|_| self.has(Fault::Spoiling) || self.has(Fault::PurgedFamilyIsShown))
        {
            if let (Some(state), Some(RefreshState { salt: None, .. })) = (&mut spoiled.refresh, &family.refresh) {
                state.salt = None; // purged meanwhile
            }
            family = FamilyRecord { revoked: family.revoked.or(spoiled.revoked), ..spoiled };
        }
        if let Some(state) = &mut family.refresh {
            let first: Option<Salt> = self.salts.lock().unwrap().get(id).copied();
            match self.fault {
                Fault::SaltsStay => state.salt = state.salt.or(first),
                Fault::SaltGoesByItsFirstEnd => {
                    let purged_before = *self.purged_before.lock().unwrap();
                    state.salt = state.salt.filter(|_| first.is_none_or(|first| first.expires_at >= purged_before));
                }
                _ => {}
            }
        }
        Ok(Some(family))
    }

    /// Forgets how the families that were purged are shown: another one may be given the same id.
    pub(crate) async fn forget_purged(&self) -> Result<(), StoreError> {
        if self.has(Fault::PurgedFamilyIsShown) {
            return Ok(());
        }
        let ids: Vec<FamilyId> = self.spoiled.lock().unwrap().keys().copied().collect();
        for id in ids {
            if self.inner.find_family(&id).await?.is_none() {
                self.spoiled.lock().unwrap().remove(&id);
                self.salts.lock().unwrap().remove(&id);
            }
        }
        Ok(())
    }

    /// Whether the fault is to overlook what ended this family.
    async fn overlooks(&self, family: &FamilyRecord, now: Timestamp) -> Result<bool, StoreError> {
        let is_revoked = family.revoked.is_some();
        let is_past = family.absolute_expires_at <= now;
        Ok(match self.fault {
            Fault::RefreshIgnoresCutoff => !is_revoked && !is_past && !self.is_live(family).await?,
            Fault::RefreshIgnoresEnd => is_past,
            Fault::RefreshIgnoresRevocation => is_revoked,
            _ => false,
        })
    }

    /// Asks whether the family is live, and acts on the answer when the other side has ended it.
    async fn look_and_refresh(
        &self,
        family: &FamilyRecord,
        alone: Option<AccessTokenRecord>,
    ) -> Result<Refreshed, StoreError> {
        if !self.is_live(family).await? {
            return Ok(Refreshed::Moved);
        }
        while self.is_live(family).await? {
            thread::yield_now();
        }
        self.store_alone(alone).await?;
        Ok(Refreshed::Done)
    }

    async fn is_live(&self, family: &FamilyRecord) -> Result<bool, StoreError> {
        let handle = family.refresh.as_ref().map(|state| state.handle).unwrap_or_default();
        let found = self.inner.find_by_handle(&handle).await?;
        Ok(found.is_some_and(|found| found.standing == Standing::Live))
    }

    /// Stores a token that no family and no cutoff keeps out.
    async fn store_alone(&self, token: Option<AccessTokenRecord>) -> Result<(), StoreError> {
        if let Some(token) = token {
            assert_eq!(self.inner.insert_access_token(token).await?, InsertToken::Inserted);
        }
        Ok(())
    }
}
