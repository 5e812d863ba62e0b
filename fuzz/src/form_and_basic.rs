//! The whole token endpoint: any method, headers and body.
//!
//! The input looks like HTTP, so that seeds can be written by hand: a method, a space, a path on the first line;
//! header lines; an empty line; the body. Lines end with LF alone, for CR is a byte to try out in a header.

use oauth_core::Endpoint;
use oauth_core::wire::{Body, Method, Request, Response};
use oauth_testkit::block_on;
use serde_json::Value;

use crate::server::server;

/// Asks for a token; whatever was asked, the answer keeps to RFC 6749 §5.
pub fn check(input: &[u8]) {
    let request = read(input);
    let response = answer(&request);
    assert_eq!(request.method != Method::Post, response.status == 405, "{response:?}");
    check_answer(&response);
}

/// Whether this request gets a token.
#[must_use]
pub fn succeeds(input: &[u8]) -> bool {
    answer(&read(input)).status == 200
}

fn answer(request: &Request) -> Response {
    block_on(server().handle(Endpoint::Token, request))
}

fn check_answer(response: &Response) {
    let body: Value = serde_json::from_slice(&response.body).expect("the body is JSON");
    match response.status {
        200 => {
            assert!(body["access_token"].as_str().is_some_and(|token| token.len() >= 43), "{response:?}");
            assert_eq!(body["token_type"], "Bearer");
            assert!(body["expires_in"].as_u64().is_some_and(|seconds| seconds > 0));
            assert!(body.get("error").is_none() && body.get("refresh_token").is_none());
        }
        400 | 401 | 405 | 413 | 415 => {
            assert!(body["error"].as_str().is_some_and(|code| code.bytes().all(is_description)));
            assert!(body["error_description"].as_str().is_some_and(|text| text.bytes().all(is_description)));
            assert!(body.get("access_token").is_none());
            assert_eq!(response.status == 401, response.header_value("www-authenticate").is_some());
        }
        status => panic!("status {status}"),
    }
    assert_eq!(response.header_value("content-type"), Some("application/json"));
    assert_eq!(response.header_value("cache-control"), Some("no-store"));
    for (name, value) in &response.headers {
        assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{name}");
    }
}

/// The set of RFC 6749 §5.2: `%x20-21 / %x23-5B / %x5D-7E`.
pub(crate) fn is_description(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

pub(crate) fn read(input: &[u8]) -> Request {
    let (line, mut rest) = split(input, b'\n');
    let (method, path) = split(line, b' ');
    let method = Method::from_name(&String::from_utf8_lossy(method));
    let mut request = Request::new(method, &String::from_utf8_lossy(path));
    loop {
        let (line, after) = split(rest, b'\n');
        rest = after;
        if line.is_empty() {
            request.body = Body::Whole(rest.to_vec());
            return request;
        }
        let (name, value) = split(line, b':');
        let value = value.strip_prefix(b" ").unwrap_or(value);
        request.headers.push(&String::from_utf8_lossy(name), value);
    }
}

fn split(bytes: &[u8], at: u8) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == at) {
        Some(place) => (&bytes[..place], &bytes[place + 1..]),
        None => (bytes, &[]),
    }
}
