//! HTTP to this machine, in clear. A client of any other server hands the `oauth2` crate an HTTP client with TLS instead.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use oauth2::http::header::{CONTENT_TYPE, HOST};
use oauth2::http::{HeaderValue, StatusCode};
use oauth2::{HttpRequest, HttpResponse};

const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST_ANSWER: u64 = 1 << 20;

/// Sends one request; HTTP/1.0, so that the answer is whatever comes until the connection ends.
///
/// # Errors
/// Without an answer, and for an address that is not this machine's.
pub(crate) fn send(mut request: HttpRequest) -> io::Result<HttpResponse> {
    let uri = request.uri().clone();
    let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(80));
    if !matches!(host, "127.0.0.1" | "[::1]") {
        return Err(io::Error::other(format!("`{host}` is not this machine")));
    }
    let authority = format!("{host}:{port}");
    let mut stream = TcpStream::connect(&authority)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;

    request.headers_mut().insert(HOST, HeaderValue::from_str(&authority).map_err(io::Error::other)?);
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut bytes = format!("{} {target} HTTP/1.0\r\nContent-Length: {}\r\n", request.method(), request.body().len());
    for (name, value) in request.headers() {
        bytes += &format!("{name}: {}\r\n", value.to_str().map_err(io::Error::other)?);
    }
    stream.write_all(&[(bytes + "\r\n").as_bytes(), request.body()].concat())?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer)?;
    read(&answer).ok_or_else(|| io::Error::other(format!("what {authority} answers is no HTTP")))
}

fn read(answer: &[u8]) -> Option<HttpResponse> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = answer.split_at(end);
    let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
    let status = StatusCode::from_bytes(lines.next()?.split(' ').nth(1)?.as_bytes()).ok()?;
    let mut response = HttpResponse::new(body.get(4..)?.to_vec());
    *response.status_mut() = status;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case(CONTENT_TYPE.as_str()) {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_str(value.trim()).ok()?);
        }
    }
    Some(response)
}
