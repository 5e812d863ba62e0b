//! Records for property tests, over everything that their types allow.
//!
//! Two limits are those of every SQL database: counters end at `i64::MAX`, and text has no NUL.

use ipnet::IpNet;
use oauth_core::jose::Alg;
use oauth_core::store::{
    AccessTokenFormat, AccessTokenRecord, AccessTokenRule, AuthMethod, AuthMethods, AuthenticationContext,
    AuthorizationRequestRecord, Binding, Client, ClientSecretRecord, CodeRecord, ConsentKey, ConsentRecord, Extra,
    FamilyRecord, FrozenRequest, GrantTypes, KeyMaterial, KeyRecord, KeyState, KeyTimes, KeyUse, LegacyTyp,
    OptionalClaim, PasswordHash, Principal, RefreshPolicy, RefreshRule, RefreshState, RequestOrigin, RequestState,
    RevokedWhy, Salt, SecretHash, TokenProfile, User,
};
use oauth_core::types::{
    Audience, ClientId, CodeChallenge, FamilyId, KeyId, Lifetime, ResourceUri, Scope, SecretDigest, Subject, Timestamp,
    TokenDigest, TokenId,
};
use proptest::array::{uniform8, uniform32};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// Client ids: all of VSCHAR, up to the greatest length.
pub fn client_id() -> impl Strategy<Value = ClientId> {
    prop_oneof![9 => "[ -~]{1,40}", 1 => "[ -~]{1024}"].prop_map(|text| ClientId::parse(&text).expect("a client id"))
}

/// Subjects: any text without control characters, up to 240 bytes.
pub fn subject() -> impl Strategy<Value = Subject> {
    visible(1..=60).prop_map(|text| Subject::parse(&text).expect("a subject"))
}

/// Key ids: their whole character set, up to the greatest length.
pub fn key_id() -> impl Strategy<Value = KeyId> {
    prop_oneof![9 => r"[!#-\[\]-~]{1,20}", 1 => r"[!#-\[\]-~]{128}"]
        .prop_map(|text| KeyId::parse(&text).expect("a key id"))
}

/// Token ids: their whole character set, up to the greatest length.
pub fn token_id() -> impl Strategy<Value = TokenId> {
    prop_oneof![9 => "[!-~]{1,60}", 1 => "[!-~]{128}"].prop_map(|text| TokenId::parse(&text).expect("a token id"))
}

/// Family ids: any bytes.
pub fn family_id() -> impl Strategy<Value = FamilyId> {
    any::<[u8; 16]>().prop_map(FamilyId::from_bytes)
}

/// Digests of tokens: any bytes.
pub fn token_digest() -> impl Strategy<Value = TokenDigest> {
    uniform32(any::<u8>()).prop_map(TokenDigest::from_bytes)
}

/// Scopes: sets of any tokens, the empty set included.
pub fn scope() -> impl Strategy<Value = Scope> {
    vec(r"[!#-\[\]-~]{1,8}", 0..5).prop_map(|tokens| Scope::parse(&tokens.join(" ")).expect("a scope"))
}

/// Points in time: the whole range, and its ends.
pub fn timestamp() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        4 => 1_600_000_000_000..2_000_000_000_000_i64,
        1 => any::<i64>(),
        1 => select(vec![i64::MIN, -1, 0, 1, i64::MAX]),
    ]
    .prop_map(Timestamp::from_millis)
}

/// What is kept in the room for what comes later: nothing, anything, and as much as fits.
pub fn extra() -> impl Strategy<Value = Extra> {
    prop_oneof![
        2 => Just(Vec::new()),
        5 => vec(any::<u8>(), 1..64),
        1 => any::<u8>().prop_map(|byte| vec![byte; Extra::MAX_LEN]),
    ]
    .prop_map(|bytes| Extra::from_bytes(bytes).expect("not too large"))
}

/// Whole clients.
pub fn client() -> impl Strategy<Value = Client> {
    let about = (client_id(), text(), counter(), any::<bool>(), auth_methods(), secrets(), grant_types());
    let bounds = (scope(), scope(), vec(text(), 0..4), vec(resource(), 0..3), vec(audience(), 1..4));
    let rules = (access_token_rule(), refresh_rule(), option::of(vec(network(), 0..4)));
    let habits = (vec(subject(), 0..4), any::<bool>());
    (about, bounds, rules, habits, [timestamp(), timestamp()], extra()).prop_map(
        |(about, bounds, rules, habits, [created_at, updated_at], extra)| {
            let (id, name, version, active, auth_methods, secrets, grants) = about;
            let (default_scope, scope, redirect_uris, resources, audience) = bounds;
            let (access_token, refresh, networks) = rules;
            let (acts_for, json_bodies) = habits;
            Client {
                id,
                name,
                version,
                active,
                auth_methods,
                secrets,
                grants,
                default_scope,
                scope,
                redirect_uris,
                resources,
                audience,
                access_token,
                refresh,
                networks,
                acts_for,
                json_bodies,
                created_at,
                updated_at,
                extra,
            }
        },
    )
}

/// Whole users.
pub fn user() -> impl Strategy<Value = User> {
    (subject(), any::<bool>(), option::of(scope()), option::of(password_hash()))
        .prop_map(|(subject, active, scope, password)| User { subject, active, scope, password })
}

/// Whole key records, in any state.
pub fn key() -> impl Strategy<Value = KeyRecord> {
    (key_id(), text(), key_use(), select(&KeyState::ALL[..]), option::of(text()), key_material(), key_times()).prop_map(
        |(kid, issuer, usage, state, public_jwk, material, times)| KeyRecord {
            kid,
            issuer,
            usage,
            state,
            public_jwk,
            material,
            times,
        },
    )
}

/// The secret half of a key.
pub fn key_material() -> impl Strategy<Value = KeyMaterial> {
    prop_oneof![
        vec(any::<u8>(), 0..80).prop_map(KeyMaterial::Sealed),
        text().prop_map(KeyMaterial::External),
        Just(KeyMaterial::Destroyed),
    ]
}

/// Times of a key, in any order.
pub fn key_times() -> impl Strategy<Value = KeyTimes> {
    (timestamp(), option::of(timestamp()), option::of(timestamp()), option::of(timestamp())).prop_map(
        |(announced_at, active_at, retired_at, listed_until)| KeyTimes {
            announced_at,
            active_at,
            retired_at,
            listed_until,
        },
    )
}

/// Whole families, some of which had ended when they were stored.
pub fn family() -> impl Strategy<Value = FamilyRecord> {
    let about = (family_id(), client_id(), subject(), scope(), vec(resource(), 0..3), binding());
    let state = (option::of(authentication()), option::of(token_digest()), option::of(refresh_state()));
    let revoked = option::of((timestamp(), select(&RevokedWhy::ALL[..])));
    (about, state, [timestamp(), timestamp(), timestamp()], revoked, extra()).prop_map(
        |(about, state, [issued_at, seen_at, absolute_expires_at], revoked, extra)| {
            let (id, client, subject, scope, resource, binding) = about;
            let (auth, code_digest, refresh) = state;
            FamilyRecord {
                id,
                client,
                subject,
                scope,
                resource,
                binding,
                auth,
                code_digest,
                refresh,
                issued_at,
                seen_at,
                absolute_expires_at,
                revoked,
                extra,
            }
        },
    )
}

/// Whole opaque access tokens.
pub fn access_token() -> impl Strategy<Value = AccessTokenRecord> {
    let about = (token_digest(), token_id(), option::of(family_id()), principal(), scope());
    let reach = (vec(audience(), 0..4), vec(resource(), 0..3), binding(), option::of(authentication()));
    (about, reach, timestamp(), timestamp(), extra()).prop_map(|(about, reach, issued_at, expires_at, extra)| {
        let (digest, id, family, principal, scope) = about;
        let (audience, resource, binding, auth) = reach;
        AccessTokenRecord {
            digest,
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
        }
    })
}

/// Whole authorization requests that can still be decided.
pub fn request() -> impl Strategy<Value = AuthorizationRequestRecord> {
    let about = (token_digest(), select(&RequestOrigin::ALL[..]), client_id(), text(), frozen_request());
    let state = select(vec![RequestState::Pushed, RequestState::Begun]);
    let rest = (option::of(token_digest()), state, binding(), resources(), extra());
    (about, rest, timestamp(), timestamp()).prop_map(|(about, rest, begun_at, expires_at)| {
        let (handle, origin, client, redirect_uri, request) = about;
        let (browser, state, binding, resource, extra) = rest;
        AuthorizationRequestRecord {
            handle,
            origin,
            client,
            redirect_uri,
            request,
            browser,
            subject: None,
            state,
            binding,
            auth: None,
            resource,
            begun_at,
            expires_at,
            extra,
        }
    })
}

/// The parameters of a request: nothing, anything, and as much as fits.
pub fn frozen_request() -> impl Strategy<Value = FrozenRequest> {
    prop_oneof![
        1 => Just(Vec::new()),
        8 => vec(any::<u8>(), 1..200),
        1 => any::<u8>().prop_map(|byte| vec![byte; FrozenRequest::MAX_LEN]),
    ]
    .prop_map(|bytes| FrozenRequest::from_bytes(bytes).expect("not too large"))
}

/// Whole codes that were not redeemed.
pub fn code() -> impl Strategy<Value = CodeRecord> {
    let about = (token_digest(), client_id(), subject(), scope(), text());
    let asked = (option::of(uniform32(any::<u8>())), option::of(text()), vec(resource(), 0..3), binding());
    let rest = (option::of(authentication()), timestamp(), timestamp(), extra());
    (about, asked, rest).prop_map(|(about, asked, (auth, issued_at, expires_at, extra))| {
        let (digest, client, subject, scope, redirect_uri) = about;
        let (challenge, nonce, resource, binding) = asked;
        CodeRecord {
            digest,
            client,
            subject,
            scope,
            redirect_uri,
            challenge: challenge.map(CodeChallenge::from_bytes),
            nonce,
            resource,
            binding,
            auth,
            issued_at,
            expires_at,
            redeemed: None,
            extra,
        }
    })
}

/// Whole consents.
pub fn consent() -> impl Strategy<Value = ConsentRecord> {
    let key = (subject(), client_id(), text(), resources());
    (key, scope(), timestamp(), timestamp(), extra()).prop_map(|(key, scope, granted_at, expires_at, extra)| {
        let (subject, client, redirect_uri, resource) = key;
        let key = ConsentKey { subject, client, redirect_uri, resource };
        ConsentRecord { key, scope, granted_at, expires_at, extra }
    })
}

/// What refresh tokens are derived with.
pub fn salt() -> impl Strategy<Value = Salt> {
    (uniform32(any::<u8>()), timestamp()).prop_map(|(bytes, expires_at)| Salt { bytes, expires_at })
}

/// Text as hosts write it: any characters but NUL, those that end a list, a quote or a pattern more often.
pub fn text() -> impl Strategy<Value = String> {
    let telling = select(vec!['\'', '"', '\\', ',', ';', ' ', '\n', '\t', '%', '_', '[', '{', '\u{1f}', 'é', '漢']);
    let character = prop_oneof![any::<char>().prop_filter("NUL", |c| *c != '\0'), telling];
    vec(character, 0..12).prop_map(String::from_iter)
}

fn visible(length: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = String> {
    vec(any::<char>().prop_filter("a control character", |c| !c.is_control()), length).prop_map(String::from_iter)
}

fn counter() -> impl Strategy<Value = u64> {
    prop_oneof![0..4_u64, 0..=u64::MAX / 2]
}

/// A number that begins at 0 and seldom gets far.
fn tally() -> impl Strategy<Value = u32> {
    prop_oneof![2 => 0..3_u32, 1 => any::<u32>()]
}

fn lifetime() -> impl Strategy<Value = Lifetime> {
    prop_oneof![1..90_000_u32, Just(u32::MAX)].prop_map(Lifetime::of_seconds)
}

fn audience() -> impl Strategy<Value = Audience> {
    visible(1..=20).prop_map(|text| Audience::parse(&text).expect("an audience"))
}

fn resource() -> impl Strategy<Value = ResourceUri> {
    prop_oneof![
        "https://[a-z]{1,9}\\.example/[A-Za-z0-9._~!$&'()*+,;=:@/?-]{0,20}",
        "urn:[a-z]{2,8}:[A-Za-z0-9._~,;=-]{1,9}"
    ]
    .prop_map(|text| ResourceUri::parse(&text).expect("a resource"))
}

/// Sorted, each once.
fn resources() -> impl Strategy<Value = Vec<ResourceUri>> {
    vec(resource(), 0..3).prop_map(|resources| {
        let mut resources = resources;
        resources.sort();
        resources.dedup();
        resources
    })
}

fn network() -> impl Strategy<Value = IpNet> {
    prop_oneof![
        (any::<std::net::Ipv4Addr>(), 0..=32_u8).prop_map(|(address, prefix)| (address.into(), prefix)),
        (any::<std::net::Ipv6Addr>(), 0..=128_u8).prop_map(|(address, prefix)| (address.into(), prefix)),
    ]
    .prop_map(|(address, prefix)| IpNet::new(address, prefix).expect("a network"))
}

fn auth_methods() -> impl Strategy<Value = AuthMethods> {
    subsequence(AuthMethod::ALL.to_vec(), 0..=AuthMethod::ALL.len()).prop_map(|methods| AuthMethods::of(&methods))
}

fn grant_types() -> impl Strategy<Value = GrantTypes> {
    vec(prop_oneof![Just(GrantTypes::CLIENT_CREDENTIALS.to_owned()), text()], 0..4).prop_map(GrantTypes::of)
}

fn password_hash() -> impl Strategy<Value = PasswordHash> {
    r"\$argon2id\$[ -~]{0,80}".prop_map(|text| PasswordHash::from_phc(&text))
}

fn secrets() -> impl Strategy<Value = Vec<ClientSecretRecord>> {
    let hash = prop_oneof![
        uniform32(any::<u8>()).prop_map(|bytes| SecretHash::Generated(SecretDigest::from_bytes(bytes))),
        password_hash().prop_map(SecretHash::Chosen),
    ];
    vec((key_id(), hash, timestamp(), option::of(timestamp())), 0..=Client::MAX_SECRETS).prop_map(|secrets| {
        let mut kept: Vec<ClientSecretRecord> = Vec::new();
        for (id, hash, created_at, expires_at) in secrets {
            if kept.iter().all(|other| other.id != id) {
                kept.push(ClientSecretRecord { id, hash, created_at, expires_at });
            }
        }
        kept
    })
}

fn access_token_rule() -> impl Strategy<Value = AccessTokenRule> {
    let omit = subsequence(OptionalClaim::ALL.to_vec(), 0..=OptionalClaim::ALL.len());
    let legacy = (option::of(Just(LegacyTyp::Jwt)), omit).prop_map(|(typ, omit)| TokenProfile::Legacy { typ, omit });
    let profile = prop_oneof![Just(TokenProfile::Rfc9068), legacy];
    let format = prop_oneof![
        Just(AccessTokenFormat::Opaque),
        (select(&Alg::ALL[..]), profile).prop_map(|(alg, profile)| AccessTokenFormat::Jwt { alg, profile }),
    ];
    (option::of(format), option::of(lifetime())).prop_map(|(format, lifetime)| AccessTokenRule { format, lifetime })
}

fn refresh_rule() -> impl Strategy<Value = RefreshRule> {
    let policy = prop_oneof![
        (0..=600_u16).prop_map(|window_seconds| RefreshPolicy::Rotate { window_seconds }),
        Just(RefreshPolicy::Static),
    ];
    (policy, option::of(lifetime()), option::of(lifetime())).prop_map(|(policy, idle, absolute)| RefreshRule {
        policy,
        idle,
        absolute,
    })
}

fn key_use() -> impl Strategy<Value = KeyUse> {
    prop_oneof![select(&Alg::ALL[..]).prop_map(KeyUse::Sign), Just(KeyUse::Derive)]
}

fn principal() -> impl Strategy<Value = Principal> {
    prop_oneof![
        client_id().prop_map(|client| Principal::Client { client }),
        (subject(), client_id()).prop_map(|(subject, client)| Principal::User { subject, client }),
    ]
}

fn binding() -> impl Strategy<Value = Binding> {
    prop_oneof![
        Just(Binding::None),
        uniform32(any::<u8>()).prop_map(Binding::Jkt),
        uniform32(any::<u8>()).prop_map(Binding::X5t),
    ]
}

/// When and how a user had signed in.
pub fn authentication() -> impl Strategy<Value = AuthenticationContext> {
    (timestamp(), vec(text(), 0..3), option::of(text())).prop_map(|(auth_time, amr, acr)| AuthenticationContext {
        auth_time,
        amr,
        acr,
    })
}

/// Refresh tokens of any age.
pub fn refresh_state() -> impl Strategy<Value = RefreshState> {
    let tokens = (uniform8(any::<u8>()), key_id(), counter(), token_digest(), option::of(token_digest()));
    let retry = (option::of(salt()), timestamp(), tally(), tally(), timestamp());
    (tokens, retry).prop_map(|(tokens, retry)| {
        let (handle, key_id, generation, current_digest, previous_digest) = tokens;
        let (salt, rotated_at, retries, retry_streak, idle_expires_at) = retry;
        RefreshState {
            handle,
            key_id,
            generation,
            current_digest,
            previous_digest,
            salt,
            rotated_at,
            retries,
            retry_streak,
            idle_expires_at,
        }
    })
}
