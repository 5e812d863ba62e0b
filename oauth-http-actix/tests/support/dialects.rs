//! The ways in which a token request is written: the protocol's own form, and the JSON of a legacy client.

use std::sync::Arc;

use oauth_core::dialect::{BodyMedia, Dialect, ErrorAnswer, TokenAnswer, TokenMount};
use serde_json::{Map, Value, json};

use super::{Ask, form_encode};

/// camelCase in an envelope.
#[derive(Debug)]
pub(crate) struct Camel(pub(crate) BodyMedia);

impl Dialect for Camel {
    fn media(&self) -> BodyMedia {
        self.0
    }

    fn parameter<'a>(&self, member: &'a str) -> Option<&'a str> {
        Some(match member {
            "clientId" => "client_id",
            "clientSecret" => "client_secret",
            "grantType" | "grant_types" => "grant_type",
            "refreshToken" => "refresh_token",
            "idTokenHint" => "id_token_hint",
            other => other,
        })
    }

    fn success(&self, answer: &TokenAnswer<'_>) -> Map<String, Value> {
        let mut data = json!({
            "accessToken": answer.access_token,
            "tokenType": answer.token_type,
            "expiresIn": answer.expires_in,
            "scope": answer.scope,
        });
        if let Some(token) = answer.refresh_token {
            data["refreshToken"] = token.into();
        }
        if let Some(token) = answer.id_token {
            data["idToken"] = token.into();
        }
        Map::from_iter([("ok".to_owned(), true.into()), ("data".to_owned(), data)])
    }

    fn error(&self, error: &ErrorAnswer<'_>) -> Map<String, Value> {
        let fault = json!({ "code": error.error, "text": error.error_description });
        Map::from_iter([("ok".to_owned(), false.into()), ("fault".to_owned(), fault)])
    }
}

/// The standard mount, and one that reads JSON first and forms too.
pub(crate) fn mounts() -> [TokenMount; 2] {
    let camel = TokenMount::legacy("/token", Arc::new(Camel(BodyMedia::Json)));
    [TokenMount::standard("/oauth/token"), camel.and(Arc::new(Camel(BodyMedia::Form)))]
}

/// How a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// RFC 6749's form, answered as RFC 6749 says.
    Form,
    /// JSON in camelCase, answered in the envelope.
    Json,
    /// A form, answered in the envelope.
    FormInEnvelope,
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [Self::Form, Self::Json, Self::FormInEnvelope];
    /// One of each dialect.
    pub(crate) const BOTH: [Self; 2] = [Self::Form, Self::Json];

    pub(crate) const fn target(self) -> &'static str {
        match self {
            Self::Form => "/oauth/token",
            Self::Json | Self::FormInEnvelope => "/token",
        }
    }

    /// A token request with these parameters, by their protocol names.
    pub(crate) fn ask(self, parameters: &[(&str, &str)]) -> Ask {
        let ask = Ask::new("POST", self.target());
        match self {
            Self::Form | Self::FormInEnvelope => {
                let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", form_encode(value)));
                ask.form(pairs.collect::<Vec<_>>().join("&"))
            }
            Self::Json => {
                let members = parameters.iter().map(|(name, value)| (camel(name), Value::from(*value)));
                ask.json(Value::Object(members.collect()).to_string())
            }
        }
    }
}

fn camel(name: &str) -> String {
    match name {
        "client_id" => "clientId",
        "client_secret" => "clientSecret",
        "grant_type" => "grantType",
        "refresh_token" => "refreshToken",
        "id_token_hint" => "idTokenHint",
        other => other,
    }
    .to_owned()
}
