//! Golden clients and users.

use std::sync::Arc;

use ipnet::IpNet;
use oauth_core::jose::Alg;
use oauth_core::store::{
    AccessTokenFormat, AccessTokenRule, AuthMethod, AuthMethods, Client, ClientSecretRecord, Extra, GrantTypes,
    LegacyTyp, OptionalClaim, PasswordHash, RefreshPolicy, RefreshRule, Register, SecretHash, TokenProfile, User,
};
use oauth_core::types::{Audience, KeyId, Lifetime, Scope, SecretDigest, Timestamp};

use super::{
    at, bytes, client_id, every, extra, resources, scope, subject, text, widest_client_id, widest_scope, widest_subject,
};
use crate::{TenantStore, block_on};

pub(super) fn write(store: &TenantStore, other: &TenantStore) {
    for client in clients() {
        assert_eq!(block_on(store.registry.register(client)).expect("the store works"), Register::Registered);
    }
    assert_eq!(block_on(other.registry.register(others())).expect("the store works"), Register::Registered);
    for (user, logins) in users() {
        (store.add_user)(user, &logins.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

pub(super) fn check(store: &TenantStore, other: &TenantStore) {
    let mut expected = clients();
    for client in &expected {
        let found = block_on(store.clients.find(&client.id)).expect("the store works");
        assert_eq!(found.as_deref(), Some(client));
    }
    expected.sort_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
    let page = block_on(store.registry.page(None, u32::MAX)).expect("the store works");
    assert_eq!(page.into_iter().map(Arc::unwrap_or_clone).collect::<Vec<_>>(), expected, "and no others");
    let page = block_on(other.registry.page(None, u32::MAX)).expect("the store works");
    assert_eq!(page.into_iter().map(Arc::unwrap_or_clone).collect::<Vec<_>>(), [others()], "in the other tenant");
    for (user, logins) in users() {
        let found = block_on(store.users.find_by_subject(&user.subject)).expect("the store works");
        assert_eq!(found.as_ref(), Some(&user));
        let found = block_on(other.users.find_by_subject(&user.subject)).expect("the store works");
        assert_eq!(found, None, "in the other tenant");
        for login in logins {
            let found = block_on(store.users.find_by_login(&login)).expect("the store works");
            assert_eq!(found.as_ref(), Some(&user), "by {login:?}");
        }
    }
}

/// One with everything, one with nothing, one for each form that its tokens can have.
pub(super) fn clients() -> Vec<Client> {
    let format = |format| AccessTokenRule { format: Some(format), lifetime: Some(Lifetime::of_seconds(600)) };
    let jwt = |alg, profile| format(AccessTokenFormat::Jwt { alg, profile });
    let legacy = |typ, omit| TokenProfile::Legacy { typ, omit };
    let omit = vec![OptionalClaim::ClientId, OptionalClaim::Jti, OptionalClaim::Scope, OptionalClaim::Sub];
    let formed = |id, access_token| Client { access_token, ..bare(id) };
    vec![
        full(),
        bare("bare"),
        formed("opaque", format(AccessTokenFormat::Opaque)),
        formed("eddsa", jwt(Alg::EdDSA, TokenProfile::Rfc9068)),
        formed("es256", jwt(Alg::ES256, TokenProfile::Rfc9068)),
        formed("ps256", jwt(Alg::PS256, legacy(None, Vec::new()))),
        formed("rs256", jwt(Alg::RS256, legacy(Some(LegacyTyp::Jwt), omit))),
    ]
}

fn full() -> Client {
    let secret = |id: &str, hash, expires_at| ClientSecretRecord {
        id: KeyId::parse(id).expect("a lawful key id"),
        hash,
        created_at: at(1),
        expires_at,
    };
    let chosen = PasswordHash::from_phc("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g");
    let network = |text: &str| text.parse::<IpNet>().expect("a network");
    let audience = |text: &str| Audience::parse(text).expect("a lawful audience");
    Client {
        id: widest_client_id(),
        name: text(),
        version: u64::try_from(i64::MAX).unwrap_or(u64::MAX),
        active: true,
        auth_methods: AuthMethods::of(&[AuthMethod::None, AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost]),
        secrets: vec![
            secret(&every(['!'..='!', '#'..='[', ']'..='~']), SecretHash::Generated(digest(1)), None),
            secret("second", SecretHash::Generated(digest(2)), Some(at(2))),
            secret("chosen", SecretHash::Chosen(chosen), Some(Timestamp::from_millis(i64::MAX))),
        ],
        grants: GrantTypes::of(["client_credentials", "password", "refresh_token", "urn:example:grant:'\"\\é"]),
        default_scope: scope("read"),
        scope: widest_scope(),
        redirect_uris: vec!["https://app.example/cb?a=b'\"\\".to_owned(), text(), String::new()],
        resources: resources(),
        audience: vec![audience("https://api.example"), audience("é漢🦀'\"\\")],
        access_token: AccessTokenRule { format: None, lifetime: Some(Lifetime::of_seconds(u32::MAX)) },
        refresh: RefreshRule {
            policy: RefreshPolicy::Rotate { window_seconds: 600 },
            idle: Some(Lifetime::of_seconds(1)),
            absolute: Some(Lifetime::of_seconds(7_776_000)),
        },
        networks: Some(vec![network("192.0.2.0/24"), network("2001:db8::/32"), network("198.51.100.7/32")]),
        acts_for: vec![subject("alice"), widest_subject()],
        json_bodies: true,
        created_at: at(-1),
        updated_at: at(123),
        extra: extra(),
    }
}

fn bare(id: &str) -> Client {
    Client {
        id: client_id(id),
        name: String::new(),
        version: 0,
        active: false,
        auth_methods: AuthMethods::default(),
        secrets: Vec::new(),
        grants: GrantTypes::default(),
        default_scope: Scope::empty(),
        scope: Scope::empty(),
        redirect_uris: Vec::new(),
        resources: Vec::new(),
        audience: Vec::new(),
        access_token: AccessTokenRule { format: None, lifetime: None },
        refresh: RefreshRule { policy: RefreshPolicy::Static, idle: None, absolute: None },
        networks: None,
        acts_for: Vec::new(),
        json_bodies: false,
        created_at: Timestamp::from_millis(i64::MIN),
        updated_at: Timestamp::from_millis(i64::MAX),
        extra: Extra::default(),
    }
}

/// Another tenant's client of the same id.
fn others() -> Client {
    Client { name: "another tenant's".to_owned(), networks: Some(Vec::new()), ..bare(widest_client_id().as_str()) }
}

fn users() -> Vec<(User, Vec<String>)> {
    let password = PasswordHash::from_phc("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g");
    let full = User { subject: widest_subject(), active: true, scope: Some(widest_scope()), password: Some(password) };
    let bare = User { subject: subject("bare"), active: false, scope: None, password: None };
    let bounded = User { subject: subject("bounded"), active: true, scope: Some(Scope::empty()), password: None };
    vec![
        (full, vec!["alice@example.org".to_owned(), text()]),
        (bare, Vec::new()),
        (bounded, vec!["ALICE@example.org".to_owned()]),
    ]
}

fn digest(number: u8) -> SecretDigest {
    SecretDigest::from_bytes(bytes(number))
}
