//! What the host asks of the server directly: tokens for users it signed in, revocation, health, maintenance.

use super::clock::Round;
use super::{AuthorizationServer, Inner};
use crate::audit::{What, Who};
use crate::context::RequestContext;
use crate::error::{Error, Fault, Refusal};
use crate::grant::host;
use crate::policy::{Trace, permission};
use crate::store::{
    AuthenticationContext, Cutoff, CutoffKey, Principal, Purged, RevokeFamily, RevokedWhy, Standing, StandingQuery,
};
use crate::time::Clock as _;
use crate::token::{FactsRequest, VerifiedAccess};
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
        let _busy = server.in_flight.enter().ok_or(Fault::ShuttingDown)?;
        let now = server.clock.now();
        let context = RequestContext::internal(server.correlation.next());
        let issued = server.issue(subject, client, scopes, &context, now).await;
        if let Err(error) = &issued {
            let who = Who { client: Some(client.clone()), subject: Some(subject.clone()), ..Who::default() };
            server.audit_error(error, who, &context, now)?;
        }
        issued
    }

    /// Ends a family and every token of it, for example at sign-out.
    ///
    /// # Errors
    /// [`Fault::Store`].
    pub async fn revoke_family(&self, family: FamilyId) -> Result<(), Fault> {
        let server = &*self.inner;
        let _busy = server.in_flight.enter().ok_or(Fault::ShuttingDown)?;
        let now = server.clock.now();
        if let RevokeFamily::Revoked = server.stores.grants.revoke_family(&family, RevokedWhy::Host, now).await? {
            let context = RequestContext::internal(server.correlation.next());
            server.audit(now, &context, None, None, What::FamilyRevoked { family, why: RevokedWhy::Host })?;
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

    /// Takes back everything that anybody was issued until now.
    ///
    /// # Errors
    /// [`Fault::Store`].
    pub async fn revoke_everything(&self) -> Result<(), Fault> {
        self.cut_off(CutoffKey::Everything, None, None).await
    }

    /// Takes back one access token that a verifier of this server has read.
    ///
    /// # Errors
    /// [`Refusal::TokenNotRevocable`] for a JWT whose legacy profile leaves out `jti`: end its family or its subject's
    /// grants; [`Error::Fault`] when it cannot be done now.
    pub async fn revoke_token(&self, access: &VerifiedAccess) -> Result<(), Error> {
        let server = &*self.inner;
        let _busy = server.in_flight.enter().ok_or(Fault::ShuttingDown)?;
        let (Some(revoked), Some(token)) = (access.revocation(), access.id().cloned()) else {
            return Err(Refusal::TokenNotRevocable.into());
        };
        server.stores.grants.revoke_token(revoked).await?;
        let context = RequestContext::internal(server.correlation.next());
        let principal = access.principal();
        let client = principal.map(|principal| principal.client().clone());
        let subject = principal.and_then(Principal::subject).cloned();
        Ok(server.audit(server.clock.now(), &context, client, subject, What::TokenRevoked { token })?)
    }

    /// Asks every store something small.
    pub async fn health(&self) -> Health {
        let server = &*self.inner;
        let now = server.clock.now();
        let Ok(client) = ClientId::parse("health") else {
            return Health { clients: Ok(()), keys: Ok(()), grants: Ok(()) };
        };
        let clients = server.stores.clients.find(&client).await.map(|_| ()).map_err(Fault::from);
        let keys = match server.keys.reload(now).await {
            Ok(keys) => server.keys.algorithms().iter().try_for_each(|alg| keys.signer(*alg).map(|_| ())),
            Err(error) => Err(Fault::from(error)),
        };
        let query = StandingQuery { id: None, family: None, client: Some(client), subject: None, issued_at: now };
        let grants = match server.stores.grants.standing(&query).await {
            Ok(Standing::Live | Standing::Revoked) => Ok(()),
            Err(error) => Err(Fault::from(error)),
        };
        Health { clients, keys, grants }
    }

    /// One bounded round of what time brings: the clock's mark, key transitions, and a batch of expired rows.
    ///
    /// Call it about every 30 seconds, on any number of nodes, and at once again while `purged.more`; an adapter does it
    /// for you. A part that fails does not
    /// keep the others from their turn.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub async fn maintain(&self) -> Result<Maintained, Fault> {
        let server = &*self.inner;
        let _busy = server.in_flight.enter().ok_or(Fault::ShuttingDown)?;
        let now = server.clock.now();
        let context = RequestContext::internal(server.correlation.next());
        let done = match server.clock.round() {
            Round::Believed(now) => server.maintain(now).await,
            // by a time that may be wrong nothing is destroyed, promoted or written down
            Round::Jumped { from, first } => {
                if first {
                    server.audit(now, &context, None, None, What::ClockJumped { from })?;
                }
                let reloaded = server.keys.reload(now).await.map_err(Fault::from);
                reloaded.map(|_| Maintained { keys_changed: 0, purged: Purged::default() })
            }
        };
        if let Err(fault) = &done {
            let what = What::Faulted { fault: fault.id(), detail: fault.to_string() };
            // a sink logs what it loses; the fault itself is told to the caller
            let _ = server.audit(now, &context, None, None, what);
        }
        done
    }

    async fn cut_off(&self, key: CutoffKey, client: Option<ClientId>, subject: Option<Subject>) -> Result<(), Fault> {
        let server = &*self.inner;
        let _busy = server.in_flight.enter().ok_or(Fault::ShuttingDown)?;
        let now = server.clock.now();
        server.cut_off(Cutoff { key, at: now }, client, subject, now).await
    }
}

impl Inner {
    /// Takes back what the cutoff covers, and tells the trail.
    pub(super) async fn cut_off(
        &self,
        cutoff: Cutoff,
        client: Option<ClientId>,
        subject: Option<Subject>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.stores.grants.cut_off(cutoff).await?;
        // what is issued from now on is later than what was taken back
        self.clock.pass(now);
        let context = RequestContext::internal(self.correlation.next());
        self.audit(now, &context, client, subject, What::CutOff)
    }

    async fn maintain(&self, now: Timestamp) -> Result<Maintained, Fault> {
        let marked = self.stores.grants.raise_clock_mark(now).await.map_err(Fault::from);
        let (changes, keys) = self.keys.maintain(now).await;
        let keys_changed = changes.len();
        self.audit_keys(changes, now);
        let purged = self.stores.grants.purge_expired(now.minus(PURGE_GRACE), PURGE_BATCH).await.map_err(Fault::from);
        marked?;
        keys?;
        Ok(Maintained { keys_changed, purged: purged? })
    }

    async fn issue(
        &self,
        subject: &Subject,
        client: &ClientId,
        scopes: &Scope,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<Issued, Error> {
        let client = self.stores.clients.find(client).await?.ok_or(Refusal::ClientUnknown)?;
        let user = permission::user_is_known(self.stores.users.find_by_subject(subject).await?)?;
        self.refuse_client_as_subject(subject, &client.id).await?;
        let family = self.new_family(now)?;
        let auth = AuthenticationContext { auth_time: now, amr: Vec::new(), acr: None };
        let principal = Principal::User { subject: subject.clone(), client: client.id.clone() };
        let wanted = FactsRequest {
            grant: host::GRANT,
            client: &client,
            principal: &principal,
            scope: Some(scopes),
            resource: &[],
        };
        let facts = self.facts(context, &wanted).await?;
        let grant =
            host::decide(client, &user, scopes, auth, family, &self.around(&facts, None, now), &mut Trace::off())?;
        let additions = self.additions(context, &grant, &facts).await?;
        let given = self.give_family(&grant, &additions, None, context, now).await?;
        Ok(Issued {
            access_token: given.access.token,
            scope: grant.scope.scope().clone(),
            expires_at: given.access.expires_at,
            family,
        })
    }
}
