//! The answers of a guarded route to those whom it does not let through (RFC 6750 §3).

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use oauth_core::{Error, Fault, Refusal};

use crate::Challenge;

/// Why a request was not let through. What it displays is for the log; the client gets a code and a fixed sentence.
#[derive(Debug)]
pub struct Denied(Why);

#[derive(Debug)]
enum Why {
    Refused { refusal: Refusal, challenge: Challenge },
    Failed(Fault),
    Unguarded,
}

impl Denied {
    /// For a lawful no; `scopes` are what the route needs.
    pub(crate) fn refused(challenge: &Challenge, refusal: Refusal, scopes: &[&str]) -> Self {
        let challenge = challenge.clone();
        let challenge = match refusal {
            // RFC 6750 §3.1: who showed no token learns nothing of errors
            Refusal::TokenMissing => challenge,
            _ => challenge
                .parameter("error", refusal.code().as_str())
                .parameter("error_description", refusal.description()),
        };
        let challenge = match refusal {
            Refusal::TokenScope => challenge.parameter("scope", &scopes.join(" ")),
            _ => challenge,
        };
        Self(Why::Refused { refusal, challenge })
    }

    /// For what a verifier answered.
    pub(crate) fn of(challenge: &Challenge, error: Error) -> Self {
        match error {
            Error::Refused(refusal) => Self::refused(challenge, refusal, &[]),
            Error::Fault(fault) => {
                tracing::error!(target: "oauth::http", fault = fault.id(), %fault, "a token could not be verified");
                Self(Why::Failed(fault))
            }
        }
    }

    /// For a route that nobody told how to verify.
    pub(crate) fn unguarded() -> Self {
        let denied = Self(Why::Unguarded);
        tracing::error!(target: "oauth::http", "{denied}");
        denied
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Why::Refused { refusal, .. } => write!(f, "refused: {refusal}"),
            Why::Failed(fault) => write!(f, "failed: {fault}"),
            Why::Unguarded => f.write_str(
                "a handler takes `Access`, but the application has no `Guard`: add \
                 `.app_data(Guard::of(&server, audience, profile))` to the `App`",
            ),
        }
    }
}

impl ResponseError for Denied {
    fn status_code(&self) -> StatusCode {
        match &self.0 {
            Why::Refused { refusal, .. } => {
                StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
            Why::Failed(fault) if fault.is_temporary() => StatusCode::SERVICE_UNAVAILABLE,
            Why::Failed(_) | Why::Unguarded => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let mut http = HttpResponse::build(status);
        http.content_type("application/json").insert_header((CACHE_CONTROL, "no-store"));
        match &self.0 {
            Why::Refused { refusal, challenge } => {
                http.insert_header((WWW_AUTHENTICATE, challenge.to_header()));
                http.body(refused_body(*refusal))
            }
            Why::Failed(_) if status == StatusCode::SERVICE_UNAVAILABLE => {
                http.insert_header((RETRY_AFTER, "1"));
                http.body(r#"{"error":"temporarily_unavailable"}"#)
            }
            Why::Failed(_) | Why::Unguarded => http.body(r#"{"error":"server_error"}"#),
        }
    }
}

fn refused_body(refusal: Refusal) -> String {
    match refusal {
        Refusal::TokenMissing => "{}".to_owned(),
        _ => format!(r#"{{"error":"{}","error_description":"{}"}}"#, refusal.code().as_str(), refusal.description()),
    }
}
