//! Families, and what is done with their refresh tokens.

use oauth_core::store::{
    AccessTokenRecord, Extend, FamilyRecord, FoundFamily, RefreshState, Refreshed, Retry, RevokeFamily, RevokedWhy,
    Rotate, StartFamily, StartOutcome, StoreError,
};
use oauth_core::types::{FamilyId, Timestamp, TokenDigest};

use super::Tables;
use super::tokens::standing;

impl Tables {
    pub(super) fn start_family(&mut self, start: StartFamily) -> Result<StartOutcome, StoreError> {
        let StartFamily { family, access_token, live_limit, claim } = start;
        if self.is_cut_off(Some(&family.client), Some(&family.subject), family.issued_at) {
            return Ok(StartOutcome::CutOff);
        }
        if claim.as_ref().is_some_and(|claim| self.claims.contains_key(&claim.digest)) {
            return Ok(StartOutcome::Claimed);
        }
        self.has_free_names(&family, access_token.as_ref())?;
        // Everything was asked; from here on nothing can fail.
        self.claims.extend(claim.map(|claim| (claim.digest, claim.expires_at)));
        let now = family.issued_at;
        Ok(StartOutcome::Started { ended: self.insert_family(family, access_token, live_limit, now) })
    }

    /// Whether the id, the handle and the digest are free; only a broken random source brings ones that are not.
    pub(super) fn has_free_names(
        &self,
        family: &FamilyRecord,
        access_token: Option<&AccessTokenRecord>,
    ) -> Result<(), StoreError> {
        let handle = family.refresh.as_ref().map(|state| state.handle);
        if self.families.contains_key(&family.id) || handle.is_some_and(|handle| self.by_handle(&handle).is_some()) {
            return Err(StoreError::unavailable("the id or the handle of a family is taken"));
        }
        self.has_free_digest(access_token)
    }

    /// Stores a family whose names are free; ends the oldest others of its subject and client above the limit.
    pub(super) fn insert_family(
        &mut self,
        family: FamilyRecord,
        access_token: Option<AccessTokenRecord>,
        live_limit: u32,
        now: Timestamp,
    ) -> u32 {
        let mut others: Vec<(Timestamp, FamilyId)> = self
            .families
            .values()
            .filter(|other| other.subject == family.subject && other.client == family.client)
            .filter(|other| self.is_live(&other.id, now))
            .map(|other| (other.issued_at, other.id))
            .collect();
        others.sort_unstable();
        let too_many = others.len().saturating_sub(live_limit.saturating_sub(1) as usize);
        for (_, id) in others.iter().take(too_many) {
            let _ = self.revoke_family(id, RevokedWhy::Limit, now);
        }
        self.families.insert(family.id, family);
        self.insert_token(access_token);
        too_many as u32
    }

    pub(super) fn find_by_handle(&self, handle: &[u8; 8]) -> Option<FoundFamily> {
        let family = self.by_handle(handle)?;
        Some(FoundFamily { family: family.clone(), standing: standing(self.stands(family)) })
    }

    pub(super) fn rotate(&mut self, rotate: Rotate) -> Result<Refreshed, StoreError> {
        let Rotate { family, current, successor, salt, idle_expires_at, now, access_token } = rotate;
        self.use_token(&family, &current, now, access_token, u32::MAX, |state| {
            state.generation += 1;
            state.previous_digest = Some(current);
            state.current_digest = successor;
            state.salt = Some(salt);
            state.rotated_at = now;
            if state.retries == 0 {
                state.retry_streak = 0;
            }
            state.retries = 0;
            state.idle_expires_at = idle_expires_at;
        })
    }

    pub(super) fn retry(&mut self, retry: Retry) -> Result<Refreshed, StoreError> {
        let Retry { family, current, limit, now, access_token } = retry;
        self.use_token(&family, &current, now, access_token, limit, |state| {
            if state.retries == 0 {
                state.retry_streak += 1;
            }
            state.retries += 1;
        })
    }

    pub(super) fn extend(&mut self, extend: Extend) -> Result<Refreshed, StoreError> {
        let Extend { family, current, idle_expires_at, now, access_token } = extend;
        self.use_token(&family, &current, now, access_token, u32::MAX, |state| state.idle_expires_at = idle_expires_at)
    }

    /// The condition of all three uses. In SQL it is the `WHERE` of the `UPDATE`, never a `SELECT` before it.
    fn use_token(
        &mut self,
        id: &FamilyId,
        current: &TokenDigest,
        now: Timestamp,
        access_token: Option<AccessTokenRecord>,
        retries_below: u32,
        change: impl FnOnce(&mut RefreshState),
    ) -> Result<Refreshed, StoreError> {
        let is_live = self.is_live(id, now);
        self.has_free_digest(access_token.as_ref())?;
        let Some(family) = self.families.get_mut(id).filter(|_| is_live) else { return Ok(Refreshed::Moved) };
        let state = family.refresh.as_mut();
        match state.filter(|state| state.current_digest == *current && state.retries < retries_below) {
            Some(state) => change(state),
            None => return Ok(Refreshed::Moved),
        }
        family.seen_at = family.seen_at.max(now);
        self.insert_token(access_token);
        Ok(Refreshed::Done)
    }

    pub(super) fn revoke_family(&mut self, id: &FamilyId, why: RevokedWhy, at: Timestamp) -> RevokeFamily {
        match self.families.get_mut(id) {
            None => RevokeFamily::Unknown,
            Some(family) if family.revoked.is_some() => RevokeFamily::AlreadyRevoked,
            Some(family) => {
                family.revoked = Some((at, why));
                RevokeFamily::Revoked
            }
        }
    }

    /// Whether a family was not taken back, neither by itself nor by a cutoff.
    pub(super) fn stands(&self, family: &FamilyRecord) -> bool {
        family.revoked.is_none() && !self.is_cut_off(Some(&family.client), Some(&family.subject), family.issued_at)
    }

    /// Whether a family is known, stands, and has not expired.
    pub(super) fn is_live(&self, id: &FamilyId, now: Timestamp) -> bool {
        self.families.get(id).is_some_and(|family| self.stands(family) && now < family.absolute_expires_at)
    }

    fn by_handle(&self, handle: &[u8; 8]) -> Option<&FamilyRecord> {
        self.families.values().find(|family| family.refresh.as_ref().is_some_and(|state| state.handle == *handle))
    }
}
