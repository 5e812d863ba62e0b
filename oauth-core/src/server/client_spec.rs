//! What a host says of a client when it registers it; every mistake is told at once.

use std::time::Duration;

use ipnet::IpNet;

use super::configured::ConfigErrors;
use crate::grant::GrantSettings;
use crate::jose::Alg;
use crate::store::{
    AccessTokenFormat, AccessTokenRule, AuthMethod, AuthMethods, Client, Extra, GrantTypes, OptionalClaim, RefreshRule,
    TokenProfile,
};
use crate::types::{Audience, ClientId, Lifetime, ResourceUri, Scope, Timestamp};

/// A client as the host wants it registered.
///
/// Everything is text or a standard type; [`ensure_client`](crate::AuthorizationServer::ensure_client) checks it whole
/// and says every mistake with its mend.
#[derive(Debug, Clone)]
pub struct ClientSpec {
    pub(crate) id: String,
    name: Option<String>,
    methods: Vec<AuthMethod>,
    grants: Vec<String>,
    scope: String,
    default_scope: Option<String>,
    audience: Vec<String>,
    resources: Vec<String>,
    format: Option<AccessTokenFormat>,
    lifetime: Option<Duration>,
    networks: Option<Vec<String>>,
    pub(crate) chosen_secret: Option<ChosenSecret>,
}

/// A secret that a person chose; never printed.
#[derive(Clone)]
pub(crate) struct ChosenSecret(zeroize::Zeroizing<String>);

impl ChosenSecret {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for ChosenSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChosenSecret([redacted])")
    }
}

impl ClientSpec {
    /// A client that keeps a secret and sends it by Basic or in the body (RFC 6749 §2.1, §2.3.1). It may use
    /// `client_credentials` until [`grants`](Self::grants) says otherwise.
    #[must_use]
    pub fn confidential(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: None,
            methods: vec![AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost],
            grants: vec![GrantTypes::CLIENT_CREDENTIALS.to_owned()],
            scope: String::new(),
            default_scope: None,
            audience: Vec::new(),
            resources: Vec::new(),
            format: None,
            lifetime: None,
            networks: None,
            chosen_secret: None,
        }
    }

    /// A client that cannot keep a secret: an app in a browser or on a phone (RFC 6749 §2.1). It may use no grant
    /// until [`grants`](Self::grants) says so.
    #[must_use]
    pub fn public(id: impl Into<String>) -> Self {
        Self { methods: vec![AuthMethod::None], grants: Vec::new(), ..Self::confidential(id) }
    }

    /// The name that people see. Default: the id.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The methods by which it may authenticate.
    #[must_use]
    pub fn auth_methods(mut self, methods: &[AuthMethod]) -> Self {
        self.methods = methods.to_vec();
        self
    }

    /// The `grant_type` values that it may use.
    #[must_use]
    pub fn grants<T: Into<String>>(mut self, grants: impl IntoIterator<Item = T>) -> Self {
        self.grants = grants.into_iter().map(Into::into).collect();
        self
    }

    /// The most scope that it may have, as scope text (RFC 6749 §3.3). Required.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }

    /// What it gets when it asks for no scope. Default: all of its scope; `""` for nothing, which is refused.
    #[must_use]
    pub fn default_scope(mut self, scope: impl Into<String>) -> Self {
        self.default_scope = Some(scope.into());
        self
    }

    /// The `aud` of its tokens when it asks for no resource. Required.
    #[must_use]
    pub fn audience<T: Into<String>>(mut self, audience: impl IntoIterator<Item = T>) -> Self {
        self.audience = audience.into_iter().map(Into::into).collect();
        self
    }

    /// The resources that it may ask for (RFC 8707); the server must know each.
    #[must_use]
    pub fn resources<T: Into<String>>(mut self, resources: impl IntoIterator<Item = T>) -> Self {
        self.resources = resources.into_iter().map(Into::into).collect();
        self
    }

    /// What its access tokens are. Default: the server's.
    #[must_use]
    pub fn access_token(mut self, format: AccessTokenFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// How long its access tokens live: whole seconds, JWT at most 1 hour, opaque at most 24. Default: the server's.
    #[must_use]
    pub const fn access_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// The networks that it may authenticate from, as CIDR text. Default: any.
    #[must_use]
    pub fn networks<T: Into<String>>(mut self, networks: impl IntoIterator<Item = T>) -> Self {
        self.networks = Some(networks.into_iter().map(Into::into).collect());
        self
    }

    /// A secret that a person chose, instead of one that the server generates. Needs
    /// [`with_chosen_client_secrets`](crate::Builder::with_chosen_client_secrets): it costs an Argon2id per request.
    #[must_use]
    pub fn chosen_secret(mut self, secret: impl Into<String>) -> Self {
        self.chosen_secret = Some(ChosenSecret(zeroize::Zeroizing::new(secret.into())));
        self
    }

    /// The record, without secrets.
    pub(crate) fn check(
        &self,
        settings: &GrantSettings,
        algorithms: &[Alg],
        now: Timestamp,
    ) -> Result<Client, ConfigErrors> {
        let mut mistakes = Mistakes::default();
        let id = mistakes.keep(ClientId::parse(&self.id).map(Some), || None);
        let auth_methods = self.check_methods(&mut mistakes);
        let (scope, default_scope) = self.check_scope(&mut mistakes);
        let grants = self.check_grants(auth_methods, &mut mistakes);
        let resources = self.check_resources(settings, &mut mistakes);
        let audience = self.check_audience(&mut mistakes);
        let access_token = self.check_access_token(settings, algorithms, &mut mistakes);
        let networks = self.check_networks(&mut mistakes);
        let chosen = self.chosen_secret.as_ref().map(ChosenSecret::expose);
        if chosen.is_some_and(|secret| secret.is_empty() || !secret.chars().all(crate::wire::params::is_vschar)) {
            mistakes.say("its chosen secret must be printable ASCII and not empty (RFC 6749 appendix A.2)".into());
        }
        match id {
            Some(id) if mistakes.0.is_empty() => Ok(Client {
                id,
                name: self.name.clone().unwrap_or_else(|| self.id.clone()),
                version: 1,
                active: true,
                auth_methods,
                secrets: Vec::new(),
                grants,
                default_scope,
                scope,
                redirect_uris: Vec::new(),
                resources,
                audience,
                access_token,
                refresh: RefreshRule::default(),
                networks,
                acts_for: Vec::new(),
                json_bodies: false,
                created_at: now,
                updated_at: now,
                extra: Extra::default(),
            }),
            _ => Err(mistakes.into_errors(&format!("client `{}`: ", self.id))),
        }
    }

    fn check_scope(&self, mistakes: &mut Mistakes) -> (Scope, Scope) {
        let scope = mistakes.keep(Scope::parse(&self.scope), Scope::empty);
        let default = match &self.default_scope {
            Some(text) => mistakes.keep(Scope::parse(text), Scope::empty),
            None => scope.clone(),
        };
        if self.scope.is_empty() {
            mistakes.say("it has no scope; name the most that it may have with `.scope(\"…\")`".into());
        }
        let excess = default.difference(&scope);
        if !excess.is_empty() {
            mistakes.say(format!(
                "its default scope holds `{excess}`, which its scope does not; add it to `.scope` or drop it"
            ));
        }
        (scope, default)
    }

    fn check_grants(&self, methods: AuthMethods, mistakes: &mut Mistakes) -> GrantTypes {
        let grants = GrantTypes::of(self.grants.iter().cloned());
        for grant in grants.iter().filter(|grant| *grant != GrantTypes::CLIENT_CREDENTIALS) {
            mistakes.say(format!("this server has no grant `{grant}`; it has `client_credentials`"));
        }
        if grants.contains(GrantTypes::CLIENT_CREDENTIALS) && methods.contains(AuthMethod::None) {
            mistakes.say(
                "a public client cannot use `client_credentials` (RFC 6749 section 4.4); make it confidential".into(),
            );
        }
        grants
    }

    fn check_methods(&self, mistakes: &mut Mistakes) -> AuthMethods {
        let methods = AuthMethods::of(&self.methods);
        if methods.is_empty() {
            mistakes.say("it has no authentication method; name at least one".into());
        }
        if methods.contains(AuthMethod::None) && methods.iter().count() > 1 {
            mistakes.say("the method `none` excludes all others; a client either has a secret or has none".into());
        }
        if methods.contains(AuthMethod::None) && self.chosen_secret.is_some() {
            mistakes.say("a public client has no secret; drop `.chosen_secret` or make it confidential".into());
        }
        methods
    }

    fn check_resources(&self, settings: &GrantSettings, mistakes: &mut Mistakes) -> Vec<ResourceUri> {
        let mut resources = Vec::new();
        for text in &self.resources {
            match ResourceUri::parse(text) {
                Err(why) => mistakes.say(format!("the resource `{text}` is unusable: {why}")),
                Ok(uri) if settings.resources.iter().all(|known| known.uri != uri) => mistakes.say(format!(
                    "this server does not know the resource `{text}`; declare it with `.resource(…)` on the builder"
                )),
                Ok(uri) => resources.push(uri),
            }
        }
        resources
    }

    fn check_audience(&self, mistakes: &mut Mistakes) -> Vec<Audience> {
        if self.audience.is_empty() {
            mistakes.say("it has no audience; name the API that its tokens are for with `.audience([\"…\"])`".into());
        }
        let mut audience = Vec::new();
        for text in &self.audience {
            match Audience::parse(text) {
                Err(why) => mistakes.say(format!("the audience `{text}` is unusable: {why}")),
                Ok(one) => audience.push(one),
            }
        }
        audience
    }

    fn check_access_token(
        &self,
        settings: &GrantSettings,
        algorithms: &[Alg],
        mistakes: &mut Mistakes,
    ) -> AccessTokenRule {
        let format = self.format.as_ref().unwrap_or(&settings.format);
        let bound = match format {
            AccessTokenFormat::Opaque => settings.opaque_bound,
            AccessTokenFormat::Jwt { .. } => settings.jwt_bound,
        };
        check_format(format, algorithms, mistakes);
        let lifetime = self.lifetime.and_then(|span| match Lifetime::try_from(span) {
            Ok(span) if span <= bound => Some(span),
            Ok(span) => {
                mistakes.say(format!("its access tokens would live {span}; the bound for this format is {bound}"));
                None
            }
            Err(why) => {
                mistakes.say(format!("the lifetime of its access tokens: {why}"));
                None
            }
        });
        AccessTokenRule { format: self.format.clone(), lifetime }
    }

    fn check_networks(&self, mistakes: &mut Mistakes) -> Option<Vec<IpNet>> {
        let texts = self.networks.as_ref()?;
        if texts.is_empty() {
            mistakes.say(
                "its list of networks is empty, so it could authenticate from nowhere; drop `.networks` for any".into(),
            );
        }
        Some(parse_networks(texts, mistakes))
    }
}

/// Parses CIDR text; a host bit set is a mistake, because somebody meant something else.
pub(crate) fn parse_networks(texts: &[String], mistakes: &mut Mistakes) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for text in texts {
        match text.parse::<IpNet>() {
            Ok(IpNet::V6(network)) if network.addr().to_ipv4_mapped().is_some() => mistakes
                .say(format!("the network `{text}` is IPv4 written as IPv6 and would match nothing; write it as IPv4")),
            Ok(network) if network.trunc() == network => networks.push(network),
            Ok(network) => mistakes.say(format!("the network `{text}` has host bits set; write `{}`", network.trunc())),
            Err(_) => {
                mistakes.say(format!("`{text}` is no network; write it like `203.0.113.0/24` or `2001:db8::/32`"))
            }
        }
    }
    networks
}

/// Whether the server can mint this format and the profile only leaves out what may be left out.
pub(crate) fn check_format(format: &AccessTokenFormat, algorithms: &[Alg], mistakes: &mut Mistakes) {
    let AccessTokenFormat::Jwt { alg, profile } = format else { return };
    if !algorithms.contains(alg) {
        mistakes.say(format!(
            "this server does not sign with {alg}; add it with `.algorithm(Alg::{alg:?})` on the builder"
        ));
    }
    if let TokenProfile::Legacy { omit, .. } = profile {
        let keeps_sub = !omit.contains(&OptionalClaim::Sub);
        if omit.contains(&OptionalClaim::ClientId) && keeps_sub {
            mistakes.say("a legacy profile that leaves out `client_id` must leave out `sub` of clients too, or a reader takes a client for a user".into());
        }
    }
}

/// Gathers mistakes, so that all of them are told at once.
#[derive(Debug, Default)]
pub(crate) struct Mistakes(pub(crate) Vec<String>);

impl Mistakes {
    pub(crate) fn say(&mut self, mistake: String) {
        self.0.push(mistake);
    }

    /// The value, or a stand-in and a mistake.
    pub(crate) fn keep<T, E: std::fmt::Display>(&mut self, value: Result<T, E>, otherwise: impl FnOnce() -> T) -> T {
        value.unwrap_or_else(|why| {
            self.say(why.to_string());
            otherwise()
        })
    }

    pub(crate) fn into_errors(self, prefix: &str) -> ConfigErrors {
        ConfigErrors(self.0.into_iter().map(|mistake| format!("{prefix}{mistake}")).collect())
    }
}
