//! What of a request a user can allow: the user's own bound, then the rules of the host.

use super::SignedIn;
use super::narrowed::Narrowed;
use super::request::Wanted;
use crate::audit::What;
use crate::context::RequestContext;
use crate::error::{Error, Refusal};
use crate::policy::scope::{self, Excess, ScopeBounds};
use crate::policy::sign_in::LoginReason;
use crate::policy::{Facts, Trace};
use crate::server::Inner;
use crate::store::{Client, GrantTypes, Principal, User};
use crate::token::FactsRequest;
use crate::types::{Lifetime, Scope, Timestamp};

/// What can be allowed, and what of the request cannot. Never empty.
#[derive(Debug, Clone)]
pub(super) struct Permitted {
    pub(super) scope: Scope,
    pub(super) narrowed: Narrowed,
}

impl Permitted {
    /// The part of it that the user allows.
    pub(super) fn approved(self, approved: &Scope) -> Self {
        Self { narrowed: self.narrowed.and_user(&self.scope, approved), scope: approved.clone() }
    }

    /// The code that was issued for it, as the trail tells it.
    pub(super) fn into_event(self, asked: bool) -> What {
        let Narrowed { dropped, by } = self.narrowed;
        What::CodeIssued { scope: self.scope, asked, dropped, narrowed_by: by }
    }
}

/// What of the request this user can allow, by the core's rules and the host's; or why that user has to sign in again.
///
/// # Errors
/// A [`Refusal`] when nothing is left or a rule of the host denies it.
pub(super) async fn permit(
    server: &Inner,
    client: &Client,
    wanted: &Wanted,
    user: &User,
    signed_in: &SignedIn,
    context: &RequestContext,
    now: Timestamp,
) -> Result<Result<Permitted, LoginReason>, Error> {
    let grant = GrantTypes::AUTHORIZATION_CODE;
    let principal = Principal::User { subject: user.subject.clone(), client: client.id.clone() };
    // what was asked for, as rules see it everywhere: a client that may have less is not a client that asks for less
    let asked = wanted.scope.union(&wanted.narrowed.dropped);
    let (scope, resource) = (Some(&asked), &wanted.resource[..]);
    let known = server.facts(context, &FactsRequest { grant, client, principal: &principal, scope, resource }).await?;
    let bounds = ScopeBounds { client: &wanted.scope, grant: None, user: user.scope.as_ref(), resource: None };
    let (excess, mut trace) = (Excess::of(server.grant_settings.scope_mode), Trace::off());
    let scope = scope::grant(&wanted.scope, bounds, excess, &mut trace)?;
    let auth = signed_in.context();
    let around = server.around(&known, context.peer, now);
    let facts =
        Facts { user: Some(user), resource, auth: Some(&auth), ..around.facts(grant, client, &principal, &asked) };
    // how long tokens live is judged when there are any: from the shortest lifetime no rule takes, or is said to take
    match around.rules.apply(&facts, scope, Lifetime::SECOND, excess, &mut trace) {
        Ok((scope, _)) => {
            let narrowed = wanted.narrowed.clone().and(scope.dropped(), trace.take_narrowed_by());
            Ok(Ok(Permitted { scope: scope.scope().clone(), narrowed }))
        }
        Err(Refusal::PolicyLogin { rule }) => {
            Ok(Err(LoginReason::Stronger { rule, wanted: around.rules.login(&facts) }))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
