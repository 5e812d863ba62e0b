//! Private keys as operators bring them: PEM (RFC 7468) as `openssl` writes it. What is not read says how to mend it.

use std::fmt;

use pem::Pem;
use zeroize::Zeroizing;

use super::local::LocalKey;
use crate::jose::Alg;

/// A private key that the host brings. Wiped on drop.
pub struct ImportedKey {
    alg: Alg,
    der: Zeroizing<Vec<u8>>,
}

/// Why a PEM text is not a key to sign with. Says the mend; never quotes the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPem {
    /// Encrypted, SEC 1, or a P-256 key without its public point.
    #[error("{found} is not read: convert it with `{command}` and import `key8.pem`")]
    Convert {
        /// What the text holds.
        found: &'static str,
        /// The command that converts it.
        command: &'static str,
    },
    /// A public key, a certificate, an OpenSSH key.
    #[error("`{label}` is not read: expected one block `PRIVATE KEY` (PKCS#8) or `RSA PRIVATE KEY` (PKCS#1)")]
    Label {
        /// The label of the block.
        label: String,
    },
    /// Not PEM, or over 32 KiB.
    #[error("not a PEM text of at most 32 KiB")]
    NotPem,
    /// No block, or several.
    #[error("expected exactly one key in the PEM text, found {0} blocks")]
    NotOneKey(usize),
    /// A key of a kind or size that tokens are not signed with here, or a broken one.
    #[error("{found} cannot sign here ({why}): make a key with `{command}`")]
    Unusable {
        /// What the text holds.
        found: &'static str,
        /// The reason, in the words of the parser.
        why: String,
        /// The command that makes a usable key.
        command: &'static str,
    },
    /// The key cannot sign with the algorithm that was chosen.
    #[error("{alg} needs another kind of key than {found}")]
    WrongAlg {
        /// The algorithm that was chosen.
        alg: Alg,
        /// What the text holds.
        found: &'static str,
    },
}

const MAX_LEN: usize = 32 * 1024;

const TO_PKCS8: &str = "openssl pkey -in key.pem -out key8.pem";
const TO_PKCS8_WITH_POINT: &str = "openssl ec -in key.pem | openssl pkey -out key8.pem";
const MAKE_RSA: &str = "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem";
const MAKE_EC: &str = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem";
const MAKE_ED25519: &str = "openssl genpkey -algorithm ED25519 -out key.pem";

impl ImportedKey {
    /// Reads one unencrypted private key: `PRIVATE KEY` (PKCS#8: RSA, P-256, Ed25519) or `RSA PRIVATE KEY` (PKCS#1).
    ///
    /// `alg` is for RSA keys, which sign with RS256 when it is `None`. For the others it may be given and must fit.
    ///
    /// # Errors
    /// [`InvalidPem`].
    pub fn from_pem(pem: &str, alg: Option<Alg>) -> Result<Self, InvalidPem> {
        let block = the_key(pem)?;
        let encrypted = block.headers().iter().next().is_some();
        let label = block.tag().to_owned();
        let der = Zeroizing::new(block.into_contents());
        let (kind, der) = match label.as_str() {
            "ENCRYPTED PRIVATE KEY" => {
                return Err(InvalidPem::Convert { found: "an encrypted key", command: TO_PKCS8 });
            }
            "EC PRIVATE KEY" => {
                return Err(InvalidPem::Convert { found: "`EC PRIVATE KEY` (SEC 1)", command: TO_PKCS8 });
            }
            "RSA PRIVATE KEY" if encrypted => {
                return Err(InvalidPem::Convert { found: "an encrypted key", command: TO_PKCS8 });
            }
            "RSA PRIVATE KEY" => (Kind::Rsa, pkcs1_in_pkcs8(&der)),
            "PRIVATE KEY" => (Kind::of(&der), der),
            _ => return Err(InvalidPem::Label { label }),
        };
        let fits = kind.algs();
        let chosen = alg.or_else(|| fits.first().copied());
        let Some(alg) = chosen.filter(|alg| fits.contains(alg)) else {
            return Err(match alg {
                Some(alg) if !fits.is_empty() => InvalidPem::WrongAlg { alg, found: kind.name() },
                _ => kind.unusable("its kind is not supported".to_owned()),
            });
        };
        match LocalKey::from_der(alg, &der) {
            Ok(_) => Ok(Self { alg, der }),
            // The parser wants the public point, and calls a key without it badly encoded.
            Err(_) if kind == Kind::P256 => Err(InvalidPem::Convert {
                found: "a P-256 key that is damaged or lacks its public point",
                command: TO_PKCS8_WITH_POINT,
            }),
            Err(why) => Err(kind.unusable(why.to_string())),
        }
    }

    /// The algorithm that the key will sign with.
    #[must_use]
    pub const fn alg(&self) -> Alg {
        self.alg
    }

    /// The stored form: PKCS#8 in DER.
    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }
}

impl fmt::Debug for ImportedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImportedKey({}, [redacted])", self.alg)
    }
}

/// The one block that can be a key; `openssl ecparam -genkey` writes the curve before it.
fn the_key(text: &str) -> Result<Pem, InvalidPem> {
    if text.len() > MAX_LEN {
        return Err(InvalidPem::NotPem);
    }
    let mut blocks = pem::parse_many(text).map_err(|_| InvalidPem::NotPem)?;
    blocks.retain(|block| block.tag() != "EC PARAMETERS");
    match (blocks.pop(), blocks.len()) {
        (Some(block), 0) => Ok(block),
        (None, _) => Err(InvalidPem::NotOneKey(0)),
        (Some(_), others) => Err(InvalidPem::NotOneKey(others + 1)),
    }
}

/// What a PKCS#8 key says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ed25519,
    OtherCurve,
    P256,
    Rsa,
    RsaPss,
    Unknown,
}

impl Kind {
    /// By the algorithm identifier, which stands within the first bytes. Only chooses the parser and the advice: what
    /// the key is, the parser decides.
    fn of(pkcs8: &[u8]) -> Self {
        const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
        const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
        const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
        const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
        const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
        let head = pkcs8.get(..32).unwrap_or(pkcs8);
        let names = |id: &[u8]| head.windows(id.len()).any(|window| window == id);
        match () {
            () if names(RSA) => Self::Rsa,
            () if names(RSA_PSS) => Self::RsaPss,
            () if names(EC) && names(P256) => Self::P256,
            () if names(EC) => Self::OtherCurve,
            () if names(ED25519) => Self::Ed25519,
            () => Self::Unknown,
        }
    }

    /// What it can sign with, the default first.
    const fn algs(self) -> &'static [Alg] {
        match self {
            Self::Ed25519 => &[Alg::EdDSA],
            Self::P256 => &[Alg::ES256],
            Self::Rsa => &[Alg::RS256, Alg::PS256],
            Self::OtherCurve | Self::RsaPss | Self::Unknown => &[],
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "an Ed25519 key",
            Self::OtherCurve => "an EC key of another curve than P-256",
            Self::P256 => "a P-256 key",
            Self::Rsa => "an RSA key",
            Self::RsaPss => "an RSA key restricted to PSS",
            Self::Unknown => "a key of unknown kind",
        }
    }

    const fn unusable(self, why: String) -> InvalidPem {
        let command = match self {
            Self::Rsa | Self::RsaPss => MAKE_RSA,
            Self::P256 | Self::OtherCurve => MAKE_EC,
            Self::Ed25519 | Self::Unknown => MAKE_ED25519,
        };
        InvalidPem::Unusable { found: self.name(), why, command }
    }
}

/// Wraps an `RSAPrivateKey` (RFC 8017 App. A.1.2) as PKCS#8: `SEQUENCE { 0, { rsaEncryption, NULL }, OCTET STRING }`.
fn pkcs1_in_pkcs8(pkcs1: &[u8]) -> Zeroizing<Vec<u8>> {
    const VERSION_AND_ALGORITHM: [u8; 18] =
        [0x02, 0x01, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let inner = der_header(0x04, pkcs1.len());
    let outer = der_header(0x30, VERSION_AND_ALGORITHM.len() + inner.len() + pkcs1.len());
    Zeroizing::new([&outer[..], &VERSION_AND_ALGORITHM, &inner, pkcs1].concat())
}

/// Tag and length in DER (X.690 §8.1.3.5), with two bytes of length: what every RSA key that we take needs. What is
/// shorter is no such key, and the parser refuses it.
fn der_header(tag: u8, length: usize) -> [u8; 4] {
    let [.., high, low] = length.to_be_bytes();
    [tag, 0x82, high, low]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::fixtures;

    const RSA_PKCS1: &str = include_str!("../../tests/fixtures/rsa-2048.pkcs1.pem");
    const P256_SEC1: &str = include_str!("../../tests/fixtures/p256.sec1.pem");

    fn refusal(pem: &str) -> String {
        ImportedKey::from_pem(pem, None).unwrap_err().to_string()
    }

    #[test]
    fn what_openssl_writes_is_read() {
        for (pem, asked, alg) in [
            (fixtures::RSA, None, Alg::RS256),
            (fixtures::RSA, Some(Alg::PS256), Alg::PS256),
            (RSA_PKCS1, None, Alg::RS256),
            (RSA_PKCS1, Some(Alg::PS256), Alg::PS256),
            (fixtures::P256, None, Alg::ES256),
            (fixtures::P256, Some(Alg::ES256), Alg::ES256),
            (fixtures::ED25519, None, Alg::EdDSA),
        ] {
            assert_eq!(ImportedKey::from_pem(pem, asked).unwrap().alg(), alg);
            assert!(ImportedKey::from_pem(&pem.replace('\n', "\r\n"), asked).is_ok());
        }
    }

    #[test]
    fn both_forms_of_an_rsa_key_are_stored_alike() {
        let (pkcs8, pkcs1) = (ImportedKey::from_pem(fixtures::RSA, None), ImportedKey::from_pem(RSA_PKCS1, None));
        assert_eq!(pkcs8.unwrap().der(), pkcs1.unwrap().der());
    }

    #[test]
    fn what_is_not_read_says_how_to_convert_it() {
        for (pem, command) in [
            (P256_SEC1, TO_PKCS8),
            (include_str!("../../tests/fixtures/p256.encrypted.pem"), TO_PKCS8),
            (include_str!("../../tests/fixtures/rsa-2048.encrypted.pem"), TO_PKCS8),
            (include_str!("../../tests/fixtures/p256-no-public.pkcs8.pem"), TO_PKCS8_WITH_POINT),
            (include_str!("../../tests/fixtures/p384.pkcs8.pem"), MAKE_EC),
            (include_str!("../../tests/fixtures/rsa-1024.pkcs8.pem"), MAKE_RSA),
            (include_str!("../../tests/fixtures/rsa-pss-2048.pkcs8.pem"), MAKE_RSA),
            (include_str!("../../tests/fixtures/x25519.pkcs8.pem"), MAKE_ED25519),
        ] {
            let text = refusal(pem);
            assert!(text.contains(&format!("`{command}`")), "{text}");
        }
        let text = refusal(include_str!("../../tests/fixtures/p256.public.pem"));
        assert!(text.starts_with("`PUBLIC KEY` is not read"), "{text}");
    }

    #[test]
    fn the_algorithm_must_fit_the_key() {
        for (pem, alg) in [
            (fixtures::RSA, Alg::ES256),
            (fixtures::P256, Alg::RS256),
            (fixtures::ED25519, Alg::ES256),
            (RSA_PKCS1, Alg::EdDSA),
        ] {
            assert!(matches!(ImportedKey::from_pem(pem, Some(alg)), Err(InvalidPem::WrongAlg { .. })));
        }
    }

    #[test]
    fn anything_but_one_key_is_refused() {
        let two = [fixtures::P256, fixtures::ED25519].concat();
        assert_eq!(ImportedKey::from_pem(&two, None).unwrap_err(), InvalidPem::NotOneKey(2));
        for nothing in ["", "secret", "MC4CAQAwBQYDK2VwBCIEIA=="] {
            assert_eq!(ImportedKey::from_pem(nothing, None).unwrap_err(), InvalidPem::NotOneKey(0));
        }
        let long = " ".repeat(MAX_LEN) + fixtures::P256;
        assert_eq!(ImportedKey::from_pem(&long, None).unwrap_err(), InvalidPem::NotPem);
        let broken = fixtures::ED25519.replace("MC4", "MC5");
        assert!(matches!(ImportedKey::from_pem(&broken, None), Err(InvalidPem::Unusable { .. })));
        for length in 0..600 {
            let junk = pem::encode(&Pem::new("RSA PRIVATE KEY", vec![0x30; length]));
            assert!(ImportedKey::from_pem(&junk, None).is_err());
        }
    }

    #[test]
    fn the_key_is_never_printed() {
        let key = ImportedKey::from_pem(fixtures::ED25519, None).unwrap();
        assert_eq!(format!("{key:?}"), "ImportedKey(EdDSA, [redacted])");
    }
}
