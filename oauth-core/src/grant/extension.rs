//! Grants of the host's own (RFC 6749 §4.5): the host proposes, the core decides, mints and records.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::{Around, Asked, ValidatedGrant};
use crate::client_auth::Authenticated;
use crate::context::RequestContext;
use crate::error::Refusal;
use crate::policy::permission::{OFFLINE_ACCESS, OPENID};
use crate::policy::scope::{self, Excess, ScopeBounds};
use crate::policy::{Facts, Rule, Trace, permission, resource};
use crate::store::{Claim, Client, Principal, User};
use crate::token::HookError;
use crate::types::{FamilyId, Lifetime, ResourceUri, Scope, Subject, Timestamp};

/// A grant of the host's own: it says for whom and how much, and never sees a secret, a token or a store.
///
/// Off until the server has it ([`extension_grant`](crate::Builder::extension_grant)) and the client lists its
/// `grant_type`. The core does for it what it does for its own grants: client and user active, scope ∩ client ∩ user,
/// bounds of lifetime, policies, claims, audit, one commit.
///
/// A grant that gives a *confidential* client a token in a user's name is impersonation, because nothing shows that
/// the user knows of it. Such a token goes only to a client whose `acts_for` lists the user, lives 600 seconds at most,
/// says `act`, and never comes with a refresh token or an id token.
#[async_trait]
pub trait ExtensionGrant: fmt::Debug + Send + Sync {
    /// Its `grant_type`, for example an absolute URI (RFC 6749 §4.5). Not one of the built-in ones.
    fn grant_type(&self) -> &str;

    /// The names of the parameters that it reads; nothing else of the request is shown to it. No name that the
    /// protocol itself knows, such as `client_secret`.
    fn parameters(&self) -> &[&'static str];

    /// Loads what [`propose`](Self::propose) needs: the only place for I/O. Unless a grant says otherwise, nothing.
    ///
    /// # Errors
    /// [`HookError`] when it cannot be known: answered 503, and nothing is issued.
    async fn facts(
        &self,
        _context: &RequestContext,
        _client: &Authenticated<Client>,
        _parameters: &ExtensionParameters<'_>,
    ) -> Result<ExtensionFacts, HookError> {
        Ok(ExtensionFacts::new())
    }

    /// Proposes what to grant. Pure: no clock, no I/O.
    ///
    /// # Errors
    /// [`ExtensionRefusal`].
    fn propose(
        &self,
        client: &Authenticated<Client>,
        parameters: &ExtensionParameters<'_>,
        facts: &ExtensionFacts,
    ) -> Result<Proposal, ExtensionRefusal>;
}

/// What an extension grant's host knows, as JSON members of its own.
pub type ExtensionFacts = Map<String, Value>;

/// The parameters that an extension grant named: each at most once, at most 4 KiB, without control characters.
#[derive(Clone, Default)]
pub struct ExtensionParameters<'a>(pub(crate) Vec<(&'static str, &'a str)>);

impl ExtensionParameters<'_> {
    /// The value of a parameter; an empty one counts as omitted.
    #[must_use]
    pub fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(held, _)| *held == name).map(|(_, value)| *value)
    }
}

impl fmt::Debug for ExtensionParameters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// What an extension grant proposes; the core grants that or less. `Debug` prints no name of `single_use`, which may be
/// what was presented.
#[derive(Clone)]
pub struct Proposal {
    /// In whose name.
    pub subject: Subject,
    /// How much; `None` for what the request asked for.
    pub scope: Option<Scope>,
    /// For which resources at most; empty for what the request asked for.
    pub resource: Vec<ResourceUri>,
    /// For how long at most, rounded down to whole seconds; `None` sets no bound of its own. Less than a second is
    /// `invalid_grant`.
    pub lifetime: Option<Duration>,
    /// What may be spent once only: its name within this grant, and until when it would be good otherwise.
    pub single_use: Option<SingleUse>,
}

impl Proposal {
    /// A token in this user's name for what the request asked for.
    #[must_use]
    pub const fn new(subject: Subject) -> Self {
        Self { subject, scope: None, resource: Vec::new(), lifetime: None, single_use: None }
    }
}

impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proposal")
            .field("subject", &self.subject)
            .field("scope", &self.scope)
            .field("resource", &self.resource)
            .field("lifetime", &self.lifetime)
            .field("single_use", &self.single_use)
            .finish()
    }
}

/// What was presented and may be spent once only. `Debug` prints no name, which may be what was presented.
#[derive(Clone)]
pub struct SingleUse {
    /// Its name within this grant, such as the `jti` of an assertion.
    pub name: String,
    /// When it was made: whoever takes back what its user or client holds, or restores a backup, ends it too when it is
    /// older than that.
    pub issued_at: Timestamp,
    /// Until when it would be good otherwise: it is remembered that long.
    pub expires_at: Timestamp,
}

impl fmt::Debug for SingleUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name: _, issued_at, expires_at } = self;
        f.debug_struct("SingleUse")
            .field("issued_at", issued_at)
            .field("expires_at", expires_at)
            .finish_non_exhaustive()
    }
}

/// A claim on its way into the commit, and how old what it claims is.
pub(crate) struct Claimed {
    pub(crate) claim: Claim,
    pub(crate) issued_at: Timestamp,
}

/// Why an extension grant proposes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtensionRefusal {
    /// A parameter is missing or malformed: 400 `invalid_request`.
    Malformed,
    /// What was presented is not good, or nobody has it: 400 `invalid_grant`.
    Invalid,
}

impl From<ExtensionRefusal> for Refusal {
    fn from(refusal: ExtensionRefusal) -> Self {
        match refusal {
            ExtensionRefusal::Malformed => Self::ProposalMalformed,
            ExtensionRefusal::Invalid => Self::ProposalInvalid,
        }
    }
}

/// What the server allows an extension grant.
#[derive(Debug, Clone, Default)]
pub struct ExtensionSettings {
    /// The most scope that it may give, as scope text. Required.
    pub scope: String,
    /// Whether it may give refresh tokens, to public clients.
    pub refresh_tokens: bool,
    /// Whether it may give id tokens, to public clients.
    pub id_tokens: bool,
}

/// An extension grant as the server has it.
#[derive(Debug, Clone)]
pub(crate) struct Extension {
    pub(crate) grant: Arc<dyn ExtensionGrant>,
    pub(crate) scope: Scope,
    pub(crate) refresh_tokens: bool,
    pub(crate) id_tokens: bool,
}

/// The longest that a token lives with which a client acts in a user's name.
const IMPERSONATION_BOUND: Lifetime = Lifetime::of_seconds(600);

/// What the client asked for.
pub(crate) struct ExtensionRequest<'a> {
    pub(crate) extension: &'a Extension,
    pub(crate) parameters: ExtensionParameters<'a>,
    pub(crate) asked: Asked,
}

/// Decides the grant that was proposed.
///
/// # Errors
/// A [`Refusal`]: one `invalid_grant` for users who are unknown, inactive or not listed.
pub(crate) fn decide(
    request: &ExtensionRequest<'_>,
    proposal: &Proposal,
    client: &Authenticated<Client>,
    user: Option<User>,
    family: FamilyId,
    around: &Around<'_>,
    trace: &mut Trace,
) -> Result<ValidatedGrant, Refusal> {
    let registered = client.who();
    let user = &trace.judge(Rule::UserKnown, permission::user_is_known(user))?;
    trace.judge(Rule::UserActive, permission::user_is_active(user))?;
    trace.judge(Rule::UserListed, permission::client_acts_for(registered, user))?;
    let impersonation = registered.is_confidential();
    let extension = request.extension;
    let resources = resource::meet(&request.asked.resource, &proposal.resource)?;
    let target = around.target(&resources, registered, trace)?;
    let gives = allowed_scope(extension, impersonation);
    let gives = proposal.scope.as_ref().map_or_else(|| gives.clone(), |scope| gives.intersection(scope));
    let default = proposal.scope.as_ref().unwrap_or(&registered.default_scope).intersection(&gives);
    let default = default.intersection(&registered.scope);
    let asked = request.asked.scope.as_ref().unwrap_or(&default);
    let bounds = ScopeBounds {
        client: &registered.scope,
        grant: Some(&gives),
        user: user.scope.as_ref(),
        resource: target.scope.as_ref(),
    };
    let excess = Excess::of(request.asked.mode);
    let scope = scope::grant(asked, bounds, excess, trace)?;
    let proposed = proposed_lifetime(proposal)?;
    let bounds = [
        (Rule::LifetimeProposal, proposed),
        (Rule::LifetimeImpersonation, impersonation.then_some(IMPERSONATION_BOUND)),
    ];
    let (format, lifetime) = around.access_token(registered, &target, bounds, trace);
    let grant_type = extension.grant.grant_type();
    let principal = Principal::User { subject: user.subject.clone(), client: registered.id.clone() };
    let facts = Facts {
        user: Some(user),
        resource: &resources,
        lifetime: proposed,
        ..around.facts(grant_type, registered, &principal, asked)
    };
    let (scope, lifetime) = around.rules.apply(&facts, scope, lifetime, excess, trace)?;
    Ok(ValidatedGrant {
        grant: grant_type.to_owned().into(),
        principal,
        client: client.shared(),
        offline: around.offline(extension.refresh_tokens && !impersonation, registered, &scope, trace),
        identity: around.identity(extension.id_tokens && !impersonation, &scope, trace),
        nonce: None,
        impersonation,
        scope,
        narrowed_by: trace.take_narrowed_by(),
        audience: target.audience,
        resource: resources,
        format,
        lifetime,
        binding: client.binding(),
        auth: None,
        family: Some(family),
    })
}

/// The claim that goes into the commit, when the proposal may be spent once.
pub(crate) fn claim(extension: &Extension, proposal: &Proposal) -> Option<Claimed> {
    let SingleUse { name, issued_at, expires_at } = proposal.single_use.as_ref()?;
    let grant = extension.grant.grant_type();
    // the length keeps two grants' names apart
    let text = format!("{}:{grant}:{name}", grant.len());
    let claim = Claim { digest: crate::types::TokenDigest::of(text.as_bytes()), expires_at: *expires_at };
    Some(Claimed { claim, issued_at: *issued_at })
}

/// The most that the grant may give: what acts in a user's name is never offline and never identifies.
fn allowed_scope(extension: &Extension, impersonation: bool) -> Scope {
    let never = |given: bool| impersonation || !given;
    let without = [(OFFLINE_ACCESS, never(extension.refresh_tokens)), (OPENID, never(extension.id_tokens))];
    without.into_iter().filter(|(_, never)| *never).fold(extension.scope.clone(), |scope, (token, _)| {
        Scope::parse(token).map_or_else(|_| scope.clone(), |token| scope.difference(&token))
    })
}

fn proposed_lifetime(proposal: &Proposal) -> Result<Option<Lifetime>, Refusal> {
    match proposal.lifetime.map(|span| u32::try_from(span.as_secs())) {
        // it is over as soon as it begins
        Some(Ok(0)) => Err(Refusal::ProposalInvalid),
        Some(Ok(seconds)) => Ok(Some(Lifetime::of_seconds(seconds))),
        // longer than anything lives
        Some(Err(_)) | None => Ok(None),
    }
}
