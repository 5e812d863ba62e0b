//! The rows that a lane may have left, and what a store says of them.

use oauth_core::store::{FoundAccessToken, FoundCode, FoundFamily, FoundRequest, KeyRecord, Standing, StoreError};
use oauth_core::types::{Subject, Timestamp};

use crate::arena::Node;
use crate::samples::{code_digest, digest, handle, jwt, request_handle};

/// By their numbers, whether or not the operations that were to leave them happened.
#[derive(Debug)]
pub(super) struct Trace {
    pub(super) subject: Subject,
    pub(super) issuer: String,
    pub(super) families: Vec<u64>,
    pub(super) tokens: Vec<u64>,
    pub(super) requests: Vec<u64>,
    pub(super) codes: Vec<u64>,
    pub(super) cutoffs: Vec<Timestamp>,
}

/// All that a store says of them.
#[derive(Debug, PartialEq)]
pub(super) struct Rows {
    families: Vec<Option<FoundFamily>>,
    tokens: Vec<Option<FoundAccessToken>>,
    requests: Vec<Option<FoundRequest>>,
    codes: Vec<Option<FoundCode>>,
    cutoffs: Vec<Standing>,
    keys: Vec<KeyRecord>,
}

impl Trace {
    pub(super) fn new(subject: Subject, issuer: String) -> Self {
        let (families, tokens, requests, codes, cutoffs) = (vec![], vec![], vec![], vec![], vec![]);
        Self { subject, issuer, families, tokens, requests, codes, cutoffs }
    }

    pub(super) async fn rows(&self, Node { grants, keys, .. }: &Node) -> Result<Rows, StoreError> {
        let keys = keys.load(&self.issuer).await?;
        let (families, tokens, requests, codes, cutoffs) = (vec![], vec![], vec![], vec![], vec![]);
        let mut rows = Rows { families, tokens, requests, codes, cutoffs, keys };
        for family in &self.families {
            rows.families.push(grants.find_by_handle(&handle(*family)).await?);
        }
        for token in &self.tokens {
            rows.tokens.push(grants.find_access_token(&digest(*token)).await?);
        }
        for request in &self.requests {
            rows.requests.push(grants.find_request(&request_handle(*request), Some(&self.subject)).await?);
        }
        for code in &self.codes {
            rows.codes.push(grants.find_code(&code_digest(*code)).await?);
        }
        for at in &self.cutoffs {
            rows.cutoffs.push(grants.standing(&jwt("app", Some(self.subject.as_str()), *at)).await?);
        }
        Ok(rows)
    }
}
