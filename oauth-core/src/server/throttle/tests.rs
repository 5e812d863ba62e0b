use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

const NOON: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn at(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

fn client(text: &str) -> Option<ClientId> {
    Some(text.parse().unwrap())
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_millis(NOON.millis() + seconds * 1000)
}

impl Throttle {
    fn fail(&self, times: u32, address: &str, name: &str) {
        for _ in 0..times {
            self.count_failure(at(address), client(name).as_ref(), NOON);
        }
    }

    fn admits(&self, address: &str, name: &str) -> bool {
        self.check(at(address), client(name).as_ref(), NOON).is_ok()
    }
}

#[test]
fn c16_after_so_many_failures_a_client_is_refused_from_there_and_free_elsewhere() {
    let throttle = Throttle::new(3);
    assert!(throttle.admits("192.0.2.1", "app"));
    throttle.fail(2, "192.0.2.1", "app");
    assert!(throttle.admits("192.0.2.1", "app"));
    throttle.fail(1, "192.0.2.1", "app");
    assert!(!throttle.admits("192.0.2.1", "app"));
    assert!(throttle.admits("192.0.2.2", "app"), "the owner at another address");
    assert!(throttle.admits("192.0.2.1", "other"), "another client at the address");
    assert!(throttle.check(at("192.0.2.1"), None, NOON).is_ok());
}

#[test]
fn c16_going_through_many_clients_is_no_way_round() {
    let throttle = Throttle::new(3);
    for n in 0..29 {
        throttle.fail(1, "192.0.2.1", &format!("app-{n}"));
        assert!(throttle.admits("192.0.2.1", "next"), "{n}");
    }
    throttle.count_failure(at("192.0.2.1"), None, NOON);
    assert!(!throttle.admits("192.0.2.1", "next"));
    assert!(throttle.check(at("192.0.2.1"), None, NOON).is_err());
    assert!(throttle.admits("192.0.2.2", "app-1"));
}

#[test]
fn g14_spellings_of_one_network_share_one_count() {
    for (spellings, others) in [
        (
            &["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201", "::FFFF:C000:0201"][..],
            &["192.0.2.2", "::c000:201"][..],
        ),
        (
            &["2001:db8:0:7::1", "2001:DB8::7:0:0:0:2", "2001:db8:0:7:ffff:ffff:ffff:ffff"],
            &["2001:db8:0:8::1", "2001:db8::1", "192.0.2.1"],
        ),
        (&["::1", "::2", "0:0:0:0:1::"], &["0:0:0:1::"]),
    ] {
        for first in spellings {
            for second in spellings {
                let throttle = Throttle::new(2);
                throttle.fail(1, first, "app");
                throttle.fail(1, second, "app");
                assert!(spellings.iter().all(|address| !throttle.admits(address, "app")), "{first} {second}");
                assert!(others.iter().all(|address| throttle.admits(address, "app")), "{first} {second}");
            }
        }
    }
}

#[test]
fn g14_rotating_within_a_64_is_no_way_round() {
    let throttle = Throttle::new(100);
    for n in 0..100_u128 {
        let address = IpAddr::V6(((0x2001_0db8_u128 << 96) | (n * 0x1_0001_0001)).into());
        assert!(throttle.check(Some(address), client("app").as_ref(), NOON).is_ok());
        throttle.count_failure(Some(address), client("app").as_ref(), NOON);
    }
    assert!(!throttle.admits("2001:db8::abcd", "app"));
    assert!(throttle.admits("2001:db8:0:1::abcd", "app"));
}

#[test]
fn those_without_an_address_share_one_count_of_their_own() {
    let throttle = Throttle::new(1);
    throttle.count_failure(None, client("app").as_ref(), NOON);
    assert!(throttle.check(None, client("app").as_ref(), NOON).is_err());
    assert!(throttle.check(None, client("other").as_ref(), NOON).is_ok());
    assert!(throttle.admits("0.0.0.0", "app"));
    assert!(throttle.admits("::", "app"));
}

#[test]
fn clients_are_told_apart_byte_for_byte() {
    let throttle = Throttle::new(1);
    throttle.fail(1, "192.0.2.1", "app");
    for other in ["App", "app ", "ap", "appp"] {
        assert!(throttle.admits("192.0.2.1", other), "{other}");
    }
}

#[test]
fn the_next_minute_begins_anew_and_retry_after_says_when() {
    for (failed_at, retry_after) in [(0, 60), (1, 59), (59, 1)] {
        let throttle = Throttle::new(1);
        throttle.count_failure(None, None, later(failed_at));
        assert_eq!(throttle.check(None, None, later(failed_at)), Err(Throttled { retry_after }));
        assert_eq!(throttle.check(None, None, later(60)), Ok(()));
        throttle.count_failure(None, client("other").as_ref(), later(60));
        assert_eq!(throttle.check(None, None, later(60)), Ok(()), "its failure was of another minute");
    }
    for (millis, retry_after) in [(1, 60), (999, 60), (1000, 59), (59_000, 1), (59_001, 1), (59_999, 1)] {
        let throttle = Throttle::new(1);
        let now = Timestamp::from_millis(NOON.millis() + millis);
        throttle.count_failure(None, None, now);
        assert_eq!(throttle.check(None, None, now), Err(Throttled { retry_after }), "{millis}");
    }
}

#[test]
fn a_slow_request_of_the_last_minute_counts_in_this_one_and_takes_nothing_back() {
    let throttle = Throttle::new(2);
    throttle.count_failure(None, None, later(60));
    throttle.count_failure(None, None, later(59));
    assert_eq!(throttle.check(None, None, later(60)), Err(Throttled { retry_after: 60 }));
    assert_eq!(throttle.check(None, None, later(59)), Err(Throttled { retry_after: 1 }));
}

#[test]
fn a_clock_that_stands_still_or_steps_panics_nowhere() {
    let throttle = Throttle::new(1);
    for millis in [i64::MIN, -1, 0, 1, i64::MAX, i64::MIN, NOON.millis(), i64::MAX - 1, 0] {
        let now = Timestamp::from_millis(millis);
        throttle.count_failure(None, None, now);
        let throttled = throttle.check(None, None, now).unwrap_err();
        assert!((1..=60).contains(&throttled.retry_after), "{millis}");
    }
}

#[test]
fn limits_at_their_ends_neither_wrap_nor_let_nobody_in() {
    let strict = Throttle::new(0);
    assert!(strict.admits("192.0.2.1", "app"));
    strict.fail(1, "192.0.2.1", "app");
    assert!(!strict.admits("192.0.2.1", "app"));
    assert!(strict.admits("192.0.2.2", "app"));
    let large = Throttle::new(u32::MAX / 10 + 1);
    large.fail(1000, "192.0.2.1", "app");
    assert!(large.admits("192.0.2.1", "app"));
    let lax = Throttle::new(u32::MAX);
    lax.fail(1000, "192.0.2.1", "app");
    assert!(lax.admits("192.0.2.1", "app"));
}

#[test]
fn nothing_is_held_before_the_first_failure() {
    let throttle = Throttle::new(1);
    assert!(throttle.admits("192.0.2.1", "app"));
    assert!(throttle.tables.get().is_none());
}

/// The address of a stranger, each in a network of its own.
fn stranger(n: u32) -> Option<IpAddr> {
    Some(IpAddr::V6(((0x2001_0db8_u128 << 96) | (u128::from(n) << 64)).into()))
}

#[test]
fn a_flood_of_a_million_keys_is_bounded_locks_nobody_out_and_forgets_no_guesser() {
    let throttle = Throttle::new(100);
    let victim = client("victim");
    throttle.fail(100, "192.0.2.1", "victim");
    for n in 0..1_000_000 {
        throttle.count_failure(stranger(n), victim.as_ref(), NOON);
    }
    let tables = throttle.tables.get().unwrap();
    let (pairs, networks) = (tables.pairs.size(), tables.networks.size());
    assert!(pairs.0 + networks.0 <= 2_359_296, "{pairs:?} {networks:?}");
    assert!(pairs.1 <= 65_536 && networks.1 <= 65_536);
    assert!(!throttle.admits("192.0.2.1", "victim"), "the guesser is not forgotten");
    for n in 1_000_000..1_010_000 {
        assert_eq!(throttle.check(stranger(n), victim.as_ref(), NOON), Ok(()), "nobody else is refused");
    }
    assert!(throttle.admits("192.0.2.1", "other"));
}

#[test]
fn below_its_capacity_no_count_is_lost_or_inflated() {
    let throttle = Throttle::new(3);
    for n in (0..20_000).chain(0..20_000) {
        throttle.count_failure(stranger(n), None, NOON);
    }
    assert!((0..20_000).all(|n| throttle.check(stranger(n), None, NOON).is_ok()), "two failures are not three");
    for n in 0..20_000 {
        throttle.count_failure(stranger(n), None, NOON);
    }
    assert!((0..20_000).all(|n| throttle.check(stranger(n), None, NOON).is_err()));
}

#[test]
fn an_overfull_table_counts_too_high_and_never_too_low() {
    let table = Table::new();
    // all in one place, as nobody can arrange it from outside
    let key = |n: u64| n * 1024;
    for n in 0..64 {
        for _ in 0..=n {
            table.count(key(n), 7);
        }
    }
    assert_eq!(table.failures(key(0), 7), 1);
    table.count(key(100), 7);
    assert_eq!(table.failures(key(0), 7), 0, "the least had to go");
    assert_eq!(table.failures(key(100), 7), 2, "and may be the one that came");
    assert_eq!(table.failures(key(63), 7), 64, "the worst stay");
    for n in 1000..2000 {
        table.count(key(n), 7);
        assert!(table.failures(key(n), 7) > 1);
    }
    table.count(key(0), 7);
    assert!(table.failures(key(0), 7) >= 2, "it comes back with what it had, or more");
    table.count(key(0), 8);
    assert_eq!(table.failures(key(0), 8), 1);
    for n in 1..=64 {
        table.count(key(n), 8);
    }
    assert_eq!(table.failures(key(64), 8), 2, "what went in the last minute is over");
}

#[test]
fn failures_of_many_threads_are_all_counted() {
    let throttle = Arc::new(Throttle::new(4000));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let throttle = Arc::clone(&throttle);
            std::thread::spawn(move || throttle.fail(1000, "192.0.2.1", "app"))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(!throttle.admits("192.0.2.1", "app"));
    let tables = throttle.tables.get().unwrap();
    let key = throttle.alone(Network::of(at("192.0.2.1")));
    assert_eq!(tables.networks.failures(key, minute(NOON)), 4000);
}

/// What is asked of a throttle.
#[derive(Debug, Clone)]
enum Step {
    Advance(i64),
    Check(usize, usize),
    Fail(usize, usize),
}

const ADDRESSES: [&str; 6] =
    ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:1::1"];
/// The same, as the naive model names them.
const NETWORKS: [&str; 7] = ["a", "a", "b", "c", "c", "d", "none"];
const CLIENTS: [Option<&str>; 4] = [None, Some("x"), Some("y"), Some("z")];

fn step() -> impl Strategy<Value = Step> {
    let who = (0..=ADDRESSES.len(), 0..CLIENTS.len());
    prop_oneof![
        1 => (0..90_000_i64).prop_map(Step::Advance),
        3 => who.clone().prop_map(|(address, client)| Step::Check(address, client)),
        6 => who.prop_map(|(address, client)| Step::Fail(address, client)),
    ]
}

proptest! {
    #[test]
    fn below_its_capacity_it_is_a_map_of_counts(
        limit in 1..4_u32,
        start in -200_000..200_000_i64,
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let throttle = Throttle::new(limit);
        let mut counts: HashMap<(i64, &str, Option<&str>), u32> = HashMap::new();
        let mut now = start;
        for step in steps {
            let minute = now.div_euclid(60_000);
            match step {
                Step::Advance(millis) => now += millis,
                Step::Fail(address, name) => {
                    let id = CLIENTS[name].and_then(client);
                    let address_of = ADDRESSES.get(address).and_then(|text| at(text));
                    throttle.count_failure(address_of, id.as_ref(), Timestamp::from_millis(now));
                    *counts.entry((minute, NETWORKS[address], CLIENTS[name])).or_default() += 1;
                }
                Step::Check(address, name) => {
                    let id = CLIENTS[name].and_then(client);
                    let address_of = ADDRESSES.get(address).and_then(|text| at(text));
                    let verdict = throttle.check(address_of, id.as_ref(), Timestamp::from_millis(now));
                    let pair = counts.get(&(minute, NETWORKS[address], CLIENTS[name])).copied().unwrap_or(0);
                    let network = NETWORKS[address];
                    let alone: u32 =
                        CLIENTS.iter().filter_map(|name| counts.get(&(minute, network, *name))).sum();
                    prop_assert_eq!(verdict.is_err(), pair >= limit || alone >= 10 * limit);
                }
            }
        }
    }

    #[test]
    fn who_did_not_fail_is_never_refused_and_what_is_held_is_never_too_low(
        keys in prop::collection::vec(0..200_u64, 0..2000),
    ) {
        let table = Table::new();
        let mut counts = HashMap::new();
        for key in keys.into_iter().map(|n| n * 1024) {
            table.count(key, 1);
            *counts.entry(key).or_insert(0) += 1;
            prop_assert!(table.failures(key, 1) >= counts[&key]);
        }
        for key in (0..400).map(|n| n * 1024) {
            let (held, happened) = (table.failures(key, 1), counts.get(&key).copied().unwrap_or(0));
            prop_assert!(held == 0 || (happened > 0 && held >= happened));
        }
    }
}
