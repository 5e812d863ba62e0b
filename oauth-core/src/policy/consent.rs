//! When a user who agreed once need not be asked again.

use super::permission::OFFLINE_ACCESS;
use super::redirect_uri::is_exact_https;
use crate::store::Client;
use crate::types::{Lifetime, ResourceUri, Scope, Timestamp};

/// How long a consent is remembered: a year.
pub const REMEMBERED: Lifetime = Lifetime::of_seconds(365 * 24 * 3_600);

/// What a user agrees to: one client at one redirect URI, for these resources.
#[derive(Debug, Clone, Copy)]
pub struct Consent<'a> {
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

/// Whether a consent of `given_at` covers what is asked now: the same redirect URI and resources, no more scope, never
/// `offline_access`, and not for longer than [`REMEMBERED`].
#[must_use]
pub fn covers(client: &Client, given: Consent<'_>, given_at: Timestamp, asked: Consent<'_>, now: Timestamp) -> bool {
    let holds = |these: &[ResourceUri], those: &[ResourceUri]| these.iter().all(|uri| those.contains(uri));
    is_remembered(client)
        && given.redirect_uri == asked.redirect_uri
        && holds(given.resource, asked.resource)
        && holds(asked.resource, given.resource)
        && asked.scope.is_subset(given.scope)
        && !asked.scope.contains(OFFLINE_ACCESS)
        && given_at <= now
        && now < given_at.plus(REMEMBERED)
}
