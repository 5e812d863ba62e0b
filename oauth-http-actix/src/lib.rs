//! Serves an [`AuthorizationServer`](oauth_core::AuthorizationServer) from an actix-web 4 application, and guards the
//! application's own routes with its tokens. No protocol rule lives here.
//!
//! - [`routes`] mounts the server's endpoints, runs every request to its end whatever the client does, and keeps the
//!   server maintained.
//! - [`Access`] is a handler argument: whoever has one has a good token with the scopes that it names. [`Guard`] is the
//!   application data that tells it how to verify.
//! - [`Authorize`] tells where the host's login and consent pages lie; [`Interaction`] is their handlers' argument,
//!   [`PrivatePage`] wraps what they return, and [`decide`] takes the user's decision ([`DecisionForm`]).
//!
//! ```
//! use actix_web::{App, HttpServer, Responder, web};
//! use oauth_core::keys::{SealingKey, SealingKeys};
//! use oauth_core::store::TokenProfile;
//! use oauth_core::types::Issuer;
//! use oauth_core::{AuthorizationServer, ClientSpec};
//! use oauth_http_actix::{Access, Guard, routes, scopes};
//! use oauth_store_memory::MemoryStore;
//!
//! scopes!(ReadOrders = ["orders.read"]);
//!
//! async fn orders(access: Access<ReadOrders>) -> impl Responder {
//!     format!("orders for {:?}", access.principal())
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! # let sealing_key = SealingKey::new("1", [7; 32])?;
//! let issuer = Issuer::url("http://127.0.0.1:8080")?;
//! let server =
//!     AuthorizationServer::builder(issuer, MemoryStore::new(), SealingKeys::new(sealing_key)).start().await?;
//! server.ensure_client(ClientSpec::confidential("reports").scope("orders.read").audience(["orders"])).await?;
//! let guard = Guard::of(&server, "orders".parse()?, TokenProfile::Rfc9068);
//! HttpServer::new(move || {
//!     App::new()
//!         .configure(routes(&server))
//!         .app_data(guard.clone())
//!         .route("/orders", web::get().to(orders))
//! })
//! .bind("127.0.0.1:8080")?
//! .run()
//! .await?;
//! # Ok(())
//! # }
//! ```
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::todo)
)]

mod access;
mod authorize;
mod bearer;
mod body;
mod challenge;
mod cookie;
mod cors;
mod decision_form;
mod denied;
mod form_token;
mod guard;
mod interaction;
mod maintenance;
mod misconfigured;
mod private_page;
mod request;
mod response;
mod routes;
mod scopes;

pub use self::access::Access;
pub use self::authorize::Authorize;
pub use self::challenge::Challenge;
pub use self::decision_form::DecisionForm;
pub use self::denied::Denied;
pub use self::guard::Guard;
pub use self::interaction::{Interaction, Shown, decide};
pub use self::private_page::PrivatePage;
pub use self::routes::{Routes, routes};
pub use self::scopes::RequiredScopes;
