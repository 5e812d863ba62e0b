//! Clients: what was registered, and the traits that find and administer it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use ipnet::IpNet;

use super::error::StoreError;
use super::user::PasswordHash;
use crate::jose::Alg;
use crate::types::{Audience, ClientId, KeyId, Lifetime, ResourceUri, Scope, SecretDigest, Subject, Timestamp};

/// Finds clients; all that the protocol needs.
///
/// May be slow (a client id can be a URL that is fetched); the core never calls it inside a transaction. It compares
/// no secrets: the core does, all of them, in constant time.
#[async_trait]
pub trait ClientStore: fmt::Debug + Send + Sync {
    /// The client with exactly this id, active or not; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be known. Never `None` for an outage.
    async fn find(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError>;
}

/// Administers clients. Optional: clients may come from a file.
#[async_trait]
pub trait ClientRegistry: fmt::Debug + Send + Sync {
    /// Stores a new client **iff** no client has this id. [`Client::version`] is stored as given.
    ///
    /// # Errors
    /// [`StoreError`]; then the client is stored whole or not at all.
    async fn register(&self, client: Client) -> Result<Register, StoreError>;

    /// Replaces the whole record **iff** the stored version is `expected`.
    ///
    /// # Errors
    /// [`StoreError`]; then the record is the old or the new one, whole.
    async fn update(&self, client: Client, expected: u64) -> Result<UpdateClient, StoreError>;

    /// Up to `limit` clients in byte order of their ids, after `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn page(&self, after: Option<&ClientId>, limit: u32) -> Result<Vec<Arc<Client>>, StoreError>;

    /// Removes the client. What it was issued is ended by a [`Cutoff`](super::Cutoff), not by this.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn deregister(&self, id: &ClientId) -> Result<Deregister, StoreError>;
}

/// Answer of [`ClientRegistry::register`].
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Register {
    /// Stored.
    Registered,
    /// The id is taken; nothing changed.
    Taken,
}

/// Answer of [`ClientRegistry::update`].
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateClient {
    /// Replaced.
    Updated,
    /// Somebody else replaced it before; nothing changed.
    Stale,
    /// No such client.
    Unknown,
}

/// Answer of [`ClientRegistry::deregister`].
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deregister {
    /// Removed.
    Removed,
    /// No such client.
    Unknown,
}

/// A registered client (RFC 6749 §2).
///
/// Made by [`ClientSpec`](crate::ClientSpec), which checks it; a store gives back what it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The id, compared byte for byte.
    pub id: ClientId,
    /// The registered name, for people. Any text; escape it when you show it.
    pub name: String,
    /// Grows by one with each update; what [`ClientRegistry::update`] compares.
    pub version: u64,
    /// Inactive clients authenticate as unknown ones do.
    pub active: bool,
    /// The methods by which this client may authenticate (RFC 6749 §2.3).
    pub auth_methods: AuthMethods,
    /// At most [`Client::MAX_SECRETS`]; all are compared at every request.
    pub secrets: Vec<ClientSecretRecord>,
    /// The grants that this client may use.
    pub grants: GrantTypes,
    /// What is granted when nothing is asked for; a subset of `scope`.
    pub default_scope: Scope,
    /// The most that can be granted.
    pub scope: Scope,
    /// Registered redirect URIs, exact text (RFC 6749 §3.1.2).
    pub redirect_uris: Vec<String>,
    /// Resources that the client may ask for (RFC 8707).
    pub resources: Vec<ResourceUri>,
    /// The `aud` of its access tokens when it asks for no resource; never empty.
    pub audience: Vec<Audience>,
    /// How its access tokens look and how long they live.
    pub access_token: AccessTokenRule,
    /// How its refresh tokens behave (RFC 9700 §4.14.2).
    pub refresh: RefreshRule,
    /// Addresses that it may authenticate from; `None` is any.
    pub networks: Option<Vec<IpNet>>,
    /// Subjects in whose name an extension grant may give it tokens; empty is nobody.
    pub acts_for: Vec<Subject>,
    /// Whether it may send JSON bodies where the server reads them.
    pub json_bodies: bool,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Room for what comes later; written and read by the core only.
    pub extra: super::Extra,
}

impl Client {
    /// The most secrets that a client can have at a time.
    pub const MAX_SECRETS: usize = 4;

    /// Whether the client can keep a secret (RFC 6749 §2.1): it authenticates with more than its name.
    #[must_use]
    pub const fn is_confidential(&self) -> bool {
        !self.auth_methods.contains(AuthMethod::None)
    }
}

/// A way to authenticate, by its registered name (RFC 7591 §2, `token_endpoint_auth_method`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthMethod {
    /// `none`: a public client, known by its id only.
    None,
    /// `client_secret_basic`: HTTP Basic (RFC 6749 §2.3.1).
    ClientSecretBasic,
    /// `client_secret_post`: `client_id` and `client_secret` in the body.
    ClientSecretPost,
}

impl AuthMethod {
    /// Every method.
    pub const ALL: [Self; 3] = [Self::None, Self::ClientSecretBasic, Self::ClientSecretPost];

    /// The registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
        }
    }

    /// From the registered name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    const fn bit(self) -> u8 {
        match self {
            Self::None => 1,
            Self::ClientSecretBasic => 2,
            Self::ClientSecretPost => 4,
        }
    }
}

/// A set of [`AuthMethod`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AuthMethods(u8);

impl AuthMethods {
    /// The set with these methods.
    #[must_use]
    pub fn of(methods: &[AuthMethod]) -> Self {
        Self(methods.iter().fold(0, |bits, method| bits | method.bit()))
    }

    /// Whether the method is in the set.
    #[must_use]
    pub const fn contains(self, method: AuthMethod) -> bool {
        self.0 & method.bit() != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The methods of the set, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = AuthMethod> {
        AuthMethod::ALL.into_iter().filter(move |method| self.contains(*method))
    }
}

/// One secret of a client, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSecretRecord {
    /// Names the secret among the client's own, for rotation and audit.
    pub id: KeyId,
    /// What is kept of it.
    pub hash: SecretHash,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it authenticates nobody; `None` is never.
    pub expires_at: Option<Timestamp>,
}

/// What is kept of a client secret.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretHash {
    /// A secret that this server generated with 256 bits: one SHA-256.
    Generated(SecretDigest),
    /// A secret that a person chose: an Argon2id hash in PHC string format.
    Chosen(PasswordHash),
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Generated(_) => "Generated(..)",
            Self::Chosen(_) => "Chosen(..)",
        })
    }
}

/// The set of grants that a client may use, by the `grant_type` values of its registration.
///
/// Values are kept as text because extension grants bring their own (RFC 6749 §4.5).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GrantTypes(Vec<String>);

impl GrantTypes {
    /// `authorization_code` (RFC 6749 §4.1).
    pub const AUTHORIZATION_CODE: &'static str = "authorization_code";
    /// `client_credentials` (RFC 6749 §4.4).
    pub const CLIENT_CREDENTIALS: &'static str = "client_credentials";
    /// `password` (RFC 6749 §4.3); RFC 9700 §2.4 says not to use it.
    pub const PASSWORD: &'static str = "password";
    /// `refresh_token` (RFC 6749 §6).
    pub const REFRESH_TOKEN: &'static str = "refresh_token";

    /// The set with these values, in this order, each once.
    pub fn of<T: Into<String>>(values: impl IntoIterator<Item = T>) -> Self {
        let mut set = Vec::new();
        for value in values.into_iter().map(Into::into) {
            if !set.contains(&value) {
                set.push(value);
            }
        }
        Self(set)
    }

    /// Whether the value is in the set; case matters.
    #[must_use]
    pub fn contains(&self, value: &str) -> bool {
        self.0.iter().any(|held| held == value)
    }

    /// The values.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How a client's access tokens look and how long they live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessTokenRule {
    /// JWT or opaque; `None` is the server's default.
    pub format: Option<AccessTokenFormat>,
    /// How long they live, within the server's bounds; `None` is the server's default.
    pub lifetime: Option<Lifetime>,
}

/// What an access token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessTokenFormat {
    /// 256 random bits, looked up on use.
    Opaque,
    /// A signed JWT that any resource server verifies by itself (RFC 9068).
    Jwt {
        /// The signature algorithm; the server must have a key for it.
        alg: Alg,
        /// What header and claims look like.
        profile: TokenProfile,
    },
}

/// What the header and claims of a JWT access token look like.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TokenProfile {
    /// `typ: at+jwt` and every claim of RFC 9068 §2.
    Rfc9068,
    /// For readers that choke on the standard; it can only leave things out.
    Legacy {
        /// The header's `typ`: `JWT`, or `None` for a header without one.
        typ: Option<LegacyTyp>,
        /// Claims of RFC 9068 to leave out. `iss`, `aud`, `exp`, `iat`, `act`, `cnf` cannot be left out, nor can `sub`
        /// of a user's token.
        omit: Vec<OptionalClaim>,
    },
}

/// The `typ` that a [`TokenProfile::Legacy`] token may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LegacyTyp {
    /// `JWT`; refused where the issuer also mints id tokens.
    Jwt,
}

/// A claim that a [`TokenProfile::Legacy`] token may leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OptionalClaim {
    /// `client_id` (RFC 8693 §4.3).
    ClientId,
    /// `jti` (RFC 7519 §4.1.7). Without it the token cannot be revoked alone.
    Jti,
    /// `scope` (RFC 8693 §4.2).
    Scope,
    /// `sub` of a client's own token (RFC 9068 §2.2 sets it to the client id).
    Sub,
}

impl OptionalClaim {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::ClientId, Self::Jti, Self::Scope, Self::Sub];

    /// The claim's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientId => "client_id",
            Self::Jti => "jti",
            Self::Scope => "scope",
            Self::Sub => "sub",
        }
    }

    /// From the claim's name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|claim| claim.as_str() == name)
    }
}

/// How a client's refresh tokens behave and how long its families live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshRule {
    /// Rotated or static.
    pub policy: RefreshPolicy,
    /// A family ends when it was idle this long; `None` is the server's default (14 days).
    pub idle: Option<Lifetime>,
    /// A family ends at this age whatever happens; `None` is the server's default (90 days).
    pub absolute: Option<Lifetime>,
}

/// Whether a refresh gives a new refresh token (RFC 9700 §4.14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshPolicy {
    /// Every use gives a successor; a lost answer can be asked for again within the window.
    Rotate {
        /// 0 to 600 seconds; 0 is the letter of RFC 9700.
        window_seconds: u16,
    },
    /// The token stays. For confidential or sender-constrained clients.
    Static,
}

impl Default for RefreshRule {
    fn default() -> Self {
        Self { policy: RefreshPolicy::Rotate { window_seconds: 30 }, idle: None, absolute: None }
    }
}
