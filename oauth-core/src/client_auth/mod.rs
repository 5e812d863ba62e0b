//! Who is asking: exactly one mechanism, the registered one, at the same cost for every failure (RFC 6749 §2.3).

mod credentials;
mod secret;

use std::sync::Arc;

pub(crate) use self::credentials::Credentials;
pub(crate) use self::secret::{hash_chosen, match_generated};
use crate::context::RequestContext;
use crate::error::{Error, Fault, Refusal};
use crate::policy;
use crate::server::Inner;
use crate::store::{AuthMethod, Binding, Client, ClientSecretRecord};
use crate::types::{ClientId, Timestamp};

/// Proof that whoever asks is who it says: made by client authentication only.
#[derive(Debug, Clone)]
pub struct Authenticated<T> {
    who: Arc<T>,
    binding: Binding,
}

impl<T> Authenticated<T> {
    /// Who.
    #[must_use]
    pub fn who(&self) -> &T {
        &self.who
    }

    pub(crate) fn shared(&self) -> Arc<T> {
        Arc::clone(&self.who)
    }

    /// The key that was proved with the request.
    #[must_use]
    pub const fn binding(&self) -> Binding {
        self.binding
    }
}

/// Authenticates the client that the credentials name; `claimed` is that name where it is a lawful one.
///
/// Judged in this order, answered as one: exists, secret, registered method, active, secret not expired, network.
/// Every failure costs one look-up and one SHA-256, and one Argon2id where chosen secrets are switched on.
pub(crate) async fn authenticate(
    server: &Inner,
    credentials: &Credentials<'_>,
    claimed: Option<&ClientId>,
    context: &RequestContext,
    now: Timestamp,
) -> Result<Authenticated<Client>, Error> {
    let found = match claimed {
        Some(id) => server.stores.clients.find(id).await?,
        None => None,
    };
    let secrets = found.as_deref().map_or(&[][..], |client| &client.secrets);
    let matched = match credentials.secret() {
        Some(secret) => match_secret(server, secret, secrets).await?,
        None => {
            match_secret(server, "", &[]).await?;
            None
        }
    };
    let client = found.ok_or(Refusal::ClientUnknown)?;
    if credentials.method() != AuthMethod::None && matched.is_none() {
        return Err(Refusal::ClientSecretWrong.into());
    }
    if !client.auth_methods.contains(credentials.method()) {
        return Err(Refusal::ClientMethod.into());
    }
    if !client.active {
        return Err(Refusal::ClientInactive.into());
    }
    if matched.is_some_and(|at| client.secrets.get(at).is_none_or(|secret| is_expired(secret, now))) {
        return Err(Refusal::ClientSecretExpired.into());
    }
    if !policy::network::admits(client.networks.as_deref(), context.peer) {
        return Err(Refusal::ClientNetwork.into());
    }
    Ok(Authenticated { who: client, binding: Binding::None })
}

/// The place of the secret that matches: one SHA-256 compared with all, then one Argon2id where the server has it on
/// and no generated secret matched.
async fn match_secret(server: &Inner, presented: &str, secrets: &[ClientSecretRecord]) -> Result<Option<usize>, Fault> {
    if let Some(at) = match_generated(presented, secrets) {
        return Ok(Some(at));
    }
    match &server.chosen_secrets {
        Some(pool) => secret::match_chosen(pool, presented, secrets).await,
        None => Ok(None),
    }
}

fn is_expired(secret: &ClientSecretRecord, now: Timestamp) -> bool {
    secret.expires_at.is_some_and(|end| now >= end)
}
