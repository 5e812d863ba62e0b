//! `tiki`: one way to authenticate per client, all permissions at once, no refresh token.

use crate::support::{Answer, Directory, Running, assert_alike, names, text};

const BINARY: &str = env!("CARGO_BIN_EXE_tiki");
const TOKEN: &str = "/sc/oauth2/token";
const HEADER: &str = "7590139168389961";
const BODY: &str = "7590139168389962";
const SECRET: &str = "tfSl0c6-demo-secret";

fn by_header(running: &Running, id: &str, secret: &str, more: &str) -> Answer {
    running.ask(TOKEN, &["-u", &format!("{id}:{secret}"), "-d", "grant_type=client_credentials", "-d", more])
}

fn by_body(running: &Running, id: &str, secret: &str) -> Answer {
    running.ask(TOKEN, &["-d", &format!("grant_type=client_credentials&client_id={id}&client_secret={secret}")])
}

#[test]
fn the_page_is_answered_with_every_permission_and_without_a_refresh_token() {
    let directory = Directory::new("tiki-page");
    let running = Running::start(BINARY, &directory, "127.0.0.1:0", &[]);
    let command = running.command_after("The first application");
    assert!(command.contains("Authorization: Basic NzU5MDEzOTE2ODM4OTk2MTp0ZlNsMGM2"), "{command}");
    for sentence in ["The first application", "The second has it"] {
        let answer = running.paste(sentence);
        assert_eq!(names(&answer), ["access_token", "expires_in", "scope", "token_type"]);
        assert_eq!(answer["scope"], "inventory multichannel order product");
        assert_eq!(running.call("/orders", &text(&answer["access_token"])).status, 200);
    }
    let asked = by_header(&running, HEADER, SECRET, "scope=order offline_access");
    assert_eq!(names(&asked.value()), ["access_token", "expires_in", "scope", "token_type"]);
    assert_eq!(asked.text("scope"), "order");
}

#[test]
fn each_client_is_refused_with_the_others_method() {
    let directory = Directory::new("tiki-methods");
    let running = Running::start(BINARY, &directory, "127.0.0.1:0", &[]);
    let other = by_header(&running, BODY, SECRET, "");
    assert_eq!(other.refused(), (401, "invalid_client".to_owned()));
    assert_alike(&[
        other,
        by_body(&running, HEADER, SECRET),
        by_header(&running, HEADER, "wrong", ""),
        by_body(&running, BODY, "wrong"),
        by_body(&running, "1", SECRET),
    ]);
    let both = ["-u", &format!("{HEADER}:{SECRET}"), "-d"];
    let body = format!("grant_type=client_credentials&client_secret={SECRET}");
    let both = running.ask(TOKEN, &[&both[..], &[&body]].concat());
    assert_eq!(both.refused(), (400, "invalid_request".to_owned()));
}

#[test]
fn a_restart_on_the_same_file_keeps_both_clients() {
    let directory = Directory::new("tiki-restart");
    let first = Running::start(BINARY, &directory, "127.0.0.1:0", &[]);
    let token = by_header(&first, HEADER, SECRET, "").text("access_token");
    let address = first.address.clone();
    first.end();
    let second = Running::restart(BINARY, &directory, &address);
    assert_eq!(second.call("/orders", &token).status, 200);
    assert_eq!(by_header(&second, HEADER, SECRET, "").status, 200);
    assert_eq!(by_body(&second, BODY, SECRET).status, 200);
    second.end();
}
