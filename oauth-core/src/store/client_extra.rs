//! What a registration says beside the columns that every store has: written and read here only.

use serde::{Deserialize, Serialize};

use super::client::Client;
use super::grant::Extra;

const VERSION: u8 = 1;

/// Version 1. A member that is added has a default, or raises the version. Nothing said is no bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClientExtra {
    pub(crate) version: u8,
    /// Whether it may ask for a code without PKCE; confidential clients only.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) code_without_pkce: bool,
}

impl ClientExtra {
    /// What the record says; the strictest reading of what cannot be read.
    pub(crate) fn of(client: &Client) -> Self {
        let read = serde_json::from_slice::<Self>(client.extra.as_bytes()).ok();
        read.filter(|extra| extra.version == VERSION).unwrap_or_default()
    }

    /// For the record.
    pub(crate) fn to_extra(&self) -> Extra {
        if *self == Self::default() {
            return Extra::default();
        }
        let bytes = serde_json::to_vec(&Self { version: VERSION, ..self.clone() }).unwrap_or_default();
        Extra::from_bytes(bytes).unwrap_or_default()
    }
}

impl Client {
    /// Whether it may ask for a code without PKCE (RFC 9700 §2.1.1 says not to): a confidential client that was
    /// registered so.
    pub(crate) fn code_without_pkce(&self) -> bool {
        self.is_confidential() && ClientExtra::of(self).code_without_pkce
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_false(is: &bool) -> bool {
    !*is
}
