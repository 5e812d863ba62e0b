//! `tripdata`: forms, services with JWTs, an app with passwords.

use serde_json::json;

use crate::support::{Answer, Directory, Running, assert_alike, jwt, names, text};

const BINARY: &str = env!("CARGO_BIN_EXE_tripdata");
const TOKEN: &str = "/connect/token";
const SECRET: &str = "client_secret=tripdata-demo-secret";
const USERS: &str = "client-data config-data hub-data offline_access user-data";

fn start(directory: &Directory) -> Running {
    Running::start(BINARY, directory, "127.0.0.1:0", &[])
}

fn service(running: &Running, id: &str, secret: &str) -> Answer {
    running.ask(TOKEN, &["-d", "grant_type=client_credentials", "-d", &format!("client_id={id}"), "-d", secret])
}

fn sign_in(running: &Running, user: &str, password: &str, more: &str) -> Answer {
    let (user, password) = (format!("username={user}"), format!("password={password}"));
    let body = ["-d", "grant_type=password&client_id=tripdata-app", "--data-urlencode", &user];
    running.ask(TOKEN, &[&body[..], &["--data-urlencode", &password, "-d", more]].concat())
}

fn refresh(running: &Running, client: &str, token: &str) -> Answer {
    running.ask(TOKEN, &["-d", &format!("grant_type=refresh_token&client_id={client}&refresh_token={token}")])
}

#[test]
fn the_service_page_is_answered_as_it_says() {
    let directory = Directory::new("tripdata-service");
    let running = start(&directory);
    let answer = running.paste("A service asks");
    assert_eq!(names(&answer), ["access_token", "expires_in", "scope", "token_type"]);
    assert_eq!(answer["expires_in"], 3600);
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["scope"], "client-data config-data hub-data tenant-data user-data");
    let token = text(&answer["access_token"]);
    assert!(token.starts_with("eyJhbGciOiJSUzI1NiIsImtp"), "{token}");

    let set = running.command_after("With its access_token");
    let set = crate::support::sh(&format!("TOKEN='{token}'\n{set}"));
    assert!(set.contains("SYSTEM_TIMEOUT") && set.contains("tripdata-service"), "{set}");
    assert_eq!(running.call("/api/protected-resource", &token).value()["user"], json!(null));
    // less is given to who asks for less
    let answer = service(&running, "tripdata-service", &format!("{SECRET}&scope=hub-data"));
    let token = answer.text("access_token");
    assert_eq!(jwt(&token).1["scope"], "hub-data");
    assert_eq!(running.call("/api/protected-resource", &token).status, 403);
}

#[test]
fn the_password_page_is_answered_as_it_says() {
    let directory = Directory::new("tripdata-password");
    let running = start(&directory);
    let answer = running.paste("A user signs in");
    assert_eq!(names(&answer), ["access_token", "expires_in", "refresh_token", "scope", "token_type"]);
    assert_eq!(answer["expires_in"], 3600);
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["scope"], USERS);
    let (access, first) = (text(&answer["access_token"]), text(&answer["refresh_token"]));
    for token in [&access, &first] {
        assert!(token.len() == 43 && !token.contains('.'), "{token}");
    }
    assert_eq!(running.call("/api/protected-resource", &access).value()["user"], "user-1");
    let body = r#"{"configKey": "SYSTEM_TIMEOUT", "value": "30000"}"#;
    let bearer = format!("Authorization: Bearer {access}");
    let set = ["-H", &bearer, "-H", "Content-Type: application/json", "-d", body];
    assert_eq!(running.ask("/api/tenant/configuration", &set).status, 403, "users do not have tenant-data");

    let second = refresh(&running, "tripdata-app", &first);
    assert_eq!(second.text("scope"), USERS);
    assert_ne!(second.text("refresh_token"), first);
    let again = refresh(&running, "tripdata-app", &first);
    assert_eq!(again.text("refresh_token"), second.text("refresh_token"), "a dropped answer is given again");
    assert_eq!(running.call("/api/protected-resource", &again.text("access_token")).status, 200);
}

#[test]
fn without_offline_access_there_is_no_refresh_token() {
    let directory = Directory::new("tripdata-offline");
    let running = start(&directory);
    let answer = sign_in(&running, "account@tripdata.vn", "@Password123", "scope=user-data hub-data");
    assert_eq!(names(&answer.value()), ["access_token", "expires_in", "scope", "token_type"]);
    assert_eq!(answer.text("scope"), "hub-data user-data");
}

#[test]
fn each_class_of_refusal_is_one_answer() {
    let directory = Directory::new("tripdata-refusals");
    let running = start(&directory);
    let wrong = service(&running, "tripdata-service", "client_secret=wrong");
    assert_eq!(wrong.refused(), (401, "invalid_client".to_owned()));
    let basic = ["-u", "tripdata-service:tripdata-demo-secret", "-d", "grant_type=client_credentials"];
    assert_alike(&[
        wrong,
        service(&running, "nobody", SECRET),
        // right secret, foreign address
        service(&running, "tripdata-partner", SECRET),
        service(&running, "tripdata-partner", "client_secret=wrong"),
        running.ask(TOKEN, &basic),
        refresh(&running, "tripdata-service", "x"),
    ]);

    let wrong = sign_in(&running, "account@tripdata.vn", "@Password124", "");
    assert_eq!(wrong.refused(), (400, "invalid_grant".to_owned()));
    let mut answers = vec![wrong, sign_in(&running, "nobody@tripdata.vn", "@Password123", "")];
    for _ in 0..9 {
        answers.push(sign_in(&running, "account@tripdata.vn", "@Password124", ""));
    }
    // ten were heard: now the right one is refused too, in the same words
    answers.push(sign_in(&running, "account@tripdata.vn", "@Password123", ""));
    assert_alike(&answers);

    let password = "grant_type=password&username=account@tripdata.vn&password=x&client_id=tripdata-service";
    let foreign = running.ask(TOKEN, &["-d", password, "-d", SECRET]);
    assert_eq!(foreign.refused(), (400, "unauthorized_client".to_owned()));
}

#[test]
fn a_restart_on_the_same_file_keeps_clients_users_and_families() {
    let directory = Directory::new("tripdata-restart");
    let first = start(&directory);
    let answer = first.paste("A user signs in");
    let address = first.address.clone();
    first.end();

    let second = Running::restart(BINARY, &directory, &address);
    let access = text(&answer["access_token"]);
    assert_eq!(second.call("/api/protected-resource", &access).value()["user"], "user-1");
    let refreshed = refresh(&second, "tripdata-app", &text(&answer["refresh_token"]));
    assert_eq!(refreshed.text("scope"), USERS);
    assert_eq!(service(&second, "tripdata-service", SECRET).status, 200);
    assert_eq!(sign_in(&second, "account@tripdata.vn", "@Password123", "").status, 200);
    second.end();
}

#[test]
fn the_trail_tells_grants_and_refusals_and_no_secret() {
    let directory = Directory::new("tripdata-trail");
    let running = start(&directory);
    let signed_in = sign_in(&running, "account@tripdata.vn", "@Password123", "");
    let tokens = [signed_in.text("access_token"), signed_in.text("refresh_token")];
    assert_eq!(sign_in(&running, "account@tripdata.vn", "hunter-two", "").status, 400);
    assert_eq!(sign_in(&running, "my-password-by-mistake", "x", "").status, 400);
    assert_eq!(service(&running, "tripdata-partner", SECRET).status, 401);
    running.end();

    let printed = directory.command(BINARY).arg("--audit-trail").output().unwrap();
    let trail = String::from_utf8(printed.stdout).unwrap();
    for told in ["token.issued", "password.wrong", "login.unknown", "client.network", "\"subject\":\"user-1\"", USERS] {
        assert!(trail.contains(told), "{told} in {trail}");
    }
    let secrets = ["hunter-two", "my-password-by-mistake", "@Password123", "tripdata-demo-secret"];
    for secret in secrets.into_iter().chain(tokens.iter().map(String::as_str)) {
        assert!(!trail.contains(secret), "{secret} in {trail}");
    }
}
