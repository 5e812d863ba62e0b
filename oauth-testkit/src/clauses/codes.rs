//! Codes: issued unless a cutoff covers them, redeemed once, remembered until their family ends.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use oauth_core::store::{
    AccessTokenRecord, CodeRecord, CutoffKey, FamilyRecord, FoundCode, IssueCode, RedeemCode, RedeemOutcome, Redeemed,
    RevokeFamily, RevokedWhy, Standing,
};
use oauth_core::types::{Timestamp, TokenDigest};

use super::purge::{next, purge_all};
use super::{RACERS, done, for_all, found, fresh, one_winner, race, standing_of, unavailable};
use crate::samples::{
    BEGIN, CODE_END, FAMILY_END, after, client_id, code, code_digest, cutoff, digest, family, family_from, family_id,
    redeem, refreshable, start, subject, token, token_of,
};
use crate::{Fixture, TenantStore, strategies};

const REDEEMED: RedeemOutcome = RedeemOutcome::Redeemed { ended: 0 };

/// How often a race is run whose outcome depends on who comes first.
const ROUNDS: u64 = 8;
/// How many threads redeem codes while one other thread ends what they belong to, and how many each.
const CLIENTS: usize = 7;
const CODES_EACH: u64 = 4;

pub(super) fn issue(store: &TenantStore, code: &CodeRecord) {
    assert_eq!(done(store.grants.issue_code(code.clone())), IssueCode::Issued, "{:?}", code.digest);
}

fn find(store: &TenantStore, digest: &TokenDigest) -> Option<FoundCode> {
    done(store.grants.find_code(digest))
}

/// The redemption of a code for the family and the access token with this number.
fn with_token(code: &CodeRecord, number: u64, now: Timestamp) -> RedeemCode {
    let redeem = redeem(code, number, now);
    RedeemCode {
        access_token: Some(AccessTokenRecord { issued_at: now, ..token_of(&redeem.family, number) }),
        ..redeem
    }
}

/// Whether the family and the token with this number are stored: both or none.
fn is_stored(store: &TenantStore, number: u64) -> bool {
    let family = done(store.grants.find_family(&family_id(number))).is_some();
    assert_eq!(found(store, number).is_some(), family, "family {number} and its first token");
    family
}

/// What was issued is found, member by member; so is when it was redeemed and what came of it.
pub fn a_code_comes_back_as_it_was_given(f: &Fixture) {
    for_all((strategies::code(), strategies::timestamp()), |(code, now)| {
        let number = fresh();
        let now = Timestamp::from_millis(now.millis().min(i64::MAX - 1));
        let expires_at = code.expires_at.max(next(now));
        let code = CodeRecord { digest: code_digest(number), expires_at, ..code };
        issue(&f.store, &code);
        let live = |code| Some(FoundCode { code, standing: Standing::Live });
        assert_eq!(find(&f.store, &code.digest), live(code.clone()));
        let redeem = redeem(&code, number, now);
        assert_eq!(done(f.store.grants.redeem_code(redeem.clone())), REDEEMED);
        let redeemed = Some(Redeemed { at: now, family: redeem.family.id });
        assert_eq!(find(&f.store, &code.digest), live(CodeRecord { redeemed, ..code }));
        assert_eq!(done(f.store.grants.find_family(&redeem.family.id)), Some(redeem.family));
    });
}

/// A digest that is taken is an error, and the stored row stays as it was; no code is found by another digest.
pub fn a_code_is_found_by_its_digest_only(f: &Fixture) {
    assert_eq!(find(&f.store, &code_digest(1)), None);
    issue(&f.store, &code(1));
    let thief = CodeRecord { client: client_id("thief"), ..code(1) };
    unavailable(f.store.grants.issue_code(thief.clone()));
    assert_eq!(find(&f.store, &code_digest(1)).map(|found| found.code), Some(code(1)));
    for byte in 0..32 {
        let mut near = *code_digest(1).as_bytes();
        near[byte] ^= 0x20;
        let near = TokenDigest::from_bytes(near);
        assert_eq!(find(&f.store, &near), None, "{byte}");
        let redeem = RedeemCode { code: near, ..redeem(&code(1), 1, BEGIN) };
        assert_eq!(done(f.store.grants.redeem_code(redeem)), RedeemOutcome::Moved, "{byte}");
    }
    assert_eq!(done(f.store.grants.redeem_code(redeem(&code(1), 1, BEGIN))), REDEEMED);
    unavailable(f.store.grants.issue_code(thief));
    let found = find(&f.store, &code_digest(1)).expect("stored");
    assert!(found.code.redeemed.is_some(), "a second issue does not revive it");
}

/// A code that was issued at or before a cutoff is not stored; a millisecond later it is, and its standing shows the
/// cutoffs that come.
pub fn a_code_that_a_cutoff_covers_is_not_issued(f: &Fixture) {
    let of = |number, user: &str, client: &str, issued_at| CodeRecord {
        subject: subject(user),
        client: client_id(client),
        issued_at,
        ..code(number)
    };
    let grant = CutoffKey::Grant { subject: subject("bob"), client: client_id("web") };
    for (key, user, client) in [
        (grant, "bob", "web"),
        (CutoffKey::Subject(subject("alice")), "alice", "other"),
        (CutoffKey::Client(client_id("app")), "carol", "app"),
        (CutoffKey::Everything, "app", "alice"),
    ] {
        // Neither of the two of a grant alone is covered.
        let apart = [of(fresh(), user, "neither", after(10)), of(fresh(), "neither", client, after(10))];
        let (dead, alive) = (of(fresh(), user, client, after(10)), of(fresh(), user, client, after(11)));
        for code in [&dead, &alive] {
            issue(&f.store, code);
        }
        done(f.store.grants.cut_off(cutoff(key.clone(), after(10))));
        for (code, standing) in [(&dead, Standing::Revoked), (&alive, Standing::Live)] {
            let expected = Some(FoundCode { code: code.clone(), standing });
            assert_eq!(find(&f.store, &code.digest), expected, "{key:?}");
        }
        for issued_at in [BEGIN, after(10)] {
            let late = of(fresh(), user, client, issued_at);
            assert_eq!(done(f.store.grants.issue_code(late.clone())), IssueCode::CutOff, "{key:?}");
            assert_eq!(find(&f.store, &late.digest), None, "{key:?}");
        }
        issue(&f.store, &of(fresh(), user, client, after(11)));
        if let CutoffKey::Grant { .. } = key {
            apart.iter().for_each(|code| issue(&f.store, code));
        }
    }
}

/// A code is redeemed once; a second redemption changes nothing and stores nothing, whatever it asks for.
pub fn a_code_is_redeemed_once(f: &Fixture) {
    issue(&f.store, &code(1));
    issue(&f.store, &code(2));
    assert_eq!(done(f.store.grants.redeem_code(with_token(&code(1), 1, after(5)))), REDEEMED);
    let stored = found(&f.store, 1).expect("stored with its family");
    assert_eq!((stored.token.family, stored.standing), (Some(family_id(1)), Standing::Live));
    let redeemed = find(&f.store, &code_digest(1));
    for now in [after(5), after(6), BEGIN] {
        assert_eq!(done(f.store.grants.redeem_code(with_token(&code(1), 2, now))), RedeemOutcome::Moved);
        assert!(!is_stored(&f.store, 2), "what a second redemption asked for");
        assert_eq!(find(&f.store, &code_digest(1)), redeemed, "the first redemption stays");
    }
    let greedy = RedeemCode { live_limit: 1, ..with_token(&code(1), 2, after(6)) };
    assert_eq!(done(f.store.grants.redeem_code(greedy)), RedeemOutcome::Moved);
    let first = done(f.store.grants.find_family(&family_id(1))).expect("stored");
    assert_eq!(first.revoked, None, "it makes no room");
    assert_eq!(done(f.store.grants.redeem_code(with_token(&code(2), 2, after(6)))), REDEEMED, "another code");
}

/// Of many who redeem one code at once one does; of the others nothing is stored.
pub fn of_many_redemptions_of_one_code_one_wins(f: &Fixture) {
    issue(&f.store, &code(1));
    let answers =
        race(RACERS, |racer| done(f.store.grants.redeem_code(with_token(&code(1), racer as u64, after(racer as i64)))));
    let winner = one_winner(&answers, &REDEEMED, &RedeemOutcome::Moved);
    for racer in 0..RACERS {
        assert_eq!(is_stored(&f.store, racer as u64), racer == winner, "family {racer}, the winner is {winner}");
    }
    let redeemed = Some(Redeemed { at: after(winner as i64), family: family_id(winner as u64) });
    assert_eq!(find(&f.store, &code_digest(1)).and_then(|found| found.code.redeemed), redeemed);
}

/// A redemption needs a code that is known, before its end, and covered by no cutoff; nor may one cover the family.
pub fn a_redemption_needs_a_live_code(f: &Fixture) {
    let is_moved = |code: &CodeRecord, redeem: RedeemCode, number: u64, why: &str| {
        let before = find(&f.store, &code.digest);
        assert_eq!(done(f.store.grants.redeem_code(redeem)), RedeemOutcome::Moved, "{why}");
        assert!(!is_stored(&f.store, number), "{why}");
        assert_eq!(find(&f.store, &code.digest), before, "{why}");
    };
    is_moved(&code(1), with_token(&code(1), 1, BEGIN), 1, "it is not known");
    issue(&f.store, &code(1));
    for now in [CODE_END, next(CODE_END), Timestamp::from_millis(FAMILY_END.millis() - 1)] {
        is_moved(&code(1), with_token(&code(1), 1, now), 1, "it expired");
    }
    let last = Timestamp::from_millis(CODE_END.millis() - 1);
    assert_eq!(done(f.store.grants.redeem_code(with_token(&code(1), 1, last))), REDEEMED, "its last moment");

    let of = |number, user: &str, client: &str| CodeRecord {
        subject: subject(user),
        client: client_id(client),
        issued_at: after(10),
        ..code(number)
    };
    let codes = [of(2, "bob", "web"), of(3, "carol", "other"), of(4, "dave", "phone"), of(5, "phone", "carol")];
    codes.iter().for_each(|code| issue(&f.store, code));
    let grant = CutoffKey::Grant { subject: subject("bob"), client: client_id("web") };
    for (key, code) in [
        (grant, &codes[0]),
        (CutoffKey::Subject(subject("carol")), &codes[1]),
        (CutoffKey::Client(client_id("phone")), &codes[2]),
        (CutoffKey::Everything, &codes[3]),
    ] {
        // One millisecond earlier it covers nothing; the next code lives on.
        done(f.store.grants.cut_off(cutoff(key.clone(), after(9))));
        let spare = CodeRecord { digest: code_digest(fresh()), ..code.clone() };
        issue(&f.store, &spare);
        let number = fresh();
        assert_eq!(done(f.store.grants.redeem_code(with_token(&spare, number, after(20)))), REDEEMED, "{key:?}");
        done(f.store.grants.cut_off(cutoff(key.clone(), after(10))));
        let number = fresh();
        is_moved(code, with_token(code, number, after(20)), number, "a cutoff covers it");
        let mut younger = with_token(code, number, after(20));
        younger.family.issued_at = after(20);
        is_moved(code, younger, number, "a cutoff covers the code, not the family");
        let late = CodeRecord { digest: code_digest(fresh()), issued_at: after(11), ..code.clone() };
        issue(&f.store, &late);
        let mut older = with_token(&late, number, after(20));
        older.family.issued_at = after(10);
        is_moved(&late, older, number, "a cutoff covers the family, not the code");
        assert_eq!(done(f.store.grants.redeem_code(with_token(&late, number, after(20)))), REDEEMED, "{key:?}");
    }
}

/// The mark on the code, the family and its token are one fact: when an id, a handle or a digest is taken, nothing
/// changes, and the code can still be redeemed.
pub fn a_redemption_happens_whole_or_not_at_all(f: &Fixture) {
    let _ = done(f.store.grants.start_family(start(refreshable(1))));
    let _ = done(f.store.grants.insert_access_token(token(1)));
    issue(&f.store, &code(2));
    let good = RedeemCode { live_limit: 1, ..with_token(&code(2), 2, after(5)) };
    let family = |family: FamilyRecord| RedeemCode { family, ..good.clone() };
    let taken_token = AccessTokenRecord { digest: digest(1), ..token_of(&good.family, 2) };
    for (what, bad) in [
        ("id", family(FamilyRecord { id: family_id(1), ..good.family.clone() })),
        ("handle", family(FamilyRecord { refresh: refreshable(1).refresh, ..good.family.clone() })),
        ("digest", RedeemCode { access_token: Some(taken_token), ..good.clone() }),
    ] {
        unavailable(f.store.grants.redeem_code(bad));
        assert!(!is_stored(&f.store, 2), "{what}");
        assert_eq!(done(f.store.grants.find_family(&family_id(1))), Some(refreshable(1)), "{what}: it makes no room");
        assert_eq!(found(&f.store, 1).map(|found| found.token), Some(token(1)), "{what}");
        assert_eq!(find(&f.store, &code_digest(2)).map(|found| found.code), Some(code(2)), "{what}");
    }
    let outcome = done(f.store.grants.redeem_code(good.clone()));
    assert_eq!(outcome, RedeemOutcome::Redeemed { ended: 1 }, "the code was not burnt");
    assert_eq!(done(f.store.grants.find_family(&family_id(2))), Some(good.family.clone()));
    assert_eq!(found(&f.store, 2).map(|found| found.token), good.access_token);
    let room = done(f.store.grants.find_family(&family_id(1))).and_then(|family| family.revoked);
    assert_eq!(room, Some((after(5), RevokedWhy::Limit)), "when it was redeemed");
    issue(&f.store, &code(3));
    assert_eq!(done(f.store.grants.redeem_code(redeem(&code(3), 3, after(6)))), REDEEMED, "without a token");
}

/// Above the live limit the oldest other families of the same subject and client end; the new one does not, although
/// it is as old as its code.
pub fn a_redemption_makes_room(f: &Fixture) {
    let aged = |number, at| FamilyRecord { issued_at: after(at), ..family(number) };
    for family in [
        aged(1, 100),
        aged(2, 200),
        FamilyRecord { subject: subject("bob"), ..aged(3, 50) },
        FamilyRecord { client: client_id("other"), ..aged(4, 50) },
        FamilyRecord { absolute_expires_at: after(500), ..aged(5, 50) },
    ] {
        let _ = done(f.store.grants.start_family(start(family)));
    }
    issue(&f.store, &code(9)); // older than all of them
    let redeem = RedeemCode { live_limit: 2, ..redeem(&code(9), 9, after(1000)) };
    assert_eq!(done(f.store.grants.redeem_code(redeem)), RedeemOutcome::Redeemed { ended: 1 });
    for (number, ended) in [(1, true), (2, false), (3, false), (4, false), (5, false), (9, false)] {
        let stored = done(f.store.grants.find_family(&family_id(number))).expect("stored");
        let expected = ended.then_some((after(1000), RevokedWhy::Limit));
        assert_eq!(stored.revoked, expected, "family {number}");
    }
}

/// A redeemed code is consumed, not revoked: it stands, names its family whatever became of it, and stays known until
/// the family's absolute end.
pub fn a_replay_finds_the_family_until_its_absolute_end(f: &Fixture) {
    for number in [1, 2, 3] {
        issue(&f.store, &code(number));
    }
    for number in [1, 2] {
        assert_eq!(done(f.store.grants.redeem_code(with_token(&code(number), number, after(number as i64)))), REDEEMED);
    }
    assert_eq!(done(f.store.grants.revoke_family(&family_id(2), RevokedWhy::Host, after(9))), RevokeFamily::Revoked);
    let is_known = |number: u64| {
        let redeemed = Some(Redeemed { at: after(number as i64), family: family_id(number) });
        let expected = FoundCode { code: CodeRecord { redeemed, ..code(number) }, standing: Standing::Live };
        assert_eq!(find(&f.store, &code_digest(number)), Some(expected), "code {number}");
    };
    is_known(1);
    is_known(2);
    assert_eq!(standing_of(&f.store, 1), Standing::Live, "consumed is not revoked");
    assert_eq!(standing_of(&f.store, 2), Standing::Revoked);
    // Long after the codes, the tokens and the salts have expired, at the families' last moment.
    let _ = purge_all(&f.store, FAMILY_END, 2);
    is_known(1);
    is_known(2);
    assert_eq!(find(&f.store, &code_digest(3)), None, "one that nobody redeemed is of no use");
    assert_eq!(done(f.store.grants.redeem_code(redeem(&code(1), 8, after(5)))), RedeemOutcome::Moved);
    let replayed = done(f.store.grants.revoke_family(&family_id(1), RevokedWhy::Replay, FAMILY_END));
    assert_eq!(replayed, RevokeFamily::Revoked);
    assert_eq!(purge_all(&f.store, next(FAMILY_END), 1), 4, "two codes and their families");
    assert_eq!(find(&f.store, &code_digest(1)), None);
    // However much longer a family lives than its code.
    let code = code(4);
    issue(&f.store, &code);
    let lasting = FamilyRecord { absolute_expires_at: Timestamp::MAX, ..family_from(&code, 4) };
    assert_eq!(done(f.store.grants.redeem_code(RedeemCode { family: lasting, ..redeem(&code, 4, BEGIN) })), REDEEMED);
    assert_eq!(purge_all(&f.store, Timestamp::MAX, 9), 0);
    assert!(find(&f.store, &code.digest).is_some());
}

/// Once a cutoff was acknowledged, no code that it covers is redeemed, and nothing that one gave is live.
pub fn no_redemption_outlives_a_cutoff(f: &Fixture) {
    for round in 1..=ROUNDS {
        let user = subject(&format!("user-{round}"));
        let number = |racer: usize, code: u64| (round << 32) + ((racer as u64) << 16) + code;
        // Each round is later than the cutoff of the last one.
        let at = after(round as i64 * 10);
        let code = |number| CodeRecord { subject: user.clone(), issued_at: at, ..code(number) };
        for racer in 0..CLIENTS {
            (0..CODES_EACH).for_each(|of| issue(&f.store, &code(number(racer, of))));
        }
        let key = match round % 4 {
            0 => CutoffKey::Client(client_id("app")),
            1 => CutoffKey::Subject(user.clone()),
            2 => CutoffKey::Grant { subject: user.clone(), client: client_id("app") },
            _ => CutoffKey::Everything,
        };
        let (begun, acknowledged) = (AtomicUsize::new(0), AtomicBool::new(false));
        let stored = race(CLIENTS + 1, |racer| {
            let mut stored = Vec::new();
            if racer == CLIENTS {
                while begun.load(Ordering::SeqCst) < CLIENTS.min(round as usize) {
                    thread::yield_now(); // so that each round ends with more clients under way
                }
                done(f.store.grants.cut_off(cutoff(key.clone(), at)));
                acknowledged.store(true, Ordering::SeqCst);
                return stored;
            }
            for number in (0..CODES_EACH).map(|of| number(racer, of)) {
                let too_late = acknowledged.load(Ordering::SeqCst);
                begun.fetch_add(1, Ordering::SeqCst);
                let answer = done(f.store.grants.redeem_code(with_token(&code(number), number, next(at))));
                assert!(!(too_late && answer == REDEEMED), "redeemed after the cutoff was acknowledged");
                if answer == REDEEMED {
                    stored.push(number);
                } else {
                    assert!(!is_stored(&f.store, number), "what a refused redemption asked for");
                }
            }
            stored
        });
        for number in stored.into_iter().flatten() {
            assert_eq!(standing_of(&f.store, number), Standing::Revoked);
        }
    }
}
