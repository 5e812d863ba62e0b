//! Steps 8 to 14 for a client in its own name.

use super::Shown;
use crate::client_auth::Authenticated;
use crate::context::RequestContext;
use crate::error::Error;
use crate::grant::{Asked, client_credentials};
use crate::server::{Given, Inner};
use crate::store::{Client, GrantTypes, Principal};
use crate::token::FactsRequest;
use crate::types::Timestamp;

pub(super) async fn give(
    server: &Inner,
    asked: Asked,
    client: &Authenticated<Client>,
    context: &RequestContext,
    now: Timestamp,
) -> Result<(Given, Shown), Error> {
    let principal = Principal::Client { client: client.who().id.clone() };
    let wanted = FactsRequest {
        grant: GrantTypes::CLIENT_CREDENTIALS,
        client: client.who(),
        principal: &principal,
        scope: asked.scope.as_ref(),
        resource: &asked.resource,
    };
    let facts = server.facts(context, &wanted).await?;
    let grant = client_credentials::decide(asked, client, &server.grant_settings)?;
    let additions = server.additions(context, &grant, &facts).await?;
    let given = server.give_alone(&grant, &additions, context, now).await?;
    Ok((given, Shown { scope: grant.scope, members: additions.members, lifetime: grant.lifetime }))
}
