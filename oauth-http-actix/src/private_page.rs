//! The headers that a page of the host's needs on which a user signs in, is asked, or sees what was granted.

use std::cell::Cell;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, Responder};

/// A page that concerns one user: no other page can frame it (RFC 9700 §4.16), and neither its address nor its content
/// leaks (§4.2.4). Wrap whatever the handlers of login, consent and "what I allowed" return; wrapping an answer of the
/// library's changes nothing.
///
/// ```
/// use actix_web::web::Html;
/// use oauth_http_actix::PrivatePage;
///
/// async fn login() -> PrivatePage<Html> {
///     PrivatePage(Html::new("<!doctype html><title>Sign in</title>…"))
/// }
/// # let _ = login;
/// ```
///
/// It sets `X-Frame-Options: DENY`, `Referrer-Policy: no-referrer`, `X-Content-Type-Options: nosniff` and
/// `Cache-Control: no-store`, and adds `frame-ancestors 'none'` to the page's `Content-Security-Policy`, as a policy of
/// its own that holds beside the page's.
///
/// For `no-referrer` browsers send `Origin: null` with the forms of such a page: a check against forged requests has to
/// look at `Sec-Fetch-Site` or at a token in the form.
#[derive(Debug, Clone)]
pub struct PrivatePage<R = HttpResponse>(pub R);

impl<R: Responder> Responder for PrivatePage<R> {
    type Body = BoxBody;

    fn respond_to(self, http: &HttpRequest) -> HttpResponse {
        let mut response = self.0.respond_to(http).map_into_boxed_body();
        protect(&mut response);
        if let Some(shown) = http.extensions().get::<PromptShown>() {
            shown.protected.set(true);
        }
        response
    }
}

/// Sets the headers.
pub(crate) fn protect<B: MessageBody>(response: &mut HttpResponse<B>) {
    const ALONE: &str = "frame-ancestors 'none'";
    let headers = response.headers_mut();
    let policies: Vec<&[u8]> = headers.get_all(CONTENT_SECURITY_POLICY).map(HeaderValue::as_bytes).collect();
    let held = policies.join(&b", "[..]);
    if policies.is_empty() {
        set(headers, CONTENT_SECURITY_POLICY, "frame-ancestors 'none'; base-uri 'none'; object-src 'none'");
    } else if !held.windows(ALONE.len()).any(|text| text == ALONE.as_bytes()) {
        // every policy of the list holds (Content Security Policy Level 3 §8.1)
        if let Ok(both) = HeaderValue::from_bytes(&[&held, &b", "[..], ALONE.as_bytes()].concat()) {
            headers.insert(CONTENT_SECURITY_POLICY, both);
        }
    }
    set(headers, X_FRAME_OPTIONS, "DENY");
    set(headers, REFERRER_POLICY, "no-referrer");
    set(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, CACHE_CONTROL, "no-store");
}

fn set(headers: &mut HeaderMap, name: actix_web::http::header::HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

/// Lies in a request whose handler got a prompt, and complains when the request is over and its page was not protected.
#[derive(Debug, Default)]
pub(crate) struct PromptShown {
    protected: Cell<bool>,
}

impl PromptShown {
    pub(crate) fn note(http: &HttpRequest) {
        if cfg!(debug_assertions) && http.extensions().get::<Self>().is_none() {
            http.extensions_mut().insert(Self::default());
        }
    }
}

impl Drop for PromptShown {
    fn drop(&mut self) {
        if !self.protected.get() {
            tracing::error!(
                target: "oauth::http",
                "a prompt was shown on a page that other pages can frame: wrap what the handler returns in `PrivatePage`"
            );
        }
    }
}
