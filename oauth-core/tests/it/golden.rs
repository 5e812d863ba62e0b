//! The same inputs give the same bytes: a whole answer under a fixed clock and seeded randomness.

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
    assert_eq!(
        claims,
        serde_json::json!({
            "iss": "https://as.example", "sub": "orders-worker", "aud": "orders", "exp": 1_800_000_600,
            "iat": 1_800_000_000, "jti": jti, "client_id": "orders-worker", "scope": "orders.read orders.write",
        })
    );
    assert_eq!(
        first.headers.iter().map(|(name, value)| (*name, value.as_ref())).collect::<Vec<_>>(),
        [("content-type", "application/json"), ("cache-control", "no-store"), ("pragma", "no-cache")]
    );
}
