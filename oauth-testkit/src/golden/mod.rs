//! The records of golden databases: what a release stored, in all its members, for every later release to read back.
//!
//! A store keeps one database for each of its schemas among its tests: [`write()`] filled it once, under the release that
//! brought the schema, and from then on [`check`] reads a copy of it through the traits. The records of a schema are
//! frozen with it. A record that grows gives its new member here the value with which an old row is read back; a new
//! name of an enum needs a new schema, and golden records of it.

mod authorization;
mod clients;
mod grants;
mod keys;

use oauth_core::store::{AuthenticationContext, Extra};
use oauth_core::types::{ClientId, ResourceUri, Scope, Subject, Timestamp, TokenDigest};

use crate::Fixture;

/// The newest schema of which there are records. 1: clients, users, keys, families, opaque tokens, tombstones, cutoffs,
/// claims, strikes, the mark of the clock. 2: also authorization requests, codes, consent, cutoffs of one grant.
pub const NEWEST: u32 = 2;

/// Writes the records of this schema, and of those before it, into an empty store.
pub fn write(fixture: &Fixture, schema: u32) {
    let Fixture { store, other, .. } = fixture;
    clients::write(store, other);
    keys::write(store);
    grants::write(store, other);
    if schema >= 2 {
        authorization::write(store);
    }
}

/// Reads the records of this schema, and of those before it, and compares every member. Works on a copy: it counts a
/// strike.
pub fn check(fixture: &Fixture, schema: u32) {
    let Fixture { store, other, .. } = fixture;
    clients::check(store, other);
    keys::check(store);
    grants::check(store, other);
    if schema >= 2 {
        authorization::check(store);
    }
}

/// Milliseconds from the time at which all of it happened.
const fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + millis)
}

/// Bytes of all kinds, others for each number.
fn bytes<const N: usize>(number: u8) -> [u8; N] {
    std::array::from_fn(|place| number.wrapping_add(u8::try_from(place % 256).unwrap_or(0).wrapping_mul(37)))
}

fn digest(number: u8) -> TokenDigest {
    TokenDigest::from_bytes(bytes(number))
}

/// Every character of these, in their order.
fn every(characters: impl IntoIterator<Item = std::ops::RangeInclusive<char>>) -> String {
    characters.into_iter().flatten().collect()
}

/// Text of every kind but NUL, which PostgreSQL cannot keep.
fn text() -> String {
    format!("{}é漢🦀e\u{301}\u{200d}\u{202e}\u{feff}\u{10ffff}", every(['\u{1}'..='\u{7f}']))
}

fn client_id(text: &str) -> ClientId {
    ClientId::parse(text).expect("a lawful client id")
}

/// Every character that a client id can have.
fn widest_client_id() -> ClientId {
    client_id(&every([' '..='~']))
}

fn subject(text: &str) -> Subject {
    Subject::parse(text).expect("a lawful subject")
}

/// Every kind of character that a subject can have.
fn widest_subject() -> Subject {
    subject(&format!("{}é漢🦀e\u{301}\u{10ffff}", every([' '..='~'])))
}

fn scope(text: &str) -> Scope {
    Scope::parse(text).expect("a lawful scope")
}

/// Every character that a scope token can have.
fn widest_scope() -> Scope {
    scope(&format!("read write {}", every(['!'..='!', '#'..='[', ']'..='~'])))
}

fn resources() -> Vec<ResourceUri> {
    let resource = |text| ResourceUri::parse(text).expect("a lawful resource");
    vec![resource("https://api.example/a?b=c&d=%20~'()*+,;:@!$"), resource("urn:example:b")]
}

fn extra() -> Extra {
    Extra::from_bytes((0..=u8::MAX).collect()).expect("it fits")
}

fn signed_in() -> AuthenticationContext {
    AuthenticationContext { auth_time: at(-5), amr: vec!["pwd".to_owned(), text()], acr: Some(text()) }
}

/// Of an authentication, only what there must be.
fn barely_signed_in() -> AuthenticationContext {
    AuthenticationContext { auth_time: at(-6), amr: Vec::new(), acr: None }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use oauth_core::jose::Alg;
    use oauth_core::store::{
        AccessTokenFormat, AuthMethod, KeyState, OptionalClaim, Register, RequestOrigin, RequestState, RevokedWhy,
        TokenProfile,
    };
    use oauth_core::types::Tenant;
    use oauth_store_memory::MemoryStore;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for schema in 1..=NEWEST {
            let store = MemoryStore::new();
            let other = store.for_tenant(Tenant::parse("other").unwrap());
            let fixture = Fixture::new(Arc::new(store), Arc::new(other), |store, user, logins| {
                assert_eq!(store.insert_user(user, logins.iter().copied()).unwrap(), Register::Registered);
            });
            write(&fixture, schema);
            check(&fixture, schema);
        }
    }

    /// Asserts that each of these is among those.
    fn all<T: PartialEq + std::fmt::Debug>(names: &[T], golden: &[T]) {
        for name in names {
            assert!(golden.contains(name), "{name:?} needs a schema and a golden record");
        }
    }

    #[test]
    fn every_name_of_an_enum_stands_in_a_record() {
        let (clients, keys) = (clients::clients(), keys::keys());
        let formats: Vec<_> = clients.iter().filter_map(|client| client.access_token.format.as_ref()).collect();
        let jwts = formats.iter().filter_map(|format| match format {
            AccessTokenFormat::Jwt { alg, profile } => Some((*alg, profile)),
            AccessTokenFormat::Opaque => None,
        });
        let omitted = jwts.clone().filter_map(|(_, profile)| match profile {
            TokenProfile::Legacy { omit, .. } => Some(omit.clone()),
            TokenProfile::Rfc9068 => None,
        });
        all(&Alg::ALL, &jwts.map(|(alg, _)| alg).collect::<Vec<_>>());
        all(&OptionalClaim::ALL, &omitted.flatten().collect::<Vec<_>>());
        all(&AuthMethod::ALL, &clients.iter().flat_map(|client| client.auth_methods.iter()).collect::<Vec<_>>());
        all(&KeyState::ALL, &keys.iter().map(|key| key.state).collect::<Vec<_>>());
        let uses: Vec<_> = keys.iter().map(|key| key.usage.as_str()).collect();
        all(&Alg::ALL.map(Alg::as_str), &uses);
        let families = grants::families();
        let whys: Vec<_> = families.iter().filter_map(|(family, _)| family.revoked).map(|(_, why)| why).collect();
        all(&RevokedWhy::ALL, &whys);
        let requests = authorization::requests();
        all(&RequestOrigin::ALL, &requests.iter().map(|(request, _)| request.origin).collect::<Vec<_>>());
        all(&RequestState::ALL, &requests.iter().map(|(request, _)| request.state).collect::<Vec<_>>());
    }
}
