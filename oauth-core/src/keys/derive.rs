//! Keys that derive (HMAC-SHA-256, RFC 2104): successors and tags of refresh tokens, and hashes of names.

use std::fmt;

use ring::hmac;

use crate::types::KeyId;

/// A family key: 256 bits that every node shares and no store can read. Each use has a label of its own.
pub(crate) struct DeriveKey {
    kid: KeyId,
    key: hmac::Key,
}

impl DeriveKey {
    /// The length of the stored form, in bytes.
    pub(crate) const LENGTH: usize = 32;

    /// From the stored form; `None` when it has another length.
    pub(crate) fn from_bytes(kid: KeyId, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == Self::LENGTH).then(|| Self { kid, key: hmac::Key::new(hmac::HMAC_SHA256, bytes) })
    }

    /// Its name.
    pub(crate) const fn kid(&self) -> &KeyId {
        &self.kid
    }

    /// HMAC over the parts, each behind its length, so that no two lists of parts read alike.
    pub(crate) fn derive(&self, label: &str, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.key, label, parts)
    }

    /// As [`derive`](Self::derive), under a key that is derived for this label alone.
    pub(crate) fn derive_with_subkey(&self, label: &str, parts: &[&[u8]]) -> [u8; 32] {
        let subkey = mac(&self.key, label, &[]);
        mac(&hmac::Key::new(hmac::HMAC_SHA256, &subkey), label, parts)
    }
}

fn mac(key: &hmac::Key, label: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    for part in std::iter::once(&label.as_bytes()).chain(parts) {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut output = [0; 32];
    output.copy_from_slice(context.sign().as_ref());
    output
}

impl fmt::Debug for DeriveKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeriveKey({})", self.kid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> DeriveKey {
        DeriveKey::from_bytes(KeyId::parse("k").unwrap(), &[byte; 32]).unwrap()
    }

    #[test]
    fn key_label_and_the_cut_between_parts_all_count() {
        let outputs = [
            key(1).derive("a", &[b"bc", b"d"]),
            key(2).derive("a", &[b"bc", b"d"]),
            key(1).derive("b", &[b"bc", b"d"]),
            key(1).derive("a", &[b"b", b"cd"]),
            key(1).derive("a", &[b"bcd"]),
            key(1).derive("abc", &[b"d"]),
            key(1).derive_with_subkey("a", &[b"bc", b"d"]),
        ];
        for (place, output) in outputs.iter().enumerate() {
            assert!(!outputs[place + 1..].contains(output), "{place}");
        }
        assert_eq!(key(1).derive("a", &[b"bc"]), key(1).derive("a", &[b"bc"]));
    }

    #[test]
    fn only_256_bits_make_a_key_and_none_is_printed() {
        let kid = KeyId::parse("k").unwrap();
        assert!(DeriveKey::from_bytes(kid.clone(), &[0; 31]).is_none());
        assert!(DeriveKey::from_bytes(kid, &[0; 33]).is_none());
        assert_eq!(format!("{:?}", key(7)), "DeriveKey(k)");
    }
}
