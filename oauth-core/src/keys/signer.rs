//! Keys that this process does not hold: an HSM or a key service signs.

use std::fmt;

use async_trait::async_trait;

use crate::jose::Alg;

/// Signs with a key that stays elsewhere. `open()` has it sign a probe and checks that against its public half.
///
/// The key's record holds only its [`name`](Self::name), so that every node finds its own way to it.
#[async_trait]
pub trait Signer: fmt::Debug + Send + Sync {
    /// The key's name, stored with the key; the same on every node.
    fn name(&self) -> &str;

    /// The algorithm that it signs with.
    fn alg(&self) -> Alg;

    /// The public half as JWK text (RFC 7517 §4); `kid`, `alg` and `use` are set by the server.
    fn public_jwk(&self) -> String;

    /// Signs a message: the bytes of a JWS signature (RFC 7518 §3), so `r ‖ s` for ES256.
    ///
    /// # Errors
    /// [`SignerError`]; the request is answered 503 and nothing is issued or spent.
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError>;
}

/// What an external signer failed with; for the operator only.
pub type SignerError = Box<dyn std::error::Error + Send + Sync>;
