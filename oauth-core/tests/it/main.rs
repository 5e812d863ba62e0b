//! The core from request to response, on the memory store, with time and randomness by hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests speak by panicking"
)]

mod administration;
mod authorize;
mod bad_input;
mod browser;
mod client_cache;
mod client_credentials;
mod codes;
mod configuration;
mod consent;
mod dialect;
mod explain;
mod extension;
mod faults;
mod golden;
mod hooks;
mod host;
mod inactive_tokens;
mod introspection;
mod keys;
mod laws;
mod metadata;
mod order;
mod order_of_grants;
mod password;
mod people;
mod policy;
mod policy_in_browsers;
mod refresh;
mod refresh_life;
mod refresh_model;
mod registration;
mod restore;
mod review;
mod revocation;
mod shape;
mod verifier;
mod world;
