//! Administration of a client that exists: a new secret beside the old ones, and the active flag.

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::{AuthorizationServer, Inner};
use crate::audit::What;
use crate::client_auth::hash_chosen;
use crate::context::RequestContext;
use crate::error::Fault;
use crate::store::{Client, ClientSecretRecord, Cutoff, CutoffKey, SecretHash, UpdateClient};
use crate::time::Clock as _;
use crate::types::{ClientId, ClientSecret, KeyId, Lifetime, SecretDigest, Timestamp};

/// How often a change that another node raced is tried again.
const TRIES: usize = 4;

/// A client's next secret.
pub enum NewSecret {
    /// 256 bits that the server generates and shows once.
    Generated,
    /// One that a person chose. Needs
    /// [`with_chosen_client_secrets`](crate::Builder::with_chosen_client_secrets).
    Chosen(Zeroizing<String>),
}

impl std::fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Generated => "Generated",
            Self::Chosen(_) => "Chosen([redacted])",
        })
    }
}

/// Why a client got no new secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotateSecretError {
    /// There is no such client.
    #[error("there is no client `{0}`")]
    Unknown(ClientId),
    /// The clients come from a store that cannot be written.
    #[error("the client store has no registry; change the client where its clients come from")]
    NoRegistry,
    /// A public client has no secret.
    #[error("client `{0}` is public and has no secret")]
    Public(ClientId),
    /// It has as many secrets as a client may have, and none has ended.
    #[error("client `{0}` has {max} secrets that are still good; wait until one ends", max = Client::MAX_SECRETS)]
    TooMany(ClientId),
    /// The server does not take chosen secrets, or this one is empty or not printable ASCII.
    #[error(
        "the chosen secret cannot be used: it must be printable ASCII and not empty, and chosen secrets must be \
         switched on with `.with_chosen_client_secrets()` on the builder"
    )]
    Chosen,
    /// The overlap is not whole seconds, or more than a year.
    #[error("the overlap must be whole seconds, and at most a year")]
    Overlap,
    /// Other nodes kept changing the client.
    #[error("client `{0}` was changed by another node at the same time; try again")]
    Moved(ClientId),
    /// We failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a client's active flag was not set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetActiveError {
    /// There is no such client.
    #[error("there is no client `{0}`")]
    Unknown(ClientId),
    /// The clients come from a store that cannot be written.
    #[error("the client store has no registry; change the client where its clients come from")]
    NoRegistry,
    /// Other nodes kept changing the client.
    #[error("client `{0}` was changed by another node at the same time; try again")]
    Moved(ClientId),
    /// We failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl AuthorizationServer {
    /// Gives a client a new secret; those that it has go on for `overlap`, so that every instance of it can be changed
    /// over in peace. An overlap of zero ends them now. Answers the secret when the server generated it: it cannot be
    /// shown again, so it is answered also when the audit trail lost the event.
    ///
    /// # Errors
    /// [`RotateSecretError`]; then the client has the secrets that it had.
    pub async fn rotate_client_secret(
        &self,
        client: &ClientId,
        secret: NewSecret,
        overlap: Duration,
    ) -> Result<Option<ClientSecret>, RotateSecretError> {
        let server = &*self.inner;
        let _busy = server.in_flight.enter().ok_or(Fault::ShuttingDown)?;
        let registry = server.stores.registry.as_deref().ok_or(RotateSecretError::NoRegistry)?;
        let overlap = match overlap {
            Duration::ZERO => None,
            span => Some(Lifetime::try_from(span).ok().filter(|span| *span <= MAX_OVERLAP))
                .map(|span| span.ok_or(RotateSecretError::Overlap))
                .transpose()?,
        };
        let now = server.clock.now();
        for _ in 0..TRIES {
            let held = server.stores.clients.find(client).await.map_err(Fault::from)?;
            let held = held.ok_or_else(|| RotateSecretError::Unknown(client.clone()))?;
            let (next, shown, what) = server.with_secret(&held, &secret, overlap, now).await?;
            match registry.update(next, held.version).await.map_err(Fault::from)? {
                UpdateClient::Updated => {
                    let context = RequestContext::internal(server.correlation.next());
                    // the secret is shown this once, whether the trail took the event or not; a sink logs what it loses
                    let _ = server.audit(now, &context, Some(client.clone()), None, what);
                    return Ok(shown);
                }
                UpdateClient::Stale => {}
                UpdateClient::Unknown => return Err(RotateSecretError::Unknown(client.clone())),
            }
        }
        Err(RotateSecretError::Moved(client.clone()))
    }

    /// Makes a client active or inactive. An inactive client authenticates as an unknown one does, and all that it was
    /// issued is taken back; making it active again brings nothing of that back.
    ///
    /// # Errors
    /// [`SetActiveError`]. When the flag was set and taking back failed, call it again.
    pub async fn set_client_active(&self, client: &ClientId, active: bool) -> Result<(), SetActiveError> {
        let server = &*self.inner;
        let _busy = server.in_flight.enter().ok_or(Fault::ShuttingDown)?;
        let registry = server.stores.registry.as_deref().ok_or(SetActiveError::NoRegistry)?;
        for _ in 0..TRIES {
            let now = server.clock.now();
            let held = server.stores.clients.find(client).await.map_err(Fault::from)?;
            let held = held.ok_or_else(|| SetActiveError::Unknown(client.clone()))?;
            let updated = if held.active == active {
                UpdateClient::Updated
            } else {
                let version = held.version.saturating_add(1);
                let next = Client { active, version, updated_at: now, ..Client::clone(&held) };
                registry.update(next, held.version).await.map_err(Fault::from)?
            };
            match updated {
                UpdateClient::Updated => {
                    if !active {
                        // first, so that a trail that takes no event does not keep what the client holds alive
                        // and as far ahead as another node may still take it for active
                        let now = server.clock.now();
                        let at = server.stores.client_known_until(now);
                        let cutoff = Cutoff { key: CutoffKey::Client(client.clone()), at };
                        server.cut_off(cutoff, Some(client.clone()), None, now).await?;
                    }
                    let context = RequestContext::internal(server.correlation.next());
                    return Ok(server.audit(
                        now,
                        &context,
                        Some(client.clone()),
                        None,
                        What::ClientActive { active },
                    )?);
                }
                UpdateClient::Stale => {}
                UpdateClient::Unknown => return Err(SetActiveError::Unknown(client.clone())),
            }
        }
        Err(SetActiveError::Moved(client.clone()))
    }
}

/// The longest time that an old secret goes on beside a new one.
const MAX_OVERLAP: Lifetime = Lifetime::of_seconds(366 * 24 * 3_600);

impl Inner {
    /// The record with one more secret, and the others ending.
    async fn with_secret(
        &self,
        held: &Arc<Client>,
        secret: &NewSecret,
        overlap: Option<Lifetime>,
        now: Timestamp,
    ) -> Result<(Client, Option<ClientSecret>, What), RotateSecretError> {
        if !held.is_confidential() {
            return Err(RotateSecretError::Public(held.id.clone()));
        }
        let end = overlap.map_or(now, |overlap| now.plus(overlap));
        let mut next = Client::clone(held);
        next.secrets.retain(|secret| secret.expires_at.is_none_or(|end| end > now) && end > now);
        for secret in &mut next.secrets {
            secret.expires_at = Some(secret.expires_at.map_or(end, |earlier| earlier.min(end)));
        }
        if next.secrets.len() >= Client::MAX_SECRETS {
            return Err(RotateSecretError::TooMany(held.id.clone()));
        }
        let (hash, shown) = self.make_new_secret(secret, &next.secrets).await?;
        let id = free_name(&held.secrets)?;
        let others_end = (!held.secrets.is_empty()).then_some(end);
        let what = What::SecretAdded { secret: id.clone(), others_end };
        next.secrets.push(ClientSecretRecord { id, hash, created_at: now, expires_at: None });
        next.version = held.version.saturating_add(1);
        next.updated_at = now;
        Ok((next, shown, what))
    }

    async fn make_new_secret(
        &self,
        secret: &NewSecret,
        others: &[ClientSecretRecord],
    ) -> Result<(SecretHash, Option<ClientSecret>), RotateSecretError> {
        match secret {
            NewSecret::Generated => {
                let (digest, secret) = self.generate_secret()?;
                Ok((SecretHash::Generated(digest), Some(secret)))
            }
            NewSecret::Chosen(text) => {
                let lawful = !text.is_empty() && text.chars().all(crate::wire::params::is_vschar);
                if !self.chosen_secrets || !lawful {
                    return Err(RotateSecretError::Chosen);
                }
                let mut salt = [0; 16];
                self.entropy.fill(&mut salt).map_err(Fault::from)?;
                Ok((SecretHash::Chosen(hash_chosen(&self.hashing, text, others, salt).await?), None))
            }
        }
    }

    /// 256 bits as text, and what is kept of them.
    pub(super) fn generate_secret(&self) -> Result<(SecretDigest, ClientSecret), Fault> {
        let mut bytes = Zeroizing::new([0; 32]);
        self.entropy.fill(bytes.as_mut())?;
        let secret = ClientSecret::new(crate::jose::base64url(bytes.as_ref()));
        Ok((SecretDigest::of(secret.expose().as_bytes()), secret))
    }
}

/// The number after the greatest that a secret of the client has.
fn free_name(secrets: &[ClientSecretRecord]) -> Result<KeyId, Fault> {
    let greatest = secrets.iter().filter_map(|secret| secret.id.as_str().parse::<u64>().ok()).max().unwrap_or(0);
    KeyId::parse(&greatest.saturating_add(1).to_string()).map_err(|error| Fault::Signing(error.to_string()))
}
