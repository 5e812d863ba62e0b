//! What policy is fed with, refused where it enters: scope texts (rows P12, P16, P17), networks, lifetimes.

use std::time::Duration;

use oauth_core::ClientSpec;
use oauth_testkit::block_on;

use crate::world::{Answer, Parts, World};

fn ask(world: &World, scope: &str) -> Answer {
    let scope: String = scope.bytes().map(|byte| format!("%{byte:02x}")).collect();
    world.token(&format!("grant_type=client_credentials&scope={scope}"))
}

#[test]
fn p16_scope_text_outside_the_grammar_is_invalid_scope() {
    let world = World::new(|builder| builder);
    let read = "orders.read";
    for bad in [
        " orders.read",
        "orders.read ",
        "orders.read  orders.write",
        " ",
        "  ",
        "\torders.read",
        "orders.read\t",
        "orders.read\torders.write",
        "orders.read\norders.write",
        "orders.read\r\n",
        "\"orders.read\"",
        "orders\\read",
        "ordérs.read",
        "orders.read\u{7f}",
        "orders.read\u{80}",
        "orders.read\u{a0}orders.write",
        "\u{feff}orders.read",
        "orders.read\u{2028}",
        "orders.read\0",
        "\u{1}",
    ] {
        assert_eq!(ask(&world, bad).error(), (400, "invalid_scope"), "{bad:?}");
    }
    // bytes that are no UTF-8 are not repaired into scope
    for bad in ["%ff", "orders.read%c0%af", "%ed%a0%80"] {
        let answer = world.token(&format!("grant_type=client_credentials&scope={bad}"));
        assert_eq!(answer.error(), (400, "invalid_request"), "{bad}");
    }
    assert_eq!(ask(&world, read).body["scope"], read);
}

#[test]
fn p17_scope_is_a_set_whose_case_matters() {
    let world = World::new(|builder| builder);
    for (asked, granted) in [
        ("orders.write orders.read", "orders.read orders.write"),
        ("orders.read orders.read", "orders.read"),
        ("orders.read admin", "orders.read"),
        ("orders.read Orders.write", "orders.read"),
        ("", "orders.read orders.write"),
    ] {
        assert_eq!(ask(&world, asked).body["scope"], granted, "{asked:?}");
    }
    for nothing in ["admin", "ORDERS.READ", "orders.rea", "orders.read.", "orders"] {
        assert_eq!(ask(&world, nothing).error(), (400, "invalid_scope"), "{nothing}");
    }
    let twice = world.token("grant_type=client_credentials&scope=orders.read&scope=orders.read");
    assert_eq!(twice.error(), (400, "invalid_request"));
}

#[test]
fn p12_scope_is_bounded_before_it_is_read() {
    let world = World::new(|builder| builder);
    let fits = format!("orders.read {}", "a".repeat(4_096 - 12));
    assert_eq!(ask(&world, &fits).body["scope"], "orders.read");
    assert_eq!(ask(&world, &format!("{fits}a")).error(), (400, "invalid_request"));
    // as many tokens as 4 KiB hold
    let many = vec!["a"; 2_048].join(" ");
    assert_eq!(ask(&world, &many).error(), (400, "invalid_scope"));
    assert_eq!(ask(&world, &" ".repeat(4_096)).error(), (400, "invalid_scope"));
}

#[test]
fn lifetimes_that_cannot_be_are_refused_where_they_enter() {
    let spans = [
        (Duration::ZERO, "not 0ns"),
        (Duration::from_millis(999), "not 999ms"),
        (Duration::from_millis(1_500), "not 1.5s"),
        (Duration::from_secs(u64::from(u32::MAX) + 1), "not 4294967296s"),
        (Duration::from_secs(u64::MAX), "not 18446744073709551615s"),
        (Duration::MAX, "not 18446744073709551615.999999999s"),
    ];
    let world = World::new(|builder| builder);
    for (span, named) in spans {
        let named = format!("a lifetime must be 1 to 4294967295 whole seconds, {named}");
        let fine = Duration::from_secs(60);
        let builder = || Parts::new().builder();
        let resource = oauth_core::ResourceSettings { access_token_lifetime: Some(span), ..Default::default() };
        for builder in [
            builder().access_token_lifetime(span),
            builder().refresh_lifetimes(span, fine),
            builder().refresh_lifetimes(fine, span),
            builder().password_strikes(5, span),
            builder().key_periods(span, fine),
            builder().resource("urn:api:1", resource),
        ] {
            let mistakes = builder.build().unwrap_err().to_string();
            assert!(mistakes.contains(&named), "{mistakes}");
        }
        let spec = || ClientSpec::confidential("c").scope("a").audience(["api"]);
        for spec in [
            spec().access_token_lifetime(span),
            spec().refresh_lifetimes(span, fine),
            spec().refresh_lifetimes(fine, span),
        ] {
            let mistakes = block_on(world.server.ensure_client(spec)).unwrap_err().to_string();
            assert!(mistakes.contains(&named), "{mistakes}");
        }
    }
}

#[test]
fn networks_that_cannot_be_are_refused_by_name() {
    let world = World::new(|builder| builder);
    for (text, named) in [
        ("::ffff:1.2.3.4/128", "is IPv4 written as IPv6"),
        ("::ffff:0:0/96", "is IPv4 written as IPv6"),
        ("010.0.0.1/32", "is no network"),
        ("10.0.0.0/08", "is no network"),
        ("10.0.0.0/+8", "is no network"),
        ("10.0.0.0/8/8", "is no network"),
        ("fe80::%eth0/64", "is no network"),
        ("fe80::1%1/128", "is no network"),
        ("10.0.0.1", "is no network"),
        ("10.0.0.1/8", "write `10.0.0.0/8`"),
        ("2001:db8::1/32", "write `2001:db8::/32`"),
        ("", "is no network"),
        ("localhost/8", "is no network"),
    ] {
        let spec = ClientSpec::confidential("c").scope("a").audience(["api"]).networks([text]);
        let mistakes = block_on(world.server.ensure_client(spec)).unwrap_err().to_string();
        assert!(mistakes.contains(named), "{text}: {mistakes}");
        let mistakes = Parts::new().builder().tls_terminated_by([text]).build().unwrap_err().to_string();
        assert!(mistakes.contains(named), "{text}: {mistakes}");
    }
}
