//! Identifiers: distinct types, never empty, never normalised, compared byte for byte.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _};
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

/// Only a lawful one: for the forms and paths of a host's handlers. Other identifiers are never a form's to name.
impl<'de> Deserialize<'de> for ClientId {
    fn deserialize<D: Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(text)?).map_err(D::Error::custom)
    }
}

impl Tenant {
    /// The tenant of a store that was opened without naming one: `default`.
    #[must_use]
    pub fn default_tenant() -> Self {
        Self(Arc::from("default"))
    }
}

/// Hosts name their users by what their own table has; the text is what it displays as.
macro_rules! subject_from {
    ($($key:ty),*) => {$(
        impl From<$key> for Subject {
            fn from(key: $key) -> Self {
                Self(Arc::from(key.to_string()))
            }
        }
    )*};
}

subject_from!(i32, i64, u32, u64, Uuid);

impl Subject {
    /// The host's own key that it was made of, such as an `i64` or a [`Uuid`]: `None` unless the key is written exactly like
    /// this, so that no user has two subjects (`7` and `007`).
    #[must_use]
    pub fn key<K: std::str::FromStr + fmt::Display>(&self) -> Option<K> {
        self.as_str().parse().ok().filter(|key: &K| key.to_string() == self.as_str())
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
    fn a_form_holds_lawful_identifiers_only() {
        assert_eq!(serde_json::from_str::<ClientId>("\"app\"").unwrap().as_str(), "app");
        for bad in ["\"\"", "\"a\\nb\"", "7", "null"] {
            assert!(serde_json::from_str::<ClientId>(bad).is_err(), "{bad}");
        }
    }

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
        for key in [0, 7, -1, i64::MIN, i64::MAX] {
            let subject = Subject::from(key);
            assert_eq!(Subject::parse(subject.as_str()).unwrap(), subject);
            assert_eq!(subject.key(), Some(key));
        }
        let uuid = Uuid::from_bytes([0xab; 16]);
        assert_eq!(Subject::from(uuid).key(), Some(uuid));
        assert_eq!(Subject::from(7).as_str(), "7");
        assert_eq!(Subject::from(u64::MAX).key::<i64>(), None);
        for other in ["007", "+7", " 7", "-0", "7.0", "seven", "9223372036854775808"] {
            assert_eq!(Subject::parse(other).unwrap().key::<i64>(), None, "{other}");
        }
        for other in ["ABABABAB-abab-abab-abab-abababababab", "abababababababababababababababab"] {
            assert_eq!(Subject::parse(other).unwrap().key::<Uuid>(), None, "{other}");
        }
        assert!(KeyId::parse("2026-03-16").is_ok());
        assert!(KeyId::parse("a\"b").is_err());
    }
}
