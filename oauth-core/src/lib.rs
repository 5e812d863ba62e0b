#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::todo)
)]
//! An OAuth 2.0 authorization server to embed: no web framework, no SQL, no async runtime.
pub mod audit;
mod client_auth;
mod context;
mod endpoint;
mod error;
mod grant;
pub mod jose;
pub mod keys;
#[doc(hidden)]
pub mod measure;
mod password;
mod policy;
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
pub use self::grant::ValidatedGrant;
pub use self::policy::scope::{GrantedScope, ScopeMode};
pub use self::server::{
    AuthorizationServer, Builder, ClientSpec, ConfigErrors, Configured, Danger, EnsureClientError, EnsuredClient,
    Health, Issued, KeyInfo, Keys, Maintained, MaintenanceLease, Registration, ResourceSettings, StartError,
};
