//! The `oauth2` crate as a client: somebody else's idea of the protocol.

use oauth_core::jose::Alg;
use oauth_core::store::{AccessTokenFormat, TokenProfile};
use oauth_core::token::TokenVerifier;
use oauth_testkit::block_on;
use oauth2::basic::{BasicClient, BasicTokenType};
use oauth2::{
    AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, IntrospectionUrl, RefreshToken, RequestTokenError,
    RevocationUrl, Scope, StandardRevocableToken, TokenIntrospectionResponse, TokenResponse, TokenUrl,
};

use crate::on_every_store;
use crate::support::{Answer, Ask, Backend, Connection, Host};

on_every_store!(
    the_oauth2_crate_gets_tokens_and_understands_refusals,
    the_oauth2_crate_asks_about_tokens_and_gives_them_back,
);

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

fn the_oauth2_crate_asks_about_tokens_and_gives_them_back<B: Backend>() {
    let host = Host::<B>::start();
    let http = |request: HttpRequest| send(&host, request);
    // the crate wants https here; where the request goes is the HTTP client's affair
    let url = |path: &str| format!("https://as.example{path}");
    let formats = [("opaque", AccessTokenFormat::Opaque), ("jwt", jwt())];
    for (auth, (id, format)) in [AuthType::BasicAuth, AuthType::RequestBody].into_iter().zip(formats) {
        let registered = host.client(id, |spec| spec.access_token(format));
        let client = BasicClient::new(ClientId::new(id.to_owned()))
            .set_client_secret(ClientSecret::new(registered.secret))
            .set_auth_type(auth)
            .set_token_uri(TokenUrl::new(url("/oauth/token")).unwrap())
            .set_introspection_url(IntrospectionUrl::new(url("/oauth/introspect")).unwrap())
            .set_revocation_url(RevocationUrl::new(url("/oauth/revoke")).unwrap());
        let token = client.exchange_client_credentials().request(&http).unwrap();
        let seen = client.introspect(token.access_token()).set_token_type_hint("access_token").request(&http).unwrap();
        assert!(seen.active());
        assert_eq!(seen.client_id().map(|id| id.as_str()), Some(id));
        assert_eq!(seen.scopes().map(Vec::len), Some(3));
        assert_eq!(seen.aud(), Some(&vec!["orders".to_owned()]));
        assert_eq!(seen.iss(), Some("https://as.example"));
        assert_eq!((seen.exp().unwrap() - seen.iat().unwrap()).num_seconds(), 600);
        assert_eq!(seen.token_type(), Some(&BasicTokenType::Bearer));
        assert!(seen.jti().is_some() && seen.username().is_none());
        for _ in 0..2 {
            let given = StandardRevocableToken::AccessToken(token.access_token().clone());
            client.revoke_token(given).unwrap().request(&http).unwrap();
        }
        assert!(!client.introspect(token.access_token()).request(&http).unwrap().active());
        let unknown = StandardRevocableToken::RefreshToken(RefreshToken::new("unknown".to_owned()));
        client.revoke_token(unknown).unwrap().request(&http).unwrap();

        let wrong = client.set_client_secret(ClientSecret::new("wrong".to_owned()));
        let refused = wrong.introspect(token.access_token()).request(&http);
        let Err(RequestTokenError::ServerResponse(response)) = refused else { panic!("{refused:?}") };
        assert_eq!(response.error().to_string(), "invalid_client");
        let given = StandardRevocableToken::AccessToken(token.access_token().clone());
        assert!(wrong.revoke_token(given).unwrap().request(&http).is_err());
    }
}

fn jwt() -> AccessTokenFormat {
    AccessTokenFormat::Jwt { alg: Alg::ES256, profile: TokenProfile::Rfc9068 }
}
