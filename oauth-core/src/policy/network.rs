//! From where a client may authenticate.

use std::net::IpAddr;

use ipnet::IpNet;

/// A text that is no network to register; each says the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidNetwork {
    /// Neither IPv4 nor IPv6 with a prefix length.
    #[error("`{0}` is no network; write it like `203.0.113.0/24` or `2001:db8::/32`")]
    Syntax(String),
    /// A bit after the prefix is set: somebody meant something else.
    #[error("the network `{0}` has host bits set; write `{1}`")]
    HostBits(String, IpNet),
    /// Addresses are compared as IPv4 where they are IPv4.
    #[error("the network `{0}` is IPv4 written as IPv6 and would match nothing; write it as IPv4")]
    MappedIpv4(String),
}

/// Parses CIDR text (RFC 4632 §3.1, RFC 4291 §2.3). Numbers have no leading zeros, addresses no zone.
///
/// # Errors
/// [`InvalidNetwork`].
pub fn parse(text: &str) -> Result<IpNet, InvalidNetwork> {
    match read(text) {
        Some(IpNet::V6(network)) if network.addr().to_ipv4_mapped().is_some() => {
            Err(InvalidNetwork::MappedIpv4(text.to_owned()))
        }
        Some(network) if network.trunc() == network => Ok(network),
        Some(network) => Err(InvalidNetwork::HostBits(text.to_owned(), network.trunc())),
        None => Err(InvalidNetwork::Syntax(text.to_owned())),
    }
}

/// Address and prefix length, as the standard library reads addresses: ipnet takes `010.0.0.0` for 10.0.0.0, where
/// others take it for 8.0.0.0.
fn read(text: &str) -> Option<IpNet> {
    let (address, length) = text.split_once('/')?;
    let is_plain = length == "0" || !length.starts_with(['0', '+']);
    let length = length.parse().ok().filter(|_| is_plain)?;
    IpNet::new(address.parse().ok()?, length).ok()
}

/// Parses the text of one address, as proxies write it: without port or zone, in any lawful spelling. IPv4 written as
/// IPv6 is the IPv4 address.
#[must_use]
pub fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// Whether the address may be used: any when nothing is registered, otherwise one inside a registered network. An
/// address that is not known is in none. IPv4 written as IPv6 is the IPv4 address.
#[must_use]
pub fn admits(networks: Option<&[IpNet]>, address: Option<IpAddr>) -> bool {
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
            let address = parse_address(entry.trim_matches([' ', '\t']))?;
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

    #[test]
    fn hostile_networks_are_refused_by_name() {
        for text in [
            "",
            "203.0.113.0/33",
            "203.0.113.0/-1",
            "203.0.113.0/024",
            "203.0.113.0",
            "203.0.113/24",
            "010.0.0.0/8",
            "0x0a.0.0.0/8",
            "10.0.0.0/8 ",
            "10.0.0.0/255.0.0.0",
            "fe80::%eth0/64",
            "fe80::1%1/64",
            "[2001:db8::]/32",
            "2001:db8::/129",
            "2001:db8:::/32",
            "example.org/24",
        ] {
            assert_eq!(parse(text), Err(InvalidNetwork::Syntax(text.to_owned())), "{text}");
        }
        assert!(matches!(parse("::ffff:1.2.3.4/128"), Err(InvalidNetwork::MappedIpv4(_))));
        assert!(matches!(parse("::ffff:102:0/112"), Err(InvalidNetwork::MappedIpv4(_))));
        let Err(InvalidNetwork::HostBits(_, meant)) = parse("203.0.113.9/24") else { panic!("host bits") };
        assert_eq!(meant.to_string(), "203.0.113.0/24");
        assert!(parse("0.0.0.0/0").is_ok() && parse("::/0").is_ok() && parse("203.0.113.9/32").is_ok());
    }
}
