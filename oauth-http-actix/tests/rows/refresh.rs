//! R: refresh tokens (protocol.md §2), as a client and a thief meet them over the wire.

use std::collections::HashSet;
use std::sync::Barrier;
use std::time::Duration;

use oauth_core::store::{RevokedWhy, StoreErrorKind};
use oauth_core::types::FamilyId;
use oauth_core::{Builder, ClientSpec};
use oauth_testkit::{Method as Call, Times, block_on};

use crate::on_every_store;
use crate::support::{Answer, Ask, Backend, Connection, Host, SCOPE, TRUST, TestKey, Way, phone};

on_every_store!(
    r01_a_refresh_token_is_its_clients_alone,
    r02_scope_never_widens_and_narrowing_does_not_shrink_the_grant,
    r03_a_rotated_token_that_comes_back_late_ends_the_family,
    r03_the_tokens_of_a_public_client_rotate,
    r04_a_lost_answer_can_be_asked_for_again,
    r05_an_older_ancestor_is_theft_inside_the_window_too,
    r06_of_many_at_once_all_hold_the_same_successor,
    r06_of_many_at_once_one_wins_where_there_is_no_window,
    r06_of_many_at_once_at_two_servers_there_is_one_live_child,
    r07_a_familys_death_beats_a_late_successor,
    r08_a_spent_token_is_spent_after_a_restart,
    r09_a_commit_that_fails_spends_nothing,
    r10_no_rotation_moves_the_absolute_end,
    r10_a_family_that_lies_idle_ends,
    r11_an_id_token_of_a_refresh_names_the_same_sign_in,
);

const WINDOW: u64 = 30;
const DAY: u64 = 86_400;

fn people<B: Backend>() -> Host<B> {
    Host::people(|builder| builder)
}

/// A server whose `phone` has this window.
fn with_window<B: Backend>(seconds: u64) -> Host<B> {
    let host = people::<B>();
    host.register(phone("phone").retry_window(Duration::from_secs(seconds)));
    host
}

#[track_caller]
fn ended<B: Backend>(host: &Host<B>, family: FamilyId) -> Option<RevokedWhy> {
    host.family(family).revoked.map(|(_, why)| why)
}

fn r01_a_refresh_token_is_its_clients_alone<B: Backend>() {
    let host = people::<B>();
    host.register(phone("other"));
    let keeper = ClientSpec::confidential("keeper").grants([TRUST, "refresh_token"]).scope(SCOPE);
    let keeper = host.register(keeper.audience(["orders"]).acts_for(["alice"]).legacy_json_bodies());
    for way in Way::BOTH {
        let token = host.begin().refresh_token();
        // another public client, and a confidential one that proved who it is
        host.send(&Host::<B>::refreshing(way, "other", &token, &[])).is(400, "invalid_grant");
        let ask = Host::<B>::refreshing(way, "keeper", &token, &[("client_secret", &keeper.secret)]);
        host.send(&ask).is(400, "invalid_grant");
        // a confidential client that does not prove it, or proves it wrongly
        host.send(&Host::<B>::refreshing(way, "keeper", &token, &[])).is(401, "invalid_client");
        let ask = Host::<B>::refreshing(way, "keeper", &token, &[("client_secret", "wrong")]);
        host.send(&ask).is(401, "invalid_client");
        // keeps
        let second = host.refresh(way, &token).refresh_token();
        // nor does one that is spent serve, or hurt, in strange hands
        host.clock.advance(Duration::from_secs(WINDOW + 1));
        host.send(&Host::<B>::refreshing(way, "other", &token, &[])).is(400, "invalid_grant");
        assert_eq!(host.refresh(way, &second).status, 200, "keeps");
    }
}

fn r02_scope_never_widens_and_narrowing_does_not_shrink_the_grant<B: Backend>() {
    let host = people::<B>();
    for way in Way::BOTH {
        let token = host.begin_as("phone", "offline_access orders.read orders.write").refresh_token();
        for wider in ["openid", "orders.read openid", "profile", "orders.read orders.write admin"] {
            host.refresh_with(way, &token, &[("scope", wider)]).is(400, "invalid_scope");
        }
        host.refresh_with(way, &token, &[("scope", "\"")]).is(400, "invalid_scope");
        // keeps, and the whole grant is still there after a narrow one
        let narrow = host.refresh_with(way, &token, &[("scope", "orders.read")]);
        assert_eq!(narrow.scope(), "orders.read");
        let whole = host.refresh(way, &narrow.refresh_token());
        assert_eq!(whole.scope(), "offline_access orders.read orders.write");
        let wide =
            host.refresh_with(way, &whole.refresh_token(), &[("scope", "orders.write offline_access orders.read")]);
        assert_eq!(wide.scope(), "offline_access orders.read orders.write");
    }
}

fn r03_a_rotated_token_that_comes_back_late_ends_the_family<B: Backend>() {
    for window in [0, 1, WINDOW, 300] {
        let host = with_window::<B>(window);
        for way in Way::BOTH {
            let begun = host.begin();
            let family = host.family_of(&begun).id;
            let second = host.refresh(way, &begun.refresh_token());
            let third = host.refresh(way, &second.refresh_token());
            host.clock.advance(Duration::from_secs(window + 1));
            assert!([&begun, &second, &third].iter().all(|answer| host.is_live(answer)));
            // judged before scope, resource and user
            let replay = host.refresh_with(way, &second.refresh_token(), &[("scope", "admin")]);
            replay.is(400, "invalid_grant");
            assert_eq!(ended(&host, family), Some(RevokedWhy::Replay), "window {window}");
            // the newest refresh token, and every access token of the family
            host.refresh(way, &third.refresh_token()).is(400, "invalid_grant");
            for answer in [&begun, &second, &third] {
                assert!(!host.is_live(answer), "window {window}");
            }
        }
    }
}

fn r03_the_tokens_of_a_public_client_rotate<B: Backend>() {
    let host = people::<B>();
    let plain = block_on(host.server.ensure_client(phone("stays").static_refresh())).unwrap_err().to_string();
    assert!(plain.contains("legacy_static_refresh"), "{plain}");
    let legacy = block_on(host.server.ensure_client(phone("stays").legacy_static_refresh())).unwrap_err().to_string();
    assert!(legacy.contains("legacy_static_refresh_of_public_clients"), "{legacy}");
    let token = host.begin().refresh_token();
    assert_ne!(host.refresh(Way::Form, &token).refresh_token(), token);
}

fn r04_a_lost_answer_can_be_asked_for_again<B: Backend>() {
    let host = people::<B>();
    for way in Way::BOTH {
        let begun = host.begin();
        let first = begun.refresh_token();
        let before = host.family_of(&begun);
        // the client goes away before the answer comes
        host.forget();
        let mut connection = Connection::to(host.address);
        connection.send(&Host::<B>::refreshing(way, "phone", &first, &[]).bytes());
        while host.issued() == 0 {
            std::thread::yield_now();
        }
        connection.reset();
        host.clock.advance(Duration::from_secs(WINDOW));
        let again = host.refresh(way, &first);
        let twice = host.refresh(way, &first);
        assert_eq!(again.refresh_token(), twice.refresh_token(), "the same successor");
        assert_ne!(again.token(), twice.token(), "a fresh access token");
        assert!(host.is_live(&again) && host.is_live(&twice), "whose use plays no part");
        let after = host.family(before.id);
        let (old, new) = (before.refresh.unwrap(), after.refresh.unwrap());
        assert_eq!((new.generation, new.retries), (old.generation + 1, 2));
        assert_eq!(after.absolute_expires_at, before.absolute_expires_at);
        assert_eq!(new.rotated_at.seconds(), before.issued_at.seconds(), "no retry moves it");
        // an access token was used, and the answer can still be asked for; once the successor was, it cannot
        assert_eq!(host.refresh(way, &first).refresh_token(), again.refresh_token());
        let third = host.refresh(way, &again.refresh_token()).refresh_token();
        host.refresh(way, &first).is(400, "invalid_grant");
        assert_eq!(ended(&host, before.id), Some(RevokedWhy::Replay));
        host.refresh(way, &third).is(400, "invalid_grant");

        // one second after the window
        let begun = host.begin();
        let second = host.refresh(way, &begun.refresh_token());
        host.clock.advance(Duration::from_secs(WINDOW + 1));
        host.refresh(way, &begun.refresh_token()).is(400, "invalid_grant");
        host.refresh(way, &second.refresh_token()).is(400, "invalid_grant");
        assert!(!host.is_live(&begun) && !host.is_live(&second));
    }
}

fn r05_an_older_ancestor_is_theft_inside_the_window_too<B: Backend>() {
    let host = people::<B>();
    for way in Way::BOTH {
        for generations in [2, 3, 9] {
            let begun = host.begin();
            let family = host.family_of(&begun).id;
            let mut tokens = vec![begun.refresh_token()];
            for _ in 0..generations {
                tokens.push(host.refresh(way, tokens.last().unwrap()).refresh_token());
            }
            // the clock did not move at all
            host.refresh(way, &tokens[generations - 2]).is(400, "invalid_grant");
            assert_eq!(ended(&host, family), Some(RevokedWhy::Replay), "{generations}");
            for token in &tokens {
                host.refresh(way, token).is(400, "invalid_grant");
            }
            assert!(!host.is_live(&begun));
        }
    }
}

/// Sends one request from so many connections at once, to the doors of these servers in turn.
fn race<B: Backend>(hosts: &[&Host<B>], callers: usize, asks: &[Ask]) -> Vec<Answer> {
    let start = Barrier::new(callers);
    let doors: Vec<_> =
        hosts.iter().flat_map(|host| host.addresses().into_iter().map(move |address| (*host, address))).collect();
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..callers)
            .map(|caller| {
                let ((host, address), start) = (doors[caller % doors.len()], &start);
                let ask = &asks[caller / doors.len() % asks.len()];
                scope.spawn(move || {
                    // all but the last byte is there before anybody's last byte goes
                    let bytes = ask.bytes();
                    let (head, last) = bytes.split_at(bytes.len() - 1);
                    let mut connection = Connection::to(address);
                    connection.send(head);
                    start.wait();
                    let answer = connection.send(last).answer();
                    host.check(ask, &answer);
                    answer
                })
            })
            .collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

/// The request in both dialects.
fn both_ways<B: Backend>(token: &str) -> Vec<Ask> {
    Way::BOTH.iter().map(|way| Host::<B>::refreshing(*way, "phone", token, &[])).collect()
}

#[track_caller]
fn successors(answers: &[Answer]) -> HashSet<String> {
    answers.iter().filter(|answer| answer.status == 200).map(Answer::refresh_token).collect()
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

fn r06_of_many_at_once_all_hold_the_same_successor<B: Backend>() {
    let mut host = people::<B>();
    host.open_doors(3);
    for callers in [2, 3, 8, 32, 64, 80] {
        let begun = host.begin();
        let family = host.family_of(&begun).id;
        let answers = race(&[&host], callers, &both_ways::<B>(&begun.refresh_token()));
        let winners = callers.min(65);
        assert_eq!((count(&answers, 200), count(&answers, 429)), (winners, callers - winners), "{callers} callers");
        let held = successors(&answers);
        assert_eq!(held.len(), 1, "one live leaf");
        let tokens: HashSet<String> = answers.iter().filter(|answer| answer.status == 200).map(Answer::token).collect();
        assert_eq!(tokens.len(), winners, "each has an access token of its own");
        let state = host.family(family).refresh.unwrap();
        assert_eq!((state.generation, state.retries), (1, u32::try_from(winners - 1).unwrap()));
        assert_eq!(host.refresh(Way::Form, held.iter().next().unwrap()).status, 200);
        assert_eq!(ended(&host, family), None);
    }
}

fn r06_of_many_at_once_one_wins_where_there_is_no_window<B: Backend>() {
    let mut host = with_window::<B>(0);
    host.open_doors(3);
    for callers in [2, 3, 8, 32, 64] {
        let begun = host.begin();
        let family = host.family_of(&begun).id;
        let answers = race(&[&host], callers, &both_ways::<B>(&begun.refresh_token()));
        assert_eq!((count(&answers, 200), count(&answers, 400)), (1, callers - 1), "{callers} callers");
        answers.iter().filter(|answer| answer.status == 400).for_each(|answer| answer.is(400, "invalid_grant"));
        assert_eq!(ended(&host, family), Some(RevokedWhy::Replay));
        let winner = answers.iter().find(|answer| answer.status == 200).unwrap();
        host.refresh(Way::Form, &winner.refresh_token()).is(400, "invalid_grant");
        assert!(!host.is_live(winner) && !host.is_live(&begun));
    }
}

fn r06_of_many_at_once_at_two_servers_there_is_one_live_child<B: Backend>() {
    for window in [WINDOW, 0] {
        let one = with_window::<B>(window);
        let other = one.people_beside(|builder| builder);
        other.register(phone("phone").retry_window(Duration::from_secs(window)));
        for callers in [2, 16, 64] {
            let begun = one.begin();
            let family = one.family_of(&begun).id;
            let answers = race(&[&one, &other], callers, &both_ways::<B>(&begun.refresh_token()));
            let winners = if window > 0 { callers } else { 1 };
            let held = successors(&answers);
            assert_eq!((count(&answers, 200), held.len()), (winners, 1), "{callers} callers, window {window}");
            assert_eq!(count(&answers, 400), callers - winners);
            let next = other.refresh(Way::Json, held.iter().next().unwrap());
            assert_eq!((next.status == 200, ended(&other, family).is_none()), (window > 0, window > 0));
        }
    }
}

fn r07_a_familys_death_beats_a_late_successor<B: Backend>() {
    let calls = {
        let host = with_window::<B>(0);
        let token = host.begin().refresh_token();
        host.forget();
        host.refresh(Way::Form, &token);
        host.calls()
    };
    assert_eq!(calls, [Call::Find, Call::FindByHandle, Call::FindBySubject, Call::Rotate]);
    let host = with_window::<B>(0);
    let mut late_winners = 0;
    for number in 1..=calls.len() {
        for before in [true, false] {
            let begun = host.begin();
            let family = host.family_of(&begun).id;
            let first = begun.refresh_token();
            host.forget();
            let pause = if before { host.probe.pause_at(number) } else { host.probe.pause_after(number) };
            let (late, thief) = std::thread::scope(|scope| {
                let late = scope.spawn(|| host.refresh(Way::Form, &first));
                block_on(pause.reached());
                let thief = host.refresh(Way::Form, &first);
                // whoever came first, this is a replay
                host.refresh(Way::Form, &first).is(400, "invalid_grant");
                pause.release();
                (late.join().unwrap(), thief)
            });
            assert_eq!(ended(&host, family), Some(RevokedWhy::Replay), "call {number}, before {before}");
            assert_eq!(count(&[late.clone(), thief.clone()], 200), 1, "call {number}, before {before}");
            late_winners += usize::from(late.status == 200);
            for answer in [late, thief].iter().filter(|answer| answer.status == 200) {
                host.refresh(Way::Form, &answer.refresh_token()).is(400, "invalid_grant");
                assert!(!host.is_live(answer));
            }
        }
    }
    assert_eq!(late_winners, 1, "only who was held after the commit has an answer, and it is dead");
}

fn r08_a_spent_token_is_spent_after_a_restart<B: Backend>() {
    let configure = |builder: Builder| builder;
    let mut host = with_window::<B>(0);
    let begun = host.begin();
    let family = host.family_of(&begun).id;
    let second = host.refresh(Way::Form, &begun.refresh_token());
    let spared = host.begin();
    let spared_second = host.refresh(Way::Form, &spared.refresh_token()).refresh_token();
    host = host.people_restarted(configure);
    // what was acknowledged is there, what was spent is spent
    assert!(host.is_live(&begun) && host.is_live(&second));
    assert_eq!(host.refresh(Way::Json, &spared_second).status, 200);
    host.refresh(Way::Form, &begun.refresh_token()).is(400, "invalid_grant");
    assert_eq!(ended(&host, family), Some(RevokedWhy::Replay));
    host = host.people_restarted(configure);
    host.refresh(Way::Form, &second.refresh_token()).is(400, "invalid_grant");
    assert!(!host.is_live(&second) && !host.is_live(&begun));
    // and a lost answer can be asked for at the next process too: the successor is derived, not kept
    host.register(phone("phone"));
    let first = host.begin().refresh_token();
    let second = host.refresh(Way::Form, &first).refresh_token();
    host = host.people_restarted(configure);
    host.register(phone("phone"));
    assert_eq!(host.refresh(Way::Json, &first).refresh_token(), second);
}

fn r09_a_commit_that_fails_spends_nothing<B: Backend>() {
    let host = people::<B>();
    for way in Way::BOTH {
        let begun = host.begin();
        let family = host.family_of(&begun).id;
        let first = begun.refresh_token();
        for attempt in 0..100 {
            host.probe.forget();
            let kind = if attempt % 2 == 0 { StoreErrorKind::Unavailable } else { StoreErrorKind::Conflict };
            host.probe.fail(Call::Rotate, kind, Times::Always);
            let answer = host.refresh(way, &first);
            answer.is(503, "temporarily_unavailable");
            assert!(answer.member("access_token").is_none() && answer.member("refresh_token").is_none());
        }
        assert_eq!(host.family(family).refresh.unwrap().generation, 0);
        // a commit whose outcome nobody learns: the next try meets what was written
        host.probe.forget();
        host.probe.lose_answer(Call::Rotate, Times::Nth(1));
        host.refresh(way, &first).is(503, "temporarily_unavailable");
        host.probe.forget();
        let clean = host.refresh(way, &first);
        assert_eq!(clean.status, 200);
        assert_eq!((host.family(family).refresh.unwrap().generation, ended(&host, family)), (1, None));
        assert_eq!(host.refresh(way, &clean.refresh_token()).status, 200);
    }
}

fn r10_no_rotation_moves_the_absolute_end<B: Backend>() {
    let host = people::<B>();
    let begun = host.begin();
    let before = host.family_of(&begun);
    let (mut token, rotations) = (begun.refresh_token(), if B::IS_DURABLE { 100 } else { 1_000 });
    for rotation in 0..rotations {
        host.clock.advance(Duration::from_secs(60));
        token = host.refresh(Way::BOTH[rotation % 2], &token).refresh_token();
    }
    let after = host.family(before.id);
    assert_eq!(after.refresh.as_ref().unwrap().generation, rotations as u64);
    assert_eq!(after.absolute_expires_at, before.absolute_expires_at);
    // busy to its last second, and over at its end
    let end = before.absolute_expires_at.seconds();
    let mut now = before.issued_at.seconds() + 60 * rotations as i64;
    while end - now > 1 {
        let step = (end - now - 1).min(13 * DAY as i64);
        host.clock.advance(Duration::from_secs(step as u64));
        now += step;
        let answer = host.refresh(Way::Form, &token);
        let expires_in = answer.member("expires_in").unwrap().as_i64().unwrap();
        assert!(expires_in <= end - now, "no access token outlives its family");
        token = answer.refresh_token();
    }
    host.clock.advance(Duration::from_secs(1));
    host.refresh(Way::Form, &token).is(400, "invalid_grant");
    assert_eq!(ended(&host, before.id), None, "it is over by itself");
}

fn r10_a_family_that_lies_idle_ends<B: Backend>() {
    let host = people::<B>();
    for way in Way::BOTH {
        let begun = host.begin();
        let family = host.family_of(&begun).id;
        host.clock.advance(Duration::from_secs(14 * DAY - 1));
        let second = host.refresh(way, &begun.refresh_token()).refresh_token();
        host.clock.advance(Duration::from_secs(14 * DAY));
        host.refresh(way, &second).is(400, "invalid_grant");
        assert_eq!(ended(&host, family), Some(RevokedWhy::Expired));
        host.refresh(way, &second).is(400, "invalid_grant");
    }
}

fn r11_an_id_token_of_a_refresh_names_the_same_sign_in<B: Backend>() {
    let host = people::<B>();
    for way in Way::BOTH {
        let begun = host.begin();
        let (header, first) = TestKey::read(&begun.id_token());
        assert_eq!(header["typ"], "JWT");
        host.clock.advance(Duration::from_secs(1_000));
        let answer = host.refresh(way, &begun.refresh_token());
        let (_, second) = TestKey::read(&answer.id_token());
        for claim in ["iss", "sub", "aud", "auth_time"] {
            assert!(first.get(claim) == second.get(claim), "{claim}: {first} {second}");
        }
        assert_eq!((&first["sub"], &first["aud"]), (&"alice".into(), &"phone".into()));
        for claim in ["azp", "nonce"] {
            assert_eq!((first.get(claim), second.get(claim)), (None, None));
        }
        assert_eq!(second["iat"].as_i64().unwrap() - first["iat"].as_i64().unwrap(), 1_000);
        // as a hint it must name this family's user and this client, however old it is
        let token = answer.refresh_token();
        for wrong in [answer.token(), "a.b.c".to_owned(), format!("{}x", begun.id_token())] {
            host.refresh_with(way, &token, &[("id_token_hint", &wrong)]).is(400, "invalid_grant");
        }
        host.clock.advance(Duration::from_secs(10 * DAY));
        let next = host.refresh_with(way, &token, &[("id_token_hint", &begun.id_token())]);
        assert_eq!(next.status, 200, "{next:?}");
        // without `openid` there is none
        let narrow = host.refresh_with(way, &next.refresh_token(), &[("scope", "orders.read")]);
        assert_eq!((narrow.status, narrow.member("id_token")), (200, None));
    }
}
