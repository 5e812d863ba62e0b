//! When a user who agreed once need not be asked again.

use super::permission::OFFLINE_ACCESS;
use super::redirect_uri::is_exact_https;
use crate::error::Refusal;
use crate::store::{Client, ConsentKey, ConsentRecord, Extra};
use crate::types::{Lifetime, ResourceUri, Scope, Timestamp};

/// How long a consent is remembered: a year.
pub const REMEMBERED: Lifetime = Lifetime::of_seconds(365 * 24 * 3_600);

/// What a user is asked to agree to.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Where the answer goes, byte for byte.
    pub redirect_uri: &'a str,
    /// For which resources; the order does not matter.
    pub resource: &'a [ResourceUri],
    /// How much.
    pub scope: &'a Scope,
}

/// Whether consent to this client is remembered at all: for confidential clients, and for public ones all of whose
/// redirect URIs are exact https. At a loopback address or a scheme of its own anybody may stand in for the client
/// (RFC 8252 §8.6).
#[must_use]
pub fn is_remembered(client: &Client) -> bool {
    let uris = &client.redirect_uris;
    client.is_confidential() || (!uris.is_empty() && uris.iter().all(|uri| is_exact_https(uri)))
}

/// Whether a remembered consent covers what its user is asked now: the same client, redirect URI and resources, no more
/// scope, never `offline_access`, and not for longer than [`REMEMBERED`]. That the URI is still registered is proved
/// before; that nothing was withdrawn, the store says.
#[must_use]
pub fn covers(remembered: &ConsentRecord, client: &Client, asked: Asked<'_>, now: Timestamp) -> bool {
    let key = &remembered.key;
    let holds = |these: &[ResourceUri], those: &[ResourceUri]| these.iter().all(|uri| those.contains(uri));
    is_remembered(client)
        && key.client == client.id
        && key.redirect_uri == asked.redirect_uri
        && holds(&key.resource, asked.resource)
        && holds(asked.resource, &key.resource)
        && asked.scope.is_subset(&remembered.scope)
        && !asked.scope.contains(OFFLINE_ACCESS)
        && remembered.granted_at <= now
        && now < remembered.expires_at.min(remembered.granted_at.plus(REMEMBERED))
}

/// What a user allows of what was shown; `None` is a denial, and so is choosing nothing.
///
/// # Errors
/// [`Refusal::ScopeNotShown`].
pub(crate) fn approved(chosen: Option<&Scope>, shown: &Scope) -> Result<Option<Scope>, Refusal> {
    match chosen {
        Some(chosen) if !chosen.is_subset(shown) => Err(Refusal::ScopeNotShown),
        chosen => Ok(chosen.filter(|chosen| !chosen.is_empty()).cloned()),
    }
}

/// What is remembered once a user allowed this scope: all that is remembered still, and this. Going on without the user
/// is asked for each time.
#[must_use]
pub(crate) fn remembered(
    client: &Client,
    key: ConsentKey,
    held: Option<&ConsentRecord>,
    approved: &Scope,
    now: Timestamp,
) -> Option<ConsentRecord> {
    if !is_remembered(client) {
        return None;
    }
    let offline = Scope::parse(OFFLINE_ACCESS).unwrap_or_else(|_| Scope::empty());
    let held = held.filter(|held| now < held.expires_at).map(|held| &held.scope);
    let scope = held.map_or_else(|| approved.clone(), |held| held.union(approved)).difference(&offline);
    Some(ConsentRecord { key, scope, granted_at: now, expires_at: now.plus(REMEMBERED), extra: Extra::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::fixtures::{NOW, confidential, public, scope, user};

    const URI: &str = "https://app.example/cb";

    fn at(uris: &[&str], client: Client) -> Client {
        Client { redirect_uris: uris.iter().map(|uri| (*uri).to_owned()).collect(), ..client }
    }

    fn resources(texts: &[&str]) -> Vec<ResourceUri> {
        texts.iter().map(|text| ResourceUri::parse(text).unwrap()).collect()
    }

    fn remembered() -> ConsentRecord {
        ConsentRecord {
            key: ConsentKey {
                subject: user().subject,
                client: confidential().id,
                redirect_uri: URI.to_owned(),
                resource: resources(&["urn:a:1", "urn:b:1"]),
            },
            scope: scope("offline_access read write"),
            granted_at: NOW,
            expires_at: NOW.plus(REMEMBERED),
            extra: Extra::default(),
        }
    }

    #[test]
    fn consent_is_remembered_only_where_nobody_can_stand_in_for_the_client() {
        for (client, kept) in [
            (at(&["com.example.app:/cb", "http://127.0.0.1/cb"], confidential()), true),
            (at(&[URI], public()), true),
            (at(&[URI, "http://127.0.0.1/cb"], public()), false),
            (at(&["com.example.app:/cb"], public()), false),
            (at(&[], public()), false),
        ] {
            assert_eq!(is_remembered(&client), kept, "{:?}", client.redirect_uris);
        }
    }

    #[test]
    fn a_consent_covers_the_same_or_less_and_nothing_else() {
        let client = at(&[URI], confidential());
        let (both, one) = (resources(&["urn:b:1", "urn:a:1"]), resources(&["urn:a:1"]));
        let more = resources(&["urn:a:1", "urn:b:1", "urn:c:1"]);
        let asks = |redirect_uri, resource, text, now| {
            covers(&remembered(), &client, Asked { redirect_uri, resource, scope: &scope(text) }, now)
        };
        assert!(asks(URI, &both, "read write", NOW) && asks(URI, &both, "read", NOW));
        assert!(!asks("https://app.example/cb2", &both, "read", NOW));
        assert!(!asks(URI, &one, "read", NOW) && !asks(URI, &more, "read", NOW));
        assert!(!asks(URI, &both, "read admin", NOW));
        assert!(!asks(URI, &both, "offline_access read", NOW), "never offline_access");
        let end = Timestamp::from_seconds(NOW.seconds() + 31_536_000);
        assert_eq!(NOW.plus(REMEMBERED), end, "365 days");
        assert!(asks(URI, &both, "read", end.minus(Lifetime::SECOND)) && !asks(URI, &both, "read", end));
        assert!(!asks(URI, &both, "read", NOW.minus(Lifetime::SECOND)), "given in the future");
        // one that is kept for longer than a year, and one that is kept for less
        let asked = Asked { redirect_uri: URI, resource: &both, scope: &scope("read") };
        let for_ever = ConsentRecord { expires_at: Timestamp::MAX, ..remembered() };
        assert!(!covers(&for_ever, &client, asked, end));
        let short = ConsentRecord { expires_at: NOW.plus(Lifetime::SECOND), ..remembered() };
        assert!(covers(&short, &client, asked, NOW) && !covers(&short, &client, asked, NOW.plus(Lifetime::SECOND)));
        let other = Client { id: "other".parse().unwrap(), ..client.clone() };
        assert!(!covers(&remembered(), &other, asked, NOW));
        assert!(!covers(&remembered(), &at(&["app:/cb"], public()), asked, NOW));
    }

    #[test]
    fn a_user_allows_what_was_shown_at_most_and_nothing_is_a_denial() {
        let shown = scope("read write");
        for chosen in ["read", "write", "read write"] {
            assert_eq!(approved(Some(&scope(chosen)), &shown), Ok(Some(scope(chosen))));
        }
        for chosen in ["admin", "read admin", "read write admin", "Read"] {
            assert_eq!(approved(Some(&scope(chosen)), &shown), Err(Refusal::ScopeNotShown), "{chosen}");
        }
        assert_eq!(approved(Some(&scope("")), &shown), Ok(None));
        assert_eq!(approved(None, &shown), Ok(None));
    }

    #[test]
    fn what_is_remembered_grows_while_it_lasts_and_never_goes_on_alone() {
        let client = at(&[URI], confidential());
        let held = ConsentRecord { scope: scope("read"), ..remembered() };
        let kept = |client: &Client, held: Option<&ConsentRecord>, now| {
            let kept = super::remembered(client, held_key(), held, &scope("offline_access write"), now);
            kept.map(|kept| (kept.key, kept.scope, kept.granted_at, kept.expires_at))
        };
        let last = held.expires_at.minus(Lifetime::SECOND);
        for (held, now, left) in [
            (None, NOW, "write"),
            (Some(&held), NOW, "read write"),
            (Some(&held), last, "read write"),
            (Some(&held), held.expires_at, "write"),
        ] {
            assert_eq!(kept(&client, held, now), Some((held_key(), scope(left), now, now.plus(REMEMBERED))));
        }
        assert_eq!(kept(&at(&["app:/cb"], public()), Some(&held), NOW), None);
    }

    fn held_key() -> ConsentKey {
        remembered().key
    }
}
