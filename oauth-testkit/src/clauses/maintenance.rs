//! Purge removes what is of no use and nothing else; the clock's mark rises; a closed store says so.

use oauth_core::store::{
    AccessTokenRecord, CutoffKey, FamilyRecord, InsertToken, KeyState, Purged, Register, RevokeToken, RevokedWhy,
    Standing, StandingQuery,
};
use oauth_core::types::Timestamp;

use super::{RACERS, done, found, race, standing_of, unavailable};
use crate::samples::{
    BEGIN, FAMILY_END, ISSUER, TOKEN_END, after, client, client_id, cutoff, digest, family, family_id, jwt, jwt_of,
    key, phc, start, step, subject, token, token_id, token_of,
};
use crate::{Fixture, TenantStore, block_on};

/// One millisecond later.
fn next(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.millis() + 1)
}

fn purge(store: &TenantStore, before: Timestamp, limit: u32) -> Purged {
    done(store.grants.purge_expired(before, limit))
}

/// Purges in batches of `limit` until no more is waiting; answers how many rows went.
fn purge_all(store: &TenantStore, before: Timestamp, limit: u32) -> u32 {
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

/// Purge removes at most what it was asked for, says whether more is waiting, and comes to an end.
pub fn purge_works_in_bounded_batches(f: &Fixture) {
    for number in 0..40 {
        let _ = done(f.store.grants.insert_access_token(token(number)));
        let id = token_id(&format!("jwt-{number}"));
        done(f.store.grants.revoke_token(RevokeToken::Jwt { id, expires_at: TOKEN_END }));
        let ends = FamilyRecord { absolute_expires_at: TOKEN_END, ..family(number) };
        let _ = done(f.store.grants.start_family(start(ends)));
    }
    assert_eq!(purge(&f.store, TOKEN_END, u32::MAX), Purged { rows: 0, more: false }, "nothing expired before its end");
    let none = purge(&f.store, next(TOKEN_END), 0);
    assert_eq!(none, Purged { rows: 0, more: true }, "a batch of nothing");
    let first = purge(&f.store, next(TOKEN_END), 7);
    assert!(first.rows <= 7 && first.more, "{first:?}");
    assert_eq!(first.rows + purge_all(&f.store, next(TOKEN_END), 7), 120);
    assert_eq!(purge(&f.store, next(TOKEN_END), 7), Purged { rows: 0, more: false });
    for number in 0..40 {
        assert_eq!(found(&f.store, number), None);
        assert_eq!(done(f.store.grants.find_family(&family_id(number))), None);
    }
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

/// The mark of the clock rises and never falls; reading it raises nothing.
pub fn the_clock_mark_only_rises(f: &Fixture) {
    let raise = |at| done(f.store.grants.raise_clock_mark(at));
    let read = || raise(Timestamp::from_millis(i64::MIN));
    for (at, mark) in [(after(5), 5), (after(3), 5), (BEGIN, 5), (after(9), 9), (after(9), 9)] {
        assert_eq!(raise(at), after(mark));
        assert_eq!(read(), after(mark));
    }
    let answers = race(RACERS, |racer| (racer, raise(after(100 + racer as i64))));
    for (racer, mark) in answers {
        assert!(mark >= after(100 + racer as i64), "racer {racer} saw {mark:?}");
    }
    assert_eq!(read(), after(100 + RACERS as i64 - 1));
}

/// Once closed, every method of every trait is unavailable, and closing again is harmless.
pub fn a_closed_store_is_unavailable(f: &Fixture) {
    let s = &f.store;
    let _ = done(s.registry.register(client("app")));
    let _ = done(s.grants.start_family(start(family(1))));
    block_on(s.grants.close());
    block_on(s.grants.close());
    unavailable(s.clients.find(&client_id("app")));
    unavailable(s.registry.register(client("new")));
    unavailable(s.registry.update(client("app"), 1));
    unavailable(s.registry.page(None, 1));
    unavailable(s.registry.deregister(&client_id("app")));
    unavailable(s.users.find_by_login("alice"));
    unavailable(s.users.find_by_subject(&subject("alice")));
    unavailable(s.users.rehash(&subject("alice"), &phc("old"), phc("new")));
    unavailable(s.keys.load(ISSUER));
    unavailable(s.keys.insert(key("k", KeyState::Announced)));
    unavailable(s.keys.transition(ISSUER, &[step("k", KeyState::Announced, KeyState::Active)]));
    unavailable(s.grants.start_family(start(family(2))));
    unavailable(s.grants.find_family(&family_id(1)));
    unavailable(s.grants.revoke_family(&family_id(1), RevokedWhy::Host, BEGIN));
    unavailable(s.grants.insert_access_token(token(1)));
    unavailable(s.grants.find_access_token(&digest(1)));
    unavailable(s.grants.standing(&jwt_of(&family(1))));
    unavailable(s.grants.revoke_token(RevokeToken::Opaque { digest: digest(1) }));
    unavailable(s.grants.revoke_token(RevokeToken::Jwt { id: token_id("jwt"), expires_at: TOKEN_END }));
    unavailable(s.grants.cut_off(cutoff(CutoffKey::Everything, BEGIN)));
    unavailable(s.grants.purge_expired(BEGIN, 1));
    unavailable(s.grants.raise_clock_mark(BEGIN));
}

/// Closing one tenant leaves the others of the same data set open.
pub fn closing_one_tenant_leaves_the_others_open(f: &Fixture) {
    let _ = done(f.other.grants.start_family(start(family(1))));
    block_on(f.store.grants.close());
    unavailable(f.store.grants.find_family(&family_id(1)));
    assert_eq!(done(f.other.grants.find_family(&family_id(1))), Some(family(1)));
    assert_eq!(done(f.other.grants.insert_access_token(token_of(&family(1), 1))), InsertToken::Inserted);
    assert_eq!(done(f.other.registry.register(client("app"))), Register::Registered);
    assert_eq!(done(f.other.keys.load(ISSUER)), []);
    assert_eq!(done(f.other.users.find_by_login("alice")), None);
}
