//! Keys for tests, made once with `openssl`.

use super::ImportedKey;
use super::local::LocalKey;
use crate::jose::Alg;

pub(crate) const RSA: &str = include_str!("../../tests/fixtures/rsa-2048.pkcs8.pem");
pub(crate) const P256: &str = include_str!("../../tests/fixtures/p256.pkcs8.pem");
pub(crate) const ED25519: &str = include_str!("../../tests/fixtures/ed25519.pkcs8.pem");

/// A key of each kind, always the same.
pub(crate) fn key(alg: Alg) -> LocalKey {
    let pem = match alg {
        Alg::EdDSA => ED25519,
        Alg::ES256 => P256,
        Alg::PS256 | Alg::RS256 => RSA,
    };
    let imported = ImportedKey::from_pem(pem, Some(alg)).unwrap();
    LocalKey::from_der(alg, imported.der()).unwrap()
}
