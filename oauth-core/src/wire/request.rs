//! A request as the core sees it.

use std::any::Any;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// One HTTP request. An adapter copies what it received and judges nothing.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path as received, without the query.
    pub path: String,
    /// The query without `?`, if there was one. POST endpoints never read it.
    pub query: Option<String>,
    /// The header fields, in order, duplicates included.
    pub headers: Headers,
    /// The body, or why there is none.
    pub body: Body,
    /// The address of the socket's other end; `None` when it is no IP socket.
    pub peer: Option<IpAddr>,
    /// Whether the socket itself was encrypted.
    pub transport: Transport,
    /// The client's certificate from the TLS layer (DER), if it presented one.
    pub client_certificate: Option<Vec<u8>>,
    /// Whatever the host wants its hooks to find in the [`RequestContext`](crate::RequestContext).
    pub host: Option<HostExtension>,
}

impl Request {
    /// A request without headers, body or peer, for an encrypted socket.
    #[must_use]
    pub fn new(method: Method, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            query: None,
            headers: Headers::default(),
            body: Body::Whole(Vec::new()),
            peer: None,
            transport: Transport::Tls,
            client_certificate: None,
            host: None,
        }
    }
}

/// A method (RFC 9110 §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Method {
    Delete,
    Get,
    Head,
    Options,
    Patch,
    Post,
    Put,
    /// Any other.
    Other,
}

impl Method {
    /// From its name; case matters.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "DELETE" => Self::Delete,
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "OPTIONS" => Self::Options,
            "PATCH" => Self::Patch,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            _ => Self::Other,
        }
    }
}

/// Whether the socket that the request came through was encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// In clear.
    Clear,
    /// TLS ended in this process, or the bytes never left it.
    Tls,
}

/// What became of the request's body.
pub enum Body {
    /// Read to its end.
    Whole(Vec<u8>),
    /// Larger than [`AuthorizationServer::BODY_LIMIT`](crate::AuthorizationServer::BODY_LIMIT); not read.
    TooLarge,
    /// Not complete within the adapter's deadline.
    TimedOut,
    /// Cut short or wrongly framed.
    Broken,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => write!(f, "Whole({} bytes)", bytes.len()),
            Self::TooLarge => f.write_str("TooLarge"),
            Self::TimedOut => f.write_str("TimedOut"),
            Self::Broken => f.write_str("Broken"),
        }
    }
}

/// Header fields in order, duplicates included; `Debug` prints names only.
#[derive(Default)]
pub struct Headers {
    bytes: Vec<u8>,
    fields: Vec<Field>,
}

#[derive(Clone, Copy)]
struct Field {
    start: usize,
    name_end: usize,
    value_end: usize,
}

impl Headers {
    /// Appends a field.
    pub fn push(&mut self, name: &str, value: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name.as_bytes());
        let name_end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.fields.push(Field { start, name_end, value_end: self.bytes.len() });
    }

    /// Every value of the fields with this name (lower case), in order.
    pub fn all(&self, name: &str) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.iter().filter(move |(held, _)| held.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// The value of the only field with this name; `Err` when there are several.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&[u8]>, Repeated> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (first, None) => Ok(first),
            _ => Err(Repeated),
        }
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|field| {
            let name = self.bytes.get(field.start..field.name_end).unwrap_or_default();
            (name, self.bytes.get(field.name_end..field.value_end).unwrap_or_default())
        })
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| String::from_utf8_lossy(name))).finish()
    }
}

/// A field that must be single was there more than once.
pub(crate) struct Repeated;

/// A value of the host's own type that travels with a request to its hooks.
#[derive(Clone)]
pub struct HostExtension(Arc<dyn Any + Send + Sync>);

impl HostExtension {
    /// Wraps a value.
    pub fn new<T: Any + Send + Sync>(value: T) -> Self {
        Self(Arc::new(value))
    }

    /// The value, if it is of this type.
    #[must_use]
    pub fn downcast<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for HostExtension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostExtension(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_keep_order_and_duplicates_and_ignore_case_of_names() {
        let mut headers = Headers::default();
        headers.push("Authorization", b"Basic x");
        headers.push("accept", b"*/*");
        headers.push("AUTHORIZATION", b"Basic y");
        assert_eq!(headers.all("authorization").collect::<Vec<_>>(), [b"Basic x", b"Basic y"]);
        assert!(headers.one("authorization").is_err());
        assert!(matches!(headers.one("accept"), Ok(Some(b"*/*"))));
        assert!(matches!(headers.one("host"), Ok(None)));
        assert!(!format!("{headers:?}").contains("Basic"));
    }
}
