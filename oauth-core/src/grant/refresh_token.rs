//! `refresh_token`: more of what was granted once (RFC 6749 §6), never more than that.

use super::{Asked, GrantSettings, OFFLINE_ACCESS, ValidatedGrant};
use crate::client_auth::Authenticated;
use crate::error::Refusal;
use crate::policy::resource;
use crate::policy::scope::{self, ScopeBounds};
use crate::store::{Client, FamilyRecord, GrantTypes, Principal, User};
use crate::types::{Lifetime, ResourceUri, Scope, Timestamp};

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
    now: Timestamp,
    settings: &GrantSettings,
) -> Result<ValidatedGrant, Refusal> {
    let registered = client.who();
    let user = user.ok_or(Refusal::SubjectUnknown)?;
    if !user.active {
        return Err(Refusal::SubjectInactive);
    }
    if family.auth.is_none() && registered.is_confidential() {
        return Err(Refusal::SubjectNotListed);
    }
    // the permission to go on without the user was taken away
    let allows = |scope: &Scope| scope.contains(OFFLINE_ACCESS);
    if !allows(&registered.scope) || !user.scope.as_ref().is_none_or(allows) {
        return Err(Refusal::GrantWithdrawn);
    }
    let wanted = wanted_resources(&asked.resource, &family.resource)?;
    let target = resource::target(wanted, registered, &settings.resources, settings.format_for(registered))?;
    if asked.scope.as_ref().is_some_and(|scope| !scope.is_subset(&family.scope)) {
        return Err(Refusal::ScopeNotHeld);
    }
    let bounds = ScopeBounds {
        default: &family.scope,
        client: &registered.scope,
        user: user.scope.as_ref(),
        resource: target.scope.as_ref(),
    };
    let scope = scope::regrant(asked.scope.as_ref(), bounds)?;
    let (format, lifetime) = settings.access_token(registered, &target);
    Ok(ValidatedGrant {
        grant: GrantTypes::REFRESH_TOKEN.into(),
        principal: Principal::User { subject: family.subject.clone(), client: registered.id.clone() },
        client: client.shared(),
        offline: true,
        identity: settings.gives_id_token(&scope),
        impersonation: false,
        scope,
        audience: target.audience,
        resource: wanted.to_vec(),
        format,
        lifetime: lifetime.min(rest_of(family, now)?),
        binding: client.binding(),
        auth: family.auth.clone(),
        family: Some(family.id),
    })
}

/// How long the family lives on, in whole seconds: no token of it lives longer.
fn rest_of(family: &FamilyRecord, now: Timestamp) -> Result<Lifetime, Refusal> {
    match u32::try_from(family.absolute_expires_at.millis_since(now) / 1000) {
        Ok(0) => Err(Refusal::RefreshExpired),
        Ok(seconds) => Ok(Lifetime::of_seconds(seconds)),
        Err(_) => Ok(Lifetime::of_seconds(u32::MAX)),
    }
}

/// The resources of this token: all that the family is for, or those of them that were asked for (RFC 8707 §2.2).
fn wanted_resources<'a>(asked: &'a [ResourceUri], held: &'a [ResourceUri]) -> Result<&'a [ResourceUri], Refusal> {
    if asked.is_empty() {
        return Ok(held);
    }
    if asked.iter().all(|uri| held.contains(uri)) { Ok(asked) } else { Err(Refusal::ResourceNotHeld) }
}
