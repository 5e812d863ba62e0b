//! `begin`: who asks, where the answer goes, what is asked; and whether anybody has to be asked at all.

use std::sync::Arc;

use super::interaction::{self, Stopped};
use super::redirect::{Redirect, Refused, Target};
use super::request::{self, Wanted};
use super::tokens::{BrowserSecret, Handle};
use super::{Begun, SignedIn, frozen};
use crate::audit::{What, Who};
use crate::context::RequestContext;
use crate::error::Refusal;
use crate::policy::consent;
use crate::server::Inner;
use crate::store::{
    AuthorizationRequestRecord, BeginOutcome, BeginRequest, Binding, Client, ConsentKey, Extra, IssueCode,
    RequestOrigin, RequestState,
};
use crate::types::{Lifetime, Timestamp};
use crate::wire::Request;

/// How long a user may take.
pub(super) const INTERACTION_LIFETIME: Lifetime = Lifetime::of_seconds(1_800);

pub(crate) async fn begin(
    server: &Inner,
    request: &Request,
    signed_in: Option<&SignedIn>,
    browser: Option<BrowserSecret>,
    context: &RequestContext,
    now: Timestamp,
) -> Begun {
    let mut who = Who::default();
    match try_begin(server, request, signed_in, browser, context, now, &mut who).await {
        Ok(begun) => begun,
        Err(stopped) => match stopped.tell(server, who, context, now) {
            Refused::Redirect(redirect) => Begun::Redirect(redirect),
            Refused::Page(page) => Begun::Page(page),
        },
    }
}

async fn try_begin(
    server: &Inner,
    request: &Request,
    signed_in: Option<&SignedIn>,
    browser: Option<BrowserSecret>,
    context: &RequestContext,
    now: Timestamp,
    who: &mut Who,
) -> Result<Begun, Stopped> {
    server.require_trail()?;
    let parameters = request::parameters(request)?;
    server.transport.require_private(request)?;
    let (client, target) = request::prove(server, &parameters, now).await?;
    who.client = Some(client.id.clone());
    let tell_client = |error| Stopped { error, target: Some(target.clone()) };
    let wanted = request::want(server, &parameters, &client, now).await.map_err(tell_client)?;
    let stop = |refusal: Refusal| tell_client(refusal.into());
    let login = match signed_in {
        None => true,
        Some(signed_in) => {
            who.subject = Some(signed_in.subject.clone());
            match interaction::user(server, &wanted, now, signed_in, now)
                .await
                .map_err(|fault| tell_client(fault.into()))?
            {
                Err(_) => true,
                Ok(user) => {
                    let scope =
                        interaction::scope_for(&wanted, &user, server.grant_settings.scope_mode).map_err(stop)?;
                    let silent = Silent { server, client: &client, target: &target, wanted: &wanted, signed_in, now };
                    if let Some(redirect) = silent.answer(scope.scope(), context).await? {
                        return Ok(Begun::Redirect(redirect));
                    }
                    false
                }
            }
        }
    };
    if wanted.prompt.none {
        return Err(stop(if login { Refusal::LoginRequired } else { Refusal::ConsentRequired }));
    }
    write_down(server, &client, &target, &wanted, browser, now).await
}

/// A request that may be answered without asking.
struct Silent<'a> {
    server: &'a Inner,
    client: &'a Arc<Client>,
    target: &'a Target,
    wanted: &'a Wanted,
    signed_in: &'a SignedIn,
    now: Timestamp,
}

impl Silent<'_> {
    /// A code, when remembered consent covers what is asked.
    async fn answer(&self, scope: &crate::types::Scope, context: &RequestContext) -> Result<Option<Redirect>, Stopped> {
        let Self { server, client, target, wanted, signed_in, now } = *self;
        if wanted.prompt.consent || !consent::is_remembered(client) {
            return Ok(None);
        }
        let tell_client = |error: crate::error::Error| Stopped { error, target: Some(target.clone()) };
        let key = ConsentKey {
            subject: signed_in.subject.clone(),
            client: client.id.clone(),
            redirect_uri: target.uri.as_str().to_owned(),
            resource: wanted.resource.clone(),
        };
        let held = server.stores.grants.find_consent(&key).await.map_err(|error| tell_client(error.into()))?;
        if !interaction::is_covered(client, target, wanted, scope, held.as_ref(), now) {
            return Ok(None);
        }
        let minted = interaction::mint_code(server, client, target, wanted, signed_in, scope, now);
        let (code, record) = minted.map_err(|fault| tell_client(fault.into()))?;
        match server.stores.grants.issue_code(record).await.map_err(|error| tell_client(error.into()))? {
            IssueCode::Issued => {}
            // withdrawn a moment ago
            IssueCode::CutOff => return Ok(None),
        }
        let what = What::CodeIssued { scope: scope.clone(), asked: false };
        server.audit(now, context, Some(client.id.clone()), Some(signed_in.subject.clone()), what)?;
        Ok(Some(Redirect::with_code(target, &server.issuer, &code)))
    }
}

async fn write_down(
    server: &Inner,
    client: &Client,
    target: &Target,
    wanted: &Wanted,
    browser: Option<BrowserSecret>,
    now: Timestamp,
) -> Result<Begun, Stopped> {
    let handle = Handle::random(server.entropy.as_ref())?;
    let browser = match browser {
        Some(browser) => browser,
        None => BrowserSecret::random(server.entropy.as_ref())?,
    };
    let request = AuthorizationRequestRecord {
        handle: handle.digest(),
        origin: RequestOrigin::Plain,
        client: client.id.clone(),
        redirect_uri: target.uri.as_str().to_owned(),
        request: frozen::freeze(target, wanted)?,
        browser: Some(browser.digest()),
        subject: None,
        state: RequestState::Begun,
        binding: Binding::None,
        auth: None,
        resource: wanted.resource.clone(),
        begun_at: now,
        expires_at: now.plus(INTERACTION_LIFETIME),
        extra: Extra::default(),
    };
    let (client_limit, tenant_limit) = server.open_requests;
    match server.stores.grants.begin_request(BeginRequest { request, client_limit, tenant_limit }).await? {
        BeginOutcome::Begun => Ok(Begun::Interaction { handle, browser }),
        BeginOutcome::TooMany => Err(Refusal::TooManyInteractions.into()),
    }
}
