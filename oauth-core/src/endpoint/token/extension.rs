//! Steps 8 to 14 for a grant of the host's own.

use super::{Ask, Decided, Shown};
use crate::audit::Who;
use crate::error::{Error, Fault, Refusal};
use crate::grant::extension::{self, ExtensionRequest};
use crate::policy::{Rule, Trace};
use crate::server::Given;
use crate::store::{Claim, Principal};
use crate::token::FactsRequest;
use crate::types::FamilyId;

pub(super) async fn give(
    ask: &Ask<'_>,
    request: &ExtensionRequest<'_>,
    who: &mut Who,
) -> Result<(Given, Shown), Error> {
    let family = ask.server.new_family(ask.now)?;
    let (Decided { grant, facts }, claim) = decide(ask, request, family, who, &mut Trace::off()).await?;
    let additions = ask.server.additions(ask.context, &grant, &facts).await?;
    let given = ask.server.give_family(&grant, &additions, claim, ask.context, ask.now).await?;
    Ok((given, Shown::of(grant, additions)))
}

/// Steps 8 to 12, and what may be spent once.
pub(super) async fn decide(
    ask: &Ask<'_>,
    request: &ExtensionRequest<'_>,
    family: FamilyId,
    who: &mut Who,
    trace: &mut Trace,
) -> Result<(Decided, Option<Claim>), Error> {
    let (server, client) = (ask.server, ask.client.who());
    let host = request.extension.grant.as_ref();
    let known = host.facts(ask.context, ask.client, &request.parameters).await.map_err(Fault::Hook)?;
    let proposal = host.propose(ask.client, &request.parameters, &known).map_err(Refusal::from);
    let proposal = trace.judge(Rule::GrantProposal, proposal)?;
    who.subject = Some(proposal.subject.clone());
    let user = server.stores.users.find_by_subject(&proposal.subject).await?;
    // asked for users who are not there, too: what is answered alike costs alike
    server.refuse_client_as_subject(&proposal.subject, &client.id).await?;
    trace.passed(Rule::UserIsNoClient);
    let principal = Principal::User { subject: proposal.subject.clone(), client: client.id.clone() };
    let wanted = FactsRequest {
        grant: host.grant_type(),
        client,
        principal: &principal,
        scope: request.asked.scope.as_ref(),
        resource: &request.asked.resource,
    };
    let facts = server.facts(ask.context, &wanted).await?;
    let grant = extension::decide(request, &proposal, ask.client, user, family, &ask.around(&facts), trace)?;
    let claim = extension::claim(request.extension, &proposal);
    Ok((Decided { grant, facts }, claim))
}
