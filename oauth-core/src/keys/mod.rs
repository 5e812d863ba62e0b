//! Keys: made, imported, sealed, announced, promoted, revoked.
//!
//! Records live in a [`KeyStore`](crate::store::KeyStore), private halves sealed; a node keeps the opened ones in
//! memory for at most 60 seconds. The first key for a use signs at once; later ones are announced first, so that
//! every reader's cached key set knows a key before it signs.

mod derive;
#[cfg(test)]
pub(crate) mod fixtures;
mod generate;
mod key_set;
mod keyring;
pub(crate) mod local;
mod pem;
pub(crate) mod schedule;
mod sealing;
mod sealing_file;
mod signer;

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

pub(crate) use self::derive::DeriveKey;
use self::generate::GenerateError;
pub use self::generate::RsaSize;
pub(crate) use self::key_set::KeySet;
pub(crate) use self::keyring::{CACHE_AGE, KeyChange, Keyring};
pub use self::pem::{ImportedKey, InvalidPem};
pub(crate) use self::sealing::Sealing;
pub use self::sealing::{InvalidSealingKey, SealingKey, SealingKeys};
use self::sealing::{SealContext, SealError};
pub use self::signer::{Signer, SignerError};
use crate::jose::{Alg, PublicKey};
use crate::random::Entropy;
use crate::store::{KeyRecord, KeyState, KeyUse, StoreError};
use crate::types::{Issuer, KeyId, Tenant, Timestamp};

/// How new keys are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyNaming {
    /// The RFC 7638 thumbprint of the public half. The default.
    #[default]
    Thumbprint,
    /// The UTC date on which the key was made, such as `2026-03-16`; a second one on the same day gets `-2`.
    Date,
}

impl KeyNaming {
    fn name(self, public: &PublicKey, now: Timestamp, attempt: u32) -> Result<KeyId, KeyError> {
        let text = match (self, time::OffsetDateTime::from_unix_timestamp(now.seconds())) {
            (Self::Date, Ok(day)) if attempt == 1 => day.date().to_string(),
            (Self::Date, Ok(day)) => format!("{}-{attempt}", day.date()),
            _ => public.thumbprint(),
        };
        KeyId::parse(&text).map_err(|why| KeyError::Import(why.to_string()))
    }
}

/// A key that the host brings along.
#[derive(Debug)]
pub(crate) enum ProvidedKey {
    Imported { key: ImportedKey, kid: Option<KeyId> },
    External(Arc<dyn Signer>),
}

impl ProvidedKey {
    pub(crate) fn alg(&self) -> Alg {
        match self {
            Self::Imported { key, .. } => key.alg(),
            Self::External(signer) => signer.alg(),
        }
    }
}

/// Everything but the store that the keys of one issuer depend on.
pub(crate) struct KeySettings {
    pub(crate) issuer: Issuer,
    pub(crate) tenant: Tenant,
    pub(crate) algorithms: Vec<Alg>,
    pub(crate) naming: KeyNaming,
    pub(crate) rsa_size: RsaSize,
    pub(crate) rules: schedule::KeyRules,
    pub(crate) sealing: Sealing,
    pub(crate) provided: Vec<ProvidedKey>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl KeySettings {
    fn context<'a>(&'a self, kid: &'a KeyId) -> SealContext<'a> {
        SealContext { tenant: &self.tenant, issuer: &self.issuer, kid }
    }

    pub(crate) fn seal(&self, plaintext: &[u8], kid: &KeyId) -> Result<Vec<u8>, KeyError> {
        Ok(self.sealing.seal(plaintext, self.context(kid), self.entropy.as_ref())?)
    }

    fn unseal(&self, sealed: &[u8], kid: &KeyId) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        self.sealing
            .open(sealed, self.context(kid))
            .map_err(|why| KeyError::Sealed { kid: kid.clone(), why: why.to_string() })
    }

    fn is_sealed_by_first(&self, sealed: &[u8]) -> bool {
        self.sealing.is_sealed_with_first(sealed)
    }

    fn external(&self, name: &str) -> Option<Arc<dyn Signer>> {
        self.provided.iter().find_map(|provided| match provided {
            ProvidedKey::External(signer) if signer.name() == name => Some(Arc::clone(signer)),
            _ => None,
        })
    }

    /// Whether this server can make a key for this use itself.
    fn can_make(&self, usage: KeyUse) -> bool {
        match usage {
            KeyUse::Derive | KeyUse::Sign(Alg::ES256 | Alg::EdDSA) => !self.has_external(usage),
            KeyUse::Sign(Alg::PS256 | Alg::RS256) => !self.has_external(usage) && cfg!(feature = "rsa-keygen"),
        }
    }

    /// Whether keys for this use live outside, so that none is made here.
    fn has_external(&self, usage: KeyUse) -> bool {
        let is_it = |signer: &Arc<dyn Signer>| KeyUse::Sign(signer.alg()) == usage;
        self.provided.iter().any(|provided| matches!(provided, ProvidedKey::External(signer) if is_it(signer)))
    }

    /// Every use that a key must be there for.
    fn uses(&self) -> impl Iterator<Item = KeyUse> {
        self.algorithms.iter().map(|alg| KeyUse::Sign(*alg)).chain([KeyUse::Derive])
    }
}

impl fmt::Debug for KeySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySettings").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Why keys could not be loaded, made or changed; for the operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A record does not hold a usable key.
    #[error("key `{kid}` is unusable: {why}")]
    Broken {
        /// Which key.
        kid: KeyId,
        /// What is wrong with it.
        why: String,
    },
    /// A key could not be made.
    #[error("{0}")]
    Generate(String),
    /// A key that was brought along is unusable.
    #[error("the key cannot be imported: {0}")]
    Import(String),
    /// Other nodes kept changing the keys; try again.
    #[error("the keys were changed by another node at the same time; try again")]
    Moved,
    /// No family key is active.
    #[error("no family key is active")]
    NoFamilyKey,
    /// The active key is held by a signer that this server was not given.
    #[error("key `{kid}` is held by the external signer `{name}`; pass it to the builder with `external_signer`")]
    NoSigner {
        /// Which key.
        kid: KeyId,
        /// The signer's name.
        name: String,
    },
    /// Keys of this algorithm live outside, so none can be made here.
    #[error("{0} keys are held by external signers; bring the next one with `external_signer`")]
    NoSuccessor(Alg),
    /// A key could not be sealed.
    #[error("a key could not be sealed: {0}")]
    Seal(String),
    /// A key could not be unsealed.
    #[error("key `{kid}` cannot be unsealed: {why}")]
    Sealed {
        /// Which key.
        kid: KeyId,
        /// Why.
        why: String,
    },
    /// An external signer does not do what it should.
    #[error("the external signer `{name}` is unusable: {why}")]
    Signer {
        /// The signer's name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key id was used before; ids are unique for ever per issuer.
    #[error("the key id `{0}` was used before; choose another")]
    Taken(KeyId),
    /// No key has this id.
    #[error("there is no key `{0}`")]
    Unknown(KeyId),
    /// The key is not in the state that this step needs.
    #[error("key `{kid}` is {}", state.as_str())]
    WrongState {
        /// Which key.
        kid: KeyId,
        /// The state that it is in.
        state: KeyState,
    },
}

impl KeyError {
    fn broken(record: &KeyRecord, why: impl fmt::Display) -> Self {
        Self::Broken { kid: record.kid.clone(), why: why.to_string() }
    }
}

impl From<GenerateError> for KeyError {
    fn from(error: GenerateError) -> Self {
        Self::Generate(error.to_string())
    }
}

impl From<SealError> for KeyError {
    fn from(error: SealError) -> Self {
        Self::Seal(error.to_string())
    }
}
