//! The endpoints: where they lie, and in which order each one asks its questions.

pub mod authorize;
mod caller;
pub(crate) mod introspect;
pub(crate) mod jwks;
pub(crate) mod metadata;
mod paths;
mod presented;
mod reader;
pub(crate) mod revoke;
pub(crate) mod token;

pub(crate) use self::paths::Mounted;
pub use self::paths::{Endpoint, Endpoints};
use crate::error::Refusal;
use crate::wire::{Method, Request, Response};

/// Whether the request may read a public document; otherwise the answer.
pub(crate) fn require_get(request: &Request) -> Result<(), Response> {
    match request.method {
        Method::Get | Method::Head => Ok(()),
        _ => {
            let refusal = Refusal::MethodNotAllowed;
            let (code, description) = (refusal.code().as_str(), refusal.description());
            let body = format!("{{\"error\":\"{code}\",\"error_description\":\"{description}\"}}");
            Err(Response::json(refusal.status(), body.into_bytes()).header("allow", "GET, HEAD"))
        }
    }
}
