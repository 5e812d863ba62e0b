//! Steps 8 to 14 for a grant of the host's own.

use super::Shown;
use crate::audit::Who;
use crate::client_auth::Authenticated;
use crate::context::RequestContext;
use crate::error::{Error, Fault, Refusal};
use crate::grant::extension::{self, ExtensionRequest};
use crate::server::{Given, Inner};
use crate::store::{Client, Principal};
use crate::token::FactsRequest;
use crate::types::Timestamp;

pub(super) async fn give(
    server: &Inner,
    request: ExtensionRequest<'_>,
    client: &Authenticated<Client>,
    context: &RequestContext,
    now: Timestamp,
    who: &mut Who,
) -> Result<(Given, Shown), Error> {
    let registered = client.who();
    let host = request.extension.grant.as_ref();
    let known = host.facts(context, client, &request.parameters).await.map_err(Fault::Hook)?;
    let proposal = host.propose(client, &request.parameters, &known).map_err(Refusal::from)?;
    who.subject = Some(proposal.subject.clone());
    let user = server.stores.users.find_by_subject(&proposal.subject).await?;
    // asked for users who are not there, too: what is answered alike costs alike
    server.refuse_client_as_subject(&proposal.subject, &registered.id).await?;
    let principal = Principal::User { subject: proposal.subject.clone(), client: registered.id.clone() };
    let wanted = FactsRequest {
        grant: host.grant_type(),
        client: registered,
        principal: &principal,
        scope: request.asked.scope.as_ref(),
        resource: &request.asked.resource,
    };
    let facts = server.facts(context, &wanted).await?;
    let family = server.new_family(now)?;
    let grant = extension::decide(&request, &proposal, client, user, family, &server.grant_settings)?;
    let claim = extension::claim(request.extension, &proposal);
    let additions = server.additions(context, &grant, &facts).await?;
    let given = server.give_family(&grant, &additions, claim, context, now).await?;
    Ok((given, Shown { scope: grant.scope, members: additions.members, lifetime: grant.lifetime }))
}
