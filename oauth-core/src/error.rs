//! The two ways in which a request fails: a lawful no, and our own fault.

mod fault;
mod refusal;

pub use self::fault::Fault;
pub use self::refusal::Refusal;
use crate::store::StoreError;

/// Why a request got no 200.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A lawful no.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// Our own failure.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Fault(error.into())
    }
}
