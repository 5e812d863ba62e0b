//! The same inputs give the same bytes: a whole answer under a fixed clock and seeded randomness.

use base64::Engine as _;
use oauth_core::jose::Alg;

use crate::world::{World, jwt, peek};

#[test]
fn an_eddsa_answer_is_the_same_to_the_byte() {
    let answer = || {
        let world = World::new(|builder| builder.access_token(jwt(Alg::EdDSA)));
        world.token("grant_type=client_credentials").response
    };
    let first = answer();
    assert_eq!(first, answer());
    let body: serde_json::Value = serde_json::from_slice(&first.body).unwrap();
    let (header, claims) = peek(body["access_token"].as_str().unwrap());
    let kid = header.split("\"kid\":\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(header, format!("{{\"alg\":\"EdDSA\",\"kid\":\"{kid}\",\"typ\":\"at+jwt\"}}"));
    let jti = claims["jti"].as_str().unwrap();
    let payload = body["access_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
    let pinned = format!(
        "{{\"iss\":\"https://as.example\",\"sub\":\"orders-worker\",\"aud\":\"orders\",\"exp\":1800000600,\
         \"iat\":1800000000,\"jti\":\"{jti}\",\"client_id\":\"orders-worker\",\"scope\":\"orders.read orders.write\"}}"
    );
    assert_eq!(String::from_utf8(payload).unwrap(), pinned);
    assert_eq!(
        first.headers.iter().map(|(name, value)| (*name, value.as_ref())).collect::<Vec<_>>(),
        [("content-type", "application/json"), ("cache-control", "no-store"), ("pragma", "no-cache")]
    );
}
