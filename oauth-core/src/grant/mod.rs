//! The grants: one file each, a pure `decide` that turns what was asked and what is known into a [`ValidatedGrant`].

pub(crate) mod client_credentials;
pub(crate) mod host;

use std::sync::Arc;

use crate::policy::lifetime;
use crate::policy::resource::{Resource, Target};
use crate::policy::scope::{GrantedScope, ScopeMode};
use crate::store::{AccessTokenFormat, AuthenticationContext, Binding, Client, Principal};
use crate::types::{Audience, FamilyId, Lifetime, ResourceUri};

/// A grant that every check allowed. Minting accepts nothing else; only the `decide` of a grant makes one.
#[derive(Debug, Clone)]
pub struct ValidatedGrant {
    pub(crate) grant: &'static str,
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
}

impl ValidatedGrant {
    /// The `grant_type`, or `host` for a token that the host asked for itself.
    #[must_use]
    pub const fn grant(&self) -> &'static str {
        self.grant
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

/// The server's settings that a grant is decided by.
#[derive(Debug)]
pub(crate) struct GrantSettings {
    pub(crate) resources: Vec<Resource>,
    pub(crate) scope_mode: ScopeMode,
    pub(crate) format: AccessTokenFormat,
    pub(crate) lifetime: Lifetime,
    pub(crate) jwt_bound: Lifetime,
    pub(crate) opaque_bound: Lifetime,
}

impl GrantSettings {
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
