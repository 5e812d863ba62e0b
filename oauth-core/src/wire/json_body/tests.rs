use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::wire::form;

/// The spellings of a dialect like those that real systems have.
fn spelling(member: &str) -> Option<String> {
    let name = match member {
        "clientId" => "client_id",
        "grantType" | "grant_types" => "grant_type",
        "client_id" | "client_secret" | "code" | "grant_type" | "password" | "refresh_token" | "resource" | "scope"
        | "username" => member,
        _ => return None,
    };
    Some(name.to_owned())
}

fn read(text: &str) -> Result<Params<'static>, Refusal> {
    parse(text.as_bytes(), &spelling)
}

fn refused(text: &str) -> Option<Refusal> {
    read(text).err()
}

#[test]
fn members_are_read_by_every_spelling() {
    let params =
        read(r#"{"clientId":"abc","grant_types":"refresh_token","refresh_token":"x\u0061","Scope":"A"}"#).unwrap();
    assert_eq!(params.one("client_id"), Some("abc"));
    assert_eq!(params.one("grant_type"), Some("refresh_token"));
    assert_eq!(params.one("refresh_token"), Some("xa"));
    assert_eq!(params.one("clientId"), None, "a spelling is not a parameter");
    assert_eq!(params.one("scope"), None, "case matters");
    assert_eq!(read(r#"{"client\u0049d":"abc"}"#).unwrap().one("client_id"), Some("abc"), "names are decoded");
    assert!(read("{}").is_ok());
}

#[test]
fn null_and_the_empty_text_mean_omitted() {
    let params = read(r#"{"scope":null,"grant_type":"","client_id":"a"}"#).unwrap();
    assert_eq!((params.one("scope"), params.one("grant_type"), params.one("client_id")), (None, None, Some("a")));
}

#[test]
fn a_known_parameter_that_is_no_string_is_refused() {
    for value in ["1", "1.5", "-0", "1e999", "true", "false", "[]", r#"["a"]"#, "{}", r#"{"a":"b"}"#] {
        // 1e999 is no number of JSON's, as this parser reads them
        let expected = if value == "1e999" { Refusal::JsonMalformed } else { Refusal::ParameterType };
        for name in ["scope", "clientId", "resource"] {
            assert_eq!(refused(&format!(r#"{{"{name}":{value}}}"#)), Some(expected), "{name} {value}");
        }
    }
}

#[test]
fn unknown_members_of_any_type_are_ignored() {
    let text = r#"{"a":1,"b":[true,null,{"client_id":"no"}],"c":{"d":{"e":[1.5]}},"f":"","":"x","scope":"s"}"#;
    let params = read(text).unwrap();
    assert_eq!((params.one("scope"), params.one("client_id"), params.one("f")), (Some("s"), None, None));
}

#[test]
fn p01_one_parameter_twice_is_refused_also_when_equal_null_or_empty() {
    let said = [r#""x""#, r#""y""#, r#""""#, "null"];
    let spellings = [
        ["client_id", "client_id"],
        ["client_id", "clientId"],
        ["grantType", "grant_types"],
        ["grant_type", "grantType"],
        ["resource", "resource"],
        ["scope", "sc\\u006fpe"],
    ];
    for [one, other] in spellings {
        for first in said {
            for second in said {
                let text = format!(r#"{{"{one}":{first},"{other}":{second}}}"#);
                assert_eq!(refused(&text), Some(Refusal::ParameterRepeated), "{text}");
            }
        }
    }
    // forms may repeat the first, and know no rule for the second
    for name in ["resource", "login_id"] {
        for first in said {
            for second in said {
                let two_spellings = |member: &str| matches!(member, "a" | "b").then(|| name.to_owned());
                let text = format!(r#"{{"a":{first},"b":{second}}}"#);
                let read = parse(text.as_bytes(), &two_spellings);
                assert_eq!(read.err(), Some(Refusal::ParameterRepeated), "{name} {text}");
            }
        }
    }
}

#[test]
fn members_repeated_at_any_depth_are_refused() {
    for text in [
        r#"{"x":1,"x":1}"#,
        r#"{"x":{"a":1,"a":1}}"#,
        r#"{"x":[{"a":[{"b":1,"\u0062":1}]}]}"#,
        r#"{"x":null,"\u0078":null}"#,
    ] {
        assert_eq!(refused(text), Some(Refusal::ParameterRepeated), "{text}");
    }
}

#[test]
fn nul_is_refused_wherever_it_stands() {
    for text in [
        r#"{"scope":"a\u0000"}"#,
        r#"{"password":"\u0000"}"#,
        r#"{"\u0000":"a"}"#,
        r#"{"client_id\u0000":"a"}"#,
        r#"{"x":"\u0000"}"#,
        r#"{"x":["a",{"y":"b\u0000c"}]}"#,
        r#"{"x":{"\u0000":1}}"#,
        r#"{"x":[[[{"y\u0000":{}}]]]}"#,
    ] {
        assert_eq!(refused(text), Some(Refusal::ParameterCharacters), "{text}");
    }
    assert!(read(r#"{"scope":"a","x":"\\u0000"}"#).is_ok(), "a backslash and five letters");
    assert_eq!(refused("{\"x\":\"\0\"}"), Some(Refusal::JsonMalformed));
}

#[test]
fn what_is_not_one_strict_object_is_malformed() {
    for text in [
        "",
        " ",
        "[]",
        r#"[{"client_id":"a"}]"#,
        "null",
        r#""a""#,
        "1",
        "{",
        "{}{}",
        "{}x",
        "{}\0",
        "{},",
        r#"{"a":1,}"#,
        r#"{a:1}"#,
        r#"{'a':1}"#,
        "\u{feff}{}",
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\udc00\ud800"}"#,
        r#"{"a":"\ud800\u0041"}"#,
        r#"{"\ud800":1}"#,
        r#"{"x":["\udfff"]}"#,
        r#"{"a":"\x41"}"#,
        "{\"a\":\"\n\"}",
        r#"{"a":NaN}"#,
        r#"{"a":01}"#,
        r#"{"a":+1}"#,
        "{} // x",
        "grant_type=client_credentials",
    ] {
        assert_eq!(refused(text), Some(Refusal::JsonMalformed), "{text}");
    }
    for bytes in [&b"{\"a\":\"\xff\"}"[..], b"{\"a\":\"\xc0\xaf\"}", b"{\"a\":\"\xed\xa0\x80\"}", b"\xff\xfe{\0}\0"] {
        assert_eq!(parse(bytes, &spelling).err(), Some(Refusal::JsonMalformed), "{bytes:?}");
    }
    assert!(read(" \r\n\t{ } \n").is_ok());
}

#[test]
fn p12_every_limit_is_exact() {
    let members = |count: usize| {
        let members: Vec<_> = (0..count).map(|n| format!(r#""m{n}":0"#)).collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(read(&members(64)).is_ok());
    assert_eq!(refused(&members(65)), Some(Refusal::TooManyParameters));

    let nested = |depth: usize| format!(r#"{{"x":{}1{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert!(read(&nested(8)).is_ok(), "depth counts the object itself");
    assert_eq!(refused(&nested(9)), Some(Refusal::JsonMalformed));
    assert_eq!(refused(&nested(10_000)), Some(Refusal::JsonMalformed));

    let values = |count: usize| format!(r#"{{"x":[{}]}}"#, vec!["0"; count - 2].join(","));
    assert!(read(&values(256)).is_ok(), "values count the object and the array");
    assert_eq!(refused(&values(257)), Some(Refusal::JsonMalformed));

    let body = |len: usize| format!("{{{}}}", " ".repeat(len - 2));
    assert!(read(&body(64 * 1024)).is_ok());
    assert_eq!(refused(&body(64 * 1024 + 1)), Some(Refusal::BodyTooLarge));
    assert_eq!(refused(&"[".repeat(1 << 20)), Some(Refusal::BodyTooLarge));

    let long = |len: usize| "a".repeat(len);
    for text in [
        |long: &str| format!(r#"{{"scope":"{long}"}}"#),
        |long: &str| format!(r#"{{"x":"{long}"}}"#),
        |long: &str| format!(r#"{{"{long}":1}}"#),
        |long: &str| format!(r#"{{"x":[{{"{long}":1}}]}}"#),
        |long: &str| format!(r#"{{"x":[["{long}"]]}}"#),
    ] {
        assert!(read(&text(&long(4096))).is_ok());
        assert_eq!(refused(&text(&long(4097))), Some(Refusal::ParameterTooLong));
    }
    assert_eq!(refused(&format!(r#"{{"scope":"{}"}}"#, "é".repeat(2049))), Some(Refusal::ParameterTooLong), "bytes");
}

#[test]
fn p09_characters_are_those_of_the_parameter() {
    for (name, value, admitted) in [
        ("client_id", "é", false),
        ("clientId", "a\\u007f", false),
        ("client_secret", "a\\n", false),
        ("refresh_token", "\\u0001", false),
        ("username", "é漢\\t", true),
        ("password", "\\ud83d\\ude00", true),
        ("password", "a\\r", false),
        ("username", "\\u0085", false),
        ("scope", "\\u0001é", true), // judged by its own grammar, with its own error code
        ("x", "\\u0001", true),
    ] {
        let expected = (!admitted).then_some(Refusal::ParameterCharacters);
        assert_eq!(refused(&format!(r#"{{"{name}":"{value}"}}"#)), expected, "{name} {value}");
    }
}

/// Parameters that are in the table, and what they may be filled with without being refused.
fn known() -> impl Strategy<Value = (String, String)> {
    let plain = prop::sample::select(vec!["client_id", "client_secret", "code", "grant_type", "refresh_token"]);
    let text = prop::sample::select(vec!["password", "username"]);
    prop_oneof![
        (plain, "[ -~]{0,12}").prop_map(|(name, value)| (name.to_owned(), value)),
        (text, "\\PC{0,12}").prop_map(|(name, value)| (name.to_owned(), value)),
        "\\PC{0,12}".prop_map(|value| ("scope".to_owned(), value)),
        "[ -~]{0,12}".prop_map(|value| ("resource".to_owned(), value)),
        ("x[a-z]{1,4}", "\\PC{0,12}"),
    ]
}

/// What may be wrong with a request, whatever it is written in.
#[derive(Debug, Clone)]
enum Wrong {
    Characters(&'static str, &'static str),
    LongName,
    LongValue(String),
    Repeated(&'static str),
    TooMany,
}

fn wrong() -> impl Strategy<Value = Wrong> {
    prop_oneof![
        prop::sample::select(vec![("client_id", "é"), ("code", "\n"), ("password", "\r"), ("username", "\u{0}")])
            .prop_map(|(name, value)| Wrong::Characters(name, value)),
        Just(Wrong::LongName),
        prop::sample::select(vec!["scope", "client_id", "unknown"]).prop_map(|name| Wrong::LongValue(name.to_owned())),
        prop::sample::select(vec!["client_id", "grant_type", "scope"]).prop_map(Wrong::Repeated),
        Just(Wrong::TooMany),
    ]
}

impl Wrong {
    /// Spoils the parameters, and tells how that is to be answered.
    fn spoil(self, pairs: &mut Vec<(String, String)>) -> Refusal {
        let mut put = |name: &str, value: &str| {
            pairs.retain(|(held, _)| held != name);
            pairs.push((name.to_owned(), value.to_owned()));
        };
        match self {
            Self::Characters(name, value) => {
                put(name, value);
                Refusal::ParameterCharacters
            }
            Self::LongName => {
                put(&"n".repeat(4097), "");
                Refusal::ParameterTooLong
            }
            Self::LongValue(name) => {
                put(&name, &"v".repeat(4097));
                Refusal::ParameterTooLong
            }
            Self::Repeated(name) => {
                put(name, "a");
                pairs.push((name.to_owned(), "b".to_owned()));
                Refusal::ParameterRepeated
            }
            Self::TooMany => {
                pairs.extend((pairs.len()..65).map(|n| (format!("y{n}"), String::new())));
                Refusal::TooManyParameters
            }
        }
    }
}

fn as_form(pairs: &[(String, String)]) -> Vec<u8> {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let segments: Vec<_> = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    segments.join("&").into_bytes()
}

fn as_json(pairs: &[(String, String)]) -> Vec<u8> {
    let members: Vec<_> = pairs.iter().map(|(name, value)| format!("{}:{}", json!(name), json!(value))).collect();
    format!("{{{}}}", members.join(",")).into_bytes()
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes, &spelling);
    }

    #[test]
    fn no_text_that_looks_like_json_panics(text in "[\\[\\]{}\":,\\\\u0d8a-f1. ]{0,60}") {
        let _ = parse(text.as_bytes(), &|name| Some(name.to_owned()));
    }

    #[test]
    fn what_was_encoded_is_what_is_read(members in prop::collection::btree_map("x\\PC{0,8}", "\\PC{1,12}", 0..8)) {
        let body = serde_json::to_vec(&members).unwrap();
        let params = parse(&body, &|name| Some(name.to_owned())).unwrap();
        for (name, value) in &members {
            prop_assert_eq!(params.all(name).collect::<Vec<_>>(), [value]);
        }
    }

    #[test]
    fn form_and_json_say_the_same_with_the_same_parameters(
        pairs in prop::collection::vec(known(), 0..10),
        wrong in prop::option::of(wrong()),
    ) {
        // each once: that forms may repeat `resource` is the one difference that is meant
        let mut pairs: Vec<_> = pairs.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect();
        let refusal = wrong.map(|wrong| wrong.spoil(&mut pairs));
        let (form_body, json_body) = (as_form(&pairs), as_json(&pairs));
        let (form, json) = (form::parse(&form_body), parse(&json_body, &spelling));
        prop_assert_eq!(form.as_ref().err().copied(), refusal);
        prop_assert_eq!(json.as_ref().err().copied(), refusal);
        if let (Ok(form), Ok(json)) = (form, json) {
            for (name, _) in pairs.iter().filter(|(name, _)| spelling(name).is_some()) {
                let (form, json): (Vec<_>, Vec<_>) = (form.all(name).collect(), json.all(name).collect());
                prop_assert_eq!(form, json);
            }
        }
    }
}
