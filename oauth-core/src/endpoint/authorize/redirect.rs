//! Where the answer goes: back to the client's redirect URI (RFC 6749 §4.1.2), or to a page of our own when that is not
//! proved.

use std::fmt;

use zeroize::Zeroizing;

use super::html;
use crate::context::CorrelationId;
use crate::error::{Error, Refusal};
use crate::policy::redirect_uri::ValidRedirectUri;
use crate::server::Inner;
use crate::types::Issuer;
use crate::wire::{ErrorCode, Response};

/// How the answer travels (OAuth 2.0 Multiple Response Type Encoding Practices §2.1, Form Post Response Mode).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ResponseMode {
    /// In the query of the redirect URI.
    #[default]
    Query,
    /// In a form that the browser posts.
    FormPost,
}

impl ResponseMode {
    pub(crate) const ALL: [Self; 2] = [Self::Query, Self::FormPost];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::FormPost => "form_post",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

/// A proved place for the answer.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) uri: ValidRedirectUri,
    pub(super) mode: ResponseMode,
    pub(super) state: Option<String>,
}

/// The answer to the client, through the user's browser: a code, or why there is none. `Debug` prints neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Redirect {
    uri: String,
    mode: ResponseMode,
    members: Vec<(&'static str, Zeroizing<String>)>,
}

impl Redirect {
    /// A code (RFC 6749 §4.1.2) with `state` and `iss` (RFC 9207).
    pub(super) fn with_code(target: &Target, issuer: &Issuer, code: &str) -> Self {
        Self::new(target, issuer, vec![("code", Zeroizing::new(code.to_owned()))])
    }

    /// An error (RFC 6749 §4.1.2.1) with `state` and `iss`.
    pub(super) fn with_error(target: &Target, issuer: &Issuer, error: &Error, request: CorrelationId) -> Self {
        let (code, description) = match error {
            // a host's rule denies: here that has a code of its own (RFC 6749 §4.1.2.1)
            Error::Refused(Refusal::PolicyDenied { .. }) => {
                (ErrorCode::AccessDenied.as_str(), "this cannot be allowed now".to_owned())
            }
            // and where it wants a login while nobody may be asked (OpenID Connect Core §3.1.2.6)
            Error::Refused(Refusal::PolicyLogin { .. }) => {
                (ErrorCode::LoginRequired.as_str(), Refusal::LoginRequired.description().to_owned())
            }
            Error::Refused(refusal) => (refusal.code().as_str(), refusal.description().to_owned()),
            Error::Fault(fault) => {
                let code = if fault.is_temporary() { "temporarily_unavailable" } else { "server_error" };
                (code, format!("request {request}"))
            }
        };
        let members =
            vec![("error", Zeroizing::new(code.to_owned())), ("error_description", Zeroizing::new(description))];
        Self::new(target, issuer, members)
    }

    fn new(target: &Target, issuer: &Issuer, mut members: Vec<(&'static str, Zeroizing<String>)>) -> Self {
        members.extend(target.state.clone().map(|state| ("state", Zeroizing::new(state))));
        members.push(("iss", Zeroizing::new(issuer.as_str().to_owned())));
        Self { uri: target.uri.as_str().to_owned(), mode: target.mode, members }
    }

    /// Whether the client is told of an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.members.iter().any(|(name, _)| *name == "error")
    }

    /// What the browser gets: 303 with the answer in the query (never 307, which would post the user's password on,
    /// RFC 9700 §4.12), or a page that posts it.
    #[must_use]
    pub fn response(&self) -> Response {
        match self.mode {
            ResponseMode::Query => {
                let response = Response { status: 303, headers: Vec::with_capacity(5), body: Vec::new() };
                response.header("location", self.location()).header("referrer-policy", "no-referrer").no_store()
            }
            ResponseMode::FormPost => html::form_post(&self.uri, &self.members),
        }
    }

    fn location(&self) -> String {
        let mut location = self.uri.clone();
        let mut separator = match self.uri.split_once('?') {
            None => "?",
            Some((_, "")) => "",
            Some((_, query)) if query.ends_with('&') => "",
            Some(_) => "&",
        };
        for (name, value) in &self.members {
            location.push_str(separator);
            location.push_str(name);
            location.push('=');
            html::encode_query(value, &mut location);
            separator = "&";
        }
        location
    }
}

impl fmt::Debug for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.members.iter().map(|(name, _)| *name).collect();
        f.debug_struct("Redirect").field("uri", &self.uri).field("members", &names).finish()
    }
}

/// An error that the user is told, because no client can be: no client or redirect URI is proved, or the interaction
/// does not belong to this browser. The host may show it on a page of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The status: 400, 403, 405, 500 or 503, among others.
    pub status: u16,
    /// What is wrong, in a plain sentence that holds nothing of the request.
    pub message: &'static str,
    /// The reason, for the host; `None` when we failed.
    pub reason: Option<Refusal>,
    /// Names the request in the audit trail.
    pub request: CorrelationId,
}

impl Page {
    pub(crate) fn of(error: &Error, request: CorrelationId) -> Self {
        match error {
            Error::Refused(refusal) => Self {
                // no client has authenticated here, so none can have failed to
                status: if refusal.status() == 401 { 400 } else { refusal.status() },
                message: refusal.page(),
                reason: Some(*refusal),
                request,
            },
            Error::Fault(fault) => Self {
                status: if fault.is_temporary() { 503 } else { 500 },
                message: "Something went wrong on our side. Please try again in a moment.",
                reason: None,
                request,
            },
        }
    }

    /// The page in its plain form: no script, no frame, nothing of the request.
    #[must_use]
    pub fn response(&self) -> Response {
        let response = html::page(self.status, self.message, self.request);
        match self.status {
            405 => response.header("allow", "GET, POST"),
            503 => response.header("retry-after", "1"),
            _ => response,
        }
    }
}

/// To the client where it is proved, to the user where not.
pub(super) fn refuse(server: &Inner, target: Option<&Target>, error: &Error, request: CorrelationId) -> Refused {
    match target {
        Some(target) => Refused::Redirect(Redirect::with_error(target, &server.issuer, error, request)),
        None => Refused::Page(Page::of(error, request)),
    }
}

/// An error, on its way to whom it concerns.
pub(super) enum Refused {
    Redirect(Redirect),
    Page(Page),
}
