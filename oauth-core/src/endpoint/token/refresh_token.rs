//! Steps 8 to 14 for a refresh token: load, judge by table 2, decide, derive, mint, commit.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{Ask, Decided, Shown};
use crate::audit::{What, Who};
use crate::error::{Error, Fault, Refusal};
use crate::grant::refresh_token::{self, RefreshRequest};
use crate::keys::DeriveKey;
use crate::policy::rotation::{self, Allowed, Denied, Facts, MAX_RETRIES, Presented};
use crate::policy::{Rule, Trace};
use crate::server::{Given, GivenRefresh, Inner};
use crate::store::{
    Extend, FamilyRecord, FoundFamily, GrantTypes, Principal, RefreshPolicy, RefreshState, Refreshed, Retry,
    RevokeFamily, RevokedWhy, Rotate, Salt, Standing, StoreError,
};
use crate::token::refresh_token::PresentedRefresh;
use crate::token::{FactsRequest, id_token};
use crate::types::{RefreshToken, Timestamp, TokenDigest};

/// How often a decision that others overtook is made again.
const TRIES: usize = 3;

pub(super) async fn give(ask: &Ask<'_>, request: &RefreshRequest, who: &mut Who) -> Result<(Given, Shown), Error> {
    let refresh = Refresh::read(ask, request)?;
    for _ in 0..TRIES {
        if let Some(given) = refresh.attempt(who).await? {
            return Ok(given);
        }
    }
    Err(Fault::Contended.into())
}

/// Steps 8 to 12, and whether the answer could be derived; changes nothing, whatever table 2 says.
pub(super) async fn explain(
    ask: &Ask<'_>,
    request: &RefreshRequest,
    who: &mut Who,
    trace: &mut Trace,
) -> Result<Decided, Error> {
    let refresh = Refresh::read(ask, request)?;
    let loaded = refresh.load(who).await?;
    let allowed = refresh.judge(&loaded, trace).map_err(|denied| denied.why)?;
    let decided = refresh.decide(&loaded, trace).await?;
    rotation::admit(allowed, &loaded.state, loaded.key.is_some())?;
    trace.passed(Rule::RefreshRetry);
    Ok(decided)
}

/// One request for more tokens.
struct Refresh<'a> {
    ask: &'a Ask<'a>,
    server: &'a Inner,
    request: &'a RefreshRequest,
    presented: PresentedRefresh<'a>,
}

/// A family as it was loaded for one attempt.
struct Loaded {
    family: FamilyRecord,
    state: RefreshState,
    standing: Standing,
    presented: Presented,
    key: Option<Arc<DeriveKey>>,
    /// The request's reading of the clock, not before the family's last one.
    now: Timestamp,
}

/// The step that the commit takes.
enum Step {
    Rotate { token: RefreshToken, digest: TokenDigest, salt: Salt, idle_expires_at: Timestamp },
    Retry { token: RefreshToken },
    Keep { idle_expires_at: Timestamp },
}

impl<'a> Refresh<'a> {
    fn read(ask: &'a Ask<'a>, request: &'a RefreshRequest) -> Result<Self, Refusal> {
        let server = ask.server;
        let presented = server.refresh_settings.read(&request.refresh_token).ok_or(Refusal::RefreshUnknown)?;
        Ok(Self { ask, server, request, presented })
    }

    /// `None` when others changed the family between the decision and the commit (row 15).
    async fn attempt(&self, who: &mut Who) -> Result<Option<(Given, Shown)>, Error> {
        let (context, now) = (self.ask.context, self.ask.now);
        let loaded = self.load(who).await?;
        let allowed = match self.judge(&loaded, &mut Trace::off()) {
            Ok(allowed) => allowed,
            Err(Denied { why, ends_family }) => {
                if ends_family {
                    self.end(&loaded, why).await?;
                }
                return Err(why.into());
            }
        };
        let Decided { grant, facts } = self.decide(&loaded, &mut Trace::off()).await?;
        let step = self.step(&loaded, allowed)?;
        let additions = self.server.additions(context, &grant, &facts).await?;
        let mut access = self.server.mint(&grant, &additions, now).await?;
        let id_token = self.server.mint_id_token(&grant, now).await?;
        let record = access.record.take();
        let is_retry = matches!(step, Step::Retry { .. });
        let Some(refresh) = self.commit(&loaded, step, record).await? else { return Ok(None) };
        self.tell(&loaded, is_retry)?;
        self.server.audit_issued(&grant, &additions, &access, context, now)?;
        Ok(Some((Given { access, refresh, id_token }, Shown::of(grant, additions))))
    }

    async fn load(&self, who: &mut Who) -> Result<Loaded, Error> {
        let found = self.server.stores.grants.find_by_handle(self.presented.handle()).await?;
        let FoundFamily { family, standing } = found.ok_or(Refusal::RefreshUnknown)?;
        let state = family.refresh.clone().ok_or_else(|| StoreError::corrupt("a family lost its refresh state"))?;
        let key = self.server.keys.family_key(&state.key_id, self.ask.clock).await.map_err(Fault::from)?;
        let presented = self.relation(&state, key.as_deref());
        if presented != Presented::Forged {
            who.subject = Some(family.subject.clone());
        }
        let now = self.ask.now.max(family.seen_at);
        Ok(Loaded { family, state, standing, presented, key, now })
    }

    /// Rows 1 to 4, 12 and 13, and which of 6, 8 and 14 is open.
    fn judge(&self, loaded: &Loaded, trace: &mut Trace) -> Result<Allowed, Denied> {
        let facts = Facts {
            presented: loaded.presented,
            client: &self.ask.client.who().id,
            binding: self.ask.client.binding(),
            family: &loaded.family,
            refresh: &loaded.state,
            standing: loaded.standing,
            policy: self.policy(),
            now: loaded.now,
            at_mark: self.server.clock.judging(loaded.now, loaded.family.seen_at),
        };
        let allowed = rotation::judge(facts)?;
        for rule in rotation::RULES {
            trace.passed(rule);
        }
        Ok(allowed)
    }

    fn policy(&self) -> RefreshPolicy {
        rotation::effective(self.ask.client.who(), self.server.grant_settings.static_for_public)
    }

    fn relation(&self, state: &RefreshState, key: Option<&DeriveKey>) -> Presented {
        let digest = self.presented.digest();
        if digest == state.current_digest {
            Presented::Current
        } else if state.previous_digest.is_some_and(|previous| digest == previous) {
            Presented::Predecessor
        } else {
            let ours = |key| self.server.refresh_settings.is_ours(key, &self.presented);
            if key.is_some_and(ours) { Presented::Older } else { Presented::Forged }
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
                Ok(self.server.audit(self.ask.now, self.ask.context, client, subject, what)?)
            }
            RevokeFamily::AlreadyRevoked | RevokeFamily::Unknown => Ok(()),
        }
    }

    /// Steps 11 and 12, and the id token that the request may hold.
    async fn decide(&self, loaded: &Loaded, trace: &mut Trace) -> Result<Decided, Error> {
        let (ask, server, family, asked) = (self.ask, self.server, &loaded.family, &self.request.asked);
        let user = server.stores.users.find_by_subject(&family.subject).await?;
        let principal = Principal::User { subject: family.subject.clone(), client: family.client.clone() };
        let wanted = FactsRequest {
            grant: GrantTypes::REFRESH_TOKEN,
            client: ask.client.who(),
            principal: &principal,
            scope: asked.scope.as_ref(),
            resource: &asked.resource,
        };
        let facts = server.facts(ask.context, &wanted).await?;
        let around = server.around(&facts, ask.context.peer, loaded.now);
        let grant = refresh_token::decide(asked, ask.client, family, user, &around, trace)?;
        if let Some(hint) = &self.request.id_token_hint {
            let keys = server.keys.fresh(ask.clock).await.map_err(Fault::from)?;
            id_token::check_hint(hint, &server.issuer, &family.client, &family.subject, &keys)?;
            trace.passed(Rule::IdTokenHint);
        }
        Ok(Decided { grant, facts })
    }

    /// What the commit will do; derives the successor (rows 6, 8 to 11, 14).
    fn step(&self, loaded: &Loaded, allowed: Allowed) -> Result<Step, Error> {
        let Loaded { family, state, key, now, .. } = loaded;
        rotation::admit(allowed, state, key.is_some())?;
        let settings = &self.server.refresh_settings;
        let idle = self.ask.client.who().refresh.idle.unwrap_or(self.server.grant_settings.idle);
        let idle_expires_at = rotation::idle_end(*now, idle, family.absolute_expires_at);
        match (allowed, key.as_deref(), &state.salt) {
            (Allowed::Keep, _, _) => Ok(Step::Keep { idle_expires_at }),
            (Allowed::Rotate, Some(key), _) => {
                let mut bytes = [0; 32];
                self.server.entropy.fill(&mut bytes).map_err(Fault::from)?;
                let expires_at = rotation::window(self.policy()).map_or(*now, |window| now.plus(window));
                let generation = state.generation.saturating_add(1);
                let (token, digest) = settings.successor(key, &family.id, generation, &bytes, &self.presented);
                Ok(Step::Rotate { token, digest, salt: Salt { bytes, expires_at }, idle_expires_at })
            }
            (Allowed::Retry, Some(key), Some(salt)) => {
                let (token, digest) =
                    settings.successor(key, &family.id, state.generation, &salt.bytes, &self.presented);
                if digest == state.current_digest { Ok(Step::Retry { token }) } else { Err(Fault::Derivation.into()) }
            }
            (Allowed::Rotate | Allowed::Retry, _, _) => Err(Refusal::RefreshRetryUnavailable.into()),
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
        self.server.audit(self.ask.now, self.ask.context, client.clone(), subject.clone(), what)?;
        match rotation::notable_streak(&loaded.state).filter(|_| is_retry) {
            Some(streak) => {
                self.server.audit(self.ask.now, self.ask.context, client, subject, What::RetryStreak { family, streak })
            }
            None => Ok(()),
        }
    }
}
