//! Proof that who redeems a code is who asked for it: S256 and nothing else (RFC 7636, RFC 9700 §2.1.1).

use crate::error::Refusal;
use crate::store::Client;
use crate::types::TokenDigest;

/// The S256 challenge of an authorization request: 43 characters of base64url that stand for 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge([u8; 32]);

/// A request without a lawful S256 challenge: none, `plain` (also by leaving out the method), another method, or a
/// text that is not 43 characters of base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("PKCE needs `code_challenge_method=S256` and a challenge of 43 base64url characters (RFC 7636 section 4.3)")]
pub struct InvalidChallenge;

impl Challenge {
    /// From `code_challenge` and `code_challenge_method`. A method that is left out is `plain` (RFC 7636 §4.3).
    ///
    /// # Errors
    /// [`InvalidChallenge`].
    pub fn parse(challenge: Option<&str>, method: Option<&str>) -> Result<Self, InvalidChallenge> {
        match (challenge, method) {
            (Some(challenge), Some("S256")) => decode(challenge).map(Self).ok_or(InvalidChallenge),
            _ => Err(InvalidChallenge),
        }
    }

    /// From the bytes that a store kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes for a store to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether the verifier is lawful (RFC 7636 §4.1) and its SHA-256 is the challenge; compared in constant time.
    #[must_use]
    pub fn is_met_by(&self, verifier: &str) -> bool {
        is_lawful(verifier) && crate::types::constant_time_eq(TokenDigest::of(verifier.as_bytes()).as_bytes(), &self.0)
    }
}

/// The challenge that a request brings. None at all is lawful for a confidential client that is excused from PKCE, and
/// only where the request has neither parameter: a half of it, or another method, is never taken for none.
///
/// # Errors
/// [`InvalidChallenge`].
pub(crate) fn brought(
    challenge: Option<&str>,
    method: Option<&str>,
    client: &Client,
    is_excused: bool,
) -> Result<Option<Challenge>, InvalidChallenge> {
    if challenge.is_none() && method.is_none() && client.is_confidential() && is_excused {
        return Ok(None);
    }
    Challenge::parse(challenge, method).map(Some)
}

/// Whether it is a lawful verifier (RFC 7636 §4.1): `43*128unreserved`.
#[must_use]
pub fn is_lawful(verifier: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    (43..=128).contains(&verifier.len()) && verifier.bytes().all(unreserved)
}

/// A lawful verifier, so that nothing else is ever hashed.
///
/// # Errors
/// [`Refusal::VerifierMalformed`].
pub(crate) fn require_lawful(verifier: &str) -> Result<(), Refusal> {
    if is_lawful(verifier) { Ok(()) } else { Err(Refusal::VerifierMalformed) }
}

fn decode(challenge: &str) -> Option<[u8; 32]> {
    // 43 characters, the last of them with its unused bits 0: one text for each value
    crate::jose::from_base64url(challenge)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::fixtures::{confidential, public};

    // RFC 7636 appendix B
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_vector_of_rfc_7636_verifies_and_its_neighbours_do_not() {
        let challenge = Challenge::parse(Some(CHALLENGE), Some("S256")).unwrap();
        assert!(challenge.is_met_by(VERIFIER));
        assert_eq!(Challenge::from_bytes(*challenge.as_bytes()), challenge);
        for place in 0..VERIFIER.len() {
            let mut other = VERIFIER.to_owned().into_bytes();
            other[place] = if other[place] == b'A' { b'B' } else { b'A' };
            assert!(!challenge.is_met_by(std::str::from_utf8(&other).unwrap()), "{place}");
        }
        for wrong in [CHALLENGE, "", &VERIFIER[1..], &format!("{VERIFIER}A"), &format!(" {VERIFIER}")] {
            assert!(!challenge.is_met_by(wrong), "{wrong}");
        }
    }

    #[test]
    fn only_s256_with_a_whole_digest_is_a_challenge() {
        for (challenge, method) in [
            (None, None),
            (None, Some("S256")),
            (Some(CHALLENGE), None),
            (Some(CHALLENGE), Some("plain")),
            (Some(CHALLENGE), Some("s256")),
            (Some(CHALLENGE), Some("S512")),
            (Some(""), Some("S256")),
            (Some(&CHALLENGE[1..]), Some("S256")),
            (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cMA"), Some("S256")),
            (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM="), Some("S256")),
            (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"), Some("S256")),
            // the same bytes with an unused bit set
            (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN"), Some("S256")),
        ] {
            assert_eq!(Challenge::parse(challenge, method), Err(InvalidChallenge), "{challenge:?} {method:?}");
        }
    }

    #[test]
    fn only_a_confidential_client_that_is_excused_may_leave_the_challenge_out_and_then_all_of_it() {
        let (web, app) = (confidential(), public());
        for (challenge, method, client, is_excused, lawful) in [
            (None, None, &web, true, Some(false)),
            (None, None, &web, false, None),
            (None, None, &app, true, None),
            (None, None, &app, false, None),
            (None, Some("S256"), &web, true, None),
            (Some(CHALLENGE), None, &web, true, None),
            (Some(CHALLENGE), Some("plain"), &web, true, None),
            (Some(CHALLENGE), Some("S256"), &web, true, Some(true)),
            (Some(CHALLENGE), Some("S256"), &app, false, Some(true)),
        ] {
            let brought = brought(challenge, method, client, is_excused).ok().map(|brought| brought.is_some());
            assert_eq!(brought, lawful, "{challenge:?} {method:?} {} {is_excused}", client.id);
        }
    }

    #[test]
    fn a_verifier_has_43_to_128_unreserved_characters() {
        for (length, lawful) in [(42, false), (43, true), (128, true), (129, false)] {
            let verifier = "a".repeat(length);
            let challenge = Challenge(*TokenDigest::of(verifier.as_bytes()).as_bytes());
            assert_eq!(challenge.is_met_by(&verifier), lawful, "{length}");
        }
        for c in ['-', '.', '_', '~', 'Z', '9'] {
            assert!(is_lawful(&c.to_string().repeat(43)), "{c}");
        }
        for c in ['+', '/', '=', ' ', '!', 'é'] {
            assert!(!is_lawful(&c.to_string().repeat(43)), "{c}");
        }
    }
}
