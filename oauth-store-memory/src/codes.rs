//! Codes by digest, with the order in which they may be forgotten.

use std::collections::{BTreeSet, HashMap};

use oauth_core::store::{CodeRecord, FoundCode, IssueCode, RedeemCode, RedeemOutcome, Redeemed, Standing, StoreError};
use oauth_core::types::{Timestamp, TokenDigest};

use crate::grants::Grants;

/// Every code that was not purged yet.
#[derive(Default)]
pub(crate) struct Codes {
    rows: HashMap<TokenDigest, Code>,
    by_end: BTreeSet<(Timestamp, TokenDigest)>,
}

struct Code {
    record: CodeRecord,
    /// Until when it is known: its own end, or its family's absolute end once there is one.
    keep_until: Timestamp,
}

impl Codes {
    pub(crate) fn insert(&mut self, record: CodeRecord) -> Result<(), StoreError> {
        if self.rows.contains_key(&record.digest) {
            return Err(StoreError::unavailable("the digest of a code is taken"));
        }
        let (digest, keep_until) = (record.digest, record.expires_at);
        self.by_end.insert((keep_until, digest));
        self.rows.insert(digest, Code { record, keep_until });
        Ok(())
    }

    fn find(&self, digest: &TokenDigest) -> Option<&CodeRecord> {
        self.rows.get(digest).map(|code| &code.record)
    }

    fn redeem(&mut self, digest: &TokenDigest, redeemed: Redeemed, keep_until: Timestamp) {
        let Some(code) = self.rows.get_mut(digest) else { return };
        self.by_end.remove(&(code.keep_until, *digest));
        self.by_end.insert((keep_until, *digest));
        code.keep_until = keep_until;
        code.record.redeemed = Some(redeemed);
    }

    /// Removes up to `limit` that are of no use since before `before`; answers how many.
    pub(crate) fn purge(&mut self, before: Timestamp, limit: u32) -> u32 {
        let mut purged = 0;
        while purged < limit && self.has_expired(before) {
            let Some((_, digest)) = self.by_end.pop_first() else { break };
            self.rows.remove(&digest);
            purged += 1;
        }
        purged
    }

    /// Whether one is of no use since before `before`.
    pub(crate) fn has_expired(&self, before: Timestamp) -> bool {
        self.by_end.first().is_some_and(|(end, _)| *end < before)
    }
}

impl Grants {
    pub(crate) fn issue_code(&mut self, code: CodeRecord) -> Result<IssueCode, StoreError> {
        if self.is_covered(&code) {
            return Ok(IssueCode::CutOff);
        }
        self.codes.insert(code)?;
        Ok(IssueCode::Issued)
    }

    pub(crate) fn find_code(&self, digest: &TokenDigest) -> Option<FoundCode> {
        let code = self.codes.find(digest)?;
        let standing = if self.is_covered(code) { Standing::Revoked } else { Standing::Live };
        Some(FoundCode { code: code.clone(), standing })
    }

    pub(crate) fn redeem_code(&mut self, redeem: RedeemCode) -> Result<RedeemOutcome, StoreError> {
        let RedeemCode { code: digest, now, family, access_token, live_limit } = redeem;
        let is_redeemable = self
            .codes
            .find(&digest)
            .is_some_and(|code| code.redeemed.is_none() && now < code.expires_at && !self.is_covered(code));
        if !is_redeemable || self.cutoffs.cover(Some(&family.client), Some(&family.subject), family.issued_at) {
            return Ok(RedeemOutcome::Moved);
        }
        let redeemed = Redeemed { at: now, family: family.id };
        let keep_until = family.absolute_expires_at;
        let ended = self.start_live(family, access_token, live_limit, now)?;
        self.codes.redeem(&digest, redeemed, keep_until);
        Ok(RedeemOutcome::Redeemed { ended })
    }

    pub(crate) fn is_covered(&self, code: &CodeRecord) -> bool {
        self.cutoffs.cover(Some(&code.client), Some(&code.subject), code.issued_at)
    }
}
