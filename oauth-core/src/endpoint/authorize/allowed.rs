//! What a user allows at present, for a page on which it is seen and withdrawn.

use super::PromptScope;
use crate::error::Fault;
use crate::server::Inner;
use crate::store::{ClientGrants, ListGrants, StoreErrorKind};
use crate::types::{ClientId, Scope, Subject, Timestamp};

/// What a user allows one client at present; an item of [`grants_of`](crate::AuthorizationServer::grants_of).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedClient {
    /// The name that an operator registered for it; its id where the registration is gone or cannot be read.
    pub client_name: String,
    /// All that it may do: what its live sign-ins hold and what is remembered. Each is `held`.
    pub scopes: Vec<PromptScope>,
    /// Whom, by which sign-ins, and what is remembered, for a page that says more.
    pub grants: ClientGrants,
}

impl AllowedClient {
    /// Its id, for the form that withdraws.
    #[must_use]
    pub const fn client(&self) -> &ClientId {
        &self.grants.client
    }
}

pub(crate) async fn allowed(
    server: &Inner,
    subject: &Subject,
    after: Option<&ClientId>,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<AllowedClient>, Fault> {
    let list = ListGrants { subject: subject.clone(), now, after: after.cloned(), limit };
    let mut allowed = Vec::new();
    for grants in server.stores.grants.list_grants(&list).await? {
        let known = match server.stores.client(&grants.client, now).await {
            Ok(known) => known,
            // one registration that cannot be read keeps nobody from withdrawing what it was allowed
            Err(error) if error.kind() == StoreErrorKind::Corrupt => None,
            Err(error) => return Err(error.into()),
        };
        let client_name = known.map_or_else(|| grants.client.to_string(), |known| known.client.name.clone());
        let families = grants.families.iter().map(|family| &family.scope);
        let scopes = families.chain(grants.consents.iter().map(|consent| &consent.scope));
        let all = scopes.fold(Scope::empty(), |all, scope| all.union(scope));
        let scopes = all.iter().map(|name| PromptScope::of(server, name, true)).collect();
        allowed.push(AllowedClient { client_name, scopes, grants });
    }
    Ok(allowed)
}
