//! What is acknowledged holds against everybody who was under way.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use oauth_core::store::{
    AccessTokenRecord, CutoffKey, FamilyRecord, InsertToken, RevokeFamily, RevokedWhy, Standing, StartFamily,
    StartOutcome, StoreErrorKind,
};

use super::{RACERS, done, found, one_winner, race, standing_of};
use crate::samples::{
    BEGIN, after, client_id, cutoff, digest, family, family_id, handle, refreshable, start, subject, token_of,
};
use crate::{Fixture, block_on};

/// How often a race is run whose outcome depends on who comes first.
const ROUNDS: u64 = 8;

/// How many threads start families of one grant at the same moment, again and again.
pub const STARTERS: usize = 8;

/// How many threads store tokens while one other thread ends what they belong to, and how many each.
const WRITERS: usize = 7;
const TOKENS_EACH: u64 = 4;

/// Of many who end one family, one did it, and its reason stays.
pub fn of_many_revocations_of_one_family_one_wins(f: &Fixture) {
    let _ = done(f.store.grants.start_family(start(family(1))));
    let reason = |racer: usize| (RevokedWhy::ALL[racer % RevokedWhy::ALL.len()], after(racer as i64));
    let answers = race(RACERS, |racer| {
        let (why, at) = reason(racer);
        done(f.store.grants.revoke_family(&family_id(1), why, at))
    });
    let winner = one_winner(&answers, &RevokeFamily::Revoked, &RevokeFamily::AlreadyRevoked);
    let (why, at) = reason(winner);
    let ended = done(f.store.grants.find_family(&family_id(1))).expect("an ended family stays known");
    assert_eq!(ended.revoked, Some((at, why)));
}

/// Once the revocation of a family was acknowledged, no token of it is stored, and none that was stored is live.
pub fn no_token_outlives_the_revocation_of_its_family(f: &Fixture) {
    no_token_outlives(f, |number| {
        let _ = done(f.store.grants.revoke_family(&family_id(number), RevokedWhy::Replay, BEGIN));
    });
}

/// Once a cutoff was acknowledged, no token that it covers is stored, and none that was stored is live.
pub fn no_token_outlives_a_cutoff(f: &Fixture) {
    no_token_outlives(f, |number| {
        done(f.store.grants.cut_off(cutoff(CutoffKey::Subject(subject(&format!("user-{number}"))), BEGIN)));
    });
}

fn no_token_outlives(f: &Fixture, end: impl Fn(u64) + Sync) {
    for round in 1..=ROUNDS {
        let family = FamilyRecord { subject: subject(&format!("user-{round}")), ..family(round) };
        let _ = done(f.store.grants.start_family(start(family.clone())));
        let number = |racer: usize, token: u64| (round << 32) + ((racer as u64) << 16) + token;
        let (begun, acknowledged) = (AtomicUsize::new(0), AtomicBool::new(false));
        let stored = race(WRITERS + 1, |racer| {
            let mut stored = Vec::new();
            if racer == WRITERS {
                while begun.load(Ordering::SeqCst) < WRITERS.min(round as usize) {
                    thread::yield_now(); // so that each round ends with more writers under way
                }
                end(round);
                acknowledged.store(true, Ordering::SeqCst);
                return stored;
            }
            for token in (0..TOKENS_EACH).map(|token| number(racer, token)) {
                let too_late = acknowledged.load(Ordering::SeqCst);
                begun.fetch_add(1, Ordering::SeqCst);
                let answer = done(f.store.grants.insert_access_token(token_of(&family, token)));
                assert!(!(too_late && answer == InsertToken::Inserted), "stored after the end was acknowledged");
                if answer == InsertToken::Inserted {
                    stored.push(token);
                }
            }
            stored
        });
        for token in stored.into_iter().flatten() {
            assert_eq!(standing_of(&f.store, token), Standing::Revoked);
        }
    }
}

/// However many families of one grant start at the same moment, each time and from the first ones on, no more than the
/// limit are live afterwards, and it is the last ones that live.
pub fn the_live_limit_holds_each_time_some_start_at_once(f: &Fixture) {
    const LIMIT: u32 = 2;
    const WAVES: u64 = 4;
    for user in 0..ROUNDS {
        let subject = subject(&format!("user-{user}"));
        let number = |wave: u64, racer: usize| (user << 32) + (wave << 16) + racer as u64;
        for wave in 0..WAVES {
            let answers = race(STARTERS, |racer| {
                let (subject, issued_at) = (subject.clone(), after(wave as i64));
                let family = FamilyRecord { subject, issued_at, ..family(number(wave, racer)) };
                done(f.store.grants.start_family(StartFamily { live_limit: LIMIT, ..start(family) }))
            });
            let is_started = |answer: &StartOutcome| matches!(answer, StartOutcome::Started { .. });
            assert!(answers.iter().all(is_started), "{answers:?}");
            let mut live = Vec::new();
            for wave in 0..=wave {
                for racer in 0..STARTERS {
                    let stored = done(f.store.grants.find_family(&family_id(number(wave, racer)))).expect("stored");
                    live.extend(stored.revoked.is_none().then_some(wave));
                }
            }
            assert_eq!(live, [wave; LIMIT as usize], "the waves of those that live after wave {wave}");
        }
    }
}

/// However many families start at once, no more than the limit are live, and each that ended was counted once.
pub fn the_live_limit_holds_when_many_start_at_once(f: &Fixture) {
    const LIMIT: u32 = 5;
    let answers = race(RACERS, |racer| {
        let family = FamilyRecord { issued_at: after(racer as i64), ..family(racer as u64) };
        done(f.store.grants.start_family(StartFamily { live_limit: LIMIT, ..start(family) }))
    });
    let ended: u32 = answers
        .iter()
        .map(|answer| match answer {
            StartOutcome::Started { ended } => *ended,
            StartOutcome::Claimed | StartOutcome::CutOff => panic!("nothing was cut off or claimed"),
        })
        .sum();
    let live = (0..RACERS)
        .filter_map(|racer| done(f.store.grants.find_family(&family_id(racer as u64))))
        .filter(|family| family.revoked.is_none())
        .count();
    assert_eq!(live, LIMIT as usize);
    assert_eq!(ended as usize + live, RACERS);
}

/// Of many families that start with one and the same token one is stored; of the others nothing is.
pub fn of_many_starts_with_one_token_one_leaves_a_family(f: &Fixture) {
    let answers = race(RACERS, |racer| {
        let family = family(racer as u64);
        let token = AccessTokenRecord { digest: digest(1), ..token_of(&family, racer as u64) };
        let start = StartFamily { access_token: Some(token), ..start(family) };
        block_on(f.store.grants.start_family(start)).map_err(|error| error.kind())
    });
    let winner =
        one_winner(&answers, &Ok(StartOutcome::Started { ended: 0 }), &Err(StoreErrorKind::Unavailable)) as u64;
    for racer in 0..RACERS as u64 {
        let stored = done(f.store.grants.find_family(&family_id(racer)));
        assert_eq!(stored.is_some(), racer == winner, "family {racer}, the winner is {winner}");
    }
    let stored = found(&f.store, 1).expect("the winner's token");
    assert_eq!((stored.token.family, stored.standing), (Some(family_id(winner)), Standing::Live));
}

/// Once a cutoff was acknowledged, no family that it covers starts, and none that had started is live.
pub fn no_start_outlives_a_cutoff(f: &Fixture) {
    for round in 1..=ROUNDS {
        let at = after(round as i64 * 10); // later than the cutoff of the last round
        let user = subject(&format!("user-{round}"));
        let key = match round % 4 {
            0 => CutoffKey::Client(client_id("app")),
            1 => CutoffKey::Subject(user.clone()),
            2 => CutoffKey::Grant { subject: user.clone(), client: client_id("app") },
            _ => CutoffKey::Everything,
        };
        let (begun, acknowledged) = (AtomicUsize::new(0), AtomicBool::new(false));
        let started = race(WRITERS + 1, |racer| {
            let mut started = Vec::new();
            if racer == WRITERS {
                while begun.load(Ordering::SeqCst) < WRITERS.min(round as usize) {
                    thread::yield_now(); // so that each round ends with more writers under way
                }
                done(f.store.grants.cut_off(cutoff(key.clone(), at)));
                acknowledged.store(true, Ordering::SeqCst);
                return started;
            }
            for of in 0..TOKENS_EACH {
                let number = (round << 32) + ((racer as u64) << 16) + of;
                let family = FamilyRecord { subject: user.clone(), issued_at: at, ..refreshable(number) };
                let too_late = acknowledged.load(Ordering::SeqCst);
                begun.fetch_add(1, Ordering::SeqCst);
                let answer = done(f.store.grants.start_family(start(family)));
                assert!(!(too_late && answer != StartOutcome::CutOff), "started after the cutoff was acknowledged");
                let stored = done(f.store.grants.find_family(&family_id(number)));
                assert_eq!(stored.is_some(), answer != StartOutcome::CutOff, "{answer:?}");
                started.extend(stored.map(|_| number));
            }
            started
        });
        for number in started.into_iter().flatten() {
            let found = done(f.store.grants.find_by_handle(&handle(number))).expect("stored");
            assert_eq!(found.standing, Standing::Revoked, "family {number}");
        }
    }
}
