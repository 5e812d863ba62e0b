//! Each grant's `decide` with one thing changed at a time, and the trace that it leaves.

mod codes;
mod resources;

use std::sync::Arc;
use std::time::Duration;

use super::extension::{self, Extension, ExtensionRequest};
use super::*;
use crate::client_auth::Authenticated;
use crate::policy::fixtures::{Bench, NOW, auth, confidential, family, public, scope, user};
use crate::policy::{Effect, Policy, Restriction};
use crate::store::{AccessTokenRule, FamilyRecord, TokenProfile, User};
use crate::types::TokenDigest;

const FAMILY: FamilyId = FamilyId::from_bytes([5; 16]);

fn asked(text: Option<&str>) -> Asked {
    Asked { scope: text.map(scope), resource: Vec::new(), mode: ScopeMode::Narrow }
}

fn seconds(seconds: u32) -> Lifetime {
    Lifetime::of_seconds(seconds)
}

/// What a rule sees is kept, so that it can be looked at.
#[derive(Debug, Default)]
struct Sees(std::sync::Mutex<Vec<String>>);

impl Policy for Sees {
    fn id(&self) -> &'static str {
        "sees"
    }

    fn restrict(&self, facts: &Facts<'_>) -> Restriction {
        let user = facts.user.map(|user| user.subject.to_string()).unwrap_or_default();
        let line = format!(
            "{} {} [{user}] {} {:?} {:?} {} {}",
            facts.grant,
            facts.client.id,
            facts.scope,
            facts.resource.iter().map(ResourceUri::as_str).collect::<Vec<_>>(),
            facts.lifetime,
            facts.auth.is_some(),
            facts.now == NOW,
        );
        self.0.lock().unwrap().push(line);
        Restriction::none().at_most(seconds(500))
    }
}

fn seen(bench: &mut Bench) -> Arc<Sees> {
    let sees = Arc::new(Sees::default());
    bench.rules = HostRules::new(vec![Arc::clone(&sees) as _]);
    sees
}

/// A server that knows a resource.
fn with_resource() -> (Bench, ResourceUri) {
    let uri = ResourceUri::parse("urn:api:1").unwrap();
    let mut bench = Bench::new();
    bench.settings.resources = vec![Resource { uri: uri.clone(), scope: None, format: None, lifetime: None }];
    (bench, uri)
}

fn lines(sees: &Sees) -> Vec<String> {
    std::mem::take(&mut *sees.0.lock().unwrap())
}

#[test]
fn a_client_in_its_own_name_gets_its_scope_and_nothing_that_lasts() {
    let mut bench = Bench::new();
    let decide = |request, client: Client, bench: &Bench| {
        client_credentials::decide(request, &Authenticated::supposed(client), &bench.around(), &mut Trace::off())
    };
    let grant = decide(asked(Some("read admin")), confidential(), &bench).unwrap();
    assert_eq!((grant.scope.scope().as_str(), grant.scope.dropped().as_str()), ("read", "admin"));
    assert_eq!(grant.narrowed_by, [RuleId::Core(Rule::ScopeClient)]);
    assert_eq!(
        (grant.grant(), grant.lifetime(), grant.offline, grant.identity),
        ("client_credentials", seconds(600), false, false)
    );
    assert_eq!((grant.principal().subject(), grant.family.is_none(), grant.impersonation), (None, true, false));
    assert_eq!(grant.audience()[0].as_str(), "api");
    let all = decide(asked(None), confidential(), &bench).unwrap();
    assert_eq!(all.scope().scope(), &confidential().default_scope);
    assert_eq!(decide(asked(None), public(), &bench).unwrap_err(), Refusal::ClientNotConfidential);
    let strict = Asked { mode: ScopeMode::Refuse, ..asked(Some("read admin")) };
    assert_eq!(decide(strict, confidential(), &bench).unwrap_err(), Refusal::ScopeNotAllowed);
    let sees = seen(&mut bench);
    let ruled = decide(asked(None), confidential(), &bench).unwrap();
    assert_eq!((ruled.lifetime, ruled.narrowed_by), (seconds(500), vec![RuleId::Host("sees")]));
    assert_eq!(lines(&sees), ["client_credentials client [] offline_access openid read write [] None false true"]);
}

#[test]
fn format_and_lifetime_are_the_resource_s_then_the_client_s_then_the_server_s_within_the_bounds() {
    let jwt = AccessTokenFormat::Jwt { alg: Alg::ES256, profile: TokenProfile::Rfc9068 };
    let resource = ResourceUri::parse("urn:api:1").unwrap();
    let mut bench = Bench::new();
    let knows =
        Resource { uri: resource.clone(), scope: None, format: Some(jwt.clone()), lifetime: Some(seconds(900)) };
    bench.settings.resources = vec![knows];
    let with = |format, lifetime| Client {
        access_token: AccessTokenRule { format, lifetime },
        resources: vec![resource.clone()],
        ..confidential()
    };
    let given = |client: Client, resources: &[&ResourceUri]| {
        let resource = resources.iter().map(|uri| (*uri).clone()).collect();
        let request = Asked { resource, ..asked(None) };
        let around = bench.around();
        let grant =
            client_credentials::decide(request, &Authenticated::supposed(client), &around, &mut Trace::off()).unwrap();
        (grant.format, grant.lifetime.seconds())
    };
    let opaque = AccessTokenFormat::Opaque;
    assert_eq!(given(with(None, None), &[]), (opaque.clone(), 600));
    assert_eq!(given(with(None, Some(seconds(50_000))), &[]), (opaque.clone(), 50_000));
    assert_eq!(given(with(None, Some(seconds(90_000))), &[]), (opaque.clone(), 86_400));
    assert_eq!(given(with(Some(jwt.clone()), Some(seconds(50_000))), &[]), (jwt.clone(), 3_600));
    assert_eq!(given(with(Some(opaque), Some(seconds(50_000))), &[&resource]), (jwt, 900));
}

#[test]
fn a_user_who_typed_a_password_signed_in_now() {
    let mut bench = Bench::new();
    bench.settings.id_tokens = Some(Alg::ES256);
    let client = Client { grants: GrantTypes::of(["password", "refresh_token"]), ..public() };
    let decide = |client: &Client, user: &User, text, bench: &Bench| {
        let client = Authenticated::supposed(client.clone());
        password::decide(asked(text), &client, user, FAMILY, &bench.around(), &mut Trace::off())
    };
    let grant = decide(&client, &user(), None, &bench).unwrap();
    assert_eq!((grant.grant(), grant.offline, grant.identity, grant.impersonation), ("password", true, true, false));
    let auth = grant.auth.unwrap();
    assert_eq!((auth.auth_time, auth.amr, grant.family), (NOW, vec!["pwd".to_owned()], Some(FAMILY)));
    let bounded = User { scope: Some(scope("read")), ..user() };
    let grant = decide(&client, &bounded, Some("read write"), &bench).unwrap();
    assert_eq!((grant.scope.scope().as_str(), grant.offline, grant.identity), ("read", false, false));
    assert!(!decide(&public(), &user(), None, &bench).unwrap().offline);
    let sees = seen(&mut bench);
    decide(&client, &user(), Some("read"), &bench).unwrap();
    assert_eq!(lines(&sees), ["password client [alice] read [] None true true"]);
}

#[test]
fn every_way_to_sign_in_wrong_has_its_name() {
    let right = password::Attempt { strikes: 10, limit: 10, matches: true };
    let sign_in = password::sign_in;
    assert_eq!(sign_in(Some(user()), right), Ok(user()));
    assert_eq!(sign_in(None, right), Err(Refusal::LoginUnknown));
    assert_eq!(sign_in(Some(user()), password::Attempt { strikes: 11, ..right }), Err(Refusal::PasswordLocked));
    assert_eq!(sign_in(Some(user()), password::Attempt { matches: false, ..right }), Err(Refusal::PasswordWrong));
    assert_eq!(sign_in(Some(User { active: false, ..user() }), right), Err(Refusal::SubjectInactive));
}

#[test]
fn the_host_s_own_tokens_have_the_same_bounds_and_never_last() {
    let mut bench = Bench::new();
    let decide = |client: Client, user: User, text: &str, bench: &Bench| {
        let around = bench.around();
        host::decide(Arc::new(client), &user, &scope(text), auth(0), FAMILY, &around, &mut Trace::off())
    };
    let grant = decide(confidential(), user(), "offline_access openid read admin", &bench).unwrap();
    assert_eq!((grant.scope.dropped().as_str(), grant.offline, grant.identity), ("admin", false, false));
    assert_eq!((grant.grant(), grant.family), ("host", Some(FAMILY)));
    let inactive = Client { active: false, ..confidential() };
    assert_eq!(decide(inactive, user(), "read", &bench).unwrap_err(), Refusal::ClientInactive);
    let off = User { active: false, ..user() };
    assert_eq!(decide(confidential(), off, "read", &bench).unwrap_err(), Refusal::SubjectInactive);
    let bounded = User { scope: Some(scope("write")), ..user() };
    assert_eq!(decide(confidential(), bounded, "read", &bench).unwrap_err(), Refusal::ScopeEmpty);
    let sees = seen(&mut bench);
    assert_eq!(decide(confidential(), user(), "read", &bench).unwrap().lifetime, seconds(500));
    assert_eq!(lines(&sees), ["host client [alice] read [] None true true"]);
}

/// A refresh with one thing changed.
struct Refreshes {
    bench: Bench,
    client: Client,
    family: FamilyRecord,
    user: Option<User>,
}

impl Refreshes {
    fn new() -> Self {
        Self { bench: Bench::new(), client: public(), family: family(), user: Some(user()) }
    }

    fn ask(&self, request: &Asked) -> Result<ValidatedGrant, Refusal> {
        let client = Authenticated::supposed(self.client.clone());
        refresh_token::decide(
            request,
            &client,
            &self.family,
            self.user.clone(),
            &self.bench.around(),
            &mut Trace::off(),
        )
    }

    fn refused(change: impl FnOnce(&mut Self), text: Option<&str>) -> Refusal {
        let mut refreshes = Self::new();
        change(&mut refreshes);
        refreshes.ask(&asked(text)).unwrap_err()
    }
}

#[test]
fn a_refresh_gives_what_is_held_and_still_allowed() {
    let mut refreshes = Refreshes::new();
    let grant = refreshes.ask(&asked(None)).unwrap();
    assert_eq!((grant.scope.scope().as_str(), grant.offline, grant.identity), ("offline_access read", true, false));
    assert_eq!((grant.grant(), grant.family, grant.auth.is_some()), ("refresh_token", Some(FAMILY), true));
    refreshes.bench.settings.id_tokens = Some(Alg::ES256);
    refreshes.family.scope = scope("offline_access openid read write");
    assert!(refreshes.ask(&asked(None)).unwrap().identity);
    refreshes.client.scope = scope("offline_access read");
    let grant = refreshes.ask(&asked(None)).unwrap();
    assert_eq!((grant.scope.scope().as_str(), grant.scope.dropped().as_str()), ("offline_access read", "openid write"));
    assert_eq!(refreshes.ask(&asked(Some("read write"))).unwrap_err(), Refusal::ScopeNotAllowed);
    assert_eq!(refreshes.ask(&asked(Some("read"))).unwrap().scope.scope().as_str(), "read");
    let sees = seen(&mut refreshes.bench);
    refreshes.ask(&asked(Some("read"))).unwrap();
    assert_eq!(lines(&sees), ["refresh_token client [alice] read [] None true true"]);
}

#[test]
fn a_refresh_is_refused_for_one_reason_at_a_time() {
    let refused = |change: fn(&mut Refreshes), text| Refreshes::refused(change, text);
    assert_eq!(refused(|it| it.user = None, None), Refusal::SubjectUnknown);
    assert_eq!(refused(|it| it.user = Some(User { active: false, ..user() }), None), Refusal::SubjectInactive);
    assert_eq!(refused(|it| it.client.scope = scope("read"), None), Refusal::GrantWithdrawn);
    assert_eq!(refused(|_| {}, Some("read write")), Refusal::ScopeNotHeld);
    assert_eq!(refused(|it| it.family.absolute_expires_at = NOW, None), Refusal::RefreshExpired);
    assert_eq!(refused(|it| (it.client, it.family.auth) = (confidential(), None), None), Refusal::SubjectNotListed);
    // either alone is no reason
    let mut lawful = Refreshes::new();
    lawful.family.auth = None;
    assert!(lawful.ask(&asked(None)).is_ok());
    (lawful.client, lawful.family.auth) = (confidential(), Some(auth(0)));
    assert!(lawful.ask(&asked(None)).is_ok());
    let resource = vec![ResourceUri::parse("urn:api:1").unwrap()];
    assert_eq!(lawful.ask(&Asked { resource, ..asked(None) }).unwrap_err(), Refusal::ResourceNotHeld);
}

#[test]
fn a_refreshed_token_ends_with_its_family() {
    let mut refreshes = Refreshes::new();
    refreshes.family.absolute_expires_at = NOW.plus(seconds(5));
    assert_eq!(refreshes.ask(&asked(None)).unwrap().lifetime, seconds(5));
}

#[derive(Debug)]
struct Named(&'static str);

impl ExtensionGrant for Named {
    fn grant_type(&self) -> &str {
        self.0
    }

    fn parameters(&self) -> &[&'static str] {
        &[]
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

fn extension(lasts: bool) -> Extension {
    Extension {
        grant: Arc::new(Named("urn:test:1")),
        scope: scope("offline_access openid read"),
        refresh_tokens: lasts,
        id_tokens: lasts,
    }
}

fn proposed(change: impl FnOnce(&mut Proposal)) -> Proposal {
    let mut proposal = Proposal::new(user().subject);
    change(&mut proposal);
    proposal
}

fn propose(
    extension: &Extension,
    client: Client,
    user: Option<User>,
    proposal: &Proposal,
    text: Option<&str>,
) -> Result<ValidatedGrant, Refusal> {
    let mut bench = Bench::new();
    bench.settings.id_tokens = Some(Alg::ES256);
    let request = ExtensionRequest { extension, parameters: ExtensionParameters::default(), asked: asked(text) };
    let client = Authenticated::supposed(client);
    extension::decide(&request, proposal, &client, user, FAMILY, &bench.around(), &mut Trace::off())
}

#[test]
fn a_proposal_is_granted_within_the_grant_the_client_and_the_user() {
    let app = Client { grants: GrantTypes::of(["urn:test:1", "refresh_token"]), ..public() };
    let plain = proposed(|_| {});
    let all = "offline_access openid read write";
    let grant = propose(&extension(true), app.clone(), Some(user()), &plain, Some(all)).unwrap();
    assert_eq!(grant.scope.scope().as_str(), "offline_access openid read");
    assert_eq!((grant.grant(), grant.offline, grant.identity, grant.impersonation), ("urn:test:1", true, true, false));
    let none = propose(&extension(false), app.clone(), Some(user()), &plain, Some("offline_access read")).unwrap();
    assert_eq!((none.scope.scope().as_str(), none.offline, none.identity), ("read", false, false));
    let less = proposed(|it| it.scope = Some(scope("read write")));
    assert_eq!(
        propose(&extension(true), app.clone(), Some(user()), &less, None).unwrap().scope.scope().as_str(),
        "read"
    );
    assert_eq!(propose(&extension(true), app.clone(), None, &plain, None).unwrap_err(), Refusal::SubjectUnknown);
    let off = Some(User { active: false, ..user() });
    assert_eq!(propose(&extension(true), app, off, &plain, None).unwrap_err(), Refusal::SubjectInactive);
}

#[test]
fn acting_for_a_user_needs_the_list_and_never_lasts() {
    let listed = Client { acts_for: vec![user().subject], ..confidential() };
    let listed = Client {
        access_token: AccessTokenRule { format: None, lifetime: Some(seconds(3_000)) },
        grants: GrantTypes::of(["refresh_token"]),
        ..listed
    };
    let all = Some("offline_access read");
    let grant = propose(&extension(true), listed, Some(user()), &proposed(|_| {}), all).unwrap();
    assert_eq!(
        (grant.scope.scope().as_str(), grant.offline, grant.identity, grant.impersonation),
        ("read", false, false, true)
    );
    assert_eq!(grant.lifetime, seconds(600));
    let refused = propose(&extension(true), confidential(), Some(user()), &proposed(|_| {}), all);
    assert_eq!(refused.unwrap_err(), Refusal::SubjectNotListed);
}

#[test]
fn a_proposed_lifetime_is_a_bound_in_whole_seconds() {
    let app = || Client { access_token: AccessTokenRule { format: None, lifetime: Some(seconds(700)) }, ..public() };
    let lives = |span| {
        let proposal = proposed(|it| it.lifetime = Some(span));
        propose(&extension(false), app(), Some(user()), &proposal, Some("read")).map(|grant| grant.lifetime.seconds())
    };
    assert_eq!(lives(Duration::from_secs(9)), Ok(9));
    assert_eq!(lives(Duration::from_millis(9_999)), Ok(9));
    assert_eq!(lives(Duration::from_millis(999)), Err(Refusal::ProposalInvalid));
    assert_eq!(lives(Duration::from_secs(701)), Ok(700));
    assert_eq!(lives(Duration::MAX), Ok(700));
}

#[test]
fn a_claim_is_named_by_its_grant_and_never_by_another_s() {
    let named = |grant, name: &str| {
        let extension = Extension { grant: Arc::new(Named(grant)), ..extension(false) };
        extension::claim(
            &extension,
            &proposed(|it| it.single_use = Some(SingleUse { name: name.to_owned(), issued_at: NOW, expires_at: NOW })),
        )
    };
    let claim = named("a", "b:c").unwrap();
    assert_eq!((claim.claim.digest, claim.claim.expires_at), (TokenDigest::of(b"1:a:b:c"), NOW));
    assert_ne!(named("a:b", "c").unwrap().claim.digest, claim.claim.digest);
    assert!(extension::claim(&extension(false), &proposed(|_| {})).is_none());
}

#[test]
fn what_a_host_says_is_told_without_what_was_presented() {
    let secret =
        proposed(|it| it.single_use = Some(SingleUse { name: "presented".into(), issued_at: NOW, expires_at: NOW }));
    let told = format!("{secret:?}");
    assert!(told.contains("alice") && !told.contains("presented"), "{told}");
    assert!(told.contains("SingleUse { issued_at: ") && told.contains("expires_at: "), "{told}");
    let parameters = ExtensionParameters(vec![("ticket", "presented")]);
    assert_eq!((parameters.one("ticket"), parameters.one("other")), (Some("presented"), None));
    let told = format!("{parameters:?}");
    assert!(told.contains("ticket") && !told.contains("presented"), "{told}");
    assert_eq!(Refusal::from(ExtensionRefusal::Malformed), Refusal::ProposalMalformed);
    assert_eq!(Refusal::from(ExtensionRefusal::Invalid), Refusal::ProposalInvalid);
}

#[test]
fn a_trace_says_what_every_rule_did() {
    let bench = Bench::new();
    let mut trace = Trace::on();
    let mut client = Client { grants: GrantTypes::of(["password"]), ..public() };
    client.access_token.lifetime = Some(seconds(90_000));
    let bounded = User { scope: Some(scope("offline_access openid read")), ..user() };
    let client = Authenticated::supposed(client);
    password::decide(asked(None), &client, &bounded, FAMILY, &bench.around(), &mut trace).unwrap();
    let steps = trace.into_steps(None);
    let told: Vec<(String, &Effect)> = steps.iter().map(|step| (step.rule.to_string(), &step.effect)).collect();
    let all = Effect::Asked(scope("offline_access openid read write"));
    let (gone, begun, short) =
        (Effect::Removed(scope("write")), Effect::Begun(seconds(90_000)), Effect::Shortened(seconds(86_400)));
    assert_eq!(
        told,
        [
            ("resource.client".to_owned(), &Effect::Passed),
            ("request".to_owned(), &all),
            ("scope.client".to_owned(), &Effect::Passed),
            ("scope.user".to_owned(), &gone),
            ("lifetime.server".to_owned(), &begun),
            ("lifetime.server".to_owned(), &short),
            ("refresh.offline".to_owned(), &Effect::Withheld),
            ("id_token.offered".to_owned(), &Effect::Withheld),
        ]
    );
}
