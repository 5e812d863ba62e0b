//! `password`: a user's name and password in the hands of the client (RFC 6749 §4.3). RFC 9700 §2.4 says not to use
//! it, so it is off until server and client both switch it on.

use zeroize::Zeroizing;

use super::{Around, Asked, ValidatedGrant};
use crate::client_auth::Authenticated;
use crate::error::Refusal;
use crate::policy::scope::{self, Excess, ScopeBounds};
use crate::policy::{Facts, Trace, permission};
use crate::store::{AuthenticationContext, Client, GrantTypes, Principal, User};
use crate::types::FamilyId;

/// What the client asked for. `Debug` is not implemented: it holds the password.
pub(crate) struct PasswordRequest {
    pub(crate) username: String,
    pub(crate) password: Zeroizing<String>,
    pub(crate) asked: Asked,
}

/// What checking name and password gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// Strikes in the present window, with this attempt.
    pub(crate) strikes: u32,
    /// The most strikes that are heard.
    pub(crate) limit: u32,
    /// Whether the password is the user's.
    pub(crate) matches: bool,
}

/// The user who signed in, once the hash is computed: every no reads alike (RFC 6749 §5.2).
///
/// # Errors
/// A [`Refusal`] that tells the operator which it was.
pub(crate) fn sign_in(user: Option<User>, attempt: Attempt) -> Result<User, Refusal> {
    let user = user.ok_or(Refusal::LoginUnknown)?;
    if attempt.strikes > attempt.limit {
        return Err(Refusal::PasswordLocked);
    }
    if !attempt.matches {
        return Err(Refusal::PasswordWrong);
    }
    permission::user_is_active(&user)?;
    Ok(user)
}

/// Decides the grant for a user who signed in.
///
/// # Errors
/// A [`Refusal`] when the requested target or scope cannot be granted.
pub(crate) fn decide(
    request: Asked,
    client: &Authenticated<Client>,
    user: &User,
    family: FamilyId,
    around: &Around<'_>,
    trace: &mut Trace,
) -> Result<ValidatedGrant, Refusal> {
    let registered = client.who();
    let target = around.target(&request.resource, registered, trace)?;
    let asked = request.scope.as_ref().unwrap_or(&registered.default_scope);
    let bounds = ScopeBounds {
        client: &registered.scope,
        grant: None,
        user: user.scope.as_ref(),
        resource: target.scope.as_ref(),
    };
    let excess = Excess::of(request.mode);
    let scope = scope::grant(asked, bounds, excess, trace)?;
    let (format, lifetime) = around.access_token(registered, &target, [], trace);
    let principal = Principal::User { subject: user.subject.clone(), client: registered.id.clone() };
    let auth = AuthenticationContext { auth_time: around.now, amr: vec!["pwd".to_owned()], acr: None };
    let facts = Facts {
        user: Some(user),
        resource: &request.resource,
        auth: Some(&auth),
        ..around.facts(GrantTypes::PASSWORD, registered, &principal, asked)
    };
    let (scope, lifetime) = around.rules.apply(&facts, scope, lifetime, excess, trace)?;
    Ok(ValidatedGrant {
        grant: GrantTypes::PASSWORD.into(),
        principal,
        client: client.shared(),
        offline: around.offline(true, registered, &scope, trace),
        identity: around.identity(true, &scope, trace),
        impersonation: false,
        scope,
        narrowed_by: trace.take_narrowed_by(),
        audience: target.audience,
        resource: request.resource,
        format,
        lifetime,
        binding: client.binding(),
        auth: Some(auth),
        family: Some(family),
    })
}
