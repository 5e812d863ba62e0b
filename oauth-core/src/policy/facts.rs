//! What a host's rule may know of a request.

use std::net::IpAddr;

use crate::store::{AuthenticationContext, Client, Principal, User};
use crate::token::HostFacts;
use crate::types::{Lifetime, ResourceUri, Scope, Timestamp};

/// What a request asks for and what is known of who asks. The client is authenticated and active, the user too.
///
/// A rule sees what was *asked for*, never what other rules left of it: so no rule depends on another's turn.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Facts<'a> {
    /// The `grant_type`, or `host` for a token that the host asked for itself.
    pub grant: &'a str,
    /// Who asks.
    pub client: &'a Client,
    /// Who the token will speak for.
    pub principal: &'a Principal,
    /// The user, where the token speaks for one.
    pub user: Option<&'a User>,
    /// The scope that was asked for. Where the request names none: the client's default, or all that is held at a
    /// refresh or allowed with a code.
    pub scope: &'a Scope,
    /// The resources that were asked for (RFC 8707); empty for the client's audience.
    pub resource: &'a [ResourceUri],
    /// How long the token was asked to live: what an extension grant proposed. `None` leaves it to the settings.
    pub lifetime: Option<Lifetime>,
    /// How and when the user signed in; `None` where nobody did.
    pub auth: Option<&'a AuthenticationContext>,
    /// The client's address, as far as it is known.
    pub peer: Option<IpAddr>,
    /// The request's one reading of the clock.
    pub now: Timestamp,
    /// What the host's [`TokenHook`](crate::token::TokenHook) loaded.
    pub host: &'a HostFacts,
}
