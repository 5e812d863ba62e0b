//! The server's own signing key in the hands of a test, to sign what the server would never sign.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use oauth_core::jose::Alg;
use oauth_core::keys::ImportedKey;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::Value;

const PEM: &str = include_str!("../../../oauth-core/tests/fixtures/p256.pkcs8.pem");

/// An ES256 key with the id `test-key`.
pub(crate) struct TestKey;

impl TestKey {
    pub(crate) const KID: &str = "test-key";

    pub(crate) fn imported() -> ImportedKey {
        ImportedKey::from_pem(PEM, Some(Alg::ES256)).unwrap()
    }

    /// PKCS#8 in DER.
    pub(crate) fn der() -> Vec<u8> {
        let lines: String = PEM.lines().filter(|line| !line.starts_with("---")).collect();
        STANDARD.decode(lines).unwrap()
    }

    /// The secret scalar: 32 bytes behind `04 20` in the ECPrivateKey of RFC 5915.
    pub(crate) fn scalar() -> Vec<u8> {
        let der = Self::der();
        let at = der.windows(5).position(|window| window == [0x02, 0x01, 0x01, 0x04, 0x20]).unwrap() + 5;
        der[at..at + 32].to_vec()
    }

    /// A compact JWS over exactly these texts.
    pub(crate) fn sign_text(header: &str, payload: &[u8]) -> String {
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        Self::sign_input(&input)
    }

    /// Signs an input that may not be base64url at all.
    pub(crate) fn sign_input(input: &str) -> String {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &Self::der(), &random).unwrap();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(key.sign(&random, input.as_bytes()).unwrap()))
    }

    pub(crate) fn sign(header: &Value, claims: &Value) -> String {
        Self::sign_text(&header.to_string(), claims.to_string().as_bytes())
    }

    /// Header and claims of a token.
    pub(crate) fn read(token: &str) -> (Value, Value) {
        let mut parts = token
            .split('.')
            .take(2)
            .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap());
        (parts.next().unwrap(), parts.next().unwrap())
    }
}
