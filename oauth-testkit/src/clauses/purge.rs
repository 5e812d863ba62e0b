//! Purge removes what is of no use, in bounded batches, and nothing else.

use oauth_core::store::{
    AccessTokenRecord, AuthorizationRequestRecord, CodeRecord, ConsentKey, ConsentRecord, CutoffKey, FamilyRecord,
    Purged, RedeemOutcome, RefreshState, Refreshed, RevokeToken, RevokedWhy, Rotate, Salt, Standing, StandingQuery,
    StartFamily, StartOutcome, Strike,
};
use oauth_core::types::Timestamp;

use super::codes::issue;
use super::consents::remember;
use super::requests::begins;
use super::{done, found, fresh, standing_of};
use crate::samples::{
    BEGIN, FAMILY_END, TOKEN_END, WINDOW, account, after, claim, code, code_digest, consent, cutoff, digest, family,
    family_id, jwt, jwt_of, redeem, refreshable, request, request_handle, rotate, salt, start, strike, subject, token,
    token_id, token_of,
};
use crate::{Fixture, TenantStore};

/// Kinds of rows that expire.
const KINDS: usize = 9;
/// Added to a number for the families that are there for something else and last.
const WITH_SALT: u64 = 1000;
const WITH_CLAIM: u64 = 2000;

/// One millisecond later.
pub(super) fn next(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.millis() + 1)
}

fn purge(store: &TenantStore, before: Timestamp, limit: u32) -> Purged {
    done(store.grants.purge_expired(before, limit))
}

/// Purges in batches of `limit` until no more is waiting; answers how many rows went.
pub(super) fn purge_all(store: &TenantStore, before: Timestamp, limit: u32) -> u32 {
    let mut rows = 0;
    for _ in 0..1000 {
        let purged = purge(store, before, limit);
        assert!(purged.rows <= limit, "{purged:?} of at most {limit}");
        rows += purged.rows;
        if !purged.more {
            return rows;
        }
    }
    panic!("a purge that never ends");
}

/// Stores one row of one kind that expires then.
type Fill = fn(&TenantStore, u64, Timestamp);

const FILLS: [Fill; KINDS] = [
    |store, number, end| {
        let _ = done(store.grants.insert_access_token(AccessTokenRecord { expires_at: end, ..token(number) }));
    },
    |store, number, end| {
        done(store.grants.revoke_token(RevokeToken::Jwt { id: jwt_id(number), expires_at: end }));
    },
    |store, number, end| {
        let ends = FamilyRecord { absolute_expires_at: end, ..family(number) };
        let _ = done(store.grants.start_family(start(ends)));
    },
    |store, number, end| {
        let _ = done(store.grants.start_family(start(refreshable(WITH_SALT + number))));
        let salt = Salt { expires_at: end, ..salt(BEGIN) };
        let _ = done(store.grants.rotate(Rotate { salt, ..rotate(WITH_SALT + number, 0, BEGIN) }));
    },
    |store, number, end| {
        let claiming = StartFamily { claim: Some(claim(number, end)), ..start(family(WITH_CLAIM + number)) };
        let _ = done(store.grants.start_family(claiming));
    },
    |store, number, end| {
        let _ = done(store.grants.add_strike(strike(account(number), end.minus(WINDOW))));
    },
    |store, number, end| begins(store, AuthorizationRequestRecord { expires_at: end, ..request(number) }),
    |store, number, end| issue(store, &CodeRecord { expires_at: end, ..code(number) }),
    |store, number, end| remember(store, ConsentRecord { key: use_of(number), expires_at: end, ..consent() }),
];

/// A consent of its own for each number.
fn use_of(number: u64) -> ConsentKey {
    ConsentKey { redirect_uri: format!("https://{number}.example"), ..consent().key }
}

/// Stores one row of each kind that expires then.
fn fill(store: &TenantStore, number: u64, end: Timestamp) {
    FILLS.iter().for_each(|fill| fill(store, number, end));
}

fn jwt_id(number: u64) -> oauth_core::types::TokenId {
    token_id(&format!("jwt-{number}"))
}

/// Which of the rows of [`fill`] are left. To ask makes the claim and adds a strike.
fn left(store: &TenantStore, number: u64, end: Timestamp) -> [bool; KINDS] {
    let tombstone = StandingQuery { id: Some(jwt_id(number)), ..jwt("app", None, BEGIN) };
    let salted = done(store.grants.find_family(&family_id(WITH_SALT + number))).expect("a family that lasts");
    let salt = salted.refresh.expect("it has refresh tokens").salt;
    let claiming = StartFamily { claim: Some(claim(number, end)), ..start(family(fresh())) };
    [
        found(store, number).is_some(),
        done(store.grants.standing(&tombstone)) == Standing::Revoked,
        done(store.grants.find_family(&family_id(number))).is_some(),
        salt.is_some(),
        done(store.grants.start_family(claiming)) == StartOutcome::Claimed,
        done(store.grants.add_strike(Strike { now: end.minus(WINDOW), ..strike(account(number), BEGIN) })) > 1,
        done(store.grants.find_request(&request_handle(number), None)).is_some(),
        done(store.grants.find_code(&code_digest(number))).is_some(),
        done(store.grants.find_consent(&use_of(number))).is_some(),
    ]
}

/// Purge removes at most what it was asked for, says whether more is waiting, and comes to an end.
pub fn purge_works_in_bounded_batches(f: &Fixture) {
    const ROWS: u64 = 20;
    let all = ROWS as u32 * KINDS as u32;
    for number in 0..ROWS {
        fill(&f.store, number, TOKEN_END);
    }
    assert_eq!(purge(&f.store, TOKEN_END, u32::MAX), Purged { rows: 0, more: false }, "nothing expired before its end");
    let none = purge(&f.store, next(TOKEN_END), 0);
    assert_eq!(none, Purged { rows: 0, more: true }, "a batch of nothing");
    let first = purge(&f.store, next(TOKEN_END), 7);
    assert!(first.rows <= 7 && first.more, "{first:?}");
    assert_eq!(first.rows + purge_all(&f.store, next(TOKEN_END), 7), all);
    assert_eq!(purge(&f.store, next(TOKEN_END), 7), Purged { rows: 0, more: false });
    for number in 0..ROWS {
        assert_eq!(left(&f.store, number, TOKEN_END), [false; KINDS], "rows {number}");
    }
}

/// Whether more is waiting is said of every kind.
pub fn purge_says_of_every_kind_whether_more_is_waiting(f: &Fixture) {
    for (kind, fill) in FILLS.iter().enumerate() {
        for number in 1..=3 {
            fill(&f.store, number, TOKEN_END);
        }
        for more in [true, true, false] {
            assert_eq!(purge(&f.store, next(TOKEN_END), 1), Purged { rows: 1, more }, "kind {kind}");
        }
    }
}

/// However much of one kind is waiting, some of every other kind goes too.
pub fn no_kind_of_row_waits_for_the_backlog_of_another(f: &Fixture) {
    const ROWS: u64 = 20;
    for number in 0..ROWS {
        fill(&f.store, number, TOKEN_END);
    }
    // More than the rows of five kinds, fewer than those of six.
    for _ in 0..KINDS {
        let purged = purge(&f.store, next(TOKEN_END), 12);
        assert!(purged.rows <= 12 && purged.more, "{purged:?}");
    }
    let mut kept = [0; KINDS];
    for number in 0..ROWS {
        for (kept, is_left) in kept.iter_mut().zip(left(&f.store, number, TOKEN_END)) {
            *kept += u64::from(is_left);
        }
    }
    assert!(kept.iter().all(|kept| *kept < ROWS), "some of every kind must have gone: {kept:?} of {ROWS} are left");
}

/// Every kind of row is kept until its own end, and what shares a row with it stays as it was.
pub fn purge_keeps_every_kind_until_its_own_end(f: &Fixture) {
    let (early, late) = (TOKEN_END, next(TOKEN_END));
    fill(&f.store, 1, early);
    fill(&f.store, 2, late);
    let salted = |number| done(f.store.grants.find_family(&family_id(WITH_SALT + number))).expect("stored");
    let before = [salted(1), salted(2)];
    assert_eq!(purge_all(&f.store, next(early), 100), KINDS as u32);
    let [one, two] = before;
    let without = one.refresh.clone().map(|state| RefreshState { salt: None, ..state });
    assert_eq!(salted(1), FamilyRecord { refresh: without, ..one });
    assert_eq!(salted(2), two);
    assert_eq!(left(&f.store, 1, early), [false; KINDS]);
    assert_eq!(left(&f.store, 2, late), [true; KINDS]);
}

/// A salt goes by its own end, not by that of one which it replaced; so does a window of strikes.
pub fn purge_goes_by_the_last_salt_and_the_last_window(f: &Fixture) {
    let salt_ends = |at| Salt { expires_at: at, ..salt(at) };
    let _ = done(f.store.grants.start_family(start(refreshable(1))));
    for (generation, end) in [(0, after(100)), (1, after(300)), (2, after(200))] {
        let rotate = Rotate { salt: salt_ends(end), ..rotate(1, generation, after(1)) };
        assert_eq!(done(f.store.grants.rotate(rotate)), Refreshed::Done);
        assert_eq!(purge(&f.store, end, 9), Purged { rows: 0, more: false }, "the salt that ends at {end:?}");
        let state = done(f.store.grants.find_family(&family_id(1))).and_then(|family| family.refresh);
        assert_eq!(state.and_then(|state| state.salt), Some(salt_ends(end)));
    }
    assert_eq!(purge(&f.store, after(1000), 9), Purged { rows: 1, more: false }, "one salt, however many there were");
    // The same account three times over: two windows, and one that a clearing began.
    let strike = |now| done(f.store.grants.add_strike(strike(account(1), now)));
    let length = WINDOW.millis();
    for begins in [after(0), after(length)] {
        assert_eq!(strike(begins), 1);
    }
    assert_eq!(purge(&f.store, after(2 * length), 9), Purged { rows: 0, more: false });
    assert_eq!(strike(after(length)), 2);
    done(f.store.grants.clear_strikes(&account(1)));
    assert_eq!(strike(after(2 * length)), 1);
    assert_eq!(purge(&f.store, after(3 * length), 9), Purged { rows: 0, more: false });
    assert_eq!(strike(after(2 * length)), 2);
    assert_eq!(purge(&f.store, next(after(3 * length)), 9), Purged { rows: 1, more: false });
}

/// What was purged leaves nothing behind: another family may have its id and its handle, and is shown as itself.
pub fn what_was_purged_leaves_its_names_free(f: &Fixture) {
    let end = after(1000);
    let first = FamilyRecord { absolute_expires_at: end, ..refreshable(1) };
    let _ = done(f.store.grants.start_family(start(first)));
    assert_eq!(done(f.store.grants.rotate(rotate(1, 0, BEGIN))), Refreshed::Done);
    assert_eq!(purge_all(&f.store, next(end), 1), 1);
    let code = code(1);
    issue(&f.store, &code);
    let second = redeem(&code, 1, next(end));
    assert_eq!(done(f.store.grants.redeem_code(second.clone())), RedeemOutcome::Redeemed { ended: 0 });
    assert_eq!(done(f.store.grants.find_family(&family_id(1))), Some(second.family));
}

/// What still counts stays: what has not expired, ended families until their absolute end, revoked tokens and
/// tombstones until they expire, cutoffs.
pub fn purge_keeps_what_still_counts(f: &Fixture) {
    let early = FamilyRecord { id: family_id(3), absolute_expires_at: TOKEN_END, ..family(3) };
    for family in [family(1), family(2), early] {
        let _ = done(f.store.grants.start_family(start(family)));
    }
    let _ = done(f.store.grants.revoke_family(&family_id(1), RevokedWhy::Replay, after(1)));
    let _ = done(f.store.grants.revoke_family(&family_id(3), RevokedWhy::Replay, after(1)));
    let lasting = AccessTokenRecord { expires_at: next(TOKEN_END), ..token(2) };
    for token in [token(1), lasting, AccessTokenRecord { expires_at: FAMILY_END, ..token_of(&family(2), 3) }] {
        let _ = done(f.store.grants.insert_access_token(token));
    }
    done(f.store.grants.revoke_token(RevokeToken::Opaque { digest: digest(2) }));
    for (id, expires_at) in [("gone", TOKEN_END), ("kept", next(TOKEN_END))] {
        done(f.store.grants.revoke_token(RevokeToken::Jwt { id: token_id(id), expires_at }));
    }
    done(f.store.grants.cut_off(cutoff(CutoffKey::Subject(subject("bob")), BEGIN)));
    assert_eq!(purge_all(&f.store, next(TOKEN_END), 2), 3, "token 1, the tombstone `gone`, family 3");
    let named = |id| StandingQuery { id: Some(token_id(id)), ..jwt("app", None, BEGIN) };
    assert_eq!(found(&f.store, 1), None);
    assert_eq!(done(f.store.grants.find_family(&family_id(3))), None);
    assert_eq!(standing_of(&f.store, 2), Standing::Revoked, "a revoked token until it expires");
    assert_eq!(standing_of(&f.store, 3), Standing::Live);
    assert_eq!(done(f.store.grants.standing(&named("kept"))), Standing::Revoked, "a tombstone until it expires");
    let ended = done(f.store.grants.find_family(&family_id(1))).expect("an ended family until its absolute end");
    assert_eq!(ended.revoked, Some((after(1), RevokedWhy::Replay)));
    assert_eq!(done(f.store.grants.standing(&jwt_of(&family(2)))), Standing::Live);
    let cut = jwt("app", Some("bob"), BEGIN);
    assert_eq!(purge_all(&f.store, Timestamp::MAX, 100), 5);
    assert_eq!(done(f.store.grants.standing(&cut)), Standing::Revoked, "a cutoff outlives what it ended");
    assert_eq!(done(f.store.grants.standing(&jwt_of(&family(2)))), Standing::Revoked, "a purged family is not known");
}
