//! From where a client may authenticate.

use std::net::IpAddr;

use ipnet::IpNet;

/// Whether the address may be used: any when nothing is registered, otherwise one inside a registered network. An
/// address that is not known is in none. IPv4 written as IPv6 is the IPv4 address.
pub(crate) fn admits(networks: Option<&[IpNet]>, address: Option<IpAddr>) -> bool {
    let Some(networks) = networks else { return true };
    let Some(address) = address.map(|address| address.to_canonical()) else { return false };
    networks.iter().any(|network| network.contains(&address))
}

/// The address that a request came from. Only a trusted proxy is believed, and only the right-most entry of its
/// header that is no trusted proxy itself; a header that is missing or malformed there gives no address.
pub(crate) fn client_address<'a>(
    peer: Option<IpAddr>,
    trusted: &[IpNet],
    forwarded: impl DoubleEndedIterator<Item = &'a [u8]>,
) -> Option<IpAddr> {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let peer = peer?.to_canonical();
    if !is_trusted(peer) {
        return Some(peer);
    }
    for field in forwarded.rev() {
        for entry in std::str::from_utf8(field).ok()?.rsplit(',') {
            let address = entry.trim_matches([' ', '\t']).parse::<IpAddr>().ok()?.to_canonical();
            if !is_trusted(address) {
                return Some(address);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn only_registered_networks_admit() {
        let office = nets(&["203.0.113.0/24", "2001:db8::/32"]);
        for (address, admitted) in [
            ("203.0.113.9", true),
            ("::ffff:203.0.113.9", true),
            ("2001:db8::1", true),
            ("203.0.114.9", false),
            ("::1", false),
        ] {
            assert_eq!(admits(Some(&office), Some(address.parse().unwrap())), admitted, "{address}");
        }
        assert!(!admits(Some(&office), None));
        assert!(!admits(Some(&[]), Some("203.0.113.9".parse().unwrap())));
        assert!(admits(None, None));
    }

    #[test]
    fn a_proxy_is_believed_only_when_trusted_and_only_at_the_right_end() {
        let proxies = nets(&["10.0.0.0/8"]);
        let address = |peer: &str, fields: &[&str]| {
            client_address(Some(peer.parse().unwrap()), &proxies, fields.iter().map(|field| field.as_bytes()))
                .map(|address| address.to_string())
        };
        assert_eq!(address("198.51.100.1", &["203.0.113.9"]).as_deref(), Some("198.51.100.1"));
        assert_eq!(address("10.0.0.1", &["1.2.3.4, 203.0.113.9"]).as_deref(), Some("203.0.113.9"));
        assert_eq!(address("10.0.0.1", &["1.2.3.4", "203.0.113.9, 10.0.0.2"]).as_deref(), Some("203.0.113.9"));
        assert_eq!(address("10.0.0.1", &["::ffff:203.0.113.9"]).as_deref(), Some("203.0.113.9"));
        for bad in ["", "unknown", "203.0.113.9:80", "010.0.0.1", "fe80::1%eth0"] {
            assert_eq!(address("10.0.0.1", &[bad]), None, "{bad}");
        }
        assert_eq!(address("10.0.0.1", &[]), None);
    }
}
