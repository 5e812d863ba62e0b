//! JWS compact serialization (RFC 7515 §7.1), parsed strictly and at a cost that the input's length bounds.
//!
//! No member of a header ever chooses a key or an algorithm by itself: `jwk`, `jku`, `x5c` and `x5u` are not read, and
//! a signature is checked only by a key that was made for the header's `alg` (RFC 8725 §3.1, §3.10).

use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::json::{self, InvalidJson, Limits};
use super::{Alg, PublicKey};
use crate::types::KeyId;

/// The greatest length of a compact JWS, in bytes; longer ones are refused unread.
pub(crate) const MAX_LEN: usize = 16 * 1024;

/// The length of the longest signature, RSA with 4,096 bits, in base64url.
const MAX_SIGNATURE_TEXT: usize = 683;

/// Why a text is not a JWS to believe. For logs: clients learn only that the token is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidJws {
    /// `none`, MACs and every algorithm that [`Alg`] does not name.
    #[error("the algorithm is missing or not allowed")]
    Algorithm,
    #[error("a part is not canonical base64url")]
    Base64,
    /// The header wants an extension: `crit`, `b64` or `zip`.
    #[error("the header asks for an extension")]
    Extension,
    #[error("the header is {0}")]
    Header(InvalidJson),
    #[error("the key is for another algorithm than the header names")]
    KeyMismatch,
    #[error("not three parts, not empty, between two dots")]
    Parts,
    #[error("the signature does not verify")]
    Signature,
    #[error("longer than allowed")]
    TooLong,
}

/// The first part of every JWS that one key signs: base64url of `{"alg":…,"kid":…}`, with `typ` last when there is
/// one. Compute it once per key and type.
pub(crate) fn encode_header(alg: Alg, kid: &KeyId, typ: Option<&str>) -> String {
    // A `KeyId` holds no quote, backslash or control character, so it needs no escape.
    let mut header = format!(r#"{{"alg":"{alg}","kid":"{kid}""#);
    if let Some(typ) = typ {
        // Writing to a `String` does not fail.
        let _ = write!(header, r#","typ":{}"#, Value::from(typ));
    }
    header.push('}');
    URL_SAFE_NO_PAD.encode(header)
}

/// `header.payload`, what a key signs, with room for the longest signature behind it.
pub(crate) fn signing_input(encoded_header: &str, payload: &[u8]) -> String {
    let length = encoded_header.len() + 1 + payload.len().div_ceil(3) * 4;
    let mut input = String::with_capacity(length + 1 + MAX_SIGNATURE_TEXT);
    input.push_str(encoded_header);
    input.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut input);
    input
}

/// What we read of a header; all else in it is ignored.
struct Header {
    alg: Alg,
    kid: Option<String>,
    typ: Option<String>,
}

/// A well-formed JWS. What it says is hidden until [`verify`](Self::verify) proves who said it.
pub(crate) struct CompactJws<'a> {
    signing_input: &'a str,
    header: Header,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> CompactJws<'a> {
    /// Takes the text apart and decodes every part once.
    ///
    /// # Errors
    /// [`InvalidJws`]: everything but `KeyMismatch` and `Signature`.
    pub(crate) fn parse(text: &'a str) -> Result<Self, InvalidJws> {
        if text.len() > MAX_LEN {
            return Err(InvalidJws::TooLong);
        }
        let (signing_input, signature) = text.rsplit_once('.').ok_or(InvalidJws::Parts)?;
        let (header, payload) = signing_input.split_once('.').ok_or(InvalidJws::Parts)?;
        if header.is_empty() || payload.is_empty() || signature.is_empty() || payload.contains('.') {
            return Err(InvalidJws::Parts);
        }
        if signature.len() > MAX_SIGNATURE_TEXT {
            return Err(InvalidJws::Signature);
        }
        let header = Header::parse(&decode(header)?)?;
        Ok(Self { signing_input, header, payload: decode(payload)?, signature: decode(signature)? })
    }

    /// The algorithm that the header names.
    pub(crate) const fn alg(&self) -> Alg {
        self.header.alg
    }

    /// The name of the key, as the sender wrote it: any text. For looking up among known keys only.
    pub(crate) fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The type that the header declares (RFC 7515 §4.1.9), as the sender wrote it.
    pub(crate) fn typ(&self) -> Option<&str> {
        self.header.typ.as_deref()
    }

    /// The payload, once the key has proved it.
    ///
    /// # Errors
    /// [`InvalidJws::KeyMismatch`] for a key of another algorithm, [`InvalidJws::Signature`].
    pub(crate) fn verify(&self, key: &PublicKey) -> Result<&[u8], InvalidJws> {
        if key.alg() != self.alg() {
            return Err(InvalidJws::KeyMismatch);
        }
        if key.verify(self.signing_input.as_bytes(), &self.signature) {
            Ok(&self.payload)
        } else {
            Err(InvalidJws::Signature)
        }
    }
}

impl fmt::Debug for CompactJws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompactJws")
            .field("alg", &self.alg())
            .field("kid", &self.kid())
            .field("typ", &self.typ())
            .finish_non_exhaustive()
    }
}

/// Refuses padding, the other alphabet, white space and set bits behind the last byte, so that a signature has exactly
/// one spelling.
fn decode(part: &str) -> Result<Vec<u8>, InvalidJws> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| InvalidJws::Base64)
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, InvalidJws> {
        let members = json::object(bytes, Limits::HEADER).map_err(InvalidJws::Header)?;
        // We understand no extension, so any `crit` must be refused (RFC 7515 §4.1.11); `b64` (RFC 7797) and `zip`
        // would change what is signed, or how much memory it takes.
        if ["crit", "b64", "zip"].iter().any(|name| members.contains_key(*name)) {
            return Err(InvalidJws::Extension);
        }
        let text = |name| json::text(&members, name).map_err(InvalidJws::Header);
        Ok(Self {
            alg: text("alg")?.and_then(Alg::from_name).ok_or(InvalidJws::Algorithm)?,
            kid: text("kid")?.map(str::to_owned),
            typ: text("typ")?.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests;
