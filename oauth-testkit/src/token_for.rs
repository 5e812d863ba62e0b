//! A good token and what verifies it, for the tests of hosts that guard their own handlers.

use oauth_core::keys::SealingKey;
use oauth_core::store::{TokenProfile, User};
use oauth_core::token::TokenVerifier;
use oauth_core::types::{ClientId, Issuer, Scope, Subject};
use oauth_core::wire::{Body, Method, Request};
use oauth_core::{AuthorizationServer, ClientSpec, Endpoint};
use oauth_store_memory::MemoryStore;

use crate::block_on;

const ISSUER: &str = "https://issuer.test";
const CLIENT: &str = "test-client";

/// Issues a token with these scopes, to a client in its own name, by a server of its own.
///
/// ```
/// # use oauth_testkit::{block_on, token_for};
/// let alice = token_for("orders.read orders.write").user("alice").audience("orders");
/// let access = block_on(alice.verifier().verify(alice.token())).unwrap();
/// assert_eq!(access.require_user().unwrap().as_str(), "alice");
/// ```
///
/// # Panics
/// When the text is no scope.
#[must_use]
pub fn token_for(scopes: &str) -> TestToken {
    TestToken::new(Wish { scopes: scopes.to_owned(), user: None, audience: "test".to_owned() })
}

/// A good token, and the server that issued it. By default it is for the audience `test`.
#[derive(Debug)]
pub struct TestToken {
    wish: Wish,
    server: AuthorizationServer,
    token: String,
}

#[derive(Debug)]
struct Wish {
    scopes: String,
    user: Option<String>,
    audience: String,
}

impl TestToken {
    /// The same in a user's name.
    #[must_use]
    pub fn user(self, subject: &str) -> Self {
        Self::new(Wish { user: Some(subject.to_owned()), ..self.wish })
    }

    /// The same for another audience.
    #[must_use]
    pub fn audience(self, audience: &str) -> Self {
        Self::new(Wish { audience: audience.to_owned(), ..self.wish })
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The value of an `Authorization` header that presents it.
    #[must_use]
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.token)
    }

    /// What verifies it: make the guard of the handler under test from this.
    ///
    /// # Panics
    /// When the audience is no audience.
    #[must_use]
    pub fn verifier(&self) -> TokenVerifier {
        self.server.verifier(self.wish.audience.parse().expect("an audience"), TokenProfile::Rfc9068)
    }

    /// The server that issued it, for example to revoke something.
    #[must_use]
    pub const fn server(&self) -> &AuthorizationServer {
        &self.server
    }

    fn new(wish: Wish) -> Self {
        block_on(async {
            let store = MemoryStore::new();
            let issuer = Issuer::url(ISSUER).expect("an issuer");
            let sealing_key = SealingKey::new("test", [7; 32]).expect("a sealing key");
            let server = AuthorizationServer::builder(issuer, &store, sealing_key.into()).start().await;
            let server = server.expect("a server that starts");
            let client = ClientSpec::confidential(CLIENT).scope(&wish.scopes).audience([&wish.audience]);
            let client = server.ensure_client(client).await.expect("scopes and audience that can be registered");
            let token = match &wish.user {
                None => for_client(&server, client.secret.expect("a new client's secret").expose()).await,
                Some(user) => for_user(&server, &store, user, &wish.scopes).await,
            };
            Self { wish, server, token }
        })
    }
}

async fn for_client(server: &AuthorizationServer, secret: &str) -> String {
    let mut request = Request::new(Method::Post, "");
    request.headers.push("content-type", b"application/x-www-form-urlencoded");
    let form = format!("grant_type=client_credentials&client_id={CLIENT}&client_secret={secret}");
    request.body = Body::Whole(form.into_bytes());
    let answer = server.handle(Endpoint::Token, &request).await;
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).expect("a JSON answer");
    answer.get("access_token").and_then(|token| token.as_str()).expect("a token").to_owned()
}

async fn for_user(server: &AuthorizationServer, store: &MemoryStore, user: &str, scopes: &str) -> String {
    let subject = Subject::parse(user).expect("a subject");
    let user = User { subject: subject.clone(), active: true, scope: None, password: None };
    let _registered = store.insert_user(user, [subject.as_str()]).expect("an open store");
    let client = ClientId::parse(CLIENT).expect("a client id");
    let scopes = Scope::parse(scopes).expect("scopes");
    server.issue(&subject, &client, &scopes).await.expect("a token").access_token.expose().to_owned()
}

#[cfg(test)]
mod tests {
    use oauth_core::store::Principal;

    use super::*;

    #[test]
    fn tokens_are_good_for_their_verifier_and_no_other() {
        let client = token_for("a b");
        let access = block_on(client.verifier().verify(client.token())).unwrap();
        assert!(matches!(access.principal(), Some(Principal::Client { .. })));
        assert_eq!(access.scope().as_str(), "a b");
        assert!(access.require_user().is_err());
        let user = token_for("a").user("alice");
        assert!(block_on(client.verifier().verify(user.token())).is_err());
        let access = block_on(user.verifier().verify(user.token())).unwrap();
        assert_eq!(access.require_user().unwrap().as_str(), "alice");
    }
}
