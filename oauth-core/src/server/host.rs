//! What the host asks of the server directly: tokens for users it signed in, revocation, health, maintenance.

use super::{AuthorizationServer, Inner};
use crate::audit::What;
use crate::context::RequestContext;
use crate::error::{Error, Fault, Refusal};
use crate::grant::host;
use crate::store::{
    AuthenticationContext, Cutoff, CutoffKey, Extra, FamilyRecord, Principal, Purged, RevokeFamily, RevokeToken,
    RevokedWhy, Standing, StandingQuery, StartFamily, StartOutcome,
};
use crate::time::Clock as _;
use crate::token::access_token::time_ordered;
use crate::token::{TokenAdditions, VerifiedAccess};
use crate::types::{AccessToken, ClientId, FamilyId, Lifetime, Scope, Subject, Timestamp};

/// The most rows that one round of maintenance removes.
const PURGE_BATCH: u32 = 1_000;
/// How long expired rows are kept beyond their end, for clocks that differ between nodes.
const PURGE_GRACE: Lifetime = Lifetime::of_seconds(300);

/// A token that was issued to the host itself.
#[derive(Debug)]
pub struct Issued {
    /// The token.
    pub access_token: AccessToken,
    /// What it allows.
    pub scope: Scope,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Its family: keep it beside the session, and end it at sign-out with
    /// [`revoke_family`](AuthorizationServer::revoke_family).
    pub family: FamilyId,
}

/// Whether the stores answer. Each failure is told to the operator only.
#[derive(Debug)]
pub struct Health {
    /// Whether clients can be looked up.
    pub clients: Result<(), Fault>,
    /// Whether keys can be read and every algorithm can sign.
    pub keys: Result<(), Fault>,
    /// Whether grants can be looked up.
    pub grants: Result<(), Fault>,
}

impl Health {
    /// Whether everything answers.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        self.clients.is_ok() && self.keys.is_ok() && self.grants.is_ok()
    }
}

/// What a round of maintenance did.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Maintained {
    /// How many keys came into another state.
    pub keys_changed: usize,
    /// What was purged; with `more` another round is worth while.
    pub purged: Purged,
}

impl AuthorizationServer {
    /// Issues a token to a client in the name of a user whom the host has just signed in.
    ///
    /// The same bounds hold as on the wire: client and user active, scope ∩ client ∩ user. There is no refresh token.
    ///
    /// # Errors
    /// [`Error::Refused`] when they do not allow it, [`Error::Fault`] when it cannot be done now.
    pub async fn issue(&self, subject: &Subject, client: &ClientId, scopes: &Scope) -> Result<Issued, Error> {
        let server = &*self.inner;
        let now = server.clock.now();
        let context = RequestContext::internal(server.correlation.next());
        let issued = server.issue(subject, client, scopes, &context, now).await;
        if let Err(error) = &issued {
            server.audit_error(error, Some(client.clone()), &context, now);
        }
        issued
    }

    /// Ends a family and every token of it, for example at sign-out.
    ///
    /// # Errors
    /// [`Fault::Store`].
    pub async fn revoke_family(&self, family: FamilyId) -> Result<(), Fault> {
        let server = &*self.inner;
        let now = server.clock.now();
        if let RevokeFamily::Revoked = server.stores.grants.revoke_family(&family, RevokedWhy::Host, now).await? {
            let context = RequestContext::internal(server.correlation.next());
            server.audit(now, &context, None, None, What::FamilyRevoked { family, why: RevokedWhy::Host });
        }
        Ok(())
    }

    /// Takes back everything that was issued in a user's name until now.
    ///
    /// # Errors
    /// [`Fault::Store`].
    pub async fn revoke_subject(&self, subject: &Subject) -> Result<(), Fault> {
        self.cut_off(CutoffKey::Subject(subject.clone()), None, Some(subject.clone())).await
    }

    /// Takes back everything that a client was issued until now.
    ///
    /// # Errors
    /// [`Fault::Store`].
    pub async fn revoke_client(&self, client: &ClientId) -> Result<(), Fault> {
        self.cut_off(CutoffKey::Client(client.clone()), Some(client.clone()), None).await
    }

    /// Takes back one access token, as a verifier of this server read it.
    ///
    /// # Errors
    /// [`Fault::Store`]; nothing is done for a token whose profile leaves out `jti`.
    pub async fn revoke_token(&self, token: &str, access: &VerifiedAccess) -> Result<(), Fault> {
        let server = &*self.inner;
        let revoked = if token.contains('.') {
            let Some(id) = access.id().cloned() else { return Ok(()) };
            RevokeToken::Jwt { id, expires_at: access.expires_at() }
        } else {
            RevokeToken::Opaque { digest: crate::types::TokenDigest::of(token.as_bytes()) }
        };
        server.stores.grants.revoke_token(revoked).await?;
        let context = RequestContext::internal(server.correlation.next());
        let principal = access.principal();
        let client = principal.map(|principal| principal.client().clone());
        let subject = principal.and_then(Principal::subject).cloned();
        server.audit(server.clock.now(), &context, client, subject, What::TokenRevoked);
        Ok(())
    }

    /// Asks every store something small.
    pub async fn health(&self) -> Health {
        let server = &*self.inner;
        let now = server.clock.now();
        let Ok(client) = ClientId::parse("health") else {
            return Health { clients: Ok(()), keys: Ok(()), grants: Ok(()) };
        };
        let clients = server.stores.clients.find(&client).await.map(|_| ()).map_err(Fault::from);
        let keys = server.keys.reload(now).await.map(|_| ()).map_err(Fault::from);
        let query = StandingQuery { id: None, family: None, principal: Principal::Client { client }, issued_at: now };
        let grants = match server.stores.grants.standing(&query).await {
            Ok(Standing::Live | Standing::Revoked) => Ok(()),
            Err(error) => Err(Fault::from(error)),
        };
        Health { clients, keys, grants }
    }

    /// One bounded round of what time brings: the clock's mark, key transitions, and a batch of expired rows.
    ///
    /// Call it about every 30 seconds, on any number of nodes; an adapter does it for you. A part that fails does not
    /// keep the others from their turn.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub async fn maintain(&self) -> Result<Maintained, Fault> {
        let server = &*self.inner;
        let now = server.clock.now();
        let context = RequestContext::internal(server.correlation.next());
        let marked = match server.clock.round() {
            Ok(mark) => server.stores.grants.raise_clock_mark(mark).await.map(|_| ()).map_err(Fault::from),
            Err(from) => {
                server.audit(now, &context, None, None, What::ClockJumped { from });
                Ok(())
            }
        };
        let keys = server.keys.maintain(now).await.map_err(Fault::from).map(|changes| {
            let changed = changes.len();
            server.audit_keys(changes, now);
            changed
        });
        let purged = server.stores.grants.purge_expired(now.minus(PURGE_GRACE), PURGE_BATCH).await.map_err(Fault::from);
        let done = marked.and_then(|()| Ok(Maintained { keys_changed: keys?, purged: purged? }));
        if let Err(fault) = &done {
            let what = What::Faulted { fault: fault.id(), detail: fault.to_string() };
            server.audit(now, &context, None, None, what);
        }
        done
    }

    async fn cut_off(&self, key: CutoffKey, client: Option<ClientId>, subject: Option<Subject>) -> Result<(), Fault> {
        let server = &*self.inner;
        let now = server.clock.now();
        server.stores.grants.cut_off(Cutoff { key, at: now }).await?;
        let context = RequestContext::internal(server.correlation.next());
        server.audit(now, &context, client, subject, What::CutOff);
        Ok(())
    }
}

impl Inner {
    async fn issue(
        &self,
        subject: &Subject,
        client: &ClientId,
        scopes: &Scope,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<Issued, Error> {
        let client = self.stores.clients.find(client).await?;
        let user = self.stores.users.find_by_subject(subject).await?;
        let family = FamilyId::from_bytes(time_ordered(now, self.entropy.as_ref())?);
        let auth = AuthenticationContext { auth_time: now, amr: Vec::new(), acr: None };
        let principal =
            client.as_ref().map(|client| Principal::User { subject: subject.clone(), client: client.id.clone() });
        let facts = match (&client, &principal) {
            (Some(client), Some(principal)) => {
                self.hook.facts(context, client, principal).await.map_err(Fault::Hook)?
            }
            _ => return Err(Refusal::ClientUnknown.into()),
        };
        let grant = host::decide(client, user, scopes, auth, family, &self.grant_settings)?;
        let mut additions = TokenAdditions::default();
        self.hook.additions(context, &grant, &facts, &mut additions).await.map_err(Fault::Hook)?;
        let minted = self.mint(&grant, &additions, now).await?;
        let start = StartFamily {
            family: FamilyRecord {
                id: family,
                client: grant.client.id.clone(),
                subject: subject.clone(),
                scope: grant.scope.scope().clone(),
                resource: grant.resource.clone(),
                binding: grant.binding,
                auth: grant.auth.clone(),
                code_digest: None,
                refresh: None,
                issued_at: now,
                seen_at: now,
                // without a refresh token the family is over with its only token
                absolute_expires_at: minted.expires_at,
                revoked: None,
                extra: Extra::default(),
            },
            access_token: minted.record,
            live_limit: self.family_limit,
        };
        let ended = match self.stores.grants.start_family(start).await? {
            StartOutcome::Started { ended } => ended,
            StartOutcome::CutOff => return Err(Refusal::GrantWithdrawn.into()),
        };
        self.audit_ignored(&additions, &grant, context, now);
        let (client, subject) = (Some(grant.client.id.clone()), Some(subject.clone()));
        self.audit(now, context, client.clone(), subject.clone(), What::FamilyStarted { family, ended });
        let what = What::TokenIssued {
            grant: grant.grant,
            token: minted.id,
            scope: grant.scope.scope().clone(),
            dropped: grant.scope.dropped().clone(),
            expires_at: minted.expires_at,
        };
        self.audit(now, context, client, subject, what);
        Ok(Issued {
            access_token: minted.token,
            scope: grant.scope.scope().clone(),
            expires_at: minted.expires_at,
            family,
        })
    }
}
