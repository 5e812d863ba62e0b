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
