//! Proof that a decision is about what was shown, to whom it was shown: a MAC, so that nothing is stored for it.

use std::fmt;

use zeroize::Zeroizing;

use crate::jose::{base64url, from_base64url};
use crate::keys::DeriveKey;
use crate::types::{KeyId, Lifetime, ResourceUri, Scope, Subject, Tenant, Timestamp, TokenDigest, constant_time_eq};

/// How long a user may look at a prompt.
const LIFETIME: Lifetime = Lifetime::of_seconds(600);
const LABEL: &str = "consent/1";

/// Goes into the form of the consent page and comes back with the decision. `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct ConsentToken(Zeroizing<String>);

impl ConsentToken {
    /// As it came back, whatever it is: [`complete`](crate::AuthorizationServer::complete) judges it.
    #[must_use]
    pub fn presented(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// The text for a hidden field: at most 1 KiB of `A-Z a-z 0-9 - _ .`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ConsentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConsentToken([redacted])")
    }
}

/// What is shown, where, and to whom.
#[derive(Clone, Copy)]
pub(super) struct ShownTo<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) handle: &'a TokenDigest,
    pub(super) browser: &'a TokenDigest,
    pub(super) subject: &'a Subject,
    pub(super) auth_time: Timestamp,
    pub(super) scope: &'a Scope,
    pub(super) resource: &'a [ResourceUri],
}

impl ShownTo<'_> {
    pub(super) fn token(&self, key: &DeriveKey, now: Timestamp) -> ConsentToken {
        let expires_at = now.plus(LIFETIME);
        let mac = base64url(&self.mac(key, expires_at));
        ConsentToken(Zeroizing::new(format!("{}.{mac}.{}", expires_at.millis(), key.kid())))
    }

    /// Whether the token is for exactly this, and not too old.
    pub(super) fn is_proved_by(&self, presented: &Presented, key: &DeriveKey, now: Timestamp) -> bool {
        let right = constant_time_eq(&presented.mac, &self.mac(key, presented.expires_at));
        right && now < presented.expires_at
    }

    fn mac(&self, key: &DeriveKey, expires_at: Timestamp) -> [u8; 32] {
        let resource: Vec<&str> = self.resource.iter().map(ResourceUri::as_str).collect();
        key.derive_with_subkey(
            LABEL,
            &[
                self.tenant.as_str().as_bytes(),
                self.handle.as_bytes(),
                self.browser.as_bytes(),
                self.subject.as_str().as_bytes(),
                &self.auth_time.millis().to_be_bytes(),
                self.scope.as_str().as_bytes(),
                // a URI holds no line break
                resource.join("\n").as_bytes(),
                &expires_at.millis().to_be_bytes(),
            ],
        )
    }
}

/// A token of the right form.
pub(super) struct Presented {
    pub(super) key: KeyId,
    expires_at: Timestamp,
    mac: [u8; 32],
}

impl Presented {
    pub(super) fn parse(token: &ConsentToken) -> Option<Self> {
        let text = token.as_str();
        if text.len() > 1024 {
            return None;
        }
        let mut parts = text.splitn(3, '.');
        let expires_at = Timestamp::from_millis(parts.next()?.parse().ok()?);
        let mac = from_base64url(parts.next()?)?.try_into().ok()?;
        let key = KeyId::parse(parts.next()?).ok()?;
        Some(Self { key, expires_at, mac })
    }
}
