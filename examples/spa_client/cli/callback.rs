//! Where the browser comes back to: a port of this machine that the system picks (RFC 8252 §7.3).

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use oauth_examples::Failure;
use oauth2::AuthorizationCode;
use oauth2::url::form_urlencoded;

/// What the answer has to say.
#[derive(Clone)]
pub(crate) struct Expected {
    /// Ours alone: nobody else can make the browser bring it.
    pub(crate) state: String,
    /// Who was asked (RFC 9207).
    pub(crate) issuer: String,
}

impl Expected {
    /// What the user decided; `None` when this answers no request of ours (RFC 6749 §10.12).
    fn read(&self, query: &str) -> Option<Result<String, String>> {
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        // a parameter that comes twice says nothing (RFC 6749 §3.1)
        let one = |name: &str| {
            let mut values = pairs.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_ref());
            values.next().filter(|_| values.next().is_none())
        };
        if one("state") != Some(&self.state) {
            return None;
        }
        Some(match (one("iss"), one("error"), one("code")) {
            (iss, ..) if iss != Some(&self.issuer) => Err("the answer is another server's".to_owned()),
            (_, None, Some(code)) => Ok(code.to_owned()),
            (_, Some(error), _) => Err(format!("refused: {}", error.escape_debug())),
            (_, None, None) => Err("the answer holds no code".to_owned()),
        })
    }
}

/// A socket that only this machine reaches.
pub(crate) struct Callback(TcpListener);

impl Callback {
    pub(crate) fn listen() -> io::Result<Self> {
        TcpListener::bind("127.0.0.1:0").map(Self)
    }

    /// The redirect URI.
    pub(crate) fn uri(&self) -> io::Result<String> {
        Ok(format!("http://{}/callback", self.0.local_addr()?))
    }

    /// Waits for the answer; what else comes by is told that nobody waits for it.
    pub(crate) fn wait(self, expected: Expected, patience: Duration) -> Result<AuthorizationCode, Failure> {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            for stream in self.0.incoming().flatten() {
                let (expected, sender) = (expected.clone(), sender.clone());
                // one thread each: browsers open connections ahead of time and say nothing on them
                thread::spawn(move || {
                    if let Ok(Some(decided)) = answer(stream, &expected) {
                        let _ = sender.send(decided);
                    }
                });
            }
        });
        match receiver.recv_timeout(patience) {
            Ok(decided) => Ok(AuthorizationCode::new(decided?)),
            Err(RecvTimeoutError::Timeout) => Err(format!("nobody signed in within {} s", patience.as_secs()).into()),
            Err(RecvTimeoutError::Disconnected) => Err("the socket was closed".into()),
        }
    }
}

fn answer(stream: TcpStream, expected: &Expected) -> io::Result<Option<Result<String, String>>> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_write_timeout(Some(Duration::from_secs(10)))?;
    // the whole head is read, or the browser sees a reset instead of the page
    let mut lines = BufReader::new((&stream).take(16 << 10)).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let target = request.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let decided = target.strip_prefix("/callback?").and_then(|query| expected.read(query));
    let (status, text) = match &decided {
        None => ("404 Not Found", "Nobody waits for this here."),
        Some(Err(_)) => ("200 OK", "That did not work. The terminal says why."),
        Some(Ok(_)) => ("200 OK", "Back to the terminal: it goes on there."),
    };
    let page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>Notes for the terminal</title><body style='margin:3rem auto;max-width:30rem;padding:0 1rem;\
         font:1.1rem system-ui'><h1>Notes for the terminal</h1><p>{text}"
    );
    let length = page.len();
    (&stream).write_all(
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nCache-Control: no-store\r\n\
             Referrer-Policy: no-referrer\r\nConnection: close\r\n\r\n{page}"
        )
        .as_bytes(),
    )?;
    Ok(decided)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "iss=http%3A%2F%2F127.0.0.1%3A8080";

    fn read(query: &str) -> Option<Result<String, String>> {
        Expected { state: "ours".to_owned(), issuer: "http://127.0.0.1:8080".to_owned() }.read(query)
    }

    #[test]
    fn an_answer_to_our_request_brings_a_code_or_a_reason() {
        assert_eq!(read(&format!("code=c%2Bd&state=ours&{ISSUER}")), Some(Ok("c+d".to_owned())));
        let denied = read(&format!("error=access_denied%1b&state=ours&{ISSUER}"));
        assert_eq!(denied, Some(Err("refused: access_denied\\u{1b}".to_owned())));
        assert!(matches!(read(&format!("state=ours&{ISSUER}")), Some(Err(_))));
        assert!(matches!(read(&format!("code=c&code=d&state=ours&{ISSUER}")), Some(Err(_))));
    }

    #[test]
    fn an_answer_to_no_request_of_ours_is_none() {
        for state in ["", "&state=", "&state=theirs", "&state=ours&state=ours", "&State=ours"] {
            assert_eq!(read(&format!("code=c&{ISSUER}{state}")), None, "{state}");
        }
    }

    #[test]
    fn an_answer_of_another_server_is_refused_whatever_it_says() {
        for iss in ["", "&iss=", "&iss=https%3A%2F%2Fevil.example", &format!("&{ISSUER}&{ISSUER}")] {
            for said in ["code=c", "error=access_denied"] {
                let why = "the answer is another server's".to_owned();
                assert_eq!(read(&format!("{said}&state=ours{iss}")), Some(Err(why)), "{iss}");
            }
        }
    }
}
