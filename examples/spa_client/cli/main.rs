//! A native app for the notes of `embed`, by the `oauth2` crate: its user signs in in a browser (RFC 8252).
//!
//! ```sh
//! cargo run -p oauth-examples --example notes_cli                 # lists the notes
//! cargo run -p oauth-examples --example notes_cli -- buy milk     # writes one
//! ```
//!
//! `ISSUER` is where `embed` runs (default `http://127.0.0.1:8080`), `PATIENCE` how many seconds its user may take
//! (default 300).

mod callback;
mod loopback;

use std::env;
use std::time::Duration;

use oauth_examples::Failure;
use oauth2::basic::BasicClient;
use oauth2::http::{Request, StatusCode};
use oauth2::{
    AccessToken, AuthUrl, ClientId, CsrfToken, PkceCodeChallenge, RedirectUrl, RevocationUrl, Scope,
    TokenResponse as _, TokenUrl,
};
use serde::Deserialize;

use self::callback::{Callback, Expected};
use self::loopback::send;

fn main() -> Result<(), Failure> {
    let text = env::args().skip(1).collect::<Vec<_>>().join(" ");
    let issuer = env::var("ISSUER").unwrap_or_else(|_| "http://127.0.0.1:8080".to_owned());
    let patience = env::var("PATIENCE").unwrap_or_else(|_| "300".to_owned());
    let patience = Duration::from_secs(patience.parse().map_err(|_| "PATIENCE must be a number of seconds")?);

    let server = Server::at(&issuer)?;
    let callback = Callback::listen()?;
    let client = BasicClient::new(ClientId::new("notes-cli".to_owned()))
        .set_auth_uri(AuthUrl::new(server.authorization_endpoint)?)
        .set_token_uri(TokenUrl::new(server.token_endpoint)?)
        // the crate revokes at https addresses only (RFC 7009 §2); `send` stays on this machine, in clear
        .set_revocation_url(RevocationUrl::new(server.revocation_endpoint.replacen("http:", "https:", 1))?)
        .set_redirect_uri(RedirectUrl::new(callback.uri()?)?);

    // no more than this run needs, and nothing that would outlive it
    let scope = Scope::new(if text.is_empty() { "notes.read" } else { "notes.write" }.to_owned());
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let request = client.authorize_url(CsrfToken::new_random).add_scope(scope).set_pkce_challenge(challenge);
    let (url, state) = request.url();
    println!("Open this in a browser:\n  {url}");

    let code = callback.wait(Expected { state: state.into_secret(), issuer: issuer.clone() }, patience)?;
    // the `Debug` of these errors may hold a token, their `Display` does not
    let tokens =
        client.exchange_code(code).set_pkce_verifier(verifier).request(&send).map_err(|why| why.to_string())?;
    let api = Api { issuer: &issuer, token: tokens.access_token() };
    let done = if text.is_empty() { api.list() } else { api.write(text) };
    let revoked = client.revoke_token(tokens.access_token().into())?.request(&send);
    println!("{}", done?);
    revoked.map_err(|why| why.to_string())?;
    println!("Signed out.");
    Ok(())
}

/// What the authorization server says of itself (RFC 8414 §2).
#[derive(Deserialize)]
struct Server {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    revocation_endpoint: String,
}

impl Server {
    fn at(issuer: &str) -> Result<Self, Failure> {
        let request = Request::get(format!("{issuer}/.well-known/oauth-authorization-server")).body(Vec::new())?;
        let answer = send(request).map_err(|why| format!("no answer from {issuer}: {why}"))?;
        let server: Self =
            serde_json::from_slice(answer.body()).map_err(|_| format!("{issuer} is no authorization server"))?;
        // RFC 8414 §3.3: nobody speaks for another server
        if server.issuer == issuer {
            Ok(server)
        } else {
            Err(format!("`{}` answers at {issuer}", server.issuer).into())
        }
    }
}

#[derive(Deserialize)]
struct Note {
    text: String,
}

impl Note {
    /// Without what would move the cursor.
    fn line(&self) -> String {
        format!("- {}", self.text.replace(char::is_control, " "))
    }
}

/// The notes of whoever signed in.
struct Api<'a> {
    issuer: &'a str,
    token: &'a AccessToken,
}

impl Api<'_> {
    /// All of them, newest first.
    fn list(&self) -> Result<String, Failure> {
        let notes: Vec<Note> = serde_json::from_slice(&self.ask("GET", "", StatusCode::OK)?)?;
        let lines: Vec<String> = notes.iter().map(Note::line).collect();
        Ok(if lines.is_empty() { "Nothing yet.".to_owned() } else { lines.join("\n") })
    }

    /// One more.
    fn write(&self, text: String) -> Result<String, Failure> {
        let note: Note = serde_json::from_slice(&self.ask("POST", &text, StatusCode::CREATED)?)?;
        Ok(note.line())
    }

    fn ask(&self, method: &str, text: &str, expected: StatusCode) -> Result<Vec<u8>, Failure> {
        let request = Request::builder().method(method).uri(format!("{}/api/notes", self.issuer));
        let request = request.header("authorization", format!("Bearer {}", self.token.secret()));
        let answer = send(request.header("content-type", "text/plain; charset=utf-8").body(text.into())?)?;
        let status = answer.status();
        if status == expected { Ok(answer.into_body()) } else { Err(format!("the notes answer {status}").into()) }
    }
}
