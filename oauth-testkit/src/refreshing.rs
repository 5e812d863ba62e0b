//! A server that gives refresh tokens for the asking.

use std::sync::Arc;

use oauth_core::keys::SealingKey;
use oauth_core::store::{AccessTokenFormat, Client, Stores};
use oauth_core::types::{Issuer, Subject};
use oauth_core::wire::{Body, Method, Request, Response};
use oauth_core::{
    Authenticated, AuthorizationServer, Builder, ClientSpec, Endpoint, ExtensionFacts, ExtensionGrant,
    ExtensionParameters, ExtensionRefusal, ExtensionSettings, Proposal,
};

use crate::block_on;

const TRUST: &str = "urn:oauth-testkit:trust";
const SCOPE: &str = "offline_access orders.read";

/// A server whose one public client gets tokens of the user `alice` for the asking: the shortest way to a refresh token,
/// to see what a store costs and how its faults look from outside.
///
/// ```
/// # use oauth_core::store::{AccessTokenFormat, User};
/// # use oauth_testkit::RefreshingServer;
/// # let store = oauth_store_memory::MemoryStore::new();
/// # let alice = User { subject: "alice".parse().unwrap(), active: true, scope: None, password: None };
/// # let _ = store.insert_user(alice, ["alice"]).unwrap();
/// let builder = RefreshingServer::builder(&store, AccessTokenFormat::Opaque); // and whatever else is to be set
/// let server = RefreshingServer::start(builder);
/// assert_eq!(server.begin().status, 200);
/// ```
#[derive(Debug)]
pub struct RefreshingServer(AuthorizationServer);

impl RefreshingServer {
    /// What it is built of. Among the users of the stores is `alice`.
    pub fn builder(stores: impl Into<Stores>, access_token: AccessTokenFormat) -> Builder {
        let issuer = Issuer::url("https://as.example").expect("an issuer");
        let sealing_key = SealingKey::new("test", [7; 32]).expect("a sealing key");
        let trust = ExtensionSettings { scope: SCOPE.into(), refresh_tokens: true, id_tokens: false };
        AuthorizationServer::builder(issuer, stores, sealing_key.into())
            .extension_grant(Arc::new(Trust), trust)
            .access_token(access_token)
    }

    /// Starts it and registers its client, if that is not done.
    ///
    /// # Panics
    /// When the stores fail.
    #[must_use]
    pub fn start(builder: Builder) -> Self {
        let server = block_on(builder.start()).expect("a server that starts");
        let app = ClientSpec::public("app").grants([TRUST, "refresh_token"]).scope(SCOPE).audience(["orders"]);
        block_on(server.ensure_client(app)).expect("a client that can be registered");
        Self(server)
    }

    /// The server.
    #[must_use]
    pub const fn server(&self) -> &AuthorizationServer {
        &self.0
    }

    /// Asks for the first tokens.
    pub fn begin(&self) -> Response {
        self.token(&Self::begin_form())
    }

    /// Uses a refresh token.
    pub fn refresh(&self, token: &str) -> Response {
        self.token(&Self::refresh_form(token))
    }

    /// Posts a form to the token endpoint.
    pub fn token(&self, form: &str) -> Response {
        self.post(Endpoint::Token, "/oauth/token", form)
    }

    /// Posts a form to an endpoint.
    pub fn post(&self, endpoint: Endpoint, path: &str, form: &str) -> Response {
        let mut request = Request::new(Method::Post, path);
        request.headers.push("content-type", b"application/x-www-form-urlencoded");
        request.body = Body::Whole(form.as_bytes().to_vec());
        block_on(self.0.handle(endpoint, &request))
    }

    /// The form that asks for the first tokens.
    #[must_use]
    pub fn begin_form() -> String {
        format!("grant_type={TRUST}&client_id=app&scope={}", SCOPE.replace(' ', "+"))
    }

    /// The form that uses a refresh token.
    #[must_use]
    pub fn refresh_form(token: &str) -> String {
        format!("grant_type=refresh_token&client_id=app&refresh_token={token}")
    }
}

/// Gives `alice`'s tokens to whoever asks.
#[derive(Debug)]
struct Trust;

impl ExtensionGrant for Trust {
    fn grant_type(&self) -> &str {
        TRUST
    }

    fn parameters(&self) -> &[&'static str] {
        &[]
    }

    fn propose(
        &self,
        _: &Authenticated<Client>,
        _: &ExtensionParameters<'_>,
        _: &ExtensionFacts,
    ) -> Result<Proposal, ExtensionRefusal> {
        Ok(Proposal::new(Subject::parse("alice").expect("a subject")))
    }
}
