//! `password`: a user's name and password in the hands of the client (RFC 6749 §4.3). RFC 9700 §2.4 says not to use
//! it, so it is off until server and client both switch it on.

use zeroize::Zeroizing;

use super::{Asked, GrantSettings, ValidatedGrant};
use crate::client_auth::Authenticated;
use crate::error::Refusal;
use crate::policy::resource;
use crate::policy::scope::{self, ScopeBounds};
use crate::store::{AuthenticationContext, Client, GrantTypes, Principal, User};
use crate::types::{FamilyId, Timestamp};

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
    if !user.active {
        return Err(Refusal::SubjectInactive);
    }
    Ok(user)
}

/// Decides the grant for a user who signed in.
///
/// # Errors
/// A [`Refusal`] when the requested target or scope cannot be granted.
pub(crate) fn decide(
    request: Asked,
    client: &Authenticated<Client>,
    user: User,
    family: FamilyId,
    now: Timestamp,
    settings: &GrantSettings,
) -> Result<ValidatedGrant, Refusal> {
    let registered = client.who();
    let target = resource::target(&request.resource, registered, &settings.resources, settings.format_for(registered))?;
    let bounds = ScopeBounds {
        default: &registered.default_scope,
        client: &registered.scope,
        user: user.scope.as_ref(),
        resource: target.scope.as_ref(),
    };
    let scope = scope::grant(request.scope.as_ref(), bounds, request.mode)?;
    let (format, lifetime) = settings.access_token(registered, &target);
    Ok(ValidatedGrant {
        grant: GrantTypes::PASSWORD.into(),
        principal: Principal::User { subject: user.subject, client: registered.id.clone() },
        client: client.shared(),
        offline: GrantSettings::gives_refresh(registered, &scope),
        identity: settings.gives_id_token(&scope),
        impersonation: false,
        scope,
        audience: target.audience,
        resource: request.resource,
        format,
        lifetime,
        binding: client.binding(),
        auth: Some(AuthenticationContext { auth_time: now, amr: vec!["pwd".to_owned()], acr: None }),
        family: Some(family),
    })
}
