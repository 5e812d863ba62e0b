//! Access tokens: the opaque ones, and what is known of JWTs.

use oauth_core::store::{AccessTokenRecord, FoundAccessToken, InsertToken, RevokeToken, Standing, StandingQuery};
use oauth_core::types::{ClientId, FamilyId, Subject, Timestamp, TokenDigest};

use super::{Reference, Refusals, TAKEN};
use crate::model::call::Answer;

impl Reference {
    pub(super) fn insert_token(&mut self, token: AccessTokenRecord, told: &Answer) -> Answer {
        self.pass(token.issued_at);
        let AccessTokenRecord { family, principal, issued_at, .. } = &token;
        let is_cut_off = self.is_cut_off(Some(principal.client()), principal.subject(), *issued_at);
        let has_ended = family.is_some_and(|family| !self.is_live(&family, *issued_at));
        let mut no = Refusals::default();
        no.must(is_cut_off || has_ended, Answer::TokenInserted(InsertToken::NotLive));
        self.ask_for_digest(Some(&token), &mut no);
        if let Some(answer) = no.answer(told) {
            return answer;
        }
        self.store(Some(token));
        Answer::TokenInserted(InsertToken::Inserted)
    }

    /// Refuses a token whose digest is taken.
    pub(super) fn ask_for_digest(&self, token: Option<&AccessTokenRecord>, no: &mut Refusals) {
        if let Some((taken, _)) = token.and_then(|token| self.tokens.get(&token.digest)) {
            if self.may_be_forgotten(taken.expires_at) { no.may(true, TAKEN) } else { no.must(true, TAKEN) }
        }
    }

    pub(super) fn store(&mut self, token: Option<AccessTokenRecord>) {
        self.tokens.extend(token.map(|token| (token.digest, (token, false))));
    }

    pub(super) fn revoke_token(&mut self, token: RevokeToken) -> Answer {
        match token {
            RevokeToken::Jwt { id, expires_at } => {
                self.tombstones.entry(id).or_insert(expires_at);
            }
            RevokeToken::Opaque { digest } => {
                if let Some((_, is_revoked)) = self.tokens.get_mut(&digest) {
                    *is_revoked = true;
                }
            }
        }
        Answer::Done
    }

    pub(super) fn find_token(&mut self, digest: &TokenDigest, told: &Answer) -> Answer {
        let Some((token, is_revoked)) = self.tokens.get(digest) else { return Answer::Token(None) };
        if *told == Answer::Token(None) && self.may_be_forgotten(token.expires_at) {
            self.tokens.remove(digest);
            return Answer::Token(None);
        }
        let AccessTokenRecord { family, principal, issued_at, .. } = token;
        let is_revoked =
            *is_revoked || self.is_taken_back(*family, Some(principal.client()), principal.subject(), *issued_at);
        let standing = if is_revoked { Standing::Revoked } else { Standing::Live };
        Answer::Token(Some(FoundAccessToken { token: token.clone(), standing }))
    }

    pub(super) fn standing(&self, query: &StandingQuery, told: &Answer) -> Answer {
        let StandingQuery { id, family, client, subject, issued_at } = query;
        if self.is_taken_back(*family, client.as_ref(), subject.as_ref(), *issued_at) {
            return Answer::Standing(Standing::Revoked);
        }
        match id.as_ref().and_then(|id| self.tombstones.get(id)) {
            Some(end) if self.may_be_forgotten(*end) && matches!(told, Answer::Standing(_)) => told.clone(),
            Some(_) => Answer::Standing(Standing::Revoked),
            None => Answer::Standing(Standing::Live),
        }
    }

    /// A family that is not known is revoked.
    fn is_taken_back(
        &self,
        family: Option<FamilyId>,
        client: Option<&ClientId>,
        subject: Option<&Subject>,
        issued_at: Timestamp,
    ) -> bool {
        let family_stands = |id| self.families.get(&id).is_some_and(|family| self.stands(family));
        self.is_cut_off(client, subject, issued_at) || family.is_some_and(|id| !family_stands(id))
    }
}
