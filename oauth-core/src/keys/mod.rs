//! Keys: made, imported, sealed and signing.

#[cfg(test)]
pub(crate) mod fixtures;
pub(crate) mod generate;
pub(crate) mod local;
mod pem;
pub(crate) mod sealing;
mod sealing_file;

pub use self::generate::RsaSize;
pub use self::pem::{ImportedKey, InvalidPem};
pub use self::sealing::{InvalidSealingKey, SealingKey, SealingKeys};
