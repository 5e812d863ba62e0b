//! `application/x-www-form-urlencoded`, strictly (RFC 6749 App. B): nothing is repaired.

use std::borrow::Cow;

use super::params::{MAX_PARAMETERS, MAX_VALUE, Params, max_value};
use crate::error::Refusal;

/// Parses a whole body. Only `&` separates; `+` is a space; empty segments count as parameters and say nothing.
pub(crate) fn parse(body: &[u8]) -> Result<Params<'_>, Refusal> {
    let mut params = Params::with_capacity(8);
    for (count, segment) in body.split(|byte| *byte == b'&').enumerate() {
        if count >= MAX_PARAMETERS {
            return Err(Refusal::TooManyParameters);
        }
        if segment.is_empty() {
            continue;
        }
        let (name, value) = match segment.iter().position(|byte| *byte == b'=') {
            Some(at) => (segment.get(..at).unwrap_or_default(), segment.get(at + 1..).unwrap_or_default()),
            None => (segment, &[][..]),
        };
        let name = decode(name)?;
        let value = decode_within(value, max_value(&name))?;
        params.add(name, value)?;
    }
    Ok(params)
}

/// Decodes one name or value; borrows when nothing is escaped.
///
/// # Errors
/// [`Refusal::FormMalformed`] on a broken escape or bytes that are no UTF-8, [`Refusal::ParameterTooLong`] past the
/// limit.
pub(crate) fn decode(raw: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    decode_within(raw, MAX_VALUE)
}

fn decode_within(raw: &[u8], limit: usize) -> Result<Cow<'_, str>, Refusal> {
    if raw.len() > limit.saturating_mul(3) {
        return Err(Refusal::ParameterTooLong);
    }
    if !raw.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return std::str::from_utf8(raw).map(Cow::Borrowed).map_err(|_| Refusal::FormMalformed);
    }
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => match (bytes.next().and_then(hex), bytes.next().and_then(hex)) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(Refusal::FormMalformed),
            },
            other => *other,
        });
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| Refusal::FormMalformed)
}

const fn hex(digit: &u8) -> Option<u8> {
    match *digit {
        b'0'..=b'9' => Some(*digit - b'0'),
        b'a'..=b'f' => Some(*digit - b'a' + 10),
        b'A'..=b'F' => Some(*digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(text: &str) -> String {
        text.bytes()
            .map(|byte| match byte {
                b' ' => "+".to_owned(),
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => (byte as char).to_string(),
                _ => format!("%{byte:02X}"),
            })
            .collect()
    }

    proptest! {
        #[test]
        fn decodes_what_was_encoded(text in "\\PC{0,40}") {
            let encoded = encode(&text);
            prop_assert_eq!(decode(encoded.as_bytes()).unwrap(), text);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }

    #[test]
    fn broken_escapes_and_bad_utf8_are_refused_not_repaired() {
        for bad in ["%", "%2", "%zz", "%u0041", "%ff", "%c0%af", "%ed%a0%80"] {
            assert_eq!(decode(bad.as_bytes()).unwrap_err(), Refusal::FormMalformed, "{bad}");
        }
        assert!(decode(b"\xff").is_err());
        assert_eq!(decode(b"a%2Bb+c").unwrap(), "a+b c");
    }

    #[test]
    fn only_the_ampersand_separates() {
        let params = parse(b"scope=a;b=2&scope[]=x&=y&&&n").unwrap();
        assert_eq!(params.all("scope").collect::<Vec<_>>(), ["a;b=2"]);
        assert_eq!(params.one("b"), None);
    }

    #[test]
    fn counts_and_lengths_are_bounded() {
        assert_eq!(parse(&b"&".repeat(64)).err(), Some(Refusal::TooManyParameters));
        assert!(parse(&b"&".repeat(63)).is_ok());
        let long = format!("x={}", "a".repeat(4097));
        assert_eq!(parse(long.as_bytes()).err(), Some(Refusal::ParameterTooLong));
        assert!(parse(&long.as_bytes()[..long.len() - 1]).is_ok());
        let token = format!("token={}", "a".repeat(16 * 1024 + 1));
        assert_eq!(parse(token.as_bytes()).err(), Some(Refusal::ParameterTooLong));
        assert!(parse(&token.as_bytes()[..token.len() - 1]).is_ok());
    }

    #[test]
    fn known_parameters_appear_once_even_when_empty() {
        for body in ["scope=a&scope=a", "scope=&scope=a", "sc%6fpe=a&scope=b"] {
            assert_eq!(parse(body.as_bytes()).err(), Some(Refusal::ParameterRepeated), "{body}");
        }
        assert!(parse(b"foo=a&foo=b&resource=u:1&resource=u:2").is_ok());
    }
}
