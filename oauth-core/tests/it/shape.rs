//! What hosts lean on without thinking of it: futures that move between threads, stores behind `dyn`.

use oauth_core::store::{ClientRegistry, ClientStore, GrantStore, KeyStore, Stores, UserStore};
use oauth_core::token::TokenVerifier;
use oauth_core::types::{ClientId, FamilyId, Scope, Subject};
use oauth_core::wire::{Method, Request};
use oauth_core::{AuthorizationServer, Builder, ClientSpec, Endpoint};

fn send<T: Send>(value: T) {
    drop(value);
}

#[expect(dead_code, reason = "compiled, not run: the compiler is the test")]
fn every_public_future_is_send(server: &AuthorizationServer, verifier: &TokenVerifier, builder: Builder) {
    let request = Request::new(Method::Post, "/");
    let subject = Subject::parse("a").unwrap();
    let client = ClientId::parse("a").unwrap();
    send(server.handle(Endpoint::Token, &request));
    send(server.ensure_client(ClientSpec::public("a")));
    send(server.issue(&subject, &client, &Scope::empty()));
    send(server.revoke_family(FamilyId::from_bytes([0; 16])));
    send(server.revoke_subject(&subject));
    send(server.maintain());
    send(server.health());
    send(server.shutdown());
    send(server.keys().list());
    send(verifier.verify(""));
    send(builder.start());
}

#[expect(dead_code, reason = "compiled, not run: the compiler is the test")]
fn every_store_trait_is_dyn(
    stores: Stores,
    clients: std::sync::Arc<dyn ClientStore>,
    registry: std::sync::Arc<dyn ClientRegistry>,
    users: std::sync::Arc<dyn UserStore>,
    keys: std::sync::Arc<dyn KeyStore>,
    grants: std::sync::Arc<dyn GrantStore>,
) -> Stores {
    stores.clients(clients, Some(registry)).users(users).keys(keys).grants(grants)
}

#[test]
fn the_server_is_one_pointer_and_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + 'static>() {}
    shared::<AuthorizationServer>();
    shared::<TokenVerifier>();
    assert_eq!(size_of::<AuthorizationServer>(), size_of::<usize>());
}
