//! The metadata document (RFC 8414 §2).

use serde::Serialize;

/// What is published; members that say nothing are left out, so that the document is true by construction.
#[derive(Serialize)]
pub(crate) struct Metadata<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) token_endpoint: String,
    pub(crate) introspection_endpoint: String,
    pub(crate) revocation_endpoint: String,
    pub(crate) jwks_uri: String,
    /// Required by RFC 8414 even where there is no authorization endpoint.
    pub(crate) response_types_supported: Vec<&'static str>,
    pub(crate) grant_types_supported: Vec<&'a str>,
    pub(crate) token_endpoint_auth_methods_supported: Vec<&'static str>,
    pub(crate) introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    pub(crate) revocation_endpoint_auth_methods_supported: Vec<&'static str>,
}
