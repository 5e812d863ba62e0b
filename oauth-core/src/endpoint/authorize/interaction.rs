//! What `show` and `complete` have in common: the interaction as it was written down, the user as the host and the user
//! store know them, and what an approval writes.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::SignedIn;
use super::frozen;
use super::permit::Permitted;
use super::redirect::{Redirect, Refused, Target, refuse};
use super::request::Wanted;
use super::tokens::{BrowserSecret, Handle};
use crate::audit::Who;
use crate::context::RequestContext;
use crate::error::{Error, Fault, Refusal};
use crate::jose::base64url;
use crate::policy::consent::{self, Asked};
use crate::policy::permission;
use crate::policy::sign_in::{self, LoginReason};
use crate::server::Inner;
use crate::store::{
    Binding, Client, CodeRecord, ConsentKey, ConsentRecord, DecideOutcome, DecideRequest, Extra, GrantTypes,
    RequestDecision, Standing, User,
};
use crate::types::{Lifetime, Scope, Subject, Timestamp, TokenDigest};

/// How long a code lives (RFC 6749 §4.1.2).
const CODE_LIFETIME: Lifetime = Lifetime::of_seconds(60);

/// An interaction that can still be decided, in the browser that it belongs to.
pub(super) struct Interaction {
    pub(super) handle: TokenDigest,
    pub(super) browser: TokenDigest,
    pub(super) client: Arc<Client>,
    pub(super) target: Target,
    pub(super) wanted: Wanted,
    pub(super) begun_at: Timestamp,
    /// What this user allowed before.
    pub(super) held: Option<ConsentRecord>,
}

/// An error, and where it may be told.
pub(super) struct Stopped {
    pub(super) error: Error,
    pub(super) target: Option<Target>,
}

impl<E: Into<Error>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self { error: error.into(), target: None }
    }
}

impl Stopped {
    /// Audits it and says it.
    pub(super) fn tell(self, server: &Inner, who: Who, context: &RequestContext, now: Timestamp) -> Refused {
        let request = context.correlation_id;
        match server.audit_error(&self.error, who, context, now) {
            Ok(()) => refuse(server, self.target.as_ref(), &self.error, request),
            Err(lost) => refuse(server, self.target.as_ref(), &Error::Fault(lost), request),
        }
    }
}

/// Finds the interaction. The browser is proved before anything else is told; the trail learns whose it is in any case.
///
/// # Errors
/// [`Stopped`]; [`Refusal::InteractionDecided`] for one that was decided before.
pub(super) async fn load(
    server: &Inner,
    handle: &Handle,
    browser: &BrowserSecret,
    now: Timestamp,
    who: &mut Who,
) -> Result<Interaction, Stopped> {
    permission::server_has_grant(GrantTypes::AUTHORIZATION_CODE, server.grant_settings.grant_types())?;
    let found = server.stores.grants.find_request(&handle.digest(), who.subject.as_ref()).await?;
    let found = found.ok_or(Refusal::InteractionUnknown)?;
    let record = found.request;
    who.client = Some(record.client.clone());
    // digests are compared in constant time
    if record.browser != Some(browser.digest()) {
        return Err(Refusal::InteractionForeign.into());
    }
    if !record.state.is_open() {
        return Err(Refusal::InteractionDecided.into());
    }
    if record.expires_at <= now || found.standing == Standing::Revoked {
        return Err(Refusal::InteractionExpired.into());
    }
    let known = server.stores.client(&record.client, now).await?;
    let client = known.ok_or(Refusal::ClientUnknown)?.client;
    if !client.active {
        return Err(Refusal::ClientInactive.into());
    }
    let (target, wanted) = frozen::thaw(&record, &client)?;
    let target = target.ok_or(Refusal::RedirectUriUnknown)?;
    Ok(Interaction {
        handle: record.handle,
        browser: browser.digest(),
        client,
        target,
        wanted,
        begun_at: record.begun_at,
        held: found.consent,
    })
}

impl Interaction {
    pub(super) fn stop(&self, error: impl Into<Error>) -> Stopped {
        Stopped { error: error.into(), target: Some(self.target.clone()) }
    }
}

/// The user who is signed in, or why that user has to sign in.
pub(super) async fn user(
    server: &Inner,
    wanted: &Wanted,
    begun_at: Timestamp,
    signed_in: &SignedIn,
    now: Timestamp,
) -> Result<Result<User, LoginReason>, Fault> {
    let user = server.stores.users.find_by_subject(&signed_in.subject).await?;
    let Some(user) = user.filter(|user| user.active) else { return Ok(Err(LoginReason::NotActive)) };
    let asked = sign_in::Wanted {
        login: wanted.prompt.login,
        select_account: wanted.prompt.select_account,
        max_age: wanted.max_age,
        hinted: wanted.hinted.as_ref(),
        begun_at,
    };
    Ok(sign_in::judge(asked, &user.subject, signed_in.auth_time, now).map(|()| user))
}

/// Whether the user need not be asked, because the answer is remembered.
pub(super) fn is_covered(
    client: &Client,
    target: &Target,
    wanted: &Wanted,
    scope: &Scope,
    held: Option<&ConsentRecord>,
    now: Timestamp,
) -> bool {
    let asked = Asked { redirect_uri: target.uri.as_str(), resource: &wanted.resource, scope };
    !wanted.prompt.consent && held.is_some_and(|held| consent::covers(held, client, asked, now))
}

/// Under what an answer to this is remembered.
pub(super) fn consent_key(client: &Client, target: &Target, wanted: &Wanted, subject: &Subject) -> ConsentKey {
    ConsentKey {
        subject: subject.clone(),
        client: client.id.clone(),
        redirect_uri: target.uri.as_str().to_owned(),
        resource: wanted.resource.clone(),
    }
}

/// A code, and what is kept of it.
pub(super) fn mint_code(
    server: &Inner,
    client: &Client,
    target: &Target,
    wanted: &Wanted,
    signed_in: &SignedIn,
    scope: &Scope,
    now: Timestamp,
) -> Result<(Zeroizing<String>, CodeRecord), Fault> {
    let mut bytes = Zeroizing::new([0; 32]);
    server.entropy.fill(bytes.as_mut())?;
    let code = Zeroizing::new(base64url(bytes.as_ref()));
    let record = CodeRecord {
        digest: TokenDigest::of(code.as_bytes()),
        client: client.id.clone(),
        subject: signed_in.subject.clone(),
        scope: scope.clone(),
        redirect_uri: target.uri.as_str().to_owned(),
        challenge: wanted.challenge,
        nonce: wanted.nonce.clone(),
        resource: wanted.resource.clone(),
        binding: Binding::None,
        auth: Some(signed_in.context()),
        issued_at: now,
        expires_at: now.plus(CODE_LIFETIME),
        redeemed: None,
        extra: Extra::default(),
    };
    Ok((code, record))
}

/// Writes an approval: request, code and consent in one store call.
pub(super) async fn approve(
    server: &Inner,
    interaction: &Interaction,
    signed_in: &SignedIn,
    permitted: Permitted,
    asked: bool,
    context: &RequestContext,
    now: Timestamp,
) -> Result<Redirect, Stopped> {
    let Interaction { client, target, wanted, .. } = interaction;
    let scope = &permitted.scope;
    let (code, record) = mint_code(server, client, target, wanted, signed_in, scope, now)?;
    // what covers itself is not made to last longer by that
    let consent = if asked {
        let key = consent_key(client, target, wanted, &signed_in.subject);
        consent::remembered(client, key, interaction.held.as_ref(), scope, now).map(Box::new)
    } else {
        None
    };
    let decision = RequestDecision::Approved { code: Box::new(record), consent };
    decide(server, interaction, signed_in, decision, now).await?;
    let what = permitted.into_event(asked);
    server.audit(now, context, Some(client.id.clone()), Some(signed_in.subject.clone()), what)?;
    Ok(Redirect::with_code(target, &server.issuer, &code))
}

/// The one store call.
pub(super) async fn decide(
    server: &Inner,
    interaction: &Interaction,
    signed_in: &SignedIn,
    decision: RequestDecision,
    now: Timestamp,
) -> Result<(), Stopped> {
    let decide = DecideRequest {
        handle: interaction.handle,
        subject: signed_in.subject.clone(),
        auth: Some(signed_in.context()),
        now,
        decision,
    };
    match server.stores.grants.decide_request(decide).await? {
        DecideOutcome::Decided => Ok(()),
        DecideOutcome::AlreadyDecided => Err(Refusal::InteractionDecided.into()),
        DecideOutcome::NotLive => Err(Refusal::InteractionExpired.into()),
    }
}
