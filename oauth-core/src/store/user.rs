//! Users: what the core asks of the application's accounts.

use std::fmt;

use async_trait::async_trait;

use super::error::StoreError;
use crate::types::{Scope, Subject};

/// Finds users. Small, because hosts bring their own table: no sessions, no pages, no counters.
///
/// A host whose users sign in on its own pages writes [`find_by_subject`](Self::find_by_subject) alone. The password grant
/// needs the other two as well, and a store that stands in front of another hands all three on.
#[async_trait]
pub trait UserStore: fmt::Debug + Send + Sync {
    /// The user who signs in by this name, active or not. What a login name is (its case, its aliases) is the
    /// store's own affair; two names of one user give the same subject. Only the password grant asks.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be known. Never `None` for an outage. Always, unless a store says otherwise: a store
    /// that knows no login names must not look like one that knows no such user.
    async fn find_by_login(&self, _login: &str) -> Result<Option<User>, StoreError> {
        Err(StoreError::unavailable("this `UserStore` has no `find_by_login`, which the password grant needs"))
    }

    /// The user with this subject, active or not.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be known. Never `None` for an outage.
    async fn find_by_subject(&self, subject: &Subject) -> Result<Option<User>, StoreError>;

    /// Replaces a password hash **iff** the stored one is still `old`: after a login that found `old` out of date. Only the
    /// password grant asks. Unless a store says otherwise, nothing is replaced.
    ///
    /// # Errors
    /// [`StoreError`]; then the hash is the old or the new one.
    async fn rehash(&self, _subject: &Subject, _old: &PasswordHash, _new: PasswordHash) -> Result<Rehash, StoreError> {
        Ok(Rehash::Moved)
    }
}

/// Answer of [`UserStore::rehash`].
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rehash {
    /// Replaced.
    Stored,
    /// The stored hash is another by now, there is no such user, or the store replaces none; nothing changed.
    Moved,
}

/// A user, as far as issuing tokens is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The `sub` of tokens.
    pub subject: Subject,
    /// Inactive users get nothing new. To end what they hold, call
    /// [`revoke_subject`](crate::AuthorizationServer::revoke_subject).
    pub active: bool,
    /// The most that clients may get in this user's name; `None` sets no bound of its own.
    pub scope: Option<Scope>,
    /// What is kept of the password; `None` when the host signs users in by other means.
    pub password: Option<PasswordHash>,
}

/// An Argon2id hash in PHC string format; `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Box<str>);

impl PasswordHash {
    /// From PHC text such as `$argon2id$v=19$…`. Whether it parses is found out when it is verified: a hash that
    /// does not is a fault, never a wrong password.
    #[must_use]
    pub fn from_phc(text: &str) -> Self {
        Self(text.into())
    }

    /// The PHC text.
    #[must_use]
    pub fn as_phc(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}
