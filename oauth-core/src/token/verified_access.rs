//! An access token as it was read: the claims of a JWT whose signature is proved, or the row of an opaque one.

use serde_json::{Map, Value};

use super::access_token::{read_extra, read_token_id};
use super::claims::{Confirmation, numeric_date};
use crate::error::Refusal;
use crate::jose::json;
use crate::store::{AccessTokenRecord, OptionalClaim, Principal, RevokeToken, StandingQuery, StoreError, TokenProfile};
use crate::types::{Audience, ClientId, FamilyId, Lifetime, Scope, Subject, Timestamp, TokenDigest, TokenId};

/// How far ahead of ours the clock of the server that issued a token may be.
const ISSUED_AHEAD: Lifetime = Lifetime::of_seconds(5);

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
    /// `cnf` (RFC 7800 §3.1): the key that its bearer must prove.
    confirmation: Option<Map<String, Value>>,
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
    /// Reads the payload of a JWT whose signature is proved.
    ///
    /// # Errors
    /// [`Refusal::TokenMalformed`], [`Refusal::TokenNotOurs`]: what is missing or of a wrong type is malformed, never
    /// absent.
    pub(crate) fn from_payload(
        payload: &[u8],
        issuer: &str,
        profile: &TokenProfile,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let claims = json::object(payload, json::Limits::CLAIMS).map_err(|_| Refusal::TokenMalformed)?;
        Self::from_claims(claims, issuer, profile, now)
    }

    fn from_claims(
        mut claims: Map<String, Value>,
        issuer: &str,
        profile: &TokenProfile,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let malformed = Refusal::TokenMalformed;
        if text(&claims, "iss")? != Some(issuer) {
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
            None if profile.has(claim) => Err(malformed),
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
        let confirmation = match claims.remove("cnf") {
            None => None,
            Some(Value::Object(confirmation)) => Some(confirmation),
            Some(_) => return Err(malformed),
        };
        claims.retain(|name, _| !super::RESERVED_CLAIMS.contains(&name.as_str()));
        Ok(Self {
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
            confirmation,
            client,
            subject,
            handle: Handle::Jwt,
        })
    }

    /// Reads the row of an opaque token.
    ///
    /// # Errors
    /// [`StoreError`] when the row holds what we never wrote.
    pub(crate) fn from_record(token: AccessTokenRecord) -> Result<Self, StoreError> {
        let kept =
            read_extra(&token.extra).ok_or_else(|| StoreError::corrupt("an access token's `extra` does not parse"))?;
        Ok(Self {
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
            confirmation: Confirmation::of(token.binding).map(|confirmation| confirmation.to_members()),
        })
    }

    /// What the store is asked of a JWT.
    pub(crate) fn standing_query(&self) -> StandingQuery {
        StandingQuery {
            id: self.id.clone(),
            family: self.family,
            client: self.client.clone(),
            subject: self.subject.clone(),
            issued_at: self.issued_at,
        }
    }

    /// How the token is taken back; `None` for a JWT whose profile leaves out `jti`.
    pub(crate) fn revocation(&self) -> Option<RevokeToken> {
        match &self.handle {
            Handle::Opaque(digest) => Some(RevokeToken::Opaque { digest: *digest }),
            Handle::Jwt => self.id.clone().map(|id| RevokeToken::Jwt { id, expires_at: self.expires_at }),
        }
    }

    /// The client that got it, where the token says so.
    pub(crate) const fn client(&self) -> Option<&ClientId> {
        self.client.as_ref()
    }

    /// The user that it names.
    pub(crate) const fn subject(&self) -> Option<&Subject> {
        self.subject.as_ref()
    }

    /// What a hook added.
    pub(crate) const fn additions(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// `cnf`: the key that its bearer must prove.
    pub(crate) const fn confirmation(&self) -> Option<&Map<String, Value>> {
        self.confirmation.as_ref()
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

/// A text claim; another type is malformed.
fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Refusal> {
    json::text(claims, name).map_err(|_| Refusal::TokenMalformed)
}
