//! [`AccessTokenFormat`] as the JSON object of `client.token_format`.

use oauth_core::jose::Alg;
use oauth_core::store::{AccessTokenFormat, LegacyTyp, OptionalClaim, TokenProfile};
use serde::{Deserialize, Serialize};

use crate::codec::{from_json, named, to_json};
use crate::error::Failure;

const COLUMN: &str = "token_format";

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum FormatCell {
    Opaque {}, // with braces, because serde ignores what stands beside a bare name
    Jwt { alg: String, profile: ProfileCell },
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
enum ProfileCell {
    Rfc9068 {},
    Legacy { typ: Option<String>, omit: Vec<String> },
}

pub(crate) fn encode(format: &AccessTokenFormat) -> Result<String, Failure> {
    to_json(&match format {
        AccessTokenFormat::Opaque => FormatCell::Opaque {},
        AccessTokenFormat::Jwt { alg, profile } => {
            FormatCell::Jwt { alg: alg.as_str().to_owned(), profile: encode_profile(profile) }
        }
    })
}

pub(crate) fn decode(text: &str) -> Result<AccessTokenFormat, Failure> {
    match from_json(COLUMN, text)? {
        FormatCell::Opaque {} => Ok(AccessTokenFormat::Opaque),
        FormatCell::Jwt { alg, profile } => {
            Ok(AccessTokenFormat::Jwt { alg: named(COLUMN, &alg, Alg::from_name)?, profile: decode_profile(profile)? })
        }
    }
}

fn encode_profile(profile: &TokenProfile) -> ProfileCell {
    match profile {
        TokenProfile::Rfc9068 => ProfileCell::Rfc9068 {},
        TokenProfile::Legacy { typ, omit } => ProfileCell::Legacy {
            typ: typ.map(|LegacyTyp::Jwt| "JWT".to_owned()),
            omit: omit.iter().map(|claim| claim.as_str().to_owned()).collect(),
        },
    }
}

fn decode_profile(profile: ProfileCell) -> Result<TokenProfile, Failure> {
    let ProfileCell::Legacy { typ, omit } = profile else { return Ok(TokenProfile::Rfc9068) };
    let typ = match typ.as_deref() {
        None => None,
        Some("JWT") => Some(LegacyTyp::Jwt),
        Some(_) => return Err(Failure::row(COLUMN, "unknown typ")),
    };
    let omit = omit.iter().map(|claim| named(COLUMN, claim, OptionalClaim::from_name)).collect::<Result<_, _>>()?;
    Ok(TokenProfile::Legacy { typ, omit })
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
                assert_eq!(decode(&encode(&format).unwrap()).unwrap(), format);
            }
        }
        assert_eq!(decode(&encode(&AccessTokenFormat::Opaque).unwrap()).unwrap(), AccessTokenFormat::Opaque);
    }

    #[test]
    fn what_was_not_written_by_us_is_not_read() {
        for text in [
            "",
            "{}",
            r#"{"kind":"opaque","alg":"RS256"}"#,
            r#"{"kind":"jwt","alg":"none","profile":{"name":"rfc9068"}}"#,
            r#"{"kind":"jwt","alg":"RS256","profile":{"name":"rfc7519"}}"#,
            r#"{"kind":"jwt","alg":"RS256","profile":{"name":"legacy","typ":"at+jwt","omit":[]}}"#,
            r#"{"kind":"jwt","alg":"RS256","profile":{"name":"legacy","typ":null,"omit":["exp"]}}"#,
        ] {
            assert!(decode(text).is_err(), "{text}");
        }
    }
}
