//! Strict JSON for what signatures cover (RFC 8725 §3.4 to §3.7): one object, every member once, bounded in every way.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// What one text may cost: its length, and how much the values parsed from it may weigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The greatest length of the text, in bytes.
    pub(crate) bytes: usize,
    /// How deep objects and arrays may nest; the outermost object is 1.
    pub(crate) depth: u8,
    /// How many values there may be, at all depths together: each weighs about 64 bytes in memory, however short its
    /// text.
    pub(crate) values: u16,
}

impl Limits {
    /// For the header of a JWS: read before the signature is proved.
    pub(crate) const HEADER: Self = Self { bytes: 8 * 1024, depth: 4, values: 64 };
    /// For the body of a request: nobody is authenticated yet.
    pub(crate) const BODY: Self = Self { bytes: 64 * 1024, depth: 8, values: 256 };
    /// For the claims of a token whose signature is proved.
    pub(crate) const CLAIMS: Self = Self { bytes: 16 * 1024, depth: 8, values: 1024 };
    /// For one JWK or a set of them.
    pub(crate) const KEYS: Self = Self { bytes: 256 * 1024, depth: 6, values: 4096 };
}

/// A text that is not the strict JSON asked for. Never quotes the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidJson {
    /// A byte order mark, bytes after the end, lone surrogates, control characters in strings and all else that RFC
    /// 8259 does not allow.
    #[error("not JSON")]
    Syntax,
    /// A member appears twice in one object, at whatever depth; names are compared decoded.
    #[error("a member is repeated")]
    Repeated,
    /// Lawful JSON of the wrong shape.
    #[error("not a JSON object, or one with too many or too deep values")]
    Shape,
    #[error("a member is of another type than it must be")]
    Type,
    #[error("longer than allowed")]
    TooLong,
    #[error("not UTF-8")]
    NotUtf8,
}

/// Parses exactly one JSON object. The text is read once; nothing past a limit is allocated.
pub(crate) fn object(text: &[u8], limits: Limits) -> Result<Map<String, Value>, InvalidJson> {
    if text.len() > limits.bytes {
        return Err(InvalidJson::TooLong);
    }
    let text = std::str::from_utf8(text).map_err(|_| InvalidJson::NotUtf8)?;
    let mut seen = Seen { values_left: limits.values, repeated: false };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = Strict { depth: limits.depth, seen: &mut seen }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    let value = parsed.map_err(|why| match why.is_data() {
        _ if seen.repeated => InvalidJson::Repeated,
        true => InvalidJson::Shape,
        false => InvalidJson::Syntax,
    })?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(InvalidJson::Shape),
    }
}

/// A member that must be a whole number when it is there at all. A text, a fraction, an exponent, `null` or a number
/// past 64 bits is an error, never the same as absent (CVE-2026-25537).
pub(crate) fn integer(members: &Map<String, Value>, name: &str) -> Result<Option<i64>, InvalidJson> {
    members.get(name).map(|value| value.as_i64().ok_or(InvalidJson::Type)).transpose()
}

/// A member that must be a text when it is there at all; every other type is an error, `null` too.
pub(crate) fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, InvalidJson> {
    members.get(name).map(|value| value.as_str().ok_or(InvalidJson::Type)).transpose()
}

/// Reads one value of any kind, with what is left of the limits.
struct Strict<'a> {
    depth: u8,
    seen: &'a mut Seen,
}

/// What the whole text has shown so far.
struct Seen {
    values_left: u16,
    repeated: bool,
}

impl Strict<'_> {
    /// A seed for a value one level deeper.
    fn inside<E: de::Error>(&mut self) -> Result<Strict<'_>, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("too deep"))?;
        Ok(Strict { depth, seen: self.seen })
    }
}

/// How serde_json hands over a number when some crate of the host's build has switched on `arbitrary_precision`: as a
/// map with this one member.
const NUMBER_IN_A_MAP: &str = "$serde_json::private::Number";

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.seen.values_left =
            self.seen.values_left.checked_sub(1).ok_or_else(|| de::Error::custom("too many values"))?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(self.inside()?)? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if name == NUMBER_IN_A_MAP {
                let digits = entries.next_value::<String>()?;
                return digits.parse().map(Value::Number).map_err(|_| de::Error::custom("not a number"));
            }
            let value = entries.next_value_seed(self.inside()?)?;
            if members.insert(name, value).is_some() {
                self.seen.repeated = true;
                return Err(de::Error::custom("repeated member"));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const SMALL: Limits = Limits { bytes: 200, depth: 3, values: 6 };

    fn parse(text: &str) -> Result<Map<String, Value>, InvalidJson> {
        object(text.as_bytes(), SMALL)
    }

    #[test]
    fn members_repeated_at_any_depth_are_refused() {
        for text in
            [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"{"x":{"a":1,"a":1}}"#, r#"{"x":[{"a":1,"b":2,"a":1}]}"#]
        {
            assert_eq!(parse(text), Err(InvalidJson::Repeated), "{text}");
        }
        assert!(parse(r#"{"a":{"a":1},"b":{"a":1}}"#).is_ok());
    }

    #[test]
    fn anything_but_one_object_is_refused() {
        for text in ["[]", "1", "\"a\"", "null", "true"] {
            assert_eq!(parse(text), Err(InvalidJson::Shape), "{text}");
        }
        for text in [
            "",
            " ",
            "{",
            "{}{}",
            "{} x",
            "{},",
            "{\"a\":1,}",
            "{a:1}",
            "{'a':1}",
            "\u{feff}{}",
            "{\"a\":NaN}",
            "{\"a\":01}",
            "{\"a\":\"\u{0}\"}",
            "{\"a\":\"\n\"}",
            r#"{"a":"\ud800"}"#,
            "{}\0",
            "// x\n{}",
        ] {
            assert_eq!(parse(text), Err(InvalidJson::Syntax), "{text}");
        }
        assert_eq!(object(b"{\"a\":\"\xff\"}", SMALL), Err(InvalidJson::NotUtf8));
        assert_eq!(object(b"\xff\xfe{\0}\0", SMALL), Err(InvalidJson::NotUtf8));
        assert!(parse(" {}\r\n").is_ok());
    }

    #[test]
    fn every_limit_is_exact() {
        assert!(parse(&format!("{{{}}}", " ".repeat(198))).is_ok());
        assert_eq!(parse(&format!("{{{}}}", " ".repeat(199))), Err(InvalidJson::TooLong));
        assert!(parse(r#"{"a":{"b":[1]}}"#).is_ok());
        assert_eq!(parse(r#"{"a":{"b":[[1]]}}"#), Err(InvalidJson::Shape));
        assert!(parse(r#"{"a":[1,2,3,4]}"#).is_ok());
        assert_eq!(parse(r#"{"a":[1,2,3,4,5]}"#), Err(InvalidJson::Shape));
    }

    #[test]
    fn a_member_of_another_type_is_not_the_same_as_an_absent_one() {
        let members = parse(r#"{"i":-5,"s":"x","n":null,"f":1.0,"e":1e3}"#).unwrap();
        assert_eq!(integer(&members, "i"), Ok(Some(-5)));
        assert_eq!(text(&members, "s"), Ok(Some("x")));
        for name in ["s", "n", "f", "e"] {
            assert_eq!(integer(&members, name), Err(InvalidJson::Type), "{name}");
        }
        for name in ["i", "n", "f"] {
            assert_eq!(text(&members, name), Err(InvalidJson::Type), "{name}");
        }
        assert_eq!((integer(&members, "x"), text(&members, "x")), (Ok(None), Ok(None)));
        let large = parse(r#"{"exp":18446744073709551615,"nbf":1e308}"#).unwrap();
        assert_eq!(integer(&large, "exp"), Err(InvalidJson::Type));
        assert_eq!(integer(&large, "nbf"), Err(InvalidJson::Type));
    }

    #[test]
    fn a_number_in_the_form_of_arbitrary_precision_is_a_number() {
        let members = parse(r#"{"exp":{"$serde_json::private::Number":"17"}}"#).unwrap();
        assert_eq!(integer(&members, "exp"), Ok(Some(17)));
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("\\PC{0,6}", inner, 0..4).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_parsed_is_what_was_written(members in prop::collection::btree_map("\\PC{0,6}", value(), 0..5)) {
            let text = serde_json::to_string(&members).unwrap();
            let parsed = object(text.as_bytes(), Limits::CLAIMS).unwrap();
            prop_assert_eq!(Value::Object(parsed), json!(members));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = object(&bytes, SMALL);
        }
    }
}
