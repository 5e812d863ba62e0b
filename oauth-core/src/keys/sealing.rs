//! Sealing: how private and family keys lie in a store. The sealing key itself is never in the database.
//!
//! A sealed record is `1 ‖ length of id ‖ id ‖ nonce[12] ‖ ciphertext ‖ tag[16]`, AES-256-GCM (NIST SP 800-38D). The
//! associated data names tenant, issuer and `kid`, so that a record opens only where it was sealed for: a server with
//! another issuer refuses it, and rows cannot be exchanged.

use std::fmt;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::random::{Entropy, EntropyError};
use crate::types::{Issuer, KeyId, Tenant};

/// First byte of a record in clear.
const UNSEALED: u8 = 0;
/// First byte of a sealed record.
const SEALED: u8 = 1;
/// What the associated data begins with: sets these seals apart from all else that a sealing key may seal later.
const LABEL: &[u8] = b"oauth-core sealed key 1";

/// A 256-bit key that seals what a store keeps secret, under a name. Wiped on drop.
pub struct SealingKey {
    id: String,
    bytes: Zeroizing<[u8; 32]>,
}

/// Why a sealing key cannot be had. Never quotes the key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSealingKey {
    /// Not 32 bytes of base64.
    #[error("a sealing key must be 32 bytes in base64: make one with `openssl rand -base64 32`")]
    Bytes,
    /// No randomness for a new one.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The file cannot be read or made.
    #[error("the sealing key file `{path}` cannot be read or made: {source}")]
    File {
        /// The file.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A text without an id.
    #[error("a sealing key is written `id:base64`")]
    Form,
    /// An unlawful id.
    #[error("the id of a sealing key must be 1 to 64 of `A-Z a-z 0-9 . _ -`")]
    Id,
    /// Other users of the machine can open the file.
    #[error("the sealing key file `{path}` can be opened by others: run `chmod 600 {path}`")]
    OpenToOthers {
        /// The file.
        path: String,
    },
    /// Two keys of one id, so a record would not say which one opens it.
    #[error("two sealing keys have the id `{0}`")]
    RepeatedId(String),
    /// The environment variable is not set, or not Unicode.
    #[error("the environment variable `{0}` must hold the sealing key as `id:base64`")]
    Variable(String),
}

impl SealingKey {
    /// From 32 random bytes. The id stands in clear in front of each record that the key seals: 1 to 64 of
    /// `A-Z a-z 0-9 . _ -`, and never used for another key.
    ///
    /// # Errors
    /// [`InvalidSealingKey::Id`].
    pub fn new(id: &str, bytes: [u8; 32]) -> Result<Self, InvalidSealingKey> {
        let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if id.is_empty() || id.len() > 64 || !id.chars().all(lawful) {
            return Err(InvalidSealingKey::Id);
        }
        Ok(Self { id: id.to_owned(), bytes: Zeroizing::new(bytes) })
    }

    /// From base64 of 32 random bytes, such as `openssl rand -base64 32` prints; padding may be left out.
    ///
    /// # Errors
    /// [`InvalidSealingKey::Id`], [`InvalidSealingKey::Bytes`].
    pub fn from_base64(id: &str, text: &str) -> Result<Self, InvalidSealingKey> {
        const ENGINE: GeneralPurpose = GeneralPurpose::new(
            &base64::alphabet::STANDARD,
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
        );
        // One byte more than a key has, for the decoder asks for whole groups of three.
        let mut room = Zeroizing::new([0; 33]);
        let decoded = ENGINE.decode_slice(text, &mut room[..]).map_err(|_| InvalidSealingKey::Bytes)?;
        let bytes = room.get(..decoded).and_then(|bytes| bytes.try_into().ok()).ok_or(InvalidSealingKey::Bytes)?;
        Self::new(id, bytes)
    }

    /// From `id:base64`, the form of files and variables.
    ///
    /// # Errors
    /// [`InvalidSealingKey::Form`], [`InvalidSealingKey::Id`], [`InvalidSealingKey::Bytes`].
    pub fn parse(text: &str) -> Result<Self, InvalidSealingKey> {
        let (id, key) = text.split_once(':').ok_or(InvalidSealingKey::Form)?;
        Self::from_base64(id, key)
    }

    /// From an environment variable that holds `id:base64`.
    ///
    /// # Errors
    /// [`InvalidSealingKey`], `Variable` when it is not set.
    pub fn from_env(variable: &str) -> Result<Self, InvalidSealingKey> {
        let text = std::env::var(variable).map_err(|_| InvalidSealingKey::Variable(variable.to_owned()))?;
        Self::parse(&Zeroizing::new(text))
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// `id:base64` and a line feed, to write it down.
    pub(super) fn to_line(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(self.id.len() + 46));
        text.push_str(&self.id);
        text.push(':');
        STANDARD.encode_string(&self.bytes[..], &mut text);
        text.push('\n');
        text
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM, &self.bytes[..]).ok().map(LessSafeKey::new)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({:?}, [redacted])", self.id)
    }
}

/// The sealing keys of a server: the first seals, every one opens.
///
/// To rotate on several nodes, first give every node the new key as an older one, then put it first; keep the old one
/// until every record was sealed again, which a round of maintenance does.
#[derive(Debug)]
pub struct SealingKeys {
    first: SealingKey,
    older: Vec<SealingKey>,
}

impl SealingKeys {
    /// One key that seals and opens.
    #[must_use]
    pub const fn new(first: SealingKey) -> Self {
        Self { first, older: Vec::new() }
    }

    /// Adds a key that only opens.
    ///
    /// # Errors
    /// [`InvalidSealingKey::RepeatedId`].
    pub fn and_older(mut self, key: SealingKey) -> Result<Self, InvalidSealingKey> {
        if self.find(&key.id).is_some() {
            return Err(InvalidSealingKey::RepeatedId(key.id));
        }
        self.older.push(key);
        Ok(self)
    }

    fn find(&self, id: &str) -> Option<&SealingKey> {
        std::iter::once(&self.first).chain(&self.older).find(|key| key.id == id)
    }
}

impl From<SealingKey> for SealingKeys {
    fn from(first: SealingKey) -> Self {
        Self::new(first)
    }
}

/// Whose record it is. Tenant, issuer and `kid` are authenticated, not stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SealContext<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) issuer: &'a Issuer,
    pub(crate) kid: &'a KeyId,
}

impl SealContext<'_> {
    /// Each part behind its length, so that no two contexts read alike.
    fn associated_data(&self) -> Vec<u8> {
        let parts =
            [LABEL, self.tenant.as_str().as_bytes(), self.issuer.as_str().as_bytes(), self.kid.as_str().as_bytes()];
        let mut data = Vec::new();
        for part in parts {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part);
        }
        data
    }
}

/// The record was not sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SealError {
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    #[error("the cipher failed")]
    Cipher,
}

/// The record was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("the record is malformed")]
    Malformed,
    /// Altered, or sealed by another key of this id, or for another tenant, issuer or key.
    #[error("the record was altered, or sealed by another key of the same id, or for another tenant, issuer or kid")]
    Mismatch,
    /// Sealed, but this server runs without sealing keys.
    #[error("the record is sealed, but the server has no sealing key")]
    Sealed,
    #[error("the record is sealed by the key `{0}`, which the server does not have")]
    UnknownSealingKey(String),
    /// In clear, but this server seals. Opened, it would let whoever can write to the database bring a signing key.
    #[error("the record is in clear, but the server seals its keys")]
    Unsealed,
}

/// How secret halves are kept.
#[derive(Debug)]
pub(crate) enum Sealing {
    /// Sealed.
    Keys(SealingKeys),
    /// In clear: only by `.danger().unsealed_keys()`.
    Unsealed,
}

impl Sealing {
    /// What the store is to keep.
    ///
    /// # Errors
    /// [`SealError`].
    pub(crate) fn seal(
        &self,
        plaintext: &[u8],
        context: SealContext<'_>,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, SealError> {
        let Self::Keys(SealingKeys { first, .. }) = self else {
            return Ok([&[UNSEALED], plaintext].concat());
        };
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce)?;
        let cipher = first.cipher().ok_or(SealError::Cipher)?;
        let mut body = plaintext.to_vec();
        let sealed = cipher.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(context.associated_data()),
            &mut body,
        );
        sealed.map_err(|_| SealError::Cipher)?;
        let length = u8::try_from(first.id.len()).map_err(|_| SealError::Cipher)?;
        Ok([&[SEALED, length], first.id.as_bytes(), &nonce, &body].concat())
    }

    /// What was sealed.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) fn open(&self, record: &[u8], context: SealContext<'_>) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (keys, id, nonce, body) = match (self, Record::parse(record)?) {
            (Self::Keys(keys), Record::Sealed { id, nonce, body }) => (keys, id, nonce, body),
            (Self::Keys(_), Record::Clear(_)) => return Err(OpenError::Unsealed),
            (Self::Unsealed, Record::Clear(plaintext)) => return Ok(Zeroizing::new(plaintext.to_vec())),
            (Self::Unsealed, Record::Sealed { .. }) => return Err(OpenError::Sealed),
        };
        let key = keys.find(id).ok_or_else(|| OpenError::UnknownSealingKey(id.to_owned()))?;
        let cipher = key.cipher().ok_or(OpenError::Mismatch)?;
        let mut body = Zeroizing::new(body.to_vec());
        let opened = cipher.open_in_place(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(context.associated_data()),
            body.as_mut_slice(),
        );
        let length = opened.map_err(|_| OpenError::Mismatch)?.len();
        body.truncate(length);
        Ok(body)
    }

    /// Whether [`seal`](Self::seal) would use the key that sealed this record; if not, it is time to seal it again.
    pub(crate) fn is_sealed_with_first(&self, record: &[u8]) -> bool {
        match (self, Record::parse(record)) {
            (Self::Keys(keys), Ok(Record::Sealed { id, .. })) => keys.first.id == id,
            (Self::Unsealed, Ok(Record::Clear(_))) => true,
            _ => false,
        }
    }
}

/// A record taken apart.
enum Record<'a> {
    Clear(&'a [u8]),
    Sealed { id: &'a str, nonce: [u8; NONCE_LEN], body: &'a [u8] },
}

impl<'a> Record<'a> {
    fn parse(record: &'a [u8]) -> Result<Self, OpenError> {
        match record.split_first() {
            Some((&UNSEALED, plaintext)) => Ok(Self::Clear(plaintext)),
            Some((&SEALED, rest)) => Self::sealed(rest).ok_or(OpenError::Malformed),
            _ => Err(OpenError::Malformed),
        }
    }

    fn sealed(rest: &'a [u8]) -> Option<Self> {
        let (length, rest) = rest.split_first()?;
        let (id, rest) = rest.split_at_checked(usize::from(*length))?;
        let (nonce, body) = rest.split_first_chunk()?;
        Some(Self::Sealed { id: std::str::from_utf8(id).ok()?, nonce: *nonce, body })
    }
}

#[cfg(test)]
mod tests;
