//! Newtypes, each with its own invariant and nothing else: a value that exists was checked.

mod digest;
mod ids;
mod scope;
mod secret;
mod time;
mod uri;

pub(crate) use self::digest::constant_time_eq;
pub use self::digest::{CodeChallenge, KeyedHash, SecretDigest, TokenDigest};
pub use self::ids::{Audience, ClientId, FamilyId, InvalidId, KeyId, Subject, Tenant, TokenId};
pub use self::scope::{InvalidScope, Scope};
pub use self::secret::{AccessToken, ClientSecret, IdToken, RefreshToken};
pub use self::time::{InvalidLifetime, Lifetime, Timestamp};
pub(crate) use self::uri::IssuerKind;
pub use self::uri::{InvalidUri, Issuer, ResourceUri};
