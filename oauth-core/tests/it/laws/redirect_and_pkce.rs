//! Redirect URIs match byte for byte but for the loopback port, and only the S256 preimage verifies.

use oauth_core::policy::pkce::Challenge;
use oauth_core::policy::redirect_uri;
use oauth_testkit::laws::Trial;
use oauth2::{PkceCodeChallenge, PkceCodeVerifier};
use proptest::prelude::*;
use proptest::sample::select;

use super::planted::told;

/// A registered URI by its parts, and what was changed of it in the presented one.
#[derive(Debug, Clone)]
struct Case {
    origin: &'static str,
    port: Option<u16>,
    rest: &'static str,
    change: Change,
}

#[derive(Debug, Clone)]
enum Change {
    Nothing,
    Port(Option<u16>),
    Byte(usize, u8),
    Longer(u8),
    Shorter,
}

const LOOPBACK: [&str; 2] = ["http://127.0.0.1", "http://[::1]"];

impl Case {
    fn registered(&self) -> String {
        written(self.origin, self.port, self.rest)
    }

    fn presented(&self) -> String {
        let mut bytes = self.registered().into_bytes();
        match self.change {
            Change::Nothing => {}
            Change::Port(port) => return written(self.origin, port, self.rest),
            Change::Byte(place, byte) => {
                let place = place % bytes.len();
                bytes[place] = byte;
            }
            Change::Longer(byte) => bytes.push(byte),
            Change::Shorter => {
                bytes.pop();
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    /// Same bytes, or only the port of a loopback address differs: told from how the pair was made and, where a byte
    /// was changed, by reading both from the end.
    fn expected(&self) -> bool {
        let (registered, presented) = (self.registered(), self.presented());
        if registered == presented {
            return true;
        }
        let same = without_port(self.origin, &registered)
            .zip(without_port(self.origin, &presented))
            .is_some_and(|(one, other)| one == other);
        LOOPBACK.contains(&self.origin) && same
    }
}

/// What follows the port, when what stands there is one.
fn without_port<'a>(origin: &str, uri: &'a str) -> Option<&'a str> {
    let after = uri.strip_prefix(origin)?;
    let path = after.find(['/', '?']).map_or("", |start| &after[start..]);
    let port = &after[..after.len() - path.len()];
    let is_port = |digits: &str| {
        digits.bytes().all(|byte| byte.is_ascii_digit()) && (1..=65_535).contains(&digits.parse().unwrap_or(0_u64))
    };
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some(path)
}

fn written(origin: &str, port: Option<u16>, rest: &str) -> String {
    port.map_or_else(|| format!("{origin}{rest}"), |port| format!("{origin}:{port}{rest}"))
}

fn case() -> impl Strategy<Value = Case> {
    let origins = vec![
        "http://127.0.0.1",
        "http://[::1]",
        "http://localhost",
        "https://127.0.0.1",
        "https://app.example",
        "http://127.0.0.1.example",
    ];
    let port = || prop::option::of(select(vec![1, 80, 443, 8_080, 65_535]));
    let change = prop_oneof![
        1 => Just(Change::Nothing),
        3 => port().prop_map(Change::Port),
        4 => (any::<usize>(), 0x21..=0x7e_u8).prop_map(|(place, byte)| Change::Byte(place, byte)),
        1 => (0x21..=0x7e_u8).prop_map(Change::Longer),
        1 => Just(Change::Shorter),
    ];
    (select(origins), port(), select(vec!["/cb", "/", "", "/cb?a=b", "/a/../b", "?q"]), change)
        .prop_map(|(origin, port, rest, change)| Case { origin, port, rest, change })
}

type Matches = fn(&str, &str) -> bool;

fn uri_law(matches: Matches, trial: &Trial) {
    trial.run("a redirect URI is the registered one", 1, case(), |case| {
        let (registered, presented) = (case.registered(), case.presented());
        prop_assert_eq!(matches(&registered, &presented), case.expected(), "{} {}", registered, presented);
        Ok(())
    });
}

type Verifies = fn(challenge: &str, verifier: &str) -> bool;

/// The challenge comes from a client library that is not ours.
fn pkce_law(verifies: Verifies, trial: &Trial) {
    let verifier = || "[A-Za-z0-9._~-]{43,128}";
    trial.run("only the preimage verifies", 1, (verifier(), verifier()), |(right, other)| {
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(right.clone()));
        let challenge = challenge.as_str();
        prop_assert!(verifies(challenge, &right), "{} {}", challenge, right);
        prop_assert_eq!(verifies(challenge, &other), right == other);
        prop_assert!(!verifies(challenge, challenge), "the challenge is not its own preimage");
        for length in [1, right.len() - 1] {
            prop_assert!(!verifies(challenge, &right[..length]));
        }
        Ok(())
    });
}

fn s256(challenge: &str, verifier: &str) -> bool {
    Challenge::parse(Some(challenge), Some("S256")).is_ok_and(|challenge| challenge.is_met_by(verifier))
}

fn kept() -> Trial {
    Trial::in_file(file!()).times(8)
}

#[test]
fn uris_match_byte_for_byte_but_for_the_loopback_port() {
    uri_law(redirect_uri::matches, &kept());
}

#[test]
fn only_the_s256_preimage_verifies() {
    pkce_law(s256, &kept());
}

const ANY_CASE: Matches = |one, other| redirect_uri::matches(one, other) || one.eq_ignore_ascii_case(other);
const BEGINNING: Matches = |one, other| redirect_uri::matches(one, other) || other.starts_with(one);
const ANY_NAME: Matches = |one, other| {
    let named = |uri: &str| uri.replace("http://localhost", "http://127.0.0.1");
    redirect_uri::matches(&named(one), &named(other))
};
const PLAIN: Verifies = |challenge, verifier| s256(challenge, verifier) || challenge == verifier;

#[test]
fn a_match_that_ignores_case_is_caught() {
    told(|| uri_law(ANY_CASE, &Trial::repeatable(2_048)));
}

#[test]
fn a_match_of_a_beginning_is_caught() {
    told(|| uri_law(BEGINNING, &Trial::repeatable(2_048)));
}

#[test]
fn a_port_that_does_not_matter_at_a_name_is_caught() {
    told(|| uri_law(ANY_NAME, &Trial::repeatable(2_048)));
}

#[test]
fn a_plain_challenge_is_caught() {
    told(|| pkce_law(PLAIN, &Trial::repeatable(2_048)));
}

#[test]
fn regression_redirect_uris() {
    let of = |origin, change| Trial::on(Case { origin, port: None, rest: "/cb", change });
    let kept: [(&str, Change, Matches); 3] = [
        ("http://127.0.0.1", Change::Byte(0, b'H'), ANY_CASE),
        ("http://127.0.0.1", Change::Longer(b'!'), BEGINNING),
        ("http://localhost", Change::Port(Some(1)), ANY_NAME),
    ];
    for (origin, change, wrong) in kept {
        uri_law(redirect_uri::matches, &of(origin, change.clone()));
        told(|| uri_law(wrong, &of(origin, change)));
    }
}

#[test]
fn regression_a_challenge_as_its_own_verifier() {
    let kept = || Trial::on(("A".repeat(43), "A".repeat(43)));
    pkce_law(s256, &kept());
    told(|| pkce_law(PLAIN, &kept()));
}
