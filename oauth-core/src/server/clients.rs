//! Registers clients at start-up, as often as the host likes.

use std::sync::Arc;

use super::configured::ConfigErrors;
use super::{AuthorizationServer, ClientSpec, Inner};
use crate::audit::What;
use crate::client_auth::{hash_chosen, match_chosen};
use crate::context::RequestContext;
use crate::error::Fault;
use crate::store::{Client, ClientRegistry, ClientSecretRecord, Register, SecretHash, UpdateClient};
use crate::time::Clock as _;
use crate::types::{ClientId, ClientSecret, KeyId, Subject, Timestamp};

/// How often a registration that another node raced is tried again.
const TRIES: usize = 4;

/// A client that is registered as its [`ClientSpec`] says.
#[derive(Debug)]
pub struct EnsuredClient {
    /// The record.
    pub client: Arc<Client>,
    /// The secret, only when this call made it: it is kept as a digest and cannot be shown again.
    pub secret: Option<ClientSecret>,
    /// What this call did.
    pub registration: Registration,
}

/// What [`ensure_client`](AuthorizationServer::ensure_client) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// There was no such client.
    Made,
    /// It was there and differed; secrets and the active flag stayed as they were.
    Changed,
    /// It was there, just so.
    Unchanged,
}

/// Why a client could not be registered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnsureClientError {
    /// The spec is wrong.
    #[error(transparent)]
    Spec(#[from] ConfigErrors),
    /// The clients come from a store that cannot be written.
    #[error("the client store has no registry; register the client where its clients come from")]
    NoRegistry,
    /// The client has a chosen secret and the server does not take those.
    #[error(
        "client `{0}` has a chosen secret; drop `.chosen_secret` and use the generated one, or switch chosen secrets \
         on with `.with_chosen_client_secrets()` on the builder"
    )]
    ChosenSecretsOff(String),
    /// The client is registered with another secret than the spec's chosen one.
    #[error(
        "client `{0}` is registered with another secret than the chosen one of its spec, and a secret that exists is \
         never replaced; drop `.chosen_secret`, or remove the client first"
    )]
    ChosenSecretDiffers(String),
    /// A user has this name as subject: tokens of the one would read as tokens of the other (RFC 9700 §4.15).
    #[error("`{0}` is the subject of a user, so no client can have it as its id; choose another id")]
    IsSubject(String),
    /// Other nodes kept changing the client.
    #[error("client `{0}` was changed by another node at the same time; try again")]
    Moved(String),
    /// We failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl AuthorizationServer {
    /// Makes sure that a client is registered as the spec says: makes it, changes it or leaves it.
    ///
    /// For start-up: call it with the same spec every time, on any number of nodes at once. The secret is in the
    /// answer only when this call made the client; a secret that exists is never replaced, and a client that an
    /// operator made inactive stays so.
    ///
    /// # Errors
    /// [`EnsureClientError`]; every mistake of the spec at once.
    pub async fn ensure_client(&self, spec: ClientSpec) -> Result<EnsuredClient, EnsureClientError> {
        let server = &*self.inner;
        let _busy = server.in_flight.enter().ok_or(Fault::ShuttingDown)?;
        let now = server.clock.now();
        let wanted = spec.check(&server.grant_settings, server.keys.algorithms(), now)?;
        if spec.chosen_secret.is_some() && !server.chosen_secrets {
            return Err(EnsureClientError::ChosenSecretsOff(spec.id));
        }
        let registry = server.stores.registry.as_deref().ok_or(EnsureClientError::NoRegistry)?;
        for _ in 0..TRIES {
            let done = match server.stores.clients.find(&wanted.id).await.map_err(Fault::from)? {
                None => {
                    server.refuse_subject_as_client(&wanted.id).await?;
                    server.register(registry, &spec, wanted.clone(), now).await?
                }
                Some(held) => {
                    server.require_chosen(&spec, &held, now).await?;
                    server.bring_up_to_date(registry, &spec, held, &wanted).await?
                }
            };
            if let Some(done) = done {
                if done.registration != Registration::Unchanged {
                    let context = RequestContext::internal(server.correlation.next());
                    let what = What::ClientRegistered { version: done.client.version };
                    // the secret is shown this once, whether the trail took the event or not; a sink logs what it loses
                    let _ = server.audit(now, &context, Some(done.client.id.clone()), None, what);
                }
                return Ok(done);
            }
        }
        Err(EnsureClientError::Moved(spec.id))
    }
}

impl Inner {
    async fn refuse_subject_as_client(&self, id: &ClientId) -> Result<(), EnsureClientError> {
        let Ok(subject) = Subject::parse(id.as_str()) else { return Ok(()) };
        match self.stores.users.find_by_subject(&subject).await.map_err(Fault::from)? {
            Some(_) => Err(EnsureClientError::IsSubject(id.to_string())),
            None => Ok(()),
        }
    }

    /// Registers the client with a fresh secret; `None` when somebody else was first.
    async fn register(
        &self,
        registry: &dyn ClientRegistry,
        spec: &ClientSpec,
        mut client: Client,
        now: Timestamp,
    ) -> Result<Option<EnsuredClient>, Fault> {
        let mut secret = None;
        if client.is_confidential() {
            secret = self.give_secret(spec, &mut client, now).await?;
        }
        Ok(match registry.register(client.clone()).await? {
            Register::Registered => {
                Some(EnsuredClient { client: Arc::new(client), secret, registration: Registration::Made })
            }
            Register::Taken => None,
        })
    }

    /// Adds the client's first secret; answers what may be shown of it.
    async fn give_secret(
        &self,
        spec: &ClientSpec,
        client: &mut Client,
        now: Timestamp,
    ) -> Result<Option<ClientSecret>, Fault> {
        let (hash, shown) = self.make_secret(spec).await?;
        let id = KeyId::parse("1").map_err(|error| Fault::Signing(error.to_string()))?;
        client.secrets.push(ClientSecretRecord { id, hash, created_at: now, expires_at: None });
        Ok(shown)
    }

    /// Refuses a spec whose chosen secret is none of the client's that are good now.
    async fn require_chosen(&self, spec: &ClientSpec, held: &Client, now: Timestamp) -> Result<(), EnsureClientError> {
        let Some(chosen) = &spec.chosen_secret else { return Ok(()) };
        let good = |secret: &&ClientSecretRecord| secret.expires_at.is_none_or(|end| now < end);
        let secrets: Vec<_> = held.secrets.iter().filter(good).cloned().collect();
        if held.secrets.is_empty() || match_chosen(&self.hashing, chosen.expose(), &secrets).await?.is_some() {
            return Ok(());
        }
        Err(EnsureClientError::ChosenSecretDiffers(spec.id.clone()))
    }

    async fn make_secret(&self, spec: &ClientSpec) -> Result<(SecretHash, Option<ClientSecret>), Fault> {
        if let Some(chosen) = &spec.chosen_secret {
            let mut salt = [0; 16];
            self.entropy.fill(&mut salt)?;
            return Ok((SecretHash::Chosen(hash_chosen(&self.hashing, chosen.expose(), &[], salt).await?), None));
        }
        let (digest, secret) = self.generate_secret()?;
        Ok((SecretHash::Generated(digest), Some(secret)))
    }

    /// Replaces the record when it differs from the spec; `None` when somebody else did meanwhile.
    async fn bring_up_to_date(
        &self,
        registry: &dyn ClientRegistry,
        spec: &ClientSpec,
        held: Arc<Client>,
        wanted: &Client,
    ) -> Result<Option<EnsuredClient>, Fault> {
        // what a spec cannot say stays as it is
        let mut next = wanted.clone();
        next.redirect_uris.clone_from(&held.redirect_uris);
        next.version = held.version;
        next.active = held.active;
        // a client that becomes public has none; becoming confidential again, it gets a new one
        if next.is_confidential() {
            next.secrets.clone_from(&held.secrets);
        }
        next.created_at = held.created_at;
        next.updated_at = held.updated_at;
        if next == *held {
            return Ok(Some(EnsuredClient { client: held, secret: None, registration: Registration::Unchanged }));
        }
        next.version = held.version.saturating_add(1);
        next.updated_at = wanted.updated_at;
        let mut secret = None;
        if next.is_confidential() && next.secrets.is_empty() {
            secret = self.give_secret(spec, &mut next, wanted.updated_at).await?;
        }
        Ok(match registry.update(next.clone(), held.version).await? {
            UpdateClient::Updated => {
                Some(EnsuredClient { client: Arc::new(next), secret, registration: Registration::Changed })
            }
            UpdateClient::Stale | UpdateClient::Unknown => None,
        })
    }
}
