//! Bytes to types and back: requests, responses, forms, credentials, error codes, metadata.
//!
//! These are plain types of our own, because web frameworks disagree about theirs. An adapter fills a [`Request`] and
//! sends a [`Response`]; no protocol rule lives in it.

pub(crate) mod basic_auth;
mod error_code;
pub(crate) mod form;
pub(crate) mod introspection;
pub(crate) mod json_body;
pub(crate) mod media_type;
pub(crate) mod metadata;
pub(crate) mod params;
mod request;
mod response;

pub use self::error_code::ErrorCode;
pub use self::request::{Body, Headers, HostExtension, Method, Request, Transport};
pub use self::response::Response;
