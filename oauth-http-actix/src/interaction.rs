//! An interaction, as an argument of the handlers of the host's login and consent pages.

use std::future::{Ready, ready};
use std::{fmt, io};

use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::http::header::SET_COOKIE;
use actix_web::{FromRequest, HttpRequest, HttpResponse, rt};
use oauth_core::Refusal;
use oauth_core::authorize::{self, BrowserSecret, Completed, Handle, LoginReason, Prompt, Redirect};
use oauth_core::wire::{Body, Request};

use crate::authorize::Mounted;
use crate::decision_form::DecisionForm;
use crate::private_page::PromptShown;
use crate::{request, response};

/// One user's visit between the authorization endpoint and the answer to the client: a handler that takes one runs only
/// for requests that name an interaction (`?interaction=…`) and bring a cookie for it; [`show`](Self::show) and
/// [`complete`](Self::complete) judge both. All others get the error page.
///
/// GET of the page calls `show`, POST of its form calls `complete`; a form without `action` goes back to the page's own
/// address and so to the same interaction. Links to a login page take [`path_and_query`](Self::path_and_query) along.
/// See [`Authorize`](crate::Authorize) for an example.
pub struct Interaction {
    mounted: Mounted,
    http: HttpRequest,
    handle: Handle,
    browser: BrowserSecret,
}

/// What the page shows. Other than [`authorize::Shown`], what needs nothing more of the host is an answer already.
#[must_use]
#[derive(Debug)]
pub enum Shown {
    /// The user has to sign in; then the page is asked for again.
    NeedLogin {
        /// Why.
        reason: LoginReason,
        /// What the client believes the login name to be. Whoever asked wrote it: escape it.
        login_hint: Option<String>,
    },
    /// The user has to be asked. The page goes into a [`PrivatePage`](crate::PrivatePage).
    Prompt(Box<Prompt>),
    /// Return it as it is: back to the client, or the error page.
    Answer(HttpResponse),
}

impl Interaction {
    /// Who has to sign in, or what to ask; as often as the page is looked at. Who is signed in is what the host told
    /// [`Authorize`](crate::Authorize) to find out.
    ///
    /// A client that goes away does not stop it.
    pub async fn show(&self) -> Shown {
        let signed_in = match self.mounted.signed_in(&self.http).await {
            Ok(signed_in) => signed_in,
            Err(fault) => return Shown::Answer(self.mounted.fail(&self.http, &self.request(), fault)),
        };
        let (server, handle, browser) = (self.mounted.server.clone(), self.handle.clone(), self.browser.clone());
        let request = self.request();
        let task = rt::spawn(async move { server.show(&request, &handle, &browser, signed_in.as_ref()).await });
        match task.await {
            Ok(authorize::Shown::NeedLogin { reason, login_hint }) => Shown::NeedLogin { reason, login_hint },
            Ok(authorize::Shown::Prompt(prompt)) => {
                PromptShown::note(&self.http);
                Shown::Prompt(prompt)
            }
            Ok(authorize::Shown::Redirect(redirect)) => Shown::Answer(self.leave(&redirect)),
            Ok(authorize::Shown::Page(page)) => Shown::Answer(self.mounted.page(&self.http, page)),
            Err(error) => Shown::Answer(self.mounted.cut_off(&self.http, &error)),
        }
    }

    /// The answer to a decision, to be returned as it is. The request must be a POST. Who decides is what the host told
    /// [`Authorize`](crate::Authorize) to find out, never what the form says.
    ///
    /// | what happened | answer |
    /// |---|---|
    /// | decided | back to the client |
    /// | the sign-in is not good any more | the page again, by GET: [`show`](Self::show) says why |
    /// | decided before, in another tab or by an impatient second click | the error page; nothing changed |
    /// | anything else | the error page |
    ///
    /// A client that goes away does not stop it.
    pub async fn complete(&self, form: DecisionForm) -> HttpResponse {
        let signed_in = match self.mounted.signed_in(&self.http).await {
            Ok(Some(signed_in)) => signed_in,
            Ok(None) => return self.mounted.see_page(&self.handle),
            Err(fault) => return self.mounted.fail(&self.http, &self.request(), fault),
        };
        let (server, handle, browser) = (self.mounted.server.clone(), self.handle.clone(), self.browser.clone());
        let request = self.request();
        let DecisionForm { consent, decision } = form;
        let task =
            rt::spawn(
                async move { server.complete(&request, &handle, &browser, &consent, &signed_in, &decision).await },
            );
        match task.await {
            Ok(Completed::NeedLogin { .. }) => self.mounted.see_page(&self.handle),
            Ok(Completed::Redirect(redirect)) => self.leave(&redirect),
            Ok(Completed::AlreadyDecided(page) | Completed::Page(page)) => self.mounted.page(&self.http, page),
            Err(error) => self.mounted.cut_off(&self.http, &error),
        }
    }

    /// Where the page for this interaction lies, for a link back from the login page: `/consent?interaction=…`.
    #[must_use]
    pub fn path_and_query(&self) -> String {
        self.mounted.page_of(&self.handle)
    }

    /// Back to the client.
    fn leave(&self, redirect: &Redirect) -> HttpResponse {
        let mut answer = response::send(redirect.response(), false, None);
        if let Some(cookie) = self.mounted.done(&self.handle) {
            answer.headers_mut().append(SET_COOKIE, cookie);
        }
        answer
    }

    fn request(&self) -> Request {
        request::read(&self.http, Body::Whole(Vec::new()))
    }

    fn of(http: &HttpRequest) -> Result<Self, actix_web::Error> {
        let Some(mounted) = http.app_data::<Mounted>() else { return Err(unmounted()) };
        let found =
            named(http).ok_or(Refusal::InteractionUnknown).and_then(|handle| match mounted.browser(http, &handle) {
                Some(browser) => Ok((handle, browser)),
                None if mounted.is_done(http, &handle) => Err(Refusal::InteractionDecided),
                None => Err(Refusal::InteractionForeign),
            });
        match found {
            Ok((handle, browser)) => Ok(Self { mounted: mounted.clone(), http: http.clone(), handle, browser }),
            Err(refusal) => Err(InternalError::from_response(refusal, mounted.refuse(http, refusal)).into()),
        }
    }
}

/// A handler for the form of the page: [`Interaction::complete`], and nothing else.
///
/// ```
/// # use actix_web::{App, web};
/// # use oauth_http_actix::{Interaction, PrivatePage, decide};
/// # async fn consent(_: Interaction) -> PrivatePage { PrivatePage(actix_web::HttpResponse::Ok().finish()) }
/// let app = App::new().service(web::resource("/consent").get(consent).post(decide));
/// # drop(app);
/// ```
pub async fn decide(interaction: Interaction, form: DecisionForm) -> HttpResponse {
    interaction.complete(form).await
}

impl FromRequest for Interaction {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, actix_web::Error>>;

    fn from_request(http: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(http))
    }
}

impl fmt::Debug for Interaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interaction").field("handle", &self.handle).finish_non_exhaustive()
    }
}

/// The handle in the query; two of them are none.
fn named(http: &HttpRequest) -> Option<Handle> {
    let query = http.uri().query().unwrap_or_default();
    let mut handles = query.split('&').filter_map(|pair| pair.strip_prefix("interaction="));
    match (handles.next(), handles.next()) {
        (Some(handle), None) => Handle::parse(handle),
        _ => None,
    }
}

/// The answer where nobody said how the authorization endpoint is mounted.
pub(crate) fn unmounted() -> actix_web::Error {
    let why = "a handler takes `Interaction` or `DecisionForm`, but the application has no authorization endpoint: mount it with \
               `Routes::new(&server).authorize(…)` on the `App`";
    tracing::error!(target: "oauth::http", "{why}");
    InternalError::from_response(io::Error::other(why), response::server_error()).into()
}
