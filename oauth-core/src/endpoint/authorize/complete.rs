//! `complete`: this browser, this user, exactly what was shown; decided once.

use super::consent_token::{ConsentToken, Presented, ShownTo};
use super::interaction::{self, Interaction, Stopped};
use super::permit::permit;
use super::redirect::{Redirect, Refused};
use super::tokens::{BrowserSecret, Handle};
use super::{Completed, Decision, SignedIn};
use crate::audit::{What, Who};
use crate::context::RequestContext;
use crate::error::{Error, Fault, Refusal};
use crate::policy;
use crate::server::Inner;
use crate::store::RequestDecision;
use crate::types::Timestamp;
use crate::wire::{Method, Request};

/// What the host's form brought.
pub(crate) struct Form<'a> {
    pub(crate) handle: &'a Handle,
    pub(crate) browser: &'a BrowserSecret,
    pub(crate) consent: &'a ConsentToken,
    pub(crate) signed_in: &'a SignedIn,
    pub(crate) decision: &'a Decision,
}

pub(crate) async fn complete(
    server: &Inner,
    request: &Request,
    form: Form<'_>,
    context: &RequestContext,
    now: Timestamp,
) -> Completed {
    let mut who = Who { subject: Some(form.signed_in.subject.clone()), ..Who::default() };
    match try_complete(server, request, form, context, now, &mut who).await {
        Ok(completed) => completed,
        Err(stopped) => match stopped.tell(server, who, context, now) {
            Refused::Redirect(redirect) => Completed::Redirect(redirect),
            Refused::Page(page) if page.reason == Some(Refusal::InteractionDecided) => Completed::AlreadyDecided(page),
            Refused::Page(page) => Completed::Page(page),
        },
    }
}

async fn try_complete(
    server: &Inner,
    request: &Request,
    form: Form<'_>,
    context: &RequestContext,
    now: Timestamp,
    who: &mut Who,
) -> Result<Completed, Stopped> {
    let Form { handle, browser, consent, signed_in, decision } = form;
    server.require_trail()?;
    if request.method != Method::Post {
        return Err(Refusal::DecisionNotPosted.into());
    }
    let presented = Presented::parse(consent).ok_or(Refusal::ConsentTokenWrong)?;
    let interaction = interaction::load(server, handle, browser, now, who).await?;
    let Interaction { client, target, wanted, .. } = &interaction;
    let user = match interaction::user(server, wanted, interaction.begun_at, signed_in, now).await? {
        Ok(user) => user,
        Err(reason) => return Ok(Completed::NeedLogin { reason }),
    };
    let permitted = permit(server, client, wanted, &user, signed_in, context, now).await;
    let permitted = match permitted.map_err(|error| interaction.stop(error))? {
        Ok(permitted) => permitted,
        Err(reason) => return Ok(Completed::NeedLogin { reason }),
    };
    let shown_to = ShownTo {
        tenant: &server.stores.tenant,
        handle: &interaction.handle,
        browser: &interaction.browser,
        subject: &signed_in.subject,
        auth_time: signed_in.auth_time,
        scope: &permitted.scope,
        resource: &wanted.resource,
    };
    let key = server.keys.family_key(&presented.key, now).await.map_err(Fault::from)?;
    if !key.is_some_and(|key| shown_to.is_proved_by(&presented, &key, now)) {
        return Err(Refusal::ConsentTokenWrong.into());
    }
    let chosen = match decision {
        Decision::Approve { scopes } => Some(scopes),
        Decision::Deny => None,
    };
    let Some(approved) = policy::consent::approved(chosen, &permitted.scope)? else {
        interaction::decide(server, &interaction, signed_in, RequestDecision::Denied, now).await?;
        let what = What::Refused(Refusal::AccessDenied);
        server.audit(now, context, Some(client.id.clone()), Some(signed_in.subject.clone()), what)?;
        let denied = Error::Refused(Refusal::AccessDenied);
        return Ok(Completed::Redirect(Redirect::with_error(target, &server.issuer, &denied, context.correlation_id)));
    };
    let approved = permitted.approved(&approved);
    let redirect = interaction::approve(server, &interaction, signed_in, approved, true, context, now).await?;
    Ok(Completed::Redirect(redirect))
}
