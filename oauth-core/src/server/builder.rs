//! The settings of a server: required things are arguments, everything else has a default.

mod check;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::AuthorizationServer;
use crate::audit::{Audit, AuditSink, TracingSink};
use crate::dialect::TokenMount;
use crate::endpoint::Endpoints;
use crate::grant::{ExtensionGrant, ExtensionSettings};
use crate::jose::Alg;
use crate::keys::{ImportedKey, KeyNaming, ProvidedKey, RsaSize, Sealing, SealingKeys, Signer};
use crate::policy::Policy;
use crate::policy::scope::ScopeMode;
use crate::random::{Entropy, SystemEntropy};
use crate::store::{AccessTokenFormat, Stores, TokenProfile};
use crate::time::{Clock, SystemClock};
use crate::token::TokenHook;
use crate::types::{Issuer, KeyId};

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
/// | refresh tokens | rotated, a lost answer can be asked for again for 30 seconds; idle 14 days, absolute 90 days | absolute up to 366 days |
/// | id tokens | none | any algorithm |
/// | password grant | off | `.danger()` |
/// | wrong passwords of an account | 10 within 15 minutes are heard | 1 to 100 |
/// | length of new passwords | 8 characters | 8 up |
/// | failures from one address for one client | 100 a minute, then 429 | 1 up |
/// | dialects | RFC 6749 | [`TokenMount`] |
/// | rules of the host's own | none | [`policy`](Self::policy) |
/// | chosen client secrets | refused | |
/// | requests in clear | loopback only | behind declared proxies |
/// | audit | `tracing`, target `oauth::audit`; a lost event stops nothing | any [`AuditSink`], [`Audit::Required`] |
pub struct Builder {
    pub(super) issuer: Issuer,
    pub(super) stores: Stores,
    pub(super) sealing: Sealing,
    pub(super) endpoints: Endpoints,
    pub(super) format: AccessTokenFormat,
    pub(super) lifetime: Duration,
    pub(super) algorithms: Vec<Alg>,
    pub(super) scope_mode: ScopeMode,
    pub(super) resources: Vec<(String, ResourceSettings)>,
    pub(super) opaque_prefix: String,
    pub(super) naming: KeyNaming,
    pub(super) rsa_size: RsaSize,
    pub(super) announce: Duration,
    pub(super) sign: Duration,
    pub(super) jwks_max_age: Duration,
    pub(super) provided: Vec<ProvidedKey>,
    pub(super) chosen_secrets: bool,
    pub(super) hashing_threads: Option<usize>,
    pub(super) family_limit: u32,
    pub(super) idle: Duration,
    pub(super) absolute: Duration,
    pub(super) refresh_prefix: String,
    pub(super) password_grant: bool,
    pub(super) static_for_public: bool,
    pub(super) id_tokens: Option<Alg>,
    pub(super) extensions: Vec<(Arc<dyn ExtensionGrant>, ExtensionSettings)>,
    pub(super) token_mounts: Vec<TokenMount>,
    pub(super) strikes: (u32, Duration),
    pub(super) password_floor: usize,
    pub(super) blocked_passwords: Vec<String>,
    pub(super) failures_per_minute: u32,
    pub(super) audit_mode: Audit,
    pub(super) proxies: Vec<String>,
    pub(super) address_header: String,
    pub(super) plain_http: bool,
    pub(super) hook: Option<Arc<dyn TokenHook>>,
    pub(super) policies: Vec<Arc<dyn Policy>>,
    pub(super) audit: Arc<dyn AuditSink>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
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
            idle: Duration::from_secs(14 * 24 * 3600),
            absolute: Duration::from_secs(90 * 24 * 3600),
            refresh_prefix: String::new(),
            password_grant: false,
            static_for_public: false,
            id_tokens: None,
            extensions: Vec::new(),
            token_mounts: Vec::new(),
            strikes: (10, Duration::from_secs(15 * 60)),
            password_floor: 8,
            blocked_passwords: Vec::new(),
            failures_per_minute: 100,
            audit_mode: Audit::BestEffort,
            proxies: Vec::new(),
            address_header: "x-forwarded-for".to_owned(),
            plain_http: false,
            hook: None,
            policies: Vec::new(),
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

    /// How long a family of refresh tokens may lie idle, and how long it may live, unless the client says otherwise.
    /// Whole seconds; default 14 and 90 days; at most 366 days.
    #[must_use]
    pub const fn refresh_lifetimes(mut self, idle: Duration, absolute: Duration) -> Self {
        self.idle = idle;
        self.absolute = absolute;
        self
    }

    /// Begins refresh tokens with this text, so that leaked ones can be scanned for. At most 32 of `A-Z a-z 0-9 _ -`.
    /// Another text than before makes every refresh token that was given until then unknown.
    #[must_use]
    pub fn refresh_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.refresh_prefix = prefix.into();
        self
    }

    /// Gives users' grants that include `openid` an id token signed with this algorithm.
    #[must_use]
    pub const fn id_tokens(mut self, alg: Alg) -> Self {
        self.id_tokens = Some(alg);
        self
    }

    /// Adds a grant of the host's own (RFC 6749 §4.5). Clients must list its `grant_type` too.
    #[must_use]
    pub fn extension_grant(mut self, grant: Arc<dyn ExtensionGrant>, settings: ExtensionSettings) -> Self {
        self.extensions.push((grant, settings));
        self
    }

    /// Replaces the standard token endpoint by these; metadata names the first that speaks RFC 6749. With dialects that are not RFC 6749's,
    /// for clients that exist and cannot be changed.
    #[must_use]
    pub fn token_mounts(mut self, mounts: impl IntoIterator<Item = TokenMount>) -> Self {
        self.token_mounts = mounts.into_iter().collect();
        self
    }

    /// How many wrong passwords of one account are heard within a window; more are refused unheard, the right one too.
    /// Default 10 within 15 minutes; 1 to 100, whole seconds.
    #[must_use]
    pub const fn password_strikes(mut self, limit: u32, window: Duration) -> Self {
        self.strikes = (limit, window);
        self
    }

    /// How many characters a password must have when it is set. Default and least: 8.
    #[must_use]
    pub const fn password_floor(mut self, characters: usize) -> Self {
        self.password_floor = characters;
        self
    }

    /// Passwords that may not be set, because everybody tries them.
    #[must_use]
    pub fn blocked_passwords<T: Into<String>>(mut self, passwords: impl IntoIterator<Item = T>) -> Self {
        self.blocked_passwords = passwords.into_iter().map(Into::into).collect();
        self
    }

    /// How many failures a minute one address may have with one client, and ten times as many with all; then 429
    /// before anything is hashed. Counted in this process. Default 100.
    #[must_use]
    pub const fn failures_per_minute(mut self, failures: u32) -> Self {
        self.failures_per_minute = failures;
        self
    }

    /// What a lost audit event means. Default: nothing for the request.
    #[must_use]
    pub const fn audit_mode(mut self, mode: Audit) -> Self {
        self.audit_mode = mode;
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

    /// Loads the host's facts and adds its claims, for every token. Default: nothing.
    #[must_use]
    pub fn token_hook(mut self, hook: Arc<dyn TokenHook>) -> Self {
        self.hook = Some(hook);
        self
    }

    /// Adds a rule of the host's own, asked for every token of every grant. It can only take away; the order in which
    /// rules are added does not matter.
    #[must_use]
    pub fn policy(mut self, rule: Arc<dyn Policy>) -> Self {
        self.policies.push(rule);
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

    /// Lets clients that are registered for it send a user's name and password (RFC 6749 §4.3): whoever runs such a
    /// client, or breaks into it, reads every password that goes through it, and users learn to type theirs anywhere.
    #[must_use]
    pub fn password_grant(self) -> Builder {
        Builder { password_grant: true, ..self.0 }
    }

    /// Lets public clients be registered with refresh tokens that stay: whoever steals one uses it beside its owner
    /// until it ends, and nobody notices (RFC 9700 §4.14.2).
    #[must_use]
    pub fn legacy_static_refresh_of_public_clients(self) -> Builder {
        Builder { static_for_public: true, ..self.0 }
    }

    /// Keeps private keys in clear in the key store: whoever reads a backup signs tokens in this server's name.
    #[must_use]
    pub fn unsealed_keys(self) -> Builder {
        Builder { sealing: Sealing::Unsealed, ..self.0 }
    }
}
