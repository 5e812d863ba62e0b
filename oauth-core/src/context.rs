//! What a hook may know of the request that it is asked about.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::wire::{HostExtension, Request};

/// The request around a decision: given to every hook and written into the audit trail.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RequestContext {
    /// The client's address: the socket's peer, or what a trusted proxy said of it.
    pub peer: Option<IpAddr>,
    /// The `User-Agent` field, when it is text; at most 256 characters of it.
    pub user_agent: Option<String>,
    /// Names this request in the audit trail and, when it failed by our fault, in the answer.
    pub correlation_id: CorrelationId,
    /// What the host attached to the request.
    pub host: Option<HostExtension>,
}

impl RequestContext {
    pub(crate) fn of(request: &Request, peer: Option<IpAddr>, correlation_id: CorrelationId) -> Self {
        let user_agent = request.headers.all("user-agent").next().and_then(|value| std::str::from_utf8(value).ok());
        Self {
            peer,
            user_agent: user_agent.map(|text| text.chars().take(256).collect()),
            correlation_id,
            host: request.host.clone(),
        }
    }

    /// A context for work that no request caused, or for a test of a hook.
    #[must_use]
    pub const fn without_request() -> Self {
        Self::internal(CorrelationId(0))
    }

    /// A context for work that no request caused, such as [`issue`](crate::AuthorizationServer::issue).
    pub(crate) const fn internal(correlation_id: CorrelationId) -> Self {
        Self { peer: None, user_agent: None, correlation_id, host: None }
    }
}

/// A random-looking name of one request: 16 hexadecimal digits. Not a secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CorrelationId(u64);

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CorrelationId({self})")
    }
}

/// Makes correlation ids: a random start, then a mixed counter, so that naming a request costs no system call.
#[derive(Debug)]
pub(crate) struct CorrelationIds(AtomicU64);

impl CorrelationIds {
    pub(crate) const fn starting_at(random: u64) -> Self {
        Self(AtomicU64::new(random))
    }

    /// SplitMix64 (Steele, Lea and Flood 2014): a bijection of the counter, so ids do not repeat in a process.
    pub(crate) fn next(&self) -> CorrelationId {
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        CorrelationId(z ^ (z >> 31))
    }
}
