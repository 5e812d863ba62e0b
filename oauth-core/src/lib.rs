#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::todo)
)]
//! OAuth core (being built).
#[cfg_attr(not(test), expect(dead_code, reason = "its callers land with the keyring"))]
pub mod jose;
#[cfg_attr(not(test), expect(dead_code, reason = "its callers land with the keyring"))]
pub mod keys;
pub mod random;
pub mod store;
pub mod time;
pub mod types;
/// tmp
#[derive(Debug)]
pub struct ClientSpec;
