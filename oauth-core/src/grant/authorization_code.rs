//! `authorization_code`: a user allowed it in a browser, and the client that asked brings the code (RFC 6749 §4.1.3).

use zeroize::Zeroizing;

use super::{Around, Asked, ValidatedGrant};
use crate::client_auth::Authenticated;
use crate::error::Refusal;
use crate::policy::scope::{self, Excess, ScopeBounds};
use crate::policy::{Facts, Rule, Trace, permission, resource};
use crate::store::{Client, CodeRecord, GrantTypes, Principal, User};
use crate::types::FamilyId;

/// What the client sent. `Debug` is not implemented: it holds the code.
pub(crate) struct CodeRequest {
    pub(crate) code: Zeroizing<String>,
    pub(crate) redirect_uri: Option<String>,
    pub(crate) verifier: Option<Zeroizing<String>>,
    pub(crate) asked: Asked,
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
    trace.judge(Rule::UserIsNoClient, permission::user_is_not_the_client(user, registered))?;
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
