//! An opaque access token as one block of bytes. There may be a million of them, and the record as it is takes four times
//! as much: its members lie apart, most of them are empty, and the map keeps room for as many again.

use oauth_core::store::{AccessTokenRecord, AuthenticationContext, Binding, Extra, Principal, StoreError};
use oauth_core::types::{Audience, ClientId, FamilyId, ResourceUri, Scope, Subject, Timestamp, TokenDigest, TokenId};

/// A token without its digest, by which it is found.
pub(crate) struct Packed {
    revoked: bool,
    bytes: Box<[u8]>,
}

impl Packed {
    /// Packs in a block that is used again and again, so that what is kept is allocated once and has no room to spare.
    pub(crate) fn of(record: &AccessTokenRecord, bytes: &mut Vec<u8>) -> Self {
        let AccessTokenRecord {
            digest: _,
            id,
            family,
            principal,
            scope,
            audience,
            resource,
            binding,
            auth,
            issued_at,
            expires_at,
            extra,
        } = record;
        bytes.clear();
        put_text(bytes, id.as_str());
        put_option(bytes, family.as_ref(), |bytes, family| bytes.extend_from_slice(family.as_bytes()));
        put_option(bytes, principal.subject(), |bytes, subject| put_text(bytes, subject.as_str()));
        put_text(bytes, principal.client().as_str());
        put_text(bytes, scope.as_str());
        put_list(bytes, audience.iter().map(Audience::as_str));
        put_list(bytes, resource.iter().map(ResourceUri::as_str));
        match binding {
            Binding::None => bytes.push(0),
            Binding::Jkt(thumbprint) => put_tagged(bytes, 1, thumbprint),
            Binding::X5t(thumbprint) => put_tagged(bytes, 2, thumbprint),
        }
        put_option(bytes, auth.as_ref(), |bytes, AuthenticationContext { auth_time, amr, acr }| {
            put_time(bytes, *auth_time);
            put_list(bytes, amr.iter().map(String::as_str));
            put_option(bytes, acr.as_ref(), |bytes, acr| put_text(bytes, acr));
        });
        put_time(bytes, *issued_at);
        put_time(bytes, *expires_at);
        bytes.extend_from_slice(extra.as_bytes());
        Self { revoked: false, bytes: bytes.as_slice().into() }
    }

    pub(crate) const fn revoke(&mut self) {
        self.revoked = true;
    }

    /// Whether it was taken back by itself.
    pub(crate) const fn is_revoked(&self) -> bool {
        self.revoked
    }

    /// The record as it was given.
    pub(crate) fn record(&self, digest: TokenDigest) -> Result<AccessTokenRecord, StoreError> {
        self.unpack(digest).ok_or_else(|| StoreError::corrupt("an access token does not unpack"))
    }

    fn unpack(&self, digest: TokenDigest) -> Option<AccessTokenRecord> {
        let mut bytes = Bytes(&self.bytes);
        Some(AccessTokenRecord {
            digest,
            id: TokenId::parse(bytes.text()?).ok()?,
            family: bytes.option(|bytes| bytes.array().map(FamilyId::from_bytes))?,
            principal: {
                let subject = bytes.option(|bytes| Subject::parse(bytes.text()?).ok())?;
                let client = ClientId::parse(bytes.text()?).ok()?;
                match subject {
                    Some(subject) => Principal::User { subject, client },
                    None => Principal::Client { client },
                }
            },
            scope: Scope::parse(bytes.text()?).ok()?,
            audience: bytes.list(|text| Audience::parse(text).ok())?,
            resource: bytes.list(|text| ResourceUri::parse(text).ok())?,
            binding: match bytes.byte()? {
                0 => Binding::None,
                1 => Binding::Jkt(bytes.array()?),
                2 => Binding::X5t(bytes.array()?),
                _ => return None,
            },
            auth: bytes.option(|bytes| {
                Some(AuthenticationContext {
                    auth_time: bytes.time()?,
                    amr: bytes.list(|text| Some(text.to_owned()))?,
                    acr: bytes.option(|bytes| bytes.text().map(str::to_owned))?,
                })
            })?,
            issued_at: bytes.time()?,
            expires_at: bytes.time()?,
            extra: Extra::from_bytes(bytes.0.to_vec()).ok()?,
        })
    }
}

/// Seven bits to a byte, the lowest first; the last byte is below 128.
fn put_length(bytes: &mut Vec<u8>, mut length: usize) {
    while length >= 128 {
        bytes.push((length % 128) as u8 | 128);
        length /= 128;
    }
    bytes.push(length as u8);
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_length(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

fn put_list<'a>(bytes: &mut Vec<u8>, items: impl ExactSizeIterator<Item = &'a str>) {
    put_length(bytes, items.len());
    items.for_each(|item| put_text(bytes, item));
}

fn put_option<T>(bytes: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    bytes.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put(bytes, value);
    }
}

fn put_tagged(bytes: &mut Vec<u8>, tag: u8, value: &[u8]) {
    bytes.push(tag);
    bytes.extend_from_slice(value);
}

fn put_time(bytes: &mut Vec<u8>, time: Timestamp) {
    bytes.extend_from_slice(&time.millis().to_le_bytes());
}

/// What is left to unpack.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.0.split_at_checked(length)?;
        self.0 = left;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn length(&mut self) -> Option<usize> {
        let mut length = 0;
        for place in (0..usize::BITS).step_by(7) {
            let byte = self.byte()?;
            length |= usize::from(byte & 127) << place;
            if byte < 128 {
                return Some(length);
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    fn list<T>(&mut self, parse: impl Fn(&'a str) -> Option<T>) -> Option<Vec<T>> {
        (0..self.length()?).map(|_| parse(self.text()?)).collect()
    }

    /// Nothing when it does not unpack; else the option.
    #[expect(clippy::option_option, reason = "the outer one is failure")]
    fn option<T>(&mut self, unpack: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.byte()? {
            0 => Some(None),
            1 => unpack(self).map(Some),
            _ => None,
        }
    }

    fn time(&mut self) -> Option<Timestamp> {
        self.array().map(|bytes| Timestamp::from_millis(i64::from_le_bytes(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_every_size_are_read_back() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 70_000, usize::MAX] {
            let mut bytes = Vec::new();
            put_length(&mut bytes, length);
            assert_eq!(Bytes(&bytes).length(), Some(length));
        }
    }
}
