//! The rows of the security reference, each as a test of its name, over a real socket, on both stores.

#[path = "../support/mod.rs"]
mod support;

mod authorize;
mod browser_endpoint;
mod client_authentication;
mod codes;
mod dialects;
mod every_endpoint;
mod interaction;
mod metadata_and_keys;
mod parsing;
mod password;
mod refresh;
mod resource;
mod throttling;
mod token_endpoint;

/// The one grant of these rows.
pub(crate) const GRANT: &str = "grant_type=client_credentials";
