//! RFC 7662: who is told what of which token (§8 of the protocol, rows I1 to I4).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_core::jose::Alg;
use oauth_core::store::{
    AccessTokenFormat, AccessTokenRecord, Binding, ClientRegistry as _, ClientStore as _, Deregister, Extra,
    GrantStore as _, InsertToken, LegacyTyp, OptionalClaim, Principal, StoreErrorKind, TokenProfile, UpdateClient,
};
use oauth_core::token::{FactsRequest, HookError, HostFacts, TokenAdditions, TokenHook};
use oauth_core::types::{Lifetime, TokenDigest, TokenId};
use oauth_core::wire::Method;
use oauth_core::{Builder, ClientSpec, Endpoint, Refusal, RequestContext, ResourceSettings, ValidatedGrant};
use oauth_testkit::{Method as Call, Times, block_on};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::people::{Asking, SCOPE, TRUST, app, people, plain, plus};
use crate::world::{Answer, ISSUER, START, World, basic, form, jwt};

const GRANT: &str = "grant_type=client_credentials";

/// A server with alice's tokens in this format.
fn with(format: &AccessTokenFormat) -> World {
    people(|builder| builder.access_token(format.clone()), |spec| spec)
}

fn both() -> [AccessTokenFormat; 2] {
    [AccessTokenFormat::Opaque, jwt(Alg::ES256)]
}

/// A client with tokens of its own.
fn worker(world: &World) -> Asking {
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

/// Every way in which a token can be no good for `orders-api`, or for `app` itself, with its name.
fn dead_tokens(world: &World) -> Vec<(String, String)> {
    let mut dead: Vec<(String, String)> = Vec::new();
    let mut add = |why: &str, token: &str| dead.push((why.to_owned(), token.to_owned()));
    let expired = world.begin();
    world.advance(601);
    add("expired", expired.access_token());
    let revoked = world.begin();
    block_on(world.server.revoke_family(world.family_of(&revoked).id)).unwrap();
    add("family revoked", revoked.access_token());
    add("its refresh token", &revoked.refresh_token());
    let alone = world.begin();
    block_on(world.server.revoke_token(&world.verify(alone.access_token()).unwrap())).unwrap();
    add("revoked alone", alone.access_token());
    let spent = world.begin();
    world.refresh(&spent.refresh_token());
    add("spent", &spent.refresh_token());
    add("an id token", world.begin().body["id_token"].as_str().unwrap());
    let live = world.begin();
    for (why, token) in [("access", live.access_token()), ("refresh", &live.refresh_token())] {
        for end in [1, token.len() / 2, token.len() - 1] {
            add(&format!("{why} cut at {end}"), &token[..end]);
        }
        add(&format!("{why} longer"), &format!("{token}A"));
        add(&format!("{why} with ="), &format!("{token}="));
        add(&format!("{why} and a space"), &format!("{token}+"));
        add(&format!("{why} in another case"), &token.to_uppercase());
    }
    let mut bytes = URL_SAFE_NO_PAD.decode(live.refresh_token()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    add("another tag", &URL_SAFE_NO_PAD.encode(&bytes));
    add("10 KiB", &"a".repeat(10 * 1024));
    add("10 KiB with dots", &format!("{}.{}.{}", "a".repeat(9_000), "b".repeat(1_000), "c".repeat(240)));
    for garbage in ["x", ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
        add("garbage", garbage);
    }
    add("unknown", "iufhfWPkY_LOP8haywhRijU7KfntoXW3_uAoyBnFlts");
    dead
}

#[test]
fn i02_every_dead_or_odd_token_is_just_inactive_to_the_byte() {
    for format in both() {
        let world = with(&format);
        let dead = dead_tokens(&world);
        let (own, api) = (world.app_turned_confidential(), world.orders_api());
        world.store.forget();
        world.trail.take();
        for (why, token) in &dead {
            for hint in ["", "&token_type_hint=access_token", "&token_type_hint=refresh_token", "&token_type_hint=x"] {
                for caller in [&own, &api] {
                    let answer = world.introspect_with(caller, &format!("token={token}{hint}"));
                    assert!(answer.is_inactive(), "{format:?}: {why}, {}: {}", caller.id, answer.body);
                }
            }
        }
        assert_eq!((world.writes(), world.trail.take().len()), (0, 0), "nothing changes");
    }
}

#[test]
fn user_and_client_are_asked_for_now() {
    for format in both() {
        let world = with(&format);
        let begun = world.begin();
        let (api, spec) = (world.orders_api(), ClientSpec::confidential("auditor").scope("audit").audience(["audit"]));
        let auditor = world.asking(spec.danger_introspects_everything());
        let sees = |token: &str, caller: &Asking| {
            let answer = world.introspect(caller, token);
            assert!(answer.is_active() || answer.is_inactive(), "{}", answer.body);
            answer.is_active()
        };
        let refresh = begun.refresh_token();
        let all = || [sees(begun.access_token(), &api), sees(&refresh, &auditor)];
        assert_eq!(all(), [true, true]);
        let _ = world.memory.set_user_active(&"alice".parse().unwrap(), false).unwrap();
        assert_eq!(all(), [false, false]);
        let _ = world.memory.set_user_active(&"alice".parse().unwrap(), true).unwrap();
        assert_eq!(all(), [true, true], "nothing was changed");
        // past the server, so that nothing was taken back
        let mut record = (*block_on(world.memory.find(&"app".parse().unwrap())).unwrap().unwrap()).clone();
        for (version, active) in [(2, false), (3, true)] {
            (record.active, record.version) = (active, version);
            assert_eq!(block_on(world.memory.update(record.clone(), version - 1)).unwrap(), UpdateClient::Updated);
            assert_eq!(all(), [active, active]);
        }
        assert_eq!(block_on(world.memory.deregister(&record.id)).unwrap(), Deregister::Removed);
        assert_eq!(all(), [false, false]);
    }
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

#[test]
fn i04_every_two_ways_of_taking_a_token_back_apply_together() {
    type Way = (&'static str, fn(&World, &Answer));
    let ways: [Way; 10] = [
        ("user", |world, _| block_on(world.server.revoke_subject(&"alice".parse().unwrap())).unwrap()),
        ("client", |world, _| block_on(world.server.revoke_client(&"app".parse().unwrap())).unwrap()),
        ("everything", |world, _| block_on(world.server.revoke_everything()).unwrap()),
        ("family", |world, begun| {
            let id = world.verify(begun.access_token()).map(|access| access.family().unwrap());
            if let Ok(id) = id {
                block_on(world.server.revoke_family(id)).unwrap();
            }
        }),
        ("alone", |world, begun| {
            if let Ok(access) = world.verify(begun.access_token()) {
                block_on(world.server.revoke_token(&access)).unwrap();
            }
        }),
        ("by its client", |world, begun| assert_eq!(world.revoke(&begun.refresh_token()).status, 200)),
        ("replay", |world, begun| {
            let first = begun.refresh_token();
            let second = world.refresh(&first);
            if second.status == 200 {
                world.refresh(&second.refresh_token());
                assert!(world.refresh(&first).is_invalid_grant());
            }
        }),
        ("restore", |world, _| {
            let _ = block_on(world.server.after_restore(START.plus(Lifetime::of_seconds(5)))).unwrap();
        }),
        ("time", |world, _| world.advance(700)),
        ("user disabled", |world, _| {
            let _ = world.memory.set_user_active(&"alice".parse().unwrap(), false).unwrap();
        }),
    ];
    for format in both() {
        for (one, first) in ways {
            for (other, second) in ways {
                let world = with(&format);
                let begun = world.begin();
                let api = world.orders_api();
                assert!(world.introspect(&api, begun.access_token()).is_active());
                world.advance(5);
                first(&world, &begun);
                assert!(world.introspect(&api, begun.access_token()).is_inactive(), "{one}");
                second(&world, &begun);
                assert!(world.introspect(&api, begun.access_token()).is_inactive(), "{one}, then {other}");
                let _ = world.memory.set_user_active(&"alice".parse().unwrap(), true).unwrap();
                // nobody gets as far as a replay while the user is disabled
                let stays = one != "user disabled" || !["user disabled", "replay"].contains(&other);
                assert_eq!(world.introspect(&api, begun.access_token()).is_inactive(), stays, "{one}, {other}");
            }
        }
    }
}

#[test]
fn m05_tokens_of_a_revoked_key_are_inactive() {
    let world = with(&jwt(Alg::ES256));
    let begun = world.begin();
    let api = world.orders_api();
    let header: Value = serde_json::from_str(&crate::world::peek(begun.access_token()).0).unwrap();
    assert!(world.introspect(&api, begun.access_token()).is_active());
    block_on(world.server.keys().revoke(&header["kid"].as_str().unwrap().parse().unwrap())).unwrap();
    world.store.forget();
    assert!(world.introspect(&api, begun.access_token()).is_inactive());
    assert_eq!(world.store.calls(), [Call::Find], "a JWT is proved before anything is read");
    assert!(world.introspect(&api, world.begin().access_token()).is_active());
}

#[test]
fn it_costs_one_read_of_grants_and_at_most_two_clients_and_one_user() {
    for format in both() {
        let world = with(&format);
        let begun = world.begin();
        let (gone, foreign) = (world.begin(), world.begin());
        block_on(world.server.revoke_family(world.family_of(&gone).id)).unwrap();
        let spent = world.begin();
        world.refresh(&spent.refresh_token());
        let (own, api) = (world.app_turned_confidential(), world.orders_api());
        let stranger = worker(&world);
        let cost = |caller: &Asking, token: &str| {
            world.store.forget();
            let answer = world.introspect(caller, token);
            let (grants, mut others): (Vec<Call>, Vec<Call>) = world
                .store
                .calls()
                .into_iter()
                .partition(|call| matches!(call, Call::FindAccessToken | Call::FindByHandle | Call::Standing));
            others.sort_by_key(ToString::to_string);
            assert!(answer.is_active() || answer.is_inactive());
            (answer.is_active(), grants.len(), others)
        };
        let (find, user) = (Call::Find, Call::FindBySubject);
        assert_eq!(cost(&api, begun.access_token()), (true, 1, vec![find, find, user]));
        assert_eq!(cost(&own, begun.access_token()), (true, 1, vec![find, user]));
        assert_eq!(cost(&own, &begun.refresh_token()), (true, 1, vec![find, user]));
        // whatever is well-formed and not for the caller costs the same
        let unknown = "iufhfWPkY_LOP8haywhRijU7KfntoXW3_uAoyBnFlts";
        for (caller, token) in [
            (&api, gone.access_token()),
            (&api, &gone.refresh_token()),
            (&api, &begun.refresh_token()),
            (&api, unknown),
            (&own, gone.access_token()),
            (&own, &gone.refresh_token()),
            (&own, &spent.refresh_token()),
            (&own, unknown),
            (&stranger, foreign.access_token()),
            (&stranger, &foreign.refresh_token()),
            (&stranger, unknown),
        ] {
            assert_eq!(cost(caller, token), (false, 1, vec![find]), "{}", caller.id);
        }
        world.advance(601);
        // whose keys are read again first
        cost(&api, "x");
        assert_eq!(cost(&api, foreign.access_token()), (false, 1, vec![find]), "expired");
        // and what cannot be ours costs nothing
        for odd in ["x", "a.b.c", &"a".repeat(10_240)] {
            assert_eq!(cost(&api, odd), (false, 0, vec![find]));
        }
    }
}

#[test]
fn an_outage_is_never_inactive() {
    for format in both() {
        let world = with(&format);
        let begun = world.begin();
        let (own, api) = (world.app_turned_confidential(), world.orders_api());
        for (caller, token) in [(&api, begun.access_token()), (&own, &begun.refresh_token())] {
            world.store.forget();
            assert!(world.introspect(caller, token).is_active());
            let calls = world.store.calls().len();
            assert!(calls >= 3);
            for number in 1..=calls {
                for (kind, status) in [(StoreErrorKind::Unavailable, 503), (StoreErrorKind::Corrupt, 500)] {
                    world.store.forget();
                    world.store.fail_at(number, kind);
                    let answer = world.introspect(caller, token);
                    assert_eq!(answer.status, status, "call {number}");
                    assert_eq!(answer.response.header_value("retry-after").is_some(), status == 503);
                    assert!(answer.body.get("active").is_none());
                }
            }
        }
        // keys that may have been revoked meanwhile are not believed
        world.store.forget();
        world.store.fail(Call::LoadKeys, StoreErrorKind::Unavailable, Times::Always);
        world.advance(61);
        assert_eq!(world.introspect(&api, begun.access_token()).status, 503);
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
fn an_idle_family_is_inactive_and_stays_as_it_was() {
    let idle = Duration::from_secs(100);
    let world = people(|builder| builder.refresh_lifetimes(idle, Duration::from_secs(150)), |spec| spec);
    let begun = world.begin();
    let family = world.family_of(&begun).id;
    let own = world.app_turned_confidential();
    world.advance(99);
    assert!(world.introspect(&own, &begun.refresh_token()).is_active());
    world.advance(1);
    world.store.forget();
    assert!(world.introspect(&own, &begun.refresh_token()).is_inactive());
    assert_eq!((world.writes(), world.ended(family)), (0, None), "only a refresh writes it down");
}

#[test]
fn a_refresh_token_that_stays_is_active_as_often_as_it_is_used() {
    let world =
        people(|builder| builder.danger().legacy_static_refresh_of_public_clients(), ClientSpec::legacy_static_refresh);
    let token = world.begin().refresh_token();
    for _ in 0..3 {
        assert_eq!(world.refresh(&token).refresh_token(), token);
    }
    let own = world.app_turned_confidential();
    assert!(world.introspect(&own, &token).is_active());
}

#[test]
fn prefixes_tell_tokens_apart_in_any_combination() {
    for (opaque, refresh) in [("", ""), ("at_", ""), ("", "rt_"), ("x", "x"), ("at_", "at_rt_"), ("a-", "a-b")] {
        let world = people(|builder| builder.opaque_prefix(opaque).refresh_prefix(refresh), |spec| spec);
        let begun = world.begin();
        let own = world.app_turned_confidential();
        for token in [begun.access_token(), &begun.refresh_token()] {
            world.store.forget();
            assert!(world.introspect(&own, token).is_active(), "{opaque} {refresh}");
            let grants = [Call::FindAccessToken, Call::FindByHandle].map(|call| world.store.count(call));
            assert_eq!(grants.iter().sum::<usize>(), 1);
        }
        assert_eq!(
            world.revoke_with(basic(&own.id, &own.secret, &format!("token={}", begun.refresh_token()))).status,
            200
        );
        assert!(world.introspect(&own, begun.access_token()).is_inactive());
    }
}

#[test]
fn other_parameters_are_ignored() {
    let world = plain();
    let (api, token) = (world.orders_api(), world.begin().access_token().to_owned());
    let more = format!("token={token}&scope={}&resource=https://x.example&username=bob", plus(SCOPE));
    assert_eq!(world.introspect_with(&api, &more).body, world.introspect(&api, &token).body);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_a_token_but_one_that_was_given(
        text in prop_oneof!["[ -~]{1,80}", "[A-Za-z0-9_-]{43}", "[A-Za-z0-9_-]{1,30}\\.[A-Za-z0-9_-]{0,30}\\.[A-Za-z0-9_-]{0,9}"],
        hint in prop::option::of("[ -~]{0,20}"),
    ) {
        let world = plain();
        let (begun, api) = (world.begin(), world.orders_api());
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
        let hint = hint.map(|hint| format!("&token_type_hint={}", encode(&hint))).unwrap_or_default();
        let body = format!("token={}{hint}", encode(&text));
        prop_assert!(world.introspect_with(&api, &body).is_inactive());
        let given_back = form(&format!("client_id=app&{body}"));
        prop_assert_eq!(world.revoke_with(given_back).status, 200);
        prop_assert!(world.introspect(&api, begun.access_token()).is_active());
    }
}
