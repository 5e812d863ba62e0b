//! Whether settings can be: every mistake at once.

use std::sync::Arc;

use ipnet::IpNet;

use super::Builder;
use crate::dialect::TokenMount;
use crate::grant::extension::Extension;
use crate::grant::{GrantSettings, host};
use crate::jose::Alg;
use crate::keys::schedule::KeyRules;
use crate::keys::{CACHE_AGE, ProvidedKey};
use crate::policy::resource::Resource;
use crate::server::configured::FAMILY_BOUND;
use crate::server::mistakes::{Mistakes, check_family_lifetimes, check_format, parse_networks};
use crate::server::passwords::Strikes;
use crate::store::{AccessTokenFormat, GrantTypes};
use crate::types::{IssuerKind, Lifetime, ResourceUri, Scope};
use crate::wire::params::is_vschar;

/// A stateless JWT cannot be called back where it is verified alone, so it lives at most this long.
const JWT_BOUND: Lifetime = Lifetime::of_seconds(3_600);
/// An opaque token is looked up on every use.
const OPAQUE_BOUND: Lifetime = Lifetime::of_seconds(24 * 3_600);
/// How long after its last use a key stays listed beyond the longest token and every cache.
const LINGER: Lifetime = Lifetime::of_seconds(300);

impl Builder {
    pub(in crate::server) fn check_issuer(&self, mistakes: &mut Mistakes) {
        if self.issuer.kind() == IssuerKind::PlainHttp && !self.plain_http {
            mistakes.say(format!(
                "the issuer `{}` is http and not loopback, so whoever is on the way reads every secret; use https, or \
                 say `.danger().plain_http()`",
                self.issuer
            ));
        }
    }

    pub(in crate::server) fn check_proxies(&self, mistakes: &mut Mistakes) -> Vec<IpNet> {
        let proxies = parse_networks(&self.proxies, mistakes);
        for everybody in proxies.iter().filter(|network| network.prefix_len() == 0) {
            mistakes.say(format!(
                "`{everybody}` declares the whole internet a proxy that ends TLS; name your proxies, or say \
                 `.danger().plain_http()`"
            ));
        }
        let name = &self.address_header;
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(is_token) || name == "forwarded" {
            mistakes.say(format!(
                "`{name}` cannot tell an address; name a field that holds plain addresses, such as `x-forwarded-for`"
            ));
        }
        proxies
    }

    pub(in crate::server) fn check_provided(&self, mistakes: &mut Mistakes) {
        let mut names = Vec::new();
        for provided in &self.provided {
            let name = match provided {
                ProvidedKey::Imported { kid, .. } => kid.as_ref().map(|kid| format!("key id `{kid}`")),
                ProvidedKey::External(signer) => Some(format!("external signer `{}`", signer.name())),
            };
            match name {
                Some(name) if names.contains(&name) => mistakes.say(format!("the {name} is given twice; drop one")),
                Some(name) => names.push(name),
                None => {}
            }
        }
    }

    /// Every algorithm of a declared format, and those named besides.
    pub(in crate::server) fn check_algorithms(&self, mistakes: &mut Mistakes) -> Vec<Alg> {
        let formats = self.resources.iter().filter_map(|(_, resource)| resource.access_token.as_ref());
        let mut algorithms = self.algorithms.clone();
        algorithms.extend(self.provided.iter().map(ProvidedKey::alg));
        algorithms.extend(self.id_tokens);
        for format in formats.chain([&self.format]) {
            if let AccessTokenFormat::Jwt { alg, .. } = format {
                algorithms.push(*alg);
            }
        }
        algorithms.sort_unstable();
        algorithms.dedup();
        for alg in algorithms.iter().filter(|alg| matches!(alg, Alg::RS256 | Alg::PS256)) {
            let is_provided = self.provided.iter().any(|provided| provided.alg() == *alg);
            if !is_provided && !cfg!(feature = "rsa-keygen") {
                mistakes.say(format!(
                    "{alg} needs an RSA key, and making one needs the feature `rsa-keygen` of oauth-core; switch it on, \
                     or bring a key with `.import_key(…)`"
                ));
            }
        }
        algorithms
    }

    pub(in crate::server) fn check_key_periods(&self, mistakes: &mut Mistakes) -> KeyRules {
        let mut span = |name: &str, span| {
            let span = Lifetime::try_from(span);
            span.map_err(|why| mistakes.say(format!("{name}: {why}"))).ok()
        };
        let announce = span("the announcement of keys", self.announce);
        let sign = span("the signing period of keys", self.sign);
        let max_age = span("the JWKS max-age", self.jwks_max_age);
        let (Some(announce), Some(sign), Some(max_age)) = (announce, sign, max_age) else {
            let nothing = Lifetime::SECOND;
            return KeyRules { announce: nothing, sign: nothing, linger: nothing, families: nothing };
        };
        if max_age.seconds() > 24 * 3600 {
            mistakes.say("readers may keep the JWK set for a day at most; lower `.jwks_max_age`".into());
        }
        let least = max_age.seconds().saturating_mul(2).saturating_add(CACHE_AGE.seconds());
        if announce.seconds() < least {
            mistakes.say(format!(
                "keys are announced {announce} before they sign, which is too short for cached key sets; make it at \
                 least {least} s (twice the JWKS max-age and 60 s)"
            ));
        }
        if sign <= announce {
            mistakes.say(format!("keys sign for {sign}, but are announced {announce} ahead; let them sign for longer"));
        }
        let linger = JWT_BOUND.seconds().saturating_add(max_age.seconds());
        let linger = linger.saturating_add(CACHE_AGE.seconds()).saturating_add(LINGER.seconds());
        let families = FAMILY_BOUND.seconds().saturating_add(CACHE_AGE.seconds()).saturating_add(LINGER.seconds());
        let (linger, families) = (Lifetime::of_seconds(linger), Lifetime::of_seconds(families));
        KeyRules { announce, sign, linger, families }
    }

    pub(in crate::server) fn check_tokens(&self, algorithms: &[Alg], mistakes: &mut Mistakes) -> GrantSettings {
        check_format(&self.format, algorithms, self.id_tokens, mistakes);
        let bound = match self.format {
            AccessTokenFormat::Opaque => OPAQUE_BOUND,
            AccessTokenFormat::Jwt { .. } => JWT_BOUND,
        };
        let lifetime = Lifetime::try_from(self.lifetime).map_err(|why| format!("the lifetime of access tokens: {why}"));
        let lifetime = mistakes.keep(lifetime, || Lifetime::SECOND);
        if lifetime > bound {
            mistakes.say(format!(
                "access tokens would live {lifetime}; a JWT that is verified without asking us may live {JWT_BOUND} at \
                 most, an opaque token {OPAQUE_BOUND}"
            ));
        }
        let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        for (prefix, what) in [(&self.opaque_prefix, "opaque"), (&self.refresh_prefix, "refresh")] {
            if prefix.len() > 32 || !prefix.chars().all(lawful) {
                mistakes.say(format!("the prefix of {what} tokens is at most 32 of `A-Z a-z 0-9 _ -`"));
            }
        }
        let (idle, absolute) = self.check_refresh_lifetimes(mistakes);
        GrantSettings {
            resources: self.check_resources(algorithms, mistakes),
            scope_mode: self.scope_mode,
            format: self.format.clone(),
            lifetime,
            jwt_bound: JWT_BOUND,
            opaque_bound: OPAQUE_BOUND,
            idle,
            absolute,
            password: self.password_grant,
            static_for_public: self.static_for_public,
            id_tokens: self.id_tokens,
            extensions: self.extensions.iter().map(|(grant, _)| grant.grant_type().to_owned()).collect(),
            can_refresh: self.password_grant || self.extensions.iter().any(|(_, settings)| settings.refresh_tokens),
        }
    }

    pub(in crate::server) fn check_refresh_lifetimes(&self, mistakes: &mut Mistakes) -> (Lifetime, Lifetime) {
        let mut span = |name: &str, span| {
            let span = Lifetime::try_from(span).map_err(|why| format!("{name}: {why}"));
            mistakes.keep(span, || Lifetime::SECOND)
        };
        let idle = span("the idle end of refresh tokens", self.idle);
        let absolute = span("the absolute end of refresh tokens", self.absolute);
        check_family_lifetimes(idle, absolute, "refresh tokens", mistakes);
        (idle, absolute)
    }

    pub(in crate::server) fn check_passwords(&self, mistakes: &mut Mistakes) -> Strikes {
        let (limit, window) = self.strikes;
        let window = Lifetime::try_from(window).map_err(|why| format!("the window of wrong passwords: {why}"));
        if !(1..=100).contains(&limit) {
            mistakes
                .say("between 1 and 100 wrong passwords are heard in a window (NIST SP 800-63B section 3.2.2)".into());
        }
        if self.password_floor < 8 {
            mistakes.say("new passwords must have at least 8 characters (NIST SP 800-63B section 3.1.1.2)".into());
        }
        if self.failures_per_minute == 0 {
            mistakes.say("0 failures a minute lets nobody in after the first mistake; use 1 or more".into());
        }
        Strikes { limit, window: mistakes.keep(window, || Lifetime::SECOND) }
    }

    pub(in crate::server) fn check_token_mounts(&self, mistakes: &mut Mistakes) -> Vec<TokenMount> {
        if self.token_mounts.is_empty() {
            return vec![TokenMount::standard(self.endpoints.token_path(&self.issuer))];
        }
        if self.endpoints.token.is_some() {
            mistakes.say("`.token_mounts` replaces the standard token endpoint; drop `Endpoints::token`".into());
        }
        for mount in &self.token_mounts {
            mount.check(self.scope_mode, self.id_tokens.is_some(), &mut mistakes.0);
        }
        self.token_mounts.clone()
    }

    pub(in crate::server) fn check_extensions(&self, mistakes: &mut Mistakes) -> Vec<Extension> {
        let mut extensions: Vec<Extension> = Vec::new();
        for (grant, settings) in &self.extensions {
            let name = grant.grant_type();
            let grants = [GrantTypes::CLIENT_CREDENTIALS, GrantTypes::PASSWORD, GrantTypes::REFRESH_TOKEN];
            // `host` is what hooks and audit trail call the tokens that the host asks for itself
            if grants.contains(&name) || ["authorization_code", "implicit", host::GRANT].contains(&name) {
                mistakes.say(format!("the grant `{name}` is built in; give the extension grant a name of its own"));
            }
            if extensions.iter().any(|known| known.grant.grant_type() == name) {
                mistakes.say(format!("the extension grant `{name}` is added twice; drop one"));
            }
            if name.is_empty() || name.len() > 1024 || !name.chars().all(is_vschar) {
                mistakes.say(format!("the grant `{name}` needs a name of 1 to 1024 printable ASCII characters"));
            }
            for parameter in grant.parameters() {
                if crate::wire::params::is_known(parameter) {
                    mistakes.say(format!(
                        "the extension grant `{name}` may not read `{parameter}`: the protocol itself does; name it \
                         otherwise"
                    ));
                }
            }
            let scope = mistakes.keep(Scope::parse(&settings.scope), Scope::empty);
            if settings.scope.is_empty() {
                mistakes.say(format!("the extension grant `{name}` gives no scope; name the most that it may give"));
            }
            let (grant, refresh_tokens, id_tokens) = (Arc::clone(grant), settings.refresh_tokens, settings.id_tokens);
            extensions.push(Extension { grant, scope, refresh_tokens, id_tokens });
        }
        extensions
    }

    pub(in crate::server) fn check_policies(&self, mistakes: &mut Mistakes) {
        let mut ids: Vec<&str> = Vec::new();
        for id in self.policies.iter().map(|rule| rule.id()) {
            let lawful = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if !(1..=64).contains(&id.len()) || !id.chars().all(lawful) {
                mistakes.say(format!("the policy rule `{id}` needs an id of 1 to 64 of `a-z 0-9 _`"));
            }
            if ids.contains(&id) {
                mistakes.say(format!("the policy rule `{id}` is added twice; drop one, or give it an id of its own"));
            }
            ids.push(id);
        }
    }

    pub(in crate::server) fn check_resources(&self, algorithms: &[Alg], mistakes: &mut Mistakes) -> Vec<Resource> {
        let mut resources: Vec<Resource> = Vec::new();
        for (text, settings) in &self.resources {
            let scope = settings.scope.as_deref().map(|text| mistakes.keep(Scope::parse(text), Scope::empty));
            if settings.scope.as_deref() == Some("") {
                mistakes.say(format!(
                    "the resource `{text}` knows no scope, so nothing can be granted for it; use `None` for any"
                ));
            }
            let lifetime =
                settings.access_token_lifetime.map(|span| mistakes.keep(Lifetime::try_from(span), || Lifetime::SECOND));
            if let Some(format) = &settings.access_token {
                check_format(format, algorithms, self.id_tokens, mistakes);
            }
            match ResourceUri::parse(text) {
                Err(why) => mistakes.say(format!("the resource `{text}` is unusable: {why}")),
                Ok(uri) if resources.iter().any(|known| known.uri == uri) => {
                    mistakes.say(format!("the resource `{text}` is declared twice; drop one"));
                }
                Ok(uri) => {
                    resources.push(Resource { uri, scope, format: settings.access_token.clone(), lifetime });
                }
            }
        }
        resources
    }
}
