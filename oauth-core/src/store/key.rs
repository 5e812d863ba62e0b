//! Key records: plain storage of signing and derivation keys. Nothing here unseals, parses or signs.

use std::fmt;

use async_trait::async_trait;

use super::error::StoreError;
use crate::jose::Alg;
use crate::types::{KeyId, Timestamp};

/// Stores key records.
///
/// At most one key of an issuer is [`KeyState::Active`] for each [`KeyUse`]; both writing methods uphold that in the
/// statement that writes, so that any number of nodes agree on one signer.
#[async_trait]
pub trait KeyStore: fmt::Debug + Send + Sync {
    /// Every key of the issuer, in every state, oldest announcement first (then by key id).
    ///
    /// # Errors
    /// [`StoreError`].
    async fn load(&self, issuer: &str) -> Result<Vec<KeyRecord>, StoreError>;

    /// Stores a new key **iff** its id was never used by this issuer and, when it is active, no other key of the
    /// same use is.
    ///
    /// # Errors
    /// [`StoreError`]; then the key is stored whole or not at all.
    async fn insert(&self, key: KeyRecord) -> Result<InsertKey, StoreError>;

    /// Changes keys of one issuer, all or none: **iff** every one is still in its expected state, and afterwards at
    /// most one key is active for each use. The steps are judged together, so that one call demotes a key and
    /// promotes its successor.
    ///
    /// # Errors
    /// [`StoreError`]; then all steps were taken or none.
    async fn transition(&self, issuer: &str, steps: &[KeyTransition]) -> Result<Transition, StoreError>;
}

/// Answer of [`KeyStore::insert`].
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertKey {
    /// Stored.
    Inserted,
    /// The id is taken, by a key in whatever state; nothing changed.
    Taken,
    /// Another key of this use is active already; nothing changed.
    AlreadyActive,
}

/// Answer of [`KeyStore::transition`].
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// Every step was taken.
    Applied,
    /// A key was not in its expected state, or two would have been active; nothing changed.
    Moved,
}

/// One key of one issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// Unique for ever among the issuer's keys.
    pub kid: KeyId,
    /// The issuer's exact text.
    pub issuer: String,
    /// What the key is for.
    pub usage: KeyUse,
    /// Where it stands.
    pub state: KeyState,
    /// The public half as JWK text (RFC 7517); `None` for keys that derive.
    pub public_jwk: Option<String>,
    /// The secret half.
    pub material: KeyMaterial,
    /// When it came into its states.
    pub times: KeyTimes,
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyUse {
    /// Signs tokens with this algorithm.
    Sign(Alg),
    /// Derives MACs and successors of refresh tokens.
    Derive,
}

impl KeyUse {
    /// A name for stores to keep: the algorithm's, or `derive`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sign(alg) => alg.as_str(),
            Self::Derive => "derive",
        }
    }

    /// From the name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "derive" => Some(Self::Derive),
            _ => Alg::from_name(name).map(Self::Sign),
        }
    }
}

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// Published, signs nothing yet.
    Announced,
    /// Signs.
    Active,
    /// Signs no more; listed until [`KeyTimes::listed_until`].
    Retired,
    /// Taken back: neither listed nor believed.
    Revoked,
}

impl KeyState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Announced, Self::Active, Self::Retired, Self::Revoked];

    /// A name for stores to keep.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
        }
    }

    /// From the name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// When a key came into its states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyTimes {
    /// When it was first published.
    pub announced_at: Timestamp,
    /// When it began to sign.
    pub active_at: Option<Timestamp>,
    /// When it stopped to sign, by age or by revocation.
    pub retired_at: Option<Timestamp>,
    /// Until when a retired key is listed.
    pub listed_until: Option<Timestamp>,
}

/// The secret half of a key, as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub enum KeyMaterial {
    /// Bytes that only the holder of the sealing key can read.
    Sealed(Vec<u8>),
    /// The name of a key that an external signer holds.
    External(String),
    /// Gone: the key will never sign again, only its public half is kept.
    Destroyed,
}

impl fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sealed(_) => f.write_str("Sealed(..)"),
            Self::External(name) => write!(f, "External({name:?})"),
            Self::Destroyed => f.write_str("Destroyed"),
        }
    }
}

/// One step of [`KeyStore::transition`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTransition {
    /// Which key.
    pub kid: KeyId,
    /// The state it must be in.
    pub expected: KeyState,
    /// The state it comes into; may be the same, to re-seal only.
    pub next: KeyState,
    /// Its times afterwards.
    pub times: KeyTimes,
    /// Its material afterwards; `None` keeps it.
    pub material: Option<KeyMaterial>,
}
