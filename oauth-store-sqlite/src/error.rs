//! What can go wrong: while opening, and inside one operation.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use oauth_core::store::StoreError;
use rusqlite::ErrorCode;

/// Why a database could not be opened or migrated. Nothing of an existing file was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file is damaged; `source` says how SQLite noticed.
    #[error("`{}` is damaged: {source}", path.display())]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What SQLite said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file holds somebody else's data: another application's database, or no database at all.
    #[error("`{}` is not a database of oauth-store-sqlite; give it a file of its own", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// The file could not be made or found, or a thread could not be started.
    #[error("cannot open `{}`: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The text names no file.
    #[error("`{text}` does not name an SQLite file: {reason}")]
    Location {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A newer version of this crate wrote the file; an older one must not touch it.
    #[error("`{}` has schema {found}, this build knows schemas up to {known}", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The schema of the file.
        found: u32,
        /// The newest schema of this build.
        known: u32,
    },
    /// The program is linked with an SQLite that can corrupt a file which several processes share.
    #[error("this program is linked with SQLite {found}, which can corrupt a shared file; at least 3.51.3 is needed")]
    OldSqlite {
        /// The version that is linked.
        found: &'static str,
    },
    /// Busy for too long, no space, no permission: may work later.
    #[error("`{}` cannot be used now: {source}", path.display())]
    Unavailable {
        /// Which file.
        path: PathBuf,
        /// What SQLite said.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl OpenError {
    pub(crate) fn sqlite(path: &std::path::Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::Foreign { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt { path, source: source.into() },
            _ => Self::Unavailable { path, source: source.into() },
        }
    }
}

/// Why one operation failed. Becomes a [`StoreError`] at the crate's edge.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The file is not any more what was opened.
    #[error("{0}")]
    Moved(String),
    /// A row does not parse as its record.
    #[error("{0}")]
    Row(String),
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
}

impl Failure {
    pub(crate) fn row(column: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Row(format!("column `{column}`: {why}"))
    }

    /// Whether others held the file until the patience was over.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self, Self::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy))
    }

    /// The same failure for each of several callers.
    pub(crate) fn to_store_error(&self) -> StoreError {
        let text = self.to_string();
        if self.is_corrupt() { StoreError::corrupt(text) } else { StoreError::unavailable(text) }
    }

    fn is_corrupt(&self) -> bool {
        match self {
            Self::Moved(_) => false,
            Self::Row(_) => true,
            // The rest is busy, locked, full, read-only, I/O, a taken digest: nothing was changed, it may work later.
            Self::Sqlite(error) => is_corrupt(error),
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        failure.to_store_error()
    }
}

fn is_corrupt(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => {
            matches!(failure.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
        }
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::Utf8Error(..) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use oauth_core::store::StoreErrorKind;
    use rusqlite::ffi;

    use super::*;

    fn kind(code: i32) -> StoreErrorKind {
        StoreError::from(Failure::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))).kind()
    }

    #[test]
    fn what_may_work_later_is_unavailable_and_what_will_not_is_corrupt() {
        for code in [
            ffi::SQLITE_BUSY,
            ffi::SQLITE_LOCKED,
            ffi::SQLITE_FULL,
            ffi::SQLITE_IOERR,
            ffi::SQLITE_READONLY,
            ffi::SQLITE_CANTOPEN,
            ffi::SQLITE_CONSTRAINT,
            ffi::SQLITE_NOMEM,
            ffi::SQLITE_IOERR | (10 << 8),
        ] {
            assert_eq!(kind(code), StoreErrorKind::Unavailable, "code {code}");
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_CORRUPT | (1 << 8)] {
            assert_eq!(kind(code), StoreErrorKind::Corrupt, "code {code}");
        }
        assert_eq!(StoreError::from(Failure::row("scope", "x")).kind(), StoreErrorKind::Corrupt);
    }
}
