//! Secrets in flight: wiped on drop, never printed, read through `expose()` only.

use std::fmt;

use zeroize::Zeroizing;

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name(Zeroizing<String>);

        impl $name {
            pub(crate) fn new(plaintext: String) -> Self {
                Self(Zeroizing::new(plaintext))
            }

            /// The plaintext. Whoever holds it can spend it: do not log or store it.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    };
}

secret!(
    /// A client secret in clear (RFC 6749 §2.3.1).
    ClientSecret
);
secret!(
    /// An access token as the client will present it (RFC 6749 §1.4).
    AccessToken
);
secret!(
    /// A refresh token as the client will present it (RFC 6749 §1.5).
    RefreshToken
);
secret!(
    /// An id token (OpenID Connect Core §2): names the user to the client.
    IdToken
);
