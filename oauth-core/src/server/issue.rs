//! Steps 13 and 14 for a grant that begins something: mint, sign, commit in one call, tell the audit trail.

use super::Inner;
use crate::audit::What;
use crate::context::RequestContext;
use crate::error::{Error, Fault, Refusal};
use crate::grant::ValidatedGrant;
use crate::grant::extension::Claimed;
use crate::policy::rotation;
use crate::store::{
    AccessTokenRecord, CodeRecord, Extra, FamilyRecord, InsertToken, Principal, RedeemCode, RedeemOutcome,
    RefreshState, StartFamily, StartOutcome,
};
use crate::token::access_token::{Minted, time_ordered};
use crate::token::{TokenAdditions, id_token};
use crate::types::{ClientId, FamilyId, IdToken, RefreshToken, Subject, Timestamp};

/// What a request is given, recorded and not shown yet.
pub(crate) struct Given {
    pub(crate) access: Minted,
    pub(crate) refresh: GivenRefresh,
    pub(crate) id_token: Option<IdToken>,
}

/// What a request is given of refresh tokens.
pub(crate) enum GivenRefresh {
    None,
    /// One that the client may not have seen before.
    New(RefreshToken),
    /// The one that it presented.
    Stays(RefreshToken),
}

/// A user's first tokens, signed and not recorded yet.
struct Prepared {
    given: Given,
    family: FamilyRecord,
    access_token: Option<AccessTokenRecord>,
}

impl Inner {
    /// A fresh name for a family.
    pub(crate) fn new_family(&self, now: Timestamp) -> Result<FamilyId, Fault> {
        Ok(FamilyId::from_bytes(time_ordered(now, self.entropy.as_ref())?))
    }

    /// RFC 9700 §4.15: where `sub` is a client's id, a reader takes the token for that client's own.
    pub(crate) async fn refuse_client_as_subject(&self, subject: &Subject, client: &ClientId) -> Result<(), Error> {
        let Ok(id) = ClientId::parse(subject.as_str()) else { return Ok(()) };
        if id == *client || self.stores.clients.find(&id).await?.is_some() {
            return Err(Refusal::SubjectIsClient.into());
        }
        Ok(())
    }

    /// A token that stands alone: a client's own.
    pub(crate) async fn give_alone(
        &self,
        grant: &ValidatedGrant,
        additions: &TokenAdditions,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<Given, Error> {
        let mut access = self.mint(grant, additions, now).await?;
        if let Some(record) = access.record.take() {
            match self.stores.grants.insert_access_token(record).await? {
                InsertToken::Inserted => {}
                InsertToken::NotLive => return Err(Refusal::GrantWithdrawn.into()),
            }
        }
        self.audit_issued(grant, additions, &access, context, now)?;
        Ok(Given { access, refresh: GivenRefresh::None, id_token: None })
    }

    /// A user's first token, with a family of its own, so that it can be taken back; with refresh and id token if the
    /// grant says so.
    pub(crate) async fn give_family(
        &self,
        grant: &ValidatedGrant,
        additions: &TokenAdditions,
        claimed: Option<Claimed>,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<Given, Error> {
        let Prepared { given, mut family, access_token } = self.prepare_family(grant, additions, now).await?;
        let id = family.id;
        let claim = claimed.map(|Claimed { claim, issued_at }| {
            // what it is given for is as old as that: a cutoff between the two ends both
            family.issued_at = family.issued_at.min(issued_at);
            claim
        });
        let start = StartFamily { family, access_token, live_limit: self.family_limit, claim };
        let ended = match self.stores.grants.start_family(start).await? {
            StartOutcome::Started { ended } => ended,
            StartOutcome::CutOff => return Err(Refusal::GrantWithdrawn.into()),
            StartOutcome::Claimed => return Err(Refusal::GrantClaimed.into()),
        };
        let started = What::FamilyStarted { family: id, ended };
        self.tell_family(started, grant, additions, &given, context, now)?;
        Ok(given)
    }

    /// What a code gives; `None` when it can be redeemed no more. The family holds all that the user allowed and is as
    /// old as that, whatever its first token is for.
    pub(crate) async fn give_for_code(
        &self,
        grant: &ValidatedGrant,
        additions: &TokenAdditions,
        code: &CodeRecord,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<Option<Given>, Error> {
        let Prepared { given, family, access_token } = self.prepare_family(grant, additions, now).await?;
        let id = family.id;
        let family = FamilyRecord {
            scope: code.scope.clone(),
            resource: code.resource.clone(),
            code_digest: Some(code.digest),
            issued_at: code.issued_at,
            ..family
        };
        let redeem = RedeemCode { code: code.digest, now, family, access_token, live_limit: self.family_limit };
        let ended = match self.stores.grants.redeem_code(redeem).await? {
            RedeemOutcome::Redeemed { ended } => ended,
            RedeemOutcome::Moved => return Ok(None),
        };
        let started = What::FamilyStarted { family: id, ended };
        self.tell_family(started, grant, additions, &given, context, now)?;
        Ok(Some(given))
    }

    /// Mints and signs a user's first tokens; nothing is recorded yet.
    async fn prepare_family(
        &self,
        grant: &ValidatedGrant,
        additions: &TokenAdditions,
        now: Timestamp,
    ) -> Result<Prepared, Error> {
        let (Principal::User { subject, client }, Some(family)) = (&grant.principal, grant.family) else {
            return Err(Fault::Signing("a family needs a user".into()).into());
        };
        let mut access = self.mint(grant, additions, now).await?;
        let id_token = self.mint_id_token(grant, now).await?;
        let rule = &grant.client.refresh;
        let absolute_end = if grant.offline {
            now.plus(rule.absolute.unwrap_or(self.grant_settings.absolute))
        } else {
            // without a refresh token the family is over with its only token
            access.expires_at
        };
        let (refresh, state) = if grant.offline {
            let key = self.keys.newest_family_key(now).await.map_err(Fault::from)?;
            let first = self.refresh_settings.first(&key, self.entropy.as_ref())?;
            let idle = rule.idle.unwrap_or(self.grant_settings.idle);
            let state = RefreshState {
                handle: first.handle,
                key_id: key.kid().clone(),
                generation: 0,
                current_digest: first.digest,
                previous_digest: None,
                salt: None,
                rotated_at: now,
                retries: 0,
                retry_streak: 0,
                idle_expires_at: rotation::idle_end(now, idle, absolute_end),
            };
            (GivenRefresh::New(first.token), Some(state))
        } else {
            (GivenRefresh::None, None)
        };
        let family = FamilyRecord {
            id: family,
            client: client.clone(),
            subject: subject.clone(),
            scope: grant.scope.scope().clone(),
            resource: grant.resource.clone(),
            binding: grant.binding,
            auth: grant.auth.clone(),
            code_digest: None,
            refresh: state,
            issued_at: now,
            seen_at: now,
            absolute_expires_at: absolute_end,
            revoked: None,
            extra: Extra::default(),
        };
        let access_token = access.record.take();
        Ok(Prepared { given: Given { access, refresh, id_token }, family, access_token })
    }

    fn tell_family(
        &self,
        started: What,
        grant: &ValidatedGrant,
        additions: &TokenAdditions,
        given: &Given,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let (client, subject) = (Some(grant.client.id.clone()), grant.principal.subject().cloned());
        self.audit(now, context, client, subject, started)?;
        self.audit_issued(grant, additions, &given.access, context, now)
    }

    /// The id token that goes with a grant, if one does.
    pub(crate) async fn mint_id_token(&self, grant: &ValidatedGrant, now: Timestamp) -> Result<Option<IdToken>, Fault> {
        let keys = self.keys.fresh(now).await?;
        id_token::mint(grant, self.grant_settings.id_tokens, &self.issuer, &keys, now).await
    }

    /// Tells what was issued, and what a hook tried to overwrite.
    pub(crate) fn audit_issued(
        &self,
        grant: &ValidatedGrant,
        additions: &TokenAdditions,
        access: &Minted,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let (client, subject) = (Some(grant.client.id.clone()), grant.principal.subject().cloned());
        for claim in &additions.ignored {
            let what = What::ClaimIgnored { claim: claim.clone() };
            self.audit(now, context, client.clone(), subject.clone(), what)?;
        }
        let what = What::TokenIssued {
            grant: grant.grant.clone(),
            token: access.id.clone(),
            scope: grant.scope.scope().clone(),
            dropped: grant.scope.dropped().clone(),
            narrowed_by: grant.narrowed_by.clone(),
            expires_at: access.expires_at,
        };
        self.audit(now, context, client, subject, what)
    }
}
