//! What the records of grants have in common.

use std::fmt;

use crate::types::{ClientId, Subject, Timestamp};

/// Who a token speaks for (RFC 9700 §4.15: a client can never pass for a user).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Principal {
    /// A client in its own name.
    Client {
        /// Which one.
        client: ClientId,
    },
    /// A user, through a client.
    User {
        /// Which user.
        subject: Subject,
        /// Through which client.
        client: ClientId,
    },
}

impl Principal {
    /// The client that got the token.
    #[must_use]
    pub const fn client(&self) -> &ClientId {
        match self {
            Self::Client { client } | Self::User { client, .. } => client,
        }
    }

    /// The user, if it is one.
    #[must_use]
    pub const fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Client { .. } => None,
            Self::User { subject, .. } => Some(subject),
        }
    }
}

/// The key that whoever uses a grant must prove (RFC 9449 §6, RFC 8705 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Binding {
    /// None: a bearer grant.
    #[default]
    None,
    /// The SHA-256 thumbprint of a DPoP key (`cnf.jkt`).
    Jkt([u8; 32]),
    /// The SHA-256 thumbprint of a client certificate (`cnf.x5t#S256`).
    X5t([u8; 32]),
}

/// When and how a user signed in (OpenID Connect Core §2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticationContext {
    /// When.
    pub auth_time: Timestamp,
    /// By which methods (RFC 8176).
    pub amr: Vec<String>,
    /// To which class.
    pub acr: Option<String>,
}

/// Room in a record for what comes later: at most 16 KiB, written and read by the core only, kept by stores as it is.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Extra(Vec<u8>);

/// More bytes than a record has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is room for at most {most} bytes")]
pub struct TooLarge {
    /// The most bytes.
    pub most: usize,
}

impl Extra {
    /// The most bytes.
    pub const MAX_LEN: usize = 16 * 1024;

    /// From the bytes that a store kept.
    ///
    /// # Errors
    /// [`TooLarge`] past [`Self::MAX_LEN`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, TooLarge> {
        if bytes.len() > Self::MAX_LEN { Err(TooLarge { most: Self::MAX_LEN }) } else { Ok(Self(bytes)) }
    }

    /// The bytes for a store to keep; empty when there is nothing.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extra({} bytes)", self.0.len())
    }
}

/// Whether something that was issued still stands.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing took it back. (Whether it expired is for the caller to see.)
    Live,
    /// It, its family, its subject's or its client's grants were revoked.
    Revoked,
}
