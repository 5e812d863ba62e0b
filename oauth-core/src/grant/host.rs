//! A token that the host asks for itself, for a user whom it has just signed in.

use std::sync::Arc;

use super::{GrantSettings, ValidatedGrant};
use crate::error::Refusal;
use crate::policy::resource;
use crate::policy::scope::{self, ScopeBounds};
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
    user: User,
    requested: &Scope,
    auth: AuthenticationContext,
    family: FamilyId,
    settings: &GrantSettings,
) -> Result<ValidatedGrant, Refusal> {
    if !client.active {
        return Err(Refusal::ClientInactive);
    }
    if !user.active {
        return Err(Refusal::SubjectInactive);
    }
    let target = resource::target(&[], &client, &settings.resources, settings.format_for(&client))?;
    let bounds = ScopeBounds {
        default: &client.default_scope,
        client: &client.scope,
        user: user.scope.as_ref(),
        resource: None,
    };
    let scope = scope::grant(Some(requested), bounds, settings.scope_mode)?;
    let (format, lifetime) = settings.access_token(&client, &target);
    Ok(ValidatedGrant {
        grant: GRANT.into(),
        principal: Principal::User { subject: user.subject, client: client.id.clone() },
        client: Arc::clone(&client),
        scope,
        audience: target.audience,
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
