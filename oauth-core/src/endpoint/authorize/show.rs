//! `show`: who has to sign in, or what to ask.

use super::consent_token::ShownTo;
use super::interaction::{self, Interaction, Stopped};
use super::permit::permit;
use super::redirect::Refused;
use super::tokens::{BrowserSecret, Handle};
use super::{Prompt, PromptScope, Shown, SignedIn};
use crate::audit::Who;
use crate::context::RequestContext;
use crate::error::{Error, Fault};
use crate::policy::sign_in::LoginReason;
use crate::server::Inner;
use crate::types::{Scope, Timestamp};
use crate::wire::{Method, Request};

pub(crate) async fn show(
    server: &Inner,
    request: &Request,
    handle: &Handle,
    browser: &BrowserSecret,
    signed_in: Option<&SignedIn>,
    context: &RequestContext,
    now: Timestamp,
) -> Shown {
    let mut who = Who { subject: signed_in.map(|signed_in| signed_in.subject.clone()), ..Who::default() };
    match try_show(server, request, handle, browser, signed_in, context, now, &mut who).await {
        Ok(shown) => shown,
        Err(stopped) => match stopped.tell(server, who, context, now) {
            Refused::Redirect(redirect) => Shown::Redirect(redirect),
            Refused::Page(page) => Shown::Page(page),
        },
    }
}

#[expect(clippy::too_many_arguments, reason = "one call of the host's, with what surrounds it")]
async fn try_show(
    server: &Inner,
    request: &Request,
    handle: &Handle,
    browser: &BrowserSecret,
    signed_in: Option<&SignedIn>,
    context: &RequestContext,
    now: Timestamp,
    who: &mut Who,
) -> Result<Shown, Stopped> {
    let interaction = interaction::load(server, handle, browser, now, who).await?;
    let Interaction { client, target, wanted, .. } = &interaction;
    let need_login = |reason| Ok(Shown::NeedLogin { reason, login_hint: wanted.login_hint.clone() });
    let Some(signed_in) = signed_in else { return need_login(LoginReason::NobodySignedIn) };
    let user = match interaction::user(server, wanted, interaction.begun_at, signed_in, now).await? {
        Ok(user) => user,
        Err(reason) => return need_login(reason),
    };
    server.refuse_client_as_subject(&user.subject, &client.id).await.map_err(|error: Error| interaction.stop(error))?;
    let permitted = permit(server, client, wanted, &user, signed_in, context, now).await;
    let permitted = match permitted.map_err(|error| interaction.stop(error))? {
        Ok(permitted) => permitted,
        Err(reason) => return need_login(reason),
    };
    let held = interaction.held.as_ref();
    // looking without coming to stay decides nothing (RFC 9110 §9.2.1)
    let may_decide = request.method != Method::Head && !super::request::is_prefetch(request);
    if may_decide && interaction::is_covered(client, target, wanted, &permitted.scope, held, now) {
        server.require_trail()?;
        let redirect = interaction::approve(server, &interaction, signed_in, permitted, false, context, now).await?;
        return Ok(Shown::Redirect(redirect));
    }
    prompt(server, &interaction, signed_in, &permitted.scope, now).await
}

async fn prompt(
    server: &Inner,
    interaction: &Interaction,
    signed_in: &SignedIn,
    scope: &Scope,
    now: Timestamp,
) -> Result<Shown, Stopped> {
    let Interaction { client, target, wanted, .. } = interaction;
    let key = server.keys.newest_family_key(now).await.map_err(Fault::from)?;
    let shown = ShownTo {
        tenant: &server.stores.tenant,
        handle: &interaction.handle,
        browser: &interaction.browser,
        subject: &signed_in.subject,
        auth_time: signed_in.auth_time,
        scope,
        resource: &wanted.resource,
    };
    let held = interaction.held.as_ref().filter(|held| now < held.expires_at);
    let is_held = |name: &str| held.is_some_and(|held| held.scope.contains(name));
    let scopes = scope.iter().map(|name| PromptScope::of(server, name, is_held(name)));
    Ok(Shown::Prompt(Box::new(Prompt {
        client: client.id.clone(),
        client_name: client.name.clone(),
        redirect_host: target.uri.host().to_owned(),
        subject: signed_in.subject.clone(),
        scopes: scopes.collect(),
        resource: wanted.resource.clone(),
        consent: shown.token(&key, now),
    })))
}
