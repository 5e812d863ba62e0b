//! Refresh tokens: rotated, answered again, kept for longer.

use oauth_core::store::{Extend, FoundFamily, RefreshState, Refreshed, Retry, Rotate, Standing, StoreError};
use oauth_core::types::{FamilyId, Timestamp, TokenDigest};

use crate::families::{is_live, is_revoked};
use crate::grants::Grants;

impl Grants {
    pub(crate) fn find_by_handle(&self, handle: &[u8; 8]) -> Option<FoundFamily> {
        let family = self.families.find_by_handle(handle)?;
        let standing = if is_revoked(family, &self.cutoffs) { Standing::Revoked } else { Standing::Live };
        Some(FoundFamily { family: family.clone(), standing })
    }

    pub(crate) fn rotate(&mut self, rotate: Rotate) -> Result<Refreshed, StoreError> {
        let Rotate { family, current, successor, salt, idle_expires_at, now, access_token } = rotate;
        if self.accepting(&family, &current, now).is_none() {
            return Ok(Refreshed::Moved);
        }
        self.store_if_any(access_token)?;
        self.families.refresh(&family, now, |state| {
            state.generation = state.generation.saturating_add(1);
            state.previous_digest = Some(current);
            state.current_digest = successor;
            state.salt = Some(salt);
            state.rotated_at = now;
            if state.retries == 0 {
                state.retry_streak = 0;
            }
            state.retries = 0;
            state.idle_expires_at = idle_expires_at;
        });
        Ok(Refreshed::Done)
    }

    pub(crate) fn retry(&mut self, retry: Retry) -> Result<Refreshed, StoreError> {
        let Retry { family, current, limit, now, access_token } = retry;
        if self.accepting(&family, &current, now).is_none_or(|state| state.retries >= limit) {
            return Ok(Refreshed::Moved);
        }
        self.store_if_any(access_token)?;
        self.families.refresh(&family, now, |state| {
            if state.retries == 0 {
                state.retry_streak = state.retry_streak.saturating_add(1);
            }
            state.retries = state.retries.saturating_add(1);
        });
        Ok(Refreshed::Done)
    }

    pub(crate) fn extend(&mut self, extend: Extend) -> Result<Refreshed, StoreError> {
        let Extend { family, current, idle_expires_at, now, access_token } = extend;
        if self.accepting(&family, &current, now).is_none() {
            return Ok(Refreshed::Moved);
        }
        self.store_if_any(access_token)?;
        self.families.refresh(&family, now, |state| state.idle_expires_at = idle_expires_at);
        Ok(Refreshed::Done)
    }

    /// The refresh tokens of a family that is live at `now`, if `current` is the one that it accepts.
    fn accepting(&self, id: &FamilyId, current: &TokenDigest, now: Timestamp) -> Option<&RefreshState> {
        let family = self.families.find(id).filter(|family| is_live(family, now, &self.cutoffs))?;
        family.refresh.as_ref().filter(|state| state.current_digest == *current)
    }
}
