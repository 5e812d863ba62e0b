//! What each fuzz target checks, as plain functions: the fuzzer calls them with what it makes up, an ordinary test
//! with the corpus (`cargo test --manifest-path fuzz/Cargo.toml`).
#![forbid(unsafe_code)]

pub mod authorize;
pub mod form_and_basic;
pub mod issuer_and_resource;
pub mod jwk_set;
pub mod jwt;
pub mod legacy_token;
pub mod pem;
pub mod scope;
mod server;

/// Panics when the code under test does what it must not.
pub type Check = fn(&[u8]);

/// Every target by name.
pub const TARGETS: [(&str, Check); 8] = [
    ("authorize", authorize::check),
    ("form_and_basic", form_and_basic::check),
    ("issuer_and_resource", issuer_and_resource::check),
    ("jwk_set", jwk_set::check),
    ("jwt", jwt::check),
    ("legacy_token", legacy_token::check),
    ("pem", pem::check),
    ("scope", scope::check),
];
