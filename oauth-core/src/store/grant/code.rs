//! Authorization codes (RFC 6749 §4.1.2).

use super::access_token::AccessTokenRecord;
use super::family::FamilyRecord;
use super::record::{AuthenticationContext, Binding, Extra, Standing};
use crate::types::{ClientId, CodeChallenge, FamilyId, ResourceUri, Scope, Subject, Timestamp, TokenDigest};

/// One authorization code. It carries all that its redemption needs: nothing is read again from the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeRecord {
    /// SHA-256 of the whole code.
    pub digest: TokenDigest,
    /// Who may redeem it.
    pub client: ClientId,
    /// Who allowed it.
    pub subject: Subject,
    /// What was allowed.
    pub scope: Scope,
    /// Where it was sent, exactly.
    pub redirect_uri: String,
    /// SHA-256 of the verifier that redeems it (RFC 7636 §4.2); `None` for a client that was registered without PKCE.
    pub challenge: Option<CodeChallenge>,
    /// What the id token repeats (OpenID Connect Core §3.1.2.1).
    pub nonce: Option<String>,
    /// For which resources (RFC 8707).
    pub resource: Vec<ResourceUri>,
    /// Whose key it is bound to.
    pub binding: Binding,
    /// How the user had signed in.
    pub auth: Option<AuthenticationContext>,
    /// When it was issued; what cutoffs compare.
    pub issued_at: Timestamp,
    /// From when on it cannot be redeemed.
    pub expires_at: Timestamp,
    /// When it was redeemed and which family came of it.
    pub redeemed: Option<Redeemed>,
    /// Room for what comes later.
    pub extra: Extra,
}

/// What became of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redeemed {
    /// When.
    pub at: Timestamp,
    /// The family that it gave; a replay ends it.
    pub family: FamilyId,
}

/// Answer of [`GrantStore::issue_code`](super::GrantStore::issue_code).
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueCode {
    /// Stored.
    Issued,
    /// A cutoff covers it; nothing changed.
    CutOff,
}

/// Answer of [`GrantStore::find_code`](super::GrantStore::find_code).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundCode {
    /// The row.
    pub code: CodeRecord,
    /// Whether it still stands: no cutoff covers it. (Whether it expired or was redeemed is for the caller to see.)
    pub standing: Standing,
}

/// What [`GrantStore::redeem_code`](super::GrantStore::redeem_code) changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedeemCode {
    /// Which code.
    pub code: TokenDigest,
    /// When.
    pub now: Timestamp,
    /// The family that begins. Its [`code_digest`](FamilyRecord::code_digest) is the code's digest, its subject and
    /// client are the code's, and its [`issued_at`](FamilyRecord::issued_at) is the code's: the user's word is as old
    /// as the code, so that a cutoff between the two ends both.
    pub family: FamilyRecord,
    /// Its first access token, when that is opaque.
    pub access_token: Option<AccessTokenRecord>,
    /// The most live families that one subject may have with one client; above it the oldest end.
    pub live_limit: u32,
}

/// Answer of [`GrantStore::redeem_code`](super::GrantStore::redeem_code).
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedeemOutcome {
    /// Redeemed by this call.
    Redeemed {
        /// How many older families ended to make room.
        ended: u32,
    },
    /// It is not known, was redeemed before, expired, or is covered by a cutoff; nothing changed.
    Moved,
}
