//! Which scripts may read an answer (Fetch §3.2): those of a public client's own origins, so that an app in a browser works
//! when its redirect URIs are registered, and nobody else's; nor before the client has shown who it is. Cookies play no
//! part here, so none are asked for.

use crate::policy::redirect_uri;
use crate::store::Client;
use crate::wire::{Request, Response};

/// The origin that a request came from, and whether it turned out to be the client's.
pub(super) struct Reader<'a> {
    origin: Option<&'a str>,
    is_browser: bool,
    is_own: bool,
}

impl<'a> Reader<'a> {
    /// Two origins are none.
    pub(super) fn of(request: &'a Request) -> Self {
        let mut origins = request.headers.all("origin");
        let (first, second) = (origins.next(), origins.next());
        let origin = first.filter(|_| second.is_none()).and_then(|origin| std::str::from_utf8(origin).ok());
        Self { origin, is_browser: first.is_some(), is_own: false }
    }

    /// The client has shown who it is. One that has a secret has none in a browser, where everybody could read it.
    pub(super) fn meet(&mut self, client: &Client) {
        self.is_own =
            !client.is_confidential() && self.origin.is_some_and(|origin| redirect_uri::is_origin_of(client, origin));
    }

    /// Says in the answer who may read it.
    pub(super) fn mark(&self, response: Response) -> Response {
        if !self.is_browser {
            return response;
        }
        let response = response.header("vary", "Origin");
        match self.origin {
            Some(origin) if self.is_own => response
                .header("access-control-allow-origin", origin.to_owned())
                .header("access-control-expose-headers", "retry-after"),
            _ => response,
        }
    }
}
