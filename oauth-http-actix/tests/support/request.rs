//! A client that sends exactly the bytes it is told to.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Answer;

/// A request in the making.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn token() -> Self {
        Self::new("POST", "/oauth/token")
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    pub(crate) fn form(self, body: impl AsRef<[u8]>) -> Self {
        self.header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    pub(crate) fn json(self, body: impl AsRef<[u8]>) -> Self {
        self.header("content-type", "application/json").body(body)
    }

    /// As a declared proxy passes it on from this address.
    pub(crate) fn from(self, address: &str) -> Self {
        self.header("x-forwarded-for", address)
    }

    /// Both halves form-encoded (RFC 6749 §2.3.1).
    pub(crate) fn basic(self, id: &str, secret: &str) -> Self {
        self.basic_raw(format!("{}:{}", form_encode(id), form_encode(secret)))
    }

    pub(crate) fn basic_raw(self, credentials: impl AsRef<[u8]>) -> Self {
        self.header("authorization", format!("Basic {}", STANDARD.encode(credentials)))
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// The request's head, with `Host`, `Connection: close` and the given framing.
    pub(crate) fn head(&self, framing: &str) -> Vec<u8> {
        self.kept_head(&format!("{framing}Connection: close\r\n"))
    }

    /// The same for a connection that stays.
    fn kept_head(&self, framing: &str) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            bytes.extend(b"Host: as.example\r\n");
        }
        for (name, value) in &self.headers {
            bytes.extend(name.as_bytes());
            bytes.extend(b": ");
            bytes.extend(value);
            bytes.extend(b"\r\n");
        }
        bytes.extend(format!("{framing}\r\n").bytes());
        bytes
    }

    /// For a connection that stays.
    pub(crate) fn kept_bytes(&self) -> Vec<u8> {
        [self.kept_head(&format!("Content-Length: {}\r\n", self.body.len())), self.body.clone()].concat()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let framing = match self.method.as_str() {
            "GET" | "HEAD" if self.body.is_empty() => String::new(),
            _ => format!("Content-Length: {}\r\n", self.body.len()),
        };
        [self.head(&framing), self.body.clone()].concat()
    }
}

/// Percent-encodes everything but letters and digits.
pub(crate) fn form_encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").unwrap();
        }
        encoded
    })
}

/// What was percent-encoded.
pub(crate) fn form_decode(text: &str) -> String {
    let (mut decoded, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'%' => {
                decoded.push(u8::from_str_radix(std::str::from_utf8(&rest[..2]).unwrap(), 16).unwrap());
                rest = &rest[2..];
            }
            byte => decoded.push(*byte),
        }
    }
    String::from_utf8(decoded).unwrap()
}

/// The answers to one request that is sent to each of these doors at once: all but the last byte of each, then the last of
/// all by a thread each.
pub(crate) fn at_once(ask: &Ask, doors: &[SocketAddr]) -> Vec<Answer> {
    let bytes = ask.bytes();
    let (start, last) = bytes.split_at(bytes.len() - 1);
    let mut connections: Vec<Connection> = doors.iter().map(|door| Connection::to(*door)).collect();
    for connection in &mut connections {
        connection.send(start);
    }
    let line = &Barrier::new(connections.len());
    thread::scope(|scope| {
        let race = |connection| {
            scope.spawn(move || {
                line.wait();
                Connection::send(connection, last).answer()
            })
        };
        let racers: Vec<_> = connections.iter_mut().map(race).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    })
}

/// One connection.
pub(crate) struct Connection(TcpStream);

impl Connection {
    pub(crate) fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.write_all(bytes).unwrap();
        self
    }

    /// Sends until the other side takes no more; how many bytes went out.
    pub(crate) fn send_until_refused(&mut self, chunk: &[u8], most: usize) -> usize {
        let mut sent = 0;
        while sent < most && self.0.write_all(chunk).is_ok() {
            sent += chunk.len();
        }
        sent
    }

    /// Says that no more will be sent.
    pub(crate) fn finish_sending(&mut self) -> &mut Self {
        let _ = self.0.shutdown(Shutdown::Write);
        self
    }

    /// Everything until the other side closes.
    #[track_caller]
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        self.read_until(|_| false)
    }

    /// So many bytes.
    #[track_caller]
    pub(crate) fn read_exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// One answer; `None` when the other side closes without a whole one.
    #[track_caller]
    pub(crate) fn try_answer(&mut self) -> Option<Answer> {
        let bytes = self.read_until(|bytes| Answer::parse(bytes).is_some_and(|answer| answer.is_whole()));
        Answer::parse(&bytes)
    }

    #[track_caller]
    pub(crate) fn answer(&mut self) -> Answer {
        self.try_answer().expect("an answer")
    }

    #[track_caller]
    fn read_until(&mut self, is_enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut room = [0; 4096];
        while !is_enough(&bytes) {
            match self.0.read(&mut room) {
                Ok(0) => break,
                Ok(read) => bytes.extend(&room[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                Err(error) => panic!("the connection stays open: {error}"),
            }
        }
        bytes
    }

    /// Goes away with RST: what was sent may be lost, what comes is refused.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.0).set_linger(Some(Duration::ZERO)).unwrap();
    }
}
