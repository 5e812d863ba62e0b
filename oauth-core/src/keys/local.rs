//! Private keys in this process: parsed once, then only signing.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};

use crate::jose::{Alg, InvalidJwk, PublicKey, RsaPadding};

/// The longest signature: RSA with 4,096 bits.
const MAX_SIGNATURE: usize = 512;

/// A private key, ready to sign. Its stored form is PKCS#8 (RFC 5208, RFC 5958) in DER, whatever its kind.
pub(crate) struct LocalKey {
    pair: Pair,
    public: PublicKey,
    random: SystemRandom,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>, RsaPadding),
}

/// Bytes that are not a private key for the algorithm. Never quotes the bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidKey {
    /// What ring says, such as `TooSmall` or `WrongAlgorithm`.
    #[error("not a PKCS#8 private key for {alg}: {why}")]
    Rejected { alg: Alg, why: String },
    #[error("the public half is unusable: {0}")]
    Public(InvalidJwk),
}

/// The key did not sign. With keys in this process only the random source can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("signing failed")]
pub(crate) struct SignError;

/// One signature, kept without allocating.
pub(crate) struct Signature {
    bytes: [u8; MAX_SIGNATURE],
    len: usize,
}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }
}

impl LocalKey {
    /// Parses the stored form: unencrypted PKCS#8, version 1 or 2 for Ed25519.
    ///
    /// # Errors
    /// [`InvalidKey`] when it is malformed, of another kind, or RSA outside 2,048 to 4,096 bits.
    pub(crate) fn from_der(alg: Alg, der: &[u8]) -> Result<Self, InvalidKey> {
        let random = SystemRandom::new();
        let rejected = |why: ring::error::KeyRejected| InvalidKey::Rejected { alg, why: why.to_string() };
        let (pair, public) = match alg {
            Alg::EdDSA => {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(rejected)?;
                let public = PublicKey::ed25519(pair.public_key().as_ref());
                (Pair::Ed25519(pair), public)
            }
            Alg::ES256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random);
                let pair = pair.map_err(rejected)?;
                let public = PublicKey::p256_point(pair.public_key().as_ref());
                (Pair::P256(pair), public)
            }
            Alg::PS256 | Alg::RS256 => {
                let padding = if alg == Alg::PS256 { RsaPadding::Pss } else { RsaPadding::Pkcs1 };
                let pair = RsaKeyPair::from_pkcs8(der).map_err(rejected)?;
                let components = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                let public = PublicKey::rsa(padding, components.n, components.e);
                (Pair::Rsa(Box::new(pair), padding), public)
            }
        };
        Ok(Self { pair, public: public.map_err(InvalidKey::Public)?, random })
    }

    /// The public half.
    pub(crate) const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a message. Allocates nothing of its own.
    ///
    /// # Errors
    /// [`SignError`].
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        let mut signature = Signature { bytes: [0; MAX_SIGNATURE], len: 0 };
        match &self.pair {
            Pair::Ed25519(pair) => signature.set(pair.sign(message).as_ref())?,
            Pair::P256(pair) => signature.set(pair.sign(&self.random, message).map_err(|_| SignError)?.as_ref())?,
            Pair::Rsa(pair, padding) => {
                signature.len = pair.public().modulus_len();
                let room = signature.bytes.get_mut(..signature.len).ok_or(SignError)?;
                let encoding: &'static dyn ring::signature::RsaEncoding = match padding {
                    RsaPadding::Pkcs1 => &RSA_PKCS1_SHA256,
                    RsaPadding::Pss => &RSA_PSS_SHA256,
                };
                pair.sign(encoding, &self.random, message, room).map_err(|_| SignError)?;
            }
        }
        Ok(signature)
    }

    /// Completes a compact JWS: takes `header.payload`, gives `header.payload.signature`. Never grows a string that
    /// [`signing_input`](crate::jose::jws::signing_input) made.
    ///
    /// # Errors
    /// [`SignError`].
    pub(crate) fn sign_compact(&self, mut input: String) -> Result<String, SignError> {
        let signature = self.sign(input.as_bytes())?;
        let signature = signature.as_ref();
        input.reserve_exact(1 + signature.len().div_ceil(3) * 4);
        input.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut input);
        Ok(input)
    }
}

impl Signature {
    fn set(&mut self, bytes: &[u8]) -> Result<(), SignError> {
        self.bytes.get_mut(..bytes.len()).ok_or(SignError)?.copy_from_slice(bytes);
        self.len = bytes.len();
        Ok(())
    }
}

impl fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalKey({:?})", self.public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::jws;
    use crate::keys::ImportedKey;
    use crate::keys::fixtures;

    #[test]
    fn the_ed25519_example_of_rfc_8037_is_signed_byte_for_byte() {
        // App. A.1 and A.4; RFC 8410 §7 gives the bytes before the seed.
        let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let head = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
        let key = LocalKey::from_der(Alg::EdDSA, &[&head[..], &seed].concat()).unwrap();
        assert_eq!(key.public().thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let input = jws::signing_input("eyJhbGciOiJFZERTQSJ9", b"Example of Ed25519 signing");
        assert_eq!(
            key.sign_compact(input).unwrap(),
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhij\
             cNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
    }

    #[test]
    fn every_size_of_rsa_key_signs_in_its_own_length() {
        for (pem, length) in [
            (fixtures::RSA, 256),
            (include_str!("../../tests/fixtures/rsa-3072.pkcs8.pem"), 384),
            (include_str!("../../tests/fixtures/rsa-4096.pkcs8.pem"), 512),
        ] {
            for alg in [Alg::RS256, Alg::PS256] {
                let key = LocalKey::from_der(alg, ImportedKey::from_pem(pem, Some(alg)).unwrap().der()).unwrap();
                let signature = key.sign(b"message").unwrap();
                assert_eq!(signature.as_ref().len(), length);
                assert!(key.public().verify(b"message", signature.as_ref()));
                assert!(!key.public().verify(b"massage", signature.as_ref()));
            }
        }
    }

    #[test]
    fn a_key_of_another_kind_is_refused() {
        for alg in Alg::ALL {
            let key = ImportedKey::from_pem(fixtures::RSA, None).unwrap();
            assert_eq!(LocalKey::from_der(alg, key.der()).is_ok(), matches!(alg, Alg::RS256 | Alg::PS256));
            assert!(LocalKey::from_der(alg, &[]).is_err());
        }
    }

    #[test]
    fn debug_shows_the_public_half_only() {
        let text = format!("{:?}", fixtures::key(Alg::EdDSA));
        assert!(text.starts_with("LocalKey(PublicKey(EdDSA, ") && text.len() < 80, "{text}");
    }
}
