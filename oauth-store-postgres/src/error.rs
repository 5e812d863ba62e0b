//! What can go wrong: while opening, and inside one operation.

use std::error::Error;
use std::io;

use deadpool_postgres::PoolError;
use oauth_core::store::StoreError;

/// Why a database could not be opened or migrated. Its schema is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The database keeps text in another encoding than UTF-8.
    #[error("the database has the encoding {found}; create one with the encoding UTF8")]
    Encoding {
        /// Its encoding.
        found: String,
    },
    /// The schema holds somebody else's tables by names of ours.
    #[error("the schema `{schema}` has other tables with our names; give us a schema of our own: {source}")]
    Foreign {
        /// Which schema.
        schema: String,
        /// What PostgreSQL said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A newer version of this crate made the schema; an older one must not touch it.
    #[error("the schema `{schema}` has version {found}, this build knows versions up to {known}")]
    Newer {
        /// Which schema.
        schema: String,
        /// The version that it has.
        found: u32,
        /// The newest version of this build.
        known: u32,
    },
    /// A thread could not be started, or the runtime that was given does not run or has no timers.
    #[error("no runtime: {source}")]
    Runtime {
        /// What is wrong with it.
        source: io::Error,
    },
    /// The settings say nothing that can be connected to, or not safely.
    #[error("cannot connect by these settings: {reason}")]
    Settings {
        /// What is wrong with them; a password never stands in it.
        reason: String,
    },
    /// Not reachable, no permission, no space, too many connections: may work later.
    #[error("the database cannot be used now: {source}")]
    Unavailable {
        /// What PostgreSQL or the network said.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl OpenError {
    pub(crate) fn settings(reason: impl Into<String>) -> Self {
        Self::Settings { reason: reason.into() }
    }
}

impl From<tokio_postgres::Error> for OpenError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Unavailable { source: told(&error).into() }
    }
}

/// Why one operation failed. Becomes a [`StoreError`] at the crate's edge.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// No connection was free in time, or none could be made.
    #[error("{}", told_pool(.0))]
    Pool(#[from] PoolError),
    #[error("{}", told(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// A row does not parse as its record.
    #[error("{0}")]
    Row(String),
    /// A statement was called otherwise than it was written; no test lets that pass.
    #[error("a parameter of a statement is missing: {0}")]
    Statement(&'static str),
}

impl Failure {
    pub(crate) fn row(column: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Row(format!("column `{column}`: {why}"))
    }

    /// Whether the statement would have broken a unique key.
    pub(crate) fn is_taken(&self) -> bool {
        self.code() == Some("23505")
    }

    /// Whether the database undid the work because of another's, so that doing it again may succeed.
    pub(crate) fn is_conflict(&self) -> bool {
        self.kind() == Kind::Conflict
    }

    /// Whether the connection is better given up: it is gone, is going, or has statements prepared that do not fit the
    /// tables any more.
    pub(crate) fn spoils_the_connection(&self) -> bool {
        match self {
            Self::Pool(_) | Self::Row(_) | Self::Statement(_) => false,
            Self::Postgres(_) => self.code().is_none_or(|code| {
                ["08", "0A", "26", "42", "57", "XX"].iter().any(|class| code.starts_with(class))
                    && code != QUERY_CANCELED
            }),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Pool(_) | Self::Statement(_) => Kind::Unavailable,
            Self::Row(_) => Kind::Corrupt,
            Self::Postgres(_) => self.code().map_or(Kind::Unavailable, kind_of),
        }
    }

    fn code(&self) -> Option<&str> {
        match self {
            Self::Postgres(error) => error.code().map(|state| state.code()),
            _ => None,
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        let text = failure.to_string();
        match failure.kind() {
            Kind::Conflict => Self::conflict(text),
            Kind::Corrupt => Self::corrupt(text),
            Kind::Unavailable => Self::unavailable(text),
        }
    }
}

/// A statement that ran into its timeout; the connection is as good as before.
const QUERY_CANCELED: &str = "57014";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Conflict,
    Corrupt,
    Unavailable,
}

/// What a state of PostgreSQL (SQLSTATE) means to the callers of a store. All that is not listed may work later, when
/// the network, the server or its operator did something; and a taken digest, which only a broken random source brings.
fn kind_of(code: &str) -> Kind {
    match code {
        // serialization failure, deadlock
        "40001" | "40P01" => Kind::Conflict,
        // text that is no text in UTF-8 or in the client's encoding; a damaged table; a damaged index
        "22021" | "22P05" | "XX001" | "XX002" => Kind::Corrupt,
        _ => Kind::Unavailable,
    }
}

/// The error with its causes and state, in one line. Never its detail: that repeats what stands in the row.
fn told(error: &tokio_postgres::Error) -> String {
    let mut text = error.as_db_error().map_or_else(|| error.to_string(), |said| said.message().to_owned());
    if let Some(state) = error.code() {
        text.push_str(&format!(" (SQLSTATE {})", state.code()));
    } else if let Some(cause) = error.source() {
        text.push_str(&format!(": {cause}"));
    }
    text
}

fn told_pool(error: &PoolError) -> String {
    match error {
        PoolError::Backend(error) => told(error),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use oauth_core::store::StoreErrorKind;

    use super::*;

    #[test]
    fn what_may_work_later_is_unavailable_and_what_will_not_is_corrupt() {
        for code in [
            "08000", "08003", "08006", "08P01", "23505", "25006", "25P03", "42501", "42P01", "53000", "53100", "53200",
            "53300", "53400", "55P03", "57014", "57P01", "57P02", "57P03", "57P05", "58030", "XX000",
        ] {
            assert_eq!(kind_of(code), Kind::Unavailable, "{code}");
        }
        for code in ["XX001", "XX002", "22021", "22P05"] {
            assert_eq!(kind_of(code), Kind::Corrupt, "{code}");
        }
        for code in ["40001", "40P01"] {
            assert_eq!(kind_of(code), Kind::Conflict, "{code}");
        }
        assert_eq!(StoreError::from(Failure::row("scope", "x")).kind(), StoreErrorKind::Corrupt);
        assert_eq!(StoreError::from(Failure::from(PoolError::Closed)).kind(), StoreErrorKind::Unavailable);
    }
}
