//! Users: usually the application's own table.

use async_trait::async_trait;
use oauth_core::store::{PasswordHash, Rehash, StoreError, User, UserStore};
use oauth_core::types::Subject;

use super::CustomStore;

impl CustomStore {
    /// Adds a user with the names to sign in by. No trait asks for it: how accounts are made is the application's.
    ///
    /// # Errors
    /// [`StoreError`] when the store was closed.
    pub fn add_user(&self, user: User, logins: &[&str]) -> Result<(), StoreError> {
        self.step(|tables| {
            tables.logins.extend(logins.iter().map(|login| ((*login).to_owned(), user.subject.clone())));
            tables.users.insert(user.subject.clone(), user);
        })
    }
}

#[async_trait]
impl UserStore for CustomStore {
    async fn find_by_login(&self, login: &str) -> Result<Option<User>, StoreError> {
        self.step(|tables| tables.logins.get(login).and_then(|subject| tables.users.get(subject)).cloned())
    }

    async fn find_by_subject(&self, subject: &Subject) -> Result<Option<User>, StoreError> {
        self.step(|tables| tables.users.get(subject).cloned())
    }

    async fn rehash(&self, subject: &Subject, old: &PasswordHash, new: PasswordHash) -> Result<Rehash, StoreError> {
        self.step(|tables| match tables.users.get_mut(subject) {
            Some(user) if user.password.as_ref() == Some(old) => {
                user.password = Some(new);
                Rehash::Stored
            }
            _ => Rehash::Moved,
        })
    }
}
