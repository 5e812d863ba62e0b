//! What was asked, written down: nothing of it is read from the browser again.

use serde::{Deserialize, Serialize};

use super::narrowed::Narrowed;
use super::redirect::{ResponseMode, Target};
use super::request::{Prompt, Wanted};
use crate::policy::redirect_uri::ValidRedirectUri;
use crate::policy::{Rule, RuleId};
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
    /// What was asked for beyond `scope`; for the trail only.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    dropped: String,
    /// The rules that took it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    narrowed_by: Vec<String>,
}

pub(super) fn freeze(target: &Target, wanted: &Wanted) -> Result<FrozenRequest, StoreError> {
    let Wanted { scope, narrowed, resource: _, challenge, nonce, prompt, max_age, login_hint, hinted } = wanted;
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
        dropped: narrowed.dropped.as_str().to_owned(),
        narrowed_by: narrowed.by.iter().map(RuleId::to_string).collect(),
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
    // a rule that this version does not know is not worth losing the request for
    let rules = frozen.narrowed_by.iter().filter_map(|id| Rule::ALL.iter().find(|rule| rule.as_str() == id));
    let dropped = Scope::parse(&frozen.dropped).map_err(|_| broken())?;
    let wanted = Wanted {
        scope: Scope::parse(&frozen.scope).map_err(|_| broken())?,
        narrowed: Narrowed::none().and(&dropped, rules.map(|rule| RuleId::Core(*rule))),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::fixtures::{NOW, confidential, scope};
    use crate::store::{Binding, Extra, RequestOrigin, RequestState};
    use crate::types::TokenDigest;

    const URI: &str = "https://app.example/cb";

    fn client() -> Client {
        Client { redirect_uris: vec![URI.to_owned()], ..confidential() }
    }

    fn thawed(request: FrozenRequest) -> (Target, Wanted) {
        let record = AuthorizationRequestRecord {
            handle: TokenDigest::of(b"handle"),
            origin: RequestOrigin::Plain,
            client: client().id,
            redirect_uri: URI.to_owned(),
            request,
            browser: None,
            subject: None,
            state: RequestState::Begun,
            binding: Binding::None,
            auth: None,
            resource: Vec::new(),
            begun_at: NOW,
            expires_at: NOW,
            extra: Extra::default(),
        };
        let (target, wanted) = thaw(&record, &client()).unwrap();
        (target.unwrap(), wanted)
    }

    // as it was written before `dropped` and `narrowed_by`
    const OLD: &str = r#"{"version":1,"scope":"read","mode":"query","prompt":"","state":"s"}"#;

    #[test]
    fn a_row_of_before_is_read_and_one_that_nothing_was_taken_from_is_written_as_before() {
        let (target, wanted) = thawed(FrozenRequest::from_bytes(OLD.as_bytes().to_vec()).unwrap());
        assert_eq!((&wanted.scope, &wanted.narrowed), (&scope("read"), &Narrowed::none()));
        assert_eq!(freeze(&target, &wanted).unwrap().as_bytes(), OLD.as_bytes());
    }

    #[test]
    fn what_was_taken_is_kept_and_a_rule_of_another_version_loses_nothing() {
        let (target, wanted) = thawed(FrozenRequest::from_bytes(OLD.as_bytes().to_vec()).unwrap());
        let narrowed =
            Narrowed::none().and(&scope("admin write"), [Rule::ScopeClient.into(), Rule::ScopeResource.into()]);
        let wanted = Wanted { narrowed: narrowed.clone(), ..wanted };
        let frozen = freeze(&target, &wanted).unwrap();
        assert_eq!(thawed(frozen.clone()).1.narrowed, narrowed);
        let strange = String::from_utf8(frozen.as_bytes().to_vec()).unwrap().replace("scope.client", "scope.moon");
        let (_, wanted) = thawed(FrozenRequest::from_bytes(strange.into_bytes()).unwrap());
        assert_eq!(wanted.narrowed, Narrowed { by: vec![Rule::ScopeResource.into()], ..narrowed });
    }
}
