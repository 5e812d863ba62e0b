//! The metadata document (RFC 8414 §2).

use serde::Serialize;

/// What is published; members that say nothing are left out, so that the document is true by construction.
#[derive(Serialize)]
pub(crate) struct Metadata<'a> {
    pub(crate) issuer: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) authorization_endpoint: Option<String>,
    pub(crate) token_endpoint: String,
    pub(crate) introspection_endpoint: String,
    pub(crate) revocation_endpoint: String,
    pub(crate) jwks_uri: String,
    /// Required by RFC 8414 even where there is no authorization endpoint.
    pub(crate) response_types_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) response_modes_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) code_challenge_methods_supported: Vec<&'static str>,
    /// RFC 9207 §3.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) authorization_response_iss_parameter_supported: bool,
    pub(crate) grant_types_supported: Vec<&'a str>,
    pub(crate) token_endpoint_auth_methods_supported: Vec<&'static str>,
    pub(crate) introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    pub(crate) revocation_endpoint_auth_methods_supported: Vec<&'static str>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_false(is: &bool) -> bool {
    !*is
}
