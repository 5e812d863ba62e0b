//! Finds the one mechanism by which a request authenticates its client.

use zeroize::Zeroizing;

use crate::error::Refusal;
use crate::store::AuthMethod;
use crate::wire::basic_auth::{self, BasicCredentials};
use crate::wire::params::Params;
use crate::wire::{Headers, Request};

/// What a request said of its client; nothing is proved yet.
pub(crate) enum Credentials<'a> {
    /// `client_secret_basic`.
    Basic(BasicCredentials),
    /// `none`: only a name.
    None(std::borrow::Cow<'a, str>),
    /// `client_secret_post`.
    Post { client_id: &'a str, secret: Zeroizing<String> },
}

impl<'a> Credentials<'a> {
    /// Reads header and body (RFC 6749 §2.3: not more than one method per request).
    ///
    /// # Errors
    /// A [`Refusal`] when there is none, more than one, or one that is malformed.
    pub(crate) fn read(request: &Request, params: &'a Params<'_>) -> Result<Self, Refusal> {
        let body_id = params.one("client_id");
        let body_secret = params.one("client_secret");
        let assertion = params.one("client_assertion").or(params.one("client_assertion_type")).is_some();
        let basic = read_header(&request.headers, body_secret.is_some() || assertion)?;
        match (basic, body_id, body_secret) {
            (_, _, Some(_)) if assertion => Err(Refusal::SeveralMechanisms),
            (_, _, None) if assertion => Err(Refusal::ClientMethod),
            (Some(basic), Some(id), None) if id != basic.client_id() => Err(Refusal::ClientIdMismatch),
            // an empty password is none at all: some libraries send `id:` for public clients
            (Some(basic), _, None) if basic.secret().is_empty() => Ok(Self::None(basic.client_id().to_owned().into())),
            (Some(basic), _, None) => Ok(Self::Basic(basic)),
            (Some(_), _, Some(_)) => Err(Refusal::SeveralMechanisms),
            (None, Some(id), Some(secret)) => {
                Ok(Self::Post { client_id: id, secret: Zeroizing::new(secret.to_owned()) })
            }
            (None, Some(id), None) => Ok(Self::None(id.into())),
            (None, None, _) => Err(Refusal::ClientIdMissing),
        }
    }

    pub(crate) fn client_id(&self) -> &str {
        match self {
            Self::Basic(basic) => basic.client_id(),
            Self::None(id) => id,
            Self::Post { client_id, .. } => client_id,
        }
    }

    pub(crate) fn secret(&self) -> Option<&str> {
        match self {
            Self::Basic(basic) => Some(basic.secret()),
            Self::None(_) => None,
            Self::Post { secret, .. } => Some(secret),
        }
    }

    pub(crate) const fn method(&self) -> AuthMethod {
        match self {
            Self::Basic(_) => AuthMethod::ClientSecretBasic,
            Self::None(_) => AuthMethod::None,
            Self::Post { .. } => AuthMethod::ClientSecretPost,
        }
    }
}

fn read_header(headers: &Headers, body_authenticates: bool) -> Result<Option<BasicCredentials>, Refusal> {
    match headers.one("authorization") {
        Err(_) => Err(Refusal::AuthorizationRepeated),
        Ok(None) => Ok(None),
        Ok(Some(_)) if body_authenticates => Err(Refusal::SeveralMechanisms),
        Ok(Some(value)) => basic_auth::parse(value).map(Some),
    }
}
