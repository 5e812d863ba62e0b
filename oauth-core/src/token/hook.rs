//! Where a host adds its own facts to a decision and its own claims to a token.

use std::fmt;

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::context::RequestContext;
use crate::grant::ValidatedGrant;
use crate::store::{Client, Principal};
use crate::types::{ResourceUri, Scope};

/// The claims that belong to the protocol; a hook that sets one is ignored, and the audit trail says so.
///
/// Among them are the members of introspection answers (RFC 7662 §2.2), beside which additions will stand.
pub const RESERVED_CLAIMS: [&str; 21] = [
    "acr",
    "act",
    "active",
    "amr",
    "aud",
    "auth_time",
    "authorization_details",
    "client_id",
    "cnf",
    "exp",
    "iat",
    "iss",
    "jti",
    "may_act",
    "nbf",
    "nonce",
    "scope",
    "sid",
    "sub",
    "token_type",
    "username",
];

/// The answer members that belong to the protocol.
const RESERVED_MEMBERS: [&str; 11] = [
    "access_token",
    "error",
    "error_description",
    "error_uri",
    "expires_in",
    "id_token",
    "issued_token_type",
    "refresh_token",
    "scope",
    "state",
    "token_type",
];

/// Asked for every token of every grant: once for the facts that policy may need, once for what goes into the token.
///
/// Both calls may do I/O; neither runs inside a transaction. An error becomes 503 and nothing is issued.
#[async_trait]
pub trait TokenHook: fmt::Debug + Send + Sync {
    /// Loads what the host knows of client and principal, before policy decides.
    ///
    /// # Errors
    /// [`HookError`] when it cannot be known.
    async fn facts(&self, context: &RequestContext, asked: &FactsRequest<'_>) -> Result<HostFacts, HookError>;

    /// Adds claims to the token and members to the answer, after policy decided and before anything is signed.
    ///
    /// # Errors
    /// [`HookError`] when they cannot be known.
    async fn additions(
        &self,
        context: &RequestContext,
        grant: &ValidatedGrant,
        facts: &HostFacts,
        additions: &mut TokenAdditions,
    ) -> Result<(), HookError>;
}

/// What a request asks for, before anything is decided.
#[derive(Debug)]
#[non_exhaustive]
pub struct FactsRequest<'a> {
    /// The `grant_type`, or `host` for a token that the host asked for itself.
    pub grant: &'a str,
    /// Who asks; authenticated.
    pub client: &'a Client,
    /// Who the token will speak for.
    pub principal: &'a Principal,
    /// The scope that was asked for; `None` for the client's default.
    pub scope: Option<&'a Scope>,
    /// The resources that were asked for.
    pub resource: &'a [ResourceUri],
}

/// What the host knows, as JSON members of its own.
pub type HostFacts = Map<String, Value>;

/// What a hook failed with; for the operator only.
pub type HookError = Box<dyn std::error::Error + Send + Sync>;

/// What a hook adds. Protocol claims and members cannot be set: they are left out and named in the audit trail.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TokenAdditions {
    pub(crate) claims: Map<String, Value>,
    pub(crate) members: Map<String, Value>,
    pub(crate) ignored: Vec<String>,
}

impl TokenAdditions {
    /// Adds a claim to the access token; `null` is left out.
    pub fn claim(&mut self, name: &str, value: impl Into<Value>) {
        Self::add(&RESERVED_CLAIMS, &mut self.claims, &mut self.ignored, name, value.into());
    }

    /// Adds a member to the token answer; `null` is left out.
    pub fn member(&mut self, name: &str, value: impl Into<Value>) {
        Self::add(&RESERVED_MEMBERS, &mut self.members, &mut self.ignored, name, value.into());
    }

    fn add(reserved: &[&str], into: &mut Map<String, Value>, ignored: &mut Vec<String>, name: &str, value: Value) {
        if reserved.contains(&name) {
            ignored.push(name.to_owned());
        } else if !value.is_null() {
            into.insert(name.to_owned(), value);
        }
    }
}
