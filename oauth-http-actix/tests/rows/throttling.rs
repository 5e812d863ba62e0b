//! C16 and G14: guessing is slowed down, by where it comes from and whom it names.

use std::time::Duration;

use oauth_core::Builder;

use crate::on_every_store;
use crate::support::{Answer, Ask, Backend, Connection, Host, Registered, Way, phone};

on_every_store!(
    c16_ten_thousand_wrong_secrets_are_slowed_down_and_the_owner_elsewhere_is_not,
    c16_wrong_passwords_are_slowed_down_before_anything_is_hashed,
    c16_going_through_many_clients_is_no_way_round,
    g14_a_network_is_one_bucket_however_it_is_spelt,
    g14_nobody_but_a_declared_proxy_tells_an_address,
);

/// Behind a proxy on this machine, with so many failures a minute.
fn proxied<B: Backend>(failures: u32) -> Host<B> {
    Host::people(|builder: Builder| builder.failures_per_minute(failures).tls_terminated_by(["127.0.0.0/8"]))
}

fn guess(way: Way, client: &str) -> Ask {
    let guess = Registered { id: client.to_owned(), secret: "w".repeat(43) };
    way.ask(&[("grant_type", "client_credentials"), ("client_id", &guess.id), ("client_secret", &guess.secret)])
}

#[track_caller]
fn is_slowed_down(answer: &Answer) {
    answer.is(429, "temporarily_unavailable");
    let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
}

fn c16_ten_thousand_wrong_secrets_are_slowed_down_and_the_owner_elsewhere_is_not<B: Backend>() {
    const LIMIT: usize = 100;
    let host = proxied::<B>(100);
    let guesses = Way::BOTH.map(|way| guess(way, "app").from("203.0.113.9"));
    let kept = guesses.each_ref().map(Ask::kept_bytes);
    let mut connection = Connection::to(host.address);
    let mut statuses = Vec::with_capacity(10_000);
    for number in 0..10_000 {
        let answer = connection.send(&kept[number % 2]).answer();
        host.check(&guesses[number % 2], &answer);
        statuses.push(answer.status);
    }
    assert!(statuses[..LIMIT].iter().all(|status| *status == 401));
    assert!(statuses[LIMIT..].iter().all(|status| *status == 429));
    // what is slowed down reaches neither a store nor a hash
    assert_eq!((host.calls().len(), host.server.password_hashes()), (LIMIT, 0));
    for way in Way::ALL {
        let right = Host::<B>::by_body(way, &host.app, &[]);
        is_slowed_down(&host.send(&right.clone().from("203.0.113.9")));
        assert_eq!(host.send(&right.clone().from("198.51.100.7")).status, 200, "the owner elsewhere");
        assert_eq!(host.send(&Host::<B>::by_basic(way, &host.app).from("198.51.100.7")).status, 200);
    }
    // another client is not held up where this one is guessed at
    let other = host.client("other", |spec| spec);
    assert_eq!(host.send(&Host::<B>::by_body(Way::Form, &other, &[]).from("203.0.113.9")).status, 200);
    host.clock.advance(Duration::from_secs(60));
    let right = Host::<B>::by_body(Way::Json, &host.app, &[]).from("203.0.113.9");
    assert_eq!(host.send(&right).status, 200, "after a minute");
}

fn c16_wrong_passwords_are_slowed_down_before_anything_is_hashed<B: Backend>() {
    let host = proxied::<B>(6);
    host.add_person("bob", Some("bob's own password"), true, &["bob"]);
    let from =
        |way, address: &str, password: &str| host.send(&Host::<B>::signing_in(way, "bob", password).from(address));
    for way in Way::ALL.into_iter().cycle().take(6) {
        from(way, "203.0.113.9", "wrong").is(400, "invalid_grant");
    }
    let hashes = host.server.password_hashes();
    host.forget();
    for way in Way::ALL {
        is_slowed_down(&from(way, "203.0.113.9", "bob's own password"));
    }
    assert_eq!((host.calls().len(), host.server.password_hashes()), (0, hashes));
    assert_eq!(from(Way::Form, "198.51.100.7", "bob's own password").status, 200);
    // whoever guesses at refresh tokens is slowed down too, and a right one elsewhere goes on
    host.clock.advance(Duration::from_secs(60));
    let token = host.send(&Host::<B>::signing_in(Way::Json, "bob", "bob's own password").from("198.51.100.7"));
    let refresh = |token: &str| Host::<B>::refreshing(Way::Json, "phone", token, &[]);
    for _ in 0..6 {
        host.send(&refresh(&"A".repeat(43)).from("203.0.113.9")).is(400, "invalid_grant");
    }
    is_slowed_down(&host.send(&refresh(&token.refresh_token()).from("203.0.113.9")));
    assert_eq!(host.send(&refresh(&token.refresh_token()).from("198.51.100.7")).status, 200);
}

fn c16_going_through_many_clients_is_no_way_round<B: Backend>() {
    let host = proxied::<B>(5);
    for number in 0..50 {
        let ask = guess(Way::BOTH[number % 2], &format!("client-{}", number / 5)).from("203.0.113.9");
        host.send(&ask).is(401, "invalid_client");
    }
    let right = Host::<B>::by_body(Way::Form, &host.app, &[]);
    is_slowed_down(&host.send(&right.clone().from("203.0.113.9")));
    assert_eq!(host.send(&right.from("203.0.113.10")).status, 200);
}

fn g14_a_network_is_one_bucket_however_it_is_spelt<B: Backend>() {
    const LIMIT: usize = 16;
    let v6: Vec<String> = (0..LIMIT)
        .map(|n| match n % 4 {
            0 => format!("2001:db8:1:2::{n:x}"),
            1 => format!("2001:DB8:1:2:FFFF::{n:X}"),
            2 => format!("2001:0db8:0001:0002:{n:04x}:0:0:1"),
            _ => format!("2001:db8:1:2:abcd:ef01:2345:{n:x}"),
        })
        .collect();
    let v4: Vec<String> = (0..LIMIT)
        .map(|n| match n % 4 {
            0 => "203.0.113.9",
            1 => "::ffff:203.0.113.9",
            2 => "::FFFF:CB00:7109",
            _ => "0:0:0:0:0:ffff:203.0.113.9",
        })
        .map(str::to_owned)
        .collect();
    // what was put into the field before it reached the proxy, in one field or in several, is nobody's address
    let forged: Vec<String> = (0..LIMIT).map(|n| format!("198.51.100.{n}, 2001:db8::{n:x},203.0.113.77")).collect();
    let unreadable: Vec<String> = (0..LIMIT)
        .map(|n| ["unknown", "", "1.2.3.4:80", "[2001:db8::1]", "fe80::1%eth0", "010.1.1.1"][n % 6].to_owned())
        .collect();
    for (spellings, outside) in
        [(v6, "2001:db8:1:3::1"), (v4, "203.0.113.10"), (forged, "198.51.100.1"), (unreadable, "203.0.113.11")]
    {
        let host = proxied::<B>(u32::try_from(LIMIT).unwrap());
        for (number, address) in spellings.iter().enumerate() {
            host.send(&guess(Way::ALL[number % 3], "app").from(address)).is(401, "invalid_client");
        }
        let right = Host::<B>::by_body(Way::Form, &host.app, &[]);
        for address in &spellings {
            is_slowed_down(&host.send(&right.clone().from(address)));
        }
        assert_eq!(host.send(&right.clone().from(outside)).status, 200, "{outside}");
    }
    let host = proxied::<B>(3);
    for n in 0..3 {
        let ask = guess(Way::Form, "app").from(&format!("192.0.2.{n}")).from("203.0.113.77");
        host.send(&ask).is(401, "invalid_client");
    }
    let right = Host::<B>::by_body(Way::Form, &host.app, &[]);
    is_slowed_down(&host.send(&right.clone().from("192.0.2.9").from("203.0.113.77")));
    assert_eq!(host.send(&right.from("192.0.2.1")).status, 200);
}

fn g14_nobody_but_a_declared_proxy_tells_an_address<B: Backend>() {
    let host = Host::<B>::people(|builder| builder.failures_per_minute(12));
    for n in 0..12 {
        let ask = guess(Way::ALL[n % 3], "app").from(&format!("203.0.113.{n}"));
        let ask = ask.header("forwarded", format!("for=203.0.113.{n}")).header("x-real-ip", format!("203.0.113.{n}"));
        host.send(&ask).is(401, "invalid_client");
    }
    for way in Way::ALL {
        is_slowed_down(&host.send(&Host::<B>::by_body(way, &host.app, &[]).from("203.0.113.200")));
    }
    let peers: Vec<_> = host.events().into_iter().filter_map(|event| event.peer).collect();
    assert!(peers.len() >= 12 && peers.iter().all(std::net::IpAddr::is_loopback), "{peers:?}");
    // nor does it open a client's networks
    let office = host.register(phone("office").networks(["203.0.113.0/24"]));
    let ask = Host::<B>::refreshing(Way::Json, &office.id, &"A".repeat(43), &[]).from("203.0.113.9");
    host.send(&ask).is(401, "invalid_client");
    let behind = proxied::<B>(100);
    behind.register(phone("office").networks(["203.0.113.0/24"]));
    behind.send(&ask).is(400, "invalid_grant");
}
