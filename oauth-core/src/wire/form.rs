//! `application/x-www-form-urlencoded`, strictly (RFC 6749 App. B): nothing is repaired.

use std::borrow::Cow;

use super::params::{MAX_PARAMETERS, MAX_VALUE, Params, max_value};
use crate::error::Refusal;

/// Parses a whole body. Only `&` separates; `+` is a space; empty segments count as parameters and say nothing.
pub(crate) fn parse(body: &[u8]) -> Result<Params<'_>, Refusal> {
    let mut params = Params::with_capacity(8);
    for pair in pairs(body) {
        let (name, value) = pair?;
        params.add(name, value)?;
    }
    Ok(params)
}

/// Parameters of which some may be wrong: where the answer goes depends on which.
pub(crate) struct Lenient<'a> {
    /// Those that are right.
    pub(crate) params: Params<'a>,
    /// The names of the others, in the order in which they came, and what is wrong with each.
    pub(crate) faults: Vec<(Cow<'a, str>, Refusal)>,
}

impl Lenient<'_> {
    /// What is wrong with one of these parameters.
    pub(crate) fn fault_of(&self, names: &[&str]) -> Option<Refusal> {
        self.faults.iter().find(|(name, _)| names.contains(&name.as_ref())).map(|(_, refusal)| *refusal)
    }
}

/// As [`parse`], for the authorization endpoint, which tells some faults to the client and others to the user.
///
/// # Errors
/// A [`Refusal`] for what is no form at all.
pub(crate) fn parse_lenient(text: &[u8]) -> Result<Lenient<'_>, Refusal> {
    let mut lenient = Lenient { params: Params::with_capacity(16), faults: Vec::new() };
    for pair in pairs(text) {
        let (name, value) = pair?;
        if let Err(refusal) = lenient.params.add(name.clone(), value) {
            lenient.faults.push((name, refusal));
        }
    }
    Ok(lenient)
}

type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

fn pairs(text: &[u8]) -> impl Iterator<Item = Result<Pair<'_>, Refusal>> {
    text.split(|byte| *byte == b'&').enumerate().filter_map(|(count, segment)| {
        if count >= MAX_PARAMETERS {
            return Some(Err(Refusal::TooManyParameters));
        }
        if segment.is_empty() {
            return None;
        }
        let (name, value) = match segment.iter().position(|byte| *byte == b'=') {
            Some(at) => (segment.get(..at).unwrap_or_default(), segment.get(at + 1..).unwrap_or_default()),
            None => (segment, &[][..]),
        };
        Some(decode(name).and_then(|name| {
            let value = decode_within(value, max_value(&name))?;
            Ok((name, value))
        }))
    })
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
