//! What was asked, written down: nothing of it is read from the browser again.

use serde::{Deserialize, Serialize};

use super::redirect::{ResponseMode, Target};
use super::request::{Prompt, Wanted};
use crate::policy::redirect_uri::ValidRedirectUri;
use crate::store::{AuthorizationRequestRecord, Client, FrozenRequest, StoreError};
use crate::types::{CodeChallenge, Scope, Subject};

const VERSION: u8 = 1;

/// Version 1. A member that is added is optional, or raises the version.
#[derive(Serialize, Deserialize)]
struct Frozen {
    version: u8,
    scope: String,
    mode: String,
    prompt: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    challenge: Option<[u8; 32]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    login_hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hinted: Option<String>,
}

pub(super) fn freeze(target: &Target, wanted: &Wanted) -> Result<FrozenRequest, StoreError> {
    let Wanted { scope, resource: _, challenge, nonce, prompt, max_age, login_hint, hinted } = wanted;
    let frozen = Frozen {
        version: VERSION,
        scope: scope.as_str().to_owned(),
        mode: target.mode.as_str().to_owned(),
        prompt: prompt.words().join(" "),
        state: target.state.clone(),
        challenge: challenge.as_ref().map(|challenge| *challenge.as_bytes()),
        nonce: nonce.clone(),
        max_age: *max_age,
        login_hint: login_hint.clone(),
        hinted: hinted.as_ref().map(|subject| subject.as_str().to_owned()),
    };
    let bytes = serde_json::to_vec(&frozen).map_err(|error| StoreError::corrupt(error.to_string()))?;
    FrozenRequest::from_bytes(bytes).map_err(|error| StoreError::corrupt(error.to_string()))
}

/// Where the answer goes and what was asked; `None` for the place when the client has given up the redirect URI.
///
/// # Errors
/// [`StoreError`] of kind `Corrupt`.
pub(super) fn thaw(
    record: &AuthorizationRequestRecord,
    client: &Client,
) -> Result<(Option<Target>, Wanted), StoreError> {
    let broken = || StoreError::corrupt("an authorization request cannot be read");
    let frozen: Frozen = serde_json::from_slice(record.request.as_bytes()).map_err(|_| broken())?;
    if frozen.version != VERSION {
        return Err(StoreError::corrupt("an authorization request is of another version"));
    }
    let mode = ResponseMode::parse(&frozen.mode).ok_or_else(broken)?;
    let wanted = Wanted {
        scope: Scope::parse(&frozen.scope).map_err(|_| broken())?,
        resource: record.resource.clone(),
        challenge: frozen.challenge.map(CodeChallenge::from_bytes),
        nonce: frozen.nonce,
        prompt: Prompt::parse(&frozen.prompt).ok_or_else(broken)?,
        max_age: frozen.max_age,
        login_hint: frozen.login_hint,
        hinted: frozen.hinted.map(|text| Subject::parse(&text)).transpose().map_err(|_| broken())?,
    };
    let uri = ValidRedirectUri::of(client, &record.redirect_uri);
    Ok((uri.map(|uri| Target { uri, mode, state: frozen.state }), wanted))
}
