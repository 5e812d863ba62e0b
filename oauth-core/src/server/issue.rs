//! Steps 13 and 14 for a grant that begins something: mint, sign, commit in one call, tell the audit trail.

use super::Inner;
use crate::audit::What;
use crate::context::RequestContext;
use crate::error::{Error, Fault, Refusal};
use crate::grant::ValidatedGrant;
use crate::policy::rotation;
use crate::store::{Claim, Extra, FamilyRecord, InsertToken, Principal, RefreshState, StartFamily, StartOutcome};
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
        claim: Option<Claim>,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<Given, Error> {
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
        let start = StartFamily {
            family: FamilyRecord {
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
            },
            access_token: access.record.take(),
            live_limit: self.family_limit,
            claim,
        };
        let ended = match self.stores.grants.start_family(start).await? {
            StartOutcome::Started { ended } => ended,
            StartOutcome::CutOff => return Err(Refusal::GrantWithdrawn.into()),
            StartOutcome::Claimed => return Err(Refusal::GrantClaimed.into()),
        };
        let (client, subject) = (Some(client.clone()), Some(subject.clone()));
        self.audit(now, context, client, subject, What::FamilyStarted { family, ended })?;
        self.audit_issued(grant, additions, &access, context, now)?;
        Ok(Given { access, refresh, id_token })
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
