//! Slows guessing down (RFC 6749 §2.3.1, RFC 6819 §5.1.4.2): counts failures by where they come from and which client
//! they name. Only in this process and only for a minute; nothing is written anywhere.

mod table;

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use self::table::Table;
use crate::types::{ClientId, Timestamp};

/// The span over which failures are added up, in milliseconds. It begins at each full minute for everybody.
const WINDOW: i64 = 60_000;
/// How often a network may fail for each time that one client may fail from there.
const CLIENTS_PER_NETWORK: u32 = 10;

/// Counts the failures of the present minute, by network together with the client that was claimed, and by network
/// alone with a limit ten times as high, so that going through many clients is no way round.
///
/// A network is an IPv4 address or the first 64 bits of an IPv6 one, however it was spelt; those without an address share
/// one. The client's owner at another address is not held up by what somebody does in its name. Who shares an address with
/// a guesser is, until the minute ends: behind a proxy that the host did not declare, everybody shares the proxy's.
///
/// # Memory
/// At most 65,536 pairs and 65,536 networks, in at most 2.25 MiB: none before the first failure, as much as is needed
/// after it, kept for the next time. Keys are kept as 64-bit hashes under a random key of this value, so how long the
/// names are is no matter, and nobody can choose which keys meet in one place of the table.
///
/// # When it is full
/// The key with the fewest failures has to go, and whoever comes anew is taken to have failed as often as the worst that
/// had to go. Two things follow, whatever strangers send:
/// - *Nobody is locked out by others.* Who did not fail in this minute is in no table and is never refused.
/// - *Nothing is forgotten cheaply.* What is held is never less than what happened, and a key goes only when all others in
///   its place have failed at least as often. To have one forgotten that is over its limit takes some 65,536 × limit failures
///   in one minute (by default 6.5 million for a pair, 65 million for a network), from so many networks that all these guesses
///   were theirs anyway. One that went has a single guess more, and is over the limit again.
///
/// What it does not do: requests that are under way together were all let in before any of them failed, so their number
/// may come on top of the limit; and around a full minute twice the limit can pass in a short time.
#[derive(Debug)]
pub(crate) struct Throttle {
    failures_per_pair: u32,
    failures_per_network: u32,
    hashing: RandomState,
    /// The latest minute in which anybody failed: while it is over, a check is one look at it.
    latest: AtomicI64,
    tables: OnceLock<Tables>,
}

#[derive(Debug)]
struct Tables {
    pairs: Table,
    networks: Table,
}

/// Too many failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Throttled {
    /// When to try again: 1 to 60 seconds, the rest of the minute.
    pub(crate) retry_after: u32,
}

impl Throttle {
    /// Lets a client fail so many times a minute from one network; 0 is taken as 1.
    pub(crate) fn new(failures_per_minute: u32) -> Self {
        let failures_per_pair = failures_per_minute.max(1);
        Self {
            failures_per_pair,
            failures_per_network: failures_per_pair.saturating_mul(CLIENTS_PER_NETWORK),
            hashing: RandomState::new(),
            latest: AtomicI64::new(i64::MIN),
            tables: OnceLock::new(),
        }
    }

    /// Whether another attempt is let in. Costs one comparison in a minute in which nobody failed, otherwise two
    /// look-ups; never allocates.
    ///
    /// # Errors
    /// [`Throttled`], to be answered 429 with `Retry-After`.
    pub(crate) fn check(
        &self,
        address: Option<IpAddr>,
        client: Option<&ClientId>,
        now: Timestamp,
    ) -> Result<(), Throttled> {
        let minute = minute(now);
        if self.latest.load(Ordering::Acquire) < minute {
            return Ok(());
        }
        let Some(tables) = self.tables.get() else { return Ok(()) };
        let network = Network::of(address);
        if tables.pairs.failures(self.pair(network, client), minute) < self.failures_per_pair
            && tables.networks.failures(self.alone(network), minute) < self.failures_per_network
        {
            return Ok(());
        }
        Err(Throttled { retry_after: rest_of_minute(now) })
    }

    /// Counts an attempt that failed.
    ///
    /// `now` is the request's: one that began before the full minute and failed after it counts in the later minute, so
    /// that no slow request takes the others' count back.
    pub(crate) fn count_failure(&self, address: Option<IpAddr>, client: Option<&ClientId>, now: Timestamp) {
        let minute = minute(now);
        let network = Network::of(address);
        let tables = self.tables.get_or_init(|| Tables { pairs: Table::new(), networks: Table::new() });
        tables.pairs.count(self.pair(network, client), minute);
        tables.networks.count(self.alone(network), minute);
        self.latest.fetch_max(minute, Ordering::AcqRel);
    }

    fn pair(&self, network: Network, client: Option<&ClientId>) -> u64 {
        self.hashing.hash_one((network, client))
    }

    fn alone(&self, network: Network) -> u64 {
        self.hashing.hash_one(network)
    }
}

/// Where an attempt comes from: what one customer of a provider is given, not one of the addresses in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Network {
    Unknown,
    V4(u32),
    V6(u64),
}

impl Network {
    fn of(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            None => Self::Unknown,
            Some(IpAddr::V4(address)) => Self::V4(address.to_bits()),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
            }
        }
    }
}

const fn minute(now: Timestamp) -> i64 {
    now.millis().div_euclid(WINDOW)
}

/// Whole seconds, rounded up: 1 to 60.
fn rest_of_minute(now: Timestamp) -> u32 {
    let millis = WINDOW - now.millis().rem_euclid(WINDOW);
    u32::try_from(millis).map_or(60, |millis| millis.div_ceil(1000))
}

#[cfg(test)]
mod tests;
