//! New keys, in the form that is stored.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use zeroize::Zeroizing;

use crate::jose::Alg;
use crate::random::{Entropy, EntropyError};

/// How large a generated RSA key is. Imported ones may have 2,048 to 4,096 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RsaSize {
    /// 2,048 bits: what every verifier takes, and the fastest to sign.
    #[default]
    Bits2048,
    /// 3,072 bits, for policies that ask for 128-bit security (NIST SP 800-57 part 1 §5.6.1).
    Bits3072,
}

/// Why no key was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GenerateError {
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    #[error("making a key for {0} failed")]
    Failed(Alg),
    /// The build lacks `rsa-keygen`.
    #[error(
        "this build cannot make RSA keys for {0}: switch on the feature `rsa-keygen` of `oauth-core`, or import a key \
         made with `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem`"
    )]
    #[cfg(not(feature = "rsa-keygen"))]
    RsaKeygenOff(Alg),
}

/// PKCS#8 version 1 of an Ed25519 key (RFC 8410 §7), up to the 32 bytes of the seed.
const ED25519_PKCS8_HEAD: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A fresh signing key as PKCS#8 in DER. Ed25519 keys follow from `entropy` alone; for the others the cryptographic
/// library draws from the operating system.
///
/// # Errors
/// [`GenerateError`].
pub(crate) fn generate(alg: Alg, rsa: RsaSize, entropy: &dyn Entropy) -> Result<Zeroizing<Vec<u8>>, GenerateError> {
    match alg {
        Alg::EdDSA => {
            let seed = generate_derive_key(entropy)?;
            Ok(Zeroizing::new([&ED25519_PKCS8_HEAD[..], &seed[..]].concat()))
        }
        Alg::ES256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map(|document| Zeroizing::new(document.as_ref().to_vec()))
            .map_err(|_| GenerateError::Failed(alg)),
        Alg::PS256 | Alg::RS256 => generate_rsa(alg, rsa),
    }
}

/// 32 fresh bytes: a key that derives (family keys), or a seed.
///
/// # Errors
/// [`EntropyError`].
pub(crate) fn generate_derive_key(entropy: &dyn Entropy) -> Result<Zeroizing<[u8; 32]>, EntropyError> {
    let mut bytes = Zeroizing::new([0; 32]);
    entropy.fill(&mut bytes[..])?;
    Ok(bytes)
}

#[cfg(feature = "rsa-keygen")]
fn generate_rsa(alg: Alg, size: RsaSize) -> Result<Zeroizing<Vec<u8>>, GenerateError> {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use aws_lc_rs::rsa::{KeyPair, KeySize};

    let size = match size {
        RsaSize::Bits2048 => KeySize::Rsa2048,
        RsaSize::Bits3072 => KeySize::Rsa3072,
    };
    let der = KeyPair::generate(size).and_then(|pair| -> Result<Pkcs8V1Der<'_>, _> { pair.as_der() });
    der.map(|der| Zeroizing::new(der.as_ref().to_vec())).map_err(|_| GenerateError::Failed(alg))
}

#[cfg(not(feature = "rsa-keygen"))]
fn generate_rsa(alg: Alg, _: RsaSize) -> Result<Zeroizing<Vec<u8>>, GenerateError> {
    Err(GenerateError::RsaKeygenOff(alg))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::local::LocalKey;
    use crate::random::SystemEntropy;

    #[derive(Debug)]
    struct Fixed(u8);

    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
            buffer.fill(self.0);
            Ok(())
        }
    }

    #[derive(Debug)]
    struct Broken;

    impl Entropy for Broken {
        fn fill(&self, _: &mut [u8]) -> Result<(), EntropyError> {
            Err(EntropyError)
        }
    }

    #[test]
    fn generated_keys_sign_and_are_never_the_same() {
        let algs: &[Alg] = if cfg!(feature = "rsa-keygen") { &Alg::ALL } else { &[Alg::EdDSA, Alg::ES256] };
        for alg in algs {
            let make = || generate(*alg, RsaSize::default(), &SystemEntropy::default()).unwrap();
            let key = LocalKey::from_der(*alg, &make()).unwrap();
            assert!(key.public().verify(b"x", key.sign(b"x").unwrap().as_ref()));
            assert_ne!(make(), make());
        }
    }

    #[test]
    fn ed25519_keys_follow_from_the_entropy_alone() {
        let make = |byte| generate(Alg::EdDSA, RsaSize::default(), &Fixed(byte)).unwrap();
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
    }

    #[test]
    fn without_entropy_there_is_no_key() {
        assert_eq!(generate(Alg::EdDSA, RsaSize::default(), &Broken), Err(GenerateError::Entropy(EntropyError)));
        assert_eq!(generate_derive_key(&Broken), Err(EntropyError));
    }

    #[test]
    #[cfg(not(feature = "rsa-keygen"))]
    fn without_the_feature_the_refusal_names_it() {
        let text = generate(Alg::RS256, RsaSize::default(), &SystemEntropy::default()).unwrap_err().to_string();
        assert!(text.contains("`rsa-keygen`") && text.contains("openssl genpkey"), "{text}");
    }

    #[test]
    #[cfg(feature = "rsa-keygen")]
    fn rsa_keys_have_the_size_asked_for() {
        for (size, length) in [(RsaSize::Bits2048, 256), (RsaSize::Bits3072, 384)] {
            let der = generate(Alg::PS256, size, &SystemEntropy::default()).unwrap();
            let key = LocalKey::from_der(Alg::PS256, &der).unwrap();
            assert_eq!(key.sign(b"x").unwrap().as_ref().len(), length);
        }
    }
}
