//! RFC 7662: when a token is inactive, that nothing more is told of it, and what the answer costs (§8 of the protocol, rows I2
//! and I4).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_core::ClientSpec;
use oauth_core::jose::Alg;
use oauth_core::store::{ClientRegistry as _, ClientStore as _, Deregister, StoreErrorKind, UpdateClient};
use oauth_core::types::Lifetime;
use oauth_testkit::{Method as Call, Times, block_on};
use proptest::prelude::*;
use serde_json::Value;

use crate::introspection::{both, with, worker};
use crate::people::{Asking, people, plain};
use crate::world::{Answer, START, World, basic, form, jwt};

/// Every way in which a token can be no good for `orders-api`, or for `app` itself, with its name.
fn dead_tokens(world: &World) -> Vec<(String, String)> {
    let mut dead: Vec<(String, String)> = Vec::new();
    let mut add = |why: &str, token: &str| dead.push((why.to_owned(), token.to_owned()));
    let expired = world.begin();
    world.advance(601);
    add("expired", expired.access_token());
    let revoked = world.begin();
    block_on(world.server.revoke_family(world.family_of(&revoked).id)).unwrap();
    add("family revoked", revoked.access_token());
    add("its refresh token", &revoked.refresh_token());
    let alone = world.begin();
    block_on(world.server.revoke_token(&world.verify(alone.access_token()).unwrap())).unwrap();
    add("revoked alone", alone.access_token());
    let spent = world.begin();
    world.refresh(&spent.refresh_token());
    add("spent", &spent.refresh_token());
    add("an id token", world.begin().body["id_token"].as_str().unwrap());
    let live = world.begin();
    for (why, token) in [("access", live.access_token()), ("refresh", &live.refresh_token())] {
        for end in [1, token.len() / 2, token.len() - 1] {
            add(&format!("{why} cut at {end}"), &token[..end]);
        }
        add(&format!("{why} longer"), &format!("{token}A"));
        add(&format!("{why} with ="), &format!("{token}="));
        add(&format!("{why} and a space"), &format!("{token}+"));
        add(&format!("{why} in another case"), &token.to_uppercase());
    }
    let mut bytes = URL_SAFE_NO_PAD.decode(live.refresh_token()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    add("another tag", &URL_SAFE_NO_PAD.encode(&bytes));
    add("10 KiB", &"a".repeat(10 * 1024));
    add("10 KiB with dots", &format!("{}.{}.{}", "a".repeat(9_000), "b".repeat(1_000), "c".repeat(240)));
    for garbage in ["x", ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
        add("garbage", garbage);
    }
    add("unknown", "iufhfWPkY_LOP8haywhRijU7KfntoXW3_uAoyBnFlts");
    dead
}

#[test]
fn i02_every_dead_or_odd_token_is_just_inactive_to_the_byte() {
    for format in both() {
        let world = with(&format);
        let dead = dead_tokens(&world);
        let (own, api) = (world.app_turned_confidential(), world.orders_api());
        world.store.forget();
        world.trail.take();
        for (why, token) in &dead {
            for hint in ["", "&token_type_hint=access_token", "&token_type_hint=refresh_token", "&token_type_hint=x"] {
                for caller in [&own, &api] {
                    let answer = world.introspect_with(caller, &format!("token={token}{hint}"));
                    assert!(answer.is_inactive(), "{format:?}: {why}, {}: {}", caller.id, answer.body);
                }
            }
        }
        assert_eq!((world.writes(), world.trail.take().len()), (0, 0), "nothing changes");
    }
}

#[test]
fn user_and_client_are_asked_for_now() {
    for format in both() {
        let world = with(&format);
        let begun = world.begin();
        let (api, spec) = (world.orders_api(), ClientSpec::confidential("auditor").scope("audit").audience(["audit"]));
        let auditor = world.asking(spec.danger_introspects_everything());
        let sees = |token: &str, caller: &Asking| {
            let answer = world.introspect(caller, token);
            assert!(answer.is_active() || answer.is_inactive(), "{}", answer.body);
            answer.is_active()
        };
        let refresh = begun.refresh_token();
        let all = || [sees(begun.access_token(), &api), sees(&refresh, &auditor)];
        assert_eq!(all(), [true, true]);
        let _ = world.memory.set_user_active(&"alice".parse().unwrap(), false).unwrap();
        assert_eq!(all(), [false, false]);
        let _ = world.memory.set_user_active(&"alice".parse().unwrap(), true).unwrap();
        assert_eq!(all(), [true, true], "nothing was changed");
        // past the server, so that nothing was taken back
        let mut record = (*block_on(world.memory.find(&"app".parse().unwrap())).unwrap().unwrap()).clone();
        for (version, active) in [(2, false), (3, true)] {
            (record.active, record.version) = (active, version);
            assert_eq!(block_on(world.memory.update(record.clone(), version - 1)).unwrap(), UpdateClient::Updated);
            assert_eq!(all(), [active, active]);
        }
        assert_eq!(block_on(world.memory.deregister(&record.id)).unwrap(), Deregister::Removed);
        assert_eq!(all(), [false, false]);
    }
}

#[test]
fn i04_every_two_ways_of_taking_a_token_back_apply_together() {
    type Way = (&'static str, fn(&World, &Answer));
    let ways: [Way; 10] = [
        ("user", |world, _| block_on(world.server.revoke_subject(&"alice".parse().unwrap())).unwrap()),
        ("client", |world, _| block_on(world.server.revoke_client(&"app".parse().unwrap())).unwrap()),
        ("everything", |world, _| block_on(world.server.revoke_everything()).unwrap()),
        ("family", |world, begun| {
            let id = world.verify(begun.access_token()).map(|access| access.family().unwrap());
            if let Ok(id) = id {
                block_on(world.server.revoke_family(id)).unwrap();
            }
        }),
        ("alone", |world, begun| {
            if let Ok(access) = world.verify(begun.access_token()) {
                block_on(world.server.revoke_token(&access)).unwrap();
            }
        }),
        ("by its client", |world, begun| assert_eq!(world.revoke(&begun.refresh_token()).status, 200)),
        ("replay", |world, begun| {
            let first = begun.refresh_token();
            let second = world.refresh(&first);
            if second.status == 200 {
                world.refresh(&second.refresh_token());
                assert!(world.refresh(&first).is_invalid_grant());
            }
        }),
        ("restore", |world, _| {
            let _ = block_on(world.server.after_restore(START.plus(Lifetime::of_seconds(5)))).unwrap();
        }),
        ("time", |world, _| world.advance(700)),
        ("user disabled", |world, _| {
            let _ = world.memory.set_user_active(&"alice".parse().unwrap(), false).unwrap();
        }),
    ];
    for format in both() {
        for (one, first) in ways {
            for (other, second) in ways {
                let world = with(&format);
                let begun = world.begin();
                let api = world.orders_api();
                assert!(world.introspect(&api, begun.access_token()).is_active());
                world.advance(5);
                first(&world, &begun);
                assert!(world.introspect(&api, begun.access_token()).is_inactive(), "{one}");
                second(&world, &begun);
                assert!(world.introspect(&api, begun.access_token()).is_inactive(), "{one}, then {other}");
                let _ = world.memory.set_user_active(&"alice".parse().unwrap(), true).unwrap();
                // nobody gets as far as a replay while the user is disabled
                let stays = one != "user disabled" || !["user disabled", "replay"].contains(&other);
                assert_eq!(world.introspect(&api, begun.access_token()).is_inactive(), stays, "{one}, {other}");
            }
        }
    }
}

#[test]
fn m05_tokens_of_a_revoked_key_are_inactive() {
    let world = with(&jwt(Alg::ES256));
    let begun = world.begin();
    let api = world.orders_api();
    let header: Value = serde_json::from_str(&crate::world::peek(begun.access_token()).0).unwrap();
    assert!(world.introspect(&api, begun.access_token()).is_active());
    block_on(world.server.keys().revoke(&header["kid"].as_str().unwrap().parse().unwrap())).unwrap();
    world.store.forget();
    assert!(world.introspect(&api, begun.access_token()).is_inactive());
    assert_eq!(world.store.calls(), [Call::Find], "a JWT is proved before anything is read");
    assert!(world.introspect(&api, world.begin().access_token()).is_active());
}

#[test]
fn it_costs_one_read_of_grants_and_at_most_two_clients_and_one_user() {
    for format in both() {
        let world = with(&format);
        let begun = world.begin();
        let (gone, foreign) = (world.begin(), world.begin());
        block_on(world.server.revoke_family(world.family_of(&gone).id)).unwrap();
        let spent = world.begin();
        world.refresh(&spent.refresh_token());
        let (own, api) = (world.app_turned_confidential(), world.orders_api());
        let stranger = worker(&world);
        let cost = |caller: &Asking, token: &str| {
            world.store.forget();
            let answer = world.introspect(caller, token);
            let (grants, mut others): (Vec<Call>, Vec<Call>) = world
                .store
                .calls()
                .into_iter()
                .partition(|call| matches!(call, Call::FindAccessToken | Call::FindByHandle | Call::Standing));
            others.sort_by_key(ToString::to_string);
            assert!(answer.is_active() || answer.is_inactive());
            (answer.is_active(), grants.len(), others)
        };
        let (find, user) = (Call::Find, Call::FindBySubject);
        assert_eq!(cost(&api, begun.access_token()), (true, 1, vec![find, find, user]));
        assert_eq!(cost(&own, begun.access_token()), (true, 1, vec![find, user]));
        assert_eq!(cost(&own, &begun.refresh_token()), (true, 1, vec![find, user]));
        // whatever is well-formed and not for the caller costs the same
        let unknown = "iufhfWPkY_LOP8haywhRijU7KfntoXW3_uAoyBnFlts";
        for (caller, token) in [
            (&api, gone.access_token()),
            (&api, &gone.refresh_token()),
            (&api, &begun.refresh_token()),
            (&api, unknown),
            (&own, gone.access_token()),
            (&own, &gone.refresh_token()),
            (&own, &spent.refresh_token()),
            (&own, unknown),
            (&stranger, foreign.access_token()),
            (&stranger, &foreign.refresh_token()),
            (&stranger, unknown),
        ] {
            assert_eq!(cost(caller, token), (false, 1, vec![find]), "{}", caller.id);
        }
        world.advance(601);
        // whose keys are read again first
        cost(&api, "x");
        assert_eq!(cost(&api, foreign.access_token()), (false, 1, vec![find]), "expired");
        // and what cannot be ours costs nothing
        for odd in ["x", "a.b.c", &"a".repeat(10_240)] {
            assert_eq!(cost(&api, odd), (false, 0, vec![find]));
        }
    }
}

#[test]
fn an_outage_is_never_inactive() {
    for format in both() {
        let world = with(&format);
        let begun = world.begin();
        let (own, api) = (world.app_turned_confidential(), world.orders_api());
        for (caller, token) in [(&api, begun.access_token()), (&own, &begun.refresh_token())] {
            world.store.forget();
            assert!(world.introspect(caller, token).is_active());
            let calls = world.store.calls().len();
            assert!(calls >= 3);
            for number in 1..=calls {
                for (kind, status) in [(StoreErrorKind::Unavailable, 503), (StoreErrorKind::Corrupt, 500)] {
                    world.store.forget();
                    world.store.fail_at(number, kind);
                    let answer = world.introspect(caller, token);
                    assert_eq!(answer.status, status, "call {number}");
                    assert_eq!(answer.response.header_value("retry-after").is_some(), status == 503);
                    assert!(answer.body.get("active").is_none());
                }
            }
        }
        // keys that may have been revoked meanwhile are not believed
        world.store.forget();
        world.store.fail(Call::LoadKeys, StoreErrorKind::Unavailable, Times::Always);
        world.advance(61);
        assert_eq!(world.introspect(&api, begun.access_token()).status, 503);
    }
}

#[test]
fn an_idle_family_is_inactive_and_stays_as_it_was() {
    let idle = Duration::from_secs(100);
    let world = people(|builder| builder.refresh_lifetimes(idle, Duration::from_secs(150)), |spec| spec);
    let begun = world.begin();
    let family = world.family_of(&begun).id;
    let own = world.app_turned_confidential();
    world.advance(99);
    assert!(world.introspect(&own, &begun.refresh_token()).is_active());
    world.advance(1);
    world.store.forget();
    assert!(world.introspect(&own, &begun.refresh_token()).is_inactive());
    assert_eq!((world.writes(), world.ended(family)), (0, None), "only a refresh writes it down");
}

#[test]
fn a_refresh_token_that_stays_is_active_as_often_as_it_is_used() {
    let world =
        people(|builder| builder.danger().legacy_static_refresh_of_public_clients(), ClientSpec::legacy_static_refresh);
    let token = world.begin().refresh_token();
    for _ in 0..3 {
        assert_eq!(world.refresh(&token).refresh_token(), token);
    }
    let own = world.app_turned_confidential();
    assert!(world.introspect(&own, &token).is_active());
}

#[test]
fn prefixes_tell_tokens_apart_in_any_combination() {
    for (opaque, refresh) in [("", ""), ("at_", ""), ("", "rt_"), ("x", "x"), ("at_", "at_rt_"), ("a-", "a-b")] {
        let world = people(|builder| builder.opaque_prefix(opaque).refresh_prefix(refresh), |spec| spec);
        let begun = world.begin();
        let own = world.app_turned_confidential();
        for token in [begun.access_token(), &begun.refresh_token()] {
            world.store.forget();
            assert!(world.introspect(&own, token).is_active(), "{opaque} {refresh}");
            let grants = [Call::FindAccessToken, Call::FindByHandle].map(|call| world.store.count(call));
            assert_eq!(grants.iter().sum::<usize>(), 1);
        }
        assert_eq!(
            world.revoke_with(basic(&own.id, &own.secret, &format!("token={}", begun.refresh_token()))).status,
            200
        );
        assert!(world.introspect(&own, begun.access_token()).is_inactive());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_a_token_but_one_that_was_given(
        text in prop_oneof!["[ -~]{1,80}", "[A-Za-z0-9_-]{43}", "[A-Za-z0-9_-]{1,30}\\.[A-Za-z0-9_-]{0,30}\\.[A-Za-z0-9_-]{0,9}"],
        hint in prop::option::of("[ -~]{0,20}"),
    ) {
        let world = plain();
        let (begun, api) = (world.begin(), world.orders_api());
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
        let hint = hint.map(|hint| format!("&token_type_hint={}", encode(&hint))).unwrap_or_default();
        let body = format!("token={}{hint}", encode(&text));
        prop_assert!(world.introspect_with(&api, &body).is_inactive());
        let given_back = form(&format!("client_id=app&{body}"));
        prop_assert_eq!(world.revoke_with(given_back).status, 200);
        prop_assert!(world.introspect(&api, begun.access_token()).is_active());
    }
}
