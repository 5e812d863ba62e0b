//! For resource servers: is this access token good, for us, now? (RFC 9068 §4, RFC 6750 §3)

use std::fmt;
use std::sync::Arc;

use super::VerifiedAccess;
use super::published_keys::{FetchJwks, PublishedKeys};
use crate::error::{Error, Fault, Refusal};
use crate::jose::jws::{self, CompactJws};
use crate::jose::{InvalidJwkSet, JwkSet};
use crate::keys::Keyring;
use crate::server::ServerClock;
use crate::store::{FoundAccessToken, GrantStore, Standing, TokenProfile};
use crate::time::{Clock, SystemClock};
use crate::types::{Audience, Timestamp, TokenDigest};

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
        if token.len() > jws::MAX_LEN {
            return Err(Refusal::TokenMalformed.into());
        }
        let now = self.0.clock.now();
        // a compact JWS has dots, an opaque token has none
        let access =
            if token.contains('.') { self.0.verify_jwt(token, now).await? } else { self.0.look_up(token).await? };
        if self.0.clock.judging(now, access.issued_at()) >= access.expires_at() {
            return Err(Refusal::TokenExpired.into());
        }
        if !access.audience().contains(&self.0.audience) {
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
        let kid = jws.kid().ok_or(Refusal::TokenMalformed)?;
        if !self.profile.is_typ(jws.typ()) {
            return Err(Refusal::TokenMalformed.into());
        }
        let payload = self.keys.verify(kid, &jws, now).await?;
        let access = VerifiedAccess::from_payload(payload, &self.issuer, &self.profile, now)?;
        require_bearer(&access)?;
        if let Some(grants) = &self.grants {
            self.check_standing(grants.as_ref(), &access).await?;
        }
        Ok(access)
    }

    async fn check_standing(&self, grants: &dyn GrantStore, access: &VerifiedAccess) -> Result<(), Error> {
        match grants.standing(&access.standing_query()).await? {
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
        let access = VerifiedAccess::from_record(token)?;
        require_bearer(&access)?;
        Ok(access)
    }
}

/// RFC 9449 §7.2: a token that is bound to a key is worth nothing as a bearer token.
fn require_bearer(access: &VerifiedAccess) -> Result<(), Refusal> {
    if access.confirmation().is_some() { Err(Refusal::TokenBound) } else { Ok(()) }
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
