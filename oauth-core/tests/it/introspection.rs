//! RFC 7662: who may ask, and what is told of a token that is good (§8 of the protocol, rows I1 and I3).

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_core::jose::Alg;
use oauth_core::store::{
    AccessTokenFormat, AccessTokenRecord, Binding, Extra, GrantStore as _, InsertToken, LegacyTyp, OptionalClaim,
    Principal, TokenProfile,
};
use oauth_core::token::{FactsRequest, HookError, HostFacts, TokenAdditions, TokenHook};
use oauth_core::types::{Lifetime, TokenDigest, TokenId};
use oauth_core::wire::Method;
use oauth_core::{Builder, ClientSpec, Endpoint, Refusal, RequestContext, ResourceSettings, ValidatedGrant};
use oauth_testkit::block_on;
use serde_json::json;

use crate::people::{Asking, SCOPE, TRUST, app, people, plain, plus};
use crate::world::{Answer, ISSUER, START, World, basic, form, jwt};

const GRANT: &str = "grant_type=client_credentials";

/// A server with alice's tokens in this format.
pub(crate) fn with(format: &AccessTokenFormat) -> World {
    people(|builder| builder.access_token(format.clone()), |spec| spec)
}

pub(crate) fn both() -> [AccessTokenFormat; 2] {
    [AccessTokenFormat::Opaque, jwt(Alg::ES256)]
}

/// A client with tokens of its own.
pub(crate) fn worker(world: &World) -> Asking {
    world.asking(ClientSpec::confidential("worker").scope("orders.read orders.write").audience(["orders"]))
}

fn token_of(world: &World, client: &Asking, more: &str) -> String {
    let answer = world.post(basic(&client.id, &client.secret, &format!("{GRANT}{more}")));
    answer.access_token().to_owned()
}

#[test]
fn a_client_is_told_all_of_its_own_access_token() {
    for format in both() {
        let world = with(&format);
        let worker = worker(&world);
        let token = token_of(&world, &worker, "");
        let access = world.verify(&token).unwrap();
        let expected = json!({
            "active": true,
            "scope": "orders.read orders.write",
            "client_id": "worker",
            "sub": "worker",
            "aud": "orders",
            "iss": ISSUER,
            "exp": START.seconds() + 600,
            "iat": START.seconds(),
            "jti": access.id().unwrap().as_str(),
            "token_type": "Bearer",
        });
        assert_eq!(world.introspect(&worker, &token).body, expected);
    }
}

#[test]
fn a_client_is_told_of_its_users_tokens() {
    for format in both() {
        let world = with(&format);
        let begun = world.begin();
        world.advance(10);
        let refreshed = world.refresh(&begun.refresh_token());
        let own = world.app_turned_confidential();
        let seen = world.introspect(&own, refreshed.access_token()).body;
        assert_eq!((&seen["sub"], &seen["client_id"]), (&json!("alice"), &json!("app")));
        assert_eq!(seen["scope"], "offline_access openid orders.read orders.write");
        assert_eq!(seen["iat"], START.seconds() + 10);
        let days = |days: i64| START.seconds() + 10 + days * 86_400;
        let expected = json!({
            "active": true,
            "scope": "offline_access openid orders.read orders.write",
            "client_id": "app",
            "sub": "alice",
            "iss": ISSUER,
            "exp": days(14),
            "iat": START.seconds() + 10,
        });
        assert_eq!(
            world.introspect(&own, &refreshed.refresh_token()).body,
            expected,
            "no `token_type`: it is no access token"
        );
    }
}

#[test]
fn a_user_who_signed_in_and_a_client_that_acts_in_their_name_are_told_apart() {
    for format in both() {
        let world = with(&format);
        let api = world.orders_api();
        let (alice, app) = ("alice".parse().unwrap(), "app".parse().unwrap());
        let issued = block_on(world.server.issue(&alice, &app, &"orders.read".parse().unwrap())).unwrap();
        let seen = world.introspect(&api, issued.access_token.expose()).body;
        assert_eq!((&seen["auth_time"], seen.get("act")), (&json!(START.seconds()), None));
        let desk = world.asking(
            ClientSpec::confidential("desk")
                .grants([TRUST])
                .scope("orders.read")
                .audience(["orders"])
                .acts_for(["alice"]),
        );
        let acting = world.post(basic(&desk.id, &desk.secret, &format!("grant_type={TRUST}&user=alice")));
        let seen = world.introspect(&api, acting.access_token()).body;
        assert_eq!((&seen["act"], seen.get("auth_time")), (&json!({"sub": "desk"}), None));
        assert_eq!(seen["sub"], "alice");
    }
}

#[test]
fn a_resource_server_is_told_of_tokens_for_it_and_of_the_scopes_that_it_knows() {
    for format in both() {
        let configure = |builder: Builder| {
            let builder =
                builder.access_token(format.clone()).resource("https://a.example", ResourceSettings::default());
            builder.resource("https://b.example", ResourceSettings::default())
        };
        let world = people(configure, |spec| spec);
        let spec = ClientSpec::confidential("worker").scope("a.read b.read").audience(["orders"]);
        let worker = world.asking(spec.resources(["https://a.example", "https://b.example"]));
        let [a, b] = ["a", "b"].map(|name| {
            let identifier = format!("https://{name}.example");
            world.asking(ClientSpec::resource_server(name, [identifier]).scope(format!("{name}.read {name}.more")))
        });
        let orders = world.orders_api();
        let for_both = token_of(&world, &worker, "&resource=https://a.example&resource=https://b.example");
        for (api, scope) in [(&a, "a.read"), (&b, "b.read")] {
            let seen = world.introspect(api, &for_both).body;
            assert_eq!((&seen["scope"], &seen["client_id"]), (&json!(scope), &json!("worker")));
            assert_eq!(seen["aud"], json!(["https://a.example", "https://b.example"]));
        }
        assert!(world.introspect(&orders, &for_both).is_inactive(), "for others");
        // a token that allows nothing that the resource server knows says so
        let other_scope =
            token_of(&world, &worker, "&resource=https://a.example&resource=https://b.example&scope=b.read");
        let seen = world.introspect(&a, &other_scope).body;
        assert_eq!((&seen["active"], seen.get("scope")), (&json!(true), None));
        let for_orders = token_of(&world, &worker, "");
        assert!(world.introspect(&a, &for_orders).is_inactive());
        assert!(world.introspect(&orders, &for_orders).is_active());
    }
}

#[test]
fn nobody_but_its_client_is_told_of_a_refresh_token_or_of_tokens_for_others() {
    for format in both() {
        let world = with(&format);
        let begun = world.begin();
        let (api, worker) = (world.orders_api(), worker(&world));
        assert!(world.introspect(&api, begun.access_token()).is_active());
        assert!(world.introspect(&api, &begun.refresh_token()).is_inactive());
        for token in [begun.access_token(), &begun.refresh_token()] {
            assert!(world.introspect(&worker, token).is_inactive());
        }
        // but for one who was given the right by a dangerous name
        let spec = ClientSpec::confidential("auditor").scope("audit").audience(["audit"]);
        let auditor = world.asking(spec.danger_introspects_everything());
        for token in [begun.access_token(), &begun.refresh_token()] {
            let seen = world.introspect(&auditor, token);
            assert_eq!(seen.body["scope"], "offline_access openid orders.read orders.write");
        }
        assert!(world.introspect(&auditor, begun.body["id_token"].as_str().unwrap()).is_inactive());
        let advice = block_on(world.server.lint()).unwrap();
        let named: Vec<_> = advice.iter().filter(|one| one.id == "introspects_everything").collect();
        assert_eq!(named.iter().map(|one| one.client.as_ref().unwrap().as_str()).collect::<Vec<_>>(), ["auditor"]);
    }
}

#[test]
fn what_a_registration_may_say_of_it() {
    let world = plain();
    let public = block_on(world.server.ensure_client(app("phone").introspects(["orders"]))).unwrap_err().to_string();
    assert!(public.contains("a public client cannot ask about tokens"), "{public}");
    let public = block_on(world.server.ensure_client(app("phone").danger_introspects_everything()));
    assert!(public.is_err());
    let spec =
        |names: &[&str]| ClientSpec::confidential("api").scope("x").audience(["x"]).introspects(names.iter().copied());
    let broken = block_on(world.server.ensure_client(spec(&["a\nb"]))).unwrap_err().to_string();
    assert!(broken.contains("it cannot speak for the audience"), "{broken}");
    let long = "a".repeat(1_000);
    let many = block_on(world.server.ensure_client(spec(&[&*long; 17]))).unwrap_err().to_string();
    assert!(many.contains("too many audiences"), "{many}");
    // what it may see changes with its registration, both ways
    let begun = world.begin();
    let api = world.asking(spec(&["orders"]));
    assert!(world.introspect(&api, begun.access_token()).is_active());
    for (names, sees) in [(&[][..], false), (&["orders", "stock"], true)] {
        block_on(world.server.ensure_client(spec(names))).unwrap();
        assert_eq!(world.introspect(&api, begun.access_token()).is_active(), sees);
    }
}

#[test]
fn i01_callers_are_confidential_and_authenticated() {
    let world = plain();
    let (token, api) = (world.begin().access_token().to_owned(), world.orders_api());
    let ask = |request| Answer::of(block_on(world.server.handle(Endpoint::Introspect, &request)));
    let body = format!("token={token}");
    let refused = [
        (basic("orders-api", "wrong", &body), Refusal::ClientSecretWrong),
        (basic("nobody", "wrong", &body), Refusal::ClientUnknown),
        (form(&format!("{body}&client_id=app")), Refusal::ClientPublic),
        (form(&format!("{body}&client_id=orders-api")), Refusal::ClientMethod),
    ];
    let one = ask(basic("nobody", "wrong", &body)).response;
    world.trail.take();
    for (request, why) in refused {
        let answer = ask(request);
        assert_eq!(answer.error(), (401, "invalid_client"), "{why}");
        assert_eq!(answer.response, one, "{why}");
        assert_eq!(world.trail.refusals().pop(), Some(why));
    }
    assert_eq!(ask(form(&body)).error(), (400, "invalid_request"), "no mechanism at all");
    assert!(world.introspect(&api, &token).is_active());
    let by_body = format!("{body}&client_id=orders-api&client_secret={}", api.secret);
    assert!(ask(form(&by_body)).is_active());
}

#[test]
fn guesses_at_a_secret_are_slowed_down_and_unknown_tokens_are_not() {
    let world = people(|builder| builder.failures_per_minute(3), |spec| spec);
    let api = world.orders_api();
    for _ in 0..20 {
        assert!(world.introspect(&api, "unknown").is_inactive());
        assert_eq!(world.revoke("unknown").status, 200);
        assert_eq!(world.introspect_with(&api, "").status, 400);
    }
    let wrong = Asking { id: api.id.clone(), secret: "wrong".into() };
    for _ in 0..3 {
        assert_eq!(world.introspect(&wrong, "x").status, 401);
    }
    assert_eq!(world.introspect(&api, "x").error(), (429, "temporarily_unavailable"));
    world.advance(60);
    assert!(world.introspect(&api, "x").is_inactive());
}

#[test]
fn a_request_without_a_token_is_malformed() {
    let world = plain();
    let api = world.orders_api();
    for body in ["", "token=", "token_type_hint=access_token", "token=a&token=b", "token=%00", "token=%0a", "token=%ff"]
    {
        assert_eq!(world.introspect_with(&api, body).error(), (400, "invalid_request"), "{body}");
    }
    let mut get = basic(&api.id, &api.secret, "token=x");
    get.method = Method::Get;
    let answer = Answer::of(block_on(world.server.handle(Endpoint::Introspect, &get)));
    assert_eq!((answer.status, answer.response.header_value("allow")), (405, Some("POST")));
}

#[test]
fn i03_the_hint_only_hints() {
    for format in both() {
        let world = with(&format);
        let begun = world.begin();
        let own = world.app_turned_confidential();
        for token in [begun.access_token(), &begun.refresh_token()] {
            let seen = world.introspect(&own, token).body;
            for hint in ["access_token", "refresh_token", "id_token", "", "x", "%20"] {
                let hinted = world.introspect_with(&own, &format!("token={token}&token_type_hint={hint}"));
                assert_eq!(hinted.body, seen, "{hint}");
                assert!(hinted.body["active"].is_boolean());
            }
        }
    }
}

/// Adds a claim, a nested one, and one that is the protocol's.
#[derive(Debug)]
struct Adds;

#[async_trait]
impl TokenHook for Adds {
    async fn facts(&self, _: &RequestContext, _: &FactsRequest<'_>) -> Result<HostFacts, HookError> {
        Ok(HostFacts::new())
    }

    async fn additions(
        &self,
        _: &RequestContext,
        _: &ValidatedGrant,
        _: &HostFacts,
        additions: &mut TokenAdditions,
    ) -> Result<(), HookError> {
        additions.claim("region", "eu");
        additions.claim("plan", json!({"name": "gold", "seats": [1, 2]}));
        for reserved in ["active", "username", "token_type", "scope"] {
            additions.claim(reserved, "stolen");
        }
        Ok(())
    }
}

#[test]
fn what_a_hook_added_is_told_and_touches_nothing_else() {
    for format in both() {
        let world = people(|builder| builder.access_token(format.clone()).token_hook(Arc::new(Adds)), |spec| spec);
        let (api, begun) = (world.orders_api(), world.begin());
        let answer = world.introspect(&api, begun.access_token());
        assert_eq!(
            (&answer.body["region"], &answer.body["plan"]),
            (&json!("eu"), &json!({"name": "gold", "seats": [1, 2]}))
        );
        assert_eq!((&answer.body["active"], &answer.body["token_type"]), (&json!(true), &json!("Bearer")));
        assert_eq!(answer.body.get("username"), None);
        let text = String::from_utf8(answer.response.body.clone()).unwrap();
        assert!(!text.contains("stolen") && text.matches("\"active\"").count() == 1, "{text}");
    }
}

#[test]
fn a_token_that_is_bound_to_a_key_says_to_which() {
    let world = plain();
    let (api, token) = (world.orders_api(), "iufhfWPkY_LOP8haywhRijU7KfntoXW3_uAoyBnFlts");
    let bound = |binding, token: &str| {
        let sha256 = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
        let record = AccessTokenRecord {
            digest: TokenDigest::from_bytes(sha256.as_ref().try_into().unwrap()),
            id: TokenId::parse("x").unwrap(),
            family: None,
            principal: Principal::Client { client: "app".parse().unwrap() },
            scope: "orders.read".parse().unwrap(),
            audience: vec!["orders".parse().unwrap()],
            resource: Vec::new(),
            binding,
            auth: None,
            issued_at: START,
            expires_at: START.plus(Lifetime::of_seconds(60)),
            extra: Extra::default(),
        };
        assert_eq!(block_on(world.memory.insert_access_token(record)).unwrap(), InsertToken::Inserted);
        let seen = world.introspect(&api, token).body;
        (seen["cnf"].clone(), seen["token_type"].clone())
    };
    let text = URL_SAFE_NO_PAD.encode([7; 32]);
    assert_eq!(bound(Binding::Jkt([7; 32]), token), (json!({"jkt": text}), json!("DPoP")));
    let other = token.to_lowercase();
    assert_eq!(bound(Binding::X5t([7; 32]), &other), (json!({"x5t#S256": text}), json!("Bearer")));
}

#[test]
fn legacy_profiles_are_read_and_their_owner_is_told_only_what_the_token_proves() {
    let profile = |typ, omit: &[OptionalClaim]| AccessTokenFormat::Jwt {
        alg: Alg::ES256,
        profile: TokenProfile::Legacy { typ, omit: omit.to_vec() },
    };
    for typ in [None, Some(LegacyTyp::Jwt)] {
        let world = World::new(|builder| builder.access_token(profile(typ, &OptionalClaim::ALL)));
        let token = world.token(GRANT).access_token().to_owned();
        let (api, own) = (world.orders_api(), Asking { id: "orders-worker".into(), secret: world.secret.clone() });
        let expected = json!({
            "active": true,
            "aud": "orders",
            "iss": ISSUER,
            "exp": START.seconds() + 600,
            "iat": START.seconds(),
            "token_type": "Bearer",
        });
        assert_eq!(world.introspect(&api, &token).body, expected);
        assert!(world.introspect(&own, &token).is_inactive(), "nothing says that it is its own");
        block_on(world.server.revoke_everything()).unwrap();
        assert!(world.introspect(&api, &token).is_inactive());
    }
    // without a jti there is no family, but user and client end it
    let world = people(|builder| builder.access_token(profile(None, &[OptionalClaim::Jti])), |spec| spec);
    let (begun, api) = (world.begin(), world.orders_api());
    assert!(world.introspect(&api, begun.access_token()).is_active());
    assert!(world.introspect(&api, begun.body["id_token"].as_str().unwrap()).is_inactive());
    block_on(world.server.revoke_subject(&"alice".parse().unwrap())).unwrap();
    assert!(world.introspect(&api, begun.access_token()).is_inactive());
}

#[test]
fn other_parameters_are_ignored() {
    let world = plain();
    let (api, token) = (world.orders_api(), world.begin().access_token().to_owned());
    let more = format!("token={token}&scope={}&resource=https://x.example&username=bob", plus(SCOPE));
    assert_eq!(world.introspect_with(&api, &more).body, world.introspect(&api, &token).body);
}
