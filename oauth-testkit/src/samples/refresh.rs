//! Families with refresh tokens, and what is done with them.

use oauth_core::store::{Claim, Extend, FamilyRecord, RefreshState, Retry, Rotate, Salt, Strike};
use oauth_core::types::{KeyedHash, Lifetime, Timestamp, TokenDigest};

use super::{BEGIN, FAMILY_END, digest, family, family_id, kid};

/// How long a window of strikes is.
pub(crate) const WINDOW: Lifetime = Lifetime::of_seconds(60);
/// How long a salt is kept after its rotation.
const SALT_LIFETIME: Lifetime = Lifetime::of_seconds(330);

/// What the refresh tokens of the family with this number begin with.
pub(crate) const fn handle(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// The refresh token of a family's generation.
pub(crate) fn refresh_digest(number: u64, generation: u64) -> TokenDigest {
    let mut bytes = [0x4e; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes[8..16].copy_from_slice(&generation.to_be_bytes());
    TokenDigest::from_bytes(bytes)
}

/// A family with the refresh token of its generation 0.
pub(crate) fn refreshable(number: u64) -> FamilyRecord {
    FamilyRecord { refresh: Some(refresh_state(handle(number), refresh_digest(number, 0))), ..family(number) }
}

pub(crate) fn refresh_state(handle: [u8; 8], current_digest: TokenDigest) -> RefreshState {
    RefreshState {
        handle,
        key_id: kid("derive"),
        generation: 0,
        current_digest,
        previous_digest: None,
        salt: None,
        rotated_at: BEGIN,
        retries: 0,
        retry_streak: 0,
        idle_expires_at: FAMILY_END,
    }
}

/// From the generation to the next one, without access token.
pub(crate) fn rotate(number: u64, generation: u64, now: Timestamp) -> Rotate {
    Rotate {
        family: family_id(number),
        current: refresh_digest(number, generation),
        successor: refresh_digest(number, generation + 1),
        salt: salt(now),
        idle_expires_at: now.plus(Lifetime::of_seconds(1_209_600)),
        now,
        access_token: None,
    }
}

/// Of a rotation at this time.
pub(crate) fn salt(now: Timestamp) -> Salt {
    let mut bytes = [0x5a; 32];
    bytes[..8].copy_from_slice(&now.millis().to_be_bytes());
    Salt { bytes, expires_at: now.plus(SALT_LIFETIME) }
}

/// Of the rotation that made the generation, without access token.
pub(crate) fn retry(number: u64, generation: u64, limit: u32, now: Timestamp) -> Retry {
    Retry { family: family_id(number), current: refresh_digest(number, generation), limit, now, access_token: None }
}

/// Of the generation's token, without access token.
pub(crate) fn extend(number: u64, generation: u64, now: Timestamp) -> Extend {
    Extend {
        family: family_id(number),
        current: refresh_digest(number, generation),
        idle_expires_at: now.plus(Lifetime::of_seconds(1_209_600)),
        now,
        access_token: None,
    }
}

/// An account of its own for each number.
pub(crate) fn account(number: u64) -> KeyedHash {
    KeyedHash::from_bytes(*digest(number).as_bytes())
}

pub(crate) fn strike(account: KeyedHash, now: Timestamp) -> Strike {
    Strike { account, now, window: WINDOW }
}

pub(crate) fn claim(number: u64, expires_at: Timestamp) -> Claim {
    Claim { digest: digest(number), expires_at }
}
