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

    /// Status and error code, in whichever dialect.
    #[track_caller]
    pub(crate) fn error(&self) -> (u16, String) {
        let json = self.json();
        let code = json["error"].as_str().or(json["fault"]["code"].as_str());
        (self.status, code.unwrap_or_default().to_owned())
    }

    /// A member of a success answer by its protocol name, in whichever dialect.
    #[track_caller]
    pub(crate) fn member(&self, name: &str) -> Option<Value> {
        let json = self.json();
        let spelled = match name {
            "access_token" => "accessToken",
            "expires_in" => "expiresIn",
            "id_token" => "idToken",
            "refresh_token" => "refreshToken",
            "token_type" => "tokenType",
            other => other,
        };
        json.get(name).or_else(|| json["data"].get(spelled)).cloned()
    }

    #[track_caller]
    fn text_of(&self, name: &str) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        let Some(Value::String(text)) = self.member(name) else { panic!("no {name} in {self:?}") };
        text
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16, error: &str) {
        assert_eq!(self.error(), (status, error.to_owned()), "{self:?}");
    }

    #[track_caller]
    pub(crate) fn token(&self) -> String {
        self.text_of("access_token")
    }

    #[track_caller]
    pub(crate) fn refresh_token(&self) -> String {
        self.text_of("refresh_token")
    }

    #[track_caller]
    pub(crate) fn id_token(&self) -> String {
        self.text_of("id_token")
    }

    #[track_caller]
    pub(crate) fn scope(&self) -> String {
        self.text_of("scope")
    }

    /// G1 and G2, for every answer of the token endpoint and of the guard.
    #[track_caller]
    pub(crate) fn check(&self, is_token_endpoint: bool) {
        self.check_head(is_token_endpoint);
        if self.body.is_empty() || self.status == 200 {
            return;
        }
        let json = self.json();
        let members = json.as_object().expect("an object");
        assert!(members.keys().all(|name| ["error", "error_description"].contains(&name.as_str())), "{self:?}");
        assert!(!is_token_endpoint || members.contains_key("error"), "{self:?}");
        members.values().for_each(|text| self.check_text(text));
    }

    /// The same for introspection and revocation, of which the latter has nothing to say when it is done.
    #[track_caller]
    pub(crate) fn check_asked(&self) {
        if self.status == 200 && self.body.is_empty() {
            assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
            assert_eq!(self.header("content-type"), None, "{self:?}");
        } else {
            self.check(true);
        }
    }

    /// Whether it is the page of what was decided before.
    pub(crate) fn is_decided(&self) -> bool {
        self.status == 403 && self.text().contains("This sign-in is done.")
    }

    /// Every value of a field that may come more than once.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(held, _)| held == name).map(|(_, value)| value.as_str()).collect()
    }

    /// G9, for whatever a browser gets of the authorization endpoint and of the host's pages.
    #[track_caller]
    pub(crate) fn check_page(&self) {
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
        assert_eq!(self.header("referrer-policy"), Some("no-referrer"), "{self:?}");
        assert_eq!(self.header("access-control-allow-origin"), None, "{self:?}");
        assert!(![301, 302, 307, 308].contains(&self.status), "{self:?}");
        if self.status == 303 {
            assert!(self.header("location").is_some() && self.body.is_empty(), "{self:?}");
            return;
        }
        assert_eq!(self.header("location"), None, "{self:?}");
        assert_eq!(self.header("content-type"), Some("text/html; charset=utf-8"), "{self:?}");
        assert_eq!(self.header("x-frame-options"), Some("DENY"), "{self:?}");
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"), "{self:?}");
        let policy = self.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("frame-ancestors 'none'"), "{self:?}");
        assert!(!self.text().contains("http://") && !self.text().contains("src="), "a third party: {self:?}");
    }

    /// The members of an answer that goes to the client in a query, and where it goes.
    #[track_caller]
    pub(crate) fn sent_to(&self, uri: &str) -> std::collections::HashMap<String, String> {
        assert_eq!(self.status, 303, "{self:?}");
        let location = self.header("location").expect("a place");
        let (place, query) = location.split_once('?').expect("a query");
        assert_eq!(place, uri, "{location}");
        let pairs: Vec<_> = query.split('&').map(|pair| pair.split_once('=').expect("a pair")).collect();
        let members: std::collections::HashMap<_, _> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), super::form_decode(value))).collect();
        assert_eq!(members.len(), pairs.len(), "each member once: {location}");
        // Z5
        assert_eq!(members.get("iss").map(String::as_str), Some(super::host::ISSUER), "{location}");
        assert!(members.contains_key("code") != members.contains_key("error"), "{location}");
        assert!(!members.contains_key("access_token") && !members.contains_key("id_token"), "{location}");
        members
    }

    /// The same where everything may be handed out.
    #[track_caller]
    pub(crate) fn code(&self, uri: &str) -> String {
        let members = self.sent_to(uri);
        members.get("code").unwrap_or_else(|| panic!("{members:?}")).clone()
    }

    /// The same where the envelope is spoken: nothing comes in any other shape.
    #[track_caller]
    pub(crate) fn check_envelope(&self) {
        self.check_head(true);
        if self.body.is_empty() {
            return;
        }
        let json = self.json();
        let (held, other) = if self.status == 200 { ("data", "fault") } else { ("fault", "data") };
        assert_eq!((&json["ok"], json.get(other)), (&Value::from(self.status == 200), None), "{self:?}");
        assert_eq!(json.as_object().map(serde_json::Map::len), Some(2), "{self:?}");
        if self.status != 200 {
            let fault = json[held].as_object().expect("an object");
            assert_eq!(fault.keys().collect::<Vec<_>>(), ["code", "text"], "{self:?}");
            fault.values().for_each(|text| self.check_text(text));
        }
    }

    #[track_caller]
    fn check_text(&self, text: &Value) {
        let lawful = |c: char| matches!(c, ' '..='!' | '#'..='[' | ']'..='~');
        assert!(text.as_str().expect("text").chars().all(lawful), "{self:?}");
    }

    #[track_caller]
    fn check_head(&self, is_token_endpoint: bool) {
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        if is_token_endpoint {
            assert_eq!(self.header("pragma"), Some("no-cache"), "{self:?}");
        }
        match self.status {
            401 => assert!(self.header("www-authenticate").is_some(), "{self:?}"),
            405 => assert_eq!(self.header("allow"), Some("POST"), "{self:?}"),
            408 | 413 => assert_eq!(self.header("connection"), Some("close"), "{self:?}"),
            429 | 503 => assert!(self.header("retry-after").is_some(), "{self:?}"),
            _ => {}
        }
    }
}
