//! Our own fault: what the operator learns of it.

use crate::store::StoreError;

/// Our own failure. The client learns `server_error` or `temporarily_unavailable` and a correlation id, nothing else.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The audit trail is required and lost an event.
    #[error("an audit event was lost")]
    AuditLost,
    /// Others kept changing what the request was decided by.
    #[error("the grant was changed by others again and again")]
    Contended,
    /// A refresh token that was derived again is not the one that was recorded; it was not handed out.
    #[error("a derived refresh token is not the recorded one: was the family key changed?")]
    Derivation,
    /// Every thread that hashes passwords is busy and the queue is full.
    #[error("the password hashing queue is full")]
    HashingBusy,
    /// A stored hash does not parse or cannot be computed.
    #[error("a stored password hash cannot be verified")]
    Hash,
    /// A hook added more than a token can hold, or nested it too deep.
    #[error("a hook's additions are too large: {0}")]
    Additions(&'static str),
    /// The published keys of another issuer could not be fetched.
    #[error("keys could not be fetched: {0}")]
    Fetch(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A hook of the host failed.
    #[error("a hook failed: {0}")]
    Hook(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The random source failed.
    #[error(transparent)]
    Entropy(#[from] crate::random::EntropyError),
    /// The keys cannot be loaded or used.
    #[error(transparent)]
    Keys(crate::keys::KeyError),
    /// No key can sign this token now.
    #[error("no active {0} key")]
    NoKey(crate::jose::Alg),
    /// A signer failed.
    #[error("signing failed: {0}")]
    Signing(String),
    /// The server is shutting down.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault {
    /// A stable name for logs and audit, such as `store.unavailable`.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        use crate::store::StoreErrorKind as K;
        match self {
            Self::Additions(_) => "hook.additions",
            Self::AuditLost => "audit.lost",
            Self::Contended => "grant.contended",
            Self::Derivation => "refresh.derivation",
            Self::Fetch(_) => "keys.fetch",
            Self::HashingBusy => "hashing.busy",
            Self::Hash => "hash.corrupt",
            Self::Hook(_) => "hook.failed",
            Self::Entropy(_) => "entropy.failed",
            Self::Keys(_) => "key.unusable",
            Self::NoKey(_) => "key.none",
            Self::Signing(_) => "key.signing",
            Self::ShuttingDown => "server.shutting_down",
            Self::Store(error) => match error.kind() {
                K::Unavailable => "store.unavailable",
                K::Conflict => "store.conflict",
                K::Corrupt => "store.corrupt",
            },
        }
    }

    /// Whether trying again may help: 503 with `Retry-After`, otherwise 500.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        use crate::store::StoreErrorKind as K;
        match self {
            Self::Store(error) => !matches!(error.kind(), K::Corrupt),
            Self::Additions(_) | Self::Derivation | Self::Hash => false,
            Self::AuditLost
            | Self::Contended
            | Self::Fetch(_)
            | Self::HashingBusy
            | Self::Hook(_)
            | Self::Entropy(_)
            | Self::Keys(_)
            | Self::NoKey(_)
            | Self::Signing(_)
            | Self::ShuttingDown => true,
        }
    }
}

impl From<crate::keys::KeyError> for Fault {
    fn from(error: crate::keys::KeyError) -> Self {
        match error {
            crate::keys::KeyError::Store(error) => Self::Store(error),
            other => Self::Keys(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_never_reads_as_a_credential_error() {
        for fault in [
            Fault::Store(StoreError::unavailable("x")),
            Fault::Store(StoreError::conflict("x")),
            Fault::HashingBusy,
            Fault::ShuttingDown,
        ] {
            assert!(fault.is_temporary(), "{fault}");
        }
        assert!(!Fault::Store(StoreError::corrupt("x")).is_temporary());
    }
}
