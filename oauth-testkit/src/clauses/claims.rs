//! Claims: what may be used once starts one family.

use oauth_core::store::{AccessTokenRecord, Claim, CutoffKey, FamilyRecord, StartFamily, StartOutcome};

use super::{RACERS, done, found, one_winner, race, unavailable};
use crate::samples::{
    BEGIN, FAMILY_END, after, claim, cutoff, digest, family, family_id, refreshable, start, subject, token_of,
};
use crate::{Fixture, TenantStore};

const STARTED: StartOutcome = StartOutcome::Started { ended: 0 };

/// A start of this family with its first token, for a claim.
fn claiming(family: FamilyRecord, number: u64, claim: Claim) -> StartFamily {
    StartFamily { access_token: Some(token_of(&family, number)), claim: Some(claim), ..start(family) }
}

fn is_stored(store: &TenantStore, number: u64) -> bool {
    let family = done(store.grants.find_family(&family_id(number))).is_some();
    assert_eq!(found(store, number).is_some(), family, "a family and its first token");
    family
}

/// A claim starts one family; a second start for it changes nothing, whatever else it asks for.
pub fn a_claim_is_made_once(f: &Fixture) {
    let begin = |number, claim| done(f.store.grants.start_family(claiming(refreshable(number), number, claim)));
    assert_eq!(begin(1, claim(1, after(60_000))), STARTED);
    for expires_at in [after(60_000), after(90_000), BEGIN] {
        assert_eq!(begin(2, claim(1, expires_at)), StartOutcome::Claimed);
        assert!(!is_stored(&f.store, 2));
    }
    let greedy = StartFamily { live_limit: 1, ..claiming(refreshable(2), 2, claim(1, after(60_000))) };
    assert_eq!(done(f.store.grants.start_family(greedy)), StartOutcome::Claimed);
    assert_eq!(done(f.store.grants.find_family(&family_id(1))), Some(refreshable(1)), "it makes no room");
    for byte in 0..32 {
        let mut near = *digest(1).as_bytes();
        near[byte] ^= 1;
        let near = Claim { digest: oauth_core::types::TokenDigest::from_bytes(near), expires_at: after(60_000) };
        assert_eq!(begin(100 + byte as u64, near), STARTED, "a claim of its own");
    }
    let without = StartFamily { claim: None, ..claiming(refreshable(2), 2, claim(1, BEGIN)) };
    assert_eq!(done(f.store.grants.start_family(without)), STARTED, "nothing of the refused starts is in the way");
}

/// Of many who start families for one claim, one does; of the others nothing is stored.
pub fn of_many_starts_for_one_claim_one_leaves_a_family(f: &Fixture) {
    let answers = race(RACERS, |racer| {
        let number = racer as u64;
        done(f.store.grants.start_family(claiming(family(number), number, claim(1, FAMILY_END))))
    });
    let winner = one_winner(&answers, &STARTED, &StartOutcome::Claimed);
    for racer in 0..RACERS {
        assert_eq!(is_stored(&f.store, racer as u64), racer == winner, "family {racer}, the winner is {winner}");
    }
}

/// A start that failed or was cut off leaves its claim free.
pub fn a_start_that_did_not_happen_leaves_its_claim_free(f: &Fixture) {
    assert_eq!(done(f.store.grants.start_family(claiming(refreshable(1), 1, claim(9, FAMILY_END)))), STARTED);
    let taken_id = FamilyRecord { id: family_id(1), ..refreshable(2) };
    let taken_handle = FamilyRecord { refresh: refreshable(1).refresh, ..refreshable(2) };
    let taken_token = AccessTokenRecord { digest: digest(1), ..token_of(&refreshable(2), 2) };
    for start in [
        claiming(taken_id, 2, claim(2, FAMILY_END)),
        claiming(taken_handle, 2, claim(2, FAMILY_END)),
        StartFamily { access_token: Some(taken_token), ..claiming(refreshable(2), 2, claim(2, FAMILY_END)) },
    ] {
        unavailable(f.store.grants.start_family(start));
        assert!(!is_stored(&f.store, 2));
    }
    done(f.store.grants.cut_off(cutoff(CutoffKey::Subject(subject("mallory")), BEGIN)));
    let cut_off = FamilyRecord { subject: subject("mallory"), ..refreshable(2) };
    let start = claiming(cut_off, 2, claim(2, FAMILY_END));
    assert_eq!(done(f.store.grants.start_family(start)), StartOutcome::CutOff);
    let start = claiming(refreshable(2), 2, claim(2, FAMILY_END));
    assert_eq!(done(f.store.grants.start_family(start)), STARTED, "the claim was never made");
}
