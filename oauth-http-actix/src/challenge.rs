//! `WWW-Authenticate`, written so that no value breaks out of its quotes.

use actix_web::http::header::HeaderValue;

/// A challenge: a scheme and its parameters (RFC 9110 §11.6.1, RFC 6750 §3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge(String);

impl Challenge {
    /// `Bearer realm="…"`.
    #[must_use]
    pub fn bearer(realm: &str) -> Self {
        Self("Bearer".to_owned()).parameter("realm", realm)
    }

    /// Adds a parameter, such as `resource_metadata` (RFC 9728 §5.1). What a quoted string cannot hold becomes `?`.
    #[must_use]
    pub fn parameter(mut self, name: &'static str, value: &str) -> Self {
        self.0.push_str(if self.0.contains('=') { ", " } else { " " });
        self.0.push_str(name);
        self.0.push_str("=\"");
        for c in value.chars() {
            match c {
                '"' | '\\' => self.0.extend(['\\', c]),
                ' '..='~' => self.0.push(c),
                _ => self.0.push('?'),
            }
        }
        self.0.push('"');
        self
    }

    /// As a header value.
    pub(crate) fn to_header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).unwrap_or_else(|_| HeaderValue::from_static("Bearer"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_stand_in_order_and_no_value_breaks_out() {
        let challenge = Challenge::bearer("a\"b\\c").parameter("scope", "x\r\nSet-Cookie: é\u{7f}");
        let header = challenge.to_header();
        assert_eq!(header.to_str().unwrap(), r#"Bearer realm="a\"b\\c", scope="x??Set-Cookie: ??""#);
    }
}
