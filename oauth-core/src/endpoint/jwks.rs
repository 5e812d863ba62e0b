//! The JWK set (RFC 7517 §5): public halves, from memory, with caching that readers can rely on.

use super::require_get;
use crate::server::Inner;
use crate::types::Timestamp;
use crate::wire::{Method, Request, Response};

pub(crate) async fn respond(server: &Inner, request: &Request, now: Timestamp) -> Response {
    if let Err(refused) = require_get(request) {
        return refused;
    }
    // an outage of the store must not take the keys away from those who verify
    let keys = match server.keys.fresh(now).await {
        Ok(keys) => keys,
        Err(_) => server.keys.snapshot(),
    };
    let unchanged = request.headers.all("if-none-match").any(|field| names(field, keys.etag()));
    let body = if unchanged || request.method == Method::Head { Vec::new() } else { keys.jwks().to_vec() };
    let mut response = Response::json(if unchanged { 304 } else { 200 }, body)
        .header("cache-control", server.jwks_cache_control.clone())
        .header("etag", keys.etag().to_owned());
    if let Some((_, value)) = response.headers.first_mut() {
        *value = "application/jwk-set+json".into();
    }
    response
}

/// Whether an `If-None-Match` field names the tag (RFC 9110 §13.1.2).
fn names(field: &[u8], etag: &str) -> bool {
    let Ok(field) = std::str::from_utf8(field) else { return false };
    field.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}
