//! Extension grants within their limits (protocol.md §7): what the host proposes is granted as far as the core's own
//! rules go, and a confidential client acts for those only whom its registration lists.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use oauth_core::jose::Alg;
use oauth_core::store::{AccessTokenFormat, Client};
use oauth_core::token::HookError;
use oauth_core::{
    Authenticated, ClientSpec, ExtensionFacts, ExtensionGrant, ExtensionParameters, ExtensionRefusal,
    ExtensionSettings, Proposal, Refusal, RequestContext,
};
use oauth_testkit::{Method as Call, block_on};

use crate::people::{SCOPE, TRUST, Trust, people, plain, plus};
use crate::world::{Answer, Parts, World, basic, form, jwt, peek};

/// people's server and the confidential client `desk`, which may act for alice.
fn desk(format: AccessTokenFormat) -> (World, String) {
    let world = people(|builder| builder.access_token(format), |spec| spec);
    let spec = ClientSpec::confidential("desk").grants([TRUST, "refresh_token"]).scope(SCOPE).audience(["orders"]);
    let made = block_on(world.server.ensure_client(spec.acts_for(["alice", "gone"]))).unwrap();
    world.add_user("bob", true);
    world.add_user("gone", false);
    (world, made.secret.unwrap().expose().to_owned())
}

fn act(world: &World, secret: &str, more: &str) -> Answer {
    world.post(basic("desk", secret, &format!("grant_type={TRUST}{more}")))
}

#[test]
fn a_client_that_acts_for_a_user_says_so_in_the_token_and_gets_nothing_that_lasts() {
    for format in [jwt(Alg::ES256), AccessTokenFormat::Opaque] {
        let (world, secret) = desk(format);
        let answer = act(&world, &secret, "&user=alice&scope=orders.read+offline_access");
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body["scope"], "orders.read", "offline_access is not for impersonation");
        assert!(answer.body.get("refresh_token").is_none() && answer.body.get("id_token").is_none());
        assert!(answer.body["expires_in"].as_u64().unwrap() <= 600);
        let access = world.verify(answer.access_token()).unwrap();
        assert_eq!(access.actor().unwrap().as_str(), "desk");
        assert_eq!(access.require_user().unwrap().as_str(), "alice");
        assert_eq!(access.auth_time(), None);
        assert_eq!(access.require_signed_in().unwrap_err(), Refusal::TokenSignInRequired);
        if answer.access_token().contains('.') {
            let (_, claims) = peek(answer.access_token());
            assert_eq!(claims["act"], serde_json::json!({ "sub": "desk" }));
            assert!(claims.get("auth_time").is_none());
        }
        // both names are in the trail
        let issued = world.trail.take().into_iter().rev().find(|event| event.what.id() == "token.issued").unwrap();
        assert_eq!((issued.client.unwrap().as_str(), issued.subject.unwrap().as_str()), ("desk", "alice"));
        // and it goes with all that alice holds
        block_on(world.server.revoke_subject(&"alice".parse().unwrap())).unwrap();
        assert!(world.verify(answer.access_token()).is_err());
    }
}

#[test]
fn who_is_not_listed_not_active_or_not_there_gets_one_answer() {
    let (world, secret) = desk(AccessTokenFormat::Opaque);
    let answers: Vec<_> = ["bob", "gone", "nobody"]
        .map(|user| act(&world, &secret, &format!("&user={user}&scope=orders.read")))
        .map(|answer| (answer.status, answer.response.headers, answer.response.body))
        .into();
    assert!(answers.iter().all(|answer| *answer == answers[0]) && answers[0].0 == 400);
    let why = world.trail.refusals();
    assert_eq!(why, [Refusal::SubjectNotListed, Refusal::SubjectInactive, Refusal::SubjectUnknown]);
    assert_eq!(act(&world, &secret, "").error(), (400, "invalid_request"));
    assert_eq!(act(&world, &secret, "&user=alice&user=bob").error(), (400, "invalid_request"));
    assert_eq!(act(&world, &secret, "&user=a%00b").error(), (400, "invalid_request"));
    assert_eq!(act(&world, &secret, "&user=alice&scope=admin").error(), (400, "invalid_scope"));
    assert_eq!(act(&world, &secret, "&user=alice&scope=openid").error(), (400, "invalid_scope"));
    // a client that lists nobody
    let spec = ClientSpec::confidential("nobody").grants([TRUST]).scope(SCOPE).audience(["orders"]);
    let made = block_on(world.server.ensure_client(spec)).unwrap().secret.unwrap();
    let answer = world.post(basic("nobody", made.expose(), &format!("grant_type={TRUST}&user=alice")));
    assert!(answer.is_invalid_grant());
}

#[test]
fn scope_is_bounded_by_the_user_the_client_and_the_grant() {
    let (world, secret) = desk(AccessTokenFormat::Opaque);
    let narrow = oauth_core::store::User {
        subject: "narrow".parse().unwrap(),
        active: true,
        scope: Some("orders.read".parse().unwrap()),
        password: None,
    };
    let _ = world.memory.insert_user(narrow, ["narrow"]).unwrap();
    block_on(world.server.ensure_client(
        ClientSpec::confidential("desk").grants([TRUST]).scope(SCOPE).audience(["orders"]).acts_for(["narrow"]),
    ))
    .unwrap();
    let answer = act(&world, &secret, "&user=narrow&scope=orders.read+orders.write");
    assert_eq!(answer.body["scope"], "orders.read");
    // a scope that only the client itself has
    assert_eq!(act(&world, &secret, "&user=narrow&scope=orders.write").error(), (400, "invalid_scope"));
}

#[test]
fn a_ticket_is_spent_once_by_any_number_who_come_together() {
    let world = plain();
    let body = format!("grant_type={TRUST}&client_id=app&user=alice&scope={}&ticket=t1", plus("orders.read"));
    let answers: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8).map(|_| scope.spawn(|| world.post(form(&body)))).collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.is_invalid_grant()).count(), 7);
    let other = body.replace("t1", "t2");
    world.store.forget();
    world.store.fail(Call::StartFamily, oauth_core::store::StoreErrorKind::Unavailable, oauth_testkit::Times::Nth(1));
    assert_eq!(world.post(form(&other)).status, 503);
    assert_eq!(world.post(form(&other)).status, 200, "a failed commit spends nothing");
}

#[test]
fn it_is_off_until_server_and_client_list_it() {
    let world = World::new(|builder| builder);
    let body = format!("grant_type={TRUST}&user=alice");
    assert_eq!(world.token(&body).error(), (400, "unsupported_grant_type"));
    let (world, _) = desk(AccessTokenFormat::Opaque);
    let spec = ClientSpec::public("plain").scope("orders.read").audience(["orders"]);
    block_on(world.server.ensure_client(spec)).unwrap();
    let answer = world.post(form(&format!("grant_type={TRUST}&client_id=plain&user=alice")));
    assert_eq!(answer.error(), (400, "unauthorized_client"));
}

/// A grant with a name and parameters that it must not have.
#[derive(Debug)]
struct Named(&'static str, &'static [&'static str]);

#[async_trait]
impl ExtensionGrant for Named {
    fn grant_type(&self) -> &str {
        self.0
    }

    fn parameters(&self) -> &[&'static str] {
        self.1
    }

    async fn facts(
        &self,
        _: &RequestContext,
        _: &Authenticated<Client>,
        _: &ExtensionParameters<'_>,
    ) -> Result<ExtensionFacts, HookError> {
        Err("the directory does not answer".into())
    }

    fn propose(
        &self,
        _: &Authenticated<Client>,
        _: &ExtensionParameters<'_>,
        _: &ExtensionFacts,
    ) -> Result<Proposal, ExtensionRefusal> {
        Err(ExtensionRefusal::Invalid)
    }
}

#[test]
fn a_name_that_is_taken_and_a_parameter_of_the_protocol_stop_the_build() {
    let scope = || ExtensionSettings { scope: "a".into(), ..ExtensionSettings::default() };
    let build = |grants: Vec<Named>| {
        let builder = Parts::new().builder();
        let builder =
            grants.into_iter().fold(builder, |builder, grant| builder.extension_grant(Arc::new(grant), scope()));
        builder.build().map(|_| ()).map_err(|mistakes| mistakes.to_string())
    };
    for name in ["password", "client_credentials", "refresh_token", "authorization_code", "host"] {
        assert!(build(vec![Named(name, &[])]).unwrap_err().contains("built in"), "{name}");
    }
    assert!(build(vec![Named("urn:x", &[]), Named("urn:x", &[])]).unwrap_err().contains("twice"));
    assert!(build(vec![Named("", &[])]).is_err());
    for parameter in ["client_secret", "password", "refresh_token", "client_assertion"] {
        let list: &'static [&'static str] = Box::leak(Box::new([parameter]));
        assert!(build(vec![Named("urn:x", list)]).unwrap_err().contains(parameter));
    }
    assert!(build(vec![Named("urn:x", &["ticket"])]).is_ok());
    let empty = Parts::new().builder().extension_grant(Arc::new(Trust), ExtensionSettings::default());
    assert!(empty.build().unwrap_err().to_string().contains("gives no scope"));
}

#[test]
fn what_it_cannot_know_is_our_fault_and_a_long_lifetime_is_cut() {
    let world = Parts::new().start(|builder| {
        let settings = ExtensionSettings { scope: "orders.read".into(), ..ExtensionSettings::default() };
        builder.extension_grant(Arc::new(Named("urn:x", &["ticket"])), settings)
    });
    let spec = ClientSpec::public("app").grants(["urn:x"]).scope("orders.read").audience(["orders"]);
    block_on(world.server.ensure_client(spec)).unwrap();
    let answer = world.post(form("grant_type=urn:x&client_id=app&ticket=1"));
    assert_eq!(answer.error(), (503, "temporarily_unavailable"));

    let (world, secret) = desk(AccessTokenFormat::Opaque);
    let spec = ClientSpec::confidential("desk").grants([TRUST]).scope(SCOPE).audience(["orders"]).acts_for(["alice"]);
    block_on(world.server.ensure_client(spec.access_token_lifetime(Duration::from_secs(3_600)))).unwrap();
    assert_eq!(act(&world, &secret, "&user=alice&scope=orders.read").body["expires_in"], 600);
}
