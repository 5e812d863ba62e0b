//! Members of a client's record that are no scalars, as JSON text: for stores that keep each in one column. What one
//! version has written every later one reads.

use std::fmt::Display;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{AccessTokenFormat, ClientSecretRecord, LegacyTyp, OptionalClaim, PasswordHash, SecretHash, TokenProfile};
use crate::jose::Alg;
use crate::types::{KeyId, SecretDigest, Timestamp};

/// A text that no version of this library has written. What it displays repeats nothing of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidRecordText(String);

impl InvalidRecordText {
    fn because(why: impl Display) -> Self {
        Self(why.to_string())
    }
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum FormatText {
    Opaque {}, // with braces, because serde ignores what stands beside a bare name
    Jwt { alg: String, profile: ProfileText },
}

#[derive(Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
enum ProfileText {
    Rfc9068 {},
    Legacy { typ: Option<String>, omit: Vec<String> },
}

impl AccessTokenFormat {
    /// A JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        let text = match self {
            Self::Opaque => json!({ "kind": "opaque" }),
            Self::Jwt { alg, profile } => json!({ "kind": "jwt", "alg": alg.as_str(), "profile": profile.to_value() }),
        };
        text.to_string()
    }

    /// From the text of [`to_json`](Self::to_json).
    ///
    /// # Errors
    /// [`InvalidRecordText`]
    pub fn from_json(text: &str) -> Result<Self, InvalidRecordText> {
        match read(text)? {
            FormatText::Opaque {} => Ok(Self::Opaque),
            FormatText::Jwt { alg, profile } => {
                Ok(Self::Jwt { alg: named(&alg, Alg::from_name)?, profile: TokenProfile::from_text(profile)? })
            }
        }
    }
}

impl TokenProfile {
    fn to_value(&self) -> Value {
        match self {
            Self::Rfc9068 => json!({ "name": "rfc9068" }),
            Self::Legacy { typ, omit } => {
                let typ = typ.map(|LegacyTyp::Jwt| "JWT");
                let omit: Vec<&str> = omit.iter().map(|claim| claim.as_str()).collect();
                json!({ "name": "legacy", "typ": typ, "omit": omit })
            }
        }
    }

    fn from_text(profile: ProfileText) -> Result<Self, InvalidRecordText> {
        let ProfileText::Legacy { typ, omit } = profile else { return Ok(Self::Rfc9068) };
        let typ = match typ.as_deref() {
            None => None,
            Some("JWT") => Some(LegacyTyp::Jwt),
            Some(_) => return Err(InvalidRecordText::because("unknown typ")),
        };
        let omit = omit.iter().map(|claim| named(claim, OptionalClaim::from_name)).collect::<Result<_, _>>()?;
        Ok(Self::Legacy { typ, omit })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretText {
    id: String,
    kind: SecretKind,
    hash: String,
    created_at: i64,
    expires_at: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum SecretKind {
    Chosen,
    Generated,
}

impl ClientSecretRecord {
    /// A JSON array of all of a client's secrets; digests stand in hexadecimal.
    #[must_use]
    pub fn all_to_json(secrets: &[Self]) -> String {
        Value::Array(secrets.iter().map(Self::to_value).collect()).to_string()
    }

    /// From the text of [`all_to_json`](Self::all_to_json).
    ///
    /// # Errors
    /// [`InvalidRecordText`]
    pub fn all_from_json(text: &str) -> Result<Vec<Self>, InvalidRecordText> {
        read::<Vec<SecretText>>(text)?.into_iter().map(Self::from_text).collect()
    }

    fn to_value(&self) -> Value {
        let Self { id, hash, created_at, expires_at } = self;
        let (kind, hash) = match hash {
            SecretHash::Generated(digest) => ("generated", to_hex(digest.as_bytes())),
            SecretHash::Chosen(hash) => ("chosen", hash.as_phc().to_owned()),
        };
        json!({
            "id": id.as_str(),
            "kind": kind,
            "hash": hash,
            "created_at": created_at.millis(),
            "expires_at": expires_at.map(Timestamp::millis),
        })
    }

    fn from_text(secret: SecretText) -> Result<Self, InvalidRecordText> {
        let SecretText { id, kind, hash, created_at, expires_at } = secret;
        Ok(Self {
            id: KeyId::parse(&id).map_err(InvalidRecordText::because)?,
            hash: match kind {
                SecretKind::Chosen => SecretHash::Chosen(PasswordHash::from_phc(&hash)),
                SecretKind::Generated => SecretHash::Generated(SecretDigest::from_bytes(from_hex(&hash)?)),
            },
            created_at: Timestamp::from_millis(created_at),
            expires_at: expires_at.map(Timestamp::from_millis),
        })
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, InvalidRecordText> {
    // the parser's own words may repeat what stands there
    serde_json::from_str(text).map_err(|why| {
        InvalidRecordText::because(format_args!("JSON {:?} error at byte {}", why.classify(), why.column()))
    })
}

fn named<T>(text: &str, from_name: impl FnOnce(&str) -> Option<T>) -> Result<T, InvalidRecordText> {
    from_name(text).ok_or_else(|| InvalidRecordText::because("unknown name"))
}

fn to_hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Result<[u8; 32], InvalidRecordText> {
    let broken = || InvalidRecordText::because("not 64 hexadecimal digits");
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16)?.try_into().ok()).collect::<Option<_>>().ok_or_else(broken)?;
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    if digits.len() == 64 { bytes.try_into().map_err(|_| broken()) } else { Err(broken()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_read_back() {
        let profiles = [
            TokenProfile::Rfc9068,
            TokenProfile::Legacy { typ: None, omit: Vec::new() },
            TokenProfile::Legacy { typ: Some(LegacyTyp::Jwt), omit: OptionalClaim::ALL.to_vec() },
        ];
        for alg in Alg::ALL {
            for profile in profiles.clone() {
                let format = AccessTokenFormat::Jwt { alg, profile };
                assert_eq!(AccessTokenFormat::from_json(&format.to_json()).unwrap(), format);
            }
        }
        let opaque = AccessTokenFormat::Opaque;
        assert_eq!(AccessTokenFormat::from_json(&opaque.to_json()).unwrap(), opaque);
    }

    #[test]
    fn a_format_that_was_not_written_by_us_is_not_read() {
        for text in [
            "",
            "{}",
            r#"{"kind":"opaque","alg":"RS256"}"#,
            r#"{"kind":"jwt","alg":"none","profile":{"name":"rfc9068"}}"#,
            r#"{"kind":"jwt","alg":"RS256","profile":{"name":"rfc7519"}}"#,
            r#"{"kind":"jwt","alg":"RS256","profile":{"name":"legacy","typ":"at+jwt","omit":[]}}"#,
            r#"{"kind":"jwt","alg":"RS256","profile":{"name":"legacy","typ":null,"omit":["exp"]}}"#,
        ] {
            assert!(AccessTokenFormat::from_json(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_secret_is_read_back() {
        let secret = |id: &str, hash, expires_at| ClientSecretRecord {
            id: KeyId::parse(id).unwrap(),
            hash,
            created_at: Timestamp::from_millis(-1),
            expires_at,
        };
        let secrets = [
            secret("1", SecretHash::Generated(SecretDigest::from_bytes([0xa5; 32])), None),
            secret("2", SecretHash::Chosen(PasswordHash::from_phc("$argon2id$\"")), Some(Timestamp::MAX)),
        ];
        for secrets in [&secrets[..], &[]] {
            assert_eq!(ClientSecretRecord::all_from_json(&ClientSecretRecord::all_to_json(secrets)).unwrap(), secrets);
        }
        for text in ["{}", "[{}]", r#"[{"id":"1","kind":"plain","hash":"x","created_at":0,"expires_at":null}]"#] {
            assert!(ClientSecretRecord::all_from_json(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hexadecimal_is_read_back_and_nothing_else_is_read() {
        let bytes = std::array::from_fn(|n| u8::try_from(n * 8).unwrap());
        assert_eq!(from_hex(&to_hex(&bytes)).unwrap(), bytes);
        for bad in ["", "00", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"é".repeat(32)] {
            assert!(from_hex(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_without_what_stands_there() {
        for text in [r#"["s3cret"]"#, r#"[{"id":"s3cret"}]"#, r#"[{"id":"1","kind":"s3cret"}]"#] {
            let why = ClientSecretRecord::all_from_json(text).unwrap_err().to_string();
            assert!(!why.contains("s3cret"), "{why}");
        }
    }
}
