//! The authorization server asks the application's own table who its users are.

// oauth:begin
use async_trait::async_trait;
use oauth_core::store::{PasswordHash, Rehash, StoreError, User, UserStore};
use oauth_core::types::Subject;
use rusqlite::OptionalExtension as _;

use crate::accounts::{Accounts, Person};

impl Accounts {
    async fn find(&self, which: &str, value: &str) -> Result<Option<User>, StoreError> {
        let (query, value) = (format!("SELECT {} FROM users WHERE {which}", Person::COLUMNS), value.to_owned());
        let found = self.0.run(move |sql| sql.query_row(&query, [value], Person::read).optional()).await;
        let Some(person) = found.map_err(|why| StoreError::unavailable(why.to_string()))? else { return Ok(None) };
        // the application's own page checks passwords, and nobody else does
        let subject = Subject::parse(&person.id.to_string()).map_err(StoreError::corrupt)?;
        Ok(Some(User { subject, active: person.active, scope: None, password: None }))
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
