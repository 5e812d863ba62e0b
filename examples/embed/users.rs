//! The application's users, as the authorization server finds them.

// oauth:begin
use async_trait::async_trait;
use oauth_core::store::{StoreError, User, UserStore};
use oauth_core::types::Subject;

use crate::accounts::Accounts;

#[async_trait]
impl UserStore for Accounts {
    async fn find_by_subject(&self, subject: &Subject) -> Result<Option<User>, StoreError> {
        let Some(id) = subject.key() else { return Ok(None) };
        let found = self.find(id).await.map_err(|why| StoreError::unavailable(why.to_string()))?;
        Ok(found.map(|person| User { subject: subject.clone(), active: person.active, scope: None, password: None }))
    }
}
// oauth:end
