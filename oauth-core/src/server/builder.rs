//! Puts a server together: required things are arguments, everything else has a default, `build()` tells every mistake.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::client_spec::{Mistakes, check_format, parse_networks};
use super::clock::ServerClock;
use super::in_flight::InFlight;
use super::transport::TransportRule;
use super::{AuthorizationServer, Inner};
use crate::audit::{AuditSink, TracingSink};
use crate::context::CorrelationIds;
use crate::endpoint::{Endpoint, Endpoints, Mounted};
use crate::grant::GrantSettings;
use crate::jose::Alg;
use crate::keys::schedule::KeyRules;
use crate::keys::{
    CACHE_AGE, ImportedKey, KeyError, KeyNaming, KeySettings, Keyring, ProvidedKey, RsaSize, Sealing, SealingKeys,
    Signer,
};
use crate::password::HashingPool;
use crate::policy::resource::Resource;
use crate::policy::scope::ScopeMode;
use crate::random::{Entropy, EntropyError, SystemEntropy};
use crate::store::{AccessTokenFormat, AuthMethod, GrantTypes, Stores, TokenProfile};
use crate::time::{Clock, SystemClock};
use crate::token::access_token::MintSettings;
use crate::token::{NoHook, TokenHook};
use crate::types::{Issuer, IssuerKind, KeyId, Lifetime, ResourceUri, Scope, Timestamp};
use crate::wire::metadata::Metadata;

/// A stateless JWT cannot be called back where it is verified alone, so it lives at most this long.
const JWT_BOUND: Lifetime = Lifetime::of_seconds(3_600);
/// An opaque token is looked up on every use.
const OPAQUE_BOUND: Lifetime = Lifetime::of_seconds(24 * 3_600);
/// How long after its last use a key stays listed beyond the longest token and every cache.
const LINGER: Lifetime = Lifetime::of_seconds(300);

/// Everything that is wrong with a configuration, one sentence each: the mistake and its mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub(crate) Vec<String>);

impl ConfigErrors {
    /// The sentences.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => write!(f, "the configuration has a mistake: {one}"),
            many => {
                write!(f, "the configuration has {} mistakes:", many.len())?;
                many.iter().try_for_each(|mistake| write!(f, "\n- {mistake}"))
            }
        }
    }
}

impl std::error::Error for ConfigErrors {}

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The random source failed.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The keys could not be loaded or made.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

/// Builds an [`AuthorizationServer`].
///
/// # Defaults
/// | setting | default | range |
/// |---|---|---|
/// | access tokens | JWT by RFC 9068, ES256 | any format, RS256, PS256, ES256, EdDSA |
/// | their lifetime | 10 minutes | JWT up to 1 hour, opaque up to 24 hours |
/// | over-wide scope | narrowed | or refused |
/// | signing keys | announced 14 days, signing 90 days, named by thumbprint | |
/// | JWKS max-age | 5 minutes | 1 second to 1 day |
/// | paths | `/oauth/token`, `/oauth/jwks` below the issuer's path | |
/// | chosen client secrets | refused | |
/// | requests in clear | loopback only | behind declared proxies |
/// | audit | `tracing`, target `oauth::audit` | any [`AuditSink`] |
pub struct Builder {
    issuer: Issuer,
    stores: Stores,
    sealing: Sealing,
    endpoints: Endpoints,
    format: AccessTokenFormat,
    lifetime: Duration,
    algorithms: Vec<Alg>,
    scope_mode: ScopeMode,
    resources: Vec<(String, ResourceSettings)>,
    opaque_prefix: String,
    naming: KeyNaming,
    rsa_size: RsaSize,
    announce: Duration,
    sign: Duration,
    jwks_max_age: Duration,
    provided: Vec<ProvidedKey>,
    chosen_secrets: bool,
    hashing_threads: Option<usize>,
    family_limit: u32,
    proxies: Vec<String>,
    address_header: String,
    plain_http: bool,
    hook: Arc<dyn TokenHook>,
    audit: Arc<dyn AuditSink>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// What a protected resource wants of the tokens for it; see [`Builder::resource`].
#[derive(Debug, Clone, Default)]
pub struct ResourceSettings {
    /// The scopes that it knows, as scope text; `None` is every scope.
    pub scope: Option<String>,
    /// What its tokens are; `None` is the client's or the server's format.
    pub access_token: Option<AccessTokenFormat>,
    /// The longest that its tokens may live; `None` sets no bound of its own.
    pub access_token_lifetime: Option<Duration>,
}

impl AuthorizationServer {
    /// Begins a server for one issuer, with the stores of one tenant and the keys that seal its private keys at rest.
    pub fn builder(issuer: Issuer, stores: impl Into<Stores>, sealing: SealingKeys) -> Builder {
        Builder {
            issuer,
            stores: stores.into(),
            sealing: Sealing::Keys(sealing),
            endpoints: Endpoints::new(),
            format: AccessTokenFormat::Jwt { alg: Alg::ES256, profile: TokenProfile::Rfc9068 },
            lifetime: Duration::from_secs(600),
            algorithms: Vec::new(),
            scope_mode: ScopeMode::Narrow,
            resources: Vec::new(),
            opaque_prefix: String::new(),
            naming: KeyNaming::Thumbprint,
            rsa_size: RsaSize::default(),
            announce: Duration::from_secs(14 * 24 * 3600),
            sign: Duration::from_secs(90 * 24 * 3600),
            jwks_max_age: Duration::from_secs(300),
            provided: Vec::new(),
            chosen_secrets: false,
            hashing_threads: None,
            family_limit: 100,
            proxies: Vec::new(),
            address_header: "x-forwarded-for".to_owned(),
            plain_http: false,
            hook: Arc::new(NoHook),
            audit: Arc::new(TracingSink),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy::default()),
        }
    }
}

impl Builder {
    /// Where the endpoints lie.
    #[must_use]
    pub fn endpoints(mut self, endpoints: Endpoints) -> Self {
        self.endpoints = endpoints;
        self
    }

    /// What access tokens are, unless client or resource say otherwise.
    #[must_use]
    pub fn access_token(mut self, format: AccessTokenFormat) -> Self {
        self.format = format;
        self
    }

    /// How long access tokens live, unless the client says otherwise. Whole seconds; default 10 minutes.
    #[must_use]
    pub const fn access_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Signs with this algorithm too; that of the default format is always there.
    #[must_use]
    pub fn algorithm(mut self, alg: Alg) -> Self {
        self.algorithms.push(alg);
        self
    }

    /// What an over-wide scope request gets. Default: what is allowed of it.
    #[must_use]
    pub const fn scope_mode(mut self, mode: ScopeMode) -> Self {
        self.scope_mode = mode;
        self
    }

    /// Declares a protected resource that clients may ask tokens for (RFC 8707).
    #[must_use]
    pub fn resource(mut self, uri: impl Into<String>, settings: ResourceSettings) -> Self {
        self.resources.push((uri.into(), settings));
        self
    }

    /// Begins opaque tokens with this text, so that leaked ones can be scanned for. At most 32 of `A-Z a-z 0-9 _ -`.
    #[must_use]
    pub fn opaque_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.opaque_prefix = prefix.into();
        self
    }

    /// How new keys are named. Default: by thumbprint.
    #[must_use]
    pub const fn key_naming(mut self, naming: KeyNaming) -> Self {
        self.naming = naming;
        self
    }

    /// How large new RSA keys are. Default: 2,048 bits.
    #[must_use]
    pub const fn rsa_size(mut self, size: RsaSize) -> Self {
        self.rsa_size = size;
        self
    }

    /// How long a key is published before it signs (default 14 days, at least twice the JWKS max-age and 60 s), and
    /// how long it signs (default 90 days).
    #[must_use]
    pub const fn key_periods(mut self, announce: Duration, sign: Duration) -> Self {
        self.announce = announce;
        self.sign = sign;
        self
    }

    /// How long readers may keep the JWK set. Default 5 minutes.
    #[must_use]
    pub const fn jwks_max_age(mut self, max_age: Duration) -> Self {
        self.jwks_max_age = max_age;
        self
    }

    /// Takes in a key at start, under this id or one of the server's naming.
    #[must_use]
    pub fn import_key(mut self, key: ImportedKey, kid: Option<KeyId>) -> Self {
        self.provided.push(ProvidedKey::Imported { key, kid });
        self
    }

    /// Signs with a key that an HSM or key service holds; keys of its algorithm are then not made here.
    #[must_use]
    pub fn external_signer(mut self, signer: Arc<dyn Signer>) -> Self {
        self.provided.push(ProvidedKey::External(signer));
        self
    }

    /// Takes client secrets that people chose. Every failed client authentication then costs one Argon2id.
    #[must_use]
    pub const fn with_chosen_client_secrets(mut self) -> Self {
        self.chosen_secrets = true;
        self
    }

    /// How many threads compute Argon2id, 19 MiB each. Default: the number of cores, at most 4. Range 1 to 64.
    #[must_use]
    pub const fn hashing_threads(mut self, threads: usize) -> Self {
        self.hashing_threads = Some(threads);
        self
    }

    /// How many live families one user may have with one client; above it the oldest ends. Default 100.
    #[must_use]
    pub const fn family_limit(mut self, families: u32) -> Self {
        self.family_limit = families;
        self
    }

    /// Declares the proxies (CIDR text) that end TLS in front of this server and put the client's address into
    /// [`client_address_header`](Self::client_address_header). Nobody else is believed.
    #[must_use]
    pub fn tls_terminated_by<T: Into<String>>(mut self, proxies: impl IntoIterator<Item = T>) -> Self {
        self.proxies = proxies.into_iter().map(Into::into).collect();
        self
    }

    /// The one field in which the proxies tell the client's address. Default `x-forwarded-for`.
    #[must_use]
    pub fn client_address_header(mut self, name: impl Into<String>) -> Self {
        self.address_header = name.into().to_ascii_lowercase();
        self
    }

    /// Loads the host's facts and adds its claims, for every token.
    #[must_use]
    pub fn token_hook(mut self, hook: Arc<dyn TokenHook>) -> Self {
        self.hook = hook;
        self
    }

    /// Where audit events go. Default: `tracing`.
    #[must_use]
    pub fn audit(mut self, sink: Arc<dyn AuditSink>) -> Self {
        self.audit = sink;
        self
    }

    /// Reads the time from another clock; for tests.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Draws randomness from another source; for tests.
    #[must_use]
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// Settings that weaken the server. Each names the attack that it opens.
    #[must_use]
    pub const fn danger(self) -> Danger {
        Danger(self)
    }

    /// Checks every setting; no I/O.
    ///
    /// # Errors
    /// [`ConfigErrors`] with every mistake at once.
    pub fn build(self) -> Result<Configured, ConfigErrors> {
        let mut mistakes = Mistakes::default();
        self.check_issuer(&mut mistakes);
        let algorithms = self.check_algorithms(&mut mistakes);
        let rules = self.check_key_periods(&mut mistakes);
        let grant_settings = self.check_tokens(&algorithms, &mut mistakes);
        let proxies = parse_networks(&self.proxies, &mut mistakes);
        let has_metadata = self.issuer.kind() != IssuerKind::LegacyName;
        let mounted = self.endpoints.settle(&self.issuer, has_metadata, &mut mistakes.0);
        if self.hashing_threads.is_some_and(|threads| !(1..=64).contains(&threads)) {
            mistakes.say("hashing needs 1 to 64 threads".into());
        }
        if self.family_limit == 0 {
            mistakes.say("a family limit of 0 ends every grant at once; use 1 or more".into());
        }
        if !mistakes.0.is_empty() {
            return Err(mistakes.into_errors(""));
        }
        let threads = self
            .hashing_threads
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4)));
        Ok(Configured {
            metadata: metadata(&self.issuer, &mounted),
            challenge: format!("Basic realm=\"{}\"", self.issuer),
            jwks_cache_control: format!("public, max-age={}", self.jwks_max_age.as_secs()),
            key_settings: KeySettings {
                issuer: self.issuer.clone(),
                tenant: self.stores.tenant.clone(),
                algorithms,
                naming: self.naming,
                rsa_size: self.rsa_size,
                rules,
                sealing: self.sealing,
                provided: self.provided,
                entropy: Arc::clone(&self.entropy),
            },
            transport: TransportRule { proxies, address_header: self.address_header, plain_http: self.plain_http },
            mint_settings: MintSettings { issuer: self.issuer.clone(), opaque_prefix: self.opaque_prefix },
            chosen_secrets: self.chosen_secrets.then(|| HashingPool::new(threads)),
            issuer: self.issuer,
            stores: self.stores,
            grant_settings,
            mounted,
            family_limit: self.family_limit,
            hook: self.hook,
            audit: self.audit,
            clock: self.clock,
            entropy: self.entropy,
        })
    }

    /// [`build`](Self::build) and [`open`](Configured::open).
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(self) -> Result<AuthorizationServer, StartError> {
        self.build()?.open().await
    }

    fn check_issuer(&self, mistakes: &mut Mistakes) {
        if self.issuer.kind() == IssuerKind::PlainHttp && !self.plain_http {
            mistakes.say(format!(
                "the issuer `{}` is http and not loopback, so whoever is on the way reads every secret; use https, or \
                 say `.danger().plain_http()`",
                self.issuer
            ));
        }
    }

    /// Every algorithm of a declared format, and those named besides.
    fn check_algorithms(&self, mistakes: &mut Mistakes) -> Vec<Alg> {
        let formats = self.resources.iter().filter_map(|(_, resource)| resource.access_token.as_ref());
        let mut algorithms = self.algorithms.clone();
        algorithms.extend(self.provided.iter().map(ProvidedKey::alg));
        for format in formats.chain([&self.format]) {
            if let AccessTokenFormat::Jwt { alg, .. } = format {
                algorithms.push(*alg);
            }
        }
        algorithms.sort_unstable();
        algorithms.dedup();
        for alg in algorithms.iter().filter(|alg| matches!(alg, Alg::RS256 | Alg::PS256)) {
            let is_provided = self.provided.iter().any(|provided| provided.alg() == *alg);
            if !is_provided && !cfg!(feature = "rsa-keygen") {
                mistakes.say(format!(
                    "{alg} needs an RSA key, and making one needs the feature `rsa-keygen` of oauth-core; switch it on, \
                     or bring a key with `.import_key(…)`"
                ));
            }
        }
        algorithms
    }

    fn check_key_periods(&self, mistakes: &mut Mistakes) -> KeyRules {
        let announce = mistakes.keep(Lifetime::try_from(self.announce), || Lifetime::SECOND);
        let sign = mistakes.keep(Lifetime::try_from(self.sign), || Lifetime::SECOND);
        let max_age = mistakes.keep(Lifetime::try_from(self.jwks_max_age), || Lifetime::SECOND);
        if max_age.seconds() > 24 * 3600 {
            mistakes.say("readers may keep the JWK set for a day at most; lower `.jwks_max_age`".into());
        }
        let least = max_age.seconds().saturating_mul(2).saturating_add(CACHE_AGE.seconds());
        if announce.seconds() < least {
            mistakes.say(format!(
                "keys are announced {announce} before they sign, which is too short for cached key sets; make it at \
                 least {least} s (twice the JWKS max-age and 60 s)"
            ));
        }
        if sign <= announce {
            mistakes.say(format!("keys sign for {sign}, but are announced {announce} ahead; let them sign for longer"));
        }
        let linger = JWT_BOUND.seconds().saturating_add(max_age.seconds());
        let linger = linger.saturating_add(CACHE_AGE.seconds()).saturating_add(LINGER.seconds());
        KeyRules { announce, sign, linger: Lifetime::of_seconds(linger) }
    }

    fn check_tokens(&self, algorithms: &[Alg], mistakes: &mut Mistakes) -> GrantSettings {
        check_format(&self.format, algorithms, mistakes);
        let bound = match self.format {
            AccessTokenFormat::Opaque => OPAQUE_BOUND,
            AccessTokenFormat::Jwt { .. } => JWT_BOUND,
        };
        let lifetime = mistakes.keep(Lifetime::try_from(self.lifetime), || Lifetime::SECOND);
        if lifetime > bound {
            mistakes.say(format!(
                "access tokens would live {lifetime}; a JWT that is verified without asking us may live {JWT_BOUND} at \
                 most, an opaque token {OPAQUE_BOUND}"
            ));
        }
        let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if self.opaque_prefix.len() > 32 || !self.opaque_prefix.chars().all(lawful) {
            mistakes.say("the prefix of opaque tokens is at most 32 of `A-Z a-z 0-9 _ -`".into());
        }
        GrantSettings {
            resources: self.check_resources(algorithms, mistakes),
            scope_mode: self.scope_mode,
            format: self.format.clone(),
            lifetime,
            jwt_bound: JWT_BOUND,
            opaque_bound: OPAQUE_BOUND,
        }
    }

    fn check_resources(&self, algorithms: &[Alg], mistakes: &mut Mistakes) -> Vec<Resource> {
        let mut resources: Vec<Resource> = Vec::new();
        for (text, settings) in &self.resources {
            let scope = settings.scope.as_deref().map(|text| mistakes.keep(Scope::parse(text), Scope::empty));
            let lifetime =
                settings.access_token_lifetime.map(|span| mistakes.keep(Lifetime::try_from(span), || Lifetime::SECOND));
            if let Some(format) = &settings.access_token {
                check_format(format, algorithms, mistakes);
            }
            match ResourceUri::parse(text) {
                Err(why) => mistakes.say(format!("the resource `{text}` is unusable: {why}")),
                Ok(uri) if resources.iter().any(|known| known.uri == uri) => {
                    mistakes.say(format!("the resource `{text}` is declared twice; drop one"));
                }
                Ok(uri) => {
                    resources.push(Resource { uri, scope, format: settings.access_token.clone(), lifetime });
                }
            }
        }
        resources
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Settings that weaken the server; see [`Builder::danger`].
#[derive(Debug)]
pub struct Danger(Builder);

impl Danger {
    /// Lets the issuer be http and credentials come in clear from anywhere: whoever is on the way reads every secret
    /// and every token, and uses them.
    #[must_use]
    pub fn plain_http(self) -> Builder {
        Builder { plain_http: true, ..self.0 }
    }

    /// Keeps private keys in clear in the key store: whoever reads a backup signs tokens in this server's name.
    #[must_use]
    pub fn unsealed_keys(self) -> Builder {
        Builder { sealing: Sealing::Unsealed, ..self.0 }
    }
}

/// A checked configuration, not started yet.
pub struct Configured {
    issuer: Issuer,
    stores: Stores,
    key_settings: KeySettings,
    grant_settings: GrantSettings,
    mint_settings: MintSettings,
    transport: TransportRule,
    mounted: Mounted,
    metadata: Vec<u8>,
    challenge: String,
    jwks_cache_control: String,
    chosen_secrets: Option<HashingPool>,
    family_limit: u32,
    hook: Arc<dyn TokenHook>,
    audit: Arc<dyn AuditSink>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Configured {
    /// Reads the clock's mark, loads the keys and makes those that are missing.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn open(self) -> Result<AuthorizationServer, StartError> {
        let mark = self.stores.grants.raise_clock_mark(Timestamp::from_millis(i64::MIN)).await?;
        let clock = Arc::new(ServerClock::starting_at(mark, self.clock));
        let mut start = [0; 8];
        self.entropy.fill(&mut start)?;
        let now = clock.now();
        let (keys, changes) = Keyring::open(self.key_settings, Arc::clone(&self.stores.keys), now).await?;
        let inner = Inner {
            stores: self.stores,
            keys: Arc::new(keys),
            hook: self.hook,
            chosen_secrets: self.chosen_secrets,
            grant_settings: self.grant_settings,
            transport: self.transport,
            challenge: self.challenge,
            jwks_cache_control: self.jwks_cache_control.into(),
            metadata: self.metadata,
            issuer: self.issuer,
            audit: self.audit,
            clock,
            entropy: self.entropy,
            mint_settings: self.mint_settings,
            endpoints: self.mounted,
            family_limit: self.family_limit,
            correlation: CorrelationIds::starting_at(u64::from_le_bytes(start)),
            in_flight: InFlight::default(),
            maintenance_leased: std::sync::atomic::AtomicBool::new(false),
        };
        inner.audit_keys(changes, now);
        Ok(AuthorizationServer { inner: Arc::new(inner) })
    }
}

impl fmt::Debug for Configured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configured").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Renders the metadata document once: it says what is mounted and nothing else.
fn metadata(issuer: &Issuer, mounted: &Mounted) -> Vec<u8> {
    let document = Metadata {
        issuer: issuer.as_str(),
        token_endpoint: mounted.url(Endpoint::Token).unwrap_or_default(),
        jwks_uri: mounted.url(Endpoint::Jwks).unwrap_or_default(),
        response_types_supported: Vec::new(),
        grant_types_supported: vec![GrantTypes::CLIENT_CREDENTIALS],
        // `none` joins with the first grant that a public client may use
        token_endpoint_auth_methods_supported: vec![
            AuthMethod::ClientSecretBasic.as_str(),
            AuthMethod::ClientSecretPost.as_str(),
        ],
    };
    serde_json::to_vec(&document).unwrap_or_default()
}
