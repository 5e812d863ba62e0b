//! JOSE encodings: JWS compact form and JWK. Private key bytes never enter.

mod alg;
pub(crate) mod json;
mod jwk;
pub(crate) mod jws;

pub use self::alg::Alg;
pub(crate) use self::jwk::{InvalidJwk, PublicKey, RsaPadding};
pub use self::jwk::{InvalidJwkSet, JwkSet};
