//! From settings to a running server: `build()` tells every mistake at once, `open()` loads what is stored.

use std::fmt;
use std::sync::Arc;

use ipnet::IpNet;

use super::builder::Builder;
use super::client_spec::{Mistakes, check_format, parse_networks};
use super::clock::ServerClock;
use super::in_flight::InFlight;
use super::transport::TransportRule;
use super::{AuthorizationServer, Inner};
use crate::audit::AuditSink;
use crate::context::CorrelationIds;
use crate::endpoint::{Endpoint, Mounted};
use crate::grant::GrantSettings;
use crate::jose::Alg;
use crate::keys::schedule::KeyRules;
use crate::keys::{CACHE_AGE, KeyError, KeySettings, Keyring, ProvidedKey};
use crate::password::HashingPool;
use crate::policy::resource::Resource;
use crate::random::{Entropy, EntropyError};
use crate::store::{AccessTokenFormat, AuthMethod, GrantTypes, Stores};
use crate::time::Clock;
use crate::token::TokenHook;
use crate::token::access_token::MintSettings;
use crate::types::{Issuer, IssuerKind, Lifetime, ResourceUri, Scope, Timestamp};
use crate::wire::metadata::Metadata;

/// A stateless JWT cannot be called back where it is verified alone, so it lives at most this long.
const JWT_BOUND: Lifetime = Lifetime::of_seconds(3_600);
/// An opaque token is looked up on every use.
const OPAQUE_BOUND: Lifetime = Lifetime::of_seconds(24 * 3_600);
/// The longest that a family may live, whatever its client's registration says: a year.
pub(super) const FAMILY_BOUND: Lifetime = Lifetime::of_seconds(366 * 24 * 3_600);
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

impl Builder {
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
        let proxies = self.check_proxies(&mut mistakes);
        self.check_provided(&mut mistakes);
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
            metadata: if has_metadata { metadata(&self.issuer, &mounted) } else { Vec::new() },
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

    fn check_proxies(&self, mistakes: &mut Mistakes) -> Vec<IpNet> {
        let proxies = parse_networks(&self.proxies, mistakes);
        for everybody in proxies.iter().filter(|network| network.prefix_len() == 0) {
            mistakes.say(format!(
                "`{everybody}` declares the whole internet a proxy that ends TLS; name your proxies, or say \
                 `.danger().plain_http()`"
            ));
        }
        let name = &self.address_header;
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(is_token) || name == "forwarded" {
            mistakes.say(format!(
                "`{name}` cannot tell an address; name a field that holds plain addresses, such as `x-forwarded-for`"
            ));
        }
        proxies
    }

    fn check_provided(&self, mistakes: &mut Mistakes) {
        let mut names = Vec::new();
        for provided in &self.provided {
            let name = match provided {
                ProvidedKey::Imported { kid, .. } => kid.as_ref().map(|kid| format!("key id `{kid}`")),
                ProvidedKey::External(signer) => Some(format!("external signer `{}`", signer.name())),
            };
            match name {
                Some(name) if names.contains(&name) => mistakes.say(format!("the {name} is given twice; drop one")),
                Some(name) => names.push(name),
                None => {}
            }
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
        let mut span = |name: &str, span| {
            let span = Lifetime::try_from(span);
            span.map_err(|why| mistakes.say(format!("{name}: {why}"))).ok()
        };
        let announce = span("the announcement of keys", self.announce);
        let sign = span("the signing period of keys", self.sign);
        let max_age = span("the JWKS max-age", self.jwks_max_age);
        let (Some(announce), Some(sign), Some(max_age)) = (announce, sign, max_age) else {
            let nothing = Lifetime::SECOND;
            return KeyRules { announce: nothing, sign: nothing, linger: nothing, families: nothing };
        };
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
        let families = FAMILY_BOUND.seconds().saturating_add(CACHE_AGE.seconds()).saturating_add(LINGER.seconds());
        let (linger, families) = (Lifetime::of_seconds(linger), Lifetime::of_seconds(families));
        KeyRules { announce, sign, linger, families }
    }

    fn check_tokens(&self, algorithms: &[Alg], mistakes: &mut Mistakes) -> GrantSettings {
        check_format(&self.format, algorithms, mistakes);
        let bound = match self.format {
            AccessTokenFormat::Opaque => OPAQUE_BOUND,
            AccessTokenFormat::Jwt { .. } => JWT_BOUND,
        };
        let lifetime = Lifetime::try_from(self.lifetime).map_err(|why| format!("the lifetime of access tokens: {why}"));
        let lifetime = mistakes.keep(lifetime, || Lifetime::SECOND);
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
            if settings.scope.as_deref() == Some("") {
                mistakes.say(format!(
                    "the resource `{text}` knows no scope, so nothing can be granted for it; use `None` for any"
                ));
            }
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
    hook: Option<Arc<dyn TokenHook>>,
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
        let behind = clock.behind();
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
        if let Some(mark) = behind {
            let context = crate::context::RequestContext::internal(inner.correlation.next());
            inner.audit(now, &context, None, None, crate::audit::What::ClockBehind { mark });
        }
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
