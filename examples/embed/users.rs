//! The authorization server asks the application's own table who its users are.

// oauth:begin
use async_trait::async_trait;
use oauth_core::store::{PasswordHash, Rehash, StoreError, User, UserStore};
use oauth_core::types::Subject;
use rusqlite::OptionalExtension as _;

use crate::accounts::{Accounts, Person};

impl Person {
    /// The user in tokens: what never changes, so not the name.
    pub(crate) fn subject(&self) -> Result<Subject, StoreError> {
        Subject::parse(&self.id.to_string()).map_err(StoreError::corrupt)
    }
}

impl Accounts {
    async fn find(&self, which: &'static str, value: &str) -> Result<Option<User>, StoreError> {
        let query = format!("SELECT {} FROM users WHERE {which}", Person::COLUMNS);
        let value = value.to_owned();
        let found = self.0.run(move |sql| sql.query_row(&query, [value], Person::read).optional()).await;
        // the pages of the application check passwords, and nobody else does
        let user = |person: Person| {
            Ok(User { subject: person.subject()?, active: person.active, scope: None, password: None })
        };
        found.map_err(StoreError::unavailable)?.map(user).transpose()
    }
}

#[async_trait]
impl UserStore for Accounts {
    async fn find_by_login(&self, login: &str) -> Result<Option<User>, StoreError> {
        self.find("login = ?1", login).await
    }

    async fn find_by_subject(&self, subject: &Subject) -> Result<Option<User>, StoreError> {
        self.find("id = CAST(?1 AS INTEGER) AND CAST(id AS TEXT) = ?1", subject.as_str()).await
    }

    async fn rehash(&self, _: &Subject, _: &PasswordHash, _: PasswordHash) -> Result<Rehash, StoreError> {
        Ok(Rehash::Moved)
    }
}
// oauth:end
