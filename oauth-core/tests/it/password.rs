//! The `password` grant: off until two say otherwise, one answer for every no, every guess counted (rows T2, W3–W6).

use std::sync::Arc;
use std::time::Duration;

use oauth_core::audit::What;
use oauth_core::store::{GrantStore as _, PasswordHash, Rehash, StoreError, StoreErrorKind, Stores, User, UserStore};
use oauth_core::types::{Issuer, Subject, Tenant};
use oauth_core::{AuthorizationServer, Builder, ClientSpec, HashPasswordError, Refusal};
use oauth_testkit::{Method as Call, Times, block_on};

use crate::world::{Answer, ISSUER, Parts, START, World, form, sealing};

const PASSWORD: &str = "correct horse battery";

fn app(id: &str) -> ClientSpec {
    ClientSpec::public(id)
        .grants(["refresh_token"])
        .legacy_password_grant()
        .scope("offline_access orders.read")
        .audience(["orders"])
}

/// A server with the grant on, the public client `app`, and alice, who signs in as `alice` and as `alice@example.org`.
fn world(configure: impl FnOnce(Builder) -> Builder) -> World {
    let world = Parts::new().start(|builder| configure(builder.danger().password_grant()));
    block_on(world.server.ensure_client(app("app"))).unwrap();
    add(&world, "alice", PASSWORD, true, &["alice", "alice@example.org"]);
    world.trail.take();
    world.store.forget();
    world
}

fn add(world: &World, subject: &str, password: &str, active: bool, logins: &[&str]) {
    let password = Some(block_on(world.server.hash_password(password)).unwrap());
    let user = User { subject: Subject::parse(subject).unwrap(), active, scope: None, password };
    let _ = world.memory.insert_user(user, logins.iter().copied()).unwrap();
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn sign_in(world: &World, login: &str, password: &str) -> Answer {
    let (login, password) = (encode(login), encode(password));
    world.post(form(&format!("grant_type=password&client_id=app&username={login}&password={password}")))
}

#[test]
fn t02_it_is_off_until_server_and_client_say_so_by_name() {
    let off = World::new(|builder| builder);
    assert_eq!(off.token("grant_type=password&username=a&password=b").error(), (400, "unsupported_grant_type"));
    let mistakes = block_on(off.server.ensure_client(app("app"))).unwrap_err().to_string();
    assert!(mistakes.contains("`.danger().password_grant()`"), "{mistakes}");
    let on = world(|builder| builder);
    let by_text = app("x").grants(["password"]);
    assert!(block_on(on.server.ensure_client(by_text)).unwrap_err().to_string().contains("legacy_password_grant"));
    block_on(on.server.ensure_client(ClientSpec::public("other").scope("a").audience(["a"]))).unwrap();
    let other = on.post(form("grant_type=password&client_id=other&username=alice&password=x"));
    assert_eq!(other.error(), (400, "unauthorized_client"));
    assert_eq!(on.server.password_hashes(), 1, "only alice's own");
}

#[test]
fn a_user_signs_in_and_the_token_says_so() {
    let world = world(|builder| builder);
    let answer = sign_in(&world, "alice", PASSWORD);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let access = world.verify(answer.access_token()).unwrap();
    assert_eq!(access.require_signed_in().unwrap().as_str(), "alice");
    assert_eq!(access.auth_time(), Some(START));
    assert_eq!(answer.body["scope"], "offline_access orders.read");
    let refreshed = world.refresh(&answer.refresh_token());
    assert_eq!(refreshed.status, 200);
    assert_eq!(world.verify(refreshed.access_token()).unwrap().auth_time(), Some(START));
}

#[test]
fn w03_every_no_reads_alike_and_costs_the_same() {
    let world = world(|builder| builder.password_strikes(3, Duration::from_secs(900)));
    add(&world, "bob", PASSWORD, false, &["bob"]);
    add(&world, "carol", PASSWORD, true, &["carol"]);
    let host_only = User { subject: "dave".parse().unwrap(), active: true, scope: None, password: None };
    let _ = world.memory.insert_user(host_only, ["dave"]).unwrap();
    for _ in 0..3 {
        sign_in(&world, "carol", "wrong");
    }
    world.trail.take();
    let cases = [
        ("nobody", PASSWORD, Refusal::LoginUnknown),
        ("alice", "wrong", Refusal::PasswordWrong),
        ("bob", PASSWORD, Refusal::SubjectInactive),
        ("carol", PASSWORD, Refusal::PasswordLocked),
        ("dave", PASSWORD, Refusal::PasswordWrong),
    ];
    let mut bodies = Vec::new();
    for (login, password, why) in cases {
        let hashes = world.server.password_hashes();
        world.store.forget();
        let answer = sign_in(&world, login, password);
        assert_eq!(world.server.password_hashes() - hashes, 1, "{login}");
        let calls = [Call::Find, Call::FindByLogin, Call::AddStrike];
        assert_eq!(world.store.calls(), calls, "{login}");
        assert_eq!(world.trail.refusals().pop(), Some(why), "{login}");
        bodies.push((answer.status, answer.response.headers, answer.response.body));
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "byte for byte");
    assert_eq!(bodies[0].0, 400);
}

#[test]
fn an_unknown_login_is_in_the_trail_as_a_keyed_hash_only() {
    let world = world(|builder| builder);
    for login in ["hunter2 typed here", "hunter2 typed here", "another"] {
        sign_in(&world, login, "x");
    }
    let events = world.trail.take();
    let hashes: Vec<_> = events.iter().map(|event| event.login.clone().unwrap().hash).collect();
    assert!(hashes[0] == hashes[1] && hashes[0] != hashes[2]);
    assert!(events.iter().all(|event| !event.to_json().contains("hunter2") && event.subject.is_none()));
    sign_in(&world, "alice", "x");
    let event = world.trail.take().pop().unwrap();
    assert_eq!((event.subject.unwrap().as_str(), event.login), ("alice", None));
}

#[test]
fn w04_every_guess_counts_against_the_account_whatever_it_was_called() {
    let world = world(|builder| builder.password_strikes(10, Duration::from_secs(900)));
    for guess in 0..10 {
        sign_in(&world, ["alice", "alice@example.org"][guess % 2], "wrong");
    }
    assert!(sign_in(&world, "alice", PASSWORD).is_invalid_grant(), "locked under both names");
    assert!(sign_in(&world, "alice@example.org", PASSWORD).is_invalid_grant());
    world.advance(899);
    assert!(sign_in(&world, "alice", PASSWORD).is_invalid_grant());
    world.advance(1);
    assert_eq!(sign_in(&world, "alice", PASSWORD).status, 200, "the window is over");
}

#[test]
fn w04_two_hundred_guesses_at_once_count_two_hundred() {
    let world = world(|builder| builder.password_strikes(100, Duration::from_secs(900)).failures_per_minute(1_000));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..25).for_each(|_| assert!(sign_in(&world, "alice", "wrong").is_invalid_grant())));
        }
    });
    assert_eq!(world.store.count(Call::AddStrike), 200);
    let heard = world.trail.refusals().into_iter().filter(|why| *why == Refusal::PasswordWrong).count();
    assert_eq!(heard, 100, "no more than the limit is ever heard");
}

#[test]
fn w04_a_success_clears_the_strikes_and_a_refresh_does_not() {
    let world = world(|builder| builder.password_strikes(3, Duration::from_secs(900)));
    let refresh = sign_in(&world, "alice", PASSWORD).refresh_token();
    for _ in 0..3 {
        sign_in(&world, "alice", "wrong");
    }
    assert_eq!(world.refresh(&refresh).status, 200, "who guesses does not sign the user out");
    assert!(sign_in(&world, "alice", PASSWORD).is_invalid_grant());
    world.advance(900);
    for _ in 0..4 {
        sign_in(&world, "alice", "wrong");
        sign_in(&world, "alice", "wrong");
        assert_eq!(sign_in(&world, "alice", PASSWORD).status, 200);
    }
}

#[test]
fn w05_a_password_is_taken_whole_and_in_every_spelling_of_its_characters() {
    let world = world(|builder| builder);
    let long = format!("{}a", "x".repeat(199));
    add(&world, "long", &long, true, &["long"]);
    assert_eq!(sign_in(&world, "long", &long).status, 200);
    assert!(sign_in(&world, "long", &format!("{}b", "x".repeat(199))).is_invalid_grant());
    assert!(sign_in(&world, "long", &long[..199]).is_invalid_grant());
    add(&world, "nfc", "pass caf\u{e9} \u{fb01}n", true, &["nfc"]);
    for spelled in ["pass caf\u{e9} \u{fb01}n", "pass cafe\u{301} fin"] {
        assert_eq!(sign_in(&world, "nfc", spelled).status, 200, "{spelled}");
    }
    add(&world, "spaces", "  two  spaces  ", true, &["spaces"]);
    assert_eq!(sign_in(&world, "spaces", "  two  spaces  ").status, 200);
    assert!(sign_in(&world, "spaces", "two  spaces").is_invalid_grant());
}

#[test]
fn w05_length_and_blocklist_are_asked_when_a_password_is_set_and_never_after() {
    let world = world(|builder| builder.password_floor(10).blocked_passwords(["correct horse"]));
    let hash = |text: &str| block_on(world.server.hash_password(text));
    assert!(matches!(hash("123456789"), Err(HashPasswordError::TooShort(10))));
    assert!(matches!(hash("correct horse"), Err(HashPasswordError::Blocked)));
    assert!(matches!(hash("with a \n break"), Err(HashPasswordError::Characters)));
    assert!(matches!(hash(&"x".repeat(5_000)), Err(HashPasswordError::TooLong)));
    assert!(hash("all lower case").is_ok(), "no rule of composition");
    // one from before the rules
    let lax = super::password::world(|builder| builder);
    let old = Some(block_on(lax.server.hash_password("12345678")).unwrap());
    let user = User { subject: "old".parse().unwrap(), active: true, scope: None, password: old };
    let _ = world.memory.insert_user(user, ["old"]).unwrap();
    assert_eq!(sign_in(&world, "old", "12345678").status, 200);
}

#[test]
fn a_hash_of_an_older_strength_is_renewed_by_the_next_sign_in() {
    let world = world(|builder| builder);
    // password, somesalt, t=2, 64 MiB: a test vector of the reference implementation
    let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let password = Some(PasswordHash::from_phc(phc));
    let user = User { subject: "old".parse().unwrap(), active: true, scope: None, password };
    let _ = world.memory.insert_user(user, ["old"]).unwrap();
    assert!(sign_in(&world, "old", "Password").is_invalid_grant());
    assert_eq!(world.store.count(Call::Rehash), 0);
    for renewals in [1, 1] {
        assert_eq!(sign_in(&world, "old", "password").status, 200);
        assert_eq!(world.store.count(Call::Rehash), renewals);
    }
    let user = block_on(world.memory.find_by_login("old")).unwrap().unwrap();
    assert!(user.password.unwrap().as_phc().contains("m=19456,t=2,p=1"));
}

#[test]
fn a_store_that_fails_is_never_a_wrong_password() {
    let world = world(|builder| builder);
    for call in [Call::Find, Call::FindByLogin, Call::AddStrike, Call::ClearStrikes, Call::StartFamily] {
        world.store.forget();
        world.store.fail(call, StoreErrorKind::Unavailable, Times::Nth(1));
        assert_eq!(sign_in(&world, "alice", PASSWORD).error(), (503, "temporarily_unavailable"), "{call:?}");
    }
    world.store.forget();
    assert_eq!(sign_in(&world, "alice", PASSWORD).status, 200);
}

#[test]
fn a_user_whose_subject_is_a_clients_id_gets_nothing() {
    let world = world(|builder| builder);
    block_on(world.server.ensure_client(app("eve"))).unwrap();
    add(&world, "eve", PASSWORD, true, &["eve"]);
    assert!(sign_in(&world, "eve", PASSWORD).is_invalid_grant());
    assert_eq!(world.trail.refusals().pop(), Some(Refusal::SubjectIsClient));
}

#[test]
fn c16_guessing_is_slowed_down_before_anything_is_hashed_and_the_owner_elsewhere_is_not() {
    let world = world(|builder| builder.failures_per_minute(5).password_strikes(100, Duration::from_secs(900)));
    let from = |address: &str, password: &str| {
        let body = format!("grant_type=password&client_id=app&username=alice&password={}", encode(password));
        let mut request = form(&body);
        request.peer = Some(address.parse().unwrap());
        world.post(request)
    };
    for _ in 0..5 {
        assert!(from("203.0.113.9", "wrong").is_invalid_grant());
    }
    let hashes = world.server.password_hashes();
    world.store.forget();
    for spelled in ["203.0.113.9", "::ffff:203.0.113.9", "::FFFF:203.0.113.9"] {
        let answer = from(spelled, PASSWORD);
        assert_eq!(answer.status, 429);
        assert!((1..=60).contains(&answer.response.header_value("retry-after").unwrap().parse().unwrap()));
    }
    assert_eq!((world.server.password_hashes(), world.store.calls().len()), (hashes, 0));
    assert_eq!(from("198.51.100.7", PASSWORD).status, 200, "the owner elsewhere");
    world.advance(60);
    assert_eq!(from("203.0.113.9", PASSWORD).status, 200, "after a minute");
}

/// Users of a host that signs them in on its own pages.
#[derive(Debug)]
struct KnownBySubject;

#[async_trait::async_trait]
impl UserStore for KnownBySubject {
    async fn find_by_subject(&self, subject: &Subject) -> Result<Option<User>, StoreError> {
        let user = User { subject: subject.clone(), active: true, scope: None, password: None };
        Ok(Some(user).filter(|user| user.subject.as_str() == "alice"))
    }
}

#[test]
fn a_store_that_knows_no_login_names_is_no_wrong_password() {
    let parts = Parts::new();
    let stores = Stores::all(Tenant::default_tenant(), Arc::clone(&parts.store)).users(Arc::new(KnownBySubject));
    let builder = AuthorizationServer::builder(Issuer::url(ISSUER).unwrap(), stores, sealing().into());
    let builder = builder.clock(Arc::new(parts.clock.clone())).audit(Arc::clone(&parts.trail) as _);
    let world = parts.start(|_| builder.danger().password_grant());
    block_on(world.server.ensure_client(app("app"))).unwrap();
    assert_eq!(sign_in(&world, "alice", PASSWORD).error(), (503, "temporarily_unavailable"));
    let event = world.trail.take().pop().unwrap().to_json();
    assert!(event.contains("find_by_login"), "{event}");
    let (alice, old) = ("alice".parse().unwrap(), PasswordHash::from_phc("old"));
    let replaced = block_on(KnownBySubject.rehash(&alice, &old, PasswordHash::from_phc("new"))).unwrap();
    assert_eq!(replaced, Rehash::Moved, "nothing is replaced either");
}

#[test]
fn the_trail_tells_who_from_where_how_much_and_why() {
    let world = world(|builder| builder);
    let mut request = form(&format!(
        "grant_type=password&client_id=app&username=alice&scope=orders.read&password={}",
        encode(PASSWORD)
    ));
    request.peer = Some("203.0.113.9".parse().unwrap());
    assert_eq!(world.post(request).status, 200);
    let events = world.trail.take();
    let issued = events.iter().find(|event| matches!(event.what, What::TokenIssued { .. })).unwrap().to_json();
    for part in ["\"client\":\"app\"", "\"subject\":\"alice\"", "\"peer\":\"203.0.113.9\"", "\"grant\":\"password\""] {
        assert!(issued.contains(part), "{part} in {issued}");
    }
    let refused = world.post(form("grant_type=password&client_id=app&username=alice&password=x&scope=orders.read"));
    assert!(refused.is_invalid_grant());
    let event = world.trail.take().pop().unwrap().to_json();
    assert!(event.contains("\"scope\":\"orders.read\"") && event.contains("password.wrong"), "{event}");
    let found = block_on(world.memory.find_by_handle(&[0; 8])).unwrap();
    assert!(found.is_none());
}
