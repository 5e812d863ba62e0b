//! Who is asking: exactly one mechanism, the registered one, at the same cost for every failure (RFC 6749 §2.3).

mod credentials;
mod secret;

use std::net::IpAddr;
use std::sync::Arc;

pub(crate) use self::credentials::Credentials;
use self::secret::match_generated;
pub(crate) use self::secret::{hash_chosen, match_chosen};
use crate::context::RequestContext;
use crate::error::{Error, Fault, Refusal};
use crate::policy::{Rule, Trace, network, permission};
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

    /// Somebody who has proved nothing, for the tests of what comes after.
    #[cfg(test)]
    pub(crate) fn supposed(who: T) -> Self {
        Self { who: Arc::new(who), binding: Binding::None }
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
    let claim = Claim { method: credentials.method(), matched, peer: context.peer };
    let verdict = judge(found, claim, now, &server.clock, &mut Trace::off());
    // what is refused without a hash, a right generated secret too, costs what a wrong secret costs
    if verdict.is_err() && server.chosen_secrets && !hashes {
        let _nothing_to_match = server.hashing.verify_any(presented, Vec::new()).await?;
    }
    Ok(verdict)
}

/// What a request showed of its client, once the work is done.
struct Claim {
    method: AuthMethod,
    /// Which of the client's secrets it knows.
    matched: Option<usize>,
    peer: Option<IpAddr>,
}

fn judge(
    found: Option<Arc<Client>>,
    claim: Claim,
    now: Timestamp,
    clock: &ServerClock,
    trace: &mut Trace,
) -> Result<Arc<Client>, Refusal> {
    let Claim { method, matched, peer } = claim;
    let client = trace.judge(Rule::ClientKnown, found.ok_or(Refusal::ClientUnknown))?;
    if method != AuthMethod::None && matched.is_none() {
        return Err(Refusal::ClientSecretWrong);
    }
    let is_registered = client.auth_methods.contains(method);
    trace.judge(Rule::ClientMethod, is_registered.then_some(()).ok_or(Refusal::ClientMethod))?;
    trace.judge(Rule::ClientActive, permission::client_is_active(&client))?;
    let expired = |secret: &ClientSecretRecord| is_expired(secret, clock.judging(now, secret.created_at));
    if let Some(at) = matched {
        let lives = client.secrets.get(at).is_some_and(|secret| !expired(secret));
        trace.judge(Rule::ClientSecret, lives.then_some(()).ok_or(Refusal::ClientSecretExpired))?;
    }
    let admitted = network::admits(client.networks.as_deref(), peer);
    trace.judge(Rule::ClientNetwork, admitted.then_some(()).ok_or(Refusal::ClientNetwork))?;
    Ok(client)
}

/// The client as if it had shown, by a method that it is registered for, the secret of it that lives longest: what
/// [`explain`](crate::AuthorizationServer::explain) supposes. Everything but the secret is judged as ever, and nothing
/// is minted for it.
pub(crate) async fn suppose(
    server: &Inner,
    client: &ClientId,
    peer: Option<IpAddr>,
    now: Timestamp,
    trace: &mut Trace,
) -> Result<Authenticated<Client>, Error> {
    let found = server.stores.clients.find(client).await?;
    let client = found.as_deref();
    let method = client.and_then(|client| client.auth_methods.iter().next()).unwrap_or(AuthMethod::None);
    let secrets = client.map_or(&[][..], |client| &client.secrets);
    let end = |secret: &ClientSecretRecord| secret.expires_at.unwrap_or(Timestamp::MAX);
    let longest = secrets.iter().enumerate().max_by_key(|(_, secret)| end(secret)).map(|(at, _)| at);
    let matched = longest.filter(|_| method != AuthMethod::None);
    let who = judge(found, Claim { method, matched, peer }, now, &server.clock, trace)?;
    Ok(Authenticated { who, binding: Binding::None })
}

fn is_expired(secret: &ClientSecretRecord, now: Timestamp) -> bool {
    secret.expires_at.is_some_and(|end| now >= end)
}
