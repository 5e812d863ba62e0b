//! `atm`: an older system's JSON, an issuer that is no URL, refresh tokens that stay, a grant of its own.

use serde_json::{Value, json};

use crate::support::{Answer, Directory, Running, assert_alike, jwt, names, text};

const BINARY: &str = env!("CARGO_BIN_EXE_atm");
const TOKEN: &str = "/auth/token";
const SERVICE: &str = "NmN78x6DMfde1XRx9hQg";
const SERVICE_SECRET: &str = "480nulBeBGqJDoAOADC0CW2frGTDVEmq";
const APP: &str = "DwSljVC4Ycr5YAv2Qbkf";
const ROTATING: &str = "atm-rotating-app";

fn start(name: &str) -> (Directory, Running) {
    let directory = Directory::new(name);
    let running = Running::start(BINARY, &directory, "127.0.0.1:0", &[]);
    (directory, running)
}

fn ask(running: &Running, body: &Value) -> Answer {
    running.json(TOKEN, &body.to_string())
}

fn sign_in(running: &Running, client: &str, login: &str, password: &str) -> Answer {
    let body = json!({ "clientId": client, "username": login, "password": password, "grantType": "password" });
    ask(running, &body)
}

fn refresh(running: &Running, client: &str, token: &str, id_token: &str) -> Answer {
    let grant = "refresh_token";
    ask(running, &json!({ "clientId": client, "refresh_token": token, "id_token": id_token, "grantType": grant }))
}

fn desk(running: &Running, id: &str, login: &str, scope: &str) -> Answer {
    let secret = if id == SERVICE { SERVICE_SECRET } else { "atm-desk-demo-secret" };
    let grant = "user_credentials";
    let body = json!({ "clientId": id, "clientSecret": secret, "loginId": login, "grantType": grant, "scope": scope });
    ask(running, &body)
}

fn check_header(token: &str) {
    let (header, _) = jwt(token);
    assert!(header.starts_with(r#"{"alg":"RS256","kid":""#) && !header.contains("typ"), "{header}");
}

#[test]
fn the_pages_application_gets_the_pages_claims() {
    let (_directory, running) = start("atm-page");
    let answer = running.paste("An application asks");
    assert_eq!(names(&answer), ["access_token", "exp_access_token"]);
    assert_eq!(answer["exp_access_token"], 600);
    let token = text(&answer["access_token"]);
    check_header(&token);
    let claims = Value::Object(jwt(&token).1);
    assert_eq!(names(&claims), ["aud", "exp", "iat", "iss"]);
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("atm"), &json!(SERVICE)));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    for spelling in ["grantType", "grant_type", "grant_types"] {
        let mut body = json!({ "clientId": SERVICE, "clientSecret": SERVICE_SECRET });
        body[spelling] = json!("client_credentials");
        for path in [TOKEN, "/oauth/token"] {
            assert_eq!(running.json(path, &body.to_string()).status, 200, "{path} {spelling}");
        }
    }
    assert_eq!(running.ask("/auth/.well-known/jwks.json", &[]).value()["keys"][0]["alg"], "RS256");
    // a name is no place to look for metadata
    assert_eq!(running.ask("/.well-known/oauth-authorization-server", &[]).status, 404);
}

#[test]
fn the_pages_refresh_answers_with_two_members_and_the_token_stays() {
    let (_directory, running) = start("atm-refresh");
    let signed_in = running.paste("A user signs in");
    assert_eq!(names(&signed_in), ["access_token", "exp_access_token", "id_token", "refresh_token"]);
    let access = text(&signed_in["access_token"]);
    let (token, id_token) = (text(&signed_in["refresh_token"]), text(&signed_in["id_token"]));
    check_header(&access);
    let id = Value::Object(jwt(&id_token).1);
    assert_eq!(names(&id), ["aud", "auth_time", "exp", "iat", "iss", "sub"]);
    assert_eq!((&id["aud"], &id["sub"]), (&json!(APP), &json!("user-1")));
    for hint in ["", &id_token, ""] {
        let answer = refresh(&running, APP, &token, hint);
        assert_eq!(names(&answer.value()), ["access_token", "exp_access_token"], "{answer:?}");
        assert_eq!(answer.value()["exp_access_token"], 600);
    }
    let other = sign_in(&running, APP, "teller@gmail.com", "atm-demo-password");
    let foreign = sign_in(&running, ROTATING, "admin@gmail.com", "atm-demo-password");
    // an access token, another user's, another client's, and no token at all
    for hint in [&access, &other.text("id_token"), &foreign.text("id_token"), "x"] {
        let answer = refresh(&running, APP, &token, hint);
        assert_eq!(answer.refused(), (400, "invalid_grant".to_owned()), "{hint}");
    }
    assert_eq!(refresh(&running, APP, &token, &id_token).status, 200, "nothing was consumed");
    assert_eq!(refresh(&running, ROTATING, &token, "").refused(), (400, "invalid_grant".to_owned()));
    for path in ["/api/profile", "/api/limits"] {
        assert_eq!(running.call(path, &access).value()["user"], "user-1", "{path}");
        assert_eq!(running.call(path, &id_token).status, 401, "an id token opens nothing");
        assert_eq!(running.call(path, &foreign.text("access_token")).status, 401, "another audience");
    }
}

#[test]
fn the_second_registration_rotates_and_shows_the_successor() {
    let (_directory, running) = start("atm-rotation");
    let first = sign_in(&running, ROTATING, "admin@gmail.com", "atm-demo-password").text("refresh_token");
    let second = refresh(&running, ROTATING, &first, "").text("refresh_token");
    assert_ne!(first, second);
    assert_eq!(refresh(&running, ROTATING, &first, "").text("refresh_token"), second, "asked again in time");
    let third = refresh(&running, ROTATING, &second, "").text("refresh_token");
    // the first one's successor was used: somebody else has it
    assert_eq!(refresh(&running, ROTATING, &first, "").refused(), (400, "invalid_grant".to_owned()));
    assert_eq!(refresh(&running, ROTATING, &third, "").refused(), (400, "invalid_grant".to_owned()));
}

#[test]
fn a_desk_acts_for_listed_users_only_and_never_as_one_who_signed_in() {
    let (_directory, running) = start("atm-desk");
    let answer = running.paste("A desk acts");
    assert_eq!(names(&answer), ["access_token", "exp_access_token"]);
    let token = text(&answer["access_token"]);
    check_header(&token);
    let claims = Value::Object(jwt(&token).1);
    assert_eq!(names(&claims), ["act", "aud", "client_id", "exp", "iat", "iss", "jti", "scope", "sub"]);
    assert_eq!((&claims["sub"], &claims["act"]), (&json!("user-1"), &json!({ "sub": "atm-desk" })));
    assert_eq!(claims["scope"], "accounts.read");
    assert_eq!(running.call("/api/profile", &token).value(), json!({ "user": "user-1", "acting": "atm-desk" }));
    assert_eq!(running.call("/api/limits", &token).refused(), (403, "insufficient_scope".to_owned()));

    // the desk's own scope is not for what it does in a user's name
    let narrowed = desk(&running, "atm-desk", "admin@gmail.com", "accounts.read accounts.write offline_access");
    assert_eq!(narrowed.text("scope"), "accounts.read");
    assert_eq!(names(&narrowed.value()), ["access_token", "exp_access_token", "scope"]);
    for scope in ["accounts.write", "offline_access", "openid"] {
        let answer = desk(&running, "atm-desk", "admin@gmail.com", scope);
        assert_eq!(answer.refused(), (400, "invalid_scope".to_owned()), "{scope}");
    }
    let unlisted = desk(&running, "atm-desk", "teller@gmail.com", "");
    assert_eq!(unlisted.refused(), (400, "invalid_grant".to_owned()));
    assert_alike(&[
        unlisted,
        desk(&running, "atm-desk", "nobody@gmail.com", ""),
        // another desk's list, and a desk with none
        desk(&running, "atm-branch-desk", "admin@gmail.com", ""),
        desk(&running, "atm-closed-desk", "admin@gmail.com", ""),
    ]);
    assert_eq!(desk(&running, "atm-branch-desk", "teller@gmail.com", "").status, 200);
    assert_eq!(desk(&running, "atm-desk", "", "").refused(), (400, "invalid_request".to_owned()));
    assert_eq!(desk(&running, SERVICE, "admin@gmail.com", "").refused(), (400, "unauthorized_client".to_owned()));
}

#[test]
fn each_class_of_refusal_is_one_answer() {
    let (_directory, running) = start("atm-refusals");
    let service = |id: &str, secret: &str| {
        ask(&running, &json!({ "clientId": id, "clientSecret": secret, "grant_types": "client_credentials" }))
    };
    let wrong = service(SERVICE, "wrong");
    assert_eq!(wrong.refused(), (401, "invalid_client".to_owned()));
    let without = ask(&running, &json!({ "clientId": SERVICE, "grant_types": "client_credentials" }));
    assert_alike(&[wrong, service("nobody", "wrong"), service(APP, "wrong"), without]);

    let wrong = sign_in(&running, APP, "admin@gmail.com", "wrong");
    assert_eq!(wrong.refused(), (400, "invalid_grant".to_owned()));
    assert_alike(&[wrong, sign_in(&running, APP, "nobody@gmail.com", "atm-demo-password")]);
}

#[test]
fn bad_json_is_refused_in_the_dialect_and_nothing_is_issued() {
    let (_directory, running) = start("atm-json");
    let with = |more: &str| {
        format!(
            r#"{{"clientId":"{SERVICE}","clientSecret":"{SERVICE_SECRET}","grant_types":"client_credentials"{more}}}"#
        )
    };
    assert_eq!(running.json(TOKEN, &with("")).status, 200);
    assert_eq!(running.json(TOKEN, &with(r#","other":[1,{"a":null}],"scope":null"#)).status, 200);
    let deep = format!(r#","other":{}1{}"#, "[".repeat(9), "]".repeat(9));
    for more in [
        r#","scope":1"#,
        r#","scope":["accounts.read"]"#,
        r#","scope":{"a":"b"}"#,
        r#","scope":true"#,
        r#","grant_types":"client_credentials""#,
        r#","grantType":"client_credentials""#,
        r#","grantType":null"#,
        r#","grant\u0054ype":"client_credentials""#,
        r#","scope":"a\u0000b""#,
        r#","other":"a\u0000b""#,
        r#","other":"\ud800""#,
        &deep,
        ",",
    ] {
        let answer = running.json(TOKEN, &with(more));
        assert_eq!(answer.refused(), (400, "invalid_request".to_owned()), "{more}");
    }
    for body in
        ["", "x", "[]", "\"x\"", "null", &format!("{} ", with("")).replace('}', "}}"), &format!("\u{feff}{}", with(""))]
    {
        assert_eq!(running.json(TOKEN, body).refused(), (400, "invalid_request".to_owned()), "{body}");
    }
    let good = with("");
    for media in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "text/json"] {
        let answer = running.ask(TOKEN, &["-H", &format!("Content-Type: {media}"), "--data-binary", &good]);
        assert_eq!(answer.refused(), (400, "invalid_request".to_owned()), "{media}");
    }
    assert_eq!(running.ask(TOKEN, &[]).refused(), (405, "invalid_request".to_owned()));
}

#[test]
fn a_mebibyte_of_json_is_refused_in_the_dialect() {
    let (directory, running) = start("atm-size");
    let file = directory.path().join("body");
    std::fs::write(&file, format!(r#"{{"clientId":"{}"}}"#, "x".repeat(1 << 20))).unwrap();
    let body = format!("@{}", file.display());
    let answer = running.ask(TOKEN, &["-H", "Content-Type: application/json", "--data-binary", &body]);
    assert_eq!(answer.refused(), (413, "invalid_request".to_owned()));
}

#[test]
fn a_restart_on_the_same_file_keeps_users_and_families() {
    let directory = Directory::new("atm-restart");
    let first = Running::start(BINARY, &directory, "127.0.0.1:0", &[]);
    let stays = sign_in(&first, APP, "admin@gmail.com", "atm-demo-password");
    let rotates = sign_in(&first, ROTATING, "admin@gmail.com", "atm-demo-password").text("refresh_token");
    let successor = refresh(&first, ROTATING, &rotates, "").text("refresh_token");
    let address = first.address.clone();
    first.end();

    let second = Running::restart(BINARY, &directory, &address);
    let (token, id_token) = (stays.text("refresh_token"), stays.text("id_token"));
    assert_eq!(refresh(&second, APP, &token, &id_token).status, 200, "its id token is still known");
    let again = refresh(&second, ROTATING, &rotates, "").text("refresh_token");
    assert_eq!(again, successor, "an answer that was lost with the process is given again");
    assert_eq!(sign_in(&second, APP, "admin@gmail.com", "atm-demo-password").status, 200);
    assert_eq!(second.call("/api/limits", &stays.text("access_token")).status, 200);
    second.end();
}
