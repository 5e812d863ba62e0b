//! A host's rules where users are: at each of the three calls, for remembered consent, and when the code is redeemed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use oauth_core::Refusal;
use oauth_core::audit::{Event, What};
use oauth_core::authorize::{Begun, Completed, LoginReason, Shown, SignedIn};
use oauth_core::policy::{Facts, Login, Policy, Restriction, Rule, RuleId};
use oauth_core::store::User;
use oauth_core::types::{Lifetime, Scope, Subject, Timestamp};
use oauth_testkit::Method as Call;

use crate::browser::{Visit, alice, approve, members, people_in_browsers, sent_back, told, web, who};
use crate::world::World;

const TOLD: RuleId = RuleId::Host("told");

/// A rule that says what it is told to say.
#[derive(Debug)]
struct Says(&'static str, Mutex<Restriction>);

impl Says {
    fn nothing(id: &'static str) -> Arc<Self> {
        Arc::new(Self(id, Mutex::new(Restriction::none())))
    }

    fn say(&self, what: Restriction) {
        *self.1.lock().unwrap() = what;
    }
}

impl Policy for Says {
    fn id(&self) -> &'static str {
        self.0
    }

    fn restrict(&self, _: &Facts<'_>) -> Restriction {
        self.1.lock().unwrap().clone()
    }
}

fn ruled() -> (World, Arc<Says>) {
    let rule = Says::nothing("told");
    let added = Arc::clone(&rule);
    (people_in_browsers(|builder| builder.policy(added)), rule)
}

fn nothing() -> Restriction {
    Restriction::none()
}

fn deny() -> Restriction {
    nothing().deny("it was told to")
}

fn without(scope: &str) -> Restriction {
    nothing().without(&scope.parse().unwrap())
}

fn second_factor() -> Login {
    Login::any().within(Lifetime::of_seconds(60)).by("otp")
}

/// A user who showed all of these just now.
fn signed_in_by(amr: &[&str], auth_time: Timestamp) -> SignedIn {
    SignedIn { amr: amr.iter().map(|method| (*method).to_owned()).collect(), ..who("alice", auth_time) }
}

/// The one event since, with whom it is about.
#[track_caller]
fn the_event(world: &World) -> Event {
    let mut events = world.trail.take();
    assert_eq!(events.len(), 1, "{events:?}");
    let event = events.remove(0);
    assert_eq!(event.client.as_ref().unwrap().as_str(), "web");
    assert_eq!(event.subject.as_ref().unwrap().as_str(), "alice");
    event
}

#[track_caller]
fn is_denied(world: &World, told: &HashMap<String, String>) {
    assert_eq!((told["error"].as_str(), told.contains_key("code")), ("access_denied", false));
    assert!(!told["error_description"].contains("told"), "the reason is for the operator: {told:?}");
    let event = the_event(world);
    assert_eq!(event.what, What::Refused(Refusal::PolicyDenied { rule: "told", reason: "it was told to" }));
    assert!(event.to_json().contains(r#""rule":"host.told""#), "{}", event.to_json());
}

#[track_caller]
fn code_of(shown: Shown) -> String {
    match shown {
        Shown::Redirect(redirect) => members(&redirect)["code"].clone(),
        other => panic!("{other:?}"),
    }
}

/// What a code gives once no rule says anything any more: all that it holds.
#[track_caller]
fn held_by(world: &World, rule: &Says, code: &str) -> String {
    rule.say(nothing());
    let answer = world.redeem(code);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["scope"].as_str().unwrap().to_owned()
}

#[track_caller]
fn issued(world: &World) -> (String, bool, String, Vec<RuleId>) {
    match the_event(world).what {
        What::CodeIssued { scope, asked, dropped, narrowed_by } => {
            (scope.to_string(), asked, dropped.to_string(), narrowed_by)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_denial_is_told_to_the_client_at_each_call_and_decides_nothing() {
    let (world, rule) = ruled();
    rule.say(deny());
    is_denied(&world, &told(world.visit(&web(), Some(&alice()))));
    is_denied(&world, &told(world.visit(&web().with("prompt", "none"), Some(&alice()))));
    // nobody is there yet who could be denied
    let tab = world.tab(&web(), None);
    let Shown::Redirect(redirect) = world.look(&tab, Some(&alice())) else { panic!() };
    is_denied(&world, &members(&redirect));
    rule.say(nothing());
    let prompt = world.prompt(&tab, &alice());
    rule.say(deny());
    for decision in [approve("notes.read"), oauth_core::authorize::Decision::Deny] {
        is_denied(&world, &sent_back(world.decide(&tab, &prompt.consent, &alice(), &decision)));
    }
    assert_eq!(world.store.count(Call::DecideRequest), 0);
    rule.say(nothing());
    let sent = sent_back(world.decide(&tab, &prompt.consent, &alice(), &approve("notes.read")));
    assert_eq!(held_by(&world, &rule, &sent["code"]), "notes.read");
}

#[test]
fn a_mask_narrows_what_is_shown_what_the_code_holds_and_what_the_trail_tells() {
    let (world, rule) = ruled();
    rule.say(without("notes.write"));
    let tab = world.tab(&web(), Some(&alice()));
    let prompt = world.prompt(&tab, &alice());
    assert_eq!(prompt.scope().as_str(), "notes.read");
    let Completed::Page(page) = world.decide(&tab, &prompt.consent, &alice(), &approve("notes.read notes.write"))
    else {
        panic!()
    };
    assert_eq!(page.reason, Some(Refusal::ScopeNotShown));
    world.trail.take();
    let sent = sent_back(world.decide(&tab, &prompt.consent, &alice(), &approve("notes.read")));
    assert_eq!(issued(&world), ("notes.read".to_owned(), true, "notes.write".to_owned(), vec![TOLD]));
    assert_eq!(held_by(&world, &rule, &sent["code"]), "notes.read");
    // nothing is left
    rule.say(without("notes.read notes.write"));
    world.trail.take();
    assert_eq!(told(world.visit(&web(), Some(&alice())))["error"], "invalid_scope");
    assert_eq!(the_event(&world).what, What::Refused(Refusal::PolicyScope { rule: "told" }));
}

#[test]
fn whatever_mask_comes_or_goes_between_prompt_and_decision_nothing_is_given_that_is_not_shown_and_allowed() {
    let (world, rule) = ruled();
    let visit = web().with("prompt", "consent").with("scope", "notes.read notes.write openid");
    let masks = ["", "notes.write", "notes.read", "notes.read notes.write"];
    let choices = ["notes.read", "notes.write", "notes.read notes.write", "notes.read notes.write openid", "openid"];
    let mut given = 0;
    for (before, after) in masks.iter().flat_map(|before| masks.map(|after| (*before, after))) {
        for choice in choices {
            rule.say(without(before));
            let tab = world.tab(&visit, Some(&alice()));
            let prompt = world.prompt(&tab, &alice());
            rule.say(without(after));
            let (shown, chosen) = (prompt.scope(), Scope::parse(choice).unwrap());
            let allowed = Scope::parse("notes.read notes.write openid").unwrap();
            let allowed = allowed.difference(&after.parse().unwrap());
            match world.decide(&tab, &prompt.consent, &alice(), &approve(choice)) {
                Completed::Redirect(redirect) => {
                    let held: Scope = held_by(&world, &rule, &members(&redirect)["code"]).parse().unwrap();
                    assert_eq!(held, chosen);
                    assert!(held.is_subset(&shown) && held.is_subset(&allowed), "{before} {after} {choice}: {held:?}");
                    given += 1;
                }
                Completed::Page(page) if before == after => {
                    assert_eq!(page.reason, Some(Refusal::ScopeNotShown), "{before} {choice}");
                    assert!(!chosen.is_subset(&shown), "{before} {choice}");
                }
                // what would be shown now is not what was shown, be it more or less
                Completed::Page(page) => assert_eq!(page.reason, Some(Refusal::ConsentTokenWrong)),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(given, 5 + 2 + 2 + 1);
    // who looks again is asked what is allowed now
    let tab = world.tab(&visit, Some(&alice()));
    world.prompt(&tab, &alice());
    rule.say(without("notes.write"));
    let prompt = world.prompt(&tab, &alice());
    assert_eq!(prompt.scope().as_str(), "notes.read openid");
    let sent = sent_back(world.decide(&tab, &prompt.consent, &alice(), &approve("notes.read openid")));
    assert_eq!(held_by(&world, &rule, &sent["code"]), "notes.read openid");
}

#[test]
fn a_stronger_login_is_asked_for_by_name_until_one_meets_every_rule() {
    let (first, second) = (Says::nothing("first"), Says::nothing("second"));
    let rules = (Arc::clone(&first), Arc::clone(&second));
    let world = people_in_browsers(|builder| builder.policy(rules.1).policy(rules.0));
    let (tab, by_password) = (world.tab(&web(), Some(&alice())), alice());
    let before = world.prompt(&tab, &by_password);
    first.say(nothing().login_at_least(second_factor()));
    second.say(nothing().login_at_least(Login::any().by("pwd")));
    let wanted = second_factor().by("pwd");
    let expected = |rule| LoginReason::Stronger { rule, wanted: wanted.clone() };
    let asked = |signed_in: &SignedIn| match world.look(&tab, Some(signed_in)) {
        Shown::NeedLogin { reason, .. } => reason,
        other => panic!("{other:?}"),
    };
    // a visit of who is signed in already is not refused but asked
    world.tab(&web(), Some(&by_password));
    assert_eq!(asked(&by_password), expected("first"));
    let Completed::NeedLogin { reason } = world.decide(&tab, &before.consent, &by_password, &approve("notes.read"))
    else {
        panic!()
    };
    assert_eq!(reason, expected("first"));
    assert_eq!(world.store.count(Call::DecideRequest), 0);
    // the same once more, and one that meets only the rule that was named
    let now = world.later(61);
    assert_eq!(asked(&signed_in_by(&["pwd"], now)), expected("first"));
    assert_eq!(asked(&signed_in_by(&["otp"], now)), expected("second"));
    assert_eq!(asked(&signed_in_by(&["otp", "pwd"], now.minus(Lifetime::of_seconds(61)))), expected("first"));
    let strong = signed_in_by(&["otp", "pwd"], now);
    let prompt = world.prompt(&tab, &strong);
    let sent = sent_back(world.decide(&tab, &prompt.consent, &strong, &approve("notes.read")));
    assert_eq!(world.redeem(&sent["code"]).body["scope"], "notes.read");
}

#[test]
fn a_stronger_login_while_nobody_may_be_asked_is_login_required_in_the_name_of_the_rule() {
    let (world, rule) = ruled();
    rule.say(nothing().login_at_least(second_factor()));
    let silent = web().with("prompt", "none");
    assert_eq!(told(world.visit(&silent, Some(&alice())))["error"], "login_required");
    let event = the_event(&world);
    assert_eq!(event.what, What::Refused(Refusal::PolicyLogin { rule: "told" }));
    assert!(event.to_json().contains(r#""rule":"host.told""#), "{}", event.to_json());
    // the core's own reasons keep the core's own name
    assert_eq!(told(world.visit(&silent, None))["error"], "login_required");
    assert_eq!(world.trail.refusals(), [Refusal::LoginRequired]);
    world.trail.take();
    let strong = signed_in_by(&["otp"], crate::world::START);
    assert_eq!(told(world.visit(&silent, Some(&strong)))["error"], "consent_required");
}

#[test]
fn remembered_consent_does_not_answer_past_a_rule() {
    let (world, rule) = ruled();
    world.code(&web(), &alice());
    world.trail.take();
    let at_once = |signed_in: &SignedIn| match world.visit(&web(), Some(signed_in)) {
        Begun::Redirect(redirect) => members(&redirect),
        other => panic!("{other:?}"),
    };
    // at `begin`, for who is signed in; at `show`, for who signed in only then
    rule.say(deny());
    is_denied(&world, &at_once(&alice()));
    let later = world.tab(&web(), None);
    let Shown::Redirect(redirect) = world.look(&later, Some(&alice())) else { panic!() };
    is_denied(&world, &members(&redirect));

    rule.say(nothing().login_at_least(second_factor()));
    let tab = world.tab(&web(), Some(&alice()));
    for tab in [&tab, &later] {
        let shown = world.look(tab, Some(&alice()));
        assert!(
            matches!(shown, Shown::NeedLogin { reason: LoginReason::Stronger { rule: "told", .. }, .. }),
            "{shown:?}"
        );
    }
    let silent = told(world.visit(&web().with("prompt", "none"), Some(&alice())));
    assert_eq!(silent["error"], "login_required");
    world.trail.take();
    let strong = signed_in_by(&["otp"], crate::world::START);
    assert!(at_once(&strong).contains_key("code"), "a login that will do is answered at once");
    world.trail.take();

    let narrowed = || ("notes.read".to_owned(), false, "notes.write".to_owned(), vec![TOLD]);
    rule.say(without("notes.write"));
    let code = at_once(&alice())["code"].clone();
    assert_eq!(issued(&world), narrowed());
    assert_eq!(held_by(&world, &rule, &code), "notes.read");
    world.trail.take();
    rule.say(without("notes.write"));
    let code = code_of(world.look(&later, Some(&alice())));
    assert_eq!(issued(&world), narrowed());
    assert_eq!(held_by(&world, &rule, &code), "notes.read");
}

#[test]
fn what_a_rule_says_after_the_code_was_issued_is_heard_when_it_is_redeemed_and_spends_nothing() {
    let (world, rule) = ruled();
    let visit = web().with("prompt", "consent");
    let code = world.code(&visit, &alice());
    world.trail.take();
    rule.say(deny());
    assert_eq!(world.redeem(&code).error(), (400, "unauthorized_client"));
    assert_eq!(world.trail.refusals(), [Refusal::PolicyDenied { rule: "told", reason: "it was told to" }]);
    world.trail.take();
    rule.say(nothing().login_at_least(second_factor()));
    assert_eq!(world.redeem(&code).error(), (400, "unauthorized_client"));
    assert_eq!(world.trail.refusals(), [Refusal::PolicyLogin { rule: "told" }]);
    world.trail.take();
    rule.say(without("notes.write").at_most(Lifetime::of_seconds(42)));
    let answer = world.redeem(&code);
    assert_eq!((&answer.body["expires_in"], &answer.body["scope"]), (&42.into(), &"notes.read".into()));
    let narrowed = world.trail.take().into_iter().find_map(|event| match event.what {
        What::TokenIssued { dropped, narrowed_by, .. } => Some((dropped.to_string(), narrowed_by)),
        _ => None,
    });
    assert_eq!(narrowed, Some(("notes.write".to_owned(), vec![TOLD])));
    // a login that was fresh enough when the user allowed it
    rule.say(nothing().login_at_least(second_factor()));
    let strong = signed_in_by(&["otp"], world.later(60));
    world.later(40);
    let code = world.code(&visit, &strong);
    world.later(21);
    assert_eq!(world.redeem(&code).error(), (400, "unauthorized_client"));
    assert_eq!(held_by(&world, &rule, &code), "notes.read notes.write");
}

#[test]
fn the_trail_tells_of_a_code_what_was_asked_for_and_not_allowed_and_by_which_rules() {
    let (world, rule) = ruled();
    let bounded = Scope::parse("notes.read notes.write").unwrap();
    let subject = Subject::parse("carol").unwrap();
    let user = User { subject: subject.clone(), active: true, scope: Some(bounded), password: None };
    let _ = world.memory.insert_user(user, ["carol"]).unwrap();
    // long lives are cut when there is something that lives
    rule.say(nothing().at_most(Lifetime::SECOND));
    let visit = |scope: &str| web().with("prompt", "consent").with("scope", scope);
    let event = |visit: &Visit, subject: &str, scope: &str| {
        let signed_in = who(subject, crate::world::START);
        let tab = world.tab(visit, Some(&signed_in));
        let prompt = world.prompt(&tab, &signed_in);
        world.trail.take();
        sent_back(world.decide(&tab, &prompt.consent, &signed_in, &approve(scope)));
        let mut events = world.trail.take();
        assert_eq!(events.len(), 1, "{events:?}");
        events.remove(0)
    };
    let (client, user, consent) = (Rule::ScopeClient, Rule::ScopeUser, Rule::Consent);
    for (asks, who, allows, dropped, by) in [
        ("notes.read", "alice", "notes.read", "", &[][..]),
        ("admin notes.read", "alice", "notes.read", "admin", &[client]),
        ("notes.read notes.write", "alice", "notes.write", "notes.read", &[consent]),
        ("admin notes.read notes.write", "alice", "notes.read", "admin notes.write", &[client, consent]),
        (
            "admin offline_access notes.read notes.write",
            "carol",
            "notes.read",
            "admin notes.write offline_access",
            &[client, user, consent],
        ),
    ] {
        let told = event(&visit(asks), who, allows);
        let narrowed_by: Vec<_> = by.iter().copied().map(RuleId::Core).collect();
        let (scope, dropped) = (allows.parse().unwrap(), dropped.parse().unwrap());
        assert_eq!(told.what, What::CodeIssued { scope, asked: true, dropped, narrowed_by }, "{asks}");
    }
    rule.say(without("notes.write"));
    let told = event(&visit("admin notes.read notes.write openid"), "alice", "notes.read").to_json();
    for member in [
        r#""asked":true,"#,
        r#""dropped":"admin notes.write openid","#,
        r#""narrowed_by":["scope.client","host.told","consent"],"#,
        r#""scope":"notes.read","#,
    ] {
        assert!(told.contains(member), "{told}");
    }
    // and where nobody is asked
    rule.say(nothing());
    world.trail.take();
    let Begun::Redirect(_) = world.visit(&web().with("scope", "admin notes.read"), Some(&alice())) else { panic!() };
    let client = vec![RuleId::Core(Rule::ScopeClient)];
    assert_eq!(issued(&world), ("notes.read".to_owned(), false, "admin".to_owned(), client));
}

/// A rule that denies whoever asks for `admin`, which no client here may have.
#[derive(Debug)]
struct NobodyAsksForAdmin;

impl Policy for NobodyAsksForAdmin {
    fn id(&self) -> &'static str {
        "told"
    }

    fn restrict(&self, facts: &Facts<'_>) -> Restriction {
        if facts.scope.contains("admin") { deny() } else { nothing() }
    }
}

/// Or a client that may have less would be given what one that may have more is denied.
#[test]
fn a_rule_sees_what_was_asked_for_and_not_what_the_client_may_have_of_it() {
    let world = people_in_browsers(|builder| builder.policy(Arc::new(NobodyAsksForAdmin)));
    let asking = web().with("scope", "notes.read admin");
    is_denied(&world, &told(world.visit(&asking, Some(&alice()))));
    let tab = world.tab(&asking, None);
    let Shown::Redirect(redirect) = world.look(&tab, Some(&alice())) else { panic!() };
    is_denied(&world, &members(&redirect));
    let tab = world.tab(&web().with("scope", "notes.read"), Some(&alice()));
    assert_eq!(world.prompt(&tab, &alice()).scope().as_str(), "notes.read");
}
