//! `tokenidp`: camel-case JSON and standard forms at one path, one envelope.

use serde_json::{Value, json};

use crate::support::{Answer, Directory, Running, assert_alike, jwt, names, text};

const BINARY: &str = env!("CARGO_BIN_EXE_tokenidp");

fn start(directory: &Directory) -> Running {
    Running::start(BINARY, directory, "127.0.0.1:0", &[])
}

fn ask(running: &Running, id: &str, secret: &str, scope: &str) -> Answer {
    let grant = "client_credentials";
    let body = json!({ "grantType": grant, "clientId": id, "clientSecret": secret, "scope": scope });
    running.json("/token", &body.to_string())
}

/// Status and code of an error in the envelope.
fn refused(answer: &Answer) -> (u16, String) {
    let value = answer.value();
    assert_eq!(names(&value), ["error", "isSuccess"], "{value}");
    assert_eq!(value["isSuccess"], false);
    assert_eq!(names(&value["error"]), ["code", "message"]);
    assert!(answer.header("cache-control").is_some_and(|value| value.contains("no-store")));
    (answer.status, text(&value["error"]["code"]))
}

fn check_success(value: &Value, scope: &str) -> String {
    assert_eq!(names(value), ["data", "isSuccess"]);
    assert_eq!(value["isSuccess"], true);
    assert_eq!(names(&value["data"]), ["accessToken", "expiresIn", "tokenType"]);
    assert_eq!(value["data"]["tokenType"], "Bearer");
    assert_eq!(value["data"]["expiresIn"], 3600);
    let token = text(&value["data"]["accessToken"]);
    let (header, claims) = jwt(&token);
    let date = header.strip_prefix(r#"{"alg":"RS256","kid":""#).and_then(|rest| rest.strip_suffix(r#""}"#));
    let digits: Vec<usize> = date.expect(&header).split('-').map(str::len).collect();
    assert_eq!(digits, [4, 2, 2], "{header}");
    assert_eq!(claims["scope"], scope, "readers inspect the claims for the scopes issued");
    let found: Vec<&str> = claims.keys().map(String::as_str).collect();
    assert_eq!(found, ["aud", "client_id", "exp", "iat", "iss", "jti", "scope", "sub"]);
    token
}

#[test]
fn the_page_is_answered_as_it_says() {
    let directory = Directory::new("tokenidp-page");
    let running = start(&directory);
    let answer = running.paste("An application asks");
    let token = check_success(&answer, "orders.read orders.write");
    assert_eq!(running.call("/orders", &token).status, 200);
}

#[test]
fn a_standard_form_with_basic_is_answered_in_the_envelope() {
    let directory = Directory::new("tokenidp-form");
    let running = start(&directory);
    let answer = running.paste("The same as a standard form");
    check_success(&answer, "orders.read orders.write");
    let wrong = running.ask("/token", &["-u", "orders-worker:wrong", "-d", "grant_type=client_credentials"]);
    assert_eq!(refused(&wrong), (401, "invalid_client".to_owned()));
    assert!(wrong.header("www-authenticate").is_some_and(|value| value.starts_with("Basic ")));
    let unknown = running.ask("/token", &["-u", "orders-worker:replace-with-real-secret", "-d", "grant_type=x"]);
    assert_eq!(refused(&unknown), (400, "unsupported_grant_type".to_owned()));
}

#[test]
fn every_refusal_comes_in_the_envelope_with_the_rfc_code_inside() {
    let directory = Directory::new("tokenidp-refusals");
    let running = start(&directory);
    let secret = "replace-with-real-secret";
    let inactive = ask(&running, "orders-retired", secret, "orders.read");
    assert_eq!(refused(&inactive), (401, "invalid_client".to_owned()));
    assert_alike(&[
        inactive,
        ask(&running, "orders-retired", "wrong", "orders.read"),
        ask(&running, "orders-worker", "wrong", "orders.read"),
        ask(&running, "nobody", secret, "orders.read"),
    ]);
    let forbidden = ask(&running, "orders-dashboard", secret, "orders.read");
    assert_eq!(refused(&forbidden), (400, "unauthorized_client".to_owned()));
    // the answer could not show that less was granted
    let wide = ask(&running, "orders-worker", secret, "orders.read orders.delete");
    assert_eq!(refused(&wide), (400, "invalid_scope".to_owned()));
    for (header, body) in [
        ("Content-Type: application/json", "{"),
        ("Content-Type: application/json", "[]"),
        ("Content-Type: text/plain", "{}"),
    ] {
        let answer = running.ask("/token", &["-H", header, "--data-binary", body]);
        assert_eq!(refused(&answer), (400, "invalid_request".to_owned()), "{header} {body}");
    }
}

#[test]
fn a_restart_keeps_the_key_and_the_inactive_application() {
    let directory = Directory::new("tokenidp-restart");
    let first = start(&directory);
    let secret = "replace-with-real-secret";
    let token = text(&ask(&first, "orders-worker", secret, "").value()["data"]["accessToken"]);
    let address = first.address.clone();
    first.end();

    let second = Running::restart(BINARY, &directory, &address);
    assert_eq!(second.call("/orders", &token).status, 200, "the old token still works");
    let next = text(&ask(&second, "orders-worker", secret, "").value()["data"]["accessToken"]);
    assert_eq!(jwt(&next).0, jwt(&token).0, "the key stayed");
    let inactive = ask(&second, "orders-retired", secret, "orders.read");
    assert_eq!(refused(&inactive), (401, "invalid_client".to_owned()));
    second.end();
}
