//! Reads an authorization request (RFC 6749 §4.1.1): first who asks and where the answer goes, then everything else.

use std::sync::Arc;

use super::narrowed::Narrowed;
use super::redirect::{ResponseMode, Target};
use crate::error::{Error, Refusal};
use crate::grant::Asked;
use crate::policy::redirect_uri::ValidRedirectUri;
use crate::policy::scope::{self, Excess, ScopeBounds};
use crate::policy::{Trace, permission, pkce, resource};
use crate::server::{ClientExtra, Inner};
use crate::store::{Client, GrantTypes};
use crate::types::{ClientId, CodeChallenge, ResourceUri, Scope, Subject, Timestamp};
use crate::wire::params::Params;
use crate::wire::{Body, Method, Request, form, media_type};

/// The longest `state`, in bytes.
const MAX_STATE: usize = 2 * 1024;
/// The longest `nonce`, in bytes.
const MAX_NONCE: usize = 512;
/// The longest `login_hint`, in bytes.
const MAX_HINT: usize = 512;

/// What is asked for, once client and redirect URI are proved and everything is lawful.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Requested ∩ client ∩ resource; the user is not known yet.
    pub(super) scope: Scope,
    /// What the request asked for beyond that.
    pub(super) narrowed: Narrowed,
    /// Sorted, each once.
    pub(super) resource: Vec<ResourceUri>,
    pub(super) challenge: Option<CodeChallenge>,
    pub(super) nonce: Option<String>,
    pub(super) prompt: Prompt,
    /// Seconds.
    pub(super) max_age: Option<u32>,
    pub(super) login_hint: Option<String>,
    /// Whom the `id_token_hint` names.
    pub(super) hinted: Option<Subject>,
}

/// The values of `prompt` (OpenID Connect Core §3.1.2.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Prompt {
    pub(super) none: bool,
    pub(super) login: bool,
    pub(super) consent: bool,
    pub(super) select_account: bool,
}

impl Prompt {
    /// `None` for a value that is unknown, and for `none` beside another.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut prompt = Self::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            *match word {
                "none" => &mut prompt.none,
                "login" => &mut prompt.login,
                "consent" => &mut prompt.consent,
                "select_account" => &mut prompt.select_account,
                _ => return None,
            } = true;
        }
        (!prompt.none || prompt == Self { none: true, ..Self::default() }).then_some(prompt)
    }

    /// The values again.
    pub(super) fn words(self) -> Vec<&'static str> {
        [(self.none, "none"), (self.login, "login"), (self.consent, "consent"), (self.select_account, "select_account")]
            .into_iter()
            .filter_map(|(is, word)| is.then_some(word))
            .collect()
    }
}

/// The parameters of a visit: of the query for GET, of the form for POST.
///
/// # Errors
/// A [`Refusal`] for what cannot be read at all: nothing is known of who asks, so a page answers.
pub(super) fn parameters(request: &Request) -> Result<form::Lenient<'_>, Refusal> {
    match request.method {
        Method::Get if is_prefetch(request) => Err(Refusal::Prefetch),
        Method::Get => form::parse_lenient(request.query.as_deref().unwrap_or_default().as_bytes()),
        Method::Post if !media_type::is_form(&request.headers) => Err(Refusal::MediaType),
        Method::Post => match &request.body {
            Body::Whole(bytes) => form::parse_lenient(bytes),
            Body::TooLarge => Err(Refusal::BodyTooLarge),
            Body::TimedOut => Err(Refusal::BodyTimedOut),
            Body::Broken => Err(Refusal::BodyBroken),
        },
        // HEAD too: asking what would be answered must not do what is asked (RFC 9110 §9.2.1)
        _ => Err(Refusal::MethodNotAllowed),
    }
}

/// Whether a browser only guesses that its user will come.
pub(super) fn is_prefetch(request: &Request) -> bool {
    ["purpose", "sec-purpose", "x-moz", "x-purpose"].iter().any(|name| {
        request.headers.all(name).any(|value| {
            let value = value.to_ascii_lowercase();
            value.starts_with(b"prefetch") || value.starts_with(b"prerender") || value.starts_with(b"preview")
        })
    })
}

/// Proves client and redirect URI: until then nothing is sent anywhere (RFC 6749 §4.1.2.1).
///
/// # Errors
/// [`Error`], to be told on a page of our own.
pub(super) async fn prove(
    server: &Inner,
    lenient: &form::Lenient<'_>,
    now: Timestamp,
) -> Result<(Arc<Client>, Target), Error> {
    // a host can call this without having switched the grant on
    permission::server_has_grant(GrantTypes::AUTHORIZATION_CODE, server.grant_settings.grant_types())?;
    let params = &lenient.params;
    if let Some(refusal) = lenient.fault_of(&["client_id", "redirect_uri"]) {
        return Err(refusal.into());
    }
    let id = params.one("client_id").ok_or(Refusal::ClientIdMissing)?;
    let id = ClientId::parse(id).map_err(|_| Refusal::ClientUnknown)?;
    let known = server.stores.client(&id, now).await?.ok_or(Refusal::ClientUnknown)?;
    let client = known.client;
    permission::client_is_active(&client)?;
    let uri = params.one("redirect_uri").ok_or(Refusal::RedirectUriMissing)?;
    let uri = ValidRedirectUri::of(&client, uri).ok_or(Refusal::RedirectUriUnknown)?;
    let state = params.single("state").ok().flatten().filter(|state| is_state(state)).map(str::to_owned);
    let mode = params.single("response_mode").ok().flatten().and_then(ResponseMode::parse).unwrap_or_default();
    Ok((client, Target { uri, mode, state }))
}

fn is_state(state: &str) -> bool {
    state.len() <= MAX_STATE && !state.chars().any(char::is_control)
}

/// Everything else, in the order of RFC 6749 §4.1.1 and its extensions.
///
/// # Errors
/// A [`Refusal`] or fault that the client is told.
pub(super) async fn want(
    server: &Inner,
    lenient: &form::Lenient<'_>,
    client: &Client,
    now: Timestamp,
) -> Result<Wanted, Error> {
    if let Some((_, refusal)) = lenient.faults.first() {
        return Err((*refusal).into());
    }
    let params = &lenient.params;
    if params.single("state")?.is_some_and(|state| !is_state(state)) {
        return Err(Refusal::StateUnusable.into());
    }
    if params.single("response_mode")?.is_some_and(|mode| ResponseMode::parse(mode).is_none()) {
        return Err(Refusal::ResponseMode.into());
    }
    if params.holds("request") {
        return Err(Refusal::RequestObject.into());
    }
    if params.holds("request_uri") {
        return Err(Refusal::RequestUri.into());
    }
    match params.single("response_type")? {
        Some("code") => {}
        Some(_) => return Err(Refusal::ResponseType.into()),
        None => return Err(Refusal::ResponseTypeMissing.into()),
    }
    permission::client_has_grant(client, GrantTypes::AUTHORIZATION_CODE)?;
    let challenge = challenge(params, client)?;
    let asked = asked(params, server)?;
    let prompt = match params.single("prompt")? {
        Some(text) => Prompt::parse(text).ok_or(Refusal::PromptUnusable)?,
        None => Prompt::default(),
    };
    let max_age = params.single("max_age")?.map(|text| seconds(text).ok_or(Refusal::MaxAge)).transpose()?;
    let nonce = short(params, "nonce", MAX_NONCE)?;
    let login_hint = short(params, "login_hint", MAX_HINT)?;
    let hinted = match params.one("id_token_hint") {
        Some(hint) => Some(server.hinted_subject(hint, &client.id, now).await?),
        None => None,
    };
    let settings = &server.grant_settings;
    let target = resource::target(&asked.resource, client, &settings.resources, settings.format_for(client))?;
    let bounds = ScopeBounds { client: &client.scope, grant: None, user: None, resource: target.scope.as_ref() };
    let wished = asked.scope.as_ref().unwrap_or(&client.default_scope);
    let mut trace = Trace::off();
    let granted = scope::grant(wished, bounds, Excess::of(asked.mode), &mut trace)?;
    let narrowed = Narrowed::none().and(granted.dropped(), trace.take_narrowed_by());
    let scope = granted.scope().clone();
    Ok(Wanted { scope, narrowed, resource: asked.resource, challenge, nonce, prompt, max_age, login_hint, hinted })
}

fn challenge(params: &Params<'_>, client: &Client) -> Result<Option<CodeChallenge>, Error> {
    let (challenge, method) = (params.single("code_challenge")?, params.single("code_challenge_method")?);
    // what the registration says of it is read only where it is asked
    let is_excused = challenge.is_none() && client.is_confidential() && ClientExtra::of(client)?.code_without_pkce();
    let brought = pkce::brought(challenge, method, client, is_excused).map_err(|_| Refusal::Challenge)?;
    Ok(brought.map(|challenge| CodeChallenge::from_bytes(*challenge.as_bytes())))
}

fn asked(params: &Params<'_>, server: &Inner) -> Result<Asked, Refusal> {
    let scope = params.one("scope").map(Scope::parse).transpose().map_err(|_| Refusal::ScopeMalformed)?;
    let mut resource = Vec::new();
    for text in params.all("resource") {
        resource.push(ResourceUri::parse(text).map_err(|_| Refusal::ResourceMalformed)?);
    }
    resource.sort();
    resource.dedup();
    Ok(Asked { scope, resource, mode: server.grant_settings.scope_mode })
}

/// Decimal digits only: no sign, no exponent, no fraction.
fn seconds(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn short(params: &Params<'_>, name: &str, most: usize) -> Result<Option<String>, Refusal> {
    match params.single(name)? {
        Some(text) if text.len() > most => Err(Refusal::ParameterTooLong),
        text => Ok(text.map(str::to_owned)),
    }
}
