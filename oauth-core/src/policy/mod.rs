//! What may be granted, and how much: pure, total functions over plain facts, and the only place that decides.
//!
//! No clock, no I/O, no randomness, no panic. The grants call these rules by name, in the order of table 1 of the
//! protocol; a host adds its own with [`Builder::policy`](crate::Builder::policy). Every rule has a stable id
//! ([`Rule`], or `host.` and a [`Policy::id`]), which stands in audit events and in the answers of
//! [`explain`](crate::AuthorizationServer::explain).
//!
//! The laws that these rules keep, and that a host can run on its own, are `oauth_testkit::policy_laws!`.

mod explanation;
mod facts;
#[cfg(test)]
pub(crate) mod fixtures;
mod host_rules;
mod restriction;
mod rule;
mod trace;

pub(crate) mod code;
pub mod consent;
pub(crate) mod introspection;
pub(crate) mod lifetime;
pub mod network;
pub mod permission;
pub mod pkce;
pub mod redirect_uri;
pub(crate) mod resource;
pub(crate) mod rotation;
pub(crate) mod scope;
pub(crate) mod sign_in;

use std::fmt;

pub use self::explanation::{Explanation, Granted, OperatorCapability, Verdict};
pub use self::facts::Facts;
pub(crate) use self::host_rules::HostRules;
pub use self::restriction::{Login, Restriction};
pub use self::rule::{Rule, RuleId};
pub(crate) use self::trace::Trace;
pub use self::trace::{Effect, Step};

/// A rule of the host's own, asked for every token of every grant after the core's rules.
///
/// Pure: the same facts give the same restriction. It reads no clock ([`Facts::now`] is the time) and does no I/O: what
/// it needs is loaded before by [`TokenHook::facts`](crate::token::TokenHook::facts) and stands in [`Facts::host`].
///
/// A rule can only take away. That adding one never grants more, and that rules in any order give the same verdict,
/// follows from [`Restriction`]. What does not follow is that it is pure, that it does not panic, and that who loses a
/// permission gets no more than before: `oauth_testkit::policy_laws!` tries that.
///
/// - [`Restriction::deny`] is 400 `unauthorized_client` to the client; the reason is for the operator only.
/// - A scope that a rule takes away is dropped like one that the client may not have: the answer says what is left, and
///   where a narrowed answer is not wanted, or `openid` is taken away, it is `invalid_scope`. **A refresh never narrows
///   silently**: scope that the request names is granted whole or is `invalid_scope`; where it names none, what is left
///   of the family's scope is granted, and the answer says so. The family keeps all that it holds, so that a rule that
///   is content again later gives it back.
///
/// ```
/// use oauth_core::policy::{Facts, Policy, Restriction};
///
/// /// Nobody writes from outside.
/// #[derive(Debug)]
/// struct WriteFromInside;
///
/// impl Policy for WriteFromInside {
///     fn id(&self) -> &'static str {
///         "write_from_inside"
///     }
///
///     fn restrict(&self, facts: &Facts<'_>) -> Restriction {
///         let inside = facts.peer.is_some_and(|peer| peer.is_loopback());
///         match "orders.write".parse() {
///             Ok(write) if !inside => Restriction::none().without(&write),
///             _ => Restriction::none(),
///         }
///     }
/// }
/// ```
pub trait Policy: fmt::Debug + Send + Sync {
    /// A stable name: 1 to 64 of `a-z 0-9 _`, unlike that of any other rule of the server. Traces and audit events show
    /// it after `host.`.
    fn id(&self) -> &'static str;

    /// What the rule takes away from this request.
    fn restrict(&self, facts: &Facts<'_>) -> Restriction;
}
