//! The authorization endpoint in a host's application: what the host says once, and the first of the three calls.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use actix_web::dev::Payload as DevPayload;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, HeaderValue, LOCATION, PRAGMA, REFERRER_POLICY, RETRY_AFTER, SET_COOKIE,
};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, rt, web};
use oauth_core::authorize::{Begun, BrowserSecret, Handle, Page, SignedIn};
use oauth_core::wire::{Body, Request};
use oauth_core::{AuthorizationServer, Error, Fault, Refusal};
use tokio::task::JoinError;

use crate::cookie::Cookies;
use crate::{body, private_page, request, response};

type SignedInFuture = Pin<Box<dyn Future<Output = Result<Option<SignedIn>, actix_web::Error>>>>;
type FindSignedIn = dyn Fn(HttpRequest) -> SignedInFuture + Send + Sync;
type FindSession = dyn Fn(&HttpRequest) -> Option<BrowserSecret> + Send + Sync;
type RenderError = dyn Fn(&HttpRequest, &Page) -> HttpResponse + Send + Sync;

/// What a host says once of its part in the authorization endpoint: where its page lies, and who is signed in.
///
/// ```
/// # use actix_web::{App, HttpRequest, web};
/// # use oauth_core::authorize::SignedIn;
/// use oauth_http_actix::{Authorize, Interaction, PrivatePage, Routes, Shown, decide};
///
/// # struct Session;
/// # fn consent_page(_: &oauth_core::authorize::Prompt) -> actix_web::HttpResponse { actix_web::HttpResponse::Ok().finish() }
/// # fn login_page(_: impl ToString) -> actix_web::HttpResponse { actix_web::HttpResponse::Ok().finish() }
/// # impl Session { async fn user(&self) -> Result<Option<SignedIn>, actix_web::Error> { Ok(None) } }
/// /// Any arguments that a handler could have.
/// async fn signed_in(session: web::Data<Session>) -> Result<Option<SignedIn>, actix_web::Error> {
///     session.user().await
/// }
///
/// async fn consent(interaction: Interaction) -> PrivatePage {
///     PrivatePage(match interaction.show().await {
///         Shown::Prompt(prompt) => consent_page(&prompt),
///         Shown::NeedLogin { .. } => login_page(interaction.path_and_query()), // leads back here
///         Shown::Answer(answer) => answer,
///     })
/// }
///
/// # fn app(server: oauth_core::AuthorizationServer) {
/// let app = App::new()
///     .configure(|app| Routes::new(&server).authorize(Authorize::new("/consent", signed_in)).mount(app))
///     .service(web::resource("/consent").get(consent).post(decide));
/// # drop(app);
/// # }
/// ```
///
/// # What an access log shows
/// Codes travel in our answer's `Location` and in the URL of the *client*; secrets of browsers in cookies; verifiers,
/// tokens and decisions in bodies. None of it is in actix's default log format. What is there: the client's own
/// parameters (`state`, `login_hint`) in the query of the authorization endpoint, and the handle in the query of the
/// host's page, with which nothing can be done in another browser. A host that also serves a client's redirect URI, or
/// whose clients put credentials into a query where they do not belong, logs paths only:
///
/// ```
/// # use actix_web::middleware::Logger;
/// let log = Logger::new(r#"%a %{method}xi %U %s %b %T"#)
///     .custom_request_replace("method", |http| http.method().to_string());
/// # drop(log);
/// ```
#[derive(Clone)]
pub struct Authorize {
    page: String,
    signed_in: Arc<FindSignedIn>,
    session: Option<Arc<FindSession>>,
    error_page: Option<Arc<RenderError>>,
}

impl Authorize {
    /// `page` is the path, absolute from the origin as browsers see it, of the host's page that takes an
    /// [`Interaction`](crate::Interaction): users come to `page?interaction=…`. Both GET and POST come there.
    ///
    /// `signed_in` says who is signed in, from the host's own session; it may take whatever extractors a handler may, but
    /// not the body. When it fails, users get the error page with 503, and the request is not lost: they reload.
    pub fn new<F, Args, E>(page: impl Into<String>, signed_in: F) -> Self
    where
        F: Handler<Args, Output = Result<Option<SignedIn>, E>> + Send + Sync,
        Args: FromRequest + 'static,
        E: Into<actix_web::Error> + 'static,
    {
        let signed_in = move |http: HttpRequest| -> SignedInFuture {
            let signed_in = signed_in.clone();
            Box::pin(async move {
                let args = Args::from_request(&http, &mut DevPayload::None).await.map_err(Into::into)?;
                signed_in.call(args).await.map_err(Into::into)
            })
        };
        Self { page: page.into(), signed_in: Arc::new(signed_in), session: None, error_page: None }
    }

    /// Ties interactions to a session of the host's ([`BrowserSecret::from_host_session`]) instead of a cookie each.
    /// Every visitor has to have one, signed in or not, and keeps what the secret is made of while signing in: an
    /// identifier that changes at login, as it should, does not do. Without a session users get the error page.
    #[must_use]
    pub fn bound_to_session(
        mut self,
        session: impl Fn(&HttpRequest) -> Option<BrowserSecret> + Send + Sync + 'static,
    ) -> Self {
        self.session = Some(Arc::new(session));
        self
    }

    /// Renders errors that no client can be told on a page of the host's. [`Page`] says what to write; status and
    /// protecting headers are set afterwards.
    #[must_use]
    pub fn error_page(mut self, render: impl Fn(&HttpRequest, &Page) -> HttpResponse + Send + Sync + 'static) -> Self {
        self.error_page = Some(Arc::new(render));
        self
    }

    /// What is wrong with the settings.
    pub(crate) fn mistake(&self) -> Option<String> {
        let lawful = self.page.starts_with('/')
            && !self.page.starts_with("//")
            && self.page.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\#\"<>".contains(&byte));
        (!lawful).then(|| format!("the page `{}` of `Authorize` is no path: begin it with one `/`", self.page))
    }
}

impl fmt::Debug for Authorize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorize").field("page", &self.page).finish_non_exhaustive()
    }
}

/// A mounted authorization endpoint, for its own handler and for the host's.
#[derive(Debug, Clone)]
pub(crate) struct Mounted {
    pub(crate) server: AuthorizationServer,
    /// How long a body may take to arrive.
    pub(crate) deadline: Duration,
    cookies: Cookies,
    host: Authorize,
}

impl Mounted {
    pub(crate) fn new(server: &AuthorizationServer, host: Authorize, deadline: Duration) -> Self {
        Self { server: server.clone(), deadline, cookies: Cookies::of(server), host }
    }

    /// Answers GET and POST at the authorization endpoint's path.
    pub(crate) async fn begin(self, http: HttpRequest, mut payload: web::Payload) -> HttpResponse {
        let body = body::read(&http, &mut payload, self.deadline).await;
        let unread = (!matches!(body, Body::Whole(_))).then_some(payload);
        let request = request::read(&http, body);
        let answer = match self.surroundings(&http).await {
            Ok((signed_in, browser)) => self.ask(&http, request, signed_in, browser).await,
            Err(fault) => self.fail(&http, &request, fault),
        };
        match unread {
            Some(unread) => response::holding(answer, unread),
            None => answer,
        }
    }

    /// Who is signed in, as the host says.
    pub(crate) async fn signed_in(&self, http: &HttpRequest) -> Result<Option<SignedIn>, Fault> {
        (self.host.signed_in)(http.clone()).await.map_err(|error| failed(error.to_string()))
    }

    /// Who is signed in, and what of the host's session ties the interaction to this browser.
    async fn surroundings(&self, http: &HttpRequest) -> Result<(Option<SignedIn>, Option<BrowserSecret>), Fault> {
        let signed_in = self.signed_in(http).await?;
        let browser = match &self.host.session {
            Some(session) => Some(session(http).ok_or_else(|| failed("a visitor has no session of the host's"))?),
            None => None,
        };
        Ok((signed_in, browser))
    }

    async fn ask(
        &self,
        http: &HttpRequest,
        request: Request,
        signed_in: Option<SignedIn>,
        browser: Option<BrowserSecret>,
    ) -> HttpResponse {
        let server = self.server.clone();
        // actix drops a handler whose client went away; a task of its own goes on
        let task = rt::spawn(async move { server.begin(&request, signed_in.as_ref(), browser).await });
        match task.await {
            Ok(Begun::Interaction { handle, browser }) => self.to_page(http, &handle, &browser),
            Ok(Begun::Redirect(redirect)) => response::send(redirect.response(), false, None),
            Ok(Begun::Page(page)) => self.page(http, page),
            Err(error) => self.cut_off(http, &error),
        }
    }

    /// To the host's page, with the cookie that only this browser has.
    fn to_page(&self, http: &HttpRequest, handle: &Handle, browser: &BrowserSecret) -> HttpResponse {
        let mut answer = self.see_page(handle);
        if self.host.session.is_none() {
            for cookie in self.cookies.set(http, handle, browser) {
                answer.headers_mut().append(SET_COOKIE, cookie);
            }
        }
        answer
    }

    /// To the host's page, by GET.
    pub(crate) fn see_page(&self, handle: &Handle) -> HttpResponse {
        let mut answer = HttpResponse::SeeOther();
        answer.insert_header((LOCATION, self.page_of(handle))).insert_header((REFERRER_POLICY, "no-referrer"));
        answer.insert_header((CACHE_CONTROL, "no-store")).insert_header((PRAGMA, "no-cache")).finish()
    }

    /// Where the host's page lies for this interaction.
    pub(crate) fn page_of(&self, handle: &Handle) -> String {
        let separator = if self.host.page.contains('?') { '&' } else { '?' };
        format!("{}{separator}interaction={}", self.host.page, handle.expose())
    }

    /// What ties this interaction to the browser that this request came from.
    pub(crate) fn browser(&self, http: &HttpRequest, handle: &Handle) -> Option<BrowserSecret> {
        match &self.host.session {
            Some(session) => session(http),
            None => self.cookies.find(http, handle),
        }
    }

    /// Whether this browser has decided this interaction, where the cookie is ours.
    pub(crate) fn is_done(&self, http: &HttpRequest, handle: &Handle) -> bool {
        self.host.session.is_none() && self.cookies.is_done(http, handle)
    }

    /// The cookie that goes with the answer to a decision, where it is ours.
    pub(crate) fn done(&self, handle: &Handle) -> Option<HeaderValue> {
        if self.host.session.is_some() { None } else { self.cookies.done(handle) }
    }

    /// The error page: the host's, or the plain one.
    pub(crate) fn page(&self, http: &HttpRequest, page: Page) -> HttpResponse {
        let plain = page.response();
        let Some(render) = &self.host.error_page else { return response::send(plain, false, None) };
        let mut answer = render(http, &page);
        *answer.status_mut() = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for name in [ALLOW, RETRY_AFTER] {
            if let Some(Ok(value)) = plain.header_value(name.as_str()).map(HeaderValue::from_str) {
                answer.headers_mut().insert(name, value);
            }
        }
        private_page::protect(&mut answer);
        answer
    }

    /// The error page for what is refused in front of the server.
    pub(crate) fn refuse(&self, http: &HttpRequest, refusal: Refusal) -> HttpResponse {
        let request = request::read(http, Body::Whole(Vec::new()));
        self.page(http, self.server.refuse(&request, &Error::Refused(refusal)))
    }

    /// The error page for what failed on our side.
    pub(crate) fn fail(&self, http: &HttpRequest, request: &Request, fault: Fault) -> HttpResponse {
        self.page(http, self.server.refuse(request, &Error::Fault(fault)))
    }

    /// The error page for a task that did not come to its end.
    pub(crate) fn cut_off(&self, http: &HttpRequest, error: &JoinError) -> HttpResponse {
        let request = request::read(http, Body::Whole(Vec::new()));
        self.fail(http, &request, failed(format!("answering a request panicked or was cut off: {error}")))
    }
}

fn failed(why: impl Into<String>) -> Fault {
    Fault::Hook(Box::new(io::Error::other(why.into())))
}
