//! RFC 8414 and the JWK set: rendered from what is mounted.

use oauth_core::types::Issuer;
use oauth_core::wire::{Method, Request};
use oauth_core::{AuthorizationServer, Endpoint, Endpoints};
use oauth_testkit::{Times, block_on};
use serde_json::json;

use crate::world::{Answer, Parts, World};

fn fetch(server: &AuthorizationServer, endpoint: Endpoint, method: Method) -> Answer {
    Answer::of(block_on(server.handle(endpoint, &Request::new(method, "/"))))
}

fn server(issuer: Issuer, endpoints: Endpoints) -> AuthorizationServer {
    block_on(Parts::new().builder_for(issuer).endpoints(endpoints).start()).unwrap()
}

#[test]
fn the_document_says_what_is_mounted_and_keeps_the_issuer_to_the_byte() {
    let endpoints = Endpoints::new().token("/connect/token").introspect("/connect/introspect");
    let server = server(Issuer::url("https://as.example/tenant/A%2f").unwrap(), endpoints);
    let document = fetch(&server, Endpoint::Metadata, Method::Get);
    assert_eq!(
        document.body,
        json!({
            "issuer": "https://as.example/tenant/A%2f",
            "token_endpoint": "https://as.example/connect/token",
            "introspection_endpoint": "https://as.example/connect/introspect",
            "revocation_endpoint": "https://as.example/tenant/A%2f/oauth/revoke",
            "jwks_uri": "https://as.example/tenant/A%2f/oauth/jwks",
            "response_types_supported": [],
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        })
    );
    let mounted: Vec<_> = server.endpoints().map(|(endpoint, path)| (endpoint, path.to_owned())).collect();
    assert!(mounted.contains(&(Endpoint::Metadata, "/.well-known/oauth-authorization-server/tenant/A%2f".to_owned())));
}

#[test]
fn public_clients_give_back_and_never_ask_where_there_are_any() {
    let document = fetch(&crate::people::plain().server, Endpoint::Metadata, Method::Get).body;
    let methods = |endpoint: &str| document[format!("{endpoint}_endpoint_auth_methods_supported")].clone();
    let secret = json!(["client_secret_basic", "client_secret_post"]);
    let all = json!(["client_secret_basic", "client_secret_post", "none"]);
    assert_eq!((methods("introspection"), methods("revocation"), methods("token")), (secret, all.clone(), all));
}

#[test]
fn a_public_base_stands_in_front_of_every_published_path_only() {
    let server = server(Issuer::url("https://as.example").unwrap(), Endpoints::new().public_base("/auth"));
    let document = fetch(&server, Endpoint::Metadata, Method::Get);
    assert_eq!(document.body["token_endpoint"], "https://as.example/auth/oauth/token");
    assert!(server.endpoints().any(|mounted| mounted == (Endpoint::Token, "/oauth/token")));
}

#[test]
fn a_legacy_name_has_no_metadata_and_is_the_issuer_of_its_tokens() {
    let server = server(Issuer::legacy_name("atm").unwrap(), Endpoints::new());
    assert!(server.endpoints().all(|(endpoint, _)| endpoint != Endpoint::Metadata));
    assert_eq!(server.issuer().as_str(), "atm");
}

#[test]
fn the_key_set_is_cacheable_validatable_and_served_in_an_outage() {
    let world = World::new(|builder| builder);
    let first = fetch(&world.server, Endpoint::Jwks, Method::Get);
    assert_eq!(first.response.header_value("cache-control"), Some("public, max-age=300"));
    assert_eq!(first.response.header_value("content-type"), Some("application/jwk-set+json"));
    let etag = first.response.header_value("etag").unwrap().to_owned();
    let conditional = |tag: &str| {
        let mut request = Request::new(Method::Get, "/");
        request.headers.push("If-None-Match", tag.as_bytes());
        block_on(world.server.handle(Endpoint::Jwks, &request))
    };
    for tag in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
        let unchanged = conditional(&tag);
        assert_eq!((unchanged.status, unchanged.body.len()), (304, 0), "{tag}");
        assert_eq!(unchanged.header_value("etag"), Some(&*etag));
    }
    assert_eq!(conditional("\"x\"").status, 200);
    world.store.fail(oauth_testkit::Method::LoadKeys, oauth_core::store::StoreErrorKind::Unavailable, Times::Always);
    world.advance(3600);
    let outage = fetch(&world.server, Endpoint::Jwks, Method::Get);
    assert_eq!((outage.status, outage.body), (200, first.body));
    // but nothing is signed with keys that may have been revoked since
    assert_eq!(world.token("grant_type=client_credentials").error(), (503, "temporarily_unavailable"));
}

#[test]
fn public_documents_are_read_only() {
    let world = World::new(|builder| builder);
    for endpoint in [Endpoint::Jwks, Endpoint::Metadata] {
        assert_eq!(fetch(&world.server, endpoint, Method::Head).status, 200);
        for method in [Method::Post, Method::Put, Method::Delete, Method::Patch] {
            let refused = fetch(&world.server, endpoint, method);
            assert_eq!((refused.status, refused.response.header_value("allow")), (405, Some("GET, HEAD")));
        }
    }
}
