//! Reads a request's body: never more than the limit, never longer than the deadline.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpRequest, rt};
use futures_core::Stream;
use oauth_core::AuthorizationServer;
use oauth_core::wire::Body;

/// What is set aside for a body before it is there; a longer one grows as it comes.
const FIRST_ROOM: usize = 1024;

/// Reads the whole body, or says why not. A declared length above the limit is refused unread.
pub(crate) async fn read(http: &HttpRequest, payload: &mut Payload, deadline: Duration) -> Body {
    let declared = declared_length(http);
    if declared.is_some_and(|length| length > AuthorizationServer::BODY_LIMIT as u64) {
        return Body::TooLarge;
    }
    match rt::time::timeout(deadline, collect(payload)).await {
        Ok(body) => body,
        Err(_) => Body::TimedOut,
    }
}

async fn collect(payload: &mut Payload) -> Body {
    let mut whole = Vec::new();
    while let Some(chunk) = next(payload).await {
        match chunk {
            Ok(chunk) if whole.len() + chunk.len() > AuthorizationServer::BODY_LIMIT => return Body::TooLarge,
            Ok(chunk) => {
                if whole.is_empty() {
                    whole.reserve_exact(chunk.len().max(FIRST_ROOM));
                }
                whole.extend_from_slice(&chunk);
            }
            Err(_) => return Body::Broken,
        }
    }
    Body::Whole(whole)
}

/// The next chunk of a payload; `None` at its end.
pub(crate) async fn next<S>(payload: &mut S) -> Option<Result<Bytes, PayloadError>>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    poll_fn(|context| Pin::new(&mut *payload).poll_next(context)).await
}

fn declared_length(http: &HttpRequest) -> Option<u64> {
    http.headers().get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}
