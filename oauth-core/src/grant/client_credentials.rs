//! `client_credentials`: a client in its own name (RFC 6749 §4.4). Never a refresh token (§4.4.3).

use super::{Asked, GrantSettings, ValidatedGrant};
use crate::client_auth::Authenticated;
use crate::error::Refusal;
use crate::policy::resource;
use crate::policy::scope::{self, ScopeBounds};
use crate::store::{Client, GrantTypes, Principal};

/// Whether the client is of the kind that may use the grant.
///
/// # Errors
/// [`Refusal::ClientNotConfidential`].
pub(crate) fn permit(client: &Client) -> Result<(), Refusal> {
    // RFC 6749 §4.4: "MUST only be used by confidential clients"
    if !client.is_confidential() {
        return Err(Refusal::ClientNotConfidential);
    }
    Ok(())
}

/// Decides the grant.
///
/// # Errors
/// A [`Refusal`] when the client may not use it or the requested target or scope cannot be granted.
pub(crate) fn decide(
    request: Asked,
    client: &Authenticated<Client>,
    settings: &GrantSettings,
) -> Result<ValidatedGrant, Refusal> {
    let registered = client.who();
    permit(registered)?;
    let target = resource::target(&request.resource, registered, &settings.resources, settings.format_for(registered))?;
    let bounds = ScopeBounds {
        default: &registered.default_scope,
        client: &registered.scope,
        user: None,
        resource: target.scope.as_ref(),
    };
    let scope = scope::grant(request.scope.as_ref(), bounds, request.mode)?;
    let (format, lifetime) = settings.access_token(registered, &target);
    Ok(ValidatedGrant {
        grant: GrantTypes::CLIENT_CREDENTIALS.into(),
        principal: Principal::Client { client: registered.id.clone() },
        client: client.shared(),
        scope,
        audience: target.audience,
        resource: request.resource,
        format,
        lifetime,
        binding: client.binding(),
        auth: None,
        family: None,
        offline: false,
        identity: false,
        impersonation: false,
    })
}
