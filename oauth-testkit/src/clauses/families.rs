//! Families: stored whole, started only when no cutoff covers them, ended once.

use oauth_core::store::{
    AccessTokenRecord, CutoffKey, FamilyRecord, FoundFamily, RefreshState, RevokeFamily, RevokedWhy, Standing,
    StartFamily, StartOutcome,
};
use oauth_core::types::Timestamp;
use proptest::sample::select;

use super::{done, for_all, found, fresh, standing_of, unavailable};
use crate::samples::{
    BEGIN, FAMILY_END, after, client_id, cutoff, digest, family, family_id, jwt_of, refresh_state, start, subject,
    token_of,
};
use crate::{Fixture, TenantStore, strategies};

fn begin(store: &TenantStore, family: &FamilyRecord) {
    let outcome = done(store.grants.start_family(start(family.clone())));
    assert_eq!(outcome, StartOutcome::Started { ended: 0 }, "{:?}", family.id);
}

fn find(store: &TenantStore, number: u64) -> Option<FamilyRecord> {
    done(store.grants.find_family(&family_id(number)))
}

fn revoked(store: &TenantStore, number: u64) -> Option<(Timestamp, RevokedWhy)> {
    find(store, number).expect("the family is stored").revoked
}

/// What was stored is found, member by member; so are the time and the reason of its end.
pub fn a_family_comes_back_as_it_was_given(f: &Fixture) {
    let end = (strategies::timestamp(), select(&RevokedWhy::ALL[..]));
    for_all((strategies::family(), end), |(family, (at, why))| {
        let number = fresh();
        let refresh = family.refresh.map(|state| RefreshState {
            handle: number.to_be_bytes(),
            current_digest: digest(number),
            previous_digest: state.previous_digest.map(|_| digest(fresh())),
            ..state
        });
        let code_digest = family.code_digest.map(|_| digest(fresh()));
        let family = FamilyRecord { id: family_id(number), refresh, code_digest, ..family };
        begin(&f.store, &family);
        assert_eq!(find(&f.store, number).as_ref(), Some(&family));
        if family.refresh.is_some() {
            let standing = if family.revoked.is_some() { Standing::Revoked } else { Standing::Live };
            let found = done(f.store.grants.find_by_handle(&number.to_be_bytes()));
            assert_eq!(found, Some(FoundFamily { family: family.clone(), standing }));
        }
        let answer = done(f.store.grants.revoke_family(&family.id, why, at));
        if family.revoked.is_some() {
            assert_eq!(answer, RevokeFamily::AlreadyRevoked);
            assert_eq!(find(&f.store, number), Some(family));
        } else {
            assert_eq!(answer, RevokeFamily::Revoked);
            let ended = find(&f.store, number).expect("an ended family stays known");
            // A store may take the revocation for a sight of the clock.
            assert!(ended.seen_at == family.seen_at || ended.seen_at == at.max(family.seen_at));
            assert_eq!(ended, FamilyRecord { revoked: Some((at, why)), seen_at: ended.seen_at, ..family });
        }
    });
}

/// A family and its first access token are one fact.
pub fn a_family_starts_with_its_first_token(f: &Fixture) {
    let first = token_of(&family(1), 1);
    let outcome =
        done(f.store.grants.start_family(StartFamily { access_token: Some(first.clone()), ..start(family(1)) }));
    assert_eq!(outcome, StartOutcome::Started { ended: 0 });
    let stored = found(&f.store, 1).expect("stored with its family");
    assert_eq!((stored.token, stored.standing), (first, Standing::Live));
    assert_eq!(done(f.store.grants.standing(&jwt_of(&family(1)))), Standing::Live);
}

/// A family that was issued at or before a cutoff does not start, nor does its token; a millisecond later it does.
pub fn a_family_that_a_cutoff_covers_does_not_start(f: &Fixture) {
    let grant = CutoffKey::Grant { subject: subject("alice"), client: client_id("app") };
    let (alice, app) = (CutoffKey::Subject(subject("alice")), CutoffKey::Client(client_id("app")));
    for (number, key) in (1..).zip([grant, alice, app, CutoffKey::Everything]) {
        let at = after(i64::from(number) * 10);
        done(f.store.grants.cut_off(cutoff(key.clone(), at)));
        for (issued_at, starts) in [(BEGIN, false), (at, false), (Timestamp::from_millis(at.millis() + 1), true)] {
            let number = fresh();
            let family = FamilyRecord { id: family_id(number), issued_at, ..family(number) };
            let token = AccessTokenRecord { issued_at, ..token_of(&family, number) };
            let outcome =
                done(f.store.grants.start_family(StartFamily { access_token: Some(token), ..start(family.clone()) }));
            let expected = if starts { StartOutcome::Started { ended: 0 } } else { StartOutcome::CutOff };
            assert_eq!(outcome, expected, "{key:?} at {at:?}, issued at {issued_at:?}");
            assert_eq!(find(&f.store, number), starts.then_some(family));
            assert_eq!(found(&f.store, number).is_some(), starts);
        }
        let mut others = vec![("app", "alice")];
        if let CutoffKey::Grant { .. } = key {
            others.extend([("alice", "other"), ("bob", "app")]);
        }
        for (user, client) in others {
            let (subject, client) = (subject(user), client_id(client));
            let elsewhere = FamilyRecord { id: family_id(fresh()), subject, client, ..family(0) };
            let outcome = done(f.store.grants.start_family(start(elsewhere)));
            let is_covered = key == CutoffKey::Everything;
            assert_eq!(outcome == StartOutcome::CutOff, is_covered, "others are not covered by {key:?}");
        }
    }
}

/// An id or a digest that is taken stops the whole start and leaves what is stored.
pub fn a_start_with_a_taken_id_or_digest_changes_nothing(f: &Fixture) {
    let with_token =
        |family: FamilyRecord, number| StartFamily { access_token: Some(token_of(&family, number)), ..start(family) };
    let _ = done(f.store.grants.start_family(with_token(family(1), 1)));
    let thief = FamilyRecord { subject: subject("mallory"), ..family(1) };
    unavailable(f.store.grants.start_family(with_token(thief, 2)));
    assert_eq!(find(&f.store, 1), Some(family(1)));
    assert_eq!(found(&f.store, 2), None, "the token of a start that failed");
    unavailable(f.store.grants.start_family(StartFamily { live_limit: 1, ..with_token(family(2), 1) }));
    assert_eq!(find(&f.store, 2), None, "the family of a start that failed");
    assert_eq!(found(&f.store, 1).map(|found| found.token), Some(token_of(&family(1), 1)));
    assert_eq!(revoked(&f.store, 1), None, "a start that failed makes no room");
}

/// A handle of refresh tokens that is taken within the tenant stops the whole start, also when its family has ended;
/// another tenant may use it.
pub fn a_start_with_a_taken_handle_changes_nothing(f: &Fixture) {
    let with_handle =
        |number| FamilyRecord { refresh: Some(refresh_state(*b"a handle", digest(number))), ..family(number) };
    begin(&f.store, &with_handle(1));
    let second = with_handle(2);
    let token = token_of(&second, 2);
    for round in ["live", "ended"] {
        let start = StartFamily { access_token: Some(token.clone()), live_limit: 1, ..start(second.clone()) };
        unavailable(f.store.grants.start_family(start));
        assert_eq!(find(&f.store, 2), None, "{round}");
        assert_eq!(found(&f.store, 2), None, "{round}");
        let expected = if round == "live" { None } else { Some((after(1), RevokedWhy::Host)) };
        assert_eq!(revoked(&f.store, 1), expected, "a start that failed makes no room");
        let _ = done(f.store.grants.revoke_family(&family_id(1), RevokedWhy::Host, after(1)));
    }
    begin(&f.other, &second);
    let _ = done(f.store.grants.purge_expired(Timestamp::from_millis(FAMILY_END.millis() + 1), 9));
    begin(&f.store, &second);
}

/// Above the live limit the oldest families of the same subject and client end, with that reason, and no others.
pub fn above_the_live_limit_the_oldest_families_end(f: &Fixture) {
    let aged = |number: u64| FamilyRecord { issued_at: after(i64::try_from(number).expect("small")), ..family(number) };
    // Neither others' families nor ended ones count: these six are older than all that follow.
    begin(&f.store, &FamilyRecord { subject: subject("bob"), ..aged(1) });
    begin(&f.store, &FamilyRecord { client: client_id("other"), ..aged(2) });
    begin(&f.store, &FamilyRecord { absolute_expires_at: after(15), ..aged(3) });
    begin(&f.store, &aged(4));
    assert_eq!(done(f.store.grants.revoke_family(&family_id(4), RevokedWhy::Host, after(5))), RevokeFamily::Revoked);
    // Started out of order: age is when they were issued.
    for number in [12, 10, 11] {
        begin(&f.store, &aged(number));
    }
    let limited = |family, live_limit| done(f.store.grants.start_family(StartFamily { live_limit, ..start(family) }));
    assert_eq!(limited(aged(20), 4), StartOutcome::Started { ended: 0 }, "four live families are within four");
    assert_eq!(limited(aged(21), 3), StartOutcome::Started { ended: 2 });
    for number in [10, 11] {
        assert_eq!(revoked(&f.store, number), Some((after(21), RevokedWhy::Limit)), "family {number}");
    }
    for number in [1, 2, 3, 12, 20, 21] {
        assert_eq!(revoked(&f.store, number), None, "family {number}");
    }
    assert_eq!(revoked(&f.store, 4), Some((after(5), RevokedWhy::Host)));
    assert_eq!(done(f.store.grants.standing(&jwt_of(&aged(10)))), Standing::Revoked);
    assert_eq!(limited(aged(22), 1), StartOutcome::Started { ended: 3 }, "a limit that was lowered");
    assert_eq!(revoked(&f.store, 22), None, "the new family is not the one to go");
    // Those that a cutoff ended do not count either.
    done(f.store.grants.cut_off(cutoff(CutoffKey::Subject(subject("alice")), after(22))));
    assert_eq!(limited(aged(23), 1), StartOutcome::Started { ended: 0 });
}

/// The first reason of an end stays; a family that is not known has none.
pub fn the_first_reason_of_a_revocation_stays(f: &Fixture) {
    let revoke = |number, why, at| done(f.store.grants.revoke_family(&family_id(number), why, at));
    assert_eq!(revoke(1, RevokedWhy::Host, BEGIN), RevokeFamily::Unknown);
    begin(&f.store, &family(1));
    begin(&f.store, &family(2));
    assert_eq!(revoke(1, RevokedWhy::Replay, after(5)), RevokeFamily::Revoked);
    for (why, at) in [(RevokedWhy::Client, after(9)), (RevokedWhy::Replay, after(1)), (RevokedWhy::Host, FAMILY_END)] {
        assert_eq!(revoke(1, why, at), RevokeFamily::AlreadyRevoked);
        assert_eq!(revoked(&f.store, 1), Some((after(5), RevokedWhy::Replay)));
    }
    assert_eq!(revoked(&f.store, 2), None, "other families are not touched");
    assert_eq!(revoke(1 << 40, RevokedWhy::Host, BEGIN), RevokeFamily::Unknown);
}

/// The end of a family is the end of every token of it, and of no other.
pub fn revoking_a_family_revokes_its_tokens(f: &Fixture) {
    for number in [1, 2] {
        begin(&f.store, &family(number));
        for token in [number * 10, number * 10 + 1] {
            let _ = done(f.store.grants.insert_access_token(token_of(&family(number), token)));
        }
    }
    let _ = done(f.store.grants.revoke_family(&family_id(1), RevokedWhy::Client, after(1)));
    for (token, standing) in
        [(10, Standing::Revoked), (11, Standing::Revoked), (20, Standing::Live), (21, Standing::Live)]
    {
        assert_eq!(standing_of(&f.store, token), standing, "token {token}");
    }
    assert_eq!(done(f.store.grants.standing(&jwt_of(&family(1)))), Standing::Revoked);
    assert_eq!(done(f.store.grants.standing(&jwt_of(&family(2)))), Standing::Live);
}
