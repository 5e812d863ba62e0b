//! What names an interaction and what ties it to a browser.

use std::fmt;

use ring::digest::{Context, SHA256};
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::jose::{base64url, from_base64url};
use crate::random::Entropy;
use crate::types::TokenDigest;

macro_rules! random_text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Zeroizing<String>);

        impl $name {
            pub(super) fn random(entropy: &dyn Entropy) -> Result<Self, Fault> {
                let mut bytes = Zeroizing::new([0; 32]);
                entropy.fill(bytes.as_mut())?;
                Ok(Self(Zeroizing::new(base64url(bytes.as_ref()))))
            }

            /// From the text that a browser sent; `None` when it has another form.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let is_one = text.len() == 43 && from_base64url(text).is_some();
                is_one.then(|| Self(Zeroizing::new(text.to_owned())))
            }

            /// The text: 43 of `A-Z a-z 0-9 - _`.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }

            pub(super) fn digest(&self) -> TokenDigest {
                TokenDigest::of(self.0.as_bytes())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    };
}

random_text!(
    /// Names one interaction; may stand in a URL of the host's. Nothing can be done with it in another browser.
    Handle
);
random_text!(
    /// Ties an interaction to one browser: 256 bits in a cookie that the host's pages never show.
    BrowserSecret
);

impl Handle {
    /// A short name for the handle where it must not stand itself, such as a cookie's name: 16 of `0-9 a-f`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.digest().as_bytes().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A session identifier of fewer than 16 bytes can be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a session identifier must have at least 16 bytes")]
pub struct SessionTooShort;

impl BrowserSecret {
    /// Ties interactions to a session of the host's instead of a cookie of their own. The identifier must be secret,
    /// random, at least 16 bytes, and stay the same while the user signs in.
    ///
    /// # Errors
    /// [`SessionTooShort`].
    pub fn from_host_session(id: &[u8]) -> Result<Self, SessionTooShort> {
        if id.len() < 16 {
            return Err(SessionTooShort);
        }
        let mut context = Context::new(&SHA256);
        context.update(b"oauth host session/1\0");
        context.update(id);
        Ok(Self(Zeroizing::new(base64url(context.finish().as_ref()))))
    }
}
