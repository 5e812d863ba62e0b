//! The introspection answer (RFC 7662 §2.2).

use serde::Serialize;
use serde_json::{Map, Value};

use crate::token::claims::{Actor, one_or_many};
use crate::types::Audience;

/// All that is said of whatever is not a good token of the caller's concern.
pub(crate) const INACTIVE: &[u8] = br#"{"active":false}"#;

/// What is said of a good one; what is not known is left out. `username` never is.
#[derive(Serialize)]
pub(crate) struct Introspection<'a> {
    /// `true`.
    pub(crate) active: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub: Option<&'a str>,
    #[serde(skip_serializing_if = "<[Audience]>::is_empty", serialize_with = "one_or_many")]
    pub(crate) aud: &'a [Audience],
    pub(crate) iss: &'a str,
    pub(crate) exp: i64,
    pub(crate) iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jti: Option<&'a str>,
    /// How an access token is presented (RFC 6749 §7.1); a refresh token has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cnf: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) act: Option<Actor<'a>>,
    #[serde(flatten)]
    pub(crate) additions: &'a Map<String, Value>,
}
