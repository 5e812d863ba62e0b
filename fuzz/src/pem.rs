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

/// No error shows 40 characters of base64 in a row; none of our own sentences has a word that long. A label may be
/// quoted, whatever somebody wrote into it.
fn check_silence(text: &str, why: &str) {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    for run in why.split(|c| !is_base64(c)).filter(|run| run.len() >= 40) {
        assert!(text.lines().any(|line| line.contains("-----") && line.contains(run)), "an error quotes the input");
    }
}
