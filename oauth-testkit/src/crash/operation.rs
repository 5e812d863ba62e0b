//! One call of a store, as it is made on the store under test and on the oracle.

use oauth_core::store::{
    AccessTokenRecord, BeginRequest, CodeRecord, Cutoff, DecideRequest, KeyRecord, KeyTransition, RedeemCode,
    Refreshed, Retry, RevokeToken, RevokedWhy, Rotate, StartFamily, StoreError,
};
use oauth_core::types::{FamilyId, Timestamp};

use crate::arena::Node;

#[derive(Debug, Clone)]
pub(super) enum Operation {
    Begin(Box<BeginRequest>),
    CutOff(Cutoff),
    Decide(Box<DecideRequest>),
    InsertKey(Box<KeyRecord>),
    InsertToken(Box<AccessTokenRecord>),
    IssueCode(Box<CodeRecord>),
    Promote(String, [KeyTransition; 2]),
    Redeem(Box<RedeemCode>),
    Retry(Box<Retry>),
    RevokeFamily(FamilyId, Timestamp),
    RevokeToken(RevokeToken),
    Rotate(Box<Rotate>),
    Start(Box<StartFamily>),
}

impl Operation {
    /// Makes the call; the answer in words.
    pub(super) async fn apply(&self, node: &Node) -> Result<String, StoreError> {
        let Node { keys, grants, .. } = node;
        Ok(match self.clone() {
            Self::Begin(begin) => format!("{:?}", grants.begin_request(*begin).await?),
            Self::Decide(decide) => format!("{:?}", grants.decide_request(*decide).await?),
            Self::CutOff(cutoff) => format!("{:?}", grants.cut_off(cutoff).await?),
            Self::InsertKey(key) => format!("{:?}", keys.insert(*key).await?),
            Self::InsertToken(token) => format!("{:?}", grants.insert_access_token(*token).await?),
            Self::IssueCode(code) => format!("{:?}", grants.issue_code(*code).await?),
            Self::Promote(issuer, steps) => format!("{:?}", keys.transition(&issuer, &steps).await?),
            Self::Redeem(redeem) => format!("{:?}", grants.redeem_code(*redeem).await?),
            Self::Retry(retry) => format!("{:?}", grants.retry(*retry).await?),
            Self::RevokeFamily(id, at) => format!("{:?}", grants.revoke_family(&id, RevokedWhy::Host, at).await?),
            Self::RevokeToken(token) => format!("{:?}", grants.revoke_token(token).await?),
            Self::Rotate(rotate) => format!("{:?}", grants.rotate(*rotate).await?),
            Self::Start(start) => format!("{:?}", grants.start_family(*start).await?),
        })
    }

    /// As a store would do it that does not see that one call is one fact: a rotation first, its token then.
    pub(super) async fn apply_in_two_steps(&self, node: &Node) -> Result<String, StoreError> {
        let Self::Rotate(rotate) = self else { return self.apply(node).await };
        let rotated = node.grants.rotate(Rotate { access_token: None, ..(**rotate).clone() }).await?;
        if let (Refreshed::Done, Some(token)) = (rotated, rotate.access_token.clone()) {
            let _ = node.grants.insert_access_token(token).await?;
        }
        Ok(format!("{rotated:?}"))
    }

    /// Whether the same call once more must find that it was made: it used something up, or added what is there once.
    pub(super) const fn happens_once(&self) -> bool {
        !matches!(self, Self::Retry(_))
    }
}
