//! W3 to W6 and T2: the password grant, for hosts that cannot do without it.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::time::Duration;

use oauth_core::store::RevokedWhy;
use oauth_core::{HashPasswordError, Refusal};
use oauth_testkit::{Method as Call, block_on};

use crate::on_every_store;
use crate::support::{Answer, Backend, Connection, Host, PASSWORD, Way, phone};

on_every_store!(
    t02_the_password_grant_is_off_unless_server_and_client_say_so,
    w03_every_no_of_a_sign_in_is_one_answer,
    w04_guesses_at_once_are_all_counted,
    w04_names_and_dialects_of_one_account_share_a_counter,
    w05_a_password_is_taken_whole,
    w05_what_a_password_must_be_is_asked_when_it_is_set,
    w06_a_password_too_long_is_refused_before_it_is_hashed,
);

/// alice with her password, and `phone`; this many wrong passwords are heard.
fn signing_in<B: Backend>(strikes: u32) -> Host<B> {
    let window = Duration::from_secs(900);
    let host = Host::people(|builder| builder.password_strikes(strikes, window).failures_per_minute(10_000));
    host.add_person("bob", Some(PASSWORD), true, &["bob", "bob@example.org", "Bob B."]);
    host
}

fn t02_the_password_grant_is_off_unless_server_and_client_say_so<B: Backend>() {
    let off = Host::<B>::start();
    off.token("grant_type=password&username=alice&password=x").is(400, "unsupported_grant_type");
    let metadata = "/.well-known/oauth-authorization-server";
    let grants = |host: &Host<B>| host.get(metadata).json()["grant_types_supported"].to_string();
    assert!(!grants(&off).contains("password"));
    assert!(block_on(off.server.ensure_client(phone("phone"))).unwrap_err().to_string().contains("password_grant"));
    let on = signing_in::<B>(10);
    assert!(grants(&on).contains("\"password\""));
    on.register(oauth_core::ClientSpec::public("other").legacy_json_bodies().scope("orders.read").audience(["orders"]));
    let hashes = on.server.password_hashes();
    for way in Way::ALL {
        let mut parameters = vec![("grant_type", "password"), ("username", "bob"), ("password", PASSWORD)];
        on.send(&way.ask(&parameters).basic("app", &on.app.secret)).is(400, "unauthorized_client");
        parameters.push(("client_id", "other"));
        on.send(&way.ask(&parameters)).is(400, "unauthorized_client");
    }
    assert_eq!(on.server.password_hashes(), hashes);
}

/// What somebody who guesses can see and measure of a failure.
#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    headers: BTreeSet<(String, String)>,
    body: String,
    calls: Vec<Call>,
    hashes: u64,
}

fn w03_every_no_of_a_sign_in_is_one_answer<B: Backend>() {
    let host = signing_in::<B>(3);
    host.add_person("off", Some(PASSWORD), false, &["off"]);
    host.add_person("locked", Some(PASSWORD), true, &["locked"]);
    (0..3).for_each(|_| host.sign_in(Way::Form, "locked", "wrong").is(400, "invalid_grant"));
    let cases = [
        ("nobody", PASSWORD, Refusal::LoginUnknown),
        ("bob", "wrong password", Refusal::PasswordWrong),
        ("off", PASSWORD, Refusal::SubjectInactive),
        ("off", "wrong", Refusal::PasswordWrong),
        ("locked", PASSWORD, Refusal::PasswordLocked),
        ("locked", "wrong", Refusal::PasswordLocked),
        // alice has no password at all: the host signs her in by other means
        ("alice", PASSWORD, Refusal::PasswordWrong),
    ];
    for way in Way::ALL {
        let seen: Vec<Seen> = cases
            .iter()
            .map(|(login, password, why)| {
                host.forget();
                let hashes = host.server.password_hashes();
                let answer: Answer = host.sign_in(way, login, password);
                assert_eq!(host.refusals(), [*why], "{login}");
                let (status, headers, body) = answer.comparable();
                let hashes = host.server.password_hashes() - hashes;
                Seen { status, headers, body, calls: host.calls(), hashes }
            })
            .collect();
        assert_eq!((seen[0].status, seen[0].hashes), (400, 1));
        assert_eq!(seen[0].calls, [Call::Find, Call::FindByLogin, Call::AddStrike]);
        for (one, case) in seen.iter().zip(&cases) {
            assert_eq!(one, &seen[0], "{case:?} {way:?}");
        }
        // so that the next dialect meets the same strikes
        host.clock.advance(Duration::from_secs(900));
        (0..3).for_each(|_| host.sign_in(Way::Form, "locked", "wrong").is(400, "invalid_grant"));
    }
}

fn w04_guesses_at_once_are_all_counted<B: Backend>() {
    const CALLERS: usize = 20;
    let mut host = signing_in::<B>(100);
    host.open_doors(3);
    host.forget();
    let doors = host.addresses();
    let start = Barrier::new(CALLERS);
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (host, start, door) = (&host, &start, doors[caller % doors.len()]);
            scope.spawn(move || {
                start.wait();
                for number in 0..10 {
                    let login = ["bob", "bob@example.org", "Bob B."][(caller + number) % 3];
                    let ask = Host::<B>::signing_in(Way::ALL[number % 3], login, "wrong");
                    let answer = Connection::to(door).send(&ask.bytes()).answer();
                    host.check(&ask, &answer);
                    answer.is(400, "invalid_grant");
                }
            });
        }
    });
    // every one reached the counter, and no two were told the same number: else more than the limit had been heard
    assert_eq!(host.probe.count(Call::AddStrike), 200);
    let heard = |wanted| host.refusals().into_iter().filter(|why| *why == wanted).count();
    assert_eq!((heard(Refusal::PasswordWrong), heard(Refusal::PasswordLocked)), (100, 100));
    assert_eq!(host.backend.strikes(&host.directory), B::IS_DURABLE.then(|| vec![200]));
    host.sign_in(Way::Form, "bob", PASSWORD).is(400, "invalid_grant");
}

fn w04_names_and_dialects_of_one_account_share_a_counter<B: Backend>() {
    let host = signing_in::<B>(9);
    let begun = host.sign_in(Way::Json, "bob@example.org", PASSWORD);
    let logins = ["bob", "bob@example.org", "Bob B."];
    for guess in 0..9 {
        host.sign_in(Way::ALL[guess % 3], logins[guess / 3], "wrong").is(400, "invalid_grant");
    }
    for way in Way::ALL {
        for login in logins {
            host.sign_in(way, login, PASSWORD).is(400, "invalid_grant");
        }
    }
    // who guesses does not sign the owner out, and a success on another grant is no way round
    let refreshed = host.refresh(Way::Form, &begun.refresh_token());
    assert_eq!(refreshed.status, 200);
    host.sign_in(Way::Form, "bob", PASSWORD).is(400, "invalid_grant");
    let family = host.family_of(&refreshed);
    assert_eq!(family.revoked.map(|(_, why): (_, RevokedWhy)| why), None);
    host.clock.advance(Duration::from_secs(899));
    host.sign_in(Way::Json, "bob", PASSWORD).is(400, "invalid_grant");
    host.clock.advance(Duration::from_secs(1));
    assert_eq!(host.sign_in(Way::Json, "Bob B.", PASSWORD).status, 200, "the window is over");
    // and the success cleared the count, for every name
    for _ in 0..2 {
        (0..8).for_each(|_| host.sign_in(Way::Form, "bob", "wrong").is(400, "invalid_grant"));
        assert_eq!(host.sign_in(Way::Form, "bob@example.org", PASSWORD).status, 200);
    }
}

fn w05_a_password_is_taken_whole<B: Backend>() {
    let host = signing_in::<B>(100);
    let long = |last: char| format!("{}{last}", "x".repeat(199));
    host.add_person("long", Some(&long('a')), true, &["long"]);
    host.add_person("nfc", Some("pass caf\u{e9} \u{fb01}n \u{212b}"), true, &["nfc"]);
    host.add_person("spaces", Some("  two  spaces\t "), true, &["spaces"]);
    host.add_person("signs", Some("p%40+&=; \"\\/{}<'é漢🦀"), true, &["signs"]);
    for way in Way::ALL {
        assert_eq!(host.sign_in(way, "long", &long('a')).status, 200);
        for wrong in [long('b'), long('a')[..199].to_owned(), long('a')[..72].to_owned(), format!("{}a", long('a'))] {
            host.sign_in(way, "long", &wrong).is(400, "invalid_grant");
        }
        for spelled in ["pass caf\u{e9} \u{fb01}n \u{212b}", "pass cafe\u{301} fin A\u{30a}"] {
            assert_eq!(host.sign_in(way, "nfc", spelled).status, 200, "{spelled}");
        }
        assert_eq!(host.sign_in(way, "spaces", "  two  spaces\t ").status, 200);
        for wrong in ["two  spaces", "  two spaces\t ", "  two  spaces"] {
            host.sign_in(way, "spaces", wrong).is(400, "invalid_grant");
        }
        assert_eq!(host.sign_in(way, "signs", "p%40+&=; \"\\/{}<'é漢🦀").status, 200);
    }
}

fn w05_what_a_password_must_be_is_asked_when_it_is_set<B: Backend>() {
    let host = Host::<B>::people(|builder| builder.password_floor(12).blocked_passwords(["correct horse battery"]));
    let set = |text: &str| block_on(host.server.hash_password(text));
    assert!(matches!(set("elevensigns"), Err(HashPasswordError::TooShort(12))));
    assert!(matches!(set("correct horse battery"), Err(HashPasswordError::Blocked)));
    assert!(set("all lower case").is_ok() && set(&"x".repeat(64)).is_ok(), "no rule of composition, 64 and more");
    // passwords from before the rules
    let lax = Host::<B>::people(|builder| builder);
    for (login, old) in [("short", "12345678"), ("common", "correct horse battery")] {
        let password = Some(block_on(lax.server.hash_password(old)).unwrap());
        let subject = login.parse().unwrap();
        host.backend.add_user(oauth_core::store::User { subject, active: true, scope: None, password }, &[login]);
        for way in Way::ALL {
            assert_eq!(host.sign_in(way, login, old).status, 200);
        }
    }
}

fn w06_a_password_too_long_is_refused_before_it_is_hashed<B: Backend>() {
    let host = signing_in::<B>(10);
    let hashes = host.server.password_hashes();
    host.forget();
    for way in Way::ALL {
        // with all of it sent, or as much of it as is taken
        let ask = Host::<B>::signing_in(way, "bob", &"x".repeat(1 << 20));
        let mut connection = Connection::to(host.address);
        connection.send_until_refused(&ask.bytes(), 1);
        let answer = connection.answer();
        host.check(&ask, &answer);
        answer.is(413, "invalid_request");
        // within the body's limit and over the parameter's
        host.sign_in(way, "bob", &"x".repeat(4_097)).is(400, "invalid_request");
    }
    assert_eq!((host.calls(), host.server.password_hashes()), (Vec::new(), hashes));
    // at the limit it is a password like any other
    host.sign_in(Way::Json, "bob", &"x".repeat(4_096)).is(400, "invalid_grant");
    assert_eq!(host.server.password_hashes(), hashes + 1);
}
