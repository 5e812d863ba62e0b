//! The one way in which a store fails.

use std::error::Error;
use std::fmt;

/// A store could not do its work. Never says anything about a credential: "no such row" is an outcome, not an error.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What callers of a store branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// Busy, full, read-only, out of connections, gone, closed: may work later. Also when a commit's outcome is unknown.
    Unavailable,
    /// The store's own bounded retries of a serialization conflict ran out: may work at once when tried again.
    Conflict,
    /// A row does not parse as the record it should be: will not work until somebody mends it.
    Corrupt,
}

impl StoreError {
    /// The store cannot work now.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: StoreErrorKind::Unavailable, source: Some(source.into()) }
    }

    /// Concurrent work kept colliding.
    pub fn conflict(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: StoreErrorKind::Conflict, source: Some(source.into()) }
    }

    /// A row is broken.
    pub fn corrupt(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: StoreErrorKind::Corrupt, source: Some(source.into()) }
    }

    /// What kind of failure this is.
    #[must_use]
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::Unavailable => "the store is unavailable",
            StoreErrorKind::Conflict => "the store could not resolve a conflict",
            StoreErrorKind::Corrupt => "a stored record is corrupt",
        })?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
