//! What a user allowed a client and need not be asked again, and the list of all that a user allowed.

use super::family::FamilyRecord;
use super::record::Extra;
use crate::types::{ClientId, ResourceUri, Scope, Subject, Timestamp};

/// Which consent: it is remembered for exactly one use of one client.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConsentKey {
    /// Who allowed it.
    pub subject: Subject,
    /// Whom.
    pub client: ClientId,
    /// Where the answer went, exactly.
    pub redirect_uri: String,
    /// For which resources (RFC 8707), sorted, each once.
    pub resource: Vec<ResourceUri>,
}

/// One remembered consent. It has no state: a [`Cutoff`](super::Cutoff) withdraws it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentRecord {
    /// Which.
    pub key: ConsentKey,
    /// What was allowed, all together.
    pub scope: Scope,
    /// When it was last given; what cutoffs compare.
    pub granted_at: Timestamp,
    /// From when on the user is asked again.
    pub expires_at: Timestamp,
    /// Room for what comes later.
    pub extra: Extra,
}

/// What [`GrantStore::list_grants`](super::GrantStore::list_grants) is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListGrants {
    /// Whose grants.
    pub subject: Subject,
    /// When.
    pub now: Timestamp,
    /// Where the page before ended.
    pub after: Option<ClientId>,
    /// The most clients of one page.
    pub limit: u32,
}

/// All that one user allows one client at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientGrants {
    /// Whom.
    pub client: ClientId,
    /// Its families that are live, oldest first (by `issued_at`, then id).
    pub families: Vec<FamilyRecord>,
    /// What is remembered and neither expired nor withdrawn, in any order.
    pub consents: Vec<ConsentRecord>,
}
