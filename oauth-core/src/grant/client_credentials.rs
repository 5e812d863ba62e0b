//! `client_credentials`: a client in its own name (RFC 6749 §4.4). Never a refresh token (§4.4.3).

use super::{Around, Asked, ValidatedGrant};
use crate::client_auth::Authenticated;
use crate::error::Refusal;
use crate::policy::scope::{self, Excess, ScopeBounds};
use crate::policy::{Facts, Rule, Trace, permission};
use crate::store::{Client, GrantTypes, Principal};

/// Decides the grant.
///
/// # Errors
/// A [`Refusal`] when the client may not use it or the requested target or scope cannot be granted.
pub(crate) fn decide(
    request: Asked,
    client: &Authenticated<Client>,
    around: &Around<'_>,
    trace: &mut Trace,
) -> Result<ValidatedGrant, Refusal> {
    let registered = client.who();
    trace.judge(Rule::ClientConfidential, permission::client_is_confidential(registered))?;
    let target = around.target(&request.resource, registered, trace)?;
    let asked = request.scope.as_ref().unwrap_or(&registered.default_scope);
    let bounds = ScopeBounds { client: &registered.scope, grant: None, user: None, resource: target.scope.as_ref() };
    let excess = Excess::of(request.mode);
    let scope = scope::grant(asked, bounds, excess, trace)?;
    let (format, lifetime) = around.access_token(registered, &target, [], trace);
    let principal = Principal::Client { client: registered.id.clone() };
    let facts = Facts {
        resource: &request.resource,
        ..around.facts(GrantTypes::CLIENT_CREDENTIALS, registered, &principal, asked)
    };
    let (scope, lifetime) = around.rules.apply(&facts, scope, lifetime, excess, trace)?;
    Ok(ValidatedGrant {
        grant: GrantTypes::CLIENT_CREDENTIALS.into(),
        principal,
        client: client.shared(),
        scope,
        narrowed_by: trace.take_narrowed_by(),
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
