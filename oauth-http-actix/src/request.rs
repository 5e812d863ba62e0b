//! From an actix request to the core's: copied, not judged.

use actix_web::{HttpMessage as _, HttpRequest};
use oauth_core::wire::{Body, Headers, HostExtension, Method, Request, Transport};

/// What the socket and the message say. `Host`, `Forwarded` and the authority of an absolute target are never asked who
/// the client or the server is. A [`HostExtension`] among the request's extensions travels along.
pub(crate) fn read(http: &HttpRequest, body: Body) -> Request {
    Request {
        query: http.uri().query().map(str::to_owned),
        headers: headers(http),
        body,
        host: http.extensions().get::<HostExtension>().cloned(),
        ..read_way(http)
    }
}

/// Only what was asked of whom, and in which way it came; no header is copied.
pub(crate) fn read_way(http: &HttpRequest) -> Request {
    Request {
        peer: http.peer_addr().map(|peer| peer.ip()),
        transport: if http.app_config().secure() { Transport::Tls } else { Transport::Clear },
        ..Request::new(Method::from_name(http.method().as_str()), http.uri().path())
    }
}

fn headers(http: &HttpRequest) -> Headers {
    let mut headers = Headers::default();
    for (name, value) in http.headers() {
        headers.push(name.as_str(), value.as_bytes());
    }
    headers
}
