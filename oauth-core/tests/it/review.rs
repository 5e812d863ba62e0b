//! What a review found: every test here failed on the code that it was written against.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use oauth_core::audit::{Audit, AuditLost, AuditSink, Event};
use oauth_core::dialect::{BodyMedia, Dialect, ErrorAnswer, TokenAnswer, TokenMount};
use oauth_core::jose::Alg;
use oauth_core::store::{AccessTokenFormat, Client, GrantStore as _, LegacyTyp, Stores, TokenProfile, User};
use oauth_core::types::{Issuer, Lifetime, Subject, Tenant};
use oauth_core::wire::{Body, Method, Request};
use oauth_core::{
    Authenticated, AuthorizationServer, Builder, ClientSpec, Endpoint, ExtensionFacts, ExtensionGrant,
    ExtensionParameters, ExtensionRefusal, ExtensionSettings, NewSecret, Proposal, SingleUse,
};
use oauth_testkit::{SeededEntropy, block_on};
use serde_json::{Map, Value};

use crate::dialect::Camel;
use crate::people::{SCOPE, TRUST, app, people, plain};
use crate::world::{Answer, ISSUER, Parts, START, World, basic, form, sealing};

/// Loses events while it is told to.
#[derive(Debug, Default)]
struct Tap(AtomicBool);

impl AuditSink for Tap {
    fn record(&self, _: &Event) -> Result<(), AuditLost> {
        self.ready()
    }

    fn ready(&self) -> Result<(), AuditLost> {
        if self.0.load(Ordering::SeqCst) { Err(AuditLost) } else { Ok(()) }
    }
}

fn required() -> (World, Arc<Tap>) {
    let tap = Arc::new(Tap::default());
    let world = World::new(|builder| builder.audit(Arc::clone(&tap) as _).audit_mode(Audit::Required));
    (world, tap)
}

#[test]
fn w06_who_proves_nothing_costs_no_hash_unless_it_is_refused() {
    let world = World::new(Builder::with_chosen_client_secrets);
    for id in ["open", "off"] {
        block_on(world.server.ensure_client(ClientSpec::public(id).scope("a").audience(["a"]))).unwrap();
    }
    block_on(world.server.set_client_active(&"off".parse().unwrap(), false)).unwrap();
    let asked = |id: &str| {
        let before = world.server.password_hashes();
        let status = world.post(form(&format!("client_id={id}&grant_type=client_credentials"))).status;
        (status, world.server.password_hashes() - before)
    };
    // nothing is counted against a client that is who it says, so nothing may bound what it costs
    assert_eq!(asked("open"), (400, 0));
    for refused in ["off", "orders-worker", "nobody"] {
        assert_eq!(asked(refused), (401, 1), "{refused}");
    }
}

#[test]
fn a_client_can_be_switched_off_though_the_trail_is_full() {
    let (world, tap) = required();
    let token = world.token("grant_type=client_credentials").access_token().to_owned();
    tap.0.store(true, Ordering::SeqCst);
    let _lost = block_on(world.server.set_client_active(&"orders-worker".parse().unwrap(), false));
    assert!(world.verify(&token).is_err(), "what it holds is taken back all the same");
}

#[test]
fn a_secret_that_was_made_is_shown_though_the_trail_is_full() {
    let (world, tap) = required();
    tap.0.store(true, Ordering::SeqCst);
    let made = block_on(world.server.ensure_client(ClientSpec::confidential("new").scope("a").audience(["a"])));
    let client = "orders-worker".parse().unwrap();
    let next = block_on(world.server.rotate_client_secret(&client, NewSecret::Generated, Duration::ZERO));
    tap.0.store(false, Ordering::SeqCst);
    // it is kept as a digest: who does not hear it now never will, and the old one has ended
    let (made, next) = (made.unwrap().secret.unwrap(), next.unwrap().unwrap());
    for (id, secret) in [("new", made), ("orders-worker", next)] {
        assert_eq!(world.post(basic(id, secret.expose(), "grant_type=client_credentials")).status, 200, "{id}");
    }
}

#[test]
fn what_is_wrong_with_a_json_body_is_said_in_the_dialect_that_reads_json() {
    let mount = TokenMount::standard("/token").and(Arc::new(Camel(BodyMedia::Json)));
    let world = World::new(|builder| builder.token_mounts([mount]));
    let asked = |body: Body, coding: Option<&[u8]>| {
        let mut request = Request::new(Method::Post, "/token");
        request.headers.push("content-type", b"application/json");
        if let Some(coding) = coding {
            request.headers.push("content-encoding", coding);
        }
        request.body = body;
        world.post(request)
    };
    let answers: [(Answer, u16); 4] = [
        (asked(Body::TooLarge, None), 413),
        (asked(Body::TimedOut, None), 408),
        (asked(Body::Broken, None), 400),
        (asked(Body::Whole(b"{}".to_vec()), Some(b"gzip")), 415),
    ];
    for (answer, status) in answers {
        assert_eq!((answer.status, &answer.body["fault"]["code"]), (status, &"invalid_request".into()));
    }
}

#[test]
fn a_client_that_becomes_confidential_does_not_act_on_in_a_users_name() {
    let world = plain();
    let token = world.begin().refresh_token();
    let spec = ClientSpec::confidential("app").grants([TRUST, "refresh_token"]).scope(SCOPE).audience(["orders"]);
    let secret = block_on(world.server.ensure_client(spec)).unwrap().secret.unwrap();
    let body = format!("grant_type=refresh_token&refresh_token={token}");
    // it lists nobody in `acts_for`
    assert!(world.post(basic("app", secret.expose(), &body)).is_invalid_grant());
    block_on(world.server.ensure_client(app("app"))).unwrap();
    assert_eq!(world.refresh(&token).status, 200, "keeps");
}

#[test]
fn a_list_of_users_that_bounds_nothing_is_a_mistake() {
    let world = plain();
    let mistakes = block_on(world.server.ensure_client(app("kiosk").acts_for(["alice"]))).unwrap_err().to_string();
    assert!(mistakes.contains("acts_for"), "{mistakes}");
}

/// Says the answer as `Debug` shows it.
#[derive(Debug)]
struct Prints;

impl Dialect for Prints {
    fn media(&self) -> BodyMedia {
        BodyMedia::Form
    }

    fn success(&self, answer: &TokenAnswer<'_>) -> Map<String, Value> {
        let Ok(Value::Object(mut members)) = serde_json::to_value(answer) else { return Map::new() };
        members.insert("debug".into(), format!("{answer:?}").into());
        members
    }

    fn error(&self, error: &ErrorAnswer<'_>) -> Map<String, Value> {
        Map::from_iter([("error".to_owned(), error.error.into())])
    }
}

#[test]
fn g10_what_a_host_prints_holds_no_token_and_no_ticket() {
    let mount = TokenMount::legacy("/oauth/token", Arc::new(Prints));
    let world = people(|builder| builder.token_mounts([mount]), |spec| spec);
    let answer = world.begin();
    let debug = answer.body["debug"].as_str().unwrap();
    for token in ["access_token", "refresh_token", "id_token"] {
        assert!(!debug.contains(answer.body[token].as_str().unwrap()), "{token}");
    }
    let mut proposal = Proposal::new("alice".parse().unwrap());
    proposal.single_use = Some(SingleUse { name: "one-time-code".into(), issued_at: START, expires_at: START });
    assert!(!format!("{proposal:?}").contains("one-time-code"));
}

#[test]
fn users_who_are_not_there_cost_what_users_who_are_not_listed_cost() {
    let world = plain();
    let desk = ClientSpec::confidential("desk").grants([TRUST]).scope(SCOPE).audience(["orders"]);
    let secret = block_on(world.server.ensure_client(desk)).unwrap().secret.unwrap();
    world.add_user("gone", false);
    let calls = ["alice", "gone", "nobody"].map(|user| {
        world.store.forget();
        let body = format!("grant_type={TRUST}&user={user}&scope=orders.read");
        assert!(world.post(basic("desk", secret.expose(), &body)).is_invalid_grant());
        world.store.calls()
    });
    assert!(calls.iter().all(|one| *one == calls[0]), "{calls:?}");
}

#[test]
fn an_access_token_never_looks_like_an_id_token_whatever_was_registered_before() {
    let parts = Parts::new();
    let legacy = TokenProfile::Legacy { typ: Some(LegacyTyp::Jwt), omit: Vec::new() };
    let spec = ClientSpec::confidential("old").scope("a").legacy_audience_is_client_id();
    let spec = spec.access_token(AccessTokenFormat::Jwt { alg: Alg::ES256, profile: legacy });
    let before = block_on(parts.builder().start()).unwrap();
    let secret = block_on(before.ensure_client(spec)).unwrap().secret.unwrap();
    // the same stores, after the server began to make id tokens
    let world = parts.start(|builder| builder.id_tokens(Alg::ES256));
    let answer = world.post(basic("old", secret.expose(), "grant_type=client_credentials"));
    assert!(answer.status >= 500, "{}", answer.body);
}

#[test]
fn no_client_takes_the_name_of_a_user() {
    let world = plain();
    let spec = ClientSpec::confidential("alice").scope("a").audience(["orders"]);
    let why = block_on(world.server.ensure_client(spec)).unwrap_err().to_string();
    assert!(why.contains("is the subject of a user"), "{why}");
}

#[test]
fn who_may_not_go_on_without_the_user_any_more_does_not() {
    let world = plain();
    let token = world.begin().refresh_token();
    block_on(world.server.ensure_client(app("app").scope("openid orders.read orders.write"))).unwrap();
    assert!(world.refresh(&token).is_invalid_grant());
    block_on(world.server.ensure_client(app("app"))).unwrap();
    assert_eq!(world.refresh(&token).status, 200, "keeps");
}

#[test]
fn a_client_that_was_public_for_a_while_does_not_get_its_old_secret_back() {
    let world = World::new(|builder| builder);
    let spec = |public: bool| {
        let id = "orders-worker";
        let spec = if public { ClientSpec::public(id) } else { ClientSpec::confidential(id) };
        spec.scope("orders.read").audience(["orders"])
    };
    block_on(world.server.ensure_client(spec(true))).unwrap();
    let new = block_on(world.server.ensure_client(spec(false))).unwrap().secret.unwrap();
    assert_eq!(world.token("grant_type=client_credentials").status, 401);
    let answer = world.post(basic("orders-worker", new.expose(), "grant_type=client_credentials"));
    assert_eq!(answer.status, 200);
}

/// Proposes alice for the code `right`, for a very long time.
#[derive(Debug)]
struct Codes;

impl ExtensionGrant for Codes {
    fn grant_type(&self) -> &'static str {
        "urn:test:codes"
    }

    fn parameters(&self) -> &[&'static str] {
        &["one_time"]
    }

    fn propose(
        &self,
        _: &Authenticated<Client>,
        parameters: &ExtensionParameters<'_>,
        _: &ExtensionFacts,
    ) -> Result<Proposal, ExtensionRefusal> {
        if parameters.one("one_time") != Some("right") {
            return Err(ExtensionRefusal::Invalid);
        }
        let subject = Subject::parse("alice").map_err(|_| ExtensionRefusal::Invalid)?;
        Ok(Proposal { lifetime: Some(Duration::MAX), ..Proposal::new(subject) })
    }
}

fn codes() -> World {
    let world = Parts::new().start(|builder| {
        let settings = ExtensionSettings { scope: "a".into(), ..ExtensionSettings::default() };
        builder.failures_per_minute(3).extension_grant(Arc::new(Codes), settings)
    });
    let spec = ClientSpec::public("app").grants(["urn:test:codes"]).scope("a").audience(["orders"]);
    block_on(world.server.ensure_client(spec)).unwrap();
    world.add_user("alice", true);
    world
}

fn code(world: &World, code: &str) -> Answer {
    world.post(form(&format!("grant_type=urn:test:codes&client_id=app&one_time={code}")))
}

#[test]
fn a_bound_that_no_token_reaches_is_no_refusal() {
    let answer = code(&codes(), "right");
    assert_eq!((answer.status, &answer.body["expires_in"]), (200, &600.into()), "{}", answer.body);
}

#[test]
fn guesses_at_an_extension_grant_are_counted() {
    let world = codes();
    for _ in 0..3 {
        assert!(code(&world, "wrong").is_invalid_grant());
    }
    assert_eq!(code(&world, "wrong").status, 429);
}

const PASSWORD: &str = "correct horse battery";

/// The password grant for alice and for bob, by a client that asks for many users from one address.
fn backend(configure: impl FnOnce(Builder) -> Builder) -> World {
    let world =
        World::with_client(|builder| configure(builder.danger().password_grant()), |spec| spec.legacy_password_grant());
    for name in ["alice", "bob"] {
        let password = Some(block_on(world.server.hash_password(PASSWORD)).unwrap());
        let user = User { subject: name.parse().unwrap(), active: true, scope: None, password };
        let _ = world.memory.insert_user(user, [name]).unwrap();
    }
    world
}

fn sign_in(world: &World, user: &str, password: &str) -> Answer {
    let password = password.replace(' ', "+");
    world.token(&format!("grant_type=password&username={user}&password={password}"))
}

#[test]
fn c16_strangers_at_a_clients_login_page_do_not_lock_its_users_out() {
    let world = backend(|builder| builder.failures_per_minute(3));
    for stranger in ["x", "y", "z"] {
        assert!(sign_in(&world, stranger, "wrong").is_invalid_grant());
    }
    assert_eq!(sign_in(&world, "bob", PASSWORD).status, 200);
}

#[test]
fn a_ticket_is_not_spent_by_an_event_that_was_lost() {
    let tap = Arc::new(Tap::default());
    let world = people(|builder| builder.audit(Arc::clone(&tap) as _).audit_mode(Audit::Required), |spec| spec);
    let body = format!("grant_type={TRUST}&client_id=app&user=alice&scope=orders.read&ticket=t1");
    tap.0.store(true, Ordering::SeqCst);
    assert_eq!(world.post(form(&body)).status, 503);
    tap.0.store(false, Ordering::SeqCst);
    assert_eq!(world.post(form(&body)).status, 200);
}

#[test]
fn a_lost_answer_is_no_theft_because_another_nodes_clock_is_ahead() {
    let world = plain();
    let begun = world.begin();
    let (token, family) = (begun.refresh_token(), world.family_of(&begun).id);
    assert_eq!(world.refresh(&token).status, 200);
    // another node, a minute ahead, wrote the mark; this one starts again
    let _ = block_on(world.memory.raise_clock_mark(START.plus(Lifetime::of_seconds(60)))).unwrap();
    let stores = Stores::all(Tenant::default_tenant(), Arc::clone(&world.store));
    let builder = AuthorizationServer::builder(Issuer::url(ISSUER).unwrap(), stores, sealing().into())
        .access_token(AccessTokenFormat::Opaque)
        .entropy(Arc::new(SeededEntropy::new(2)))
        .clock(Arc::new(world.clock.clone()));
    let again = block_on(builder.start()).unwrap();
    world.advance(5);
    let retry = form(&format!("grant_type=refresh_token&client_id=app&refresh_token={token}"));
    let answer = Answer::of(block_on(again.handle(Endpoint::Token, &retry)));
    assert_eq!((answer.status, world.ended(family)), (200, None), "{}", answer.body);
}
