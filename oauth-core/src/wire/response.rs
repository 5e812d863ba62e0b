//! A response as the core gives it.

use std::borrow::Cow;
use std::fmt;

/// One HTTP response; an adapter sends it as it is. `Debug` prints neither body nor header values.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header fields; names in lower case.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    pub(crate) fn json(status: u16, body: Vec<u8>) -> Self {
        let mut headers = Vec::with_capacity(4);
        headers.push(("content-type", Cow::Borrowed("application/json")));
        Self { status, headers, body }
    }

    /// Without a body, and so without a media type.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::with_capacity(2), body: Vec::new() }
    }

    /// Forbids every cache to keep the answer (RFC 6749 §5.1).
    pub(crate) fn no_store(mut self) -> Self {
        self.headers.push(("cache-control", Cow::Borrowed("no-store")));
        self.headers.push(("pragma", Cow::Borrowed("no-cache")));
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The value of the first field with this name (lower case).
    #[must_use]
    pub fn header_value(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(held, _)| *held == name).map(|(_, value)| value.as_ref())
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>())
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}
