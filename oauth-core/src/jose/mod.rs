//! JOSE encodings: JWS compact form and JWK. Private key bytes never enter.

mod alg;

pub use self::alg::Alg;
