//! Signature algorithms (RFC 7518 §3.1, RFC 8037 §3.1). Weak ones are absent rather than configurable.

use std::fmt;

/// A signature algorithm that this server can sign with and verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alg {
    /// Ed25519 (RFC 8037).
    EdDSA,
    /// ECDSA with P-256 and SHA-256.
    ES256,
    /// RSA-PSS with SHA-256, keys of 2,048 to 4,096 bits.
    PS256,
    /// RSA PKCS#1 v1.5 with SHA-256, keys of 2,048 to 4,096 bits.
    RS256,
}

impl Alg {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [Self::EdDSA, Self::ES256, Self::PS256, Self::RS256];

    /// The registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDSA => "EdDSA",
            Self::ES256 => "ES256",
            Self::PS256 => "PS256",
            Self::RS256 => "RS256",
        }
    }

    /// From the registered name; case matters.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.as_str() == name)
    }
}

impl fmt::Display for Alg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
