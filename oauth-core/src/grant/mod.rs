//! The grants: one file each, a pure `decide` that turns what was asked and what is known into a [`ValidatedGrant`].

pub(crate) mod client_credentials;
pub(crate) mod extension;
pub(crate) mod host;
pub(crate) mod password;
pub(crate) mod refresh_token;

use std::borrow::Cow;
use std::sync::Arc;

pub use self::extension::{
    ExtensionFacts, ExtensionGrant, ExtensionParameters, ExtensionRefusal, ExtensionSettings, Proposal,
};
use crate::jose::Alg;
use crate::policy::lifetime;
use crate::policy::resource::{Resource, Target};
use crate::policy::scope::{GrantedScope, ScopeMode};
use crate::store::{AccessTokenFormat, AuthenticationContext, Binding, Client, GrantTypes, Principal};
use crate::types::{Audience, FamilyId, Lifetime, ResourceUri, Scope};

/// The scope that asks for a refresh token (OpenID Connect Core §11).
pub(crate) const OFFLINE_ACCESS: &str = "offline_access";
/// The scope that asks for an id token (OpenID Connect Core §3.1.2.1).
pub(crate) const OPENID: &str = "openid";

/// A `grant_type`, or `host`.
pub(crate) type GrantName = Cow<'static, str>;

/// A grant that every check allowed. Minting accepts nothing else; only the `decide` of a grant makes one.
#[derive(Debug, Clone)]
pub struct ValidatedGrant {
    pub(crate) grant: GrantName,
    pub(crate) client: Arc<Client>,
    pub(crate) principal: Principal,
    pub(crate) scope: GrantedScope,
    pub(crate) audience: Vec<Audience>,
    pub(crate) resource: Vec<ResourceUri>,
    pub(crate) format: AccessTokenFormat,
    pub(crate) lifetime: Lifetime,
    pub(crate) binding: Binding,
    pub(crate) auth: Option<AuthenticationContext>,
    pub(crate) family: Option<FamilyId>,
    /// Whether a refresh token goes with it.
    pub(crate) offline: bool,
    /// Whether an id token goes with it.
    pub(crate) identity: bool,
    /// Whether the client acts in the user's name without the user (RFC 8693 §4.1).
    pub(crate) impersonation: bool,
}

impl ValidatedGrant {
    /// The `grant_type`, or `host` for a token that the host asked for itself.
    #[must_use]
    pub fn grant(&self) -> &str {
        &self.grant
    }

    /// The client that gets the token.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Who the token speaks for.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// What it allows.
    #[must_use]
    pub const fn scope(&self) -> &GrantedScope {
        &self.scope
    }

    /// For whom it is.
    #[must_use]
    pub fn audience(&self) -> &[Audience] {
        &self.audience
    }

    /// How long it lives.
    #[must_use]
    pub const fn lifetime(&self) -> Lifetime {
        self.lifetime
    }
}

/// How much a request asks for; what every grant has in common.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) scope: Option<Scope>,
    pub(crate) resource: Vec<ResourceUri>,
    /// What it gets when that is too much.
    pub(crate) mode: ScopeMode,
}

/// The server's settings that a grant is decided by.
#[derive(Debug)]
pub(crate) struct GrantSettings {
    pub(crate) resources: Vec<Resource>,
    pub(crate) scope_mode: ScopeMode,
    pub(crate) format: AccessTokenFormat,
    pub(crate) lifetime: Lifetime,
    pub(crate) jwt_bound: Lifetime,
    pub(crate) opaque_bound: Lifetime,
    /// How long families may lie idle, and how long they may live, unless the client says otherwise.
    pub(crate) idle: Lifetime,
    pub(crate) absolute: Lifetime,
    /// Whether the `password` grant is on.
    pub(crate) password: bool,
    /// Whether a public client's refresh token may stay.
    pub(crate) static_for_public: bool,
    /// What signs id tokens, where there are any.
    pub(crate) id_tokens: Option<Alg>,
    /// The `grant_type` values of the extension grants.
    pub(crate) extensions: Vec<String>,
    /// Whether any grant of this server gives refresh tokens.
    pub(crate) can_refresh: bool,
}

impl GrantSettings {
    /// Every `grant_type` that this server takes.
    pub(crate) fn grant_types(&self) -> impl Iterator<Item = &str> {
        let password = self.password.then_some(GrantTypes::PASSWORD);
        [GrantTypes::CLIENT_CREDENTIALS, GrantTypes::REFRESH_TOKEN]
            .into_iter()
            .chain(password)
            .chain(self.extensions.iter().map(String::as_str))
    }

    /// Whether a user's grant of this scope comes with a refresh token: client and scope must both say so.
    fn gives_refresh(client: &Client, scope: &GrantedScope) -> bool {
        client.grants.contains(GrantTypes::REFRESH_TOKEN) && scope.scope().contains(OFFLINE_ACCESS)
    }

    /// Whether a user's grant of this scope comes with an id token.
    fn gives_id_token(&self, scope: &GrantedScope) -> bool {
        self.id_tokens.is_some() && scope.scope().contains(OPENID)
    }

    /// The format of a client's access tokens where no resource has a word on it.
    fn format_for<'a>(&'a self, client: &'a Client) -> &'a AccessTokenFormat {
        client.access_token.format.as_ref().unwrap_or(&self.format)
    }

    /// Format and lifetime of an access token: the resource's word, then the client's, then the server's.
    fn access_token(&self, client: &Client, target: &Target<'_>) -> (AccessTokenFormat, Lifetime) {
        let format = target.format.unwrap_or_else(|| self.format_for(client));
        let bound = match format {
            AccessTokenFormat::Opaque => self.opaque_bound,
            AccessTokenFormat::Jwt { .. } => self.jwt_bound,
        };
        let span = lifetime::bounded(client.access_token.lifetime, self.lifetime, [Some(bound), target.lifetime]);
        (format.clone(), span)
    }
}
