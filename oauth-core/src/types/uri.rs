//! URIs that keep their exact bytes, because the specifications compare strings.

use std::fmt;
use std::sync::Arc;

use fluent_uri::Uri;
use fluent_uri::component::Host;

/// A text that is not a lawful URI of its kind; the message says what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidUri(pub(crate) &'static str);

/// This server's name, the `iss` of everything it signs (RFC 8414 §2, RFC 9207).
///
/// Kept byte for byte: `https://as.example` and `https://as.example/` are two issuers.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Issuer {
    text: Arc<str>,
    kind: IssuerKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum IssuerKind {
    Https,
    LoopbackHttp,
    /// http that is not loopback: `build()` refuses it without `.danger().plain_http()`.
    PlainHttp,
    /// A bare name of an older system; no metadata, no authorization endpoint, no assertions.
    LegacyName,
}

impl Issuer {
    /// An issuer URL: https (or http, which `build()` accepts for loopback only) without query or fragment.
    ///
    /// # Errors
    /// [`InvalidUri`] when it is no absolute http(s) URL with a host, or has user information, query or fragment.
    pub fn url(text: &str) -> Result<Self, InvalidUri> {
        let uri = Uri::parse(text).map_err(|_| InvalidUri("the issuer is not an absolute URL"))?;
        if uri.has_query() || uri.has_fragment() {
            return Err(InvalidUri("the issuer must have no query and no fragment"));
        }
        let Some(authority) = uri.authority().filter(|a| !a.host().is_empty()) else {
            return Err(InvalidUri("the issuer needs a host"));
        };
        if authority.has_userinfo() {
            return Err(InvalidUri("the issuer must not hold user information"));
        }
        let kind = match uri.scheme().as_str() {
            "https" => IssuerKind::Https,
            "http" if is_loopback(&authority.host_parsed(), authority.host()) => IssuerKind::LoopbackHttp,
            "http" => IssuerKind::PlainHttp,
            _ => {
                return Err(InvalidUri("the issuer must be an https URL, written in lower case"));
            }
        };
        Ok(Self { text: Arc::from(text), kind })
    }

    /// A bare name such as `atm`, for the tokens of older systems.
    ///
    /// With it `build()` refuses what needs a URL (authorization, assertions, sender constraint), and no metadata
    /// is mounted. Verifiers take the issuer and the key source apart and derive no URL from it.
    ///
    /// # Errors
    /// [`InvalidUri`] when the name is empty, over 255 bytes, or not of `A-Z a-z 0-9 . _ -`.
    pub fn legacy_name(name: &str) -> Result<Self, InvalidUri> {
        let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || name.len() > 255 || !name.chars().all(lawful) {
            return Err(InvalidUri("a legacy issuer name is 1 to 255 of `A-Z a-z 0-9 . _ -`"));
        }
        Ok(Self { text: Arc::from(name), kind: IssuerKind::LegacyName })
    }

    /// The exact text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) const fn kind(&self) -> IssuerKind {
        self.kind
    }

    /// The path of an issuer URL without its trailing slash; empty for an origin or a legacy name.
    pub(crate) fn path(&self) -> &str {
        match Uri::parse(&*self.text) {
            Ok(uri) if self.kind != IssuerKind::LegacyName => {
                let start = self.text.len() - uri.path().as_str().len();
                self.text.get(start..).unwrap_or("").trim_end_matches('/')
            }
            _ => "",
        }
    }

    /// Scheme and authority of an issuer URL, without a slash at the end; empty for a legacy name.
    pub(crate) fn origin(&self) -> &str {
        match Uri::parse(&*self.text) {
            Ok(uri) if self.kind != IssuerKind::LegacyName => {
                let end = self.text.len() - uri.path().as_str().len();
                self.text.get(..end).unwrap_or("")
            }
            _ => "",
        }
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issuer({:?})", &*self.text)
    }
}

/// A protected resource (RFC 8707 §2): an absolute URI without fragment, compared byte for byte.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceUri(Arc<str>);

impl ResourceUri {
    /// The greatest length, in bytes.
    pub const MAX_LEN: usize = 1024;

    /// Checks that the text is an absolute URI without fragment.
    ///
    /// # Errors
    /// [`InvalidUri`] otherwise, and past [`Self::MAX_LEN`].
    pub fn parse(text: &str) -> Result<Self, InvalidUri> {
        if text.len() > Self::MAX_LEN {
            return Err(InvalidUri("a resource is at most 1024 bytes"));
        }
        match Uri::parse(text) {
            Ok(uri) if !uri.has_fragment() => Ok(Self(Arc::from(text))),
            _ => Err(InvalidUri("a resource must be an absolute URI without fragment (RFC 8707 section 2)")),
        }
    }

    /// The exact text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ResourceUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourceUri({:?})", &*self.0)
    }
}

fn is_loopback(host: &Host<'_>, text: &str) -> bool {
    match host {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        _ => text == "localhost",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_is_kept_byte_for_byte_and_judged_by_its_host() {
        for (text, kind) in [
            ("https://as.example", IssuerKind::Https),
            ("https://as.example/", IssuerKind::Https),
            ("https://AS.example/a%2Fb", IssuerKind::Https),
            ("http://127.0.0.1:8080", IssuerKind::LoopbackHttp),
            ("http://[::1]:8080/x", IssuerKind::LoopbackHttp),
            ("http://localhost:1", IssuerKind::LoopbackHttp),
            ("http://localhost.evil", IssuerKind::PlainHttp),
            ("http://127.0.0.1.evil", IssuerKind::PlainHttp),
            ("http://10.0.0.1", IssuerKind::PlainHttp),
        ] {
            let issuer = Issuer::url(text).unwrap();
            assert_eq!((issuer.as_str(), issuer.kind()), (text, kind));
        }
        for bad in ["", "as.example", "https://", "https://a?x=1", "https://a#f", "https://u@a", "ftp://a", "HTTPS://a"]
        {
            assert!(Issuer::url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn origin_and_path_split_the_issuer() {
        let issuer = Issuer::url("https://as.example:444/tenant/a/").unwrap();
        assert_eq!((issuer.origin(), issuer.path()), ("https://as.example:444", "/tenant/a"));
        assert_eq!(Issuer::url("https://as.example").unwrap().path(), "");
        assert_eq!(Issuer::legacy_name("atm").unwrap().origin(), "");
    }

    #[test]
    fn resources_are_absolute_without_fragment() {
        for bad in ["foo", "/a", "https://a#", "https://a#f", "//a", ""] {
            assert!(ResourceUri::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(ResourceUri::parse("urn:orders").unwrap().as_str(), "urn:orders");
    }
}
