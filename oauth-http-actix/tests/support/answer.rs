//! An answer as it came over the socket, and what must hold of every one.

use std::collections::BTreeSet;

use serde_json::Value;

#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case, in the order in which they came.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}\n{:?}\n{}", self.status, self.headers, self.text())
    }
}

impl Answer {
    /// Parses what was read until the end of the connection; `None` when that was no whole answer.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let headers = lines
            .map(|line| line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())))
            .collect::<Option<Vec<_>>>()?;
        Some(Self { status, headers, body: bytes[end + 4..].to_vec() })
    }

    /// Whether the body is as long as it was announced.
    pub(crate) fn is_whole(&self) -> bool {
        self.header("content-length").is_some_and(|length| length.parse() == Ok(self.body.len()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(held, _)| held == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} comes once");
        value
    }

    /// Everything but the date, in an order that does not depend on a hash.
    pub(crate) fn comparable(&self) -> (u16, BTreeSet<(String, String)>, String) {
        let headers = self.headers.iter().filter(|(name, _)| name != "date").cloned().collect();
        (self.status, headers, self.text())
    }

    /// The names of the header fields, as a set.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }

    /// Status and error code.
    #[track_caller]
    pub(crate) fn error(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap_or_default().to_owned())
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16, error: &str) {
        assert_eq!(self.error(), (status, error.to_owned()), "{self:?}");
    }

    #[track_caller]
    pub(crate) fn token(&self) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["access_token"].as_str().expect("a token").to_owned()
    }

    #[track_caller]
    pub(crate) fn scope(&self) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["scope"].as_str().expect("a scope").to_owned()
    }

    /// G1 and G2, for every answer of the token endpoint and of the guard.
    #[track_caller]
    pub(crate) fn check(&self, is_token_endpoint: bool) {
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        if is_token_endpoint {
            assert_eq!(self.header("pragma"), Some("no-cache"), "{self:?}");
        }
        match self.status {
            401 => assert!(self.header("www-authenticate").is_some(), "{self:?}"),
            405 => assert_eq!(self.header("allow"), Some("POST"), "{self:?}"),
            408 | 413 => assert_eq!(self.header("connection"), Some("close"), "{self:?}"),
            503 => assert!(self.header("retry-after").is_some(), "{self:?}"),
            _ => {}
        }
        if self.body.is_empty() {
            return;
        }
        let json = self.json();
        let members = json.as_object().expect("an object");
        if self.status != 200 {
            assert!(members.keys().all(|name| ["error", "error_description"].contains(&name.as_str())), "{self:?}");
            for text in members.values() {
                let lawful = |c: char| matches!(c, ' '..='!' | '#'..='[' | ']'..='~');
                assert!(text.as_str().expect("text").chars().all(lawful), "{self:?}");
            }
        }
    }
}
