//! `authorization_code`: a user allowed it in a browser, and the client that asked brings the code (RFC 6749 §4.1.3).

use zeroize::Zeroizing;

use super::{Asked, GrantSettings, ValidatedGrant};
use crate::client_auth::Authenticated;
use crate::error::Refusal;
use crate::policy::pkce::{self, Challenge};
use crate::policy::resource;
use crate::policy::scope::{self, ScopeBounds};
use crate::store::{Binding, Client, CodeRecord, FoundCode, GrantTypes, Principal, Standing, User};
use crate::types::{FamilyId, ResourceUri, Timestamp};

/// What the client sent. `Debug` is not implemented: it holds the code.
pub(crate) struct CodeRequest {
    pub(crate) code: Zeroizing<String>,
    pub(crate) redirect_uri: Option<String>,
    pub(crate) verifier: Option<Zeroizing<String>>,
    pub(crate) asked: Asked,
}

/// What a code is good for, before anything else is asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// It can be redeemed.
    Good,
    /// It was redeemed before, and comes from whoever may redeem it: what it gave ends.
    Replayed(FamilyId),
}

/// Steps 9 and 10 of table 1: the code belongs to this client and key; redirect URI; PKCE; redeemed before; expired;
/// taken back. A replay counts only from whoever proves to be the one who asked: anybody else's changes nothing.
///
/// # Errors
/// A [`Refusal`]; nothing changes.
pub(crate) fn judge(
    found: &FoundCode,
    request: &CodeRequest,
    client: &Client,
    binding: Binding,
    now: Timestamp,
) -> Result<Judged, Refusal> {
    let code = &found.code;
    if code.client != client.id || code.binding != binding {
        return Err(Refusal::CodeForeign);
    }
    match &request.redirect_uri {
        Some(uri) if *uri != code.redirect_uri => return Err(Refusal::CodeRedirectUri),
        None if code.challenge.is_none() => return Err(Refusal::CodeRedirectUri),
        Some(_) | None => {}
    }
    match (&code.challenge, &request.verifier) {
        (Some(_), None) => return Err(Refusal::VerifierMissing),
        (None, Some(_)) => return Err(Refusal::VerifierUnasked),
        (Some(challenge), Some(verifier)) => {
            if !Challenge::from_bytes(*challenge.as_bytes()).is_met_by(verifier) {
                return Err(Refusal::VerifierWrong);
            }
        }
        (None, None) => {}
    }
    if let Some(redeemed) = code.redeemed {
        return Ok(Judged::Replayed(redeemed.family));
    }
    if now >= code.expires_at {
        return Err(Refusal::CodeExpired);
    }
    match found.standing {
        Standing::Live => Ok(Judged::Good),
        Standing::Revoked => Err(Refusal::GrantWithdrawn),
    }
}

/// A verifier that the grammar allows (RFC 7636 §4.1), so that nothing else is ever hashed.
///
/// # Errors
/// [`Refusal::VerifierMalformed`].
pub(crate) fn require_grammar(verifier: &str) -> Result<(), Refusal> {
    if pkce::is_lawful(verifier) { Ok(()) } else { Err(Refusal::VerifierMalformed) }
}

/// Decides the grant for a code that is good. What the user allowed is the most; client and user may have lost some of
/// it since.
///
/// # Errors
/// A [`Refusal`] when the user may not be served, or nothing of what was allowed is left.
pub(crate) fn decide(
    asked: &Asked,
    code: &CodeRecord,
    client: &Authenticated<Client>,
    user: Option<User>,
    family: FamilyId,
    settings: &GrantSettings,
) -> Result<ValidatedGrant, Refusal> {
    let registered = client.who();
    let user = user.ok_or(Refusal::SubjectUnknown)?;
    if !user.active {
        return Err(Refusal::SubjectInactive);
    }
    let wanted = wanted_resources(&asked.resource, &code.resource)?;
    let target = resource::target(wanted, registered, &settings.resources, settings.format_for(registered))?;
    // RFC 6749 §4.1.3 knows no scope here; one that is sent can only ask for less
    if asked.scope.as_ref().is_some_and(|scope| !scope.is_subset(&code.scope)) {
        return Err(Refusal::ScopeNotHeld);
    }
    let bounds = ScopeBounds {
        default: &code.scope,
        client: &registered.scope,
        user: user.scope.as_ref(),
        resource: target.scope.as_ref(),
    };
    let scope = scope::regrant(asked.scope.as_ref(), bounds)?;
    let (format, lifetime) = settings.access_token(registered, &target);
    Ok(ValidatedGrant {
        grant: GrantTypes::AUTHORIZATION_CODE.into(),
        principal: Principal::User { subject: code.subject.clone(), client: registered.id.clone() },
        client: client.shared(),
        offline: GrantSettings::gives_refresh(registered, &scope),
        identity: settings.gives_id_token(&scope),
        nonce: code.nonce.clone(),
        impersonation: false,
        scope,
        audience: target.audience,
        resource: wanted.to_vec(),
        format,
        lifetime,
        binding: client.binding(),
        auth: code.auth.clone(),
        family: Some(family),
    })
}

/// The resources of the first token: all that the code is for, or those of them that were asked for (RFC 8707 §2.2).
fn wanted_resources<'a>(asked: &'a [ResourceUri], held: &'a [ResourceUri]) -> Result<&'a [ResourceUri], Refusal> {
    if asked.is_empty() {
        return Ok(held);
    }
    if asked.iter().all(|uri| held.contains(uri)) { Ok(asked) } else { Err(Refusal::ResourceNotHeld) }
}
