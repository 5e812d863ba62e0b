//! For resource servers: is this access token good, for us, now? (RFC 9068 §4, RFC 6750 §3)

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::access_token::{read_extra, read_token_id};
use super::claims::numeric_date;
use super::published_keys::{FetchJwks, PublishedKeys};
use crate::error::{Error, Fault, Refusal};
use crate::jose::jws::CompactJws;
use crate::jose::{InvalidJwkSet, JwkSet, json};
use crate::keys::Keyring;
use crate::server::ServerClock;
use crate::store::{
    Binding, FoundAccessToken, GrantStore, OptionalClaim, Principal, RevokeToken, Standing, StandingQuery, StoreError,
    TokenProfile,
};
use crate::time::{Clock, SystemClock};
use crate::types::{Audience, ClientId, FamilyId, Lifetime, Scope, Subject, Timestamp, TokenDigest, TokenId};

/// How far ahead of ours the clock of the server that issued a token may be.
const ISSUED_AHEAD: Lifetime = Lifetime::of_seconds(5);
/// Verifies access tokens of one issuer for one audience. Cheap to clone.
///
/// In the server's own process it comes from [`AuthorizationServer::verifier`](crate::AuthorizationServer::verifier):
/// then it also knows opaque tokens, revoked families, cutoffs and revoked keys. Elsewhere it comes from
/// [`TokenVerifier::builder`] and knows what the JWT and the issuer's published keys say.
#[derive(Clone)]
pub struct TokenVerifier(Arc<Verifier>);

struct Verifier {
    issuer: String,
    audience: Audience,
    profile: TokenProfile,
    keys: KeySource,
    clock: VerifierClock,
    grants: Option<Arc<dyn GrantStore>>,
}

enum VerifierClock {
    Own(Arc<ServerClock>),
    Host(Arc<dyn Clock>),
}

impl VerifierClock {
    fn now(&self) -> Timestamp {
        match self {
            Self::Own(clock) => clock.now(),
            Self::Host(clock) => clock.now(),
        }
    }

    fn judging(&self, now: Timestamp, issued_at: Timestamp) -> Timestamp {
        match self {
            Self::Own(clock) => clock.judging(now, issued_at),
            Self::Host(_) => now,
        }
    }
}

enum KeySource {
    Own(Arc<Keyring>),
    Published(PublishedKeys),
}

/// An access token that was verified: who asks, and for what.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedAccess {
    principal: Option<Principal>,
    scope: Scope,
    audience: Vec<Audience>,
    issued_at: Timestamp,
    expires_at: Timestamp,
    id: Option<TokenId>,
    family: Option<FamilyId>,
    auth_time: Option<Timestamp>,
    actor: Option<ClientId>,
    claims: Map<String, Value>,
    /// What the token says of its client and user, also where that makes no principal.
    client: Option<ClientId>,
    subject: Option<Subject>,
    handle: Handle,
}

/// What is needed to take the token back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Handle {
    /// A JWT, by its `jti`.
    Jwt,
    /// An opaque token, by its digest.
    Opaque(TokenDigest),
}

impl VerifiedAccess {
    /// How the token is taken back; `None` for a JWT whose profile leaves out `jti`.
    pub(crate) fn revocation(&self) -> Option<RevokeToken> {
        match &self.handle {
            Handle::Opaque(digest) => Some(RevokeToken::Opaque { digest: *digest }),
            Handle::Jwt => self.id.clone().map(|id| RevokeToken::Jwt { id, expires_at: self.expires_at }),
        }
    }

    /// Who the token speaks for; `None` when its legacy profile leaves that out.
    #[must_use]
    pub const fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }

    /// What it allows.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// For whom it is.
    #[must_use]
    pub fn audience(&self) -> &[Audience] {
        &self.audience
    }

    /// When it was issued.
    #[must_use]
    pub const fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// When it ends.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Its `jti`.
    #[must_use]
    pub const fn id(&self) -> Option<&TokenId> {
        self.id.as_ref()
    }

    /// Its family, if it belongs to one.
    #[must_use]
    pub const fn family(&self) -> Option<FamilyId> {
        self.family
    }

    /// When the user signed in for it; `None` when nobody did, or it speaks for a client.
    #[must_use]
    pub const fn auth_time(&self) -> Option<Timestamp> {
        self.auth_time
    }

    /// The client that acts in the user's name without the user (RFC 8693 §4.1).
    #[must_use]
    pub const fn actor(&self) -> Option<&ClientId> {
        self.actor.as_ref()
    }

    /// A claim that is not the protocol's own, such as one that a `TokenHook` added.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// Whether it allows every scope of this list.
    ///
    /// # Errors
    /// [`Refusal::TokenScope`], which is answered 403 `insufficient_scope`.
    pub fn require_scopes<'a>(&self, scopes: impl IntoIterator<Item = &'a str>) -> Result<(), Refusal> {
        if scopes.into_iter().all(|scope| self.scope.contains(scope)) { Ok(()) } else { Err(Refusal::TokenScope) }
    }

    /// The user that it speaks for. A client's own token has none, whatever its id looks like.
    ///
    /// # Errors
    /// [`Refusal::TokenUserRequired`], which is answered 403.
    pub fn require_user(&self) -> Result<&Subject, Refusal> {
        self.principal.as_ref().and_then(Principal::subject).ok_or(Refusal::TokenUserRequired)
    }

    /// The user that it speaks for, who signed in for it: not a client that acts in the user's name.
    ///
    /// # Errors
    /// [`Refusal::TokenUserRequired`], [`Refusal::TokenSignInRequired`]; both are answered 403.
    pub fn require_signed_in(&self) -> Result<&Subject, Refusal> {
        let subject = self.require_user()?;
        if self.actor.is_none() && self.auth_time.is_some() { Ok(subject) } else { Err(Refusal::TokenSignInRequired) }
    }
}

/// Gathers what a [`TokenVerifier`] outside the server's process needs.
pub struct TokenVerifierBuilder {
    issuer: String,
    audience: Audience,
    profile: TokenProfile,
    set: JwkSet,
    fetch: Option<FetchJwks>,
    clock: Arc<dyn Clock>,
}

impl TokenVerifierBuilder {
    /// Fetches a newer key set when a token names a key that is not in the present one, and when that is ten minutes
    /// old; at most once a minute.
    #[must_use]
    pub fn fetch_with(mut self, fetch: FetchJwks) -> Self {
        self.fetch = Some(fetch);
        self
    }

    /// Reads the time from another clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The verifier.
    #[must_use]
    pub fn build(self) -> TokenVerifier {
        let now = self.clock.now();
        TokenVerifier(Arc::new(Verifier {
            issuer: self.issuer,
            audience: self.audience,
            profile: self.profile,
            keys: KeySource::Published(PublishedKeys::new(self.set, self.fetch, now)),
            clock: VerifierClock::Host(self.clock),
            grants: None,
        }))
    }
}

impl fmt::Debug for TokenVerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifierBuilder").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl TokenVerifier {
    /// A verifier outside the server's process: the exact `iss`, our own name in `aud`, the form of the tokens, and
    /// the issuer's JWK set as text. Nothing has a default of "any".
    ///
    /// # Errors
    /// [`InvalidJwkSet`] when the text is no JWK set.
    pub fn builder(
        issuer: &str,
        audience: Audience,
        profile: TokenProfile,
        jwks: &str,
    ) -> Result<TokenVerifierBuilder, InvalidJwkSet> {
        Ok(TokenVerifierBuilder {
            issuer: issuer.to_owned(),
            audience,
            profile,
            set: JwkSet::parse(jwks)?,
            fetch: None,
            clock: Arc::new(SystemClock),
        })
    }

    pub(crate) fn in_process(
        issuer: &str,
        audience: Audience,
        profile: TokenProfile,
        keys: Arc<Keyring>,
        grants: Arc<dyn GrantStore>,
        clock: Arc<ServerClock>,
    ) -> Self {
        Self(Arc::new(Verifier {
            issuer: issuer.to_owned(),
            audience,
            profile,
            keys: KeySource::Own(keys),
            clock: VerifierClock::Own(clock),
            grants: Some(grants),
        }))
    }

    /// Verifies an access token as a client presented it.
    ///
    /// # Errors
    /// [`Error::Refused`] when the token is not good (401), [`Error::Fault`] when that cannot be known (503).
    pub async fn verify(&self, token: &str) -> Result<VerifiedAccess, Error> {
        let now = self.0.clock.now();
        // a compact JWS has dots, an opaque token has none
        let access =
            if token.contains('.') { self.0.verify_jwt(token, now).await? } else { self.0.look_up(token).await? };
        if self.0.clock.judging(now, access.issued_at) >= access.expires_at {
            return Err(Refusal::TokenExpired.into());
        }
        if !access.audience.contains(&self.0.audience) {
            return Err(Refusal::TokenNotForUs.into());
        }
        Ok(access)
    }
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier")
            .field("issuer", &self.0.issuer)
            .field("audience", &self.0.audience)
            .finish_non_exhaustive()
    }
}

impl Verifier {
    async fn verify_jwt(&self, token: &str, now: Timestamp) -> Result<VerifiedAccess, Error> {
        let jws = CompactJws::parse(token).map_err(|_| Refusal::TokenMalformed)?;
        let typ_fits = match (self.profile.typ(), jws.typ()) {
            // RFC 9068 §4: "at+jwt" or "application/at+jwt"; media types ignore case
            (Some(wanted), Some(typ)) => {
                typ.eq_ignore_ascii_case(wanted)
                    || typ.strip_prefix("application/").is_some_and(|typ| typ.eq_ignore_ascii_case(wanted))
            }
            (wanted, typ) => wanted == typ,
        };
        let kid = jws.kid().ok_or(Refusal::TokenMalformed)?;
        if !typ_fits {
            return Err(Refusal::TokenMalformed.into());
        }
        let payload = self.keys.verify(kid, &jws, now).await?;
        let claims = json::object(payload, json::Limits::CLAIMS).map_err(|_| Refusal::TokenMalformed)?;
        let access = self.read(claims, now)?;
        if let Some(grants) = &self.grants {
            self.check_standing(grants.as_ref(), &access).await?;
        }
        Ok(access)
    }

    /// Reads the claims; what is missing or of a wrong type is malformed, never absent.
    fn read(&self, mut claims: Map<String, Value>, now: Timestamp) -> Result<VerifiedAccess, Refusal> {
        let malformed = Refusal::TokenMalformed;
        // RFC 9449 §7.2: a token that is bound to a key is worth nothing as a bearer token
        if claims.contains_key("cnf") {
            return Err(Refusal::TokenBound);
        }
        if text(&claims, "iss")? != Some(self.issuer.as_str()) {
            return Err(Refusal::TokenNotOurs);
        }
        let audience = match claims.get("aud") {
            Some(Value::String(one)) => vec![Audience::parse(one).map_err(|_| malformed)?],
            Some(Value::Array(many)) => {
                let parse = |one: &Value| one.as_str().and_then(|one| Audience::parse(one).ok()).ok_or(malformed);
                many.iter().map(parse).collect::<Result<_, _>>()?
            }
            _ => return Err(malformed),
        };
        let expires_at = numeric_date(&claims, "exp").ok_or(malformed)?;
        let issued = numeric_date(&claims, "iat").ok_or(malformed)?;
        if issued > now.plus(ISSUED_AHEAD) {
            return Err(malformed);
        }
        let required = |name: &str, claim: OptionalClaim| match text(&claims, name)? {
            None if self.profile.has(claim) => Err(malformed),
            found => Ok(found.map(str::to_owned)),
        };
        let client = required("client_id", OptionalClaim::ClientId)?;
        let id = required("jti", OptionalClaim::Jti)?;
        let subject = required("sub", OptionalClaim::Sub)?;
        let client = client.map(|client| ClientId::parse(&client)).transpose().map_err(|_| malformed)?;
        // no user of ours has a subject that is a client's id: `issue` refuses it (RFC 9700 §4.15)
        let subject = subject.filter(|subject| client.as_ref().is_none_or(|client| client.as_str() != subject));
        let subject = subject.map(|subject| Subject::parse(&subject)).transpose().map_err(|_| malformed)?;
        let principal = client.clone().map(|client| match subject.clone() {
            None => Principal::Client { client },
            Some(subject) => Principal::User { subject, client },
        });
        let id = id.map(|id| TokenId::parse(&id).map_err(|_| malformed)).transpose()?;
        let scope = Scope::parse(text(&claims, "scope")?.unwrap_or("")).map_err(|_| malformed)?;
        let (family, issued_at) = match id.as_ref().and_then(|id| read_token_id(id.as_str())) {
            Some((family, at)) if at.seconds() == issued.seconds() => (family, at),
            _ => (None, issued),
        };
        let auth_time = json::integer(&claims, "auth_time").map_err(|_| malformed)?.map(Timestamp::from_seconds);
        let actor = match claims.get("act") {
            None => None,
            Some(Value::Object(act)) => {
                let sub = text(act, "sub")?.ok_or(malformed)?;
                Some(ClientId::parse(sub).map_err(|_| malformed)?)
            }
            Some(_) => return Err(malformed),
        };
        claims.retain(|name, _| !super::RESERVED_CLAIMS.contains(&name.as_str()));
        Ok(VerifiedAccess {
            principal,
            scope,
            audience,
            issued_at,
            expires_at,
            id,
            family,
            auth_time,
            actor,
            claims,
            client,
            subject,
            handle: Handle::Jwt,
        })
    }

    async fn check_standing(&self, grants: &dyn GrantStore, access: &VerifiedAccess) -> Result<(), Error> {
        let query = StandingQuery {
            id: access.id.clone(),
            family: access.family,
            client: access.client.clone(),
            subject: access.subject.clone(),
            issued_at: access.issued_at,
        };
        match grants.standing(&query).await? {
            Standing::Live => Ok(()),
            Standing::Revoked => Err(Refusal::TokenRevoked.into()),
        }
    }

    async fn look_up(&self, token: &str) -> Result<VerifiedAccess, Error> {
        let Some(grants) = &self.grants else { return Err(Refusal::TokenMalformed.into()) };
        let digest = TokenDigest::of(token.as_bytes());
        let Some(FoundAccessToken { token, standing }) = grants.find_access_token(&digest).await? else {
            return Err(Refusal::TokenNotOurs.into());
        };
        if standing == Standing::Revoked {
            return Err(Refusal::TokenRevoked.into());
        }
        if token.binding != Binding::None {
            return Err(Refusal::TokenBound.into());
        }
        let kept =
            read_extra(&token.extra).ok_or_else(|| StoreError::corrupt("an access token's `extra` does not parse"))?;
        Ok(VerifiedAccess {
            client: Some(token.principal.client().clone()),
            subject: token.principal.subject().cloned(),
            auth_time: token.auth.as_ref().map(|auth| auth.auth_time),
            actor: kept.impersonation.then(|| token.principal.client().clone()),
            handle: Handle::Opaque(token.digest),
            principal: Some(token.principal),
            scope: token.scope,
            audience: token.audience,
            issued_at: token.issued_at,
            expires_at: token.expires_at,
            id: Some(token.id),
            family: token.family,
            claims: kept.claims,
        })
    }
}

impl KeySource {
    /// The payload, when the signature is by the named key.
    async fn verify<'a>(&self, kid: &str, jws: &'a CompactJws<'_>, now: Timestamp) -> Result<&'a [u8], Error> {
        let refused = |_| Refusal::TokenNotOurs.into();
        match self {
            Self::Own(ring) => {
                let keys = ring.fresh(now).await.map_err(Fault::from)?;
                jws.verify(keys.find(kid).ok_or(Refusal::TokenNotOurs)?).map_err(refused)
            }
            Self::Published(published) => {
                let keys = published.with(kid, now).await?;
                jws.verify(keys.find(kid).ok_or(Refusal::TokenNotOurs)?).map_err(refused)
            }
        }
    }
}

/// A text claim; another type is malformed.
fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Refusal> {
    json::text(claims, name).map_err(|_| Refusal::TokenMalformed)
}
