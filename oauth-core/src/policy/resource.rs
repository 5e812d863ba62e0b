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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::fixtures::{confidential, scope};

    fn uri(text: &str) -> ResourceUri {
        ResourceUri::parse(text).unwrap()
    }

    fn known(text: &str, knows: Option<&str>, opaque: bool, seconds: Option<u32>) -> Resource {
        Resource {
            uri: uri(text),
            scope: knows.map(scope),
            format: opaque.then_some(AccessTokenFormat::Opaque),
            lifetime: seconds.map(Lifetime::of_seconds),
        }
    }

    fn jwt() -> AccessTokenFormat {
        let profile = crate::store::TokenProfile::Rfc9068;
        AccessTokenFormat::Jwt { alg: crate::jose::Alg::ES256, profile }
    }

    #[test]
    fn no_resource_is_the_client_s_audience_and_never_everybody() {
        let otherwise = jwt();
        let client = confidential();
        let own = target(&[], &client, &[], &otherwise).unwrap();
        assert_eq!((own.audience, own.scope, own.format, own.lifetime), (client.audience.clone(), None, None, None));
        let nobody = Client { audience: Vec::new(), ..client };
        assert_eq!(target(&[], &nobody, &[], &otherwise), Err(Refusal::ResourceNotAllowed));
    }

    #[test]
    fn a_resource_is_known_to_server_and_client() {
        let (otherwise, a, b) = (jwt(), uri("urn:a:1"), uri("urn:b:1"));
        let all =
            [known("urn:a:1", Some("read write"), false, Some(60)), known("urn:b:1", Some("read"), false, Some(30))];
        let client = |resources: &[&ResourceUri]| Client {
            resources: resources.iter().map(|uri| (*uri).clone()).collect(),
            ..confidential()
        };
        let asked = [a.clone(), b.clone()];
        for wrong in [client(&[&a]), client(&[&b]), client(&[])] {
            assert_eq!(target(&asked, &wrong, &all, &otherwise), Err(Refusal::ResourceNotAllowed));
        }
        let mine = client(&[&a, &b]);
        assert_eq!(target(&asked, &mine, &all[..1], &otherwise), Err(Refusal::ResourceNotAllowed));
        let both = target(&asked, &mine, &all, &otherwise).unwrap();
        let names: Vec<&str> = both.audience.iter().map(Audience::as_str).collect();
        assert_eq!(
            (names, both.scope, both.lifetime),
            (vec!["urn:a:1", "urn:b:1"], Some(scope("read")), Some(Lifetime::of_seconds(30)))
        );
        assert_eq!(both.format, Some(&otherwise));
        let twice = target(&[a.clone(), a], &mine, &all, &otherwise).unwrap();
        assert_eq!(twice.audience.len(), 1);
    }

    #[test]
    fn resources_of_two_formats_disagree() {
        let (otherwise, opaque) = (jwt(), AccessTokenFormat::Opaque);
        let asked = [uri("urn:a:1"), uri("urn:b:1")];
        let client = Client { resources: asked.to_vec(), ..confidential() };
        let all = [known("urn:a:1", None, true, None), known("urn:b:1", None, false, None)];
        assert_eq!(target(&asked, &client, &all, &otherwise), Err(Refusal::ResourcesDisagree));
        let agreed = target(&asked, &client, &all, &opaque).unwrap();
        assert_eq!((agreed.format, agreed.scope), (Some(&opaque), None));
    }

    #[test]
    fn a_refresh_names_resources_that_are_held() {
        let (a, b) = ([uri("urn:a:1")], [uri("urn:a:1"), uri("urn:b:1")]);
        assert_eq!(held(&[], &b), Ok(&b[..]));
        assert_eq!(held(&a, &b), Ok(&a[..]));
        assert_eq!(held(&b, &a), Err(Refusal::ResourceNotHeld));
        assert_eq!(meet(&[], &a), Ok(a.to_vec()));
        assert_eq!(meet(&a, &[]), Ok(a.to_vec()));
        assert_eq!(meet(&b, &a), Ok(a.to_vec()));
        assert_eq!(meet(&a, &b[1..]), Err(Refusal::ResourceNotAllowed));
    }
}
