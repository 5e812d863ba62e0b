//! Any text as a JWK set (RFC 7517 §5), and as the keys that a token is verified with.

use oauth_core::jose::JwkSet;
use oauth_core::store::TokenProfile;
use oauth_core::token::TokenVerifier;
use oauth_core::types::Audience;
use oauth_testkit::block_on;

use crate::server::{AUDIENCE, ISSUER};

/// A token of ours that has expired: no key set makes it good.
const EXPIRED: &str = include_str!("../corpus/jwt/expired_es256");

/// Parses the set; keys that come from it never verify what they must not.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let parsed = JwkSet::parse(text);
    let audience = Audience::parse(AUDIENCE).expect("a lawful audience");
    match (parsed, TokenVerifier::builder(ISSUER, audience, TokenProfile::Rfc9068, text)) {
        (Ok(set), Ok(builder)) => {
            assert!(set.len() <= JwkSet::MAX_KEYS);
            assert!(block_on(builder.build().verify(EXPIRED)).is_err());
        }
        (Err(one), Err(other)) => assert_eq!(one, other),
        (one, other) => panic!("{one:?}, {other:?}"),
    }
}
