//! Any text as an access token. The corpus holds tokens that our keys did sign, all of them expired, so nothing that
//! the fuzzer makes of them may verify.

use std::sync::OnceLock;

use oauth_core::jose::Alg;
use oauth_core::store::TokenProfile;
use oauth_core::token::TokenVerifier;
use oauth_core::types::Audience;
use oauth_core::wire::{Method, Request};
use oauth_core::{Endpoint, Error};
use oauth_testkit::block_on;

use crate::server::{AUDIENCE, ISSUER, server};

/// Refused by a resource server that has the published keys, and by the server itself; never a fault.
pub fn check(input: &[u8]) {
    let Ok(token) = std::str::from_utf8(input) else { return };
    for verifier in verifiers() {
        match block_on(verifier.verify(token)) {
            Err(Error::Refused(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn verifiers() -> &'static [TokenVerifier; 2] {
    static VERIFIERS: OnceLock<[TokenVerifier; 2]> = OnceLock::new();
    VERIFIERS.get_or_init(|| {
        let response = block_on(server().handle(Endpoint::Jwks, &Request::new(Method::Get, "/oauth/jwks")));
        let jwks = String::from_utf8(response.body).expect("JSON is UTF-8");
        assert_eq!(jwks.matches("\"kid\"").count(), Alg::ALL.len() - 1);
        let audience = Audience::parse(AUDIENCE).expect("a lawful audience");
        let elsewhere = TokenVerifier::builder(ISSUER, audience.clone(), TokenProfile::Rfc9068, &jwks);
        [elsewhere.expect("our own keys").build(), server().verifier(audience, TokenProfile::Rfc9068)]
    })
}
