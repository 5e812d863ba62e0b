//! What is kept of secrets and tokens: SHA-256, compared in constant time.

use std::fmt;

use ring::digest::{SHA256, digest};

macro_rules! sha256_digest {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Eq, PartialOrd, Ord)]
        pub struct $name([u8; 32]);

        impl $name {
            /// From the bytes that a store kept.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes for a store to keep.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                constant_time_eq(&self.0, &other.0)
            }
        }

        impl std::hash::Hash for $name {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.0.hash(state);
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

sha256_digest!(
    /// SHA-256 of a whole token (access token, refresh token, code, handle): the only form a store sees.
    TokenDigest
);
sha256_digest!(
    /// SHA-256 of a generated client secret (256 bits of entropy, so no slow hash is needed).
    SecretDigest
);

sha256_digest!(
    /// The S256 challenge of a code (RFC 7636 §4.2): SHA-256 of its verifier.
    CodeChallenge
);

sha256_digest!(
    /// HMAC-SHA-256 of a name under a key of the server: what is kept where the name itself must not be.
    KeyedHash
);

impl TokenDigest {
    pub(crate) fn of(plaintext: &[u8]) -> Self {
        Self(sha256(plaintext))
    }
}

impl SecretDigest {
    pub(crate) fn of(plaintext: &[u8]) -> Self {
        Self(sha256(plaintext))
    }
}

fn sha256(plaintext: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, plaintext).as_ref());
    bytes
}

/// Whether two digests are equal, at a cost that does not depend on where they differ.
pub(crate) fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    let difference = a.iter().zip(b).fold(0u8, |acc, (x, y)| acc | (x ^ y));
    a.len() == b.len() && std::hint::black_box(difference) == 0
}
