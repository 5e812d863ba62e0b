//! From the core's response to actix's: sent as it is.

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;
use actix_web::web::Bytes;
use oauth_core::wire::Response;

pub(crate) fn send(response: Response) -> HttpResponse {
    let Ok(status) = StatusCode::from_u16(response.status) else { return server_error() };
    let mut http = HttpResponse::build(status);
    for (name, value) in response.headers {
        // actix frames the connection itself and wants to be told, not shown
        if name == "connection" {
            http.force_close();
            continue;
        }
        let value = match value {
            Cow::Borrowed(text) => Bytes::from_static(text.as_bytes()),
            Cow::Owned(text) => Bytes::from(text),
        };
        match HeaderValue::from_maybe_shared(value) {
            Ok(value) => http.append_header((name, value)),
            Err(_) => return server_error(),
        };
    }
    http.body(response.body)
}

/// The answer to what should not happen, without a detail.
pub(crate) fn server_error() -> HttpResponse {
    HttpResponse::InternalServerError()
        .content_type("application/json")
        .insert_header(("cache-control", "no-store"))
        .insert_header(("pragma", "no-cache"))
        .body(r#"{"error":"server_error"}"#)
}
