//! When a user who agreed once need not be asked again.

use super::permission::OFFLINE_ACCESS;
use super::redirect_uri::is_exact_https;
use crate::store::{Client, ConsentRecord};
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::fixtures::{NOW, confidential, public, scope, user};
    use crate::store::{ConsentKey, Extra};

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
}
