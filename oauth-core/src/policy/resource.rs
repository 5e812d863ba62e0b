//! For whom a token is (RFC 8707, RFC 9068 §3).

use crate::error::Refusal;
use crate::store::{AccessTokenFormat, Client};
use crate::types::{Audience, Lifetime, ResourceUri, Scope};

/// A protected resource that this server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) uri: ResourceUri,
    pub(crate) scope: Option<Scope>,
    pub(crate) format: Option<AccessTokenFormat>,
    pub(crate) lifetime: Option<Lifetime>,
}

/// What the resources of a request settle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    pub(crate) audience: Vec<Audience>,
    pub(crate) scope: Option<Scope>,
    pub(crate) format: Option<&'a AccessTokenFormat>,
    pub(crate) lifetime: Option<Lifetime>,
}

/// The resources of a refresh: all that the family is for, or those of them that were asked for (RFC 8707 §2.2).
///
/// # Errors
/// [`Refusal::ResourceNotHeld`].
pub(crate) fn held<'a>(asked: &'a [ResourceUri], held: &'a [ResourceUri]) -> Result<&'a [ResourceUri], Refusal> {
    if asked.is_empty() {
        return Ok(held);
    }
    if asked.iter().all(|uri| held.contains(uri)) { Ok(asked) } else { Err(Refusal::ResourceNotHeld) }
}

/// The resources that were asked for, as far as they were proposed; one side that names none leaves it to the other.
///
/// # Errors
/// [`Refusal::ResourceNotAllowed`] when the two have nothing in common.
pub(crate) fn meet(asked: &[ResourceUri], proposed: &[ResourceUri]) -> Result<Vec<ResourceUri>, Refusal> {
    let met = match (asked, proposed) {
        ([], some) | (some, []) => return Ok(some.to_vec()),
        (asked, proposed) => asked.iter().filter(|uri| proposed.contains(uri)).cloned().collect::<Vec<_>>(),
    };
    if met.is_empty() { Err(Refusal::ResourceNotAllowed) } else { Ok(met) }
}

/// The target of a request: the resources that it names, each of which the server must know and the client may use,
/// or the client's own audience when it names none. A resource without a word on the format takes `otherwise`.
///
/// # Errors
/// [`Refusal::ResourceNotAllowed`] for an unknown or unregistered resource; [`Refusal::ResourcesDisagree`] when two
/// resources want tokens of different formats.
pub(crate) fn target<'a>(
    requested: &[ResourceUri],
    client: &Client,
    known: &'a [Resource],
    otherwise: &'a AccessTokenFormat,
) -> Result<Target<'a>, Refusal> {
    if requested.is_empty() {
        // RFC 9068 §3: a token without an audience is for everybody, so it is for nobody here
        if client.audience.is_empty() {
            return Err(Refusal::ResourceNotAllowed);
        }
        return Ok(Target { audience: client.audience.clone(), scope: None, format: None, lifetime: None });
    }
    let mut target =
        Target { audience: Vec::with_capacity(requested.len()), scope: None, format: None, lifetime: None };
    for (place, uri) in requested.iter().enumerate() {
        let resource = known
            .iter()
            .find(|resource| resource.uri == *uri && client.resources.contains(uri))
            .ok_or(Refusal::ResourceNotAllowed)?;
        let audience = Audience::parse(uri.as_str()).map_err(|_| Refusal::ResourceNotAllowed)?;
        let format = resource.format.as_ref().unwrap_or(otherwise);
        if place > 0 && target.format != Some(format) {
            return Err(Refusal::ResourcesDisagree);
        }
        target.format = Some(format);
        if !target.audience.contains(&audience) {
            target.audience.push(audience);
        }
        target.lifetime = target.lifetime.into_iter().chain(resource.lifetime).min();
        // a resource without a list of its own knows every scope; with two lists, a token for both is bounded by each
        target.scope = match (target.scope, &resource.scope) {
            (Some(held), Some(more)) => Some(held.intersection(more)),
            (held, more) => held.or_else(|| more.clone()),
        };
    }
    Ok(target)
}
