//! Opaque access tokens: stored whole, and only while what they come from lives.

use oauth_core::store::{
    AccessTokenRecord, CutoffKey, FamilyRecord, InsertToken, Principal, RevokeToken, RevokedWhy, Standing,
};
use oauth_core::types::Timestamp;

use super::{done, for_all, found, fresh, standing_of, unavailable};
use crate::samples::{
    BEGIN, FAMILY_END, TOKEN_END, after, client_id, cutoff, digest, family, family_id, jwt_of, start, subject, token,
    token_of,
};
use crate::{Fixture, TenantStore, strategies};

fn insert(store: &TenantStore, token: AccessTokenRecord) -> InsertToken {
    done(store.grants.insert_access_token(token))
}

/// What was stored is found, member by member, expired or not.
pub fn an_access_token_comes_back_as_it_was_given(f: &Fixture) {
    for_all((strategies::access_token(), strategies::family()), |(token, family)| {
        let number = fresh();
        let mut token = AccessTokenRecord { digest: digest(number), ..token };
        if token.family.take().is_some() && token.issued_at < Timestamp::MAX {
            let id = family_id(number);
            let absolute_expires_at = Timestamp::MAX;
            let family =
                FamilyRecord { id, refresh: None, code_digest: None, revoked: None, absolute_expires_at, ..family };
            let _ = done(f.store.grants.start_family(start(family)));
            token.family = Some(id);
        }
        assert_eq!(insert(&f.store, token.clone()), InsertToken::Inserted);
        let stored = found(&f.store, number).expect("stored");
        assert_eq!((stored.token, stored.standing), (token, Standing::Live));
    });
}

/// A digest that is taken is an error, and the stored row stays as it was.
pub fn a_taken_token_digest_changes_nothing(f: &Fixture) {
    assert_eq!(found(&f.store, 1), None);
    assert_eq!(insert(&f.store, token(1)), InsertToken::Inserted);
    let other = AccessTokenRecord { digest: digest(1), ..token(2) };
    unavailable(f.store.grants.insert_access_token(other));
    assert_eq!(found(&f.store, 1).map(|found| found.token), Some(token(1)));
}

/// A token of a family is stored only while the family is known, not revoked, and before its absolute end.
pub fn a_token_needs_a_live_family(f: &Fixture) {
    let last = Timestamp::from_millis(FAMILY_END.millis() - 1);
    assert_eq!(insert(&f.store, token_of(&family(1), 1)), InsertToken::NotLive, "the family is not known");
    for number in [1, 2] {
        let _ = done(f.store.grants.start_family(start(family(number))));
    }
    for (number, issued_at, answer) in [
        (1, BEGIN, InsertToken::Inserted),
        (2, last, InsertToken::Inserted),
        (3, FAMILY_END, InsertToken::NotLive),
        (4, Timestamp::MAX, InsertToken::NotLive),
    ] {
        let token = AccessTokenRecord { issued_at, expires_at: Timestamp::MAX, ..token_of(&family(1), number) };
        assert_eq!(insert(&f.store, token), answer, "issued at {issued_at:?}");
        assert_eq!(found(&f.store, number).is_some(), answer == InsertToken::Inserted);
    }
    let _ = done(f.store.grants.revoke_family(&family_id(1), RevokedWhy::Replay, after(1)));
    for (number, issued_at) in [(5, BEGIN), (6, after(1)), (7, after(2))] {
        let token = AccessTokenRecord { issued_at, ..token_of(&family(1), number) };
        assert_eq!(insert(&f.store, token), InsertToken::NotLive, "the family was revoked");
        assert_eq!(found(&f.store, number), None);
    }
    assert_eq!(insert(&f.store, token_of(&family(2), 8)), InsertToken::Inserted, "another family lives on");
}

/// A token that was issued at or before a cutoff is not stored; a millisecond later it is.
pub fn a_token_that_a_cutoff_covers_is_not_stored(f: &Fixture) {
    let of = |subject_text: Option<&str>, client: &str| match subject_text {
        Some(text) => Principal::User { subject: subject(text), client: client_id(client) },
        None => Principal::Client { client: client_id(client) },
    };
    done(f.store.grants.cut_off(cutoff(CutoffKey::Subject(subject("alice")), after(10))));
    done(f.store.grants.cut_off(cutoff(CutoffKey::Client(client_id("app")), after(20))));
    done(f.store.grants.cut_off(cutoff(CutoffKey::Everything, after(5))));
    let grant = CutoffKey::Grant { subject: subject("carol"), client: client_id("phone") };
    done(f.store.grants.cut_off(cutoff(grant, after(30))));
    for (principal, dead) in [
        (of(Some("carol"), "phone"), 30),
        (of(Some("carol"), "other"), 5),
        (of(Some("bob"), "phone"), 5),
        (of(None, "phone"), 5),
        (of(Some("alice"), "other"), 10),
        (of(Some("alice"), "app"), 20),
        (of(Some("bob"), "app"), 20),
        (of(None, "app"), 20),
        (of(None, "alice"), 5),
        (of(Some("app"), "alice"), 5),
        (of(Some("bob"), "other"), 5),
    ] {
        for (issued_at, answer) in [(dead, InsertToken::NotLive), (dead + 1, InsertToken::Inserted)] {
            let number = fresh();
            let token =
                AccessTokenRecord { principal: principal.clone(), issued_at: after(issued_at), ..token(number) };
            assert_eq!(insert(&f.store, token), answer, "{principal:?} issued at {issued_at}");
            assert_eq!(found(&f.store, number).is_some(), answer == InsertToken::Inserted);
        }
    }
}

/// A family that a cutoff ended gives no more tokens, however late they are issued, and what it gave is revoked.
pub fn a_family_that_was_cut_off_gives_no_more_tokens(f: &Fixture) {
    let _ = done(f.store.grants.start_family(start(family(1))));
    let late = AccessTokenRecord { issued_at: after(99), ..token_of(&family(1), 1) };
    assert_eq!(insert(&f.store, late.clone()), InsertToken::Inserted);
    done(f.store.grants.cut_off(cutoff(CutoffKey::Subject(subject("alice")), after(50))));
    assert_eq!(standing_of(&f.store, 1), Standing::Revoked, "its family began before the cutoff");
    let later = AccessTokenRecord { digest: digest(2), ..late };
    assert_eq!(insert(&f.store, later), InsertToken::NotLive);
}

/// A token that was taken back stays so, alone, and is still found.
pub fn a_revoked_token_stays_revoked(f: &Fixture) {
    let revoke = |number| done(f.store.grants.revoke_token(RevokeToken::Opaque { digest: digest(number) }));
    revoke(1); // nothing there: nothing happens
    for number in [1, 2] {
        assert_eq!(insert(&f.store, token(number)), InsertToken::Inserted);
    }
    assert_eq!(standing_of(&f.store, 1), Standing::Live);
    for _ in 0..2 {
        revoke(1);
        let stored = found(&f.store, 1).expect("a revoked token stays known");
        assert_eq!((stored.token, stored.standing), (token(1), Standing::Revoked));
    }
    assert_eq!(standing_of(&f.store, 2), Standing::Live);
    unavailable(f.store.grants.insert_access_token(AccessTokenRecord { expires_at: TOKEN_END, ..token(1) }));
    assert_eq!(standing_of(&f.store, 1), Standing::Revoked, "a second insertion does not revive it");
}

/// Taking back one token of a family leaves the family and its other tokens as they were.
pub fn a_revoked_token_takes_nothing_with_it(f: &Fixture) {
    let _ = done(f.store.grants.start_family(start(family(1))));
    for number in [1, 2] {
        assert_eq!(insert(&f.store, token_of(&family(1), number)), InsertToken::Inserted);
    }
    done(f.store.grants.revoke_token(RevokeToken::Opaque { digest: digest(1) }));
    assert_eq!(standing_of(&f.store, 1), Standing::Revoked);
    assert_eq!(standing_of(&f.store, 2), Standing::Live);
    assert_eq!(done(f.store.grants.find_family(&family_id(1))), Some(family(1)));
    assert_eq!(done(f.store.grants.standing(&jwt_of(&family(1)))), Standing::Live);
    assert_eq!(insert(&f.store, token_of(&family(1), 3)), InsertToken::Inserted, "the family gives more tokens");
}
