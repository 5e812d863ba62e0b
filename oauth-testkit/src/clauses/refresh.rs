//! Refresh tokens: found by their handle, used while they are current and their family lives, together with the access
//! token that they were used for.

use oauth_core::store::{
    AccessTokenRecord, CutoffKey, Extend, FamilyRecord, FoundFamily, RefreshState, Refreshed, Retry, RevokeFamily,
    RevokedWhy, Rotate, Standing, StartOutcome, StoreError,
};
use oauth_core::types::{Timestamp, TokenDigest};

use super::{done, found, fresh, unavailable};
use crate::samples::{
    BEGIN, FAMILY_END, after, client_id, cutoff, digest, extend, family, family_id, handle, refresh_digest,
    refreshable, retry, rotate, start, subject, token, token_of,
};
use crate::{Fixture, TenantStore, block_on};

/// How a refresh token can be used.
#[derive(Debug, Clone, Copy)]
enum Use {
    Extend,
    Retry,
    Rotate,
}

impl Use {
    /// Uses this token of a family, for an access token if there is one.
    fn try_with(
        self,
        store: &TenantStore,
        family: &FamilyRecord,
        current: TokenDigest,
        now: Timestamp,
        access_token: Option<AccessTokenRecord>,
    ) -> Result<Refreshed, StoreError> {
        let family = family.id;
        block_on(async {
            match self {
                Self::Extend => {
                    store.grants.extend(Extend { family, current, access_token, ..extend(0, 0, now) }).await
                }
                Self::Retry => {
                    let limit = u32::MAX;
                    store.grants.retry(Retry { family, current, access_token, ..retry(0, 0, limit, now) }).await
                }
                Self::Rotate => {
                    let successor = digest(fresh());
                    let rotate = Rotate { family, current, successor, access_token, ..rotate(0, 0, now) };
                    store.grants.rotate(rotate).await
                }
            }
        })
    }

    /// Expects that it is done.
    fn is_done(self, store: &TenantStore, family: &FamilyRecord, now: Timestamp) {
        let token = token_of(family, fresh());
        let answer = self.try_with(store, family, current(store, family), now, Some(token.clone()));
        assert_eq!(answer.ok(), Some(Refreshed::Done), "{self:?} at {now:?}");
        let stored = done(store.grants.find_access_token(&token.digest)).expect("stored with it");
        assert_eq!((stored.token, stored.standing), (token, Standing::Live));
    }

    /// Expects that it is refused, and that neither the family changes nor the access token is stored.
    fn is_moved(self, store: &TenantStore, family: &FamilyRecord, current: TokenDigest, now: Timestamp) {
        let before = find(store, family);
        let token = token_of(family, fresh());
        let answer = self.try_with(store, family, current, now, Some(token.clone()));
        assert_eq!(answer.ok(), Some(Refreshed::Moved), "{self:?} at {now:?}");
        assert_eq!(find(store, family), before, "{self:?} was refused");
        assert_eq!(done(store.grants.find_access_token(&token.digest)), None, "the token of a refused {self:?}");
    }
}

fn begin(store: &TenantStore, family: &FamilyRecord) {
    assert_eq!(done(store.grants.start_family(start(family.clone()))), StartOutcome::Started { ended: 0 });
}

fn find(store: &TenantStore, family: &FamilyRecord) -> Option<FamilyRecord> {
    done(store.grants.find_family(&family.id))
}

fn by_handle(store: &TenantStore, handle: [u8; 8]) -> Option<FoundFamily> {
    done(store.grants.find_by_handle(&handle))
}

/// The refresh token that the family accepts.
fn current(store: &TenantStore, family: &FamilyRecord) -> TokenDigest {
    let state: RefreshState = find(store, family).and_then(|family| family.refresh).expect("it has refresh tokens");
    state.current_digest
}

/// A family is found by its handle and no other, whatever was done with it, together with whether it was revoked.
pub fn a_family_is_found_by_its_handle_only(f: &Fixture) {
    assert_eq!(by_handle(&f.store, handle(1)), None, "before it starts");
    for family in [refreshable(1), refreshable(2), family(3)] {
        begin(&f.store, &family);
    }
    let live = |family| Some(FoundFamily { family, standing: Standing::Live });
    assert_eq!(by_handle(&f.store, handle(1)), live(refreshable(1)));
    assert_eq!(by_handle(&f.store, handle(2)), live(refreshable(2)));
    for byte in 0..8 {
        for bit in [0x80, 0x20] {
            let mut near = handle(1);
            near[byte] ^= bit;
            assert_eq!(by_handle(&f.store, near), None, "{near:?}");
        }
    }
    assert_eq!(by_handle(&f.store, handle(3)), None, "a family without refresh tokens");
    assert_eq!(done(f.store.grants.rotate(rotate(1, 0, after(5)))), Refreshed::Done);
    let rotated = find(&f.store, &refreshable(1)).expect("stored");
    assert_eq!(by_handle(&f.store, handle(1)), live(rotated), "all its tokens begin alike");
    assert_eq!(done(f.store.grants.revoke_family(&family_id(1), RevokedWhy::Replay, after(9))), RevokeFamily::Revoked);
    let ended = by_handle(&f.store, handle(1)).expect("an ended family stays known");
    assert_eq!((ended.standing, ended.family.revoked), (Standing::Revoked, Some((after(9), RevokedWhy::Replay))));
    assert_eq!(by_handle(&f.store, handle(2)), live(refreshable(2)), "another family");
}

/// A cutoff that covers a family shows in its standing, each kind of cutoff where it belongs; the row stays as it was.
pub fn a_family_that_was_cut_off_is_found_as_revoked(f: &Fixture) {
    let of = |number, user: &str, client: &str, issued_at| FamilyRecord {
        subject: subject(user),
        client: client_id(client),
        issued_at,
        ..refreshable(number)
    };
    let families = [
        of(1, "alice", "other", after(10)),
        of(2, "alice", "other", after(11)),
        of(3, "bob", "app", after(10)),
        of(4, "bob", "app", after(11)),
        of(5, "app", "alice", after(10)), // the names of the others the wrong way round
        of(6, "app", "alice", after(11)),
        of(7, "carol", "phone", after(10)),
        of(8, "carol", "phone", after(11)),
        of(9, "carol", "other", after(10)),
        of(10, "bob", "phone", after(10)),
    ];
    for family in &families {
        begin(&f.store, family);
    }
    let mut dead = Vec::new();
    let grant = CutoffKey::Grant { subject: subject("carol"), client: client_id("phone") };
    for (key, covered) in [
        (grant, vec![7]),
        (CutoffKey::Subject(subject("alice")), vec![1]),
        (CutoffKey::Client(client_id("app")), vec![3]),
        (CutoffKey::Everything, vec![5, 9, 10]),
    ] {
        done(f.store.grants.cut_off(cutoff(key.clone(), after(10))));
        dead.extend(covered);
        for (number, family) in (1..).zip(&families) {
            let standing = if dead.contains(&number) { Standing::Revoked } else { Standing::Live };
            let expected = Some(FoundFamily { family: family.clone(), standing });
            assert_eq!(by_handle(&f.store, handle(number)), expected, "after {key:?}");
        }
    }
}

/// A rotation needs the current token of its family: neither a predecessor nor any other does.
pub fn a_rotation_needs_the_current_token(f: &Fixture) {
    needs_the_current_token(f, Use::Rotate);
}

/// So does a retry.
pub fn a_retry_needs_the_current_token(f: &Fixture) {
    needs_the_current_token(f, Use::Retry);
}

/// So does an extension.
pub fn an_extension_needs_the_current_token(f: &Fixture) {
    needs_the_current_token(f, Use::Extend);
}

fn needs_the_current_token(f: &Fixture, way: Use) {
    let one = refreshable(1);
    for family in [&one, &refreshable(2), &family(3)] {
        begin(&f.store, family);
    }
    for generation in 0..2 {
        assert_eq!(done(f.store.grants.rotate(rotate(1, generation, after(1)))), Refreshed::Done);
    }
    let token = token(fresh());
    let _ = done(f.store.grants.insert_access_token(token.clone()));
    let [predecessor, older, unknown, of_another] =
        [(1, 1), (1, 0), (1, 3), (2, 0)].map(|(number, generation)| refresh_digest(number, generation));
    for wrong in [predecessor, older, unknown, of_another, token.digest] {
        way.is_moved(&f.store, &one, wrong, after(2));
    }
    way.is_moved(&f.store, &refreshable(9), refresh_digest(1, 2), after(2));
    way.is_moved(&f.store, &family(3), refresh_digest(1, 2), after(2));
    way.is_done(&f.store, &one, after(2));
    assert_eq!(find(&f.store, &refreshable(2)), Some(refreshable(2)), "another family is not touched");
}

/// A rotation needs a family that is live at its `now`: not revoked, before its absolute end, covered by no cutoff.
pub fn a_rotation_needs_a_live_family(f: &Fixture) {
    needs_a_live_family(f, Use::Rotate);
}

/// So does a retry.
pub fn a_retry_needs_a_live_family(f: &Fixture) {
    needs_a_live_family(f, Use::Retry);
}

/// So does an extension.
pub fn an_extension_needs_a_live_family(f: &Fixture) {
    needs_a_live_family(f, Use::Extend);
}

fn needs_a_live_family(f: &Fixture, way: Use) {
    let begun = |number: u64, user: &str, client: &str| {
        let family = FamilyRecord { subject: subject(user), client: client_id(client), ..refreshable(number) };
        begin(&f.store, &family);
        family
    };
    let is_moved = |family: &FamilyRecord, now| way.is_moved(&f.store, family, current(&f.store, family), now);
    let is_done = |family: &FamilyRecord, now| way.is_done(&f.store, family, now);

    let ended = begun(1, "user", "client");
    is_done(&ended, Timestamp::from_millis(FAMILY_END.millis() - 1));
    is_moved(&ended, FAMILY_END);
    is_moved(&ended, Timestamp::MAX);
    is_done(&ended, after(1));

    let revoked = begun(2, "user", "client");
    let _ = done(f.store.grants.revoke_family(&revoked.id, RevokedWhy::Replay, after(5)));
    for now in [BEGIN, after(5), after(9)] {
        is_moved(&revoked, now);
    }

    let (users, clients, neither) = (begun(3, "alice", "client"), begun(4, "user", "app"), begun(5, "app", "alice"));
    let (both, one, other) = (begun(6, "carol", "phone"), begun(7, "carol", "client"), begun(8, "user", "phone"));
    done(
        f.store
            .grants
            .cut_off(cutoff(CutoffKey::Grant { subject: both.subject.clone(), client: both.client.clone() }, BEGIN)),
    );
    is_moved(&both, after(20));
    is_done(&one, after(20));
    is_done(&other, after(20));
    let earlier = Timestamp::from_millis(BEGIN.millis() - 1);
    for (key, family) in [
        (CutoffKey::Subject(subject("alice")), &users),
        (CutoffKey::Client(client_id("app")), &clients),
        (CutoffKey::Everything, &neither),
    ] {
        done(f.store.grants.cut_off(cutoff(key.clone(), earlier)));
        is_done(family, after(20));
        is_done(&neither, after(20));
        done(f.store.grants.cut_off(cutoff(key, BEGIN)));
        for now in [BEGIN, after(20)] {
            is_moved(family, now);
        }
    }
}

/// A rotation and its access token are one fact: when the token's digest is taken, nothing changes.
pub fn a_rotation_stores_its_token_with_it_or_not_at_all(f: &Fixture) {
    stores_its_token_with_it_or_not_at_all(f, Use::Rotate);
}

/// So are a retry and its token.
pub fn a_retry_stores_its_token_with_it_or_not_at_all(f: &Fixture) {
    stores_its_token_with_it_or_not_at_all(f, Use::Retry);
}

/// So are an extension and its token.
pub fn an_extension_stores_its_token_with_it_or_not_at_all(f: &Fixture) {
    stores_its_token_with_it_or_not_at_all(f, Use::Extend);
}

fn stores_its_token_with_it_or_not_at_all(f: &Fixture, way: Use) {
    let one = refreshable(1);
    begin(&f.store, &one);
    assert_eq!(done(f.store.grants.rotate(rotate(1, 0, after(1)))), Refreshed::Done);
    let _ = done(f.store.grants.insert_access_token(token(1)));
    let before = find(&f.store, &one);
    let taken = AccessTokenRecord { digest: digest(1), ..token_of(&one, 2) };
    let attempt = way.try_with(&f.store, &one, refresh_digest(1, 1), after(2), Some(taken));
    unavailable(async { attempt });
    assert_eq!(find(&f.store, &one), before, "{way:?} with a taken digest");
    assert_eq!(found(&f.store, 1).map(|found| found.token), Some(token(1)));
    way.is_done(&f.store, &one, after(2));
    let without = way.try_with(&f.store, &one, current(&f.store, &one), after(3), None);
    assert_eq!(without.ok(), Some(Refreshed::Done), "{way:?} without a token");
}
