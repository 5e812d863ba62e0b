//! Users by subject, and the names they sign in by.

use std::collections::HashMap;

use async_trait::async_trait;
use oauth_core::store::{PasswordHash, Register, Rehash, StoreError, User, UserStore};
use oauth_core::types::Subject;

use crate::MemoryStore;

/// Login names are compared byte for byte.
#[derive(Default)]
pub(crate) struct Users {
    by_subject: HashMap<Subject, User>,
    by_login: HashMap<String, Subject>,
}

impl MemoryStore {
    /// Adds a user with the names to sign in by, **iff** neither the subject nor any of the names is taken.
    ///
    /// # Errors
    /// [`StoreError`] when the store was closed.
    pub fn insert_user<L: Into<String>>(
        &self,
        user: User,
        logins: impl IntoIterator<Item = L>,
    ) -> Result<Register, StoreError> {
        let logins: Vec<String> = logins.into_iter().map(Into::into).collect();
        self.rows.users.write(|users| {
            if users.by_subject.contains_key(&user.subject) || logins.iter().any(|l| users.by_login.contains_key(l)) {
                return Register::Taken;
            }
            users.by_login.extend(logins.into_iter().map(|login| (login, user.subject.clone())));
            users.by_subject.insert(user.subject.clone(), user);
            Register::Registered
        })
    }

    /// Switches a user on or off; answers whether there is one.
    ///
    /// # Errors
    /// [`StoreError`] when the store was closed.
    pub fn set_user_active(&self, subject: &Subject, active: bool) -> Result<bool, StoreError> {
        self.rows.users.write(|users| match users.by_subject.get_mut(subject) {
            Some(user) => {
                user.active = active;
                true
            }
            None => false,
        })
    }
}

#[async_trait]
impl UserStore for MemoryStore {
    async fn find_by_login(&self, login: &str) -> Result<Option<User>, StoreError> {
        self.rows.users.read(|users| users.by_login.get(login).and_then(|s| users.by_subject.get(s)).cloned())
    }

    async fn find_by_subject(&self, subject: &Subject) -> Result<Option<User>, StoreError> {
        self.rows.users.read(|users| users.by_subject.get(subject).cloned())
    }

    async fn rehash(&self, subject: &Subject, old: &PasswordHash, new: PasswordHash) -> Result<Rehash, StoreError> {
        self.rows.users.write(|users| match users.by_subject.get_mut(subject) {
            Some(user) if user.password.as_ref() == Some(old) => {
                user.password = Some(new);
                Rehash::Stored
            }
            _ => Rehash::Moved,
        })
    }
}
