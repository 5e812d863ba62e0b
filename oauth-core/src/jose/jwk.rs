//! Public keys and their JWK form (RFC 7517, RFC 7518 §6, RFC 8037 §2). A key that exists can verify.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, EllipticCurveKeyParameters, EllipticCurveKeyType, Jwk,
    KeyAlgorithm, KeyOperations, OctetKeyPairParameters, OctetKeyPairType, PublicKeyUse, RSAKeyParameters, RSAKeyType,
};
use ring::digest::{SHA256, digest};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde_json::{Map, Value};

use super::Alg;
use super::json::{self, InvalidJson, Limits};
use crate::types::KeyId;

/// Members that only private or symmetric keys have (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "dp", "dq", "k", "oth", "p", "q", "qi"];

/// A public key for one algorithm.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PublicKey(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Ed25519([u8; 32]),
    /// The uncompressed point: 4, x, y (SEC 1 §2.3.3).
    P256([u8; 65]),
    /// Modulus and exponent, big-endian without leading zeros.
    Rsa {
        padding: RsaPadding,
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

/// How an RSA key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RsaPadding {
    /// RS256.
    Pkcs1,
    /// PS256.
    Pss,
}

/// Why a JWK is not a public key that we use. Never quotes the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidJwk {
    #[error("`alg` is not one we use, or does not fit the key")]
    Algorithm,
    #[error("a key member is not canonical base64url of the right length")]
    Encoding,
    #[error("the JWK is {0}")]
    Json(InvalidJson),
    #[error("the key type or curve is not RSA, P-256 or Ed25519, or a member is missing")]
    KeyType,
    #[error("the JWK holds private or symmetric members")]
    Private,
    #[error("an RSA key must have an odd modulus of 2048 to 4096 bits and an odd exponent from 3 to 32 bits")]
    RsaSize,
    #[error("the key is not for signatures")]
    Use,
}

impl PublicKey {
    /// From one JWK text, such as [`to_jwk_json`](Self::to_jwk_json) wrote.
    ///
    /// # Errors
    /// [`InvalidJwk`].
    pub(crate) fn parse_jwk(text: &str) -> Result<Self, InvalidJwk> {
        Self::from_jwk(json::object(text.as_bytes(), Limits::KEYS).map_err(InvalidJwk::Json)?)
    }

    /// From the members of a JWK. An RSA key without `alg` is taken for RS256, which every such key set means.
    fn from_jwk(members: Map<String, Value>) -> Result<Self, InvalidJwk> {
        if PRIVATE_MEMBERS.iter().any(|name| members.contains_key(*name)) {
            return Err(InvalidJwk::Private);
        }
        let alg = json::text(&members, "alg").map_err(InvalidJwk::Json)?.map(Alg::from_name);
        let alg = alg.map(|known| known.ok_or(InvalidJwk::Algorithm)).transpose()?;
        let jwk: Jwk = serde_json::from_value(Value::Object(members)).map_err(|_| InvalidJwk::KeyType)?;
        let verifies =
            jwk.common.key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        if !verifies || !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return Err(InvalidJwk::Use);
        }
        let key = match &jwk.algorithm {
            AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
                Self::p256(&decode(&ec.x)?, &decode(&ec.y)?)?
            }
            AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => {
                Self::ed25519(&decode(&okp.x)?)?
            }
            AlgorithmParameters::RSA(rsa) => {
                let padding = if alg == Some(Alg::PS256) { RsaPadding::Pss } else { RsaPadding::Pkcs1 };
                Self::rsa(padding, decode(&rsa.n)?, decode(&rsa.e)?)?
            }
            _ => return Err(InvalidJwk::KeyType),
        };
        if alg.is_some_and(|alg| alg != key.alg()) { Err(InvalidJwk::Algorithm) } else { Ok(key) }
    }

    /// From the 32 bytes of RFC 8032 §5.1.5.
    pub(crate) fn ed25519(bytes: &[u8]) -> Result<Self, InvalidJwk> {
        bytes.try_into().map(|bytes| Self(Kind::Ed25519(bytes))).map_err(|_| InvalidJwk::Encoding)
    }

    fn p256(x: &[u8], y: &[u8]) -> Result<Self, InvalidJwk> {
        if x.len() != 32 || y.len() != 32 {
            return Err(InvalidJwk::Encoding);
        }
        Self::p256_point(&[&[4], x, y].concat())
    }

    /// From an uncompressed point.
    pub(crate) fn p256_point(bytes: &[u8]) -> Result<Self, InvalidJwk> {
        let point: [u8; 65] = bytes.try_into().map_err(|_| InvalidJwk::Encoding)?;
        if point.starts_with(&[4]) { Ok(Self(Kind::P256(point))) } else { Err(InvalidJwk::Encoding) }
    }

    /// From modulus and exponent, big-endian without leading zeros (RFC 7518 §6.3.1).
    pub(crate) fn rsa(padding: RsaPadding, n: Vec<u8>, e: Vec<u8>) -> Result<Self, InvalidJwk> {
        let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        if !(2048..=4096).contains(&bits(&n)) || !(2..=32).contains(&bits(&e)) || !odd(&n) || !odd(&e) {
            return Err(InvalidJwk::RsaSize);
        }
        Ok(Self(Kind::Rsa { padding, n, e }))
    }

    /// The one algorithm that this key verifies.
    pub(crate) const fn alg(&self) -> Alg {
        match &self.0 {
            Kind::Ed25519(_) => Alg::EdDSA,
            Kind::P256(_) => Alg::ES256,
            Kind::Rsa { padding: RsaPadding::Pkcs1, .. } => Alg::RS256,
            Kind::Rsa { padding: RsaPadding::Pss, .. } => Alg::PS256,
        }
    }

    /// Whether the private half signed exactly this message.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let verdict = match &self.0 {
            Kind::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            Kind::P256(key) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(message, signature),
            Kind::Rsa { padding, n, e } => {
                let parameters = match padding {
                    RsaPadding::Pkcs1 => &RSA_PKCS1_2048_8192_SHA256,
                    RsaPadding::Pss => &RSA_PSS_2048_8192_SHA256,
                };
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
        };
        verdict.is_ok()
    }

    /// The JWK to publish: `use`, `alg`, `kid`, `kty` and the public members, nothing else.
    pub(crate) fn to_jwk_json(&self, kid: &KeyId) -> String {
        let common = CommonParameters {
            public_key_use: Some(PublicKeyUse::Signature),
            key_algorithm: Some(match self.alg() {
                Alg::EdDSA => KeyAlgorithm::EdDSA,
                Alg::ES256 => KeyAlgorithm::ES256,
                Alg::PS256 => KeyAlgorithm::PS256,
                Alg::RS256 => KeyAlgorithm::RS256,
            }),
            key_id: Some(kid.as_str().to_owned()),
            ..CommonParameters::default()
        };
        let algorithm = match &self.0 {
            Kind::Ed25519(x) => AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
                key_type: OctetKeyPairType::OctetKeyPair,
                curve: EllipticCurve::Ed25519,
                x: encode(x),
            }),
            Kind::P256(point) => {
                let (x, y) = coordinates(point);
                AlgorithmParameters::EllipticCurve(EllipticCurveKeyParameters {
                    key_type: EllipticCurveKeyType::EC,
                    curve: EllipticCurve::P256,
                    x: encode(x),
                    y: encode(y),
                })
            }
            Kind::Rsa { n, e, .. } => {
                AlgorithmParameters::RSA(RSAKeyParameters { key_type: RSAKeyType::RSA, n: encode(n), e: encode(e) })
            }
        };
        // Strings and unit variants alone: serializing them to memory does not fail.
        serde_json::to_string(&Jwk { common, algorithm }).unwrap_or_default()
    }

    /// RFC 7638: base64url of SHA-256 over the required members in their one order. 43 characters.
    pub(crate) fn thumbprint(&self) -> String {
        let canonical = match &self.0 {
            Kind::Ed25519(x) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(x)),
            Kind::P256(point) => {
                let (x, y) = coordinates(point);
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, encode(x), encode(y))
            }
            Kind::Rsa { n, e, .. } => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(e), encode(n)),
        };
        encode(digest(&SHA256, canonical.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}, {})", self.alg(), self.thumbprint())
    }
}

/// The usable keys of a key set (RFC 7517 §5), by `kid`.
///
/// As §5 asks, entries of unknown kind, of another use or with broken members are left out, and so are entries without
/// `kid` and those that hold a private or symmetric key: nothing they sign is believed.
#[derive(Debug, Clone)]
pub struct JwkSet(Vec<(String, PublicKey)>);

/// A text that is not a key set to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJwkSet {
    /// Not a JSON object with an array `keys` of objects, a member given twice, or over 256 KiB.
    #[error("not a JSON object with an array `keys` of objects, or over 256 KiB")]
    Malformed,
    /// Two usable keys have one `kid`, so a lookup would have to guess.
    #[error("two keys have the same `kid`")]
    RepeatedKid,
    /// More than 64 entries.
    #[error("more than 64 keys")]
    TooMany,
}

impl JwkSet {
    /// The greatest number of entries.
    pub const MAX_KEYS: usize = 64;

    /// Parses a key set of at most 256 KiB and [`Self::MAX_KEYS`] entries.
    ///
    /// # Errors
    /// [`InvalidJwkSet`].
    pub fn parse(text: &str) -> Result<Self, InvalidJwkSet> {
        let mut members = json::object(text.as_bytes(), Limits::KEYS).map_err(|_| InvalidJwkSet::Malformed)?;
        let Some(Value::Array(entries)) = members.remove("keys") else { return Err(InvalidJwkSet::Malformed) };
        if entries.len() > Self::MAX_KEYS {
            return Err(InvalidJwkSet::TooMany);
        }
        let mut keys: Vec<(String, PublicKey)> = Vec::with_capacity(entries.len());
        for entry in entries {
            let Value::Object(entry) = entry else { return Err(InvalidJwkSet::Malformed) };
            let Some(kid) = entry.get("kid").and_then(Value::as_str).map(str::to_owned) else { continue };
            let Ok(key) = PublicKey::from_jwk(entry) else { continue };
            if keys.iter().any(|(taken, _)| *taken == kid) {
                return Err(InvalidJwkSet::RepeatedKid);
            }
            keys.push((kid, key));
        }
        Ok(Self(keys))
    }

    /// How many usable keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no key is usable; then nothing verifies.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key of this name.
    pub(crate) fn find(&self, kid: &str) -> Option<&PublicKey> {
        self.0.iter().find(|(name, _)| name == kid).map(|(_, key)| key)
    }
}

/// The number of bits of a big-endian number; 0 with a leading zero, which RFC 7518 §2 (Base64urlUInt) forbids.
fn bits(number: &[u8]) -> usize {
    match number.first() {
        None | Some(0) => 0,
        Some(first) => number.len() * 8 - first.leading_zeros() as usize,
    }
}

fn coordinates(point: &[u8; 65]) -> (&[u8], &[u8]) {
    let (x, y) = point.split_at(33);
    (x.split_first().map_or(x, |(_, x)| x), y)
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Result<Vec<u8>, InvalidJwk> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidJwk::Encoding)
}

#[cfg(test)]
mod tests;
