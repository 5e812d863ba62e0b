//! The authorization server: the thin shell that reads the clock, asks the stores and calls the pure parts in order.

mod administration;
mod builder;
mod client_spec;
mod clients;
mod clock;
mod configured;
mod explain;
mod host;
mod in_flight;
mod issue;
mod keys;
mod lint;
mod mistakes;
mod passwords;
mod restore;
mod throttle;
mod transport;

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use self::administration::{NewSecret, RotateSecretError, SetActiveError};
pub use self::builder::{Builder, Danger, ResourceSettings};
pub use self::client_spec::ClientSpec;
pub use self::clients::{EnsureClientError, EnsuredClient, Registration};
pub(crate) use self::clock::ServerClock;
pub use self::configured::{ConfigErrors, Configured, StartError};
pub use self::host::{Health, Issued, Maintained};
use self::in_flight::InFlight;
pub(crate) use self::issue::{Given, GivenRefresh};
pub use self::keys::{KeyInfo, Keys};
pub use self::lint::Advice;
pub use self::passwords::HashPasswordError;
use self::passwords::{PasswordRule, Strikes};
pub use self::restore::Restored;
use self::throttle::Throttle;
use self::transport::TransportRule;
use crate::audit::{Audit, AuditSink, Event, What, Who};
use crate::context::{CorrelationIds, RequestContext};
use crate::dialect::TokenMounts;
use crate::endpoint::{self, Endpoint};
use crate::error::{Error, Fault};
use crate::grant::extension::Extension;
use crate::grant::{Around, GrantSettings, ValidatedGrant};
use crate::keys::{KeyChange, Keyring};
use crate::password::HashingPool;
use crate::policy::HostRules;
use crate::random::Entropy;
use crate::store::{Stores, TokenProfile};
use crate::time::Clock;
use crate::token::access_token::{self, MintSettings, Minted};
use crate::token::refresh_token::RefreshSettings;
use crate::token::{FactsRequest, HostFacts, TokenAdditions, TokenHook, TokenVerifier};
use crate::types::{Audience, ClientId, Issuer, Subject, Timestamp};
use crate::wire::{Request, Response};

/// An OAuth 2.0 authorization server for one issuer. Cheap to clone; every clone is the same server.
#[derive(Clone)]
pub struct AuthorizationServer {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) stores: Stores,
    pub(crate) keys: Arc<Keyring>,
    hook: Option<Arc<dyn TokenHook>>,
    rules: HostRules,
    pub(crate) hashing: HashingPool,
    pub(crate) chosen_secrets: bool,
    password_rule: PasswordRule,
    pub(crate) strikes: Strikes,
    pub(crate) throttle: Throttle,
    pub(crate) grant_settings: GrantSettings,
    pub(crate) extensions: Vec<Extension>,
    pub(crate) refresh_settings: RefreshSettings,
    pub(crate) token_mounts: TokenMounts,
    pub(crate) transport: TransportRule,
    pub(crate) challenge: String,
    pub(crate) jwks_cache_control: Cow<'static, str>,
    pub(crate) metadata: Vec<u8>,
    pub(crate) issuer: Issuer,
    audit: Arc<dyn AuditSink>,
    audit_mode: Audit,
    pub(crate) clock: Arc<ServerClock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    mint_settings: MintSettings,
    endpoints: endpoint::Mounted,
    family_limit: u32,
    correlation: CorrelationIds,
    in_flight: InFlight,
    maintenance_leased: AtomicBool,
}

impl AuthorizationServer {
    /// The largest request body that an adapter should read, in bytes: 64 KiB.
    pub const BODY_LIMIT: usize = 64 * 1024;

    /// This server's name.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.inner.issuer
    }

    /// What to mount where; paths are absolute from the origin.
    pub fn endpoints(&self) -> impl Iterator<Item = (Endpoint, &str)> {
        self.inner.endpoints.iter()
    }

    /// Answers a request to one of the endpoints.
    ///
    /// Dropping the future between two store calls can leave a spent credential without an answer: run it on a task
    /// that a disconnect cannot cancel, as `oauth-http-actix` does.
    pub async fn handle(&self, endpoint: Endpoint, request: &Request) -> Response {
        let server = &*self.inner;
        let now = server.clock.now();
        let context = server.context(request);
        let Some(_busy) = server.in_flight.enter() else {
            let error = Error::Fault(Fault::ShuttingDown);
            return endpoint::token::answer::Answers::standard(server, &context).error(&error);
        };
        match endpoint {
            Endpoint::Jwks => endpoint::jwks::respond(server, request, now).await,
            Endpoint::Metadata => endpoint::metadata::respond(server, request),
            Endpoint::Token => endpoint::token::respond(server, request, &context, now).await,
        }
    }

    /// A verifier in this process for tokens of this server: it knows opaque tokens, revocations and revoked keys.
    #[must_use]
    pub fn verifier(&self, audience: Audience, profile: TokenProfile) -> TokenVerifier {
        let server = &*self.inner;
        TokenVerifier::in_process(
            server.issuer.as_str(),
            audience,
            profile,
            Arc::clone(&server.keys),
            Arc::clone(&server.stores.grants),
            Arc::clone(&server.clock),
        )
    }

    /// Whether a request to a protected resource came in a way that may carry a token; the rule of the endpoints.
    ///
    /// # Errors
    /// [`Refusal::ClearTransport`](crate::Refusal::ClearTransport), answered 400.
    pub fn require_private(&self, request: &Request) -> Result<(), crate::Refusal> {
        self.inner.transport.require_private(request)
    }

    /// Waits for the requests that are being answered, refuses new ones with 503, and has the grant store finish what
    /// it accepted. Repeating it is harmless.
    pub async fn shutdown(&self) {
        self.inner.in_flight.close().await;
        self.inner.stores.grants.close().await;
    }

    /// The right to run the maintenance loop, for one holder at a time; given back when dropped.
    #[must_use]
    pub fn maintenance_lease(&self) -> Option<MaintenanceLease> {
        let free = self.inner.maintenance_leased.compare_exchange(false, true, Ordering::AcqRel, Ordering::Acquire);
        free.is_ok().then(|| MaintenanceLease { server: self.clone() })
    }

    /// How many Argon2id hashes were computed; for tests and metrics.
    #[must_use]
    pub fn password_hashes(&self) -> u64 {
        self.inner.hashing.computed()
    }
}

impl fmt::Debug for AuthorizationServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationServer").field("issuer", &self.inner.issuer).finish_non_exhaustive()
    }
}

/// See [`AuthorizationServer::maintenance_lease`].
#[derive(Debug)]
pub struct MaintenanceLease {
    server: AuthorizationServer,
}

impl Drop for MaintenanceLease {
    fn drop(&mut self) {
        self.server.inner.maintenance_leased.store(false, Ordering::Release);
    }
}

impl Inner {
    fn context(&self, request: &Request) -> RequestContext {
        RequestContext::of(request, self.transport.client_address(request), self.correlation.next())
    }

    /// What the host knows of a request, if it has a hook.
    pub(crate) async fn facts(&self, context: &RequestContext, asked: &FactsRequest<'_>) -> Result<HostFacts, Fault> {
        match &self.hook {
            Some(hook) => hook.facts(context, asked).await.map_err(Fault::Hook),
            None => Ok(HostFacts::new()),
        }
    }

    /// What a grant is decided with beside its own facts.
    pub(crate) const fn around<'a>(&'a self, host: &'a HostFacts, peer: Option<IpAddr>, now: Timestamp) -> Around<'a> {
        Around { settings: &self.grant_settings, rules: &self.rules, host, peer, now }
    }

    /// What the host adds to a token, if it has a hook.
    pub(crate) async fn additions(
        &self,
        context: &RequestContext,
        grant: &ValidatedGrant,
        facts: &HostFacts,
    ) -> Result<TokenAdditions, Fault> {
        let mut additions = TokenAdditions::default();
        if let Some(hook) = &self.hook {
            hook.additions(context, grant, facts, &mut additions).await.map_err(Fault::Hook)?;
        }
        Ok(additions)
    }

    /// Signs with keys that are at most [`CACHE_AGE`](crate::keys::CACHE_AGE) old.
    pub(crate) async fn mint(
        &self,
        grant: &ValidatedGrant,
        additions: &TokenAdditions,
        now: Timestamp,
    ) -> Result<Minted, Fault> {
        let keys = self.keys.fresh(now).await?;
        access_token::mint(grant, additions, &self.mint_settings, &keys, self.entropy.as_ref(), now).await
    }

    /// The extension grant with this `grant_type`.
    pub(crate) fn extension(&self, grant_type: &str) -> Option<&Extension> {
        self.extensions.iter().find(|extension| extension.grant.grant_type() == grant_type)
    }

    /// Whether an extension grant reads a parameter of this name.
    pub(crate) fn reads_parameter(&self, name: &str) -> bool {
        self.extensions.iter().any(|extension| extension.grant.parameters().contains(&name))
    }

    /// Whether the trail takes events now, where it is required: asked before anything is spent.
    ///
    /// # Errors
    /// [`Fault::AuditLost`].
    pub(crate) fn require_trail(&self) -> Result<(), Fault> {
        match self.audit_mode {
            Audit::Required => self.audit.ready().map_err(|_| Fault::AuditLost),
            Audit::BestEffort => Ok(()),
        }
    }

    /// Tells the audit trail.
    ///
    /// # Errors
    /// [`Fault::AuditLost`] where the trail is required and the event is lost.
    pub(crate) fn audit(
        &self,
        at: Timestamp,
        context: &RequestContext,
        client: Option<ClientId>,
        subject: Option<Subject>,
        what: What,
    ) -> Result<(), Fault> {
        self.audit_who(at, context, Who { client, subject, ..Who::default() }, what)
    }

    /// Tells the audit trail why a request got no 200.
    ///
    /// # Errors
    /// As [`audit`](Self::audit).
    pub(crate) fn audit_error(
        &self,
        error: &Error,
        who: Who,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let what = match error {
            Error::Refused(refusal) => What::Refused(*refusal),
            Error::Fault(fault) => What::Faulted { fault: fault.id(), detail: fault.to_string() },
        };
        self.audit_who(now, context, who, what)
    }

    fn audit_who(&self, at: Timestamp, context: &RequestContext, who: Who, what: What) -> Result<(), Fault> {
        let (correlation_id, peer) = (context.correlation_id, context.peer);
        let Who { client, subject, login, scope } = who;
        let recorded = self.audit.record(&Event { at, correlation_id, peer, client, subject, login, scope, what });
        match (recorded, self.audit_mode) {
            (Err(_), Audit::Required) => Err(Fault::AuditLost),
            // the sink counts and logs what it loses
            (Err(_), Audit::BestEffort) | (Ok(()), _) => Ok(()),
        }
    }

    fn audit_keys(&self, changes: Vec<KeyChange>, now: Timestamp) {
        let context = RequestContext::internal(self.correlation.next());
        for KeyChange { kid, state } in changes {
            // the keys are changed, whether the trail took it or not; a sink logs what it loses
            let _ = self.audit(now, &context, None, None, What::KeyChanged { kid, state });
        }
    }
}
