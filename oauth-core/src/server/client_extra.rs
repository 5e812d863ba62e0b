//! What a client's record holds in its `extra`: what the protocol learned after the record was laid out.

use serde::{Deserialize, Serialize};

use crate::store::{Client, Extra, StoreError, TooLarge};
use crate::types::Audience;

/// Version 1. Members that are not known here are ignored; nothing at all is kept as no bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct ClientExtra {
    v: u8,
    /// The audiences that the client speaks for as a resource server (RFC 7662 §2.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    introspects: Vec<String>,
    /// Whether it sees every token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    introspects_everything: bool,
    /// Whether it may ask for a code without PKCE (RFC 9700 §2.1.1 says not to).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    code_without_pkce: bool,
}

const VERSION: u8 = 1;

impl ClientExtra {
    pub(crate) fn new(introspects: &[Audience], introspects_everything: bool, code_without_pkce: bool) -> Self {
        let introspects = introspects.iter().map(ToString::to_string).collect();
        Self { v: VERSION, introspects, introspects_everything, code_without_pkce }
    }

    /// What a record holds.
    ///
    /// # Errors
    /// [`StoreError`] when that is not what we wrote.
    pub(crate) fn of(client: &Client) -> Result<Self, StoreError> {
        let bytes = client.extra.as_bytes();
        if bytes.is_empty() {
            return Ok(Self::new(&[], false, false));
        }
        let read = serde_json::from_slice(bytes).ok().filter(|read: &Self| read.v == VERSION);
        read.ok_or_else(|| StoreError::corrupt("a client's `extra` does not parse"))
    }

    /// For the record; no bytes when there is nothing to say.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub(crate) fn to_extra(&self) -> Result<Extra, TooLarge> {
        if *self == Self::new(&[], false, false) {
            return Ok(Extra::default());
        }
        Extra::from_bytes(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Whether the client speaks for this audience.
    pub(crate) fn speaks_for(&self, audience: &Audience) -> bool {
        self.introspects.iter().any(|held| held == audience.as_str())
    }

    /// Whether a confidential client may do without PKCE; a public one never may.
    pub(crate) const fn code_without_pkce(&self) -> bool {
        self.code_without_pkce
    }

    pub(crate) const fn sees_everything(&self) -> bool {
        self.introspects_everything
    }
}
