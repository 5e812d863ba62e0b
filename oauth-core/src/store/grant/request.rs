//! Authorization requests: visits to the authorization endpoint that wait for their user (RFC 6749 §4.1.1).

use std::fmt;

use super::code::CodeRecord;
use super::consent::ConsentRecord;
use super::record::{AuthenticationContext, Binding, Extra, Standing, TooLarge};
use crate::types::{ClientId, ResourceUri, Subject, Timestamp, TokenDigest};

/// One visit of a browser to the authorization endpoint, from its first request to the user's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationRequestRecord {
    /// SHA-256 of the handle that names it to the host's pages.
    pub handle: TokenDigest,
    /// How it came.
    pub origin: RequestOrigin,
    /// Who asks.
    pub client: ClientId,
    /// Where the answer goes, exactly as it was asked for.
    pub redirect_uri: String,
    /// Everything that was asked, as the core wrote it down.
    pub request: FrozenRequest,
    /// SHA-256 of the secret that ties it to one browser; `None` until a browser came with it.
    pub browser: Option<TokenDigest>,
    /// Who decided it; `None` until then.
    pub subject: Option<Subject>,
    /// How far it is.
    pub state: RequestState,
    /// The key that the code will be bound to.
    pub binding: Binding,
    /// How the user who decided had signed in; `None` until then.
    pub auth: Option<AuthenticationContext>,
    /// For which resources (RFC 8707), sorted, each once.
    pub resource: Vec<ResourceUri>,
    /// When it began; what cutoffs of its client and of the tenant compare.
    pub begun_at: Timestamp,
    /// From when on it cannot be decided.
    pub expires_at: Timestamp,
    /// Room for what comes later.
    pub extra: Extra,
}

/// How an authorization request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestOrigin {
    /// By the browser, in the query or a form.
    Plain,
    /// Pushed by the client before (RFC 9126).
    Pushed,
}

impl RequestOrigin {
    /// Every origin.
    pub const ALL: [Self; 2] = [Self::Plain, Self::Pushed];

    /// A name for stores.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Pushed => "pushed",
        }
    }

    /// From the name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|origin| origin.as_str() == name)
    }
}

/// How far an authorization request is. The first two are *open*: it can still be decided, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestState {
    /// Pushed, and no browser came yet.
    Pushed,
    /// A browser came with it.
    Begun,
    /// The user allowed it.
    Approved,
    /// The user refused it.
    Denied,
}

impl RequestState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Pushed, Self::Begun, Self::Approved, Self::Denied];

    /// A name for stores.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pushed => "pushed",
            Self::Begun => "begun",
            Self::Approved => "approved",
            Self::Denied => "denied",
        }
    }

    /// From the name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether it can still be decided.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pushed | Self::Begun)
    }
}

/// The parameters of an authorization request as the core wrote them down: at most 64 KiB, kept by stores as they are.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct FrozenRequest(Vec<u8>);

impl FrozenRequest {
    /// The most bytes.
    pub const MAX_LEN: usize = 64 * 1024;

    /// From the bytes that a store kept.
    ///
    /// # Errors
    /// [`TooLarge`] past [`Self::MAX_LEN`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, TooLarge> {
        if bytes.len() > Self::MAX_LEN { Err(TooLarge { most: Self::MAX_LEN }) } else { Ok(Self(bytes)) }
    }

    /// The bytes for a store to keep.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for FrozenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrozenRequest({} bytes)", self.0.len())
    }
}

/// What [`GrantStore::begin_request`](super::GrantStore::begin_request) stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeginRequest {
    /// The request; its state is open.
    pub request: AuthorizationRequestRecord,
    /// The most requests of its client that may be open at a time, with this one.
    pub client_limit: u32,
    /// The most requests of the tenant that may be open at a time, with this one.
    pub tenant_limit: u32,
}

/// Answer of [`GrantStore::begin_request`](super::GrantStore::begin_request).
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeginOutcome {
    /// Stored.
    Begun,
    /// The client or the tenant has too many open ones; nothing changed.
    TooMany,
}

/// Answer of [`GrantStore::find_request`](super::GrantStore::find_request).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRequest {
    /// The row.
    pub request: AuthorizationRequestRecord,
    /// Whether it still stands: no cutoff of its client or of the tenant covers it. (Whether it expired or was decided
    /// is for the caller to see.)
    pub standing: Standing,
    /// What the subject of the question allowed this client before, for the same redirect URI and resources, if that
    /// still stands. (Whether it expired is for the caller to see.)
    pub consent: Option<ConsentRecord>,
}

/// What [`GrantStore::decide_request`](super::GrantStore::decide_request) changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecideRequest {
    /// Which request, by its [`AuthorizationRequestRecord::handle`].
    pub handle: TokenDigest,
    /// Who decides.
    pub subject: Subject,
    /// How that user had signed in.
    pub auth: Option<AuthenticationContext>,
    /// When.
    pub now: Timestamp,
    /// What.
    pub decision: RequestDecision,
}

/// What a user decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestDecision {
    /// The client may have what the code stands for.
    Approved {
        /// The code; its subject and client are those of the decision.
        code: Box<CodeRecord>,
        /// What to remember of it; replaces what was remembered under the same key. Its
        /// [`granted_at`](ConsentRecord::granted_at) is the code's [`issued_at`](CodeRecord::issued_at).
        consent: Option<Box<ConsentRecord>>,
    },
    /// The client may have nothing.
    Denied,
}

/// Answer of [`GrantStore::decide_request`](super::GrantStore::decide_request).
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecideOutcome {
    /// Decided by this call.
    Decided,
    /// Decided before; nothing changed.
    AlreadyDecided,
    /// It is not known, expired, or it or the code is covered by a cutoff; nothing changed.
    NotLive,
}
