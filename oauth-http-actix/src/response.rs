//! From the core's response to actix's: sent as it is.

use std::borrow::Cow;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;
use actix_web::web::{Bytes, Payload};
use oauth_core::wire::Response;

/// What is left of a request's body is dropped when the answer has gone out, not before: actix would read on and on to
/// skip a chunked body that nobody holds, and closes the connection on one that somebody does.
pub(crate) fn send(response: Response, unread: Option<Payload>) -> HttpResponse {
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
    match unread {
        None => http.body(response.body),
        Some(unread) => http.body(Holding { bytes: Some(response.body.into()), _unread: unread }),
    }
}

/// A body that keeps the request's payload until it was sent.
struct Holding {
    bytes: Option<Bytes>,
    _unread: Payload,
}

impl MessageBody for Holding {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(self.bytes.take().map(Ok))
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
