//! Mints access tokens: JWT (RFC 9068) or opaque.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json as value};

use super::claims::{AccessTokenClaims, Actor, Confirmation};
use super::hook::TokenAdditions;
use super::id_token;
use crate::error::Fault;
use crate::grant::ValidatedGrant;
use crate::jose::json;
use crate::keys::KeySet;
use crate::random::Entropy;
use crate::store::{AccessTokenFormat, AccessTokenRecord, Extra, OptionalClaim, Principal, TokenProfile};
use crate::types::{AccessToken, FamilyId, Issuer, Timestamp, TokenDigest, TokenId};

/// The claims that a token may have: such that the whole token stays within [`jws::MAX_LEN`](crate::jose::jws::MAX_LEN).
const CLAIMS: json::Limits = json::Limits { bytes: 8 * 1024, ..json::Limits::CLAIMS };
const TOO_LARGE: Fault = Fault::Additions("at most 8 KiB of claims, nested at most 6 deep");

/// Room for the claims of most tokens, in bytes; more grows.
const USUAL_PAYLOAD: usize = 512;

/// The server's settings that a token is minted by.
#[derive(Debug)]
pub(crate) struct MintSettings {
    pub(crate) issuer: Issuer,
    pub(crate) opaque_prefix: String,
    /// Whether the issuer mints id tokens too.
    pub(crate) id_tokens: bool,
}

/// A token that exists, but is not recorded yet.
pub(crate) struct Minted {
    pub(crate) token: AccessToken,
    pub(crate) id: TokenId,
    pub(crate) expires_at: Timestamp,
    /// What must be stored before the token may be shown; a JWT needs nothing.
    pub(crate) record: Option<AccessTokenRecord>,
}

/// Mints and signs.
///
/// # Errors
/// [`Fault`] when the random source or the signer fails, or a hook added more than a record holds.
pub(crate) async fn mint(
    grant: &ValidatedGrant,
    additions: &TokenAdditions,
    settings: &MintSettings,
    keys: &KeySet,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<Minted, Fault> {
    let id = token_id(grant.family, now, entropy)?;
    let expires_at = now.plus(grant.lifetime);
    match &grant.format {
        // a client may have been registered before the server began to make id tokens
        AccessTokenFormat::Jwt { profile, .. } if settings.id_tokens && profile.typ() == Some(id_token::TYP) => {
            Err(Fault::Signing(format!("client `{}` has access tokens that look like id tokens", grant.client.id)))
        }
        AccessTokenFormat::Jwt { alg, profile } => {
            let claims = claims(grant, profile, additions, settings, &id, now, expires_at);
            let mut payload = Vec::with_capacity(USUAL_PAYLOAD);
            serde_json::to_writer(&mut payload, &claims).map_err(|error| Fault::Signing(error.to_string()))?;
            // what is larger or deeper than our own verifier reads must not be issued
            if !additions.claims.is_empty() {
                json::object(&payload, CLAIMS).map_err(|_| TOO_LARGE)?;
            }
            let token = AccessToken::new(keys.signer(*alg)?.sign(profile.typ(), &payload).await?);
            Ok(Minted { token, id, expires_at, record: None })
        }
        AccessTokenFormat::Opaque => {
            let token = opaque(&settings.opaque_prefix, entropy)?;
            let record = AccessTokenRecord {
                digest: TokenDigest::of(token.expose().as_bytes()),
                id: id.clone(),
                family: grant.family,
                principal: grant.principal.clone(),
                scope: grant.scope.scope().clone(),
                audience: grant.audience.clone(),
                resource: grant.resource.clone(),
                binding: grant.binding,
                auth: grant.auth.clone(),
                issued_at: now,
                expires_at,
                extra: to_extra(&additions.claims, grant.impersonation)?,
            };
            Ok(Minted { token, id, expires_at, record: Some(record) })
        }
    }
}

fn claims<'a>(
    grant: &'a ValidatedGrant,
    profile: &TokenProfile,
    additions: &'a TokenAdditions,
    settings: &'a MintSettings,
    id: &'a TokenId,
    now: Timestamp,
    expires_at: Timestamp,
) -> AccessTokenClaims<'a> {
    let sub = match &grant.principal {
        Principal::User { subject, .. } => Some(subject.as_str()),
        Principal::Client { client } => profile.has(OptionalClaim::Sub).then_some(client.as_str()),
    };
    AccessTokenClaims {
        iss: settings.issuer.as_str(),
        sub,
        aud: &grant.audience,
        exp: expires_at.seconds(),
        iat: now.seconds(),
        jti: profile.has(OptionalClaim::Jti).then_some(id.as_str()),
        client_id: profile.has(OptionalClaim::ClientId).then(|| grant.principal.client().as_str()),
        scope: profile.has(OptionalClaim::Scope).then(|| grant.scope.scope().as_str()),
        auth_time: grant.auth.as_ref().map(|auth| auth.auth_time.seconds()),
        cnf: Confirmation::of(grant.binding),
        act: grant.impersonation.then(|| Actor { sub: grant.principal.client().as_str() }),
        additions: &additions.claims,
    }
}

/// 256 random bits behind the configured prefix.
fn opaque(prefix: &str, entropy: &dyn Entropy) -> Result<AccessToken, Fault> {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    entropy.fill(bytes.as_mut())?;
    let mut text = String::with_capacity(prefix.len() + 43);
    text.push_str(prefix);
    URL_SAFE_NO_PAD.encode_string(bytes.as_ref(), &mut text);
    Ok(AccessToken::new(text))
}

/// The `jti`: the family (if there is one), a dot, and a time-ordered UUID whose milliseconds are the time of issue.
fn token_id(family: Option<FamilyId>, now: Timestamp, entropy: &dyn Entropy) -> Result<TokenId, Fault> {
    let unlawful = |error: &dyn std::fmt::Display| Fault::Signing(error.to_string());
    let mut own = [0; 22];
    URL_SAFE_NO_PAD.encode_slice(time_ordered(now, entropy)?, &mut own).map_err(|error| unlawful(&error))?;
    let own = std::str::from_utf8(&own).map_err(|error| unlawful(&error))?;
    let id = match family {
        None => TokenId::parse(own),
        Some(family) => TokenId::parse(&format!("{}.{own}", URL_SAFE_NO_PAD.encode(family.as_bytes()))),
    };
    // base64url and one dot are inside every TokenId's set
    id.map_err(|error| unlawful(&error))
}

/// Sixteen bytes of a UUID version 7 (RFC 9562 §5.7).
pub(crate) fn time_ordered(now: Timestamp, entropy: &dyn Entropy) -> Result<[u8; 16], Fault> {
    let mut random = [0; 10];
    entropy.fill(&mut random)?;
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().into_bytes())
}

/// Family and time of issue that a `jti` of ours tells; `None` when it is none of ours.
pub(crate) fn read_token_id(id: &str) -> Option<(Option<FamilyId>, Timestamp)> {
    let (family, own) = match id.split_once('.') {
        Some((family, own)) => (Some(FamilyId::from_bytes(sixteen(family)?)), own),
        None => (None, id),
    };
    let own = uuid::Uuid::from_bytes(sixteen(own)?);
    let (seconds, nanos) = own.get_timestamp()?.to_unix();
    let millis = i64::try_from(seconds).ok()?.checked_mul(1000)?.checked_add(i64::from(nanos / 1_000_000))?;
    Some((family, Timestamp::from_millis(millis)))
}

fn sixteen(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let written = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    (written == bytes.len()).then_some(bytes)
}

/// What an opaque token's record says beside its columns.
#[derive(Debug, Default)]
pub(crate) struct KeptClaims {
    /// What a hook added.
    pub(crate) claims: Map<String, Value>,
    /// Whether its client acts in the user's name.
    pub(crate) impersonation: bool,
}

fn to_extra(claims: &Map<String, Value>, impersonation: bool) -> Result<Extra, Fault> {
    if claims.is_empty() && !impersonation {
        return Ok(Extra::default());
    }
    let bytes = value!({ "v": 1, "claims": claims, "impersonation": impersonation }).to_string().into_bytes();
    json::object(&bytes, CLAIMS).map_err(|_| TOO_LARGE)?;
    Extra::from_bytes(bytes).map_err(|_| TOO_LARGE)
}

/// Reads it back; `None` when the record holds something else.
pub(crate) fn read_extra(extra: &Extra) -> Option<KeptClaims> {
    if extra.as_bytes().is_empty() {
        return Some(KeptClaims::default());
    }
    let mut value: Value = serde_json::from_slice(extra.as_bytes()).ok()?;
    let impersonation = value.get("impersonation").and_then(Value::as_bool)?;
    match (value.get("v").and_then(Value::as_u64), value.get_mut("claims").map(Value::take)) {
        (Some(1), Some(Value::Object(claims))) => Some(KeptClaims { claims, impersonation }),
        _ => None,
    }
}
