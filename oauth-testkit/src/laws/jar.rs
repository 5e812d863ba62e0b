//! The judge to trust: a server on the memory store, made for one case.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use oauth_core::audit::{AuditLost, AuditSink, Event, What};
use oauth_core::authorize::SignedIn;
use oauth_core::jose::Alg;
use oauth_core::keys::SealingKey;
use oauth_core::policy::{Explanation, OperatorCapability, Policy, Verdict};
use oauth_core::store::{
    AccessTokenFormat, Client, ClientRegistry as _, ClientStore as _, GrantTypes, PasswordHash, Stores, TokenProfile,
    UpdateClient, User,
};
use oauth_core::time::Clock as _;
use oauth_core::types::{ClientId, Issuer, Scope, Subject, Timestamp};
use oauth_core::{
    Authenticated, AuthorizationServer, Builder, ClientSpec, Endpoint, ExtensionFacts, ExtensionGrant,
    ExtensionParameters, ExtensionRefusal, ExtensionSettings, Proposal, Refusal, ResourceSettings, ScopeMode,
};
use oauth_store_memory::MemoryStore;
use serde_json::Value;

use super::Judge;
use super::ask::{self, Answered, CHALLENGE, VERIFIER, Visit};
use super::case::{Case, Chain, Consent, Grant, Network, START};
use super::history::{History, Seen};
use super::opt_ins::{Said, Served};
use super::past::Past;
use super::rules::{IDS, Made};
use crate::{ManualClock, SeededEntropy, block_on};

const EXTENSION: &str = "urn:oauth-testkit:laws";
pub(super) const RESOURCE: &str = "https://resource.test";
pub(super) const AUDIENCE: &str = "api";
const CLIENT: &str = "client";
const URI: &str = "https://client.test/cb";
pub(super) const USER: &str = "user";
pub(super) const PASSWORD: &str = "correct horse battery";
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

    /// Another server for every request of a history, none of which learns what time it was: what the server's clock and
    /// its stored mark keep from happening.
    #[must_use]
    pub const fn forgetting_the_time(mut self) -> Self {
        self.forgetful = true;
        self
    }

    pub(super) const fn forgets(&self) -> bool {
        self.forgetful
    }

    /// The host's rules.
    pub(super) fn rules(&self) -> impl Iterator<Item = Arc<dyn Policy>> {
        self.rules.iter().cloned()
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

impl Judge for Jar {
    fn words(&self) -> &'static [&'static str] {
        self.words
    }

    fn explain(&self, case: &Case) -> Explanation {
        let world = World::of(self, case);
        world.explain(&world.parameters(case), case.request.peer, case.at)
    }

    fn answer(&self, case: &Case) -> Answer {
        let world = World::of(self, case);
        world.answer(&world.parameters(case), case.request.peer).0
    }

    fn has(&self, said: &Said) -> bool {
        Served::of(self, said).is_some_and(|served| served.has(said))
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
        let Some(mut token) = ask(&world.parameters(&chain.case)) else { return Vec::new() };
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
        Past::of(self, history)
    }
}

const fn grant_type(grant: Grant) -> &'static str {
    match grant {
        Grant::Client => GrantTypes::CLIENT_CREDENTIALS,
        Grant::Password => GrantTypes::PASSWORD,
        Grant::Code => GrantTypes::AUTHORIZATION_CODE,
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
    code: Option<String>,
}

impl World {
    fn of(jar: &Jar, case: &Case) -> Self {
        let (store, clock, trail) = (MemoryStore::new(), ManualClock::at(START), Arc::<Trail>::default());
        let (secret, earlier) = register(&store, &clock, case);
        if case.user.known {
            let password = (case.request.grant == Grant::Password).then(|| HASH.clone());
            let (active, scope) = (case.user.active, case.user.scope.clone());
            let _ = store.insert_user(User { subject: user(), active, scope, password }, [USER]).expect("a user");
        }
        let server = block_on(configure(jar, case, &store, &clock, &trail).start()).expect("a server");
        let code = earlier.or_else(|| code(&server, case, case.consent().filter(|consent| !consent.before)?));
        Self { store, clock, trail, server, secret, code }
    }

    /// The parameters of a case's token request.
    fn parameters(&self, case: &Case) -> Vec<(&'static str, String)> {
        let request = &case.request;
        let mut parameters = vec![("grant_type", grant_type(request.grant).to_owned())];
        match request.grant {
            Grant::Password => {
                parameters.extend([("username", USER.to_owned()), ("password", PASSWORD.to_owned())]);
            }
            Grant::Code => {
                // who was given none has none to bring
                let code = self.code.as_deref().unwrap_or("none");
                let proof = [("code", code), ("redirect_uri", URI), ("code_verifier", VERIFIER)];
                parameters.extend(proof.map(|(name, value)| (name, value.to_owned())));
            }
            Grant::Client | Grant::Extension => {}
        }
        parameters.extend(request.scope.as_ref().map(|scope| ("scope", scope.to_string())));
        parameters.extend(request.resource.then(|| ("resource", RESOURCE.to_owned())));
        parameters
    }

    fn explain(&self, parameters: &[(&str, String)], peer: Option<IpAddr>, at: Timestamp) -> Explanation {
        let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let client = ClientId::parse(CLIENT).expect("a client id");
        let operator = OperatorCapability::granted_by_the_host();
        block_on(self.server.explain(&operator, &client, &parameters, peer, at)).expect("no store fails")
    }

    /// The answer, and the refresh token in it.
    fn answer(&self, parameters: &[(&str, String)], peer: Option<IpAddr>) -> (Answer, Option<String>) {
        let client = [("client_id", CLIENT)].into_iter();
        let secret = self.secret.as_deref().map(|secret| ("client_secret", secret));
        let asked = parameters.iter().map(|(name, value)| (*name, value.as_str()));
        let mut request = ask::form("/oauth/token", &client.chain(secret).chain(asked).collect::<Vec<_>>());
        request.peer = peer;
        self.trail.take();
        let answered = Answered::by(&self.server, Endpoint::Token, &request);
        let text = |name: &str| answered.text(name);
        let answer = Answer {
            status: answered.status,
            error: text("error"),
            scope: text("scope").map(|scope| word(&scope)),
            lifetime: answered.member("expires_in").and_then(Value::as_u64).and_then(|span| u32::try_from(span).ok()),
            refresh_token: text("refresh_token").is_some(),
            id_token: text("id_token").is_some(),
            refused: self.trail.take(),
        };
        (answer, text("refresh_token"))
    }

    fn change_client(&self, change: impl FnOnce(&mut Client)) {
        change_client(&self.store, change);
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

/// Registers the client by a server on which everything is on, and makes it what that would not register. Comes with
/// its secret, and with the code of one that had everything when it asked for that.
fn register(store: &MemoryStore, clock: &ManualClock, case: &Case) -> (Option<String>, Option<String>) {
    let client = &case.client;
    let earlier = case.consent().filter(|consent| consent.before);
    let spec = if client.public { ClientSpec::public(CLIENT) } else { ClientSpec::confidential(CLIENT) };
    let mut spec = spec
        .grants::<&str>([])
        .scope(spared(&client.scope.union(&case.visited())))
        .default_scope(client.default.intersection(&client.scope).to_string())
        .audience([AUDIENCE]);
    if case.request.grant == Grant::Code {
        spec = spec.grants([GrantTypes::AUTHORIZATION_CODE]).redirect_uris([URI]);
    }
    if client.resource || earlier.is_some() {
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
    // the user has everything there, whatever the server that is asked knows of the user
    let users = MemoryStore::new();
    let whole = User { subject: user(), active: true, scope: None, password: None };
    let _ = users.insert_user(whole, [USER]).expect("an empty store");
    let stores = Stores::from(store).users(Arc::new(users));
    let builder = common(stores, clock).authorization_code().resource(RESOURCE, ResourceSettings::default());
    let registrar = block_on(builder.start()).expect("a registrar");
    let made = block_on(registrar.ensure_client(spec)).expect("a client");
    let code = earlier.and_then(|consent| code(&registrar, case, consent));
    change_client(store, |record| {
        let own = client.has_grant.then(|| grant_type(case.request.grant));
        record.grants = GrantTypes::of(own.into_iter().chain(client.refreshes.then_some("refresh_token")));
        record.active = client.active;
        // the spare one is there because no client can be registered without scope
        record.scope = client.scope.clone();
        if !client.resource {
            record.resources.clear();
        }
    });
    (made.secret.map(|secret| secret.expose().to_owned()), code)
}

/// What a user who signed in just now allows the client.
fn code(server: &AuthorizationServer, case: &Case, consent: &Consent) -> Option<String> {
    let scope = consent.scope.as_ref().map(Scope::to_string);
    let mut members = vec![
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("redirect_uri", URI),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    members.extend(scope.as_deref().map(|scope| ("scope", scope)));
    members.extend(consent.resource.then_some(("resource", RESOURCE)));
    let mut signed_in = SignedIn::new(user(), START);
    signed_in.amr.push("pwd".to_owned());
    Visit { members: &members, signed_in, allowed: consent.allowed.as_ref(), peer: case.request.peer }.code(server)
}

fn user() -> Subject {
    Subject::parse(USER).expect("a subject")
}

fn common(stores: impl Into<Stores>, clock: &ManualClock) -> Builder {
    let sealing = SealingKey::new("laws", [7; 32]).expect("a key");
    AuthorizationServer::builder(Issuer::url("https://laws.test").expect("an issuer"), stores, sealing.into())
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
        Grant::Code if server.has_grant => builder = builder.authorization_code(),
        Grant::Extension if server.has_grant => {
            let settings = ExtensionSettings {
                scope: spared(&server.grant_scope),
                refresh_tokens: server.grant_lasts,
                id_tokens: server.grant_lasts,
            };
            let proposed = case.request.proposed.map(|span| Duration::from_secs(u64::from(span)));
            let grant = Proposes { name: EXTENSION, lifetime: proposed, scope: case.request.proposed_scope.clone() };
            builder = builder.extension_grant(Arc::new(grant), settings);
        }
        _ => {}
    }
    let made = case.rules.iter().zip(IDS).map(|(rule, id)| Arc::new(Made { id, rule: rule.clone() }) as _);
    jar.rules().chain(made).fold(builder, Builder::policy)
}

/// The right password's hash, computed once.
pub(super) static HASH: LazyLock<PasswordHash> = LazyLock::new(|| {
    let server = block_on(common(MemoryStore::new(), &ManualClock::at(START)).start()).expect("a server");
    block_on(server.hash_password(PASSWORD)).expect("a hash")
});

/// Keeps why the last request was refused.
#[derive(Debug, Default)]
pub(super) struct Trail(Mutex<Option<Refusal>>);

impl Trail {
    pub(super) fn take(&self) -> Option<Refusal> {
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
pub(super) struct Proposes {
    pub(super) name: &'static str,
    pub(super) lifetime: Option<Duration>,
    pub(super) scope: Option<Scope>,
}

impl ExtensionGrant for Proposes {
    fn grant_type(&self) -> &str {
        self.name
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
        let subject = Subject::parse(USER).map_err(|_| ExtensionRefusal::Invalid)?;
        Ok(Proposal { lifetime: self.lifetime, scope: self.scope.clone(), ..Proposal::new(subject) })
    }
}
