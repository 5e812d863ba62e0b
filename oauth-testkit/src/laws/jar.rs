//! The judge to trust: a server on the memory store, made for one case.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use oauth_core::audit::{AuditLost, AuditSink, Event, What};
use oauth_core::jose::Alg;
use oauth_core::keys::SealingKey;
use oauth_core::policy::{Explanation, OperatorCapability, Policy, Verdict};
use oauth_core::store::{
    AccessTokenFormat, Client, ClientRegistry as _, ClientStore as _, GrantTypes, PasswordHash, TokenProfile,
    UpdateClient, User,
};
use oauth_core::time::Clock as _;
use oauth_core::token::HookError;
use oauth_core::types::{ClientId, Issuer, Lifetime, Scope, Subject, Timestamp};
use oauth_core::wire::{Body, Method, Request};
use oauth_core::{
    Authenticated, AuthorizationServer, Builder, ClientSpec, Endpoint, Error, ExtensionFacts, ExtensionGrant,
    ExtensionParameters, ExtensionRefusal, ExtensionSettings, Proposal, Refusal, RequestContext, ResourceSettings,
    ScopeMode,
};
use oauth_store_memory::MemoryStore;
use serde_json::Value;

use super::Judge;
use super::case::{Case, Chain, Grant, History, Move, Network, START};
use super::rules::{IDS, Made};
use crate::{ManualClock, SeededEntropy, block_on};

const EXTENSION: &str = "urn:oauth-testkit:laws";
const RESOURCE: &str = "https://resource.test";
const AUDIENCE: &str = "api";
const CLIENT: &str = "client";
const USER: &str = "user";
const PASSWORD: &str = "correct horse battery";
/// A scope that nobody asks for: what has to have some scope has this one.
const SPARE: &str = "spare";

/// A server made anew for each case, with a host's rules in it.
#[derive(Debug, Clone, Default)]
pub struct Jar {
    rules: Vec<Arc<dyn Policy>>,
    words: &'static [&'static str],
    forgetful: bool,
}

impl From<Arc<dyn Policy>> for Jar {
    fn from(rule: Arc<dyn Policy>) -> Self {
        Self { rules: vec![rule], ..Self::default() }
    }
}

impl Jar {
    /// Without a rule of a host: only the core's.
    #[must_use]
    pub fn of_the_core() -> Self {
        Self::default()
    }

    /// Asks for these scope tokens too, because the rule is about them.
    #[must_use]
    pub const fn words(mut self, words: &'static [&'static str]) -> Self {
        self.words = words;
        self
    }

    /// Another server for every request, none of which learns what time it was: what the server's clock and its stored
    /// mark keep from happening.
    #[must_use]
    pub const fn forgetting_the_time(mut self) -> Self {
        self.forgetful = true;
        self
    }
}

/// An answer of the token endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the members are those of the answer")]
pub struct Answer {
    pub status: u16,
    pub error: Option<String>,
    pub scope: Option<Scope>,
    pub lifetime: Option<u32>,
    pub refresh_token: bool,
    pub id_token: bool,
    /// Why it was refused, by the audit trail.
    pub refused: Option<Refusal>,
}

/// One link of a chain of refreshes.
#[derive(Debug, Clone)]
pub struct Link {
    /// When.
    pub at: Timestamp,
    /// What was decided.
    pub verdict: Verdict,
    /// What was answered.
    pub answer: Answer,
}

/// What came of one presentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which credential: a refresh token by its generation, or `None` for the access token.
    pub refresh_token: Option<usize>,
    /// Whether it was good.
    pub good: bool,
    /// Whether it was refused because it had ended: expired, revoked, spent.
    pub over: bool,
}

impl Judge for Jar {
    fn words(&self) -> &'static [&'static str] {
        self.words
    }

    fn explain(&self, case: &Case) -> Explanation {
        World::of(self, case).explain(&parameters(case), case.request.peer, case.at)
    }

    fn answer(&self, case: &Case) -> Answer {
        World::of(self, case).answer(&parameters(case), case.request.peer).0
    }

    fn chain(&self, chain: &Chain) -> Vec<Link> {
        let world = World::of(self, &chain.case);
        let mut links = Vec::new();
        let mut ask = |parameters: &[(&str, String)]| {
            let at = world.clock.now();
            let verdict = world.explain(parameters, None, at).verdict;
            let (answer, token) = world.answer(parameters, None);
            links.push(Link { at, verdict, answer });
            token
        };
        let Some(mut token) = ask(&parameters(&chain.case)) else { return Vec::new() };
        for turn in &chain.turns {
            world.clock.advance(Duration::from_secs(u64::from(turn.wait)));
            if let Some(scope) = &turn.registered {
                world.change_client(|client| client.scope = scope.union(&word("offline_access")));
            }
            let mut parameters = vec![("grant_type", "refresh_token".to_owned()), ("refresh_token", token.clone())];
            parameters.extend(turn.scope.as_ref().map(|scope| ("scope", scope.to_string())));
            parameters.extend(turn.resource.then(|| ("resource", RESOURCE.to_owned())));
            token = ask(&parameters).unwrap_or(token);
        }
        links
    }

    fn history(&self, history: &History) -> Vec<Seen> {
        let case = super::histories::lasting_case();
        let world = World::of(self, &case);
        let (_, token) = world.answer(&parameters(&case), None);
        let mut tokens = vec![token.expect("a refresh token")];
        let access = world.access.lock().unwrap_or_else(PoisonError::into_inner).clone().expect("an access token");
        let mut seen = Vec::new();
        for step in &history.moves {
            match step {
                Move::Wait(seconds) => world.clock.advance(Duration::from_secs(u64::from(*seconds))),
                Move::TurnBack(seconds) => {
                    world.clock.turn_back(world.clock.now().minus(Lifetime::of_seconds(*seconds)))
                }
                Move::Revoke => world.end_families(),
                Move::Use => {
                    let server = world.server();
                    let verifier = server.verifier(AUDIENCE.parse().expect("an audience"), TokenProfile::Rfc9068);
                    let verified = block_on(verifier.verify(&access));
                    let over = matches!(verified, Err(Error::Refused(Refusal::TokenExpired | Refusal::TokenRevoked)));
                    seen.push(Seen { refresh_token: None, good: verified.is_ok(), over });
                }
                Move::Refresh(back) => {
                    let generation = tokens.len().saturating_sub(1 + back);
                    let token = tokens[generation].clone();
                    let asked = [("grant_type", "refresh_token".to_owned()), ("refresh_token", token)];
                    let (answer, next) = world.answer(&asked, None);
                    let over = matches!(
                        answer.refused,
                        Some(
                            Refusal::RefreshExpired
                                | Refusal::RefreshIdle
                                | Refusal::RefreshReplayed
                                | Refusal::RefreshRevoked
                        )
                    );
                    seen.push(Seen { refresh_token: Some(generation), good: answer.status == 200, over });
                    tokens.extend(next.filter(|next| !tokens.contains(next)));
                }
            }
        }
        seen
    }
}

/// The parameters of a case's token request.
fn parameters(case: &Case) -> Vec<(&'static str, String)> {
    let request = &case.request;
    let mut parameters = vec![("grant_type", grant_type(request.grant).to_owned())];
    if request.grant == Grant::Password {
        parameters.push(("username", USER.to_owned()));
        parameters.push(("password", PASSWORD.to_owned()));
    }
    parameters.extend(request.scope.as_ref().map(|scope| ("scope", scope.to_string())));
    parameters.extend(request.resource.then(|| ("resource", RESOURCE.to_owned())));
    parameters
}

const fn grant_type(grant: Grant) -> &'static str {
    match grant {
        Grant::Client => GrantTypes::CLIENT_CREDENTIALS,
        Grant::Password => GrantTypes::PASSWORD,
        Grant::Extension => EXTENSION,
    }
}

fn word(text: &str) -> Scope {
    Scope::parse(text).expect("a scope")
}

fn spared(scope: &Scope) -> String {
    scope.union(&word(SPARE)).to_string()
}

/// One server, its store and its clock.
struct World {
    store: MemoryStore,
    clock: ManualClock,
    trail: Arc<Trail>,
    server: AuthorizationServer,
    secret: Option<String>,
    /// How to make the server again, when it forgets.
    again: Option<Box<dyn Fn() -> AuthorizationServer>>,
    access: Mutex<Option<String>>,
}

impl World {
    fn of(jar: &Jar, case: &Case) -> Self {
        let (store, clock, trail) = (MemoryStore::new(), ManualClock::at(START), Arc::<Trail>::default());
        let secret = register(&store, &clock, case);
        if case.user.known {
            let user = User {
                subject: Subject::parse(USER).expect("a subject"),
                active: case.user.active,
                scope: case.user.scope.clone(),
                password: (case.request.grant == Grant::Password).then(|| HASH.clone()),
            };
            let _ = store.insert_user(user, [USER]).expect("a user");
        }
        let make = {
            let (jar, case, store, clock, trail) =
                (jar.clone(), case.clone(), store.clone(), clock.clone(), Arc::clone(&trail));
            move || block_on(configure(&jar, &case, &store, &clock, &trail).start()).expect("a server")
        };
        let server = make();
        let again = jar.forgetful.then(|| Box::new(make) as Box<dyn Fn() -> AuthorizationServer>);
        Self { store, clock, trail, server, secret, again, access: Mutex::new(None) }
    }

    fn server(&self) -> AuthorizationServer {
        self.again.as_ref().map_or_else(|| self.server.clone(), |again| again())
    }

    fn explain(&self, parameters: &[(&str, String)], peer: Option<IpAddr>, at: Timestamp) -> Explanation {
        let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let client = ClientId::parse(CLIENT).expect("a client id");
        let operator = OperatorCapability::granted_by_the_host();
        block_on(self.server.explain(&operator, &client, &parameters, peer, at)).expect("no store fails")
    }

    /// The answer, and the refresh token in it.
    fn answer(&self, parameters: &[(&str, String)], peer: Option<IpAddr>) -> (Answer, Option<String>) {
        let mut request = Request::new(Method::Post, "/oauth/token");
        request.headers.push("content-type", b"application/x-www-form-urlencoded");
        request.peer = peer;
        let mut body = format!("client_id={CLIENT}");
        if let Some(secret) = &self.secret {
            body.push_str(&format!("&client_secret={secret}"));
        }
        for (name, value) in parameters {
            body.push_str(&format!("&{name}={}", escaped(value)));
        }
        request.body = Body::Whole(body.into_bytes());
        self.trail.take();
        let response = block_on(self.server().handle(Endpoint::Token, &request));
        let members: Value = serde_json::from_slice(&response.body).expect("JSON");
        let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
        let answer = Answer {
            status: response.status,
            error: text("error"),
            scope: text("scope").map(|scope| word(&scope)),
            lifetime: members.get("expires_in").and_then(Value::as_u64).and_then(|span| u32::try_from(span).ok()),
            refresh_token: text("refresh_token").is_some(),
            id_token: text("id_token").is_some(),
            refused: self.trail.take(),
        };
        if let Some(access) = text("access_token") {
            let mut first = self.access.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(access);
        }
        (answer, text("refresh_token"))
    }

    fn change_client(&self, change: impl FnOnce(&mut Client)) {
        change_client(&self.store, change);
    }

    /// Ends everything of the user's.
    fn end_families(&self) {
        block_on(self.server().revoke_subject(&Subject::parse(USER).expect("a subject"))).expect("no store fails");
    }
}

fn change_client(store: &MemoryStore, change: impl FnOnce(&mut Client)) {
    let id = ClientId::parse(CLIENT).expect("a client id");
    let held = block_on(store.find(&id)).expect("no store fails").expect("the client");
    let mut next = Client::clone(&held);
    change(&mut next);
    next.version += 1;
    assert_eq!(block_on(store.update(next, held.version)).expect("no store fails"), UpdateClient::Updated);
}

/// Registers the client by a server on which everything is on, and makes it what that would not register.
fn register(store: &MemoryStore, clock: &ManualClock, case: &Case) -> Option<String> {
    let client = &case.client;
    let spec = if client.public { ClientSpec::public(CLIENT) } else { ClientSpec::confidential(CLIENT) };
    let mut spec = spec
        .grants::<&str>([])
        .scope(spared(&client.scope))
        .default_scope(client.default.intersection(&client.scope).to_string())
        .audience([AUDIENCE]);
    if client.resource {
        spec = spec.resources([RESOURCE]);
    }
    if let Some(seconds) = client.lifetime {
        spec = spec.access_token_lifetime(Duration::from_secs(u64::from(seconds)));
    }
    if client.acts_for && !client.public {
        spec = spec.acts_for([USER]);
    }
    if let Some(network) = client.network {
        spec = spec.networks([match network {
            Network::Office => "203.0.113.0/24",
            Network::Branch => "2001:db8::/32",
        }]);
    }
    let registrar = common(store, clock).resource(RESOURCE, ResourceSettings::default());
    let made = block_on(block_on(registrar.start()).expect("a registrar").ensure_client(spec)).expect("a client");
    change_client(store, |record| {
        let own = client.has_grant.then(|| grant_type(case.request.grant));
        record.grants = GrantTypes::of(own.into_iter().chain(client.refreshes.then_some("refresh_token")));
        record.active = client.active;
        // the spare one is there because no client can be registered without scope
        record.scope = client.scope.clone();
    });
    made.secret.map(|secret| secret.expose().to_owned())
}

fn common(store: &MemoryStore, clock: &ManualClock) -> Builder {
    let sealing = SealingKey::new("laws", [7; 32]).expect("a key");
    AuthorizationServer::builder(Issuer::url("https://laws.test").expect("an issuer"), store, sealing.into())
        .id_tokens(Alg::ES256)
        .clock(Arc::new(clock.clone()))
        .entropy(Arc::new(SeededEntropy::new(7)))
        .audit(Arc::<Trail>::default())
}

fn configure(jar: &Jar, case: &Case, store: &MemoryStore, clock: &ManualClock, trail: &Arc<Trail>) -> Builder {
    let server = &case.server;
    let resource = ResourceSettings {
        scope: server.resource_scope.as_ref().map(spared),
        access_token: None,
        access_token_lifetime: server.resource_lifetime.map(|span| Duration::from_secs(u64::from(span))),
    };
    let format = match server.opaque {
        true => AccessTokenFormat::Opaque,
        false => AccessTokenFormat::Jwt { alg: Alg::ES256, profile: TokenProfile::Rfc9068 },
    };
    let sealing = SealingKey::new("laws", [7; 32]).expect("a key");
    let issuer = Issuer::url("https://laws.test").expect("an issuer");
    let mut builder = AuthorizationServer::builder(issuer, store, sealing.into())
        .clock(Arc::new(clock.clone()))
        .entropy(Arc::new(SeededEntropy::new(11)))
        .audit(Arc::clone(trail) as _)
        .access_token(format)
        .access_token_lifetime(Duration::from_secs(u64::from(server.lifetime)))
        .scope_mode(if server.strict { ScopeMode::Refuse } else { ScopeMode::Narrow })
        .resource(RESOURCE, resource);
    if server.id_tokens {
        builder = builder.id_tokens(Alg::ES256);
    }
    match case.request.grant {
        Grant::Password if server.has_grant => builder = builder.danger().password_grant(),
        Grant::Extension if server.has_grant => {
            let settings = ExtensionSettings {
                scope: spared(&server.grant_scope),
                refresh_tokens: server.grant_lasts,
                id_tokens: server.grant_lasts,
            };
            let proposed = case.request.proposed.map(|span| Duration::from_secs(u64::from(span)));
            let grant = Proposes { lifetime: proposed, scope: case.request.proposed_scope.clone() };
            builder = builder.extension_grant(Arc::new(grant), settings);
        }
        _ => {}
    }
    let made = case.rules.iter().zip(IDS).map(|(rule, id)| Arc::new(Made { id, rule: rule.clone() }) as _);
    jar.rules.iter().cloned().chain(made).fold(builder, Builder::policy)
}

/// The right password's hash, computed once.
static HASH: LazyLock<PasswordHash> = LazyLock::new(|| {
    let server = block_on(common(&MemoryStore::new(), &ManualClock::at(START)).start()).expect("a server");
    block_on(server.hash_password(PASSWORD)).expect("a hash")
});

/// Bytes that a form cannot hold as they are.
fn escaped(value: &str) -> String {
    value
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02x}") })
        .collect()
}

/// Keeps why the last request was refused.
#[derive(Debug, Default)]
struct Trail(Mutex<Option<Refusal>>);

impl Trail {
    fn take(&self) -> Option<Refusal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl AuditSink for Trail {
    fn record(&self, event: &Event) -> Result<(), AuditLost> {
        if let What::Refused(refusal) = event.what {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
        }
        Ok(())
    }
}

/// A grant that believes whoever asks.
#[derive(Debug)]
struct Proposes {
    lifetime: Option<Duration>,
    scope: Option<Scope>,
}

#[async_trait]
impl ExtensionGrant for Proposes {
    fn grant_type(&self) -> &str {
        EXTENSION
    }

    fn parameters(&self) -> &[&'static str] {
        &[]
    }

    async fn facts(
        &self,
        _: &RequestContext,
        _: &Authenticated<Client>,
        _: &ExtensionParameters<'_>,
    ) -> Result<ExtensionFacts, HookError> {
        Ok(ExtensionFacts::new())
    }

    fn propose(
        &self,
        _: &Authenticated<Client>,
        _: &ExtensionParameters<'_>,
        _: &ExtensionFacts,
    ) -> Result<Proposal, ExtensionRefusal> {
        let subject = Subject::parse(USER).map_err(|_| ExtensionRefusal::Invalid)?;
        Ok(Proposal { lifetime: self.lifetime, scope: self.scope.clone(), ..Proposal::new(subject) })
    }
}
