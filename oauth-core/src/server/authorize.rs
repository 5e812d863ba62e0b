//! The three calls of the authorization endpoint, and what a user sees and withdraws afterwards.

use super::{AuthorizationServer, Inner};
use crate::audit::Who;
use crate::context::RequestContext;
use crate::endpoint::authorize::{
    self, AllowedClient, Begun, BrowserSecret, Completed, ConsentToken, Decision, Handle, Page, Shown, SignedIn,
};
use crate::error::{Error, Fault, Refusal};
use crate::store::CutoffKey;
use crate::time::Clock as _;
use crate::types::{ClientId, Subject, Timestamp};
use crate::wire::Request;

impl AuthorizationServer {
    /// First of the three calls (RFC 6749 §4.1.1): a browser came to the authorization endpoint.
    ///
    /// `request` is that request, GET or POST. `signed_in` is who the host's session says is there, if anybody.
    /// `browser` is `None`, unless the host ties interactions to its own session
    /// ([`BrowserSecret::from_host_session`]).
    ///
    /// Client and redirect URI are proved before anything is sent anywhere; what else is wrong is told to the client.
    /// Answered at once are `prompt=none` and what remembered consent covers; otherwise the request is written down,
    /// and nothing of it is read from the browser again.
    pub async fn begin(
        &self,
        request: &Request,
        signed_in: Option<&SignedIn>,
        browser: Option<BrowserSecret>,
    ) -> Begun {
        let server = &*self.inner;
        let (context, now) = (server.context(request), server.clock.now());
        match server.in_flight.enter() {
            Some(_busy) => authorize::begin(server, request, signed_in, browser, &context, now).await,
            None => Begun::Page(shutting_down(&context)),
        }
    }

    /// Second of the three calls, as often as the host's page is looked at: who has to sign in, or what to ask.
    ///
    /// Nothing changes, unless consent is remembered for a user who signed in after `begin`: then the answer is the
    /// code (never for HEAD or a prefetch).
    pub async fn show(
        &self,
        request: &Request,
        handle: &Handle,
        browser: &BrowserSecret,
        signed_in: Option<&SignedIn>,
    ) -> Shown {
        let server = &*self.inner;
        let (context, now) = (server.context(request), server.clock.now());
        match server.in_flight.enter() {
            Some(_busy) => authorize::show(server, request, handle, browser, signed_in, &context, now).await,
            None => Shown::Page(shutting_down(&context)),
        }
    }

    /// Last of the three calls: the user decided. `request` must be a POST.
    ///
    /// The decision counts only in the browser that began, for the user whom the prompt was shown to, about exactly
    /// what was shown, and once. Who decides comes from `signed_in`, never from the form.
    ///
    /// Dropping the future can leave a decision without an answer: run it on a task that a disconnect cannot cancel, as
    /// `oauth-http-actix` does.
    pub async fn complete(
        &self,
        request: &Request,
        handle: &Handle,
        browser: &BrowserSecret,
        consent: &ConsentToken,
        signed_in: &SignedIn,
        decision: &Decision,
    ) -> Completed {
        let server = &*self.inner;
        let (context, now) = (server.context(request), server.clock.now());
        let form = authorize::Form { handle, browser, consent, signed_in, decision };
        match server.in_flight.enter() {
            Some(_busy) => authorize::complete(server, request, form, &context, now).await,
            None => Completed::Page(shutting_down(&context)),
        }
    }

    /// For an adapter that finds out by itself that one of the three calls cannot be made: audits why, and gives the
    /// page to show.
    pub fn refuse(&self, request: &Request, error: &Error) -> Page {
        let server = &*self.inner;
        let (context, now) = (server.context(request), server.clock.now());
        match server.audit_error(error, Who::default(), &context, now) {
            Ok(()) => Page::of(error, context.correlation_id),
            Err(lost) => Page::of(&Error::Fault(lost), context.correlation_id),
        }
    }

    /// What a user allows at present, a page of clients at a time, in byte order of their ids; for a page on which
    /// users see and withdraw it. `limit` is the most clients of a page; each costs a read of its registration.
    ///
    /// # Errors
    /// [`Fault::Store`].
    pub async fn grants_of(
        &self,
        subject: &Subject,
        after: Option<&ClientId>,
        limit: u32,
    ) -> Result<Vec<AllowedClient>, Fault> {
        let server = &*self.inner;
        let _busy = server.in_flight.enter().ok_or(Fault::ShuttingDown)?;
        authorize::allowed(server, subject, after, limit, server.clock.now()).await
    }

    /// Withdraws all that a user allowed a client: remembered consent, codes, families and their tokens, by one row.
    ///
    /// # Errors
    /// [`Fault::Store`].
    pub async fn withdraw(&self, subject: &Subject, client: &ClientId) -> Result<(), Fault> {
        let key = CutoffKey::Grant { subject: subject.clone(), client: client.clone() };
        self.cut_off(key, Some(client.clone()), Some(subject.clone())).await
    }
}

impl Inner {
    /// Whom an id token of ours names to this client.
    pub(crate) async fn hinted_subject(&self, hint: &str, client: &ClientId, now: Timestamp) -> Result<Subject, Error> {
        let keys = self.keys.fresh(now).await.map_err(Fault::from)?;
        let hinted = crate::token::id_token::read_hint(hint, &self.issuer, client, &keys);
        // at this endpoint a bad hint is a bad request (OpenID Connect Core §3.1.2.6)
        hinted.map_err(|_| Refusal::HintUnusable.into())
    }
}

fn shutting_down(context: &RequestContext) -> Page {
    Page::of(&Error::Fault(Fault::ShuttingDown), context.correlation_id)
}
