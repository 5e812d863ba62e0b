//! The answers of the token endpoint (RFC 6749 §5), in the dialect that was spoken.

use super::Shown;
use crate::context::RequestContext;
use crate::dialect::{ErrorAnswer, Spoken, TokenAnswer, TokenMount};
use crate::error::{Error, Refusal};
use crate::server::{Given, GivenRefresh, Inner};
use crate::wire::Response;

/// Writes answers: in the mount's first dialect until it is known which one was spoken.
pub(crate) struct Answers<'a> {
    spoken: Spoken,
    challenge: &'a str,
    context: &'a RequestContext,
}

impl<'a> Answers<'a> {
    pub(crate) fn of(mount: &TokenMount, server: &'a Inner, context: &'a RequestContext) -> Self {
        let spoken = mount.dialects.first().cloned().unwrap_or(Spoken::Rfc6749);
        Self { spoken, challenge: &server.challenge, context }
    }

    /// For requests that no mount has looked at.
    pub(crate) const fn standard(server: &'a Inner, context: &'a RequestContext) -> Self {
        Self { spoken: Spoken::Rfc6749, challenge: server.challenge.as_str(), context }
    }

    pub(crate) fn speak(&mut self, spoken: &Spoken) {
        self.spoken = spoken.clone();
    }

    /// The success answer (RFC 6749 §5.1).
    pub(crate) fn success(&self, given: &Given, shown: &Shown) -> Response {
        let (refresh_token, refresh_token_stays) = match &given.refresh {
            GivenRefresh::None => (None, false),
            GivenRefresh::New(token) => (Some(token.expose()), false),
            GivenRefresh::Stays(token) => (Some(token.expose()), true),
        };
        let answer = TokenAnswer {
            access_token: given.access.token.expose(),
            token_type: "Bearer",
            expires_in: shown.lifetime.seconds(),
            refresh_token,
            refresh_token_stays,
            id_token: given.id_token.as_ref().map(crate::types::IdToken::expose),
            scope: shown.scope.scope().as_str(),
            narrowed: !shown.scope.dropped().is_empty(),
            members: &shown.members,
        };
        match self.spoken.success(&answer) {
            Some(body) => Response::json(200, body).no_store(),
            None => Response::json(500, br#"{"error":"server_error"}"#.to_vec()).no_store(),
        }
    }

    /// An error answer (RFC 6749 §5.2).
    pub(crate) fn error(&self, error: &Error) -> Response {
        match error {
            Error::Refused(refusal) => self.refusal(*refusal),
            Error::Fault(fault) => {
                let (status, code) =
                    if fault.is_temporary() { (503, "temporarily_unavailable") } else { (500, "server_error") };
                let description = format!("request {}", self.context.correlation_id);
                let answer = ErrorAnswer { error: code, error_description: &description };
                let response = Response::json(status, self.spoken.error(&answer)).no_store();
                if status == 503 { response.header("retry-after", "1") } else { response }
            }
        }
    }

    fn refusal(&self, refusal: Refusal) -> Response {
        let answer = ErrorAnswer { error: refusal.code().as_str(), error_description: refusal.description() };
        let response = Response::json(refusal.status(), self.spoken.error(&answer)).no_store();
        match refusal {
            Refusal::TooManyFailures { retry_after } | Refusal::TooManyRetries { retry_after } => {
                response.header("retry-after", retry_after.to_string())
            }
            _ => match refusal.status() {
                401 => response.header("www-authenticate", self.challenge.to_owned()),
                405 => response.header("allow", "POST"),
                408 | 413 => response.header("connection", "close"),
                _ => response,
            },
        }
    }
}
