//! Refresh tokens: `prefix ‖ base64url(handle[8] ‖ body[18] ‖ tag[6])`, 43 characters behind the prefix.
//!
//! The handle finds the family. The tag proves that we once issued a token that is neither the current one nor its
//! predecessor, so that a stranger's guess never passes for a replay. The first body is random; every later one follows
//! from its predecessor under the family key, so that a lost answer can be given again without keeping it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::keys::DeriveKey;
use crate::random::Entropy;
use crate::types::{FamilyId, RefreshToken, Tenant, TokenDigest, constant_time_eq};

const HANDLE: usize = 8;
const BODY: usize = 18;
const TAG: usize = 6;
const LENGTH: usize = HANDLE + BODY + TAG;
/// The characters of [`LENGTH`] bytes in base64url.
const CHARS: usize = 43;

/// How this server's refresh tokens are made.
#[derive(Debug)]
pub(crate) struct RefreshSettings {
    pub(crate) tenant: Tenant,
    pub(crate) prefix: String,
}

/// A refresh token as somebody presented it: of the right form, not known to be ours.
pub(crate) struct PresentedRefresh<'a> {
    text: &'a str,
    digest: TokenDigest,
    handle: [u8; HANDLE],
    bytes: Zeroizing<[u8; LENGTH]>,
}

/// The first refresh token of a family.
pub(crate) struct FirstRefresh {
    pub(crate) token: RefreshToken,
    pub(crate) digest: TokenDigest,
    pub(crate) handle: [u8; HANDLE],
}

impl RefreshSettings {
    /// Takes a presented token apart; `None` for what cannot be ours.
    pub(crate) fn read<'a>(&self, text: &'a str) -> Option<PresentedRefresh<'a>> {
        let encoded = text.strip_prefix(self.prefix.as_str()).filter(|encoded| encoded.len() == CHARS)?;
        let mut bytes = Zeroizing::new([0; LENGTH]);
        let written = URL_SAFE_NO_PAD.decode_slice(encoded, bytes.as_mut()).ok()?;
        let (handle, _) = bytes.split_first_chunk()?;
        let handle = *handle;
        (written == LENGTH).then(|| PresentedRefresh { text, digest: TokenDigest::of(text.as_bytes()), handle, bytes })
    }

    /// A family's first token, from the random source.
    ///
    /// # Errors
    /// [`Fault::Entropy`].
    pub(crate) fn first(&self, key: &DeriveKey, entropy: &dyn Entropy) -> Result<FirstRefresh, Fault> {
        let mut random = Zeroizing::new([0; HANDLE + BODY]);
        entropy.fill(random.as_mut())?;
        let (mut handle, mut body) = ([0; HANDLE], Zeroizing::new([0; BODY]));
        handle.copy_from_slice(random.get(..HANDLE).unwrap_or_default());
        body.copy_from_slice(random.get(HANDLE..).unwrap_or_default());
        let token = self.render(key, &handle, &body);
        Ok(FirstRefresh { digest: TokenDigest::of(token.expose().as_bytes()), token, handle })
    }

    /// The successor of a presented token at this generation.
    pub(crate) fn successor(
        &self,
        key: &DeriveKey,
        family: &FamilyId,
        generation: u64,
        salt: &[u8; 32],
        presented: &PresentedRefresh<'_>,
    ) -> (RefreshToken, TokenDigest) {
        let generation = generation.to_be_bytes();
        let parts: [&[u8]; 5] =
            [self.tenant.as_str().as_bytes(), family.as_bytes(), &generation, salt, presented.text.as_bytes()];
        let derived = Zeroizing::new(key.derive("rt-next/1", &parts));
        let mut body = Zeroizing::new([0; BODY]);
        body.copy_from_slice(derived.get(..BODY).unwrap_or_default());
        let token = self.render(key, &presented.handle, &body);
        let digest = TokenDigest::of(token.expose().as_bytes());
        (token, digest)
    }

    /// Whether this server once issued the presented token.
    pub(crate) fn is_ours(&self, key: &DeriveKey, presented: &PresentedRefresh<'_>) -> bool {
        let (Some(body), Some(tag)) =
            (presented.bytes.get(HANDLE..HANDLE + BODY), presented.bytes.get(HANDLE + BODY..))
        else {
            return false;
        };
        constant_time_eq(&self.tag(key, &presented.handle, body), tag)
    }

    fn tag(&self, key: &DeriveKey, handle: &[u8; HANDLE], body: &[u8]) -> [u8; TAG] {
        let derived = key.derive("rt-tag/1", &[self.tenant.as_str().as_bytes(), handle, body]);
        let mut tag = [0; TAG];
        tag.copy_from_slice(derived.get(..TAG).unwrap_or_default());
        tag
    }

    fn render(&self, key: &DeriveKey, handle: &[u8; HANDLE], body: &[u8; BODY]) -> RefreshToken {
        let bytes = Zeroizing::new([&handle[..], &body[..], &self.tag(key, handle, body)].concat());
        let mut text = String::with_capacity(self.prefix.len() + CHARS);
        text.push_str(&self.prefix);
        URL_SAFE_NO_PAD.encode_string(bytes.as_slice(), &mut text);
        RefreshToken::new(text)
    }
}

impl PresentedRefresh<'_> {
    pub(crate) const fn digest(&self) -> TokenDigest {
        self.digest
    }

    pub(crate) const fn handle(&self) -> &[u8; HANDLE] {
        &self.handle
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::SystemEntropy;
    use crate::types::KeyId;

    fn settings(tenant: &str, prefix: &str) -> RefreshSettings {
        RefreshSettings { tenant: Tenant::parse(tenant).unwrap(), prefix: prefix.into() }
    }

    fn key(byte: u8) -> DeriveKey {
        DeriveKey::from_bytes(KeyId::parse("k").unwrap(), &[byte; 32]).unwrap()
    }

    #[test]
    fn a_token_is_43_characters_behind_its_prefix_and_reads_back() {
        let (settings, key) = (settings("t", "rt_"), key(1));
        let first = settings.first(&key, &SystemEntropy::default()).unwrap();
        assert_eq!(first.token.expose().len(), 3 + 43);
        let read = settings.read(first.token.expose()).unwrap();
        assert_eq!((read.digest(), *read.handle()), (first.digest, first.handle));
        assert!(settings.is_ours(&key, &read));
    }

    #[test]
    fn a_successor_follows_from_everything_and_only_from_it() {
        let (ours, key_1) = (settings("t", ""), key(1));
        let first = ours.first(&key_1, &SystemEntropy::default()).unwrap();
        let read = ours.read(first.token.expose()).unwrap();
        let family = FamilyId::from_bytes([1; 16]);
        let (token, digest) = ours.successor(&key_1, &family, 1, &[5; 32], &read);
        assert_eq!(ours.successor(&key_1, &family, 1, &[5; 32], &read).1, digest);
        let next = ours.read(token.expose()).unwrap();
        assert_eq!(next.handle(), read.handle());
        assert!(ours.is_ours(&key_1, &next));
        let others = [
            ours.successor(&key(2), &family, 1, &[5; 32], &read).1,
            ours.successor(&key_1, &FamilyId::from_bytes([2; 16]), 1, &[5; 32], &read).1,
            ours.successor(&key_1, &family, 2, &[5; 32], &read).1,
            ours.successor(&key_1, &family, 1, &[6; 32], &read).1,
            ours.successor(&key_1, &family, 1, &[5; 32], &next).1,
            settings("u", "").successor(&key_1, &family, 1, &[5; 32], &read).1,
        ];
        assert!(!others.contains(&digest));
    }

    proptest! {
        #[test]
        fn nothing_that_was_changed_is_ours(place in 0usize..43, to in "[A-Za-z0-9_=. -]") {
            let (settings, key) = (settings("t", ""), key(1));
            let first = settings.first(&key, &SystemEntropy::default()).unwrap();
            let mut text = first.token.expose().to_owned();
            text.replace_range(place..=place, &to);
            prop_assume!(text != first.token.expose());
            // a changed handle with its old tag is somebody else's at best
            prop_assert!(settings.read(&text).is_none_or(|read| !settings.is_ours(&key, &read)));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,60}") {
            let _ = settings("t", "").read(&text);
        }
    }
}
