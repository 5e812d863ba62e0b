//! Authorization server metadata (RFC 8414 §3): rendered once, from what is mounted.

use super::require_get;
use crate::server::Inner;
use crate::wire::{Method, Request, Response};

pub(crate) fn respond(server: &Inner, request: &Request) -> Response {
    if let Err(refused) = require_get(request) {
        return refused;
    }
    // a legacy issuer is no URL, so there is nothing true to say
    if server.metadata.is_empty() {
        return Response::json(404, Vec::new());
    }
    let body = if request.method == Method::Head { Vec::new() } else { server.metadata.clone() };
    Response::json(200, body).header("cache-control", "public, max-age=300")
}
