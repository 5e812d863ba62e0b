//! Who may be believed about encryption and addresses: the socket, and proxies that the host declared.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::error::Refusal;
use crate::policy::network;
use crate::wire::{Request, Transport};

/// The host's word on what stands in front of the server.
#[derive(Debug, Clone)]
pub(crate) struct TransportRule {
    /// Proxies that end TLS and tell the client's address.
    pub(crate) proxies: Vec<IpNet>,
    /// The one field in which they tell it, in lower case.
    pub(crate) address_header: String,
    /// Whether credentials may come in clear from anywhere.
    pub(crate) plain_http: bool,
}

impl TransportRule {
    /// Whether nobody on the way could read the request: encrypted, local, or through a proxy that ended TLS.
    pub(crate) fn require_private(&self, request: &Request) -> Result<(), Refusal> {
        let private = request.transport == Transport::Tls
            || self.plain_http
            || request.peer.is_none_or(|peer| peer.to_canonical().is_loopback() || self.is_proxy(peer));
        if private { Ok(()) } else { Err(Refusal::ClearTransport) }
    }

    /// The client's address.
    pub(crate) fn client_address(&self, request: &Request) -> Option<IpAddr> {
        let forwarded: Vec<&[u8]> =
            if self.proxies.is_empty() { Vec::new() } else { request.headers.all(&self.address_header).collect() };
        network::client_address(request.peer, &self.proxies, forwarded.into_iter())
    }

    fn is_proxy(&self, peer: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(&peer.to_canonical()))
    }
}
