//! Passwords of users: how many wrong ones are heard, and what a new one must be.

use std::collections::HashSet;

use super::AuthorizationServer;
use crate::error::Fault;
use crate::password::PasswordText;
use crate::store::PasswordHash;
use crate::types::Lifetime;

/// How many wrong passwords an account hears within a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strikes {
    pub(crate) limit: u32,
    pub(crate) window: Lifetime,
}

/// What a password must be when it is set; never asked when one is checked (NIST SP 800-63B §3.1.1.2).
#[derive(Debug)]
pub(crate) struct PasswordRule {
    pub(crate) floor: usize,
    pub(crate) blocked: HashSet<String>,
}

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HashPasswordError {
    /// It has too few characters.
    #[error("a password must have at least {0} characters")]
    TooShort(usize),
    /// Longer than a request may send it.
    #[error("a password may have at most 4096 bytes")]
    TooLong,
    /// It is on the list of passwords that everybody tries.
    #[error("this password is known to too many")]
    Blocked,
    /// It holds a line break or another control character, which no request may send.
    #[error("a password must not hold control characters")]
    Characters,
    /// We failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl AuthorizationServer {
    /// Hashes a password for a user's record, with Argon2id on the server's own threads. No rule of composition holds:
    /// length ([`password_floor`](crate::Builder::password_floor)) and the host's list of blocked ones, both in NFKC.
    ///
    /// # Errors
    /// [`HashPasswordError`].
    pub async fn hash_password(&self, password: &str) -> Result<PasswordHash, HashPasswordError> {
        let server = &*self.inner;
        if password.len() > crate::wire::params::MAX_VALUE {
            return Err(HashPasswordError::TooLong);
        }
        if password.chars().any(|c| c != '\t' && c.is_control()) {
            return Err(HashPasswordError::Characters);
        }
        let text = PasswordText::of(password);
        let rule = &server.password_rule;
        if text.expose().chars().count() < rule.floor {
            return Err(HashPasswordError::TooShort(rule.floor));
        }
        if rule.blocked.contains(text.expose()) {
            return Err(HashPasswordError::Blocked);
        }
        let mut salt = [0; 16];
        server.entropy.fill(&mut salt).map_err(Fault::from)?;
        Ok(server.hashing.hash(text.expose(), None, salt).await?)
    }
}
