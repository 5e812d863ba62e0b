//! A browser as far as the contract needs one: a cookie jar, redirects within the host, forms. No scripts.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::html::{self, Form};

/// A browser with a jar of its own; a clone is another tab that holds the cookies of this moment.
#[derive(Debug, Clone)]
pub struct Browser {
    host: SocketAddr,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(super) const fn new(host: SocketAddr) -> Self {
        Self { host, cookies: BTreeMap::new() }
    }

    /// Opens an address of the host and follows it about there.
    pub fn open(&mut self, target: &str) -> Answer {
        let answer = self.send("GET", target, &[], "");
        self.follow(answer)
    }

    /// Sends a form, with the pair of the button that was pressed, and follows the answer about in the host.
    ///
    /// # Panics
    /// When the answer would have the browser send the form on to another place (RFC 9700 §4.12).
    pub fn submit(&mut self, form: &Form, button: Option<&(String, String)>) -> Answer {
        let body = encode(&form.sent().into_iter().chain(button.cloned()).collect::<Vec<_>>());
        let answer = self.send("POST", &form.action, &[("content-type", "application/x-www-form-urlencoded")], &body);
        assert!(![307, 308].contains(&answer.status), "a form would be sent on: {answer:?}");
        self.follow(answer)
    }

    /// One request, whose answer is not followed.
    ///
    /// # Panics
    /// When the host does not answer.
    pub fn send(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.host);
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let _ = write!(request, "Cookie: {}\r\n", pairs.join("; "));
        }
        for (name, value) in headers {
            let _ = write!(request, "{name}: {value}\r\n");
        }
        if method == "POST" {
            let origin = self.host;
            let _ = write!(request, "Origin: http://{origin}\r\nSec-Fetch-Site: same-origin\r\n");
            let _ = write!(request, "Content-Length: {}\r\n", body.len());
        }
        let mut stream = TcpStream::connect(self.host).expect("the host listens");
        let wait = Some(Duration::from_secs(30));
        stream.set_read_timeout(wait).and_then(|()| stream.set_write_timeout(wait)).expect("a socket with deadlines");
        stream.write_all(format!("{request}\r\n{body}").as_bytes()).expect("the host reads");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("the host answers");
        let answer = Answer::read(&bytes, target);
        for cookie in answer.all("set-cookie") {
            self.keep(cookie);
        }
        answer
    }

    fn keep(&mut self, cookie: &str) {
        let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let mut attributes = attributes.split(';').map(|attribute| attribute.trim().to_ascii_lowercase());
        if attributes.any(|attribute| attribute == "max-age=0" || attribute.starts_with("max-age=-")) {
            self.cookies.remove(name.trim());
        } else {
            self.cookies.insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }

    fn follow(&mut self, mut answer: Answer) -> Answer {
        for _ in 0..10 {
            let Some(location) = answer.header("location").filter(|_| (300..400).contains(&answer.status)) else {
                return answer;
            };
            let own = format!("http://{}", self.host);
            let location = location.strip_prefix(&own).filter(|rest| rest.starts_with('/')).unwrap_or(location);
            if !location.starts_with('/') || location.starts_with("//") {
                return answer;
            }
            answer = self.send("GET", location, &[], "");
        }
        panic!("redirects without end: {answer:?}");
    }
}

/// What the client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A code.
    Code {
        /// It.
        code: String,
        /// The `state` that came with it.
        state: Option<String>,
        /// The `iss` that came with it (RFC 9207).
        issuer: Option<String>,
    },
    /// An error, by its code.
    Error(String),
    /// Nothing.
    Nothing,
}

/// An answer of the host.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Path and query that were asked.
    pub target: String,
    headers: Vec<(String, String)>,
    /// The body, as text.
    pub body: String,
}

impl Answer {
    fn read(bytes: &[u8], target: &str) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head");
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut answer = Self { status, target: target.to_owned(), headers, body: String::new() };
        let body = &bytes[end + 4..];
        let is_chunked =
            answer.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        let body = if is_chunked { joined(body) } else { body.to_vec() };
        answer.body = String::from_utf8_lossy(&body).into_owned();
        answer
    }

    /// The first header field of a name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |(held, _)| held == name).map(|(_, value)| value.as_str())
    }

    /// The forms of the page, with where they go.
    #[must_use]
    pub fn forms(&self) -> Vec<Form> {
        let mut forms = html::forms(&self.body);
        let own = self.target.split('?').next().unwrap_or_default();
        for form in &mut forms {
            if form.action.is_empty() {
                form.action.clone_from(&self.target);
            } else if form.action.starts_with('?') {
                form.action = format!("{own}{}", form.action);
            }
        }
        forms
    }

    pub(super) fn outcome(&self, redirect_uri: &str) -> Outcome {
        let query = self.header("location").and_then(|location| location.strip_prefix(redirect_uri)?.strip_prefix('?'));
        let Some(query) = query else { return Outcome::Nothing };
        let pairs: BTreeMap<&str, String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name, decode(value)))
            .collect();
        let member = |name| pairs.get(name).cloned();
        match (member("code"), member("error")) {
            (Some(code), _) => Outcome::Code { code, state: member("state"), issuer: member("iss") },
            (None, Some(error)) => Outcome::Error(error),
            (None, None) => Outcome::Nothing,
        }
    }
}

fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let line = chunks.windows(2).position(|two| two == b"\r\n").expect("the length of a chunk");
        let length = std::str::from_utf8(&chunks[..line]).expect("a length in digits");
        let length = usize::from_str_radix(length.split(';').next().unwrap_or_default(), 16).expect("a length");
        if length == 0 {
            return whole;
        }
        whole.extend(&chunks[line + 2..line + 2 + length]);
        chunks = &chunks[line + 4 + length..];
    }
}

pub(super) fn encode(pairs: &[(String, String)]) -> String {
    let text = |text: &str| {
        text.bytes().fold(String::new(), |mut out, byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                out.push(char::from(byte));
            } else {
                let _ = write!(out, "%{byte:02X}");
            }
            out
        })
    };
    pairs.iter().map(|(name, value)| format!("{}={}", text(name), text(value))).collect::<Vec<_>>().join("&")
}

fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits: String = bytes.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).expect("an escape")
            }
            byte => byte,
        });
    }
    String::from_utf8(out).expect("text")
}
