//! Access tokens, tombstones, cutoffs and strikes.

use oauth_core::store::{
    AccessTokenRecord, Cutoff, CutoffKey, FoundAccessToken, InsertToken, RevokeToken, Standing, StandingQuery,
    StoreError, Strike,
};
use oauth_core::types::{ClientId, FamilyId, Subject, Timestamp, TokenDigest};

use super::{Tables, Token};

impl Tables {
    pub(super) fn insert_access_token(&mut self, token: AccessTokenRecord) -> Result<InsertToken, StoreError> {
        let AccessTokenRecord { family, principal, issued_at, .. } = &token;
        let has_ended = family.is_some_and(|family| !self.is_live(&family, *issued_at));
        if has_ended || self.is_cut_off(Some(principal.client()), principal.subject(), *issued_at) {
            return Ok(InsertToken::NotLive);
        }
        self.has_free_digest(Some(&token))?;
        self.insert_token(Some(token));
        Ok(InsertToken::Inserted)
    }

    pub(super) fn has_free_digest(&self, token: Option<&AccessTokenRecord>) -> Result<(), StoreError> {
        if token.is_some_and(|token| self.tokens.contains_key(&token.digest)) {
            return Err(StoreError::unavailable("the digest of an access token is taken"));
        }
        Ok(())
    }

    /// Stores a token, if there is one, whose digest is free and whose family was judged in the same step.
    pub(super) fn insert_token(&mut self, token: Option<AccessTokenRecord>) {
        self.tokens.extend(token.map(|record| (record.digest, Token { record, is_revoked: false })));
    }

    pub(super) fn find_access_token(&self, digest: &TokenDigest) -> Option<FoundAccessToken> {
        let Token { record, is_revoked } = self.tokens.get(digest)?;
        let (client, subject) = (record.principal.client(), record.principal.subject());
        let stands = !is_revoked && self.holds(record.family, Some(client), subject, record.issued_at);
        Some(FoundAccessToken { token: record.clone(), standing: standing(stands) })
    }

    pub(super) fn standing(&self, query: &StandingQuery) -> Standing {
        let StandingQuery { id, family, client, subject, issued_at } = query;
        let is_taken_back = id.as_ref().is_some_and(|id| self.tombstones.contains_key(id));
        standing(!is_taken_back && self.holds(*family, client.as_ref(), subject.as_ref(), *issued_at))
    }

    /// Whether what a token comes from still stands; a family that is not known does not.
    fn holds(
        &self,
        family: Option<FamilyId>,
        client: Option<&ClientId>,
        subject: Option<&Subject>,
        issued_at: Timestamp,
    ) -> bool {
        let family_stands = |id| self.families.get(&id).is_some_and(|family| self.stands(family));
        !self.is_cut_off(client, subject, issued_at) && family.is_none_or(family_stands)
    }

    pub(super) fn revoke_token(&mut self, token: RevokeToken) {
        match token {
            RevokeToken::Jwt { id, expires_at } => {
                self.tombstones.entry(id).or_insert(expires_at);
            }
            RevokeToken::Opaque { digest } => {
                if let Some(token) = self.tokens.get_mut(&digest) {
                    token.is_revoked = true;
                }
            }
        }
    }

    pub(super) fn cut_off(&mut self, Cutoff { key, at }: Cutoff) {
        self.cutoffs.entry(key).and_modify(|held| *held = at.max(*held)).or_insert(at);
    }

    /// Whether what was issued then to this client, for this subject, is dead.
    pub(super) fn is_cut_off(
        &self,
        client: Option<&ClientId>,
        subject: Option<&Subject>,
        issued_at: Timestamp,
    ) -> bool {
        self.cutoffs.iter().any(|(key, at)| {
            let is_meant = match key {
                CutoffKey::Client(key) => client == Some(key),
                CutoffKey::Everything => true,
                CutoffKey::Grant { subject: user, client: key } => subject == Some(user) && client == Some(key),
                CutoffKey::Subject(key) => subject == Some(key),
            };
            is_meant && *at >= issued_at
        })
    }

    pub(super) fn add_strike(&mut self, Strike { account, now, window }: &Strike) -> u32 {
        let (strikes, ends_at) = self.strikes.entry(*account).or_insert((0, now.plus(*window)));
        if *now >= *ends_at {
            (*strikes, *ends_at) = (0, now.plus(*window));
        }
        *strikes += 1;
        *strikes
    }
}

pub(super) const fn standing(stands: bool) -> Standing {
    if stands { Standing::Live } else { Standing::Revoked }
}
