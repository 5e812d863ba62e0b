//! Where randomness comes from.

use std::fmt;

use ring::rand::{SecureRandom, SystemRandom};

/// Gives random bytes. Signers draw their own nonces from `ring`, whose random source cannot be replaced.
pub trait Entropy: fmt::Debug + Send + Sync {
    /// Fills the whole buffer with bytes that nobody can guess.
    ///
    /// # Errors
    /// [`EntropyError`] when the source fails; then nothing is issued.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError>;
}

/// The random source failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the random source failed")]
pub struct EntropyError;

/// The operating system's random source.
#[derive(Debug, Clone)]
pub struct SystemEntropy(SystemRandom);

impl Default for SystemEntropy {
    fn default() -> Self {
        Self(SystemRandom::new())
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        self.0.fill(buffer).map_err(|_| EntropyError)
    }
}
