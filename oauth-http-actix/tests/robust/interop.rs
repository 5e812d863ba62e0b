//! The `oauth2` crate as a client: somebody else's idea of the protocol.

use oauth_core::store::TokenProfile;
use oauth_core::token::TokenVerifier;
use oauth_testkit::block_on;
use oauth2::basic::BasicClient;
use oauth2::{
    AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, RequestTokenError, Scope, TokenResponse, TokenUrl,
};

use crate::on_every_store;
use crate::support::{Answer, Ask, Backend, Connection, Host};

on_every_store!(the_oauth2_crate_gets_tokens_and_understands_refusals);

/// The smallest HTTP client that the crate takes.
fn send<B: Backend>(host: &Host<B>, request: HttpRequest) -> Result<HttpResponse, std::fmt::Error> {
    let ask = Ask::new(request.method().as_str(), request.uri().path()).body(request.body());
    let ask = request.headers().iter().fold(ask, |ask, (name, value)| ask.header(name.as_str(), value.as_bytes()));
    let answer: Answer = Connection::to(host.address).send(&ask.bytes()).answer();
    let mut response = HttpResponse::new(answer.body.clone());
    *response.status_mut() = answer.status.try_into().unwrap();
    for (name, value) in &answer.headers {
        let name: oauth2::http::HeaderName = name.parse().unwrap();
        response.headers_mut().append(name, value.parse().unwrap());
    }
    Ok(response)
}

fn the_oauth2_crate_gets_tokens_and_understands_refusals<B: Backend>() {
    let host = Host::<B>::start();
    let http = |request: HttpRequest| send(&host, request);
    let url = TokenUrl::new(format!("http://{}/oauth/token", host.address)).unwrap();
    for auth in [AuthType::BasicAuth, AuthType::RequestBody] {
        let client = BasicClient::new(ClientId::new("app".to_owned()))
            .set_client_secret(ClientSecret::new(host.app.secret.clone()))
            .set_auth_type(auth.clone())
            .set_token_uri(url.clone());
        let token = client
            .exchange_client_credentials()
            .add_scope(Scope::new("orders.read".to_owned()))
            .add_scope(Scope::new("unknown".to_owned()))
            .request(&http)
            .unwrap();
        assert_eq!(token.expires_in(), Some(std::time::Duration::from_secs(600)));
        assert_eq!(token.scopes().unwrap(), &vec![Scope::new("orders.read".to_owned())]);
        assert!(token.refresh_token().is_none());
        assert_eq!(host.guarded(token.access_token().secret()).text(), "client app");
        // a resource server elsewhere, that knows the published keys only
        let jwks = host.get("/oauth/jwks").text();
        let verifier =
            TokenVerifier::builder("https://as.example", "orders".parse().unwrap(), TokenProfile::Rfc9068, &jwks);
        let verifier = verifier.unwrap().clock(std::sync::Arc::new(host.clock.clone())).build();
        assert!(block_on(verifier.verify(token.access_token().secret())).is_ok());

        let refused = client
            .set_client_secret(ClientSecret::new("wrong".to_owned()))
            .exchange_client_credentials()
            .request(&http);
        let Err(RequestTokenError::ServerResponse(response)) = refused else { panic!("{refused:?}") };
        assert_eq!(response.error().to_string(), "invalid_client");
    }
}
