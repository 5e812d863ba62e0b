//! A form beside a Bearer header must not bring a second token (RFC 6750 §2: not more than one method per request).

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use futures_core::Stream;
use oauth_core::{AuthorizationServer, Refusal};
use tokio::sync::oneshot;

use crate::{bearer, body};

/// A form that is looked at before the handler's own extractors get it.
pub(crate) struct FormCheck {
    form: Payload,
    hand_on: oneshot::Sender<LookedAt>,
}

/// What was read to look at it, what went wrong then, and what was not read.
struct LookedAt {
    read: Option<Bytes>,
    broken: Option<PayloadError>,
    rest: Payload,
}

impl FormCheck {
    /// Takes a form's payload and leaves one that waits until this hands it on; `None` when the body is no form.
    /// Extractors run side by side, so those behind this one read the form as if it had not been touched.
    pub(crate) fn take(http: &HttpRequest, payload: &mut Payload) -> Option<Self> {
        let media = http.headers().get(CONTENT_TYPE)?.to_str().ok()?.split(';').next()?.trim();
        if !media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return None;
        }
        let (hand_on, looked_at) = oneshot::channel();
        let later: Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>> = Box::pin(Later::Waiting(looked_at));
        Some(Self { form: mem::replace(payload, later.into()), hand_on })
    }

    /// Looks at the first 64 KiB of the form, and hands it on whatever is in it.
    ///
    /// # Errors
    /// [`Refusal::TokenRepeated`] when it holds an `access_token`.
    pub(crate) async fn hand_on(mut self) -> Result<(), Refusal> {
        let (mut read, mut broken) = (Vec::new(), None);
        while read.len() < AuthorizationServer::BODY_LIMIT && broken.is_none() {
            match body::next(&mut self.form).await {
                Some(Ok(chunk)) => read.extend_from_slice(&chunk),
                Some(Err(error)) => broken = Some(error),
                None => break,
            }
        }
        let is_second = bearer::names_access_token(&read);
        self.send(Some(read.into()), broken);
        if is_second { Err(Refusal::TokenRepeated) } else { Ok(()) }
    }

    /// Hands the form on as it came: the request was denied, but a handler may have made the token optional.
    pub(crate) fn hand_on_unread(self) {
        self.send(None, None);
    }

    fn send(self, read: Option<Bytes>, broken: Option<PayloadError>) {
        // a handler that takes no body has dropped the other end
        let _ = self.hand_on.send(LookedAt { read, broken, rest: self.form });
    }
}

/// The payload that the other extractors see.
enum Later {
    Waiting(oneshot::Receiver<LookedAt>),
    Here(LookedAt),
}

impl Stream for Later {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match &mut *self {
                Self::Waiting(looked_at) => match ready!(Pin::new(looked_at).poll(context)) {
                    Ok(here) => *self = Self::Here(here),
                    // the guard was cancelled, and with it the request
                    Err(_) => return Poll::Ready(Some(Err(PayloadError::Incomplete(None)))),
                },
                Self::Here(here) => {
                    return match (here.read.take(), here.broken.take()) {
                        (Some(read), broken) => {
                            here.broken = broken;
                            Poll::Ready(Some(Ok(read)))
                        }
                        (None, Some(error)) => Poll::Ready(Some(Err(error))),
                        (None, None) => Pin::new(&mut here.rest).poll_next(context),
                    };
                }
            }
        }
    }
}
