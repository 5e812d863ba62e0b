//! What a minted thing contains, and how it is read again.

pub(crate) mod access_token;
pub(crate) mod claims;
mod hook;
pub(crate) mod id_token;
mod published_keys;
pub(crate) mod refresh_token;
mod verified_access;
mod verifier;

pub use self::hook::{FactsRequest, HookError, HostFacts, RESERVED_CLAIMS, TokenAdditions, TokenHook};
pub use self::published_keys::{FetchError, FetchJwks};
pub use self::verified_access::VerifiedAccess;
pub use self::verifier::{TokenVerifier, TokenVerifierBuilder};
