//! A server that gives `alice`'s tokens to whoever asks.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use std::sync::Arc;

use async_trait::async_trait;
use oauth_core::jose::Alg;
use oauth_core::keys::SealingKey;
use oauth_core::store::{AccessTokenFormat, Client, Register, TokenProfile, User};
use oauth_core::token::HookError;
use oauth_core::types::{Issuer, Subject};
use oauth_core::wire::{Body, Method, Request};
use oauth_core::{
    Authenticated, AuthorizationServer, Builder, ClientSpec, Endpoint, ExtensionFacts, ExtensionGrant,
    ExtensionParameters, ExtensionRefusal, ExtensionSettings, Proposal, RequestContext,
};
use oauth_testkit::block_on;

use crate::PostgresStore;

const TRUST: &str = "urn:test:trust";
const SCOPE: &str = "offline_access orders.read";

/// Gives `alice`'s tokens to whoever asks.
#[derive(Debug)]
struct Trust;

#[async_trait]
impl ExtensionGrant for Trust {
    fn grant_type(&self) -> &str {
        TRUST
    }

    fn parameters(&self) -> &[&'static str] {
        &[]
    }

    async fn facts(
        &self,
        _: &RequestContext,
        _: &Authenticated<Client>,
        _: &ExtensionParameters<'_>,
    ) -> Result<ExtensionFacts, HookError> {
        Ok(ExtensionFacts::new())
    }

    fn propose(
        &self,
        _: &Authenticated<Client>,
        _: &ExtensionParameters<'_>,
        _: &ExtensionFacts,
    ) -> Result<Proposal, ExtensionRefusal> {
        Ok(Proposal::new(Subject::parse("alice").unwrap()))
    }
}

pub fn builder(store: &PostgresStore, format: AccessTokenFormat) -> Builder {
    let trust = ExtensionSettings { scope: SCOPE.into(), refresh_tokens: true, id_tokens: false };
    let sealing = SealingKey::new("test", [7; 32]).unwrap();
    AuthorizationServer::builder(Issuer::url("https://as.example").unwrap(), store, sealing.into())
        .extension_grant(Arc::new(Trust), trust)
        .access_token(format)
}

pub fn add_alice(store: &PostgresStore) {
    let user = User { subject: "alice".parse().unwrap(), active: true, scope: None, password: None };
    assert_eq!(block_on(store.insert_user(user, &["alice"])).unwrap(), Register::Registered);
}

pub fn ensure_app(server: &AuthorizationServer) {
    let app = ClientSpec::public("app").grants([TRUST, "refresh_token"]).scope(SCOPE).audience(["orders"]);
    block_on(server.ensure_client(app)).unwrap();
}

/// Status and body of the answer to a token request.
pub fn post(server: &AuthorizationServer, form: &str) -> (u16, String) {
    let mut request = Request::new(Method::Post, "/oauth/token");
    request.headers.push("content-type", b"application/x-www-form-urlencoded");
    request.body = Body::Whole(form.as_bytes().to_vec());
    let response = block_on(server.handle(Endpoint::Token, &request));
    (response.status, String::from_utf8(response.body).unwrap())
}

pub fn begin_form() -> String {
    format!("grant_type={TRUST}&client_id=app&scope={}", SCOPE.replace(' ', "+"))
}

pub fn refresh_form(token: &str) -> String {
    format!("grant_type=refresh_token&client_id=app&refresh_token={token}")
}

pub fn jwt() -> AccessTokenFormat {
    AccessTokenFormat::Jwt { alg: Alg::ES256, profile: TokenProfile::Rfc9068 }
}
