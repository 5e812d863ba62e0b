//! What the tests of rules and grants start from.

use std::sync::Arc;

use super::{HostRules, Policy};
use crate::grant::{Around, GrantSettings};
use crate::jose::Alg;
use crate::policy::scope::ScopeMode;
use crate::server::ClientSpec;
use crate::store::{
    AccessTokenFormat, AuthenticationContext, Binding, Client, Extra, FamilyRecord, RefreshState, Salt, User,
};
use crate::token::HostFacts;
use crate::types::{FamilyId, KeyId, Lifetime, Scope, Subject, Timestamp, TokenDigest};

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub(crate) fn scope(text: &str) -> Scope {
    Scope::parse(text).unwrap()
}

pub(crate) fn settings() -> GrantSettings {
    GrantSettings {
        resources: Vec::new(),
        scope_mode: ScopeMode::Narrow,
        format: AccessTokenFormat::Opaque,
        lifetime: Lifetime::of_seconds(600),
        jwt_bound: Lifetime::of_seconds(3_600),
        opaque_bound: Lifetime::of_seconds(86_400),
        idle: Lifetime::of_seconds(3_600),
        absolute: Lifetime::of_seconds(7_200),
        password: false,
        static_for_public: false,
        id_tokens: None,
        extensions: Vec::new(),
        can_refresh: true,
    }
}

pub(crate) fn confidential() -> Client {
    made(ClientSpec::confidential("client"))
}

pub(crate) fn public() -> Client {
    made(ClientSpec::public("client"))
}

fn made(spec: ClientSpec) -> Client {
    // a server without id tokens registers nobody for `openid`
    let with_id_tokens = GrantSettings { id_tokens: Some(Alg::ES256), ..settings() };
    let spec = spec.scope("offline_access openid read write").audience(["api"]);
    spec.check(&with_id_tokens, &[], NOW).unwrap()
}

pub(crate) fn user() -> User {
    User { subject: Subject::parse("alice").unwrap(), active: true, scope: None, password: None }
}

pub(crate) fn auth(seconds_ago: i64) -> AuthenticationContext {
    let auth_time = Timestamp::from_seconds(NOW.seconds() - seconds_ago);
    AuthenticationContext { auth_time, amr: vec!["pwd".into()], acr: None }
}

pub(crate) fn refresh_state() -> RefreshState {
    RefreshState {
        handle: [1; 8],
        key_id: KeyId::parse("k").unwrap(),
        generation: 3,
        current_digest: TokenDigest::from_bytes([3; 32]),
        previous_digest: Some(TokenDigest::from_bytes([2; 32])),
        salt: Some(Salt { bytes: [9; 32], expires_at: Timestamp::MAX }),
        rotated_at: NOW,
        retries: 0,
        retry_streak: 0,
        idle_expires_at: NOW.plus(Lifetime::of_seconds(100)),
    }
}

pub(crate) fn family() -> FamilyRecord {
    FamilyRecord {
        id: FamilyId::from_bytes([5; 16]),
        client: "client".parse().unwrap(),
        subject: user().subject,
        scope: scope("offline_access read"),
        resource: Vec::new(),
        binding: Binding::None,
        auth: Some(auth(0)),
        code_digest: None,
        refresh: Some(refresh_state()),
        issued_at: NOW,
        seen_at: NOW,
        absolute_expires_at: NOW.plus(Lifetime::of_seconds(7_200)),
        revoked: None,
        extra: Extra::default(),
    }
}

/// Settings, rules and facts to decide with.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) settings: GrantSettings,
    pub(crate) rules: HostRules,
    pub(crate) host: HostFacts,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { settings: settings(), rules: HostRules::default(), host: HostFacts::new() }
    }

    pub(crate) fn ruled(rules: Vec<Arc<dyn Policy>>) -> Self {
        Self { rules: HostRules::new(rules), ..Self::new() }
    }

    pub(crate) fn around(&self) -> Around<'_> {
        Around { settings: &self.settings, rules: &self.rules, host: &self.host, peer: None, now: NOW }
    }
}
