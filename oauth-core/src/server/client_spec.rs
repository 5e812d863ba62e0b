//! What a host says of a client when it registers it; every mistake is told at once.

use std::time::Duration;

use ipnet::IpNet;

use super::configured::{ConfigErrors, FAMILY_BOUND};
use crate::grant::{GrantSettings, OPENID};
use crate::jose::Alg;
use crate::store::{
    AccessTokenFormat, AccessTokenRule, AuthMethod, AuthMethods, Client, Extra, GrantTypes, LegacyTyp, OptionalClaim,
    RefreshPolicy, RefreshRule, TokenProfile,
};
use crate::types::{Audience, ClientId, Lifetime, ResourceUri, Scope, Subject, Timestamp};

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
    refresh: RefreshWish,
    acts_for: Vec<String>,
    json_bodies: bool,
    password_grant: bool,
    pub(crate) chosen_secret: Option<ChosenSecret>,
}

/// How the host wants a client's refresh tokens.
#[derive(Debug, Clone, Default)]
struct RefreshWish {
    window: Option<Duration>,
    stays: Option<StaticWord>,
    idle: Option<Duration>,
    absolute: Option<Duration>,
}

/// By which word a refresh token stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StaticWord {
    Plain,
    Legacy,
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
            refresh: RefreshWish::default(),
            acts_for: Vec::new(),
            json_bodies: false,
            password_grant: false,
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

    /// How long the answer to a refresh can be asked for again when it was lost: 0 to 600 seconds, default 30. 0 is the
    /// letter of RFC 9700 §4.14.2, and ends the family of a client that lost an answer.
    #[must_use]
    pub const fn retry_window(mut self, window: Duration) -> Self {
        self.refresh.window = Some(window);
        self
    }

    /// Its refresh tokens stay when they are used (RFC 9700 §4.14.2: for confidential clients).
    #[must_use]
    pub const fn static_refresh(mut self) -> Self {
        self.refresh.stays = Some(StaticWord::Plain);
        self
    }

    /// Its refresh tokens stay although it is public, because it cannot be changed: who steals one uses it unnoticed.
    /// Needs [`legacy_static_refresh_of_public_clients`](crate::Danger::legacy_static_refresh_of_public_clients).
    #[must_use]
    pub const fn legacy_static_refresh(mut self) -> Self {
        self.refresh.stays = Some(StaticWord::Legacy);
        self
    }

    /// How long its families may lie idle and how long they may live: whole seconds, at most 366 days. Default: the
    /// server's.
    #[must_use]
    pub const fn refresh_lifetimes(mut self, idle: Duration, absolute: Duration) -> Self {
        self.refresh.idle = Some(idle);
        self.refresh.absolute = Some(absolute);
        self
    }

    /// The subjects in whose name an extension grant may give it tokens without them. Default: nobody. For confidential
    /// clients: whom a public one gets tokens for is the extension grant's word alone.
    #[must_use]
    pub fn acts_for<T: Into<String>>(mut self, subjects: impl IntoIterator<Item = T>) -> Self {
        self.acts_for = subjects.into_iter().map(Into::into).collect();
        self
    }

    /// It may send a user's name and password (RFC 6749 §4.3), which RFC 9700 §2.4 says nobody should. Needs
    /// [`password_grant`](crate::Danger::password_grant) on the server.
    #[must_use]
    pub const fn legacy_password_grant(mut self) -> Self {
        self.password_grant = true;
        self
    }

    /// It may send JSON where a dialect of the server reads it.
    #[must_use]
    pub const fn legacy_json_bodies(mut self) -> Self {
        self.json_bodies = true;
        self
    }

    /// The `aud` of its tokens is its own id, as some older systems have it. Then any API that believes the issuer takes
    /// a token that was meant for another one.
    #[must_use]
    pub fn legacy_audience_is_client_id(mut self) -> Self {
        self.audience = vec![self.id.clone()];
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
        let grants = self.check_grants(auth_methods, settings, &mut mistakes);
        let resources = self.check_resources(settings, &mut mistakes);
        let audience = self.check_audience(&mut mistakes);
        let access_token = self.check_access_token(settings, algorithms, &mut mistakes);
        let networks = self.check_networks(&mut mistakes);
        let refresh = self.check_refresh(auth_methods, settings, &mut mistakes);
        let acts_for = self.check_acts_for(auth_methods, &mut mistakes);
        if scope.contains(OPENID) && settings.id_tokens.is_none() {
            mistakes.say(
                "its scope has `openid`, but this server makes no id tokens; add `.id_tokens(Alg::…)` on the builder"
                    .into(),
            );
        }
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
                refresh,
                networks,
                acts_for,
                json_bodies: self.json_bodies,
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

    fn check_grants(&self, methods: AuthMethods, settings: &GrantSettings, mistakes: &mut Mistakes) -> GrantTypes {
        if self.grants.iter().any(|grant| grant == GrantTypes::PASSWORD) {
            mistakes.say("say `.legacy_password_grant()` for the grant `password`, which shows what it is".into());
        }
        if self.password_grant && !settings.password {
            mistakes.say(
                "the grant `password` is off on this server; drop `.legacy_password_grant()`, or say \
                 `.danger().password_grant()` on the builder"
                    .into(),
            );
        }
        let password = self.password_grant.then(|| GrantTypes::PASSWORD.to_owned());
        let grants = GrantTypes::of(self.grants.iter().cloned().chain(password));
        let known: Vec<&str> = settings.grant_types().collect();
        for grant in grants.iter().filter(|grant| *grant != GrantTypes::PASSWORD && !known.contains(grant)) {
            mistakes.say(format!("this server has no grant `{grant}`; it has `{}`", known.join("`, `")));
        }
        if grants.contains(GrantTypes::CLIENT_CREDENTIALS) && methods.contains(AuthMethod::None) {
            mistakes.say(
                "a public client cannot use `client_credentials` (RFC 6749 section 4.4); make it confidential".into(),
            );
        }
        grants
    }

    fn check_refresh(&self, methods: AuthMethods, settings: &GrantSettings, mistakes: &mut Mistakes) -> RefreshRule {
        let wish = &self.refresh;
        let public = methods.contains(AuthMethod::None);
        match wish.stays {
            Some(StaticWord::Plain) if public => mistakes.say(
                "the refresh tokens of a public client must rotate (RFC 9700 section 4.14.2); drop \
                 `.static_refresh()`, or say `.legacy_static_refresh()` if it cannot be changed"
                    .into(),
            ),
            Some(StaticWord::Legacy) if public && !settings.static_for_public => mistakes.say(
                "static refresh tokens of public clients are off on this server; say \
                 `.danger().legacy_static_refresh_of_public_clients()` on the builder"
                    .into(),
            ),
            _ => {}
        }
        if wish.stays.is_some() && wish.window.is_some() {
            mistakes.say("a refresh token that stays has no retry window; drop one of the two".into());
        }
        let policy = match (wish.stays, wish.window) {
            (Some(_), _) => RefreshPolicy::Static,
            (None, None) => RefreshRule::default().policy,
            (None, Some(window)) => {
                let seconds = u16::try_from(window.as_secs()).unwrap_or(u16::MAX);
                if seconds > 600 || window.subsec_nanos() > 0 {
                    mistakes.say("its retry window must be 0 to 600 whole seconds".into());
                }
                RefreshPolicy::Rotate { window_seconds: seconds }
            }
        };
        let mut span = |name: &str, span: Option<Duration>| {
            let span = span.map(|span| Lifetime::try_from(span).map_err(|why| format!("{name}: {why}")));
            span.map(|span| mistakes.keep(span, || Lifetime::SECOND))
        };
        let idle = span("the idle end of its refresh tokens", wish.idle);
        let absolute = span("the absolute end of its refresh tokens", wish.absolute);
        let (least, most) = (idle.unwrap_or(settings.idle), absolute.unwrap_or(settings.absolute));
        check_family_lifetimes(least, most, "its refresh tokens", mistakes);
        RefreshRule { policy, idle, absolute }
    }

    fn check_acts_for(&self, methods: AuthMethods, mistakes: &mut Mistakes) -> Vec<Subject> {
        let mut subjects = Vec::new();
        if methods.contains(AuthMethod::None) && !self.acts_for.is_empty() {
            mistakes.say(
                "`.acts_for` bounds confidential clients only, and a public one has no such bound; drop it, or make the \
                 client confidential"
                    .into(),
            );
        }
        for text in &self.acts_for {
            match Subject::parse(text) {
                Err(why) => mistakes.say(format!("it cannot act for `{text}`: {why}")),
                Ok(subject) => subjects.push(subject),
            }
        }
        subjects
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
        check_format(format, algorithms, settings.id_tokens, mistakes);
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
pub(crate) fn check_format(
    format: &AccessTokenFormat,
    algorithms: &[Alg],
    id_tokens: Option<Alg>,
    mistakes: &mut Mistakes,
) {
    let AccessTokenFormat::Jwt { alg, profile } = format else { return };
    if !algorithms.contains(alg) {
        mistakes.say(format!(
            "this server does not sign with {alg}; add it with `.algorithm(Alg::{alg:?})` on the builder"
        ));
    }
    if id_tokens.is_some() && matches!(profile, TokenProfile::Legacy { typ: Some(LegacyTyp::Jwt), .. }) {
        mistakes.say(
            "access tokens of `typ: JWT` beside id tokens, which are `typ: JWT` too, would pass for them; use the \
             profile Rfc9068, or Legacy without `typ`"
                .into(),
        );
    }
    if let TokenProfile::Legacy { omit, .. } = profile {
        let keeps_sub = !omit.contains(&OptionalClaim::Sub);
        if omit.contains(&OptionalClaim::ClientId) && keeps_sub {
            mistakes.say("a legacy profile that leaves out `client_id` must leave out `sub` of clients too, or a reader takes a client for a user".into());
        }
    }
}

/// Whether families live for a lawful time. An idle time shorter than the retry window only makes the window shorter.
pub(crate) fn check_family_lifetimes(idle: Lifetime, absolute: Lifetime, whose: &str, mistakes: &mut Mistakes) {
    if absolute > FAMILY_BOUND {
        mistakes.say(format!("{whose} would live {absolute}; the most is {FAMILY_BOUND}"));
    }
    if idle > absolute {
        mistakes.say(format!("{whose} may lie idle for {idle}, but live {absolute} only; make the idle time shorter"));
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
