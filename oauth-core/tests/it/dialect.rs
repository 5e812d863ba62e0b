//! Dialects (protocol.md §5): three maps, and nothing else of a request or an answer.

use std::sync::Arc;

use oauth_core::dialect::{BodyMedia, Dialect, ErrorAnswer, TokenAnswer, TokenMount};
use oauth_core::store::GrantTypes;
use oauth_core::wire::{Body, Method, Request};
use oauth_core::{Builder, ClientSpec, ScopeMode};
use oauth_testkit::block_on;
use serde_json::{Map, Value, json};

use crate::world::{Answer, Parts, World, basic, form};

/// camelCase in an envelope.
#[derive(Debug)]
pub(crate) struct Camel(pub(crate) BodyMedia);

impl Dialect for Camel {
    fn media(&self) -> BodyMedia {
        self.0
    }

    fn parameter<'a>(&self, member: &'a str) -> Option<&'a str> {
        Some(match member {
            "clientId" => "client_id",
            "clientSecret" => "client_secret",
            "grantType" | "grant_types" => "grant_type",
            "ignored" => return None,
            other => other,
        })
    }

    fn success(&self, answer: &TokenAnswer<'_>) -> Map<String, Value> {
        let mut data = json!({ "accessToken": answer.access_token, "expiresIn": answer.expires_in });
        if answer.narrowed {
            data["scope"] = answer.scope.into();
        }
        if let Some(token) = answer.refresh_token {
            data["refreshToken"] = token.into();
        }
        Map::from_iter([("ok".to_owned(), true.into()), ("data".to_owned(), data)])
    }

    fn error(&self, error: &ErrorAnswer<'_>) -> Map<String, Value> {
        let fault = json!({ "code": error.error, "text": error.error_description });
        Map::from_iter([("ok".to_owned(), false.into()), ("fault".to_owned(), fault)])
    }
}

fn mount() -> TokenMount {
    TokenMount::legacy("/token", Arc::new(Camel(BodyMedia::Json))).and(Arc::new(Camel(BodyMedia::Form)))
}

fn world(configure: impl FnOnce(Builder) -> Builder, client: impl FnOnce(ClientSpec) -> ClientSpec) -> World {
    World::with_client(
        |builder| configure(builder.token_mounts([mount(), TokenMount::standard("/oauth/token")])),
        |spec| client(spec.legacy_json_bodies()),
    )
}

fn post(world: &World, media: &str, body: &[u8]) -> Answer {
    let mut request = Request::new(Method::Post, "/token");
    request.headers.push("content-type", media.as_bytes());
    request.body = Body::Whole(body.to_vec());
    world.post(request)
}

fn json_body(world: &World, body: &str) -> Answer {
    post(world, "application/json", body.as_bytes())
}

fn right(world: &World) -> String {
    let secret = &world.secret;
    format!(r#"{{"clientId":"orders-worker","clientSecret":"{secret}","grantType":"client_credentials"}}"#)
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["fault"]["code"].as_str().unwrap_or_else(|| panic!("{}", answer.body)))
}

#[test]
fn json_in_and_the_envelope_out_errors_too() {
    let world = world(|builder| builder, |spec| spec);
    let answer = json_body(&world, &right(&world));
    assert_eq!((answer.status, &answer.body["ok"]), (200, &json!(true)), "{}", answer.body);
    assert!(world.verify(answer.body["data"]["accessToken"].as_str().unwrap()).is_ok());
    assert!(answer.body["data"].get("scope").is_none());
    assert_eq!(answer.response.header_value("cache-control"), Some("no-store"));
    let wrong = json_body(&world, &right(&world).replace("clientSecret\":\"", "clientSecret\":\"x"));
    assert_eq!(code(&wrong), (401, "invalid_client"));
    assert!(wrong.response.header_value("www-authenticate").unwrap().starts_with("Basic"));
    assert_eq!(wrong.response.header_value("cache-control"), Some("no-store"));
}

#[test]
fn the_first_dialect_that_reads_the_media_type_writes_the_answer() {
    let world = world(|builder| builder, |spec| spec);
    let mut request = basic("orders-worker", &world.secret, "grant_type=client_credentials");
    request.path = "/token".to_owned();
    assert_eq!(world.post(request).body["ok"], true, "a form at the same path, in the envelope");
    // the standard mount beside it is not changed
    assert!(world.token("grant_type=client_credentials").body["access_token"].is_string());
    // what fails before a dialect is chosen is written in the first
    for media in ["text/plain", "application/json; charset=iso-8859-1", "application/ld+json", "text/json"] {
        assert_eq!(code(&post(&world, media, b"{}")), (400, "invalid_request"), "{media}");
    }
    let mut put = Request::new(Method::Put, "/token");
    put.headers.push("content-type", b"application/json");
    let answer = world.post(put);
    assert_eq!((code(&answer), answer.response.header_value("allow")), ((405, "invalid_request"), Some("POST")));
    // a standard mount reads no JSON, whoever sends it
    let mut request = Request::new(Method::Post, "/oauth/token");
    request.headers.push("content-type", b"application/json");
    request.body = Body::Whole(right(&world).into_bytes());
    assert_eq!(world.post(request).error(), (400, "invalid_request"));
}

#[test]
fn every_rule_of_json_bodies_is_an_error_in_the_envelope() {
    let world = world(|builder| builder, |spec| spec);
    let secret = world.secret.clone();
    let whole = right(&world);
    let with = |member: &str| whole.replacen('{', &format!("{{{member},"), 1);
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let bad = [
        String::new(),
        "not json".into(),
        "[]".into(),
        format!("[{whole}]"),
        "\"x\"".into(),
        format!("{whole} x"),
        format!("{whole}{whole}"),
        format!("\u{feff}{whole}"),
        whole.replace("\"client_credentials\"", "1"),
        whole.replace("\"client_credentials\"", "[\"client_credentials\"]"),
        whole.replace("\"client_credentials\"", "{\"x\":1}"),
        whole.replace("\"client_credentials\"", "true"),
        with(r#""grantType":"client_credentials""#),
        with(r#""grant_type":"client_credentials""#),
        with(r#""grant_types":null"#),
        with(r#""client_id":"""#),
        with(r#""\u0067rantType":"client_credentials""#),
        with(r#""x":1,"x":1"#),
        with(r#""x":{"y":1,"y":2}"#),
        with(r#""scope":"a\u0000b""#),
        with(r#""x":"a\u0000b""#),
        with(r#""x\u0000":1"#),
        with(r#""x":["\u0000"]"#),
        with(r#""x":"\ud800""#),
        with(&format!(r#""x":{}"#, deep(8))),
        with(&(0..62).map(|n| format!("\"x{n}\":1")).collect::<Vec<_>>().join(",")),
        with(&format!(r#""scope":"{}""#, "a".repeat(4_097))),
    ];
    for body in &bad {
        assert_eq!(code(&json_body(&world, body)), (400, "invalid_request"), "{}", &body[..body.len().min(120)]);
    }
    assert_eq!(code(&post(&world, "application/json", b"{\"a\":\"\xff\"}")), (400, "invalid_request"));
    let mut large = Request::new(Method::Post, "/token");
    large.headers.push("content-type", b"application/json");
    large.body = Body::TooLarge;
    assert_eq!(code(&world.post(large)), (413, "invalid_request"));
    assert!(!world.trail.take().iter().any(|event| event.what.id() == "token.issued"), "nothing was issued");
    // and what is lawful beside them
    let good = [
        with(r#""scope":null"#),
        with(r#""scope":"""#),
        with(r#""ignored":{"deep":[1,2,{"x":null}]}"#),
        with(r#""unknown":12.5e3"#),
        with(&format!(r#""x":{}"#, deep(7))),
        format!(r#"  {{"client_id":"orders-worker","client_secret":"{secret}","grant_types":"client_credentials"}} "#),
    ];
    for body in &good {
        assert_eq!(json_body(&world, body).status, 200, "{body}");
    }
    assert_eq!(post(&world, "application/json; charset=\"UTF-8\"", whole.as_bytes()).status, 200);
}

#[test]
fn json_is_for_clients_that_are_registered_for_it() {
    let world = world(|builder| builder, |spec| spec);
    let spec = ClientSpec::confidential("standard").scope("a").audience(["a"]);
    let secret = block_on(world.server.ensure_client(spec)).unwrap().secret.unwrap();
    let body =
        format!(r#"{{"clientId":"standard","clientSecret":"{}","grantType":"client_credentials"}}"#, secret.expose());
    assert_eq!(code(&json_body(&world, &body)), (400, "unauthorized_client"));
    // only after it proved who it is
    assert_eq!(
        code(&json_body(&world, &body.replace("clientSecret\":\"", "clientSecret\":\"x"))),
        (401, "invalid_client")
    );
    let mut request = basic("standard", secret.expose(), "grant_type=client_credentials");
    request.path = "/token".to_owned();
    assert_eq!(world.post(request).status, 200, "forms are for everybody");
}

#[test]
fn forms_have_the_protocols_own_names() {
    let world = world(|builder| builder, |spec| spec);
    let mut request =
        form(&format!("clientId=orders-worker&clientSecret={}&grantType=client_credentials", world.secret));
    request.path = "/token".to_owned();
    assert_eq!(code(&world.post(request)), (400, "invalid_request"));
}

#[test]
fn a_scope_that_is_not_the_requested_one_shows_or_is_refused() {
    let shows = world(|builder| builder, |spec| spec);
    let wide = |world: &World| right(world).replacen('{', r#"{"scope":"orders.read admin","#, 1);
    assert_eq!(json_body(&shows, &wide(&shows)).body["data"]["scope"], "orders.read");
    let strict = World::with_client(
        |builder| builder.token_mounts([mount().scope_mode(ScopeMode::Refuse)]),
        ClientSpec::legacy_json_bodies,
    );
    assert_eq!(code(&json_body(&strict, &wide(&strict))), (400, "invalid_scope"));
}

/// Leaves out what it is told to.
#[derive(Debug)]
struct Lossy(&'static str);

impl Dialect for Lossy {
    fn media(&self) -> BodyMedia {
        BodyMedia::Json
    }

    fn success(&self, answer: &TokenAnswer<'_>) -> Map<String, Value> {
        let Ok(Value::Object(mut members)) = serde_json::to_value(answer) else { return Map::new() };
        members.remove(self.0);
        members
    }

    fn error(&self, error: &ErrorAnswer<'_>) -> Map<String, Value> {
        let Ok(Value::Object(mut members)) = serde_json::to_value(error) else { return Map::new() };
        members.remove(self.0);
        members
    }
}

#[test]
fn a_dialect_that_loses_something_stops_the_build() {
    let build = |lost, strict: bool| {
        let mount = TokenMount::legacy("/token", Arc::new(Lossy(lost)));
        let mount = if strict { mount.scope_mode(ScopeMode::Refuse) } else { mount };
        Parts::new().builder().token_mounts([mount]).build().map(|_| ()).map_err(|why| why.to_string())
    };
    for lost in ["access_token", "refresh_token", "error"] {
        assert!(build(lost, true).is_err(), "{lost}");
    }
    assert!(build("scope", false).unwrap_err().contains("ScopeMode::Refuse"));
    assert!(build("scope", true).is_ok() && build("token_type", false).is_ok());
    let id = TokenMount::legacy("/token", Arc::new(Lossy("id_token")));
    let without = Parts::new().builder().token_mounts([id.clone()]).build();
    assert!(without.is_ok(), "no id tokens here");
    let with = Parts::new().builder().token_mounts([id]).id_tokens(oauth_core::jose::Alg::ES256).build();
    assert!(with.unwrap_err().to_string().contains("id token"));
    let twice = mount().and(Arc::new(Lossy("token_type")));
    let why = Parts::new().builder().token_mounts([twice]).build().unwrap_err().to_string();
    assert!(why.contains("never spoken"), "{why}");
    let two = Parts::new().builder().token_mounts([mount(), mount()]).build().unwrap_err().to_string();
    assert!(two.contains("two endpoints lie at `/token`"), "{two}");
}

#[test]
fn refusals_of_one_class_are_byte_identical_in_a_dialect() {
    let world = world(|builder| builder.danger().password_grant(), |spec| spec.legacy_password_grant());
    let spec = ClientSpec::confidential("away").scope("a").audience(["a"]).networks(["192.0.2.0/24"]);
    let away = block_on(world.server.ensure_client(spec.legacy_json_bodies())).unwrap().secret.unwrap();
    let body = |id: &str, secret: &str| {
        format!(r#"{{"clientId":"{id}","clientSecret":"{secret}","grantType":"{}"}}"#, GrantTypes::CLIENT_CREDENTIALS)
    };
    let answers: Vec<_> = [body("nobody", "x"), body("orders-worker", "x"), body("away", away.expose())]
        .iter()
        .map(|body| json_body(&world, body))
        .map(|answer| (answer.status, answer.response.headers, answer.response.body))
        .collect();
    assert!(answers[0].0 == 401 && answers.iter().all(|answer| *answer == answers[0]));
}

#[test]
fn mounts_are_what_is_mounted_and_metadata_names_the_standard_one() {
    let world = world(|builder| builder, |spec| spec);
    let paths: Vec<_> = world.server.endpoints().map(|(_, path)| path.to_owned()).collect();
    assert_eq!(paths[..2], ["/token", "/oauth/token"]);
    let request = Request::new(Method::Get, "/.well-known/oauth-authorization-server");
    let answer = block_on(world.server.handle(oauth_core::Endpoint::Metadata, &request));
    let document: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(document["token_endpoint"], "https://as.example/oauth/token");
}
