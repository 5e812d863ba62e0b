//! The `Authorization: Basic` credentials of a client (RFC 7617 §2, RFC 6749 §2.3.1).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::form;
use super::params::is_vschar;
use crate::error::Refusal;

/// Client id and secret, both form-decoded, in one text that is wiped: the id, a colon, the secret.
pub(crate) struct BasicCredentials {
    text: Zeroizing<String>,
    id_len: usize,
}

impl BasicCredentials {
    pub(crate) fn client_id(&self) -> &str {
        self.text.get(..self.id_len).unwrap_or_default()
    }

    pub(crate) fn secret(&self) -> &str {
        self.text.get(self.id_len + 1..).unwrap_or_default()
    }
}

/// Parses a header value.
///
/// # Errors
/// [`Refusal::AuthorizationScheme`] when the scheme is not Basic; [`Refusal::AuthorizationMalformed`] when it is, but
/// not strict base64 of UTF-8 with a colon and a client id before it.
pub(crate) fn parse(value: &[u8]) -> Result<BasicCredentials, Refusal> {
    let scheme_end = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
    let (scheme, rest) = value.split_at(scheme_end);
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return Err(Refusal::AuthorizationScheme);
    }
    let malformed = |_| Refusal::AuthorizationMalformed;
    let token = rest.strip_prefix(b" ").map(trim_spaces).ok_or(Refusal::AuthorizationMalformed)?;
    let mut decoded = Zeroizing::new(STANDARD.decode(token).map_err(|_| Refusal::AuthorizationMalformed)?);
    let colon = decoded.iter().position(|byte| *byte == b':').ok_or(Refusal::AuthorizationMalformed)?;
    let (id, secret) = decoded.split_at(colon);
    let id = form::decode(id).map_err(malformed)?;
    let secret = form::decode(secret.get(1..).unwrap_or_default()).map_err(malformed)?;
    if id.is_empty() || !id.chars().all(is_vschar) || !secret.chars().all(is_vschar) {
        return Err(Refusal::AuthorizationMalformed);
    }
    let id_len = id.len();
    let text = match (&id, &secret) {
        // nothing was escaped: the bytes are the text
        (Cow::Borrowed(_), Cow::Borrowed(_)) => String::from_utf8(std::mem::take(&mut *decoded)),
        _ => {
            let secret = Zeroizing::new(secret.into_owned());
            Ok(format!("{id}:{}", *secret))
        }
    };
    let text = Zeroizing::new(text.map_err(|_| Refusal::AuthorizationMalformed)?);
    Ok(BasicCredentials { text, id_len })
}

/// More than one space may stand between scheme and credentials (RFC 9110 §11.4).
fn trim_spaces(mut bytes: &[u8]) -> &[u8] {
    while let Some(rest) = bytes.strip_prefix(b" ") {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(plain: &str) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(plain)).into_bytes()
    }

    #[test]
    fn both_halves_are_form_decoded_and_only_the_first_colon_splits() {
        let parsed = parse(&header("a%3Ab:p%2540+ss%2Bw%3Ard%2F:x")).unwrap();
        assert_eq!((parsed.client_id(), parsed.secret()), ("a:b", "p%40 ss+w:rd/:x"));
        let plain = parse(&header("orders-app:s3cret:x")).unwrap();
        assert_eq!((plain.client_id(), plain.secret()), ("orders-app", "s3cret:x"));
        let empty = parse(&header("a%3Ab:")).unwrap();
        assert_eq!((empty.client_id(), empty.secret()), ("a:b", ""));
    }

    #[test]
    fn what_is_not_strict_is_malformed() {
        for bad in [
            &b"Basic"[..],
            b"Basic ",
            b"Basic YWI=",
            b"Basic OmI=",
            b"Basic YTpi\n",
            b"Basic YT pi",
            b"Basic YTpiYw",
            b"Basic YTpiYw=",
            b"Basic YTo_Pz8_",
            b"Basic YQA6Yg==",
            b"Basic /zph",
            b"Basic YTpiYx==",
        ] {
            assert_eq!(parse(bad).err(), Some(Refusal::AuthorizationMalformed), "{}", String::from_utf8_lossy(bad));
        }
        for other in [&b"Bearer x"[..], b"", b"BasicYTpi", b"Digest a=b"] {
            assert_eq!(parse(other).err(), Some(Refusal::AuthorizationScheme));
        }
        assert!(parse(b"bAsIc   YTpi").is_ok());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&bytes);
            let _ = parse(&[b"Basic ", &bytes[..]].concat());
        }
    }
}
