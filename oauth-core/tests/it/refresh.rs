//! Table 2 of the protocol, row by row.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_core::Refusal;
use oauth_core::audit::What;
use oauth_core::store::{AuthMethod, GrantStore as _, RevokedWhy, Rotate, Salt, StoreErrorKind};
use oauth_core::types::{Lifetime, TokenDigest};
use oauth_testkit::{Method as Call, Times, block_on};

use crate::people::{app, people, plain};
use crate::world::form;

const WINDOW: u64 = 30;
const DAY: u64 = 86_400;

#[test]
fn row_01_what_we_never_issued_changes_nothing() {
    let world = plain();
    let token = world.begin().refresh_token();
    let mut bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let wrong_tag = URL_SAFE_NO_PAD.encode(&bytes);
    bytes[10] ^= 1;
    let wrong_body = URL_SAFE_NO_PAD.encode(&bytes);
    bytes[0] ^= 1;
    let unknown_handle = URL_SAFE_NO_PAD.encode(&bytes);
    let forms =
        [&token[..42], &format!("{token}A"), &format!("{token}="), "x", &token.to_uppercase()].map(str::to_owned);
    world.store.forget();
    for bad in [wrong_tag, wrong_body, unknown_handle].into_iter().chain(forms) {
        assert!(world.refresh(&bad).is_invalid_grant(), "{bad}");
    }
    assert_eq!(world.writes(), 0);
    assert!(world.trail.refusals().iter().all(|why| *why == Refusal::RefreshUnknown));
    assert_eq!(world.refresh(&token).status, 200, "keeps");
    assert_eq!(world.post(form("grant_type=refresh_token&client_id=app")).error(), (400, "invalid_request"));
}

#[test]
fn row_02_another_client_gets_nothing_and_spends_nothing() {
    let world = plain();
    block_on(world.server.ensure_client(app("other"))).unwrap();
    let first = world.begin().refresh_token();
    let steal =
        |token: &str| world.post(form(&format!("grant_type=refresh_token&client_id=other&refresh_token={token}")));
    world.store.forget();
    assert!(steal(&first).is_invalid_grant());
    assert_eq!(world.writes(), 0);
    assert_eq!(world.trail.refusals().pop(), Some(Refusal::RefreshForeign));
    let second = world.refresh(&first).refresh_token();
    let third = world.refresh(&second).refresh_token();
    // any token of the family, the spent ones too, however late
    world.advance(WINDOW + 1);
    for token in [&first, &second, &third] {
        assert!(steal(token).is_invalid_grant());
    }
    assert_eq!(world.refresh(&third).status, 200, "keeps");
}

#[test]
fn row_03_a_family_that_is_over_stays_over() {
    let world = plain();
    let begun = world.begin();
    let family = world.family_of(&begun).id;
    block_on(world.server.revoke_family(family)).unwrap();
    world.store.forget();
    assert!(world.refresh(&begun.refresh_token()).is_invalid_grant());
    assert_eq!((world.writes(), world.ended(family)), (0, Some(RevokedWhy::Host)));

    // past its absolute end, however busy it was
    let mut token = world.begin().refresh_token();
    for _ in 0..9 {
        world.advance(10 * DAY - 60);
        let answer = world.refresh(&token);
        assert_eq!(answer.status, 200);
        token = answer.refresh_token();
    }
    world.advance(9 * 60);
    world.store.forget();
    assert!(world.refresh(&token).is_invalid_grant());
    assert_eq!(world.writes(), 0);
    assert_eq!(world.trail.refusals().pop(), Some(Refusal::RefreshExpired));

    // cut off with all that its user, its client or anybody holds
    type CutOff = fn(&crate::world::World);
    let cuts: [CutOff; 3] = [
        |world| block_on(world.server.revoke_subject(&"alice".parse().unwrap())).unwrap(),
        |world| block_on(world.server.revoke_client(&"app".parse().unwrap())).unwrap(),
        |world| block_on(world.server.revoke_everything()).unwrap(),
    ];
    for cut in cuts {
        let token = world.begin().refresh_token();
        cut(&world);
        assert!(world.refresh(&token).is_invalid_grant());
        assert_eq!(world.trail.refusals().pop(), Some(Refusal::RefreshRevoked));
    }
}

#[test]
fn row_04_past_its_idle_end_a_family_ends_and_stays_refused() {
    let world = plain();
    let begun = world.begin();
    let family = world.family_of(&begun).id;
    world.advance(14 * DAY - 1);
    let second = world.refresh(&begun.refresh_token()).refresh_token();
    world.advance(14 * DAY);
    assert!(world.refresh(&second).is_invalid_grant());
    assert_eq!(world.ended(family), Some(RevokedWhy::Expired));
    assert!(world.refresh(&second).is_invalid_grant());
    let refusals = world.trail.refusals();
    assert_eq!(refusals, [Refusal::RefreshIdle, Refusal::RefreshRevoked]);
}

#[test]
fn row_05_a_later_check_that_fails_keeps_the_current_token() {
    let world = plain();
    let token = world.begin().refresh_token();
    world.store.forget();
    let cases = [
        ("&scope=admin", (400, "invalid_scope")),
        ("&scope=orders.read+admin", (400, "invalid_scope")),
        ("&resource=https://api.example", (400, "invalid_target")),
        ("&id_token_hint=x", (400, "invalid_grant")),
    ];
    for (more, error) in cases {
        assert_eq!(world.refresh_with(&token, more).error(), error, "{more}");
    }
    let _ = world.memory.set_user_active(&"alice".parse().unwrap(), false).unwrap();
    assert!(world.refresh(&token).is_invalid_grant());
    let _ = world.memory.set_user_active(&"alice".parse().unwrap(), true).unwrap();
    assert_eq!(world.writes(), 0);
    assert_eq!(world.refresh(&token).status, 200, "keeps");
}

#[test]
fn row_06_a_current_token_gives_an_access_token_and_its_successor() {
    let world = plain();
    let begun = world.begin();
    let before = world.family_of(&begun);
    world.advance(100);
    world.store.forget();
    let answer = world.refresh(&begun.refresh_token());
    assert_eq!(world.writes(), 1, "one atomic call");
    assert_eq!((world.store.count(Call::Find), world.store.count(Call::FindBySubject)), (1, 1));
    assert_eq!(world.store.count(Call::FindByHandle), 1);
    let after = world.family_of(&answer);
    let (old, new) = (before.refresh.unwrap(), after.refresh.unwrap());
    assert_ne!(answer.refresh_token(), begun.refresh_token());
    assert_eq!(answer.refresh_token().len(), 43);
    assert_eq!((new.generation, new.previous_digest), (1, Some(old.current_digest)));
    assert_eq!((new.retries, new.retry_streak), (0, 0));
    let now = crate::world::START.plus(Lifetime::of_seconds(100));
    assert_eq!((new.rotated_at, after.seen_at), (now, now));
    assert_eq!(new.idle_expires_at, old.idle_expires_at.plus(Lifetime::of_seconds(100)));
    assert_eq!(after.absolute_expires_at, before.absolute_expires_at);
    assert_eq!(after.scope, before.scope);
}

#[test]
fn r02_narrowing_does_not_shrink_the_grant() {
    let world = plain();
    let token = world.begin().refresh_token();
    let narrow = world.refresh_with(&token, "&scope=orders.read");
    assert_eq!(narrow.body["scope"], "orders.read");
    let whole = world.refresh(&narrow.refresh_token());
    assert_eq!(whole.body["scope"], "offline_access openid orders.read orders.write");
}

#[test]
fn row_07_a_later_check_that_fails_keeps_the_retry() {
    let world = plain();
    let first = world.begin().refresh_token();
    let second = world.refresh(&first).refresh_token();
    world.store.forget();
    for (more, error) in [("&scope=admin", (400, "invalid_scope")), ("&id_token_hint=x", (400, "invalid_grant"))] {
        assert_eq!(world.refresh_with(&first, more).error(), error);
    }
    let _ = world.memory.set_user_active(&"alice".parse().unwrap(), false).unwrap();
    assert!(world.refresh(&first).is_invalid_grant());
    let _ = world.memory.set_user_active(&"alice".parse().unwrap(), true).unwrap();
    assert_eq!(world.writes(), 0);
    assert_eq!(world.refresh(&first).refresh_token(), second, "keeps");
}

#[test]
fn row_08_a_lost_answer_can_be_asked_for_again() {
    let world = plain();
    let first = world.begin().refresh_token();
    world.advance(5);
    let answer = world.refresh(&first);
    let (family, second) = (world.family_of(&answer), answer.refresh_token());
    world.advance(WINDOW);
    // the same refresh token, a fresh access token for the scope asked now
    let again = world.refresh_with(&first, "&scope=orders.read");
    assert_eq!(again.refresh_token(), second);
    assert_ne!(again.access_token(), answer.access_token());
    assert_eq!(again.body["scope"], "orders.read");
    assert!(world.verify(again.access_token()).is_ok() && world.verify(answer.access_token()).is_ok());
    let after = world.family(family.id);
    let (old, new) = (family.refresh.unwrap(), after.refresh.clone().unwrap());
    assert_eq!((new.retries, new.retry_streak), (1, 1));
    assert_eq!((new.rotated_at, new.idle_expires_at, new.generation), (old.rotated_at, old.idle_expires_at, 1));
    assert_eq!(after.absolute_expires_at, family.absolute_expires_at);
    // one second later the window is closed, and what was used meanwhile plays no part (row 12)
    world.advance(1);
    assert!(world.refresh(&first).is_invalid_grant());
    assert_eq!(world.ended(family.id), Some(RevokedWhy::Replay));
    assert!(world.refresh(&second).is_invalid_grant());
    assert!(world.verify(again.access_token()).is_err() && world.verify(answer.access_token()).is_err());
}

#[test]
fn row_09_the_65th_retry_is_told_to_wait() {
    let world = plain();
    let first = world.begin().refresh_token();
    let second = world.refresh(&first).refresh_token();
    for _ in 0..64 {
        assert_eq!(world.refresh(&first).refresh_token(), second);
    }
    world.store.forget();
    let answer = world.refresh(&first);
    assert_eq!(answer.status, 429);
    assert!(answer.response.header_value("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    assert_eq!(world.writes(), 0);
    assert_eq!(world.refresh(&second).status, 200, "the family goes on");
}

#[test]
fn row_10_a_retry_that_cannot_be_derived_keeps_the_family() {
    let world = plain();
    let first = world.begin().refresh_token();
    let second = world.refresh(&first).refresh_token();
    // the salt is purged five minutes after the window; then the operator makes the window longer
    world.advance(WINDOW + 301);
    let _ = block_on(world.server.maintain()).unwrap();
    block_on(world.server.ensure_client(app("app").retry_window(Duration::from_secs(600)))).unwrap();
    world.trail.take();
    world.store.forget();
    assert!(world.refresh(&first).is_invalid_grant());
    assert_eq!(world.writes(), 0);
    assert_eq!(world.trail.refusals(), [Refusal::RefreshRetryUnavailable]);
    assert_eq!(world.refresh(&second).status, 200, "kept");
}

#[test]
fn row_10_a_revoked_family_key_ends_what_can_be_derived_and_nothing_else() {
    let world = plain();
    let begun = world.begin();
    let family = world.family_of(&begun);
    let second = world.refresh(&begun.refresh_token()).refresh_token();
    block_on(world.server.keys().revoke(&family.refresh.unwrap().key_id)).unwrap();
    for token in [&begun.refresh_token(), &second] {
        assert!(world.refresh(token).is_invalid_grant());
        assert_eq!(world.trail.refusals().pop(), Some(Refusal::RefreshRetryUnavailable));
    }
    assert_eq!(world.ended(family.id), None);
    let next = world.begin().refresh_token();
    assert_eq!(world.refresh(&next).status, 200, "new families have the successor key");
}

#[test]
fn row_11_a_token_that_was_not_recorded_is_never_handed_out() {
    let world = plain();
    let begun = world.begin();
    let family = world.family_of(&begun);
    let now = crate::world::START;
    let rotated = block_on(world.memory.rotate(Rotate {
        family: family.id,
        current: family.refresh.unwrap().current_digest,
        successor: TokenDigest::from_bytes([9; 32]),
        salt: Salt { bytes: [1; 32], expires_at: now.plus(Lifetime::of_seconds(30)) },
        idle_expires_at: now.plus(Lifetime::of_seconds(600)),
        now,
        access_token: None,
    }));
    assert_eq!(rotated.unwrap(), oauth_core::store::Refreshed::Done);
    world.store.forget();
    assert_eq!(world.refresh(&begun.refresh_token()).error(), (500, "server_error"));
    assert_eq!((world.writes(), world.ended(family.id)), (0, None));
    assert!(
        world.trail.take().iter().any(|event| matches!(event.what, What::Faulted { fault: "refresh.derivation", .. }))
    );
}

#[test]
fn row_12_a_predecessor_after_its_window_ends_the_family() {
    for window in [0, 1, 600] {
        let world = people(|builder| builder, |spec| spec.retry_window(Duration::from_secs(window)));
        let begun = world.begin();
        let family = world.family_of(&begun).id;
        let second = world.refresh(&begun.refresh_token()).refresh_token();
        if window > 0 {
            world.advance(window);
            assert_eq!(world.refresh(&begun.refresh_token()).refresh_token(), second, "at the end of the window");
            world.advance(1);
        }
        // judged before scope, resource and user
        assert!(world.refresh_with(&begun.refresh_token(), "&scope=admin").is_invalid_grant());
        assert_eq!(world.ended(family), Some(RevokedWhy::Replay), "window {window}");
        assert!(world.refresh(&second).is_invalid_grant());
    }
}

#[test]
fn row_13_an_ancestor_is_theft_inside_the_window_too() {
    for generations in [2, 3, 10] {
        let world = plain();
        let begun = world.begin();
        let family = world.family_of(&begun).id;
        let mut tokens = vec![begun.refresh_token()];
        for _ in 0..generations {
            tokens.push(world.refresh(tokens.last().unwrap()).refresh_token());
        }
        assert!(world.refresh(&tokens[generations - 2]).is_invalid_grant());
        assert_eq!(world.ended(family), Some(RevokedWhy::Replay));
        assert!(world.refresh(tokens.last().unwrap()).is_invalid_grant());
        assert!(world.verify(begun.access_token()).is_err());
    }
}

#[test]
fn row_14_a_static_token_stays_and_keeps_the_family_awake() {
    let world = people(
        |builder| builder.danger().legacy_static_refresh_of_public_clients(),
        oauth_core::ClientSpec::legacy_static_refresh,
    );
    let begun = world.begin();
    let token = begun.refresh_token();
    for _ in 0..3 {
        world.advance(13 * DAY);
        let answer = world.refresh(&token);
        assert_eq!(answer.refresh_token(), token);
        let family = world.family_of(&answer);
        let idle = Lifetime::of_seconds(14 * 86_400);
        assert_eq!(family.refresh.unwrap().idle_expires_at, family.seen_at.plus(idle));
    }
    // to rotation and back: the predecessor from before is judged by rows 8 to 13
    block_on(world.server.ensure_client(app("app"))).unwrap();
    let second = world.refresh(&token).refresh_token();
    assert_ne!(second, token);
    block_on(world.server.ensure_client(app("app").legacy_static_refresh())).unwrap();
    assert_eq!(world.refresh(&token).refresh_token(), second, "row 8");
    assert_eq!(world.refresh(&second).refresh_token(), second, "row 14");
    world.advance(WINDOW + 1);
    assert!(world.refresh(&token).is_invalid_grant());
    assert!(world.refresh(&second).is_invalid_grant());
}

#[test]
fn row_15_the_loser_of_a_race_decides_again() {
    let world = plain();
    let begun = world.begin();
    let family = world.family_of(&begun).id;
    let token = begun.refresh_token();
    world.store.forget();
    // client, family and user are read; the pause stands before the commit
    let pause = world.store.pause_at(4);
    let (loser, winner) = std::thread::scope(|scope| {
        let loser = scope.spawn(|| world.refresh(&token));
        block_on(pause.reached());
        let winner = world.refresh(&token);
        pause.release();
        (loser.join().unwrap(), winner)
    });
    assert_eq!((loser.status, winner.status), (200, 200));
    assert_eq!(loser.refresh_token(), winner.refresh_token());
    let state = world.family(family).refresh.unwrap();
    assert_eq!((state.generation, state.retries), (1, 1));
}

#[test]
fn row_15_a_family_that_dies_under_way_gives_nothing() {
    let world = plain();
    let begun = world.begin();
    let family = world.family_of(&begun).id;
    let token = begun.refresh_token();
    world.store.forget();
    let pause = world.store.pause_at(4);
    let loser = std::thread::scope(|scope| {
        let loser = scope.spawn(|| world.refresh(&token));
        block_on(pause.reached());
        block_on(world.server.revoke_family(family)).unwrap();
        pause.release();
        loser.join().unwrap()
    });
    assert!(loser.is_invalid_grant());
    assert_eq!(world.family(family).refresh.unwrap().generation, 0);
}

#[test]
fn row_16_a_store_that_fails_spends_nothing_and_one_that_answers_too_late_is_asked_again() {
    let world = plain();
    let first = world.begin().refresh_token();
    for _ in 0..100 {
        world.store.forget();
        world.store.fail(Call::Rotate, StoreErrorKind::Unavailable, Times::Nth(1));
        let answer = world.refresh(&first);
        assert_eq!(answer.error(), (503, "temporarily_unavailable"));
        assert!(answer.body.get("access_token").is_none());
    }
    world.store.forget();
    world.store.lose_answer(Call::Rotate, Times::Nth(1));
    assert_eq!(world.refresh(&first).error(), (503, "temporarily_unavailable"));
    world.store.forget();
    let answer = world.refresh(&first);
    assert_eq!(answer.status, 200, "row 8");
    let third = world.refresh(&answer.refresh_token());
    assert_eq!(third.status, 200);
}

#[test]
fn row_17_any_token_of_a_family_takes_it_back() {
    for generations in 0..4 {
        for given_back in 0..=generations {
            let world = plain();
            let begun = world.begin();
            let family = world.family_of(&begun).id;
            let mut tokens = vec![begun.refresh_token()];
            for _ in 0..generations {
                tokens.push(world.refresh(tokens.last().unwrap()).refresh_token());
            }
            // the window plays no part
            if given_back % 2 == 1 {
                world.advance(WINDOW + 1);
            }
            let answer = world.revoke(&tokens[given_back]);
            assert_eq!((answer.status, answer.response.body.len()), (200, 0));
            assert_eq!(world.ended(family), Some(RevokedWhy::Client), "{given_back} of {generations}");
            for token in &tokens {
                assert!(world.refresh(token).is_invalid_grant());
            }
            assert!(world.verify(begun.access_token()).is_err());
        }
    }
}

#[test]
fn row_18_a_spent_token_is_inactive_whatever_the_window_and_nothing_changes() {
    let world = plain();
    let first = world.begin().refresh_token();
    let second = world.refresh(&first).refresh_token();
    let third = world.refresh(&second).refresh_token();
    let (own, everything) = (
        world.app_turned_confidential(),
        world.asking(app("auditor").auth_methods(&[AuthMethod::ClientSecretBasic]).danger_introspects_everything()),
    );
    world.store.forget();
    for caller in [&own, &everything] {
        for spent in [&first, &second] {
            assert!(world.introspect(caller, spent).is_inactive());
        }
        assert!(world.introspect(caller, &third).is_active());
        world.advance(WINDOW + 1);
        assert!(world.introspect(caller, &second).is_inactive());
        assert!(world.introspect(caller, &third).is_active());
    }
    assert_eq!((world.writes(), world.trail.take().len()), (0, 0));
}
