//! JOSE encodings: JWS compact form and JWK. Private key bytes never enter.

mod alg;
pub(crate) mod json;
mod jwk;
pub(crate) mod jws;

pub use self::alg::Alg;
pub(crate) use self::jwk::{InvalidJwk, PublicKey, RsaPadding};
pub use self::jwk::{InvalidJwkSet, JwkSet};

/// base64url without padding (RFC 7515 §2).
pub(crate) fn base64url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of canonical base64url without padding.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).ok()
}
