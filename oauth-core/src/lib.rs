#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::todo)
)]
//! An OAuth 2.0 authorization server to embed in an application: no web framework, no SQL, no async runtime.
//!
//! The host keeps its users, its pages and its TLS. This crate validates grants, narrows scope, mints and signs
//! tokens, and rotates keys; a storage crate remembers; an adapter such as `oauth-http-actix` carries bytes.
//!
//! ```text
//! bytes -> wire (parse, bounded) -> client_auth -> load facts (reads only) -> decide (pure)
//!       -> mint + sign -> commit (ONE atomic store call) -> render
//! ```
//!
//! Every check stands before the commit; signing before it, so that a failing key service spends nothing; the answer
//! after it, so that no token exists unrecorded. What was checked is a type: [`Authenticated`], [`ValidatedGrant`] and
//! [`GrantedScope`] have private fields and one place each that makes them.
//!
//! ```
//! use oauth_core::keys::SealingKey;
//! use oauth_core::store::TokenProfile;
//! use oauth_core::types::{Audience, Issuer};
//! use oauth_core::wire::{Body, Method, Request};
//! use oauth_core::{AuthorizationServer, ClientSpec, Endpoint};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { oauth_testkit::block_on(async {
//!
//! let stores = oauth_store_memory::MemoryStore::new();
//! let sealing = SealingKey::new("example", [7; 32])?; // yours comes from a file or the environment
//! let server = AuthorizationServer::builder(Issuer::url("https://as.example")?, stores, sealing.into()).start().await?;
//!
//! let spec = ClientSpec::confidential("orders-worker").scope("orders.read orders.write").audience(["orders"]);
//! let secret = server.ensure_client(spec).await?.secret.ok_or("registered before")?;
//!
//! let mut request = Request::new(Method::Post, "/oauth/token");
//! request.headers.push("content-type", b"application/x-www-form-urlencoded");
//! let form = format!("grant_type=client_credentials&client_id=orders-worker&client_secret={}", secret.expose());
//! request.body = Body::Whole(form.into_bytes());
//! let response = server.handle(Endpoint::Token, &request).await;
//! assert_eq!(response.status, 200);
//!
//! let answer: serde_json::Value = serde_json::from_slice(&response.body)?;
//! let token = answer["access_token"].as_str().ok_or("no token")?;
//! let access = server.verifier(Audience::parse("orders")?, TokenProfile::Rfc9068).verify(token).await?;
//! access.require_scopes(["orders.read"])?;
//! # Ok(()) }) }
//! ```
//!
//! Nothing can be minted that was not decided; the proof types cannot be made elsewhere:
//!
//! ```compile_fail,E0451
//! # use oauth_core::GrantedScope;
//! let everything = GrantedScope { granted: "admin".parse().unwrap(), dropped: "".parse().unwrap() };
//! ```
//!
//! # Features
//! `rsa-keygen` makes RSA keys (with aws-lc-rs; `ring` signs with them but cannot make them). It changes no default.
pub mod audit;
mod client_auth;
mod context;
pub mod dialect;
mod endpoint;
mod error;
mod grant;
pub mod jose;
pub mod keys;
#[doc(hidden)]
pub mod measure;
mod password;
pub mod policy;
pub mod random;
mod server;
pub mod store;
pub mod time;
pub mod token;
pub mod types;
pub mod wire;

pub use self::client_auth::Authenticated;
pub use self::context::{CorrelationId, RequestContext};
pub use self::endpoint::{Endpoint, Endpoints};
pub use self::error::{Error, Fault, Refusal};
pub use self::grant::{
    ExtensionFacts, ExtensionGrant, ExtensionParameters, ExtensionRefusal, ExtensionSettings, Proposal, ValidatedGrant,
};
pub use self::policy::scope::{GrantedScope, ScopeMode};
pub use self::server::{
    Advice, AuthorizationServer, Builder, ClientSpec, ConfigErrors, Configured, Danger, EnsureClientError,
    EnsuredClient, HashPasswordError, Health, Issued, KeyInfo, Keys, Maintained, MaintenanceLease, NewSecret,
    Registration, ResourceSettings, Restored, RotateSecretError, SetActiveError, StartError,
};
