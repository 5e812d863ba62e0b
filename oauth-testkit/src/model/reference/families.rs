//! Families, and what is done with their refresh tokens.

use oauth_core::store::{
    Extend, FamilyRecord, FoundFamily, RefreshState, Refreshed, Retry, RevokeFamily, RevokedWhy, Rotate, Standing,
    StartFamily, StartOutcome,
};
use oauth_core::types::{FamilyId, Timestamp, TokenDigest};

use super::{Reference, Refusals, TAKEN};
use crate::model::call::Answer;

impl Reference {
    pub(super) fn start(&mut self, start: StartFamily, told: &Answer) -> Answer {
        let StartFamily { family, access_token, live_limit, claim } = start;
        self.pass(family.issued_at);
        let mut no = Refusals::default();
        let is_cut_off = self.is_cut_off(Some(&family.client), Some(&family.subject), family.issued_at);
        no.must(is_cut_off, Answer::Started(StartOutcome::CutOff));
        if let Some(expires_at) = claim.as_ref().and_then(|claim| self.claims.get(&claim.digest)) {
            let claimed = Answer::Started(StartOutcome::Claimed);
            if self.may_be_forgotten(*expires_at) { no.may(true, claimed) } else { no.must(true, claimed) }
        }
        self.ask_for_names(&family, &mut no);
        self.ask_for_digest(access_token.as_ref(), &mut no);
        if let Some(answer) = no.answer(told) {
            return answer;
        }
        let ended = self.make_room(&family, live_limit, family.issued_at);
        self.claims.extend(claim.map(|claim| (claim.digest, claim.expires_at)));
        self.families.insert(family.id, family);
        self.store(access_token);
        Answer::Started(StartOutcome::Started { ended })
    }

    /// Refuses a family whose id or handle is taken.
    pub(super) fn ask_for_names(&self, family: &FamilyRecord, no: &mut Refusals) {
        no.must(self.families.contains_key(&family.id), TAKEN);
        let handle = family.refresh.as_ref().map(|state| state.handle);
        no.must(handle.is_some_and(|handle| self.by_handle(handle).is_some()), TAKEN);
    }

    /// Ends the oldest of the other live families of the same subject and client, until with the new one no more than
    /// `limit` are left.
    pub(super) fn make_room(&mut self, new: &FamilyRecord, limit: u32, now: Timestamp) -> u32 {
        let mut others: Vec<(Timestamp, FamilyId)> = self
            .families
            .values()
            .filter(|family| family.subject == new.subject && family.client == new.client)
            .filter(|family| self.is_live(&family.id, now))
            .map(|family| (family.issued_at, family.id))
            .collect();
        others.sort_unstable();
        let room = limit.saturating_sub(1) as usize;
        let too_many = others.len().saturating_sub(room);
        for (_, id) in others.iter().take(too_many) {
            self.revoke_family(id, RevokedWhy::Limit, now);
        }
        too_many as u32
    }

    pub(super) fn revoke_family(&mut self, id: &FamilyId, why: RevokedWhy, at: Timestamp) -> Answer {
        Answer::FamilyRevoked(match self.families.get_mut(id) {
            None => RevokeFamily::Unknown,
            Some(family) if family.revoked.is_some() => RevokeFamily::AlreadyRevoked,
            Some(family) => {
                family.revoked = Some((at, why));
                RevokeFamily::Revoked
            }
        })
    }

    pub(super) fn rotate(&mut self, rotate: Rotate, told: &Answer) -> Answer {
        let Rotate { family, current, successor, salt, idle_expires_at, now, access_token } = rotate;
        let mut no = self.refuse_use(&family, &current, now);
        self.ask_for_digest(access_token.as_ref(), &mut no);
        if let Some(answer) = no.answer(told) {
            return answer;
        }
        self.store(access_token);
        self.change(&family, now, |state| RefreshState {
            generation: state.generation + 1,
            current_digest: successor,
            previous_digest: Some(current),
            salt: Some(salt),
            rotated_at: now,
            retries: 0,
            retry_streak: if state.retries == 0 { 0 } else { state.retry_streak },
            idle_expires_at,
            ..state
        })
    }

    pub(super) fn retry(&mut self, retry: Retry, told: &Answer) -> Answer {
        let Retry { family, current, limit, now, access_token } = retry;
        let mut no = self.refuse_use(&family, &current, now);
        let retries = self.families.get(&family).and_then(|family| family.refresh.as_ref()).map(|state| state.retries);
        no.must(retries.is_some_and(|retries| retries >= limit), Answer::Refreshed(Refreshed::Moved));
        self.ask_for_digest(access_token.as_ref(), &mut no);
        if let Some(answer) = no.answer(told) {
            return answer;
        }
        self.store(access_token);
        self.change(&family, now, |state| RefreshState {
            retries: state.retries + 1,
            retry_streak: state.retry_streak + u32::from(state.retries == 0),
            ..state
        })
    }

    pub(super) fn extend(&mut self, extend: Extend, told: &Answer) -> Answer {
        let Extend { family, current, idle_expires_at, now, access_token } = extend;
        let mut no = self.refuse_use(&family, &current, now);
        self.ask_for_digest(access_token.as_ref(), &mut no);
        if let Some(answer) = no.answer(told) {
            return answer;
        }
        self.store(access_token);
        self.change(&family, now, |state| RefreshState { idle_expires_at, ..state })
    }

    pub(super) fn find_family(&mut self, id: &FamilyId, told: &Answer) -> Answer {
        if let Answer::Family(Some(shown)) = told {
            self.follow_sight(shown);
        }
        Answer::Family(self.families.get(id).cloned())
    }

    pub(super) fn find_by_handle(&mut self, handle: [u8; 8], told: &Answer) -> Answer {
        if let Answer::FamilyFound(Some(FoundFamily { family, .. })) = told {
            self.follow_sight(family);
        }
        Answer::FamilyFound(self.by_handle(handle).map(|family| FoundFamily {
            family: family.clone(),
            standing: if self.stands(family) { Standing::Live } else { Standing::Revoked },
        }))
    }

    /// Not revoked, and no cutoff covers it.
    pub(super) fn stands(&self, family: &FamilyRecord) -> bool {
        family.revoked.is_none() && !self.is_cut_off(Some(&family.client), Some(&family.subject), family.issued_at)
    }

    /// It stands, and has not expired.
    pub(super) fn is_live(&self, id: &FamilyId, now: Timestamp) -> bool {
        self.families.get(id).is_some_and(|family| self.stands(family) && now < family.absolute_expires_at)
    }

    fn by_handle(&self, handle: [u8; 8]) -> Option<&FamilyRecord> {
        self.families.values().find(|family| family.refresh.as_ref().is_some_and(|state| state.handle == handle))
    }

    /// Refuses the use of a token that is not the current one of a live family.
    fn refuse_use(&mut self, id: &FamilyId, token: &TokenDigest, now: Timestamp) -> Refusals {
        self.pass(now);
        let state = self.families.get(id).and_then(|family| family.refresh.as_ref());
        let is_current = state.is_some_and(|state| state.current_digest == *token);
        let mut no = Refusals::default();
        no.must(!is_current || !self.is_live(id, now), Answer::Refreshed(Refreshed::Moved));
        no
    }

    fn change(&mut self, id: &FamilyId, now: Timestamp, next: impl FnOnce(RefreshState) -> RefreshState) -> Answer {
        if let Some(family) = self.families.get_mut(id) {
            family.refresh = family.refresh.take().map(next);
            family.seen_at = family.seen_at.max(now);
        }
        Answer::Refreshed(Refreshed::Done)
    }

    /// A store may take the revocation of a family for a sight of the clock.
    fn follow_sight(&mut self, shown: &FamilyRecord) {
        if let Some(family) = self.families.get_mut(&shown.id)
            && let Some((at, _)) = family.revoked
            && shown.seen_at == at.max(family.seen_at)
        {
            family.seen_at = shown.seen_at;
        }
    }
}
