//! A grant of the `atm` example's own, as the showcase of [`ExtensionGrant`]. Nobody should copy what it does.

use async_trait::async_trait;
use oauth_core::store::Client;
use oauth_core::token::HookError;
use oauth_core::types::Subject;
use oauth_core::{
    Authenticated, ExtensionFacts, ExtensionGrant, ExtensionParameters, ExtensionRefusal, Proposal, RequestContext,
};
use serde_json::{Value, json};

use crate::{Directory, members};

// oauth:begin
/// `user_credentials`: a token in the name of a user who is not asked. Read the warning in examples/README.md.
#[derive(Debug)]
pub struct UserCredentials(Directory);

impl UserCredentials {
    /// Looks users up here.
    #[must_use]
    pub const fn new(users: Directory) -> Self {
        Self(users)
    }
}

#[async_trait]
impl ExtensionGrant for UserCredentials {
    fn grant_type(&self) -> &str {
        "user_credentials"
    }

    fn parameters(&self) -> &[&'static str] {
        &["loginId"]
    }

    async fn facts(
        &self,
        _context: &RequestContext,
        _client: &Authenticated<Client>,
        parameters: &ExtensionParameters<'_>,
    ) -> Result<ExtensionFacts, HookError> {
        let Some(login) = parameters.one("loginId") else { return Ok(ExtensionFacts::new()) };
        let subject = self.0.subject_of(login).await?;
        Ok(subject.map(|subject| members(json!({ "subject": subject.as_str() }))).unwrap_or_default())
    }

    fn propose(
        &self,
        _client: &Authenticated<Client>,
        parameters: &ExtensionParameters<'_>,
        facts: &ExtensionFacts,
    ) -> Result<Proposal, ExtensionRefusal> {
        parameters.one("loginId").ok_or(ExtensionRefusal::Malformed)?;
        let subject = facts.get("subject").and_then(Value::as_str).ok_or(ExtensionRefusal::Invalid)?;
        Ok(Proposal::new(Subject::parse(subject).map_err(|_| ExtensionRefusal::Invalid)?))
    }
}
// oauth:end
