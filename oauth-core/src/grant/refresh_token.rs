//! `refresh_token`: more of what was granted once (RFC 6749 §6), never more than that.

use super::{Around, Asked, ValidatedGrant};
use crate::client_auth::Authenticated;
use crate::error::Refusal;
use crate::policy::scope::{self, Excess, ScopeBounds};
use crate::policy::{Facts, Rule, Trace, lifetime, permission, resource};
use crate::store::{Client, FamilyRecord, GrantTypes, Principal, User};

/// What the client asked for. `Debug` is not implemented: it holds the token.
pub(crate) struct RefreshRequest {
    pub(crate) refresh_token: zeroize::Zeroizing<String>,
    pub(crate) id_token_hint: Option<String>,
    pub(crate) asked: Asked,
}

/// Decides the grant, once table 2 allows the token. The family keeps all that it holds.
///
/// Only an extension grant begins families without a sign-in, and gives refresh tokens to public clients only. One that
/// became confidential since would act in the user's name without the bounds of that.
///
/// # Errors
/// A [`Refusal`] when the user may not be served, or more was asked for than is held or still allowed.
pub(crate) fn decide(
    asked: &Asked,
    client: &Authenticated<Client>,
    family: &FamilyRecord,
    user: Option<User>,
    around: &Around<'_>,
    trace: &mut Trace,
) -> Result<ValidatedGrant, Refusal> {
    let registered = client.who();
    let user = &trace.judge(Rule::UserKnown, permission::user_is_known(user))?;
    trace.judge(Rule::UserActive, permission::user_is_active(user))?;
    trace.judge(Rule::UserListed, permission::signed_in_or_public(family.auth.as_ref(), registered))?;
    trace.judge(Rule::GrantStanding, permission::may_go_on_offline(registered, user))?;
    let wanted = trace.judge(Rule::ResourceHeld, resource::held(&asked.resource, &family.resource))?;
    let target = around.target(wanted, registered, trace)?;
    trace.judge(Rule::RefreshWider, scope::held(asked.scope.as_ref(), &family.scope))?;
    let wished = asked.scope.as_ref().unwrap_or(&family.scope);
    let bounds = ScopeBounds {
        client: &registered.scope,
        grant: None,
        user: user.scope.as_ref(),
        resource: target.scope.as_ref(),
    };
    let excess = Excess::of_refresh(asked.scope.as_ref());
    let scope = scope::grant(wished, bounds, excess, trace)?;
    let rest = lifetime::rest(family.absolute_expires_at, around.now)?;
    let (format, lifetime) = around.access_token(registered, &target, [(Rule::LifetimeFamily, Some(rest))], trace);
    let principal = Principal::User { subject: family.subject.clone(), client: registered.id.clone() };
    let facts = Facts {
        user: Some(user),
        resource: wanted,
        auth: family.auth.as_ref(),
        ..around.facts(GrantTypes::REFRESH_TOKEN, registered, &principal, wished)
    };
    let (scope, lifetime) = around.rules.apply(&facts, scope, lifetime, excess, trace)?;
    Ok(ValidatedGrant {
        grant: GrantTypes::REFRESH_TOKEN.into(),
        principal,
        client: client.shared(),
        offline: true,
        identity: around.identity(true, &scope, trace),
        nonce: None,
        impersonation: false,
        scope,
        narrowed_by: trace.take_narrowed_by(),
        audience: target.audience,
        resource: wanted.to_vec(),
        format,
        lifetime,
        binding: client.binding(),
        auth: family.auth.clone(),
        family: Some(family.id),
    })
}
