//! An address is in a network iff an implementation that nobody here wrote says so, however either is spelled.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cidr::{Ipv4Cidr, Ipv6Cidr};
use ipnet::IpNet;
use oauth_core::policy::network;
use oauth_testkit::laws::Trial;
use proptest::prelude::*;

use super::planted::told;

/// A network, an address that is often near it, and how the address is spelled.
#[derive(Debug, Clone)]
struct Case {
    network: IpAddr,
    length: u8,
    address: IpAddr,
    spelling: u8,
}

fn case() -> impl Strategy<Value = Case> {
    let v4 =
        (any::<u32>(), 0..=32_u8, 0..32_u8, any::<bool>(), any::<u32>()).prop_map(|(net, length, bit, near, far)| {
            let address = if near { net ^ (1 << bit) } else { far };
            (IpAddr::V4(net.into()), length, IpAddr::V4(Ipv4Addr::from(address)))
        });
    let v6 = (any::<u128>(), 0..=128_u8, 0..128_u8, any::<bool>(), any::<u128>()).prop_map(
        |(net, length, bit, near, far)| {
            let address = if near { net ^ (1 << bit) } else { far };
            (IpAddr::V6(net.into()), length, IpAddr::V6(Ipv6Addr::from(address)))
        },
    );
    let mixed = (any::<u32>(), any::<u128>(), 0..=32_u8)
        .prop_map(|(net, address, length)| (IpAddr::V4(net.into()), length, IpAddr::V6(address.into())));
    (prop_oneof![4 => v4, 4 => v6, 1 => mixed], 0..5_u8).prop_map(|((network, length, address), spelling)| Case {
        network,
        length,
        address,
        spelling,
    })
}

impl Case {
    /// The network without the bits after its prefix, as text.
    fn network_text(&self) -> String {
        match self.network {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.length)).unwrap_or(0);
                format!("{}/{}", Ipv4Addr::from(u32::from(address) & mask), self.length)
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.length)).unwrap_or(0);
                format!("{}/{}", Ipv6Addr::from(u128::from(address) & mask), self.length)
            }
        }
    }

    /// The address in one of its lawful spellings.
    fn address_text(&self) -> String {
        match (self.address, self.spelling) {
            (IpAddr::V4(address), 1) => format!("::ffff:{address}"),
            (IpAddr::V4(address), 2) => format!("{:?}", address.to_ipv6_mapped()).to_uppercase(),
            (IpAddr::V4(address), 3) => {
                let [a, b, c, d] = address.octets();
                format!("0:0:0:0:0:ffff:{a:02x}{b:02x}:{c:02x}{d:02x}")
            }
            (IpAddr::V4(address), _) => address.to_string(),
            (IpAddr::V6(address), 1) => {
                let groups: Vec<String> = address.segments().iter().map(|group| format!("{group:04x}")).collect();
                groups.join(":")
            }
            (IpAddr::V6(address), 2) => address.to_string().to_uppercase(),
            (IpAddr::V6(address), 3) => {
                let [a, b, c, d, e, f, ..] = address.segments();
                let last = Ipv4Addr::from(u32::from_be_bytes(address.octets()[12..].try_into().unwrap()));
                format!("{a:x}:{b:x}:{c:x}:{d:x}:{e:x}:{f:x}:{last}")
            }
            (IpAddr::V6(address), _) => address.to_string(),
        }
    }

    /// What the other implementation says, of addresses as they are: IPv4 written as IPv6 is IPv4.
    fn expected(&self) -> bool {
        match (self.network_text(), self.address.to_canonical()) {
            (network, IpAddr::V4(address)) if self.network.is_ipv4() => {
                network.parse::<Ipv4Cidr>().unwrap().contains(&address)
            }
            (network, IpAddr::V6(address)) if self.network.is_ipv6() => {
                network.parse::<Ipv6Cidr>().unwrap().contains(&address)
            }
            _ => false,
        }
    }
}

type Admits = fn(Option<&[IpNet]>, Option<IpAddr>) -> bool;
type Read = fn(&str) -> Option<IpAddr>;

fn law(admits: Admits, read: Read, trial: &Trial) {
    trial.run("an address is in a network", 1, case(), |case| {
        let Ok(net) = network::parse(&case.network_text()) else {
            // the one that may not be registered
            prop_assert!(case.network_text().starts_with("::ffff:"), "{}", case.network_text());
            return Ok(());
        };
        let address = read(&case.address_text());
        prop_assert!(address.is_some(), "{} is an address", case.address_text());
        prop_assert_eq!(admits(Some(&[net]), address), case.expected(), "{} in {}", case.address_text(), net);
        Ok(())
    });
}

#[test]
fn an_address_is_in_a_network_iff_another_implementation_says_so() {
    law(network::admits, network::parse_address, &Trial::in_file(file!()).times(8));
}

const WIDE: Admits = |networks, address| {
    let wider = |network: &IpNet| network.supernet().unwrap_or(*network);
    let networks: Vec<IpNet> = networks.unwrap_or_default().iter().map(wider).collect();
    network::admits(Some(&networks), address)
};

const SPELLED: Admits =
    |networks, address| networks.is_some_and(|all| address.is_some_and(|one| all.iter().any(|n| n.contains(&one))));

#[test]
fn a_network_that_forgets_a_bit_is_caught() {
    told(|| law(WIDE, network::parse_address, &Trial::repeatable(2_048)));
}

#[test]
fn an_address_that_is_compared_as_it_is_spelled_is_caught() {
    let why = told(|| law(SPELLED, |text| text.parse().ok(), &Trial::repeatable(2_048)));
    assert!(why.contains("::ffff:"), "{why}");
}

fn of(network: &str, length: u8, address: &str, spelling: u8) -> Trial {
    let (network, address) = (network.parse().unwrap(), address.parse().unwrap());
    Trial::on(Case { network, length, address, spelling })
}

#[test]
fn regression_a_bit_beside_the_network() {
    let kept = || of("0.0.0.0", 32, "0.0.0.1", 0);
    law(network::admits, network::parse_address, &kept());
    told(|| law(WIDE, network::parse_address, &kept()));
}

#[test]
fn regression_an_ipv4_address_written_as_ipv6() {
    let kept = || of("0.0.0.0", 0, "0.0.0.0", 1);
    law(network::admits, network::parse_address, &kept());
    told(|| law(SPELLED, |text| text.parse().ok(), &kept()));
}

#[test]
fn no_text_that_only_looks_like_an_address_is_one() {
    for text in [
        "",
        "010.0.0.1",
        "10.0.0.01",
        "0x0a.0.0.1",
        "10.1",
        "167772161",
        "10.0.0.1:80",
        "[::1]",
        "fe80::1%eth0",
        "fe80::1%1",
        "::ffff:1.2.3.4%lo",
        "1.2.3.4.5",
        "256.0.0.1",
        " 10.0.0.1",
        "10.0.0.1 ",
        "::1::",
        "١٠.0.0.1",
    ] {
        assert_eq!(network::parse_address(text), None, "{text}");
    }
}
