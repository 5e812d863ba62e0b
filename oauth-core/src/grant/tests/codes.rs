//! What a code is good for, and what it gives.

use super::*;
use crate::grant::authorization_code;
use crate::policy::code::{self, Judged, Presented};
use crate::policy::pkce;
use crate::store::{Binding, CodeRecord, Extra, FoundCode, Redeemed, Standing};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const URI: &str = "https://app.example/cb";

/// A redemption with one thing changed.
struct Redemption {
    code: CodeRecord,
    standing: Standing,
    client: Client,
    binding: Binding,
    uri: Option<&'static str>,
    verifier: Option<&'static str>,
    now: Timestamp,
}

impl Redemption {
    fn new() -> Self {
        let code = CodeRecord {
            digest: TokenDigest::from_bytes([1; 32]),
            client: "client".parse().unwrap(),
            subject: user().subject,
            scope: scope("offline_access read write"),
            redirect_uri: URI.to_owned(),
            challenge: Some(crate::types::CodeChallenge::from_bytes(*TokenDigest::of(VERIFIER.as_bytes()).as_bytes())),
            nonce: Some("n".to_owned()),
            resource: Vec::new(),
            binding: Binding::None,
            auth: Some(auth(7)),
            issued_at: NOW,
            expires_at: NOW.plus(seconds(60)),
            redeemed: None,
            extra: Extra::default(),
        };
        Self {
            code,
            standing: Standing::Live,
            client: Client { grants: GrantTypes::of(["authorization_code", "refresh_token"]), ..public() },
            binding: Binding::None,
            uri: Some(URI),
            verifier: Some(VERIFIER),
            now: NOW,
        }
    }

    fn judge(&self) -> Result<Judged, Refusal> {
        let found = FoundCode { code: self.code.clone(), standing: self.standing };
        let presented = Presented {
            client: &self.client,
            binding: self.binding,
            redirect_uri: self.uri,
            verifier: self.verifier,
            now: self.now,
        };
        code::judge(&found, &presented, &mut Trace::off())
    }

    fn judged(change: impl FnOnce(&mut Self)) -> Result<Judged, Refusal> {
        let mut redemption = Self::new();
        change(&mut redemption);
        redemption.judge()
    }

    fn give(&self, bench: &Bench, user: Option<User>, asked: &Asked) -> Result<ValidatedGrant, Refusal> {
        let client = Authenticated::supposed(self.client.clone());
        let around = bench.around();
        authorization_code::decide(asked, &self.code, &client, user, FAMILY, &around, &mut Trace::off())
    }
}

fn other_binding() -> Binding {
    Binding::Jkt([7; 32])
}

#[test]
fn a_code_is_good_for_the_client_that_asked_until_it_expires() {
    let judged = |change: fn(&mut Redemption)| Redemption::judged(change);
    assert_eq!(judged(|_| {}), Ok(Judged::Good));
    assert_eq!(judged(|it| it.now = NOW.plus(seconds(60))), Err(Refusal::CodeExpired));
    assert_eq!(judged(|it| it.now = NOW.plus(seconds(59))), Ok(Judged::Good));
    assert_eq!(judged(|it| it.now = NOW.plus(seconds(61))), Err(Refusal::CodeExpired));
    assert_eq!(judged(|it| it.code.client = "other".parse().unwrap()), Err(Refusal::CodeForeign));
    assert_eq!(judged(|it| it.binding = other_binding()), Err(Refusal::CodeForeign));
    assert_eq!(judged(|it| (it.binding, it.code.binding) = (other_binding(), other_binding())), Ok(Judged::Good));
    assert_eq!(judged(|it| it.standing = Standing::Revoked), Err(Refusal::GrantWithdrawn));
}

#[test]
fn redirect_uri_and_verifier_are_those_of_the_request() {
    let judged = |change: fn(&mut Redemption)| Redemption::judged(change);
    assert_eq!(judged(|it| it.uri = Some("https://app.example/cb/")), Err(Refusal::CodeRedirectUri));
    assert_eq!(judged(|it| it.uri = None), Ok(Judged::Good), "the verifier proves as much");
    assert_eq!(judged(|it| it.verifier = None), Err(Refusal::VerifierMissing));
    assert_eq!(judged(|it| it.verifier = Some(URI)), Err(Refusal::VerifierWrong));
    // a client that was registered without PKCE
    assert_eq!(judged(|it| it.code.challenge = None), Err(Refusal::VerifierUnasked));
    assert_eq!(judged(|it| (it.code.challenge, it.verifier) = (None, None)), Ok(Judged::Good));
    assert_eq!(
        judged(|it| (it.code.challenge, it.verifier, it.uri) = (None, None, None)),
        Err(Refusal::CodeRedirectUri)
    );
    assert_eq!(pkce::require_lawful(VERIFIER), Ok(()));
    assert_eq!(pkce::require_lawful(&VERIFIER[1..]), Err(Refusal::VerifierMalformed));
}

#[test]
fn a_replay_counts_from_whoever_could_have_redeemed_it_and_at_any_time() {
    let spent = |change: fn(&mut Redemption)| {
        Redemption::judged(|it| {
            it.code.redeemed = Some(Redeemed { at: NOW, family: FAMILY });
            change(it);
        })
    };
    assert_eq!(spent(|_| {}), Ok(Judged::Replayed(FAMILY)));
    assert_eq!(spent(|it| it.now = NOW.plus(seconds(86_400))), Ok(Judged::Replayed(FAMILY)));
    assert_eq!(spent(|it| it.standing = Standing::Revoked), Ok(Judged::Replayed(FAMILY)));
    assert_eq!(spent(|it| it.verifier = Some(URI)), Err(Refusal::VerifierWrong));
    assert_eq!(spent(|it| it.uri = Some("https://app.example")), Err(Refusal::CodeRedirectUri));
    assert_eq!(spent(|it| it.client.id = "other".parse().unwrap()), Err(Refusal::CodeForeign));
}

#[test]
fn a_code_gives_what_was_allowed_as_far_as_it_is_allowed_still() {
    let mut bench = Bench::new();
    let mut redemption = Redemption::new();
    let grant = redemption.give(&bench, Some(user()), &asked(None)).unwrap();
    assert_eq!((grant.scope.scope().as_str(), grant.offline), ("offline_access read write", true));
    assert_eq!((grant.grant(), grant.family, grant.nonce.as_deref()), ("authorization_code", Some(FAMILY), Some("n")));
    assert_eq!(grant.auth, Some(auth(7)));
    let less = redemption.give(&bench, Some(user()), &asked(Some("read"))).unwrap();
    assert_eq!((less.scope.scope().as_str(), less.offline), ("read", false));
    let more = redemption.give(&bench, Some(user()), &asked(Some("read openid")));
    assert_eq!(more.unwrap_err(), Refusal::ScopeNotHeld);
    assert_eq!(redemption.give(&bench, None, &asked(None)).unwrap_err(), Refusal::SubjectUnknown);
    let off = Some(User { active: false, ..user() });
    assert_eq!(redemption.give(&bench, off, &asked(None)).unwrap_err(), Refusal::SubjectInactive);
    let bounded = Some(User { scope: Some(scope("read")), ..user() });
    let grant = redemption.give(&bench, bounded, &asked(None)).unwrap();
    assert_eq!((grant.scope.scope().as_str(), grant.offline), ("read", false));
    redemption.client.scope = scope("write");
    let grant = redemption.give(&bench, Some(user()), &asked(None)).unwrap();
    assert_eq!(grant.scope.scope().as_str(), "write");
    bench.settings.id_tokens = Some(Alg::ES256);
    (redemption.client.scope, redemption.code.scope) = (scope("openid read"), scope("openid read"));
    assert!(redemption.give(&bench, Some(user()), &asked(None)).unwrap().identity);
    let resource = vec![ResourceUri::parse("urn:api:1").unwrap()];
    let other = redemption.give(&bench, Some(user()), &Asked { resource, ..asked(None) });
    assert_eq!(other.unwrap_err(), Refusal::ResourceNotHeld);
}

#[test]
fn the_host_s_rules_see_the_user_the_sign_in_and_the_resource() {
    let (mut bench, resource) = with_resource();
    let sees = seen(&mut bench);
    let mut redemption = Redemption::new();
    redemption.client.resources = vec![resource.clone()];
    redemption.code.resource = vec![resource];
    redemption.give(&bench, Some(user()), &asked(Some("read"))).unwrap();
    assert_eq!(lines(&sees), [r#"authorization_code client [alice] read ["urn:api:1"] None true true"#]);
}

#[test]
fn a_client_that_is_called_as_its_user_gets_no_token_in_the_users_name() {
    let mut redemption = Redemption::new();
    let bench = Bench::new();
    assert!(redemption.give(&bench, Some(user()), &asked(None)).is_ok());
    redemption.client.id = user().subject.as_str().parse().unwrap();
    assert_eq!(redemption.give(&bench, Some(user()), &asked(None)).unwrap_err(), Refusal::SubjectIsClient);
}
