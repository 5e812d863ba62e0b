//! `authorization_code`: a user allowed it in a browser, and the client that asked brings the code (RFC 6749 §4.1.3).

use zeroize::Zeroizing;

use super::{Around, Asked, ValidatedGrant};
use crate::client_auth::Authenticated;
use crate::error::Refusal;
use crate::policy::pkce::{self, Challenge};
use crate::policy::scope::{self, Excess, ScopeBounds};
use crate::policy::{Facts, Rule, Trace, permission, resource};
use crate::store::{Binding, Client, CodeRecord, FoundCode, GrantTypes, Principal, Standing, User};
use crate::types::{FamilyId, Timestamp};

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
    trace: &mut Trace,
) -> Result<Judged, Refusal> {
    let code = &found.code;
    let is_owner = code.client == client.id && code.binding == binding;
    trace.judge(Rule::CodeOwner, is_owner.then_some(()).ok_or(Refusal::CodeForeign))?;
    trace.judge(Rule::CodeRedirectUri, judge_redirect_uri(code, request.redirect_uri.as_deref()))?;
    let verifier = request.verifier.as_ref().map(|verifier| verifier.as_str());
    trace.judge(Rule::CodePkce, judge_verifier(code, verifier))?;
    if let Some(redeemed) = code.redeemed {
        return Ok(Judged::Replayed(redeemed.family));
    }
    trace.judge(Rule::CodeLive, (now < code.expires_at).then_some(()).ok_or(Refusal::CodeExpired))?;
    let stands = found.standing == Standing::Live;
    trace.judge(Rule::GrantStanding, stands.then_some(()).ok_or(Refusal::GrantWithdrawn))?;
    Ok(Judged::Good)
}

/// The same bytes as in the authorization request; left out only where PKCE proves as much (OAuth 2.1 §10.2).
fn judge_redirect_uri(code: &CodeRecord, sent: Option<&str>) -> Result<(), Refusal> {
    let same = sent.map_or(code.challenge.is_some(), |sent| sent == code.redirect_uri);
    if same { Ok(()) } else { Err(Refusal::CodeRedirectUri) }
}

/// All or nothing: a challenge needs its verifier, and a verifier its challenge (RFC 9700 §4.8.2).
fn judge_verifier(code: &CodeRecord, sent: Option<&str>) -> Result<(), Refusal> {
    match (&code.challenge, sent) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Refusal::VerifierUnasked),
        (Some(_), None) => Err(Refusal::VerifierMissing),
        (Some(challenge), Some(sent)) if Challenge::from_bytes(*challenge.as_bytes()).is_met_by(sent) => Ok(()),
        (Some(_), Some(_)) => Err(Refusal::VerifierWrong),
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
    around: &Around<'_>,
    trace: &mut Trace,
) -> Result<ValidatedGrant, Refusal> {
    let registered = client.who();
    let user = &trace.judge(Rule::UserKnown, permission::user_is_known(user))?;
    trace.judge(Rule::UserActive, permission::user_is_active(user))?;
    let wanted = trace.judge(Rule::ResourceHeld, resource::held(&asked.resource, &code.resource))?;
    let target = around.target(wanted, registered, trace)?;
    // RFC 6749 §4.1.3 knows no scope here; one that is sent can only ask for less
    trace.judge(Rule::RefreshWider, scope::held(asked.scope.as_ref(), &code.scope))?;
    let wished = asked.scope.as_ref().unwrap_or(&code.scope);
    let bounds = ScopeBounds {
        client: &registered.scope,
        grant: None,
        user: user.scope.as_ref(),
        resource: target.scope.as_ref(),
    };
    let excess = Excess::of(asked.mode);
    let scope = scope::grant(wished, bounds, excess, trace)?;
    let (format, lifetime) = around.access_token(registered, &target, [], trace);
    let principal = Principal::User { subject: code.subject.clone(), client: registered.id.clone() };
    let facts = Facts {
        user: Some(user),
        resource: wanted,
        auth: code.auth.as_ref(),
        ..around.facts(GrantTypes::AUTHORIZATION_CODE, registered, &principal, wished)
    };
    let (scope, lifetime) = around.rules.apply(&facts, scope, lifetime, excess, trace)?;
    Ok(ValidatedGrant {
        grant: GrantTypes::AUTHORIZATION_CODE.into(),
        principal,
        client: client.shared(),
        offline: around.offline(true, registered, &scope, trace),
        identity: around.identity(true, &scope, trace),
        nonce: code.nonce.clone(),
        impersonation: false,
        scope,
        narrowed_by: trace.take_narrowed_by(),
        audience: target.audience,
        resource: wanted.to_vec(),
        format,
        lifetime,
        binding: client.binding(),
        auth: code.auth.clone(),
        family: Some(family),
    })
}
