//! The authorization endpoint (RFC 6749 §3.1): three calls, between which the host's own pages stand, bound to one
//! browser.
//!
//! ```text
//!  browser            host                          this library
//!  ──────── GET authorize ──▶ begin ───────────────▶ client and redirect URI proved, request written down
//!  ◀─ cookie, 303 to the page ── handle, browser secret ◀──
//!  ──────── GET page ───────▶ show  ───────────────▶ who must sign in, or what to ask
//!  ◀─ login or consent page ──── prompt, consent token ◀──
//!  ──────── POST page ──────▶ complete ────────────▶ this browser, this user, what was shown: decided once
//!  ◀─ 303 to the client ──────── redirect ◀──
//! ```
//!
//! The calls may reach different nodes. What ties them together is the handle (names the request), the browser secret
//! (a cookie that never leaves this browser) and the consent token (a MAC over what was shown to whom).

mod allowed;
mod begin;
mod complete;
mod consent_token;
mod frozen;
mod html;
mod interaction;
mod narrowed;
mod permit;
mod redirect;
mod request;
mod show;
mod tokens;

pub use self::allowed::AllowedClient;
pub(crate) use self::allowed::allowed;
pub(crate) use self::begin::begin;
pub(crate) use self::complete::{Form, complete};
pub use self::consent_token::ConsentToken;
pub(crate) use self::redirect::ResponseMode;
pub use self::redirect::{Page, Redirect};
pub(crate) use self::show::show;
pub use self::tokens::{BrowserSecret, Handle, SessionTooShort};
pub use crate::policy::sign_in::LoginReason;
use crate::server::Inner;
use crate::store::AuthenticationContext;
use crate::types::{ClientId, ResourceUri, Scope, Subject, Timestamp};

/// Who is signed in, as the host's own session says; never what a form says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Who.
    pub subject: Subject,
    /// When that user proved who they are, in milliseconds; not in the future. A host that keeps seconds rounds up.
    pub auth_time: Timestamp,
    /// By which methods (RFC 8176), such as `pwd`.
    pub amr: Vec<String>,
    /// To which class, if the host knows classes.
    pub acr: Option<String>,
}

impl SignedIn {
    /// A user who signed in at this time.
    #[must_use]
    pub const fn new(subject: Subject, auth_time: Timestamp) -> Self {
        Self { subject, auth_time, amr: Vec::new(), acr: None }
    }

    fn context(&self) -> AuthenticationContext {
        AuthenticationContext { auth_time: self.auth_time, amr: self.amr.clone(), acr: self.acr.clone() }
    }
}

/// Answer of [`begin`](crate::AuthorizationServer::begin).
#[must_use]
#[derive(Debug)]
pub enum Begun {
    /// The user is needed: keep the browser secret in this browser and show the page for this handle.
    Interaction {
        /// Names the interaction; may stand in the page's URL.
        handle: Handle,
        /// Belongs into a cookie that only this browser has.
        browser: BrowserSecret,
    },
    /// Answered without asking anybody: remembered consent, or an error that the client is told.
    Redirect(Redirect),
    /// Refused, and no client can be told.
    Page(Page),
}

/// Answer of [`show`](crate::AuthorizationServer::show).
#[must_use]
#[derive(Debug)]
pub enum Shown {
    /// The user has to sign in; then call `show` again.
    NeedLogin {
        /// Why.
        reason: LoginReason,
        /// What the client believes the login name to be. Whoever asked wrote it: escape it.
        login_hint: Option<String>,
    },
    /// The user has to be asked.
    Prompt(Box<Prompt>),
    /// Answered without asking: remembered consent covers it, or an error that the client is told.
    Redirect(Redirect),
    /// Refused, and no client can be told.
    Page(Page),
}

/// What to ask a user. All of it is text: escape it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Who asks.
    pub client: ClientId,
    /// The name that an operator registered for it.
    pub client_name: String,
    /// The host, or the scheme of a native app, that the answer goes to.
    pub redirect_host: String,
    /// Who is asked.
    pub subject: Subject,
    /// What is asked for. The user may allow a part of it.
    pub scopes: Vec<PromptScope>,
    /// For which resources (RFC 8707).
    pub resource: Vec<ResourceUri>,
    /// Goes into the form, and comes back with the decision.
    pub consent: ConsentToken,
}

impl Prompt {
    /// All of the scope that is asked for.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let all: Vec<&str> = self.scopes.iter().map(|scope| scope.name.as_str()).collect();
        Scope::parse(&all.join(" ")).unwrap_or_else(|_| Scope::empty())
    }
}

/// One scope, as users see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptScope {
    /// Its name.
    pub name: String,
    /// What it means, as [`scope_text`](crate::Builder::scope_text) says.
    pub text: Option<String>,
    /// Whether the user allowed it to this client before.
    pub held: bool,
}

impl PromptScope {
    pub(crate) fn of(server: &Inner, name: &str, held: bool) -> Self {
        Self { name: name.to_owned(), text: server.scope_texts.get(name).cloned(), held }
    }

    /// What to print: the text, or the name of a scope without one.
    #[must_use]
    pub fn label(&self) -> &str {
        self.text.as_deref().unwrap_or(&self.name)
    }
}

/// What the user decides. It names nobody: who decides is in [`SignedIn`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The client may have this much of what was shown; nothing of it is a denial.
    Approve {
        /// Of the scopes that were shown.
        scopes: Scope,
    },
    /// The client may have nothing.
    Deny,
}

/// Answer of [`complete`](crate::AuthorizationServer::complete).
#[must_use]
#[derive(Debug)]
pub enum Completed {
    /// Decided: send the browser back to the client.
    Redirect(Redirect),
    /// It was decided before, in another tab or by an impatient second click; nothing changed. The page says so.
    AlreadyDecided(Page),
    /// The sign-in is not good any more; show the login page.
    NeedLogin {
        /// Why.
        reason: LoginReason,
    },
    /// Refused; nothing changed.
    Page(Page),
}
