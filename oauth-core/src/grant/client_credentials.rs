//! `client_credentials`: a client in its own name (RFC 6749 §4.4). Never a refresh token (§4.4.3).

use super::{GrantSettings, ValidatedGrant};
use crate::client_auth::Authenticated;
use crate::error::Refusal;
use crate::policy::resource;
use crate::policy::scope::{self, ScopeBounds};
use crate::store::{Client, GrantTypes, Principal};
use crate::types::{ResourceUri, Scope};

/// What the client asked for.
#[derive(Debug)]
pub(crate) struct ClientCredentialsRequest {
    pub(crate) scope: Option<Scope>,
    pub(crate) resource: Vec<ResourceUri>,
}

/// Whether the client may use the grant at all.
///
/// # Errors
/// A [`Refusal`] when it is not registered for it, or public.
pub(crate) fn permit(client: &Client) -> Result<(), Refusal> {
    if !client.grants.contains(GrantTypes::CLIENT_CREDENTIALS) {
        return Err(Refusal::GrantNotAllowed);
    }
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
    request: ClientCredentialsRequest,
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
    let scope = scope::grant(request.scope.as_ref(), bounds, settings.scope_mode)?;
    let (format, lifetime) = settings.access_token(registered, &target);
    Ok(ValidatedGrant {
        grant: GrantTypes::CLIENT_CREDENTIALS,
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
    })
}
