//! From the core's response to actix's: sent as it is.

use std::borrow::Cow;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{self, BodySize, BoxBody, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;
use actix_web::web::{Bytes, Payload};
use oauth_core::wire::Response;

/// What is left of a request's body is dropped when the answer has gone out, not before: actix would read on and on to
/// skip a chunked body that nobody holds, and closes the connection on one that somebody does.
///
/// Where the core leaves a body out because nobody would see it, no length is sent either: it would have to be that of
/// the body that GET gets (RFC 9110 §8.6).
pub(crate) fn send(response: Response, is_head: bool, unread: Option<Payload>) -> HttpResponse {
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
    let is_bare = response.body.is_empty() && (is_head || status == StatusCode::NOT_MODIFIED);
    let http = if is_bare { http.body(body::None::new()) } else { http.body(response.body) };
    match unread {
        None => http,
        Some(unread) => holding(http, unread),
    }
}

/// Keeps what is left of a request's body until the answer was sent.
pub(crate) fn holding(http: HttpResponse, unread: Payload) -> HttpResponse {
    http.map_body(|_, body| BoxBody::new(Holding { body, _unread: unread }))
}

/// A body that keeps the request's payload until it was sent.
struct Holding {
    body: BoxBody,
    _unread: Payload,
}

impl MessageBody for Holding {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Box<dyn std::error::Error>>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

/// The answer to what should not happen, without a detail.
pub(crate) fn server_error() -> HttpResponse {
    HttpResponse::InternalServerError()
        .content_type("application/json")
        .insert_header(("cache-control", "no-store"))
        .insert_header(("pragma", "no-cache"))
        .body(r#"{"error":"server_error"}"#)
}
