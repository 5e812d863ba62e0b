//! [`ClientSecretRecord`]s as the JSON array of `client.secrets`; digests stand in hexadecimal.

use oauth_core::store::{ClientSecretRecord, PasswordHash, SecretHash};
use oauth_core::types::{KeyId, SecretDigest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::codec::{from_json, parsed, to_json};
use crate::error::Failure;

const COLUMN: &str = "secrets";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretCell {
    id: String,
    kind: Kind,
    hash: String,
    created_at: i64,
    expires_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Chosen,
    Generated,
}

pub(crate) fn encode(secrets: &[ClientSecretRecord]) -> Result<String, Failure> {
    let cells: Vec<_> = secrets
        .iter()
        .map(|ClientSecretRecord { id, hash, created_at, expires_at }| {
            let (kind, hash) = match hash {
                SecretHash::Generated(digest) => (Kind::Generated, to_hex(digest.as_bytes())),
                SecretHash::Chosen(hash) => (Kind::Chosen, hash.as_phc().to_owned()),
            };
            SecretCell {
                id: id.as_str().to_owned(),
                kind,
                hash,
                created_at: created_at.millis(),
                expires_at: expires_at.map(Timestamp::millis),
            }
        })
        .collect();
    to_json(&cells)
}

pub(crate) fn decode(text: &str) -> Result<Vec<ClientSecretRecord>, Failure> {
    let cells: Vec<SecretCell> = from_json(COLUMN, text)?;
    cells
        .into_iter()
        .map(|SecretCell { id, kind, hash, created_at, expires_at }| {
            Ok(ClientSecretRecord {
                id: parsed(COLUMN, &id, KeyId::parse)?,
                hash: match kind {
                    Kind::Chosen => SecretHash::Chosen(PasswordHash::from_phc(&hash)),
                    Kind::Generated => SecretHash::Generated(SecretDigest::from_bytes(from_hex(&hash)?)),
                },
                created_at: Timestamp::from_millis(created_at),
                expires_at: expires_at.map(Timestamp::from_millis),
            })
        })
        .collect()
}

fn to_hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Result<[u8; 32], Failure> {
    let broken = || Failure::row(COLUMN, "not 64 hexadecimal digits");
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16)?.try_into().ok()).collect::<Option<_>>().ok_or_else(broken)?;
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    if digits.len() == 64 { bytes.try_into().map_err(|_| broken()) } else { Err(broken()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_read_back_and_nothing_else_is_read() {
        let bytes = std::array::from_fn(|n| u8::try_from(n * 8).unwrap());
        assert_eq!(from_hex(&to_hex(&bytes)).unwrap(), bytes);
        for bad in ["", "00", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"é".repeat(32)] {
            assert!(from_hex(bad).is_err(), "{bad}");
        }
    }
}
