//! Plain records for clauses in which only a few members matter.

mod refresh;
mod visit;

use oauth_core::jose::Alg;
use oauth_core::store::{
    AccessTokenRecord, AccessTokenRule, AuthMethod, AuthMethods, Binding, Client, Cutoff, CutoffKey, Extra,
    FamilyRecord, GrantTypes, KeyMaterial, KeyRecord, KeyState, KeyTimes, KeyTransition, KeyUse, PasswordHash,
    Principal, RefreshRule, StandingQuery, StartFamily, User,
};
use oauth_core::types::{
    Audience, ClientId, FamilyId, KeyId, Lifetime, Scope, Subject, Timestamp, TokenDigest, TokenId,
};

pub(crate) use self::refresh::*;
pub(crate) use self::visit::*;

/// When everything begins, if nothing else is said.
pub(crate) const BEGIN: Timestamp = Timestamp::from_seconds(1_700_000_000);
/// When access tokens expire.
pub(crate) const TOKEN_END: Timestamp = BEGIN.plus(Lifetime::of_seconds(600));
/// When families end whatever happens.
pub(crate) const FAMILY_END: Timestamp = BEGIN.plus(Lifetime::of_seconds(7_776_000));

pub(crate) const ISSUER: &str = "https://as.example";

/// A time this many milliseconds after the beginning.
pub(crate) fn after(millis: i64) -> Timestamp {
    Timestamp::from_millis(BEGIN.millis() + millis)
}

pub(crate) fn client_id(text: &str) -> ClientId {
    ClientId::parse(text).expect("a lawful client id")
}

pub(crate) fn subject(text: &str) -> Subject {
    Subject::parse(text).expect("a lawful subject")
}

pub(crate) fn token_id(text: &str) -> TokenId {
    TokenId::parse(text).expect("a lawful token id")
}

pub(crate) fn kid(text: &str) -> KeyId {
    KeyId::parse(text).expect("a lawful key id")
}

pub(crate) fn phc(text: &str) -> PasswordHash {
    PasswordHash::from_phc(text)
}

/// A digest of its own for each number.
pub(crate) fn digest(number: u64) -> TokenDigest {
    let mut bytes = [0xd1; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    TokenDigest::from_bytes(bytes)
}

/// A family id of its own for each number, in the order of the numbers.
pub(crate) fn family_id(number: u64) -> FamilyId {
    let mut bytes = [0xfa; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    FamilyId::from_bytes(bytes)
}

pub(crate) fn client(id: &str) -> Client {
    Client {
        id: client_id(id),
        name: format!("The client {id}"),
        version: 1,
        active: true,
        auth_methods: AuthMethods::of(&[AuthMethod::ClientSecretBasic]),
        secrets: Vec::new(),
        grants: GrantTypes::of([GrantTypes::CLIENT_CREDENTIALS]),
        default_scope: Scope::empty(),
        scope: scope("read write"),
        redirect_uris: Vec::new(),
        resources: Vec::new(),
        audience: vec![audience()],
        access_token: AccessTokenRule { format: None, lifetime: None },
        refresh: RefreshRule::default(),
        networks: None,
        acts_for: Vec::new(),
        json_bodies: false,
        created_at: BEGIN,
        updated_at: BEGIN,
        extra: Extra::default(),
    }
}

pub(crate) fn user(subject: Subject) -> User {
    User { subject, active: true, scope: None, password: Some(phc("$argon2id$old")) }
}

/// A key of the issuer [`ISSUER`] that signs with EdDSA.
pub(crate) fn key(id: &str, state: KeyState) -> KeyRecord {
    KeyRecord {
        kid: kid(id),
        issuer: ISSUER.to_owned(),
        usage: KeyUse::Sign(Alg::EdDSA),
        state,
        public_jwk: Some(format!(r#"{{"kid":"{id}"}}"#)),
        material: KeyMaterial::Sealed(id.as_bytes().to_vec()),
        times: times(BEGIN),
    }
}

pub(crate) fn times(announced_at: Timestamp) -> KeyTimes {
    KeyTimes { announced_at, active_at: None, retired_at: None, listed_until: None }
}

pub(crate) fn step(id: &str, expected: KeyState, next: KeyState) -> KeyTransition {
    KeyTransition { kid: kid(id), expected, next, times: times(BEGIN), material: None }
}

/// A family of `alice` with the client `app`, from [`BEGIN`] to [`FAMILY_END`].
pub(crate) fn family(number: u64) -> FamilyRecord {
    FamilyRecord {
        id: family_id(number),
        client: client_id("app"),
        subject: subject("alice"),
        scope: scope("read"),
        resource: Vec::new(),
        binding: Binding::None,
        auth: None,
        code_digest: None,
        refresh: None,
        issued_at: BEGIN,
        seen_at: BEGIN,
        absolute_expires_at: FAMILY_END,
        revoked: None,
        extra: Extra::default(),
    }
}

/// A start without access token, without claim and without limit.
pub(crate) fn start(family: FamilyRecord) -> StartFamily {
    StartFamily { family, access_token: None, live_limit: u32::MAX, claim: None }
}

/// A token of the client `app` in its own name, from [`BEGIN`] to [`TOKEN_END`].
pub(crate) fn token(number: u64) -> AccessTokenRecord {
    AccessTokenRecord {
        digest: digest(number),
        id: token_id(&format!("token-{number}")),
        family: None,
        principal: Principal::Client { client: client_id("app") },
        scope: scope("read"),
        audience: vec![audience()],
        resource: Vec::new(),
        binding: Binding::None,
        auth: None,
        issued_at: BEGIN,
        expires_at: TOKEN_END,
        extra: Extra::default(),
    }
}

/// A token of this family.
pub(crate) fn token_of(family: &FamilyRecord, number: u64) -> AccessTokenRecord {
    AccessTokenRecord { family: Some(family.id), principal: holder(family), ..token(number) }
}

/// A JWT of this family.
pub(crate) fn jwt_of(family: &FamilyRecord) -> StandingQuery {
    StandingQuery {
        id: Some(token_id(&format!("{}.jwt", family.id))),
        family: Some(family.id),
        client: Some(family.client.clone()),
        subject: Some(family.subject.clone()),
        issued_at: family.issued_at,
    }
}

/// A JWT of this client, in its own name or a user's, without family and without `jti`.
pub(crate) fn jwt(client: &str, user: Option<&str>, issued_at: Timestamp) -> StandingQuery {
    StandingQuery { id: None, family: None, client: Some(client_id(client)), subject: user.map(subject), issued_at }
}

pub(crate) fn cutoff(key: CutoffKey, at: Timestamp) -> Cutoff {
    Cutoff { key, at }
}

fn holder(family: &FamilyRecord) -> Principal {
    Principal::User { subject: family.subject.clone(), client: family.client.clone() }
}

fn audience() -> Audience {
    Audience::parse("https://api.example").expect("a lawful audience")
}

fn scope(text: &str) -> Scope {
    Scope::parse(text).expect("a lawful scope")
}
