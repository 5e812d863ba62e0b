//! The floor: the least that an honest token endpoint does, written straight into one actix handler.
//!
//! It parses the form, decodes Basic, compares SHA-256 of the secret, and then either makes claims and signs them with a
//! parsed key, or draws 256 random bits and keeps their digest in one map. It answers the same bytes as our server but
//! for the token. It has no scope policy, no second client, no audit, no revocation, no limits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use oauth_core::jose::Alg;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::figures::Failure;
use crate::keys::BareKey;
use crate::load::announce;

const CLIENT: &str = "billing";
const SECRET: &str = "bench-secret-of-as-many-characters-as-a-real";
const LIFETIME: u64 = 600;

/// What the handler knows.
struct Bare {
    secret: [u8; 32],
    random: SystemRandom,
    kind: Kind,
}

#[expect(clippy::large_enum_variant, reason = "there is one")]
enum Kind {
    Jwt { key: BareKey, header: String },
    Opaque { issued: Mutex<HashMap<[u8; 32], Issued>> },
}

/// What a lookup of an opaque token would need.
struct Issued {
    _client: Arc<str>,
    _scope: String,
    _expires_at: u64,
}

#[derive(Deserialize)]
struct Form {
    grant_type: String,
    scope: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: u64,
    iat: u64,
    jti: &'a str,
    client_id: &'a str,
    scope: &'a str,
}

#[derive(Serialize)]
struct Answer<'a> {
    access_token: &'a str,
    token_type: &'a str,
    expires_in: u64,
    scope: &'a str,
}

/// Serves until the process is ended. `token` is `opaque` or the name of an algorithm.
pub(crate) fn run(token: &str) -> Result<bool, Failure> {
    let kind = match Alg::ALL.into_iter().find(|alg| alg.as_str() == token) {
        Some(alg) => {
            let header =
                format!(r#"{{"alg":"{token}","kid":"0123456789012345678901234567890123456789012","typ":"at+jwt"}}"#);
            Kind::Jwt { key: BareKey::new(alg)?, header: URL_SAFE_NO_PAD.encode(header) }
        }
        None => Kind::Opaque { issued: Mutex::default() },
    };
    let bare = web::Data::new(Bare { secret: sha256(SECRET.as_bytes()), random: SystemRandom::new(), kind });
    let app = move || App::new().app_data(bare.clone()).route("/oauth/token", web::post().to(token_endpoint));
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(app).workers(1).bind("127.0.0.1:0")?;
        let authorization = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{SECRET}")));
        announce(server.addrs()[0], &authorization);
        server.run().await?;
        Ok(true)
    })
}

async fn token_endpoint(bare: web::Data<Bare>, request: HttpRequest, form: web::Form<Form>) -> HttpResponse {
    if !authenticates(&bare, &request) || form.grant_type != "client_credentials" {
        return HttpResponse::Unauthorized().finish();
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since: Duration| since.as_secs());
    let token = match &bare.kind {
        Kind::Jwt { key, header } => jwt(&bare, key, header, &form.scope, now),
        Kind::Opaque { issued } => {
            let mut bytes = [0; 32];
            bare.random.fill(&mut bytes).expect("randomness");
            let token = URL_SAFE_NO_PAD.encode(bytes);
            let row = Issued { _client: Arc::from(CLIENT), _scope: form.scope.clone(), _expires_at: now + LIFETIME };
            issued.lock().expect("nobody panics").insert(sha256(token.as_bytes()), row);
            token
        }
    };
    let answer = Answer { access_token: &token, token_type: "Bearer", expires_in: LIFETIME, scope: &form.scope };
    HttpResponse::Ok()
        .append_header(("content-type", "application/json"))
        .append_header(("cache-control", "no-store"))
        .append_header(("pragma", "no-cache"))
        .body(serde_json::to_vec(&answer).expect("text and numbers"))
}

fn authenticates(bare: &Bare, request: &HttpRequest) -> bool {
    let header = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let decoded = header.and_then(|value| STANDARD.decode(value.strip_prefix("Basic ")?).ok());
    let Some((id, secret)) = decoded.as_deref().and_then(|plain| std::str::from_utf8(plain).ok()?.split_once(':'))
    else {
        return false;
    };
    id == CLIENT && sha256(secret.as_bytes()) == bare.secret
}

fn jwt(bare: &Bare, key: &BareKey, header: &str, scope: &str, now: u64) -> String {
    let mut id = [0; 16];
    bare.random.fill(&mut id).expect("randomness");
    let claims = Claims {
        iss: "http://127.0.0.1",
        sub: CLIENT,
        aud: "https://api.example",
        exp: now + LIFETIME,
        iat: now,
        jti: &URL_SAFE_NO_PAD.encode(id),
        client_id: CLIENT,
        scope,
    };
    let payload = serde_json::to_vec(&claims).expect("text and numbers");
    let mut token = String::with_capacity(1024);
    token.push_str(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut token);
    let mut signature = [0; 256];
    let length = key.sign(token.as_bytes(), &mut signature);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(&signature[..length], &mut token);
    token
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().expect("SHA-256 has 32 bytes")
}
