//! `explain`: the endpoint's verdict with its reasons, for operators only, without leaving a trace.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use oauth_core::Refusal;
use oauth_core::audit::What;
use oauth_core::policy::{Effect, Explanation, Facts, OperatorCapability, Policy, Restriction, Rule, RuleId, Verdict};
use oauth_core::store::{StoreErrorKind, User};
use oauth_core::token::{FactsRequest, HookError, HostFacts, TokenAdditions, TokenHook};
use oauth_core::types::{ClientId, Lifetime, Timestamp};
use oauth_core::{RequestContext, ValidatedGrant};
use oauth_testkit::{Method as Call, Times, block_on};
use serde_json::json;

use crate::browser::{SPA, VERIFIER, WEB, alice, encode, people_in_browsers, spa};
use crate::people::plain;
use crate::world::{Answer, START, World, form};

fn explain_at(world: &World, client: &str, parameters: &[(&str, &str)], at: Timestamp) -> Explanation {
    let operator = OperatorCapability::granted_by_the_host();
    let client = ClientId::parse(client).unwrap();
    let peer = Some("203.0.113.9".parse().unwrap());
    block_on(world.server.explain(&operator, &client, parameters, peer, at)).unwrap()
}

fn explain(world: &World, client: &str, parameters: &[(&str, &str)]) -> Explanation {
    explain_at(world, client, parameters, START)
}

fn refused(explanation: &Explanation) -> Refusal {
    match explanation.verdict {
        Verdict::Refused(refusal) => refusal,
        Verdict::Granted(_) => panic!("{explanation}"),
    }
}

const OWN: (&str, &str) = ("grant_type", "client_credentials");

#[test]
fn a_grant_is_explained_rule_by_rule() {
    let world = World::new(|builder| builder);
    let explained = explain(&world, "orders-worker", &[OWN, ("scope", "orders.read admin")]);
    let Verdict::Granted(granted) = &explained.verdict else { panic!("{explained}") };
    assert_eq!((granted.scope.as_str(), granted.dropped.as_str()), ("orders.read", "admin"));
    assert_eq!(granted.lifetime, Lifetime::of_seconds(600));
    let rules: Vec<String> = explained.trace.iter().map(|step| step.rule.to_string()).collect();
    let expected = [
        "request",
        "client.known",
        "client.method",
        "client.active",
        "client.secret",
        "client.network",
        "grant.server",
        "grant.client",
        "client.format",
        "client.confidential",
        "resource.client",
        "request",
        "scope.client",
        "lifetime.server",
        "lifetime.server",
    ];
    assert_eq!(rules, expected);
    assert_eq!(explained.trace[12].effect, Effect::Removed("admin".parse().unwrap()));
    assert!(explained.to_json().contains(r#""grant":"client_credentials""#));
}

#[test]
fn every_step_has_its_refusal() {
    let world = World::with_client(|builder| builder, |spec| spec.networks(["198.51.100.0/24"]));
    let why = |client, parameters: &[(&str, &str)]| refused(&explain(&world, client, parameters));
    assert_eq!(why("nobody", &[OWN]), Refusal::ClientUnknown);
    assert_eq!(why("orders-worker", &[OWN]), Refusal::ClientNetwork);
    let world = World::new(|builder| builder);
    let why = |parameters: &[(&str, &str)]| refused(&explain(&world, "orders-worker", parameters));
    assert_eq!(why(&[]), Refusal::GrantTypeMissing);
    assert_eq!(why(&[("grant_type", "urn:none")]), Refusal::GrantTypeUnsupported);
    assert_eq!(why(&[("grant_type", "refresh_token")]), Refusal::GrantNotAllowed);
    assert_eq!(why(&[OWN, OWN]), Refusal::ParameterRepeated);
    assert_eq!(why(&[OWN, ("scope", " a")]), Refusal::ScopeMalformed);
    assert_eq!(why(&[OWN, ("scope", "admin")]), Refusal::ScopeEmpty);
    assert_eq!(why(&[OWN, ("resource", "urn:none:1")]), Refusal::ResourceNotAllowed);
    assert_eq!(why(&vec![("x", "y"); 65]), Refusal::TooManyParameters);
    let long = "a".repeat(4_097);
    assert_eq!(why(&[OWN, ("scope", &long)]), Refusal::ParameterTooLong);
    block_on(world.server.set_client_active(&"orders-worker".parse().unwrap(), false)).unwrap();
    assert_eq!(why(&[OWN]), Refusal::ClientInactive);
    // secrets are not looked at, nor are their names among the parameters
    assert_eq!(why(&[OWN, ("client_secret", "wrong")]), Refusal::ClientInactive);
}

#[test]
fn a_client_all_of_whose_secrets_have_ended_is_told_from_others() {
    let world = World::new(|builder| builder);
    let id = ClientId::parse("orders-worker").unwrap();
    let hour = std::time::Duration::from_secs(3_600);
    let _second = block_on(world.server.rotate_client_secret(&id, oauth_core::NewSecret::Generated, hour)).unwrap();
    let later = START.plus(Lifetime::of_seconds(7_200));
    // the new one lives on
    assert!(matches!(explain_at(&world, "orders-worker", &[OWN], later).verdict, Verdict::Granted(_)));
    use oauth_core::store::{ClientRegistry as _, ClientStore as _};
    let held = block_on(world.memory.find(&id)).unwrap().unwrap();
    let mut next = oauth_core::store::Client::clone(&held);
    next.secrets.iter_mut().for_each(|secret| secret.expires_at = Some(START.plus(Lifetime::of_seconds(3_600))));
    let _ = block_on(world.memory.update(next, held.version)).unwrap();
    assert_eq!(refused(&explain_at(&world, "orders-worker", &[OWN], later)), Refusal::ClientSecretExpired);
    assert!(matches!(explain(&world, "orders-worker", &[OWN]).verdict, Verdict::Granted(_)));
}

#[test]
fn nothing_is_written_hashed_or_told() {
    let world = plain();
    let (first, second) = {
        let first = world.begin().refresh_token();
        let second = world.refresh(&first).refresh_token();
        (first, second)
    };
    world.advance(31);
    world.store.forget();
    world.trail.take();
    let now = START.plus(Lifetime::of_seconds(31));
    let present =
        |token: &str| explain_at(&world, "app", &[("grant_type", "refresh_token"), ("refresh_token", token)], now);
    // a spent token would end its family
    assert_eq!(refused(&present(&first)), Refusal::RefreshReplayed);
    assert!(matches!(present(&second).verdict, Verdict::Granted(_)));
    assert_eq!(refused(&present("unknown")), Refusal::RefreshUnknown);
    let late = START.plus(Lifetime::of_seconds(91 * 86_400));
    let expired = explain_at(&world, "app", &[("grant_type", "refresh_token"), ("refresh_token", &second)], late);
    assert_eq!(refused(&expired), Refusal::RefreshExpired);
    assert_eq!(world.writes(), 0);
    assert!(world.trail.take().is_empty());
    assert_eq!(world.server.password_hashes(), 0);
    assert_eq!(world.refresh(&second).status, 200, "and nothing was spent");
}

#[test]
fn no_secret_of_a_request_is_in_an_explanation() {
    let world = World::with_client(
        |builder| builder.danger().password_grant(),
        |spec| spec.legacy_password_grant().scope("openid orders.read").grants(["refresh_token"]).scope("orders.read"),
    );
    let secrets = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", "hunter2-hunter2"),
        ("client_secret", "s3cr3t-s3cr3t"),
        ("refresh_token", "r3fr3sh-r3fr3sh"),
        ("id_token_hint", "h1nt-h1nt"),
    ];
    let hash = block_on(world.server.hash_password("something else")).unwrap();
    let computed = world.server.password_hashes();
    let user = User { subject: "u-1".parse().unwrap(), active: true, scope: None, password: Some(hash) };
    let _ = world.memory.insert_user(user, ["alice"]).unwrap();
    for grant_type in ["password", "refresh_token", "client_credentials"] {
        let mut parameters = secrets.to_vec();
        parameters[0].1 = grant_type;
        let explained = explain(&world, "orders-worker", &parameters);
        let told = format!("{explained} {} {explained:?}", explained.to_json());
        for (name, secret) in &secrets[2..] {
            assert!(!told.contains(secret), "{name} in {told}");
        }
    }
    // the password counts as right: nothing is hashed to find out
    let explained = explain(&world, "orders-worker", &secrets);
    assert!(matches!(explained.verdict, Verdict::Granted(_)), "{explained}");
    assert_eq!(explained.subject.as_ref().map(|subject| subject.as_str()), Some("u-1"));
    assert_eq!(world.server.password_hashes(), computed);
    assert_eq!(world.store.count(Call::AddStrike), 0);
    let mut unknown = secrets.to_vec();
    unknown[1].1 = "nobody";
    assert_eq!(refused(&explain(&world, "orders-worker", &unknown)), Refusal::LoginUnknown);
}

#[test]
fn a_store_or_hook_that_fails_explains_nothing() {
    let world = World::new(|builder| builder);
    world.store.fail(Call::Find, StoreErrorKind::Unavailable, Times::Always);
    let operator = OperatorCapability::granted_by_the_host();
    let id = ClientId::parse("orders-worker").unwrap();
    let fault = block_on(world.server.explain(&operator, &id, &[OWN], None, START)).unwrap_err();
    assert_eq!(fault.id(), "store.unavailable");
}

/// Loads whether the client has paid.
#[derive(Debug)]
struct Ledger(bool);

#[async_trait]
impl TokenHook for Ledger {
    async fn facts(&self, context: &RequestContext, _: &FactsRequest<'_>) -> Result<HostFacts, HookError> {
        assert!(context.peer.is_some() || context.host.is_none());
        Ok(HostFacts::from_iter([("paid".to_owned(), json!(self.0))]))
    }

    async fn additions(
        &self,
        _: &RequestContext,
        _: &ValidatedGrant,
        _: &HostFacts,
        _: &mut TokenAdditions,
    ) -> Result<(), HookError> {
        Ok(())
    }
}

/// Who has not paid only reads.
#[derive(Debug)]
struct Paid;

impl Policy for Paid {
    fn id(&self) -> &'static str {
        "paid"
    }

    fn restrict(&self, facts: &Facts<'_>) -> Restriction {
        let paid = facts.host.get("paid").and_then(serde_json::Value::as_bool).unwrap_or(false);
        if paid { Restriction::none() } else { Restriction::none().without(&"orders.write".parse().unwrap()) }
    }
}

#[test]
fn a_rule_decides_by_what_the_hook_loaded_and_is_named_in_trace_and_trail() {
    for paid in [true, false] {
        let world = World::new(|builder| builder.token_hook(Arc::new(Ledger(paid))).policy(Arc::new(Paid)));
        let explained = explain(&world, "orders-worker", &[OWN]);
        let step = explained.trace.iter().find(|step| step.rule == RuleId::Host("paid")).unwrap();
        let answer = world.token("grant_type=client_credentials");
        let issued = world.trail.take().pop().unwrap();
        let What::TokenIssued { narrowed_by, .. } = &issued.what else { panic!("{issued:?}") };
        if paid {
            assert_eq!(
                (&step.effect, answer.body["scope"].as_str()),
                (&Effect::Passed, Some("orders.read orders.write"))
            );
            assert!(narrowed_by.is_empty() && !issued.to_json().contains("narrowed_by"));
        } else {
            let gone = Effect::Removed("orders.write".parse().unwrap());
            assert_eq!((&step.effect, answer.body["scope"].as_str()), (&gone, Some("orders.read")));
            assert!(issued.to_json().contains(r#""narrowed_by":["host.paid"]"#), "{}", issued.to_json());
        }
    }
}

#[test]
fn the_trail_names_the_rule_that_refused() {
    let world = World::new(|builder| builder);
    let _ = world.token("grant_type=client_credentials&scope=admin");
    let told = world.trail.take().pop().unwrap().to_json();
    assert!(told.contains(r#""rule":"scope.empty""#), "{told}");
    assert_eq!(Refusal::ScopeEmpty.rule(), RuleId::Core(Rule::ScopeEmpty));
}

/// A code of alice's, brought by `spa` as it should be.
fn brought(code: &str) -> Vec<(&str, &str)> {
    vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", SPA), ("code_verifier", VERIFIER)]
}

/// What the endpoint decides of this request right now, by its audit trail, and what it answers.
fn decided(world: &World, client: &str, parameters: &[(&str, &str)]) -> (Option<Refusal>, Answer) {
    world.trail.take();
    let pairs = [("client_id", client)].into_iter().chain(parameters.iter().copied());
    let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", encode(value))).collect();
    let answer = world.post(form(&pairs.join("&")));
    (world.trail.refusals().pop(), answer)
}

/// Every call that writes grants, codes or tokens.
fn written(world: &World) -> usize {
    [Call::RedeemCode, Call::IssueCode, Call::BeginRequest, Call::DecideRequest]
        .into_iter()
        .map(|call| world.store.count(call))
        .sum::<usize>()
        + world.writes()
}

#[test]
fn a_good_code_is_explained_and_can_be_redeemed_afterwards() {
    let world = people_in_browsers(|builder| builder);
    let code = world.code(&spa().with("scope", "offline_access notes.read"), &alice());
    world.store.forget();
    world.trail.take();
    let explained = explain(&world, "spa", &brought(&code));
    assert_eq!((written(&world), world.trail.take().len()), (0, 0), "nothing was written or told");
    let Verdict::Granted(granted) = &explained.verdict else { panic!("{explained}") };
    assert_eq!(explained.subject.as_ref().map(|subject| subject.as_str()), Some("alice"));
    let rules: Vec<String> = explained.trace.iter().map(|step| step.rule.to_string()).collect();
    let own = ["code.known", "code.owner", "code.redirect_uri", "code.pkce", "code.live", "grant.standing"];
    assert!(rules.windows(own.len()).any(|window| window == own), "{rules:?}");
    let (refused, answer) = decided(&world, "spa", &brought(&code));
    assert_eq!((refused, answer.status), (None, 200), "{}", answer.body);
    assert_eq!(answer.body["scope"].as_str(), Some(granted.scope.as_str()));
    assert_eq!(answer.body["expires_in"], granted.lifetime.seconds());
    assert_eq!(answer.body["refresh_token"].is_string(), granted.refresh_token);
}

/// What is wrong with a code, in one way each; the code is good afterwards.
#[test]
fn a_code_that_is_refused_is_explained_as_the_endpoint_refuses_it() {
    let wrong = "A".repeat(43);
    let cases = [
        ("spa", "code_verifier", Some(wrong.as_str()), Refusal::VerifierWrong, Rule::CodePkce),
        ("spa", "code_verifier", None, Refusal::VerifierMissing, Rule::CodePkce),
        ("spa", "redirect_uri", Some(WEB), Refusal::CodeRedirectUri, Rule::CodeRedirectUri),
        ("native", "redirect_uri", Some(SPA), Refusal::CodeForeign, Rule::CodeOwner),
    ];
    for (client, name, value, why, rule) in cases {
        let world = people_in_browsers(|builder| builder);
        let code = world.code(&spa(), &alice());
        let mut sent = brought(&code);
        sent.retain(|(held, _)| *held != name);
        sent.extend(value.map(|value| (name, value)));
        world.store.forget();
        agreed(&world, client, &sent, why, rule);
        let (refused, answer) = decided(&world, "spa", &brought(&code));
        assert_eq!((refused, answer.status), (None, 200), "{why:?} changed nothing: {}", answer.body);
    }
}

/// Explains a request that is refused, then makes it at the same time.
fn agreed(world: &World, client: &str, sent: &[(&str, &str)], why: Refusal, rule: Rule) {
    world.trail.take();
    let explained = explain_at(world, client, sent, oauth_core::time::Clock::now(&world.clock));
    assert_eq!((written(world), world.trail.take().len()), (0, 0), "nothing was written or told");
    assert_eq!(refused(&explained), why, "{explained}");
    let last = explained.trace.last().unwrap();
    assert_eq!((last.rule, &last.effect), (RuleId::Core(rule), &Effect::Refused(why)), "{explained}");
    let (refused, answer) = decided(world, client, sent);
    assert_eq!(refused, Some(why));
    assert_eq!(answer.error(), (why.status(), why.code().as_str()));
}

#[test]
fn a_code_that_is_too_old_is_explained() {
    let world = people_in_browsers(|builder| builder);
    let code = world.code(&spa(), &alice());
    world.advance(60);
    world.store.forget();
    agreed(&world, "spa", &brought(&code), Refusal::CodeExpired, Rule::CodeLive);
    // it was good a moment before, and is explained as it was then
    let earlier = explain_at(&world, "spa", &brought(&code), START.plus(Lifetime::of_seconds(59)));
    assert!(matches!(earlier.verdict, Verdict::Granted(_)), "{earlier}");
}

#[test]
fn a_replayed_code_is_explained_and_ends_nothing_until_it_is_brought() {
    let world = people_in_browsers(|builder| builder);
    let code = world.code(&spa(), &alice());
    let first = world.redeem_spa(&code);
    world.store.forget();
    world.trail.take();
    assert_eq!(refused(&explain(&world, "spa", &brought(&code))), Refusal::CodeReplayed);
    assert!(world.verify(first.access_token()).is_ok(), "what the first gave is good still");
    agreed(&world, "spa", &brought(&code), Refusal::CodeReplayed, Rule::CodeReplay);
    assert!(world.verify(first.access_token()).is_err(), "the endpoint ended it");
}

/// Whoever answers requests from outside must not be able to explain: the adapter knows neither the method nor the
/// right to call it.
#[test]
fn the_adapter_never_names_the_operator() {
    fn look(folder: &Path, seen: &mut usize) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                look(&path, seen);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                *seen += 1;
                assert!(!text.contains("OperatorCapability") && !text.contains(".explain("), "{}", path.display());
            }
        }
    }
    let mut seen = 0;
    look(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../oauth-http-actix/src"), &mut seen);
    assert!(seen > 5, "{seen} files");
}
