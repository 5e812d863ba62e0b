//! Steps 8 to 14 for a refresh token: load, judge by table 2, decide, derive, mint, commit.

use zeroize::Zeroizing;

use super::Shown;
use crate::audit::{What, Who};
use crate::client_auth::Authenticated;
use crate::context::RequestContext;
use crate::error::{Error, Fault, Refusal};
use crate::grant::ValidatedGrant;
use crate::grant::refresh_token::{self, RefreshRequest};
use crate::keys::DeriveKey;
use crate::policy::rotation::{self, Allowed, Denied, Facts, MAX_RETRIES, Presented};
use crate::server::{Given, GivenRefresh, Inner};
use crate::store::{
    Client, Extend, FamilyRecord, FoundFamily, GrantTypes, Principal, RefreshState, Refreshed, Retry, RevokeFamily,
    RevokedWhy, Rotate, Salt, StoreError,
};
use crate::token::refresh_token::PresentedRefresh;
use crate::token::{FactsRequest, id_token};
use crate::types::{RefreshToken, Timestamp, TokenDigest};

/// How often a decision that others overtook is made again.
const TRIES: usize = 3;

pub(super) async fn give(
    server: &Inner,
    request: &RefreshRequest,
    client: &Authenticated<Client>,
    context: &RequestContext,
    now: Timestamp,
    who: &mut Who,
) -> Result<(Given, Shown), Error> {
    let presented = server.refresh_settings.read(&request.refresh_token).ok_or(Refusal::RefreshUnknown)?;
    let refresh = Refresh { server, request, client, context, presented, now };
    for _ in 0..TRIES {
        if let Some(given) = refresh.attempt(who).await? {
            return Ok(given);
        }
    }
    Err(Fault::Contended.into())
}

/// One request for more tokens.
struct Refresh<'a> {
    server: &'a Inner,
    request: &'a RefreshRequest,
    client: &'a Authenticated<Client>,
    context: &'a RequestContext,
    presented: PresentedRefresh<'a>,
    now: Timestamp,
}

/// A family as it was loaded for one attempt.
struct Loaded {
    family: FamilyRecord,
    state: RefreshState,
    key: Option<std::sync::Arc<DeriveKey>>,
    /// The request's reading of the clock, not before the family's last one.
    now: Timestamp,
}

/// The step that the commit takes.
enum Step {
    Rotate { token: RefreshToken, digest: TokenDigest, salt: Salt, idle_expires_at: Timestamp },
    Retry { token: RefreshToken },
    Keep { idle_expires_at: Timestamp },
}

impl Refresh<'_> {
    /// `None` when others changed the family between the decision and the commit (row 15).
    async fn attempt(&self, who: &mut Who) -> Result<Option<(Given, Shown)>, Error> {
        let found = self.server.stores.grants.find_by_handle(self.presented.handle()).await?;
        let FoundFamily { family, standing } = found.ok_or(Refusal::RefreshUnknown)?;
        let state = family.refresh.clone().ok_or_else(|| StoreError::corrupt("a family lost its refresh state"))?;
        let key = self.server.keys.family_key(&state.key_id, self.now).await.map_err(Fault::from)?;
        let now = self.now.max(family.seen_at);
        let at_mark = self.server.clock.judging(now, family.seen_at);
        let loaded = Loaded { family, state, key, now };
        let presented = self.relation(&loaded);
        if presented != Presented::Forged {
            who.subject = Some(loaded.family.subject.clone());
        }
        let registered = self.client.who();
        let policy = rotation::effective(registered, self.server.grant_settings.static_for_public);
        let judged = rotation::judge(Facts {
            presented,
            client: &registered.id,
            binding: self.client.binding(),
            family: &loaded.family,
            refresh: &loaded.state,
            standing,
            policy,
            now: loaded.now,
            at_mark,
        });
        let allowed = match judged {
            Ok(allowed) => allowed,
            Err(Denied { why, ends_family }) => {
                if ends_family {
                    self.end(&loaded, why).await?;
                }
                return Err(why.into());
            }
        };
        let (grant, facts) = self.decide(&loaded).await?;
        let step = self.step(&loaded, allowed, policy)?;
        let additions = self.server.additions(self.context, &grant, &facts).await?;
        let mut access = self.server.mint(&grant, &additions, self.now).await?;
        let id_token = self.server.mint_id_token(&grant, self.now).await?;
        let record = access.record.take();
        let is_retry = matches!(step, Step::Retry { .. });
        let Some(refresh) = self.commit(&loaded, step, record).await? else { return Ok(None) };
        self.tell(&loaded, is_retry)?;
        self.server.audit_issued(&grant, &additions, &access, self.context, self.now)?;
        let shown = Shown { scope: grant.scope, members: additions.members, lifetime: grant.lifetime };
        Ok(Some((Given { access, refresh, id_token }, shown)))
    }

    fn relation(&self, loaded: &Loaded) -> Presented {
        let (digest, state) = (self.presented.digest(), &loaded.state);
        if digest == state.current_digest {
            Presented::Current
        } else if state.previous_digest.is_some_and(|previous| digest == previous) {
            Presented::Predecessor
        } else {
            let ours = |key| self.server.refresh_settings.is_ours(key, &self.presented);
            if loaded.key.as_deref().is_some_and(ours) { Presented::Older } else { Presented::Forged }
        }
    }

    /// Ends the family: it lay idle, or a spent token of it came back.
    async fn end(&self, loaded: &Loaded, why: Refusal) -> Result<(), Error> {
        let family = loaded.family.id;
        let why = if why == Refusal::RefreshIdle { RevokedWhy::Expired } else { RevokedWhy::Replay };
        match self.server.stores.grants.revoke_family(&family, why, loaded.now).await? {
            RevokeFamily::Revoked => {
                let client = Some(loaded.family.client.clone());
                let subject = Some(loaded.family.subject.clone());
                let what = What::FamilyRevoked { family, why };
                Ok(self.server.audit(self.now, self.context, client, subject, what)?)
            }
            RevokeFamily::AlreadyRevoked | RevokeFamily::Unknown => Ok(()),
        }
    }

    /// Steps 11 and 12, and the id token that the request may hold.
    async fn decide(&self, loaded: &Loaded) -> Result<(ValidatedGrant, crate::token::HostFacts), Error> {
        let (server, family, asked) = (self.server, &loaded.family, &self.request.asked);
        let user = server.stores.users.find_by_subject(&family.subject).await?;
        let principal = Principal::User { subject: family.subject.clone(), client: family.client.clone() };
        let wanted = FactsRequest {
            grant: GrantTypes::REFRESH_TOKEN,
            client: self.client.who(),
            principal: &principal,
            scope: asked.scope.as_ref(),
            resource: &asked.resource,
        };
        let facts = server.facts(self.context, &wanted).await?;
        let grant = refresh_token::decide(asked, self.client, family, user, loaded.now, &server.grant_settings)?;
        if let Some(hint) = &self.request.id_token_hint {
            let keys = server.keys.fresh(self.now).await.map_err(Fault::from)?;
            id_token::check_hint(hint, &server.issuer, &family.client, &family.subject, &keys)?;
        }
        Ok((grant, facts))
    }

    /// What the commit will do; derives the successor (rows 6, 8 to 11, 14).
    fn step(&self, loaded: &Loaded, allowed: Allowed, policy: crate::store::RefreshPolicy) -> Result<Step, Error> {
        let Loaded { family, state, key, now } = loaded;
        let settings = &self.server.refresh_settings;
        let idle = self.client.who().refresh.idle.unwrap_or(self.server.grant_settings.idle);
        let idle_expires_at = rotation::idle_end(*now, idle, family.absolute_expires_at);
        match allowed {
            Allowed::Keep => Ok(Step::Keep { idle_expires_at }),
            Allowed::Rotate => {
                let key = key.as_deref().ok_or(Refusal::RefreshRetryUnavailable)?;
                let mut bytes = [0; 32];
                self.server.entropy.fill(&mut bytes).map_err(Fault::from)?;
                let expires_at = rotation::window(policy).map_or(*now, |window| now.plus(window));
                let generation = state.generation.saturating_add(1);
                let (token, digest) = settings.successor(key, &family.id, generation, &bytes, &self.presented);
                Ok(Step::Rotate { token, digest, salt: Salt { bytes, expires_at }, idle_expires_at })
            }
            Allowed::Retry => {
                rotation::admit_retry(state)?;
                let (Some(key), Some(salt)) = (key.as_deref(), &state.salt) else {
                    return Err(Refusal::RefreshRetryUnavailable.into());
                };
                let (token, digest) =
                    settings.successor(key, &family.id, state.generation, &salt.bytes, &self.presented);
                if digest == state.current_digest { Ok(Step::Retry { token }) } else { Err(Fault::Derivation.into()) }
            }
        }
    }

    /// The one atomic store call; `None` when the family is not as it was judged.
    async fn commit(
        &self,
        loaded: &Loaded,
        step: Step,
        access_token: Option<crate::store::AccessTokenRecord>,
    ) -> Result<Option<GivenRefresh>, StoreError> {
        let (grants, family, now) = (&self.server.stores.grants, loaded.family.id, loaded.now);
        let current = loaded.state.current_digest;
        let (refreshed, given) = match step {
            Step::Rotate { token, digest: successor, salt, idle_expires_at } => {
                let rotate = Rotate { family, current, successor, salt, idle_expires_at, now, access_token };
                (grants.rotate(rotate).await?, GivenRefresh::New(token))
            }
            Step::Retry { token } => {
                let retry = Retry { family, current, limit: MAX_RETRIES, now, access_token };
                (grants.retry(retry).await?, GivenRefresh::New(token))
            }
            Step::Keep { idle_expires_at } => {
                let presented = Zeroizing::new(self.request.refresh_token.as_str().to_owned());
                let extend = Extend { family, current, idle_expires_at, now, access_token };
                (grants.extend(extend).await?, GivenRefresh::Stays(RefreshToken::new(presented.to_string())))
            }
        };
        Ok(match refreshed {
            Refreshed::Done => Some(given),
            Refreshed::Moved => None,
        })
    }

    fn tell(&self, loaded: &Loaded, is_retry: bool) -> Result<(), Fault> {
        let (client, subject) = (Some(loaded.family.client.clone()), Some(loaded.family.subject.clone()));
        let family = loaded.family.id;
        let what = What::Refreshed { family, is_retry };
        self.server.audit(self.now, self.context, client.clone(), subject.clone(), what)?;
        match rotation::notable_streak(&loaded.state).filter(|_| is_retry) {
            Some(streak) => {
                self.server.audit(self.now, self.context, client, subject, What::RetryStreak { family, streak })
            }
            None => Ok(()),
        }
    }
}
