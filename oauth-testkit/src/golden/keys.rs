//! Golden keys.

use oauth_core::jose::Alg;
use oauth_core::store::{InsertKey, KeyMaterial, KeyRecord, KeyState, KeyTimes, KeyUse};
use oauth_core::types::KeyId;

use super::{at, every, text};
use crate::{TenantStore, block_on};

pub(super) fn write(store: &TenantStore) {
    for key in keys() {
        assert_eq!(block_on(store.keys.insert(key)).expect("the store works"), InsertKey::Inserted);
    }
}

pub(super) fn check(store: &TenantStore) {
    let (mut first, mut second): (Vec<_>, Vec<_>) = keys().into_iter().partition(|key| key.issuer == FIRST);
    for expected in [&mut first, &mut second] {
        expected.sort_by(|one, other| {
            (one.times.announced_at, one.kid.as_str()).cmp(&(other.times.announced_at, other.kid.as_str()))
        });
        let issuer = expected.first().map(|key| key.issuer.clone()).unwrap_or_default();
        assert_eq!(block_on(store.keys.load(&issuer)).expect("the store works"), *expected);
    }
}

const FIRST: &str = "https://as.example/é?'\"";

/// One for each use, one for each state, one for each kind of material; and one of another issuer.
pub(super) fn keys() -> Vec<KeyRecord> {
    let times = KeyTimes { announced_at: at(0), active_at: None, retired_at: None, listed_until: None };
    let key = |kid: &str, usage, state| KeyRecord {
        kid: KeyId::parse(kid).expect("a lawful key id"),
        issuer: FIRST.to_owned(),
        usage,
        state,
        public_jwk: Some(r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#.to_owned()),
        material: KeyMaterial::Sealed((0..=u8::MAX).collect()),
        times,
    };
    let widest = every(['!'..='!', '#'..='[', ']'..='~']);
    vec![
        KeyRecord {
            times: KeyTimes {
                announced_at: at(-4),
                active_at: Some(at(-3)),
                retired_at: Some(at(-2)),
                listed_until: Some(at(-1)),
            },
            ..key(&widest, KeyUse::Sign(Alg::EdDSA), KeyState::Active)
        },
        key("es256", KeyUse::Sign(Alg::ES256), KeyState::Announced),
        KeyRecord {
            material: KeyMaterial::External(text()),
            ..key("ps256", KeyUse::Sign(Alg::PS256), KeyState::Retired)
        },
        KeyRecord { material: KeyMaterial::Destroyed, ..key("rs256", KeyUse::Sign(Alg::RS256), KeyState::Revoked) },
        KeyRecord { public_jwk: None, ..key("derive", KeyUse::Derive, KeyState::Active) },
        KeyRecord { issuer: "atm".to_owned(), ..key("derive", KeyUse::Derive, KeyState::Active) },
    ]
}
