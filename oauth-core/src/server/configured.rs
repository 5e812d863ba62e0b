//! From settings to a running server: `build()` tells every mistake at once, `open()` loads what is stored.

use std::fmt;
use std::sync::Arc;

use super::builder::Builder;
use super::clock::ServerClock;
use super::in_flight::InFlight;
use super::mistakes::Mistakes;
use super::passwords::{PasswordRule, Strikes};
use super::throttle::Throttle;
use super::transport::TransportRule;
use super::{AuthorizationServer, Inner};
use crate::audit::{Audit, AuditSink};
use crate::context::CorrelationIds;
use crate::dialect::TokenMounts;
use crate::endpoint::{Endpoint, Mounted};
use crate::grant::GrantSettings;
use crate::grant::extension::Extension;
use crate::keys::{KeyError, KeySettings, Keyring};
use crate::password::HashingPool;
use crate::policy::HostRules;
use crate::random::{Entropy, EntropyError};
use crate::store::{AuthMethod, GrantTypes, Stores};
use crate::time::Clock;
use crate::token::TokenHook;
use crate::token::access_token::MintSettings;
use crate::token::refresh_token::RefreshSettings;
use crate::types::{Issuer, IssuerKind, Lifetime, Timestamp};
use crate::wire::metadata::Metadata;

/// The longest that a family may live, whatever its client's registration says: a year.
pub(super) const FAMILY_BOUND: Lifetime = Lifetime::of_seconds(366 * 24 * 3_600);

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
        let extensions = self.check_extensions(&mut mistakes);
        self.check_policies(&mut mistakes);
        let strikes = self.check_passwords(&mut mistakes);
        let token_mounts = self.check_token_mounts(&mut mistakes);
        let token_mounts = TokenMounts::new(token_mounts);
        let token_paths = token_mounts.iter().map(|mount| mount.path.clone()).collect();
        let mounted = self.endpoints.settle(&self.issuer, token_paths, has_metadata, &mut mistakes.0);
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
            metadata: if has_metadata {
                metadata(&self.issuer, &mounted, token_mounts.named(), &grant_settings)
            } else {
                Vec::new()
            },
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
            mint_settings: MintSettings {
                issuer: self.issuer.clone(),
                opaque_prefix: self.opaque_prefix,
                id_tokens: self.id_tokens.is_some(),
            },
            hashing: HashingPool::new(threads),
            chosen_secrets: self.chosen_secrets,
            password_rule: PasswordRule {
                floor: self.password_floor,
                blocked: self
                    .blocked_passwords
                    .iter()
                    .map(|text| crate::password::PasswordText::of(text).expose().to_owned())
                    .collect(),
            },
            strikes,
            throttle: Throttle::new(self.failures_per_minute.max(1)),
            extensions,
            refresh_settings: RefreshSettings { tenant: self.stores.tenant.clone(), prefix: self.refresh_prefix },
            token_mounts,
            issuer: self.issuer,
            stores: self.stores,
            grant_settings,
            mounted,
            family_limit: self.family_limit,
            hook: self.hook,
            rules: HostRules::new(self.policies),
            audit: self.audit,
            audit_mode: self.audit_mode,
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
    hashing: HashingPool,
    chosen_secrets: bool,
    password_rule: PasswordRule,
    strikes: Strikes,
    throttle: Throttle,
    extensions: Vec<Extension>,
    refresh_settings: RefreshSettings,
    token_mounts: TokenMounts,
    family_limit: u32,
    hook: Option<Arc<dyn TokenHook>>,
    rules: HostRules,
    audit: Arc<dyn AuditSink>,
    audit_mode: Audit,
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
            rules: self.rules,
            hashing: self.hashing,
            chosen_secrets: self.chosen_secrets,
            password_rule: self.password_rule,
            strikes: self.strikes,
            throttle: self.throttle,
            extensions: self.extensions,
            refresh_settings: self.refresh_settings,
            token_mounts: self.token_mounts,
            grant_settings: self.grant_settings,
            transport: self.transport,
            challenge: self.challenge,
            jwks_cache_control: self.jwks_cache_control.into(),
            metadata: self.metadata,
            issuer: self.issuer,
            audit: self.audit,
            audit_mode: self.audit_mode,
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
            // the server starts all the same; a sink logs what it loses
            let _ = inner.audit(now, &context, None, None, crate::audit::What::ClockBehind { mark });
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
fn metadata(issuer: &Issuer, mounted: &Mounted, token_path: &str, settings: &GrantSettings) -> Vec<u8> {
    // without a user's grant on the wire there is nothing to refresh and nothing that a public client could ask for
    let for_users = settings.password || !settings.extensions.is_empty();
    let grants = settings.grant_types().filter(|grant| settings.can_refresh || *grant != GrantTypes::REFRESH_TOKEN);
    let methods = [AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost, AuthMethod::None];
    let methods = methods.into_iter().filter(|method| for_users || *method != AuthMethod::None);
    let document = Metadata {
        issuer: issuer.as_str(),
        token_endpoint: mounted.public_url(token_path),
        jwks_uri: mounted.url(Endpoint::Jwks).unwrap_or_default(),
        response_types_supported: Vec::new(),
        grant_types_supported: grants.collect(),
        token_endpoint_auth_methods_supported: methods.map(AuthMethod::as_str).collect(),
    };
    serde_json::to_vec(&document).unwrap_or_default()
}
