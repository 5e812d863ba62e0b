//! Identifiers: distinct types, never empty, never normalised, compared byte for byte.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

/// A text that is not a lawful identifier of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} must be {min} to {max} bytes of {charset}")]
pub struct InvalidId {
    kind: &'static str,
    min: usize,
    max: usize,
    charset: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, max $max:literal, $charset:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The greatest length, in bytes.
            pub const MAX_LEN: usize = $max;

            /// Checks length and character set.
            ///
            /// # Errors
            /// [`InvalidId`] when empty, too long, or holding a character outside the set.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let allowed: fn(char) -> bool = $allowed;
                if text.is_empty() || text.len() > Self::MAX_LEN || !text.chars().all(allowed) {
                    return Err(InvalidId { kind: $kind, min: 1, max: $max, charset: $charset });
                }
                Ok(Self(Arc::from(text)))
            }

            /// The exact text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &*self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id!(
    /// A client identifier: 1 to 1,024 bytes of VSCHAR (RFC 6749 App. A.1), URLs included.
    ClientId, "client id", max 1024, "printable ASCII (%x20-7E)", |c| matches!(c, ' '..='~')
);
text_id!(
    /// A user's identifier at this server, the `sub` of tokens (RFC 7519 §4.1.2): 1 to 255 bytes without controls.
    Subject, "subject", max 255, "text without control characters", |c| !c.is_control()
);
text_id!(
    /// The label that keeps the rows of one tenant apart; opaque to every rule, part of seals and MACs.
    Tenant, "tenant", max 64, "`A-Z a-z 0-9 . _ -`",
    |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
);
text_id!(
    /// A key's name, the `kid` of JWS headers (RFC 7515 §4.1.4); unique for ever per issuer.
    KeyId, "key id", max 128, "printable ASCII without space, quote or backslash",
    |c| matches!(c, '!'..='~') && c != '"' && c != '\\'
);
text_id!(
    /// One recipient of a token, an element of `aud` (RFC 7519 §4.1.3).
    Audience, "audience", max 1024, "text without control characters", |c| !c.is_control()
);
text_id!(
    /// A token's own name, the `jti` of a JWT (RFC 7519 §4.1.7).
    TokenId, "token id", max 128, "printable ASCII without space", |c| matches!(c, '!'..='~')
);

impl Tenant {
    /// The tenant of a store that was opened without naming one: `default`.
    #[must_use]
    pub fn default_tenant() -> Self {
        Self(Arc::from("default"))
    }
}

/// Names one family: everything that one grant of one user to one client has given.
///
/// A time-ordered UUID (RFC 9562 §5.7). It is not a secret: the `jti` of the family's tokens carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FamilyId(Uuid);

impl FamilyId {
    /// From the bytes that a store kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The bytes for a store to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// From the text of [`Display`](fmt::Display).
    ///
    /// # Errors
    /// [`InvalidId`] when it is no UUID.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        Uuid::try_parse(text).map(Self).map_err(|_| InvalidId {
            kind: "family id",
            min: 32,
            max: 36,
            charset: "UUID text",
        })
    }
}

impl fmt::Display for FamilyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_refuse_what_a_store_could_trip_over() {
        for bad in ["", "a\0b", "a\nb", "é", &"x".repeat(1025)] {
            assert!(ClientId::parse(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "https://app.example/client?x=1", "a b:c%", "NmN78x6DMfde1XRx9hQg"] {
            assert_eq!(ClientId::parse(good).unwrap().as_str(), good);
        }
        assert!(Subject::parse("é漢").is_ok());
        assert!(Subject::parse("a\u{7f}").is_err());
        assert!(KeyId::parse("2026-03-16").is_ok());
        assert!(KeyId::parse("a\"b").is_err());
    }
}
