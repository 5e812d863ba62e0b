//! Any text as a private key in PEM (RFC 7468).

use oauth_core::jose::Alg;
use oauth_core::keys::ImportedKey;

/// Imports it for every algorithm and for none; no error quotes what may be a key.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for alg in [None].into_iter().chain(Alg::ALL.map(Some)) {
        match ImportedKey::from_pem(text, alg) {
            Ok(key) => assert!(alg.is_none_or(|alg| alg == key.alg())),
            Err(why) => check_silence(text, &why.to_string()),
        }
    }
}

/// A label may be quoted, a line of base64 may not.
fn check_silence(text: &str, why: &str) {
    let is_label = |line: &str| text.lines().any(|other| other.starts_with("-----") && other.contains(line));
    for line in text.lines().filter(|line| line.len() >= 32) {
        assert!(!why.contains(line) || is_label(line), "an error quotes the input");
    }
}
