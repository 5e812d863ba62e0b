//! A host's rules on every grant: what they take away, how it is answered, and that nothing is spent by a denial.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use oauth_core::audit::What;
use oauth_core::policy::{Facts, Login, Policy, Restriction};
use oauth_core::types::{Lifetime, Subject};
use oauth_core::{Error, Refusal};
use oauth_testkit::block_on;

use crate::people::{SCOPE, TRUST, people, plus};
use crate::world::{Parts, World, form};

/// A rule that does what it is told to, and to which grants.
#[derive(Debug, Default)]
struct Told(AtomicU8);

const NOTHING: u8 = 0;
const DENY: u8 = 1;
const READ_ONLY: u8 = 2;
const SHORT: u8 = 3;
const FRESH: u8 = 4;
const NO_SCOPE: u8 = 5;

impl Told {
    fn to(&self, what: u8) {
        self.0.store(what, Ordering::Relaxed);
    }
}

impl Policy for Told {
    fn id(&self) -> &'static str {
        "told"
    }

    fn restrict(&self, _: &Facts<'_>) -> Restriction {
        let none = Restriction::none();
        match self.0.load(Ordering::Relaxed) {
            DENY => none.deny("it was told to"),
            READ_ONLY => none.without(&"orders.write".parse().unwrap()),
            SHORT => none.at_most(Lifetime::of_seconds(42)),
            FRESH => none.login_at_least(Login::any().within(Lifetime::of_seconds(60)).by("otp")),
            NO_SCOPE => none.only(&"".parse().unwrap()),
            _ => none,
        }
    }
}

fn ruled() -> (World, Arc<Told>) {
    let told = Arc::new(Told::default());
    let rule = Arc::clone(&told);
    (people(|builder| builder.policy(rule), |spec| spec), told)
}

#[test]
fn a_denial_is_unauthorized_client_and_its_reason_is_for_the_operator() {
    let (world, told) = ruled();
    told.to(DENY);
    let answer = world.post(form(&format!("grant_type={TRUST}&client_id=app&user=alice&scope={}", plus(SCOPE))));
    assert_eq!(answer.error(), (400, "unauthorized_client"));
    assert!(!answer.body.to_string().contains("told"), "{}", answer.body);
    let event = world.trail.take().pop().unwrap();
    assert_eq!(event.what, What::Refused(Refusal::PolicyDenied { rule: "told", reason: "it was told to" }));
    let json = event.to_json();
    for member in [r#""rule":"host.told""#, r#""because":"it was told to""#, r#""reason":"policy.denied""#] {
        assert!(json.contains(member), "{json}");
    }
    assert_eq!(world.writes(), 0);
}

#[test]
fn a_denied_refresh_spends_nothing() {
    let (world, told) = ruled();
    let token = world.begin().refresh_token();
    world.store.forget();
    for (what, error) in [(DENY, "unauthorized_client"), (FRESH, "unauthorized_client"), (NO_SCOPE, "invalid_scope")] {
        told.to(what);
        assert_eq!(world.refresh(&token).error(), (400, error), "{what}");
    }
    assert_eq!(world.writes(), 0);
    told.to(NOTHING);
    assert_eq!(world.refresh(&token).status, 200);
}

#[test]
fn a_refresh_never_narrows_silently_and_the_family_keeps_what_it_holds() {
    let (world, told) = ruled();
    let token = world.begin().refresh_token();
    told.to(READ_ONLY);
    // what is asked for by name is granted whole or not at all
    let named = world.refresh_with(&token, "&scope=orders.read+orders.write");
    assert_eq!(named.error(), (400, "invalid_scope"));
    assert_eq!(world.trail.refusals().pop(), Some(Refusal::PolicyScope { rule: "told" }));
    assert_eq!(world.refresh_with(&token, "&scope=orders.read").body["scope"], "orders.read");
    // what is not named is what is left, and the answer says so
    world.advance(1);
    let rest = world.refresh(&token);
    assert_eq!(rest.body["scope"], "offline_access openid orders.read");
    told.to(NOTHING);
    let again = world.refresh(&rest.refresh_token());
    assert_eq!(
        again.body["scope"],
        SCOPE.split(' ').collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
    );
}

#[test]
fn rules_bound_every_grant_and_the_host_s_own_tokens() {
    let (world, told) = ruled();
    told.to(SHORT);
    assert_eq!(world.begin().body["expires_in"], 42);
    let token = {
        told.to(NOTHING);
        world.begin().refresh_token()
    };
    told.to(SHORT);
    assert_eq!(world.refresh(&token).body["expires_in"], 42);
    let (alice, app) = (Subject::parse("alice").unwrap(), "app".parse().unwrap());
    let issue = || block_on(world.server.issue(&alice, &app, &"orders.read".parse().unwrap()));
    let issued = issue().unwrap();
    assert_eq!(issued.expires_at, crate::world::START.plus(Lifetime::of_seconds(42)));
    told.to(DENY);
    assert!(matches!(issue(), Err(Error::Refused(Refusal::PolicyDenied { rule: "told", .. }))));
    // the host has just signed the user in, but not by a second factor
    told.to(FRESH);
    assert!(matches!(issue(), Err(Error::Refused(Refusal::PolicyLogin { rule: "told" }))));
}

#[test]
fn a_client_in_its_own_name_has_no_login_that_could_be_strong_enough() {
    let told = Arc::new(Told::default());
    told.to(FRESH);
    let rule = Arc::clone(&told);
    let world = World::new(|builder| builder.policy(rule));
    assert_eq!(world.token("grant_type=client_credentials").error(), (400, "unauthorized_client"));
    assert_eq!(world.trail.refusals(), [Refusal::PolicyLogin { rule: "told" }]);
}

#[derive(Debug)]
struct Named(&'static str);

impl Policy for Named {
    fn id(&self) -> &'static str {
        self.0
    }

    fn restrict(&self, _: &Facts<'_>) -> Restriction {
        Restriction::none()
    }
}

#[test]
fn rules_need_ids_of_their_own() {
    let names = [
        "",
        "Night",
        "night.shift",
        "night",
        "night",
        "a2345678901234567890123456789012345678901234567890123456789012345",
    ];
    let builder = names.into_iter().fold(Parts::new().builder(), |builder, name| builder.policy(Arc::new(Named(name))));
    let mistakes = builder.build().unwrap_err().to_string();
    assert!(mistakes.contains("has 5 mistakes"), "{mistakes}");
    assert!(mistakes.contains("`night` is added twice"), "{mistakes}");
    let lawful = Parts::new().builder().policy(Arc::new(Named("night_2"))).policy(Arc::new(Named("a")));
    assert!(lawful.build().is_ok());
}
