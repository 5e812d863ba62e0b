//! The keys that both sides sign with: fixtures, so that ours and the bare signature use the same one.

use oauth_core::jose::Alg;
use oauth_core::keys::ImportedKey;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
    RsaKeyPair,
};

use crate::figures::Failure;

const RSA: &str = include_str!("../../oauth-core/tests/fixtures/rsa-2048.pkcs8.pem");
const P256: &str = include_str!("../../oauth-core/tests/fixtures/p256.pkcs8.pem");
const ED25519: &str = include_str!("../../oauth-core/tests/fixtures/ed25519.pkcs8.pem");

/// The fixture that signs with this algorithm.
pub(crate) const fn pem(alg: Alg) -> &'static str {
    match alg {
        Alg::EdDSA => ED25519,
        Alg::ES256 => P256,
        Alg::PS256 | Alg::RS256 => RSA,
    }
}

/// The same as the server imports it.
pub(crate) fn imported(alg: Alg) -> Result<ImportedKey, Failure> {
    Ok(ImportedKey::from_pem(pem(alg), Some(alg))?)
}

/// A parsed ring key and nothing around it.
pub(crate) enum BareKey {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair, SystemRandom),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding, SystemRandom),
}

impl BareKey {
    pub(crate) fn new(alg: Alg) -> Result<Self, Failure> {
        let der = pem::parse(pem(alg))?.into_contents();
        let random = SystemRandom::new();
        let rejected = |why: ring::error::KeyRejected| why.to_string();
        Ok(match alg {
            Alg::EdDSA => Self::Ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(rejected)?),
            Alg::ES256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random);
                Self::P256(pair.map_err(rejected)?, random)
            }
            Alg::PS256 => Self::Rsa(RsaKeyPair::from_pkcs8(&der).map_err(rejected)?, &RSA_PSS_SHA256, random),
            Alg::RS256 => Self::Rsa(RsaKeyPair::from_pkcs8(&der).map_err(rejected)?, &RSA_PKCS1_SHA256, random),
        })
    }

    /// Signs into the buffer, which has room for RSA-2048; gives the length.
    pub(crate) fn sign(&self, message: &[u8], signature: &mut [u8; 256]) -> usize {
        let failed = "the operating system has no randomness";
        let made = match self {
            Self::Ed25519(pair) => pair.sign(message),
            Self::P256(pair, random) => pair.sign(random, message).expect(failed),
            Self::Rsa(pair, padding, random) => {
                pair.sign(*padding, random, message, signature).expect(failed);
                return signature.len();
            }
        };
        signature[..made.as_ref().len()].copy_from_slice(made.as_ref());
        made.as_ref().len()
    }
}
