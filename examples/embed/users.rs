//! The application's users, as the authorization server finds them.

// oauth:begin
use async_trait::async_trait;
use oauth_core::store::{PasswordHash, Rehash, StoreError, User, UserStore};
use oauth_core::types::Subject;

use crate::accounts::Accounts;

/// The application's own page checks passwords; the two calls of the password grant, which is off, find nobody.
#[async_trait]
impl UserStore for Accounts {
    async fn find_by_login(&self, _: &str) -> Result<Option<User>, StoreError> {
        Ok(None)
    }

    async fn find_by_subject(&self, subject: &Subject) -> Result<Option<User>, StoreError> {
        // an id as a token has it, and not `007`
        let id = subject.as_str().parse().ok().filter(|id: &i64| id.to_string() == subject.as_str());
        let Some(id) = id else { return Ok(None) };
        let found = self.find(id).await.map_err(|why| StoreError::unavailable(why.to_string()))?;
        Ok(found.map(|person| User { subject: subject.clone(), active: person.active, scope: None, password: None }))
    }

    async fn rehash(&self, _: &Subject, _: &PasswordHash, _: PasswordHash) -> Result<Rehash, StoreError> {
        Ok(Rehash::Moved)
    }
}
// oauth:end
