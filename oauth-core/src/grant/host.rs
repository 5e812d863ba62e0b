//! A token that the host asks for itself, for a user whom it has just signed in.

use std::sync::Arc;

use super::{Around, ValidatedGrant};
use crate::error::Refusal;
use crate::policy::scope::{self, Excess, ScopeBounds};
use crate::policy::{Facts, Rule, Trace, permission};
use crate::store::{AuthenticationContext, Binding, Client, Principal, User};
use crate::types::{FamilyId, Scope};

/// The name under which the audit trail shows it.
pub(crate) const GRANT: &str = "host";

/// Decides the grant: the same bounds as for every other, only that nobody authenticates over the wire.
///
/// # Errors
/// A [`Refusal`] when client or user may not be served or nothing of the scope can be granted.
pub(crate) fn decide(
    client: Arc<Client>,
    user: &User,
    requested: &Scope,
    auth: AuthenticationContext,
    family: FamilyId,
    around: &Around<'_>,
    trace: &mut Trace,
) -> Result<ValidatedGrant, Refusal> {
    trace.judge(Rule::ClientActive, permission::client_is_active(&client))?;
    trace.judge(Rule::UserActive, permission::user_is_active(user))?;
    let target = around.target(&[], &client, trace)?;
    let bounds = ScopeBounds { client: &client.scope, grant: None, user: user.scope.as_ref(), resource: None };
    let excess = Excess::of(around.settings.scope_mode);
    let scope = scope::grant(requested, bounds, excess, trace)?;
    let (format, lifetime) = around.access_token(&client, &target, [], trace);
    let principal = Principal::User { subject: user.subject.clone(), client: client.id.clone() };
    let facts = Facts { user: Some(user), auth: Some(&auth), ..around.facts(GRANT, &client, &principal, requested) };
    let (scope, lifetime) = around.rules.apply(&facts, scope, lifetime, excess, trace)?;
    let audience = target.audience;
    Ok(ValidatedGrant {
        grant: GRANT.into(),
        principal,
        client,
        scope,
        narrowed_by: trace.take_narrowed_by(),
        audience,
        resource: Vec::new(),
        format,
        lifetime,
        binding: Binding::None,
        auth: Some(auth),
        family: Some(family),
        offline: false,
        identity: false,
        impersonation: false,
    })
}
