//! Id tokens in their minimal form (OpenID Connect Core §2): minted by the core only, when a user's grant includes
//! `openid`; and read again as a hint (§3.1.2.1 there).

use serde::Serialize;

use crate::error::{Fault, Refusal};
use crate::grant::ValidatedGrant;
use crate::jose::jws::CompactJws;
use crate::jose::{Alg, json};
use crate::keys::KeySet;
use crate::store::Principal;
use crate::types::{ClientId, IdToken, Issuer, Subject, Timestamp};

/// The header's `typ`; access tokens of the same issuer never have it.
pub(crate) const TYP: &str = "JWT";

#[derive(Serialize)]
struct IdTokenClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
}

/// Mints and signs; `None` when the grant comes without one.
///
/// # Errors
/// [`Fault`] when the signer fails.
pub(crate) async fn mint(
    grant: &ValidatedGrant,
    alg: Option<Alg>,
    issuer: &Issuer,
    keys: &KeySet,
    now: Timestamp,
) -> Result<Option<IdToken>, Fault> {
    let (Some(alg), true, Principal::User { subject, client }) = (alg, grant.identity, &grant.principal) else {
        return Ok(None);
    };
    let claims = IdTokenClaims {
        iss: issuer.as_str(),
        sub: subject.as_str(),
        aud: client.as_str(),
        exp: now.plus(grant.lifetime).seconds(),
        iat: now.seconds(),
        auth_time: grant.auth.as_ref().map(|auth| auth.auth_time.seconds()),
        nonce: grant.nonce.as_deref(),
    };
    let payload = serde_json::to_vec(&claims).map_err(|error| Fault::Signing(error.to_string()))?;
    Ok(Some(IdToken::new(keys.signer(alg)?.sign(Some(TYP), &payload).await?)))
}

/// Whether an id token that came back names this user to this client: signed by a key of ours, also one that is not
/// listed any more. How old it is plays no part.
///
/// # Errors
/// [`Refusal::IdTokenHint`].
pub(crate) fn check_hint(
    hint: &str,
    issuer: &Issuer,
    client: &ClientId,
    subject: &Subject,
    keys: &KeySet,
) -> Result<(), Refusal> {
    let hinted = read_hint(hint, issuer, client, keys)?;
    if hinted == *subject { Ok(()) } else { Err(Refusal::IdTokenHint) }
}

/// Whom an id token that came back names: one of ours, for this client, however old.
///
/// # Errors
/// [`Refusal::IdTokenHint`].
pub(crate) fn read_hint(hint: &str, issuer: &Issuer, client: &ClientId, keys: &KeySet) -> Result<Subject, Refusal> {
    let subject = || -> Option<Subject> {
        let jws = CompactJws::parse(hint).ok()?;
        let key = keys.find_for_hint(jws.kid()?)?;
        let claims = json::object(jws.verify(key).ok()?, json::Limits::CLAIMS).ok()?;
        let text = |name| json::text(&claims, name).ok().flatten();
        let ours = jws.typ() == Some(TYP) && text("iss") == Some(issuer.as_str());
        if ours && text("aud") == Some(client.as_str()) { Subject::parse(text("sub")?).ok() } else { None }
    };
    subject().ok_or(Refusal::IdTokenHint)
}
