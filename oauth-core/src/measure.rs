//! For the workspace's own benchmarks: deciding and minting alone, apart from the rest of a request. No stability.

use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::error::{Fault, Refusal};
use crate::grant::{Around, GrantSettings, ValidatedGrant, host};
use crate::keys::local::LocalKey;
use crate::keys::schedule::KeyRules;
use crate::keys::{ImportedKey, KeyNaming, KeySet, KeySettings, RsaSize, Sealing};
use crate::policy::scope::ScopeMode;
use crate::policy::{HostRules, Trace};
use crate::random::SystemEntropy;
use crate::server::ClientSpec;
use crate::store::{
    AccessTokenFormat, AuthenticationContext, Client, KeyMaterial, KeyRecord, KeyState, KeyTimes, KeyUse, TokenProfile,
    User,
};
use crate::time::{Clock as _, SystemClock};
use crate::token::access_token::{self, MintSettings};
use crate::token::{HostFacts, TokenAdditions};
use crate::types::{AccessToken, FamilyId, Issuer, KeyId, Lifetime, Scope, Subject, Tenant, Timestamp};

/// Mints one user's access tokens with one key: from claims to finished JWT.
#[derive(Debug)]
pub struct Minter {
    grant: ValidatedGrant,
    additions: TokenAdditions,
    settings: MintSettings,
    keys: KeySet,
    entropy: SystemEntropy,
    now: Timestamp,
}

impl Minter {
    /// Opens the key and decides the grant.
    ///
    /// # Errors
    /// When the key cannot be used.
    pub fn new(key: &ImportedKey) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let now = SystemClock.now();
        let issuer = Issuer::url("https://auth.example")?;
        Ok(Self {
            grant: grant(key, now)?,
            additions: TokenAdditions::default(),
            keys: key_set(key, &issuer, now)?,
            settings: MintSettings { issuer, opaque_prefix: String::new(), id_tokens: false },
            entropy: SystemEntropy::default(),
            now,
        })
    }

    /// Mints one token. Nothing waits for a key in this process, so the first poll is the last.
    ///
    /// # Errors
    /// The [`Fault`] of the random source or the signer.
    pub fn mint(&self) -> Result<AccessToken, Fault> {
        let minting =
            access_token::mint(&self.grant, &self.additions, &self.settings, &self.keys, &self.entropy, self.now);
        match pin!(minting).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(minted) => Ok(minted?.token),
            Poll::Pending => Err(Fault::Signing("a key in this process made us wait".into())),
        }
    }
}

/// Decides what one client gets in a user's name: nothing is read, nothing minted.
#[derive(Debug)]
pub struct Decider {
    client: Arc<Client>,
    user: User,
    asked: Scope,
    settings: GrantSettings,
    rules: HostRules,
    facts: HostFacts,
    now: Timestamp,
}

impl Decider {
    /// A client with the scope `registered` that is asked for `asked`.
    ///
    /// # Errors
    /// When a scope text is malformed.
    pub fn new(registered: &str, asked: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let settings = settings(AccessTokenFormat::Opaque);
        let now = SystemClock.now();
        let client = ClientSpec::confidential("orders-app").scope(registered).audience(["https://api.example"]);
        Ok(Self {
            client: Arc::new(client.check(&settings, &[], now)?),
            user: user()?,
            asked: Scope::parse(asked)?,
            settings,
            rules: HostRules::default(),
            facts: HostFacts::new(),
            now,
        })
    }

    /// Decides once; how many bytes of scope were granted.
    ///
    /// # Errors
    /// The [`Refusal`].
    pub fn decide(&self) -> Result<usize, Refusal> {
        let auth = AuthenticationContext { auth_time: self.now, amr: Vec::new(), acr: None };
        let (settings, rules, host) = (&self.settings, &self.rules, &self.facts);
        let around = Around { settings, rules, host, peer: None, now: self.now };
        let family = FamilyId::from_bytes([7; 16]);
        let client = Arc::clone(&self.client);
        let grant = host::decide(client, &self.user, &self.asked, auth, family, &around, &mut Trace::off())?;
        Ok(grant.scope().scope().as_str().len())
    }
}

/// A user's grant, which has the most claims.
fn grant(key: &ImportedKey, now: Timestamp) -> Result<ValidatedGrant, Box<dyn Error + Send + Sync>> {
    let alg = key.alg();
    let settings = settings(AccessTokenFormat::Jwt { alg, profile: TokenProfile::Rfc9068 });
    let client = ClientSpec::confidential("orders-app").scope("orders:read").audience(["https://api.example"]);
    let client = client.check(&settings, &[alg], now)?;
    let auth = AuthenticationContext { auth_time: now, amr: Vec::new(), acr: None };
    let family = FamilyId::from_bytes([7; 16]);
    let scope = Scope::parse("orders:read")?;
    let (rules, host) = (HostRules::default(), HostFacts::new());
    let around = Around { settings: &settings, rules: &rules, host: &host, peer: None, now };
    let grant = host::decide(Arc::new(client), &user()?, &scope, auth, family, &around, &mut Trace::off());
    grant.map_err(|refusal| refusal.to_string().into())
}

fn user() -> Result<User, Box<dyn Error + Send + Sync>> {
    Ok(User { subject: Subject::parse("user-7f3a")?, active: true, scope: None, password: None })
}

fn settings(format: AccessTokenFormat) -> GrantSettings {
    GrantSettings {
        resources: Vec::new(),
        scope_mode: ScopeMode::Narrow,
        format,
        lifetime: Lifetime::of_seconds(600),
        jwt_bound: Lifetime::of_seconds(3600),
        opaque_bound: Lifetime::of_seconds(3600),
        idle: Lifetime::of_seconds(3600),
        absolute: Lifetime::of_seconds(3600),
        password: false,
        static_for_public: false,
        id_tokens: None,
        extensions: Vec::new(),
        can_refresh: false,
    }
}

fn key_set(key: &ImportedKey, issuer: &Issuer, now: Timestamp) -> Result<KeySet, Box<dyn Error + Send + Sync>> {
    let settings = KeySettings {
        issuer: issuer.clone(),
        tenant: Tenant::default_tenant(),
        algorithms: vec![key.alg()],
        naming: KeyNaming::Thumbprint,
        rsa_size: RsaSize::Bits2048,
        rules: KeyRules {
            announce: Lifetime::SECOND,
            sign: Lifetime::SECOND,
            linger: Lifetime::SECOND,
            families: Lifetime::SECOND,
        },
        sealing: Sealing::Unsealed,
        provided: Vec::new(),
        entropy: Arc::new(SystemEntropy::default()),
    };
    let public = LocalKey::from_der(key.alg(), key.der())?;
    let public = public.public();
    let kid = KeyId::parse(&public.thumbprint())?;
    let record = KeyRecord {
        issuer: issuer.as_str().to_owned(),
        usage: KeyUse::Sign(key.alg()),
        state: KeyState::Active,
        public_jwk: Some(public.to_jwk_json(&kid)),
        material: KeyMaterial::Sealed(settings.seal(key.der(), &kid)?),
        times: KeyTimes { announced_at: now, active_at: Some(now), retired_at: None, listed_until: None },
        kid,
    };
    Ok(KeySet::open(&[record], &settings, now)?)
}
