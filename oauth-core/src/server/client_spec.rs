//! What a host says of a client when it registers it; every mistake is told at once.

mod check;
mod redirect_uris;

use std::time::Duration;

use crate::store::{AccessTokenFormat, AuthMethod, GrantTypes};

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
    redirect_uris: Vec<RedirectWish>,
    code_without_pkce: bool,
    format: Option<AccessTokenFormat>,
    lifetime: Option<Duration>,
    networks: Option<Vec<String>>,
    refresh: RefreshWish,
    acts_for: Vec<String>,
    introspects: Vec<String>,
    introspects_everything: bool,
    json_bodies: bool,
    password_grant: bool,
    pub(crate) chosen_secret: Option<ChosenSecret>,
}

/// A redirect URI as the host names it.
#[derive(Debug, Clone)]
struct RedirectWish {
    uri: String,
    /// Whether it may be at the name `localhost`.
    localhost: bool,
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
            redirect_uris: Vec::new(),
            code_without_pkce: false,
            format: None,
            lifetime: None,
            networks: None,
            refresh: RefreshWish::default(),
            acts_for: Vec::new(),
            introspects: Vec::new(),
            introspects_everything: false,
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

    /// Where the answers of the authorization endpoint may go (RFC 6749 §3.1.2): exact https URLs; for native apps
    /// `http://127.0.0.1/…` and `http://[::1]/…`, whose port plays no part (RFC 8252 §7.3), and schemes of their own
    /// with a dot, such as `com.example.app:/signed-in`.
    #[must_use]
    pub fn redirect_uris<T: Into<String>>(mut self, uris: impl IntoIterator<Item = T>) -> Self {
        self.redirect_uris.extend(uris.into_iter().map(|uri| RedirectWish { uri: uri.into(), localhost: false }));
        self
    }

    /// An `http://localhost…` URL, port and all, for tools that cannot use an address: whoever resolves the name
    /// decides where the answer goes (RFC 8252 §8.3).
    #[must_use]
    pub fn localhost_redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(RedirectWish { uri: uri.into(), localhost: true });
        self
    }

    /// Lets a confidential client that does not know PKCE ask for codes without it; RFC 9700 §2.1.1 says not to.
    #[must_use]
    pub const fn legacy_code_without_pkce(mut self) -> Self {
        self.code_without_pkce = true;
        self
    }

    /// A protected resource that asks about the tokens that it is shown (RFC 7662), under the names that stand in their
    /// `aud`. It gets no tokens itself until [`grants`](Self::grants) says so; then they are for itself. Its
    /// [`scope`](Self::scope) is what it is shown of a token's.
    #[must_use]
    pub fn resource_server<T: Into<String>>(id: impl Into<String>, identifiers: impl IntoIterator<Item = T>) -> Self {
        let identifiers: Vec<String> = identifiers.into_iter().map(Into::into).collect();
        Self { grants: Vec::new(), audience: identifiers.clone(), introspects: identifiers, ..Self::confidential(id) }
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

    /// The audiences that it speaks for: it is told about access tokens whose `aud` holds one of them (RFC 7662), with
    /// as much of their scope as is in its own. Never about a refresh token. Default: only about its own tokens. For
    /// confidential clients.
    #[must_use]
    pub fn introspects<T: Into<String>>(mut self, audiences: impl IntoIterator<Item = T>) -> Self {
        self.introspects = audiences.into_iter().map(Into::into).collect();
        self
    }

    /// It is told about every token, refresh tokens too, whoever has it and whomever it is for: who breaks into it learns
    /// of every token that passes by whose it is and what it opens (RFC 7662 §4).
    #[must_use]
    pub const fn danger_introspects_everything(mut self) -> Self {
        self.introspects_everything = true;
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
}
