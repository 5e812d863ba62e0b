//! The guard where there is no server, no TLS, or no guard.

use std::net::SocketAddr;

use actix_web::dev::Service;
use actix_web::http::header::WWW_AUTHENTICATE;
use actix_web::test::{self, TestRequest};
use actix_web::{App, web};
use oauth_core::store::TokenProfile;
use oauth_http_actix::{Access, Denied, Guard, routes, scopes};
use oauth_testkit::{TestToken, token_for};

scopes!(ReadOrders = ["orders.read"]);

async fn orders(access: Access<ReadOrders>) -> String {
    access.require_user().map_or_else(|denied| denied.to_string(), ToString::to_string)
}

fn asking(token: &TestToken) -> TestRequest {
    TestRequest::get().uri("/orders").insert_header(("authorization", token.authorization()))
}

/// Status, challenge and body of one request to an application with this guard.
async fn ask(guard: Guard, request: TestRequest) -> (u16, String, String) {
    let app = test::init_service(App::new().app_data(guard).route("/orders", web::get().to(orders))).await;
    answer(app.call(request.to_request()).await.unwrap()).await
}

async fn answer(response: actix_web::dev::ServiceResponse) -> (u16, String, String) {
    let challenge = response.headers().get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body = test::read_body(response).await;
    (status, challenge.unwrap_or_default(), String::from_utf8(body.to_vec()).unwrap())
}

#[actix_web::test]
async fn a_host_tests_its_guarded_handlers_with_token_for() {
    let alice = token_for("orders.read").user("alice");
    let guard = Guard::with_verifier(alice.verifier(), "orders");
    assert_eq!(ask(guard.clone(), asking(&alice)).await, (200, String::new(), "alice".to_owned()));
    let other = token_for("profile");
    let guard_of_other = Guard::with_verifier(other.verifier(), "orders");
    let (status, challenge, _) = ask(guard_of_other, asking(&other)).await;
    assert_eq!(status, 403);
    assert!(challenge.ends_with(", scope=\"orders.read\""), "{challenge}");
    assert_eq!(ask(guard, asking(&other)).await.0, 401, "another server's token");
}

async fn numbered(access: Access) -> Result<String, Denied> {
    Ok(format!("user {}", access.require_user_key::<i64>()?))
}

#[actix_web::test]
async fn a_user_is_found_by_the_hosts_own_key() {
    let key = |token: TestToken| async move {
        let guard = Guard::with_verifier(token.verifier(), "orders");
        let app = test::init_service(App::new().app_data(guard).route("/orders", web::get().to(numbered))).await;
        answer(app.call(asking(&token).to_request()).await.unwrap()).await
    };
    assert_eq!(key(token_for("orders.read").user("7")).await, (200, String::new(), "user 7".to_owned()));
    for name in ["alice", "007", "9223372036854775808"] {
        let (status, challenge, _) = key(token_for("orders.read").user(name)).await;
        assert!(status == 401 && challenge.contains("error=\"invalid_token\""), "{name}: {status} {challenge}");
    }
    let (status, challenge, _) = key(token_for("orders.read")).await;
    assert!(status == 403 && challenge.contains("insufficient_scope"), "a client's own: {status} {challenge}");
}

#[actix_web::test]
async fn a_token_in_clear_from_afar_is_refused_unless_a_proxy_ended_tls() {
    let alice = token_for("orders.read").user("alice");
    let from = |peer: &str| asking(&alice).peer_addr(format!("{peer}:1").parse::<SocketAddr>().unwrap());
    let elsewhere = Guard::with_verifier(alice.verifier(), "orders");
    let here = Guard::of(alice.server(), "test".parse().unwrap(), TokenProfile::Rfc9068);
    for guard in [&elsewhere, &here] {
        for (peer, expected) in [("127.0.0.1", 200), ("[::1]", 200), ("10.0.0.1", 400), ("[::ffff:10.0.0.1]", 400)] {
            let (status, _, body) = ask(guard.clone(), from(peer)).await;
            assert_eq!(status, expected, "{peer}: {body}");
        }
        // what the client says of itself changes nothing
        let spoofed = from("10.0.0.1")
            .insert_header(("x-forwarded-for", "127.0.0.1"))
            .insert_header(("x-forwarded-proto", "https"))
            .insert_header(("forwarded", "for=127.0.0.1;proto=https"));
        assert_eq!(ask(guard.clone(), spoofed).await.0, 400);
        // who shows no token has lost none
        let bare = TestRequest::get().uri("/orders").peer_addr("10.0.0.1:1".parse().unwrap());
        assert_eq!(ask(guard.clone(), bare).await.0, 401);
    }
    let behind = elsewhere.tls_terminated_by(["10.0.0.0/8".parse().unwrap()]);
    assert_eq!(ask(behind.clone(), from("[::ffff:10.0.0.1]")).await.0, 200);
    assert_eq!(ask(behind, from("192.0.2.1")).await.0, 400);
}

#[actix_web::test]
async fn a_challenge_carries_the_parameters_that_the_host_adds() {
    let token = token_for("orders.read");
    let guard = Guard::with_verifier(token.verifier(), "say \"friend\"")
        .challenge_parameter("resource_metadata", "https://api.example/.well-known/oauth-protected-resource");
    let (status, challenge, body) = ask(guard, TestRequest::get().uri("/orders")).await;
    assert_eq!((status, body.as_str()), (401, "{}"));
    assert_eq!(
        challenge,
        r#"Bearer realm="say \"friend\"", resource_metadata="https://api.example/.well-known/oauth-protected-resource""#
    );
}

#[actix_web::test]
async fn without_a_guard_nobody_comes_through() {
    let token = token_for("orders.read");
    let app = App::new().configure(routes(token.server())).route("/orders", web::get().to(orders));
    let app = test::init_service(app).await;
    for request in [asking(&token), TestRequest::get().uri("/orders")] {
        let (status, challenge, body) = answer(app.call(request.to_request()).await.unwrap()).await;
        assert_eq!((status, challenge.as_str(), body.as_str()), (500, "", r#"{"error":"server_error"}"#));
    }
}

#[actix_web::test]
async fn the_innermost_guard_counts() {
    let (orders_token, users_token) = (token_for("orders.read").user("alice"), token_for("orders.read").user("bob"));
    let outer = Guard::with_verifier(orders_token.verifier(), "orders");
    let inner = Guard::with_verifier(users_token.verifier(), "users");
    let users = web::scope("/users").app_data(inner).route("", web::get().to(orders));
    let app = App::new().app_data(outer).service(users).route("/orders", web::get().to(orders));
    let app = test::init_service(app).await;
    for (token, path, expected) in [
        (&orders_token, "/orders", 200),
        (&orders_token, "/users", 401),
        (&users_token, "/users", 200),
        (&users_token, "/orders", 401),
    ] {
        let response = app.call(asking(token).uri(path).to_request()).await.unwrap();
        assert_eq!(response.status().as_u16(), expected, "{path}");
    }
}
