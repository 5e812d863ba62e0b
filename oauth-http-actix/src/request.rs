//! From an actix request to the core's: copied, not judged.

use actix_web::{HttpMessage as _, HttpRequest};
use oauth_core::wire::{Body, Headers, HostExtension, Method, Request, Transport};

/// What the socket and the message say. `Host`, `Forwarded` and the authority of an absolute target are never asked who
/// the client or the server is. A [`HostExtension`] among the request's extensions travels along.
pub(crate) fn read(http: &HttpRequest, body: Body) -> Request {
    let mut request = read_way(http);
    request.query = http.uri().query().map(str::to_owned);
    request.headers = headers(http);
    request.body = body;
    request.host = http.extensions().get::<HostExtension>().cloned();
    request
}

/// Only what was asked of whom, and in which way it came; no header is copied.
pub(crate) fn read_way(http: &HttpRequest) -> Request {
    let mut request = Request::new(Method::from_name(http.method().as_str()), http.uri().path());
    request.peer = http.peer_addr().map(|peer| peer.ip());
    request.transport = if http.app_config().secure() { Transport::Tls } else { Transport::Clear };
    request
}

fn headers(http: &HttpRequest) -> Headers {
    let mut headers = Headers::default();
    for (name, value) in http.headers() {
        headers.push(name.as_str(), value.as_bytes());
    }
    headers
}
