//! An older system's names in JSON, an issuer that is no URL, and a grant of its own: `cargo run --bin atm`.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, HttpServer, Responder, web};
use oauth_core::dialect::{BodyMedia, Dialect, ErrorAnswer, TokenAnswer, TokenMount};
use oauth_core::jose::Alg;
use oauth_core::store::{AccessTokenFormat, AuthMethod, OptionalClaim, TokenProfile};
use oauth_core::types::Issuer;
use oauth_core::{AuthorizationServer, ClientSpec, Endpoints, ExtensionSettings};
use oauth_examples::{Failure, Host, UserCredentials, log_to_stderr, members, stop_signal};
use oauth_http_actix::{Access, Denied, Guard, routes};
use serde_json::{Map, Value, json};

// oauth:begin
const APP: &str = "DwSljVC4Ycr5YAv2Qbkf";

/// The page's names. A token that stays is not shown again, nor is an id token beside it.
#[derive(Debug)]
struct Atm;

impl Dialect for Atm {
    fn media(&self) -> BodyMedia {
        BodyMedia::Json
    }

    fn parameter<'a>(&self, member: &'a str) -> Option<&'a str> {
        match member {
            "clientId" => Some("client_id"),
            "clientSecret" => Some("client_secret"),
            "grantType" | "grant_type" | "grant_types" => Some("grant_type"),
            "id_token" => Some("id_token_hint"),
            "loginId" | "password" | "refresh_token" | "scope" | "username" => Some(member),
            _ => None,
        }
    }

    fn success(&self, answer: &TokenAnswer<'_>) -> Map<String, Value> {
        let fresh = |token: Option<&str>| token.filter(|_| !answer.refresh_token_stays).map(Value::from);
        let shown = [
            ("access_token", Some(answer.access_token.into())),
            ("exp_access_token", Some(answer.expires_in.into())),
            ("refresh_token", fresh(answer.refresh_token)),
            ("id_token", fresh(answer.id_token)),
            ("scope", answer.narrowed.then(|| answer.scope.into())),
        ];
        shown.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    fn error(&self, error: &ErrorAnswer<'_>) -> Map<String, Value> {
        members(json!({ "error": error.error, "error_description": error.error_description }))
    }
}

/// An access token without `typ` and without these claims.
const fn token_without(omit: Vec<OptionalClaim>) -> AccessTokenFormat {
    AccessTokenFormat::Jwt { alg: Alg::RS256, profile: TokenProfile::Legacy { typ: None, omit } }
}

/// An app whose users type their passwords into it. Its tokens name client and user, which a guard asks for.
fn app_with_passwords(id: &str) -> ClientSpec {
    ClientSpec::public(id)
        .legacy_json_bodies()
        .legacy_password_grant()
        .grants(["refresh_token"])
        .scope("accounts.read offline_access openid")
        .legacy_audience_is_client_id()
        .access_token(token_without(Vec::new()))
}

/// A service with a secret in its JSON.
fn service(id: &str, secret: &str) -> ClientSpec {
    ClientSpec::confidential(id)
        .legacy_json_bodies()
        .auth_methods(&[AuthMethod::ClientSecretPost])
        .chosen_secret(secret)
        .scope("accounts.read accounts.write")
}

/// Acts in the name of these users, in the app's API and nowhere else.
fn desk(id: &str, users: &[&str]) -> ClientSpec {
    service(id, "atm-desk-demo-secret")
        .grants(["user_credentials"])
        .acts_for(users.iter().copied())
        .audience([APP])
        .access_token(token_without(Vec::new()))
}
// oauth:end

/// For every token in a user's name; says who acts.
async fn profile(access: Access) -> Result<impl Responder, Denied> {
    let user = access.require_user()?.to_string();
    Ok(web::Json(json!({ "user": user, "acting": access.actor().map(ToString::to_string) })))
}

/// For users who signed in, not for who acts in their name.
async fn limits(access: Access) -> Result<impl Responder, Denied> {
    let user = access.require_signed_in()?.to_string();
    Ok(web::Json(json!({ "user": user, "withdrawal": 500 })))
}

#[actix_web::main]
async fn main() -> Result<(), Failure> {
    log_to_stderr();
    let host = Host::from_env("atm")?;
    let store = host.open_store()?;

    // oauth:begin
    let allowed = ExtensionSettings { scope: "accounts.read".to_owned(), ..ExtensionSettings::default() };
    let builder = AuthorizationServer::builder(Issuer::legacy_name("atm")?, store.stores(), store.sealing_keys()?)
        .token_mounts(["/auth/token", "/oauth/token"].map(|path| TokenMount::legacy(path, Arc::new(Atm))))
        .endpoints(Endpoints::new().jwks("/auth/.well-known/jwks.json"))
        // the page's claims: iat, iss, exp, aud
        .access_token(token_without(OptionalClaim::ALL.to_vec()))
        .access_token_lifetime(Duration::from_secs(600))
        .id_tokens(Alg::RS256)
        .with_chosen_client_secrets()
        .extension_grant(Arc::new(UserCredentials::new(store.directory())), allowed)
        .danger()
        .password_grant()
        .danger()
        .legacy_static_refresh_of_public_clients();
    let server = host.in_front_of(builder).start().await?;
    for client in [
        service("NmN78x6DMfde1XRx9hQg", "480nulBeBGqJDoAOADC0CW2frGTDVEmq").legacy_audience_is_client_id(),
        // the page's app keeps its refresh token; the other one does what it should have done
        app_with_passwords(APP).legacy_static_refresh(),
        app_with_passwords("atm-rotating-app"),
        desk("atm-desk", &["user-1"]),
        desk("atm-branch-desk", &["user-2"]),
        desk("atm-closed-desk", &[]),
    ] {
        server.ensure_client(client).await?;
    }
    store.add_user(&server, "user-1", "admin@gmail.com", "atm-demo-password").await?;
    store.add_user(&server, "user-2", "teller@gmail.com", "atm-demo-password").await?;
    // demands the least that any of these tokens says; what says more passes too
    let profile_of_all = TokenProfile::Legacy { typ: None, omit: OptionalClaim::ALL.to_vec() };
    let guard = Guard::of(&server, APP.parse()?, profile_of_all);
    let mounted = server.clone();
    let app = move || {
        App::new()
            .configure(routes(&mounted))
            .app_data(guard.clone())
            .route("/api/profile", web::get().to(profile))
            .route("/api/limits", web::get().to(limits))
    };
    // oauth:end

    host.tell(&store, COMMANDS);
    let http = HttpServer::new(app).workers(host.workers()).listen(host.listener()?)?;
    host.run(http.shutdown_signal(stop_signal(&server)?).run()).await
}

const COMMANDS: &[(&str, &str)] = &[
    (
        "An application asks for a token:",
        "curl {url}/auth/token -H 'Content-Type: application/json' -d '{
\"clientId\": \"NmN78x6DMfde1XRx9hQg\",
\"clientSecret\": \"480nulBeBGqJDoAOADC0CW2frGTDVEmq\",
\"grant_types\": \"client_credentials\"
}'",
    ),
    (
        "A user signs in through the app:",
        "curl {url}/auth/token -H 'Content-Type: application/json' -d '{
\"clientId\": \"DwSljVC4Ycr5YAv2Qbkf\",
\"username\": \"admin@gmail.com\", \"password\": \"atm-demo-password\",
\"grantType\": \"password\"
}'",
    ),
    (
        "With its refresh_token as $REFRESH and its id_token as $ID:",
        "curl {url}/auth/token -H 'Content-Type: application/json' -d '{
\"clientId\": \"DwSljVC4Ycr5YAv2Qbkf\",
\"refresh_token\": \"'$REFRESH'\",
\"id_token\": \"'$ID'\",
\"grantType\": \"refresh_token\"
}'",
    ),
    (
        "A desk acts in that user's name (nobody should copy this; see examples/README.md):",
        "curl {url}/auth/token -H 'Content-Type: application/json' -d '{
\"clientId\": \"atm-desk\", \"clientSecret\": \"atm-desk-demo-secret\",
\"loginId\": \"admin@gmail.com\", \"grantType\": \"user_credentials\"
}'",
    ),
    (
        "With an access_token of either as $TOKEN; the second is for those who signed in:",
        "curl -H \"Authorization: Bearer $TOKEN\" {url}/api/profile
curl -H \"Authorization: Bearer $TOKEN\" {url}/api/limits",
    ),
    ("Fetch the keys that verify them:", "curl {url}/auth/.well-known/jwks.json"),
];
