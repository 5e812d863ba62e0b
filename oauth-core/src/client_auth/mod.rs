//! Who is asking: exactly one mechanism, the registered one, at the same cost for every failure (RFC 6749 §2.3).

mod credentials;
mod secret;

use std::sync::Arc;

pub(crate) use self::credentials::Credentials;
use self::secret::match_generated;
pub(crate) use self::secret::{hash_chosen, match_chosen};
use crate::context::RequestContext;
use crate::error::{Error, Fault, Refusal};
use crate::policy;
use crate::server::{Inner, ServerClock};
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
/// Every failure costs one look-up and one SHA-256, and one Argon2id where chosen secrets are switched on. A public
/// client that is who it says costs no Argon2id: nothing would bound how often a stranger has one computed.
///
/// A client that is kept in the process and is refused is judged once more by what the store says now: its secret may
/// have been rotated by another node.
pub(crate) async fn authenticate(
    server: &Inner,
    credentials: &Credentials<'_>,
    claimed: Option<&ClientId>,
    context: &RequestContext,
    now: Timestamp,
) -> Result<Authenticated<Client>, Error> {
    let known = match claimed {
        Some(id) => server.stores.client(id, now).await?,
        None => None,
    };
    let kept = known.as_ref().filter(|known| known.kept).map(|known| Arc::clone(&known.client));
    let verdict = verify(server, credentials, known.map(|known| known.client), context, now).await?;
    let verdict = match (verdict, kept) {
        (Err(refusal), Some(kept)) => match server.stores.client_now(&kept.id, now).await? {
            Some(client) if client == kept => Err(refusal),
            client => verify(server, credentials, client, context, now).await?,
        },
        (verdict, _) => verdict,
    };
    Ok(Authenticated { who: verdict?, binding: Binding::None })
}

/// Does the work that every verdict costs, and judges.
async fn verify(
    server: &Inner,
    credentials: &Credentials<'_>,
    found: Option<Arc<Client>>,
    context: &RequestContext,
    now: Timestamp,
) -> Result<Result<Arc<Client>, Refusal>, Fault> {
    let secrets = found.as_deref().map_or(&[][..], |client| &client.secrets);
    let (presented, secrets) = match credentials.secret() {
        Some(secret) => (secret, secrets),
        None => ("", &[][..]),
    };
    let generated = match_generated(presented, secrets);
    let hashes = server.chosen_secrets && generated.is_none() && credentials.secret().is_some();
    let matched = if hashes { match_chosen(&server.hashing, presented, secrets).await? } else { generated };
    let verdict = judge(found, credentials.method(), matched, context, now, &server.clock);
    // what is refused without a hash, a right generated secret too, costs what a wrong secret costs
    if verdict.is_err() && server.chosen_secrets && !hashes {
        let _nothing_to_match = server.hashing.verify_any(presented, Vec::new()).await?;
    }
    Ok(verdict)
}

/// The verdict, once the work is done.
fn judge(
    found: Option<Arc<Client>>,
    method: AuthMethod,
    matched: Option<usize>,
    context: &RequestContext,
    now: Timestamp,
    clock: &ServerClock,
) -> Result<Arc<Client>, Refusal> {
    let client = found.ok_or(Refusal::ClientUnknown)?;
    if method != AuthMethod::None && matched.is_none() {
        return Err(Refusal::ClientSecretWrong);
    }
    if !client.auth_methods.contains(method) {
        return Err(Refusal::ClientMethod);
    }
    if !client.active {
        return Err(Refusal::ClientInactive);
    }
    let expired = |secret: &ClientSecretRecord| is_expired(secret, clock.judging(now, secret.created_at));
    if matched.is_some_and(|at| client.secrets.get(at).is_none_or(expired)) {
        return Err(Refusal::ClientSecretExpired);
    }
    if !policy::network::admits(client.networks.as_deref(), context.peer) {
        return Err(Refusal::ClientNetwork);
    }
    Ok(client)
}

fn is_expired(secret: &ClientSecretRecord, now: Timestamp) -> bool {
    secret.expires_at.is_some_and(|end| now >= end)
}
