//! Whether a registration can be: every mistake at once.

use ipnet::IpNet;

use super::{ChosenSecret, ClientSpec, StaticWord};
use crate::grant::GrantSettings;
use crate::jose::Alg;
use crate::policy::permission::OPENID;
use crate::server::configured::ConfigErrors;
use crate::server::mistakes::{Mistakes, check_family_lifetimes, check_format, parse_networks};
use crate::store::{
    AccessTokenFormat, AccessTokenRule, AuthMethod, AuthMethods, Client, Extra, GrantTypes, RefreshPolicy, RefreshRule,
};
use crate::types::{Audience, ClientId, Lifetime, ResourceUri, Scope, Subject, Timestamp};
use std::time::Duration;

impl ClientSpec {
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
