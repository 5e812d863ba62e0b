//! Steps 8 to 14 for a client in its own name.

use super::{Ask, Decided, Shown};
use crate::error::Error;
use crate::grant::{Asked, client_credentials};
use crate::policy::Trace;
use crate::server::Given;
use crate::store::{GrantTypes, Principal};
use crate::token::FactsRequest;

pub(super) async fn give(ask: &Ask<'_>, asked: Asked) -> Result<(Given, Shown), Error> {
    let Decided { grant, facts } = decide(ask, asked, &mut Trace::off()).await?;
    let additions = ask.server.additions(ask.context, &grant, &facts).await?;
    let given = ask.server.give_alone(&grant, &additions, ask.context, ask.now).await?;
    Ok((given, Shown::of(grant, additions)))
}

/// Steps 8 to 12.
pub(super) async fn decide(ask: &Ask<'_>, asked: Asked, trace: &mut Trace) -> Result<Decided, Error> {
    let client = ask.client.who();
    let principal = Principal::Client { client: client.id.clone() };
    let wanted = FactsRequest {
        grant: GrantTypes::CLIENT_CREDENTIALS,
        client,
        principal: &principal,
        scope: asked.scope.as_ref(),
        resource: &asked.resource,
    };
    let facts = ask.server.facts(ask.context, &wanted).await?;
    let grant = client_credentials::decide(asked, ask.client, &ask.around(&facts), trace)?;
    Ok(Decided { grant, facts })
}
