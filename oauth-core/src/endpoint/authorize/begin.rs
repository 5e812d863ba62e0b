//! `begin`: who asks, where the answer goes, what is asked; and whether anybody has to be asked at all.

use super::interaction::{self, Stopped};
use super::permit::permit;
use super::redirect::{Redirect, Refused, Target};
use super::request::{self, Wanted};
use super::tokens::{BrowserSecret, Handle};
use super::{Begun, SignedIn, frozen};
use crate::audit::Who;
use crate::context::RequestContext;
use crate::error::{Error, Refusal};
use crate::policy::consent;
use crate::policy::sign_in::LoginReason;
use crate::server::Inner;
use crate::store::{
    AuthorizationRequestRecord, BeginOutcome, BeginRequest, Binding, Client, Extra, IssueCode, RequestOrigin,
    RequestState,
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
    let tell_client = |error: Error| Stopped { error, target: Some(target.clone()) };
    let wanted = request::want(server, &parameters, &client, now).await.map_err(tell_client)?;
    let needs = match signed_in {
        None => Needs::Login(LoginReason::NobodySignedIn),
        Some(signed_in) => {
            who.subject = Some(signed_in.subject.clone());
            let visit = Visit { server, client: &client, target: &target, wanted: &wanted, signed_in, context, now };
            visit.look().await.map_err(tell_client)?
        }
    };
    match needs {
        Needs::Nothing(redirect) => Ok(Begun::Redirect(redirect)),
        Needs::Login(reason) if wanted.prompt.none => Err(tell_client(login_required(&reason).into())),
        Needs::Consent if wanted.prompt.none => Err(tell_client(Refusal::ConsentRequired.into())),
        Needs::Login(_) | Needs::Consent => write_down(server, &client, &target, &wanted, browser, now).await,
    }
}

/// What a request needs of its user.
enum Needs {
    Login(LoginReason),
    Consent,
    /// Nothing: it is answered.
    Nothing(Redirect),
}

/// `login_required`, with the host's rule in the trail where one wants the login.
const fn login_required(reason: &LoginReason) -> Refusal {
    match reason {
        LoginReason::Stronger { rule, .. } => Refusal::PolicyLogin { rule },
        _ => Refusal::LoginRequired,
    }
}

/// A request of somebody who is signed in.
struct Visit<'a> {
    server: &'a Inner,
    client: &'a Client,
    target: &'a Target,
    wanted: &'a Wanted,
    signed_in: &'a SignedIn,
    context: &'a RequestContext,
    now: Timestamp,
}

impl Visit<'_> {
    /// Whether it can be answered without asking: the sign-in will do, and remembered consent covers what is asked.
    async fn look(&self) -> Result<Needs, Error> {
        let Self { server, client, target, wanted, signed_in, context, now } = *self;
        let user = match interaction::user(server, wanted, now, signed_in, now).await? {
            Ok(user) => user,
            Err(reason) => return Ok(Needs::Login(reason)),
        };
        let permitted = match permit(server, client, wanted, &user, signed_in, context, now).await? {
            Ok(permitted) => permitted,
            Err(reason) => return Ok(Needs::Login(reason)),
        };
        let scope = &permitted.scope;
        if wanted.prompt.consent || !consent::is_remembered(client) {
            return Ok(Needs::Consent);
        }
        let key = interaction::consent_key(client, target, wanted, &user.subject);
        let held = server.stores.grants.find_consent(&key).await?;
        if !interaction::is_covered(client, target, wanted, scope, held.as_ref(), now) {
            return Ok(Needs::Consent);
        }
        let (code, record) = interaction::mint_code(server, client, target, wanted, signed_in, scope, now)?;
        match server.stores.grants.issue_code(record).await? {
            IssueCode::Issued => {}
            // withdrawn a moment ago
            IssueCode::CutOff => return Ok(Needs::Consent),
        }
        let what = permitted.into_event(false);
        server.audit(now, context, Some(client.id.clone()), Some(user.subject), what)?;
        Ok(Needs::Nothing(Redirect::with_code(target, &server.issuer, &code)))
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
