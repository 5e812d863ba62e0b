//! What a minted thing contains, and how it is read again.

pub(crate) mod access_token;
pub(crate) mod claims;
mod hook;
mod verifier;

pub use self::hook::{HookError, HostFacts, NoHook, RESERVED_CLAIMS, TokenAdditions, TokenHook};
pub use self::verifier::{FetchJwks, TokenVerifier, TokenVerifierBuilder, VerifiedAccess, VerifierError};
