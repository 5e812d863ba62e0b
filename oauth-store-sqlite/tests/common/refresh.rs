//! Families with refresh tokens.

use oauth_core::store::{FamilyRecord, GrantStore, RefreshState, Rotate, Salt, StartFamily, StartOutcome};
use oauth_core::types::TokenDigest;
use oauth_store_sqlite::SqliteStore;
use oauth_testkit::block_on;

use super::{LATER, NOW, family, family_id, start, token};

/// A refresh token: the one that this thread of this process makes current in this generation.
pub fn refresh_digest(owner: u64, generation: u64) -> TokenDigest {
    let mut bytes = [3; 32];
    bytes[..8].copy_from_slice(&owner.to_be_bytes());
    bytes[8..16].copy_from_slice(&generation.to_be_bytes());
    TokenDigest::from_bytes(bytes)
}

pub fn refreshable(number: u64) -> FamilyRecord {
    let refresh = RefreshState {
        handle: number.to_be_bytes(),
        key_id: "derive".parse().unwrap(),
        generation: 0,
        current_digest: refresh_digest(number, 0),
        previous_digest: None,
        salt: None,
        rotated_at: NOW,
        retries: 0,
        retry_streak: 0,
        idle_expires_at: LATER,
    };
    FamilyRecord { refresh: Some(refresh), ..family(number) }
}

pub fn begin(store: &SqliteStore, number: u64) {
    let start = StartFamily { family: refreshable(number), access_token: None, ..start(number) };
    assert_eq!(block_on(store.start_family(start)).unwrap(), StartOutcome::Started { ended: 0 });
}

pub fn state(store: &SqliteStore, number: u64) -> RefreshState {
    block_on(store.find_family(&family_id(number))).unwrap().unwrap().refresh.unwrap()
}

/// Into the next generation of the family's own tokens, with the access token of that number.
pub fn rotation(number: u64, state: &RefreshState, successor: TokenDigest, access_token: u64) -> Rotate {
    Rotate {
        family: family_id(number),
        current: state.current_digest,
        successor,
        salt: salt(state.generation + 1),
        idle_expires_at: LATER,
        now: NOW,
        access_token: Some(token(access_token, Some(number))),
    }
}

pub fn salt(generation: u64) -> Salt {
    let mut bytes = [5; 32];
    bytes[..8].copy_from_slice(&generation.to_be_bytes());
    Salt { bytes, expires_at: LATER }
}
