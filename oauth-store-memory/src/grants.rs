//! Requests, codes, consents, families, access tokens, tombstones, cutoffs, claims and strikes: everything that is judged
//! or purged together.

use std::array;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use oauth_core::store::{
    AccessTokenRecord, BeginOutcome, BeginRequest, Claim, ClientGrants, CodeRecord, ConsentKey, ConsentRecord, Cutoff,
    DecideOutcome, DecideRequest, Extend, FamilyRecord, FoundAccessToken, FoundCode, FoundFamily, FoundRequest,
    GrantStore, InsertToken, IssueCode, ListGrants, Purged, RedeemCode, RedeemOutcome, Refreshed, Retry, RevokeFamily,
    RevokeToken, RevokedWhy, Rotate, Standing, StandingQuery, StartFamily, StartOutcome, StoreError, Strike,
};
use oauth_core::types::{ClientId, FamilyId, KeyedHash, Subject, Timestamp, TokenDigest, TokenId};

use crate::MemoryStore;
use crate::codes::Codes;
use crate::consents::Consents;
use crate::cutoffs::Cutoffs;
use crate::expiring::Expiring;
use crate::families::{Families, is_live, is_revoked};
use crate::packed::Packed;
use crate::purge;
use crate::requests::Requests;
use crate::strikes::Strikes;
use crate::table::locked;

const SHARDS: usize = 64;

/// How many expired rows of each kind the insertion of one token removes. More than one, so that a backlog shrinks.
const EVICTED_PER_INSERT: u32 = 4;

/// How long a row outlives its end before an insertion removes it, in milliseconds: whoever allows for clocks that
/// differ may still ask for it.
const GRACE: i64 = 300_000;

/// The grants of one tenant.
pub(crate) struct Grants {
    pub(crate) requests: Requests,
    pub(crate) codes: Codes,
    pub(crate) consents: Consents,
    pub(crate) families: Families,
    pub(crate) cutoffs: Cutoffs,
    clock_mark: Timestamp,
    claims: Mutex<Expiring<TokenDigest, ()>>,
    strikes: Mutex<Strikes>,
    pub(crate) shards: [Mutex<Shard>; SHARDS],
}

/// A part of the access tokens and of the tombstones.
#[derive(Default)]
pub(crate) struct Shard {
    pub(crate) tokens: Expiring<TokenDigest, Packed>,
    pub(crate) tombstones: Expiring<TokenId, ()>,
    /// Where tokens are packed.
    block: Vec<u8>,
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            requests: Requests::default(),
            codes: Codes::default(),
            consents: Consents::default(),
            families: Families::default(),
            cutoffs: Cutoffs::default(),
            clock_mark: Timestamp::from_millis(i64::MIN),
            claims: Mutex::default(),
            strikes: Mutex::default(),
            shards: array::from_fn(|_| Mutex::default()),
        }
    }
}

#[async_trait]
impl GrantStore for MemoryStore {
    async fn begin_request(&self, begin: BeginRequest) -> Result<BeginOutcome, StoreError> {
        self.rows.grants.write(|grants| grants.begin_request(begin))?
    }

    async fn find_request(
        &self,
        handle: &TokenDigest,
        subject: Option<&Subject>,
    ) -> Result<Option<FoundRequest>, StoreError> {
        self.rows.grants.read(|grants| grants.find_request(handle, subject))
    }

    async fn decide_request(&self, decide: DecideRequest) -> Result<DecideOutcome, StoreError> {
        self.rows.grants.write(|grants| grants.decide_request(decide))?
    }

    async fn issue_code(&self, code: CodeRecord) -> Result<IssueCode, StoreError> {
        self.rows.grants.write(|grants| grants.issue_code(code))?
    }

    async fn find_code(&self, digest: &TokenDigest) -> Result<Option<FoundCode>, StoreError> {
        self.rows.grants.read(|grants| grants.find_code(digest))
    }

    async fn redeem_code(&self, redeem: RedeemCode) -> Result<RedeemOutcome, StoreError> {
        self.rows.grants.write(|grants| grants.redeem_code(redeem))?
    }

    async fn find_consent(&self, key: &ConsentKey) -> Result<Option<ConsentRecord>, StoreError> {
        self.rows.grants.read(|grants| grants.find_consent(key))
    }

    async fn list_grants(&self, list: &ListGrants) -> Result<Vec<ClientGrants>, StoreError> {
        self.rows.grants.read(|grants| grants.list_grants(list))
    }

    async fn start_family(&self, start: StartFamily) -> Result<StartOutcome, StoreError> {
        self.rows.grants.write(|grants| grants.start(start))?
    }

    async fn find_family(&self, id: &FamilyId) -> Result<Option<FamilyRecord>, StoreError> {
        self.rows.grants.read(|grants| grants.families.find(id).cloned())
    }

    async fn find_by_handle(&self, handle: &[u8; 8]) -> Result<Option<FoundFamily>, StoreError> {
        self.rows.grants.read(|grants| grants.find_by_handle(handle))
    }

    async fn rotate(&self, rotate: Rotate) -> Result<Refreshed, StoreError> {
        self.rows.grants.write(|grants| grants.rotate(rotate))?
    }

    async fn retry(&self, retry: Retry) -> Result<Refreshed, StoreError> {
        self.rows.grants.write(|grants| grants.retry(retry))?
    }

    async fn extend(&self, extend: Extend) -> Result<Refreshed, StoreError> {
        self.rows.grants.write(|grants| grants.extend(extend))?
    }

    async fn revoke_family(&self, id: &FamilyId, why: RevokedWhy, at: Timestamp) -> Result<RevokeFamily, StoreError> {
        self.rows.grants.write(|grants| grants.families.revoke(id, why, at))
    }

    async fn insert_access_token(&self, token: AccessTokenRecord) -> Result<InsertToken, StoreError> {
        self.rows.grants.read(|grants| grants.insert_token(token))?
    }

    async fn find_access_token(&self, digest: &TokenDigest) -> Result<Option<FoundAccessToken>, StoreError> {
        self.rows.grants.read(|grants| grants.find_token(digest))?
    }

    async fn standing(&self, query: &StandingQuery) -> Result<Standing, StoreError> {
        self.rows.grants.read(|grants| grants.standing(query))?
    }

    async fn revoke_token(&self, token: RevokeToken) -> Result<(), StoreError> {
        self.rows.grants.read(|grants| grants.revoke_token(token))?
    }

    async fn cut_off(&self, cutoff: Cutoff) -> Result<(), StoreError> {
        self.rows.grants.write(|grants| grants.cutoffs.raise(cutoff))
    }

    async fn add_strike(&self, strike: Strike) -> Result<u32, StoreError> {
        self.rows.grants.read(|grants| grants.strikes().map(|mut strikes| strikes.add(strike)))?
    }

    async fn clear_strikes(&self, account: &KeyedHash) -> Result<(), StoreError> {
        self.rows.grants.read(|grants| grants.strikes().map(|mut strikes| strikes.clear(account)))?
    }

    async fn purge_expired(&self, before: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        purge::purge(&self.rows.grants, before, limit)
    }

    async fn raise_clock_mark(&self, at: Timestamp) -> Result<Timestamp, StoreError> {
        self.rows.grants.write(|grants| {
            grants.clock_mark = grants.clock_mark.max(at);
            grants.clock_mark
        })
    }

    async fn close(&self) {
        self.rows.grants.close();
        self.rows.keys.close();
        self.rows.users.close();
        self.rows.clients.close();
    }
}

impl Grants {
    fn start(&mut self, start: StartFamily) -> Result<StartOutcome, StoreError> {
        let StartFamily { family, access_token, live_limit, claim } = start;
        if self.cutoffs.cover(Some(&family.client), Some(&family.subject), family.issued_at) {
            return Ok(StartOutcome::CutOff);
        }
        if let Some(claim) = &claim
            && self.claims()?.find(&claim.digest).is_some()
        {
            return Ok(StartOutcome::Claimed);
        }
        let now = family.issued_at;
        let ended = self.start_live(family, access_token, live_limit, now)?;
        if let Some(Claim { digest, expires_at }) = claim {
            self.claims()?.insert(digest, (), expires_at);
        }
        Ok(StartOutcome::Started { ended })
    }

    /// Stores a family that no cutoff covers, with its token; answers how many older ones ended for it.
    pub(crate) fn start_live(
        &mut self,
        family: FamilyRecord,
        access_token: Option<AccessTokenRecord>,
        live_limit: u32,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        if let Some(taken) = self.families.collision(&family) {
            return Err(StoreError::unavailable(taken));
        }
        self.store_if_any(access_token)?;
        let ended = self.families.make_room(&family, live_limit, now, &self.cutoffs);
        self.families.insert(family);
        Ok(ended)
    }

    fn insert_token(&self, token: AccessTokenRecord) -> Result<InsertToken, StoreError> {
        let covered = self.cutoffs.cover(Some(token.principal.client()), token.principal.subject(), token.issued_at);
        let family_ended = token.family.is_some_and(|id| match self.families.find(&id) {
            Some(family) => !is_live(family, token.issued_at, &self.cutoffs),
            None => true,
        });
        if covered || family_ended {
            return Ok(InsertToken::NotLive);
        }
        self.store_token(token)?;
        Ok(InsertToken::Inserted)
    }

    /// Stores the token of a family that was judged under the same lock.
    pub(crate) fn store_if_any(&self, token: Option<AccessTokenRecord>) -> Result<(), StoreError> {
        token.map_or(Ok(()), |token| self.store_token(token))
    }

    /// Stores a token **iff** its digest is free, and lets a few go that had expired [`GRACE`] before it was issued.
    fn store_token(&self, record: AccessTokenRecord) -> Result<(), StoreError> {
        let (digest, issued_at, expires_at) = (record.digest, record.issued_at, record.expires_at);
        let mut shard = self.shard_of_token(&digest)?;
        let before = Timestamp::from_millis(issued_at.millis().saturating_sub(GRACE));
        shard.tokens.evict(before, EVICTED_PER_INSERT);
        shard.tombstones.evict(before, EVICTED_PER_INSERT);
        let Shard { tokens, block, .. } = &mut *shard;
        if tokens.insert(digest, Packed::of(&record, block), expires_at) {
            Ok(())
        } else {
            Err(StoreError::unavailable("the digest of an access token is taken"))
        }
    }

    fn find_token(&self, digest: &TokenDigest) -> Result<Option<FoundAccessToken>, StoreError> {
        let shard = self.shard_of_token(digest)?;
        let Some(packed) = shard.tokens.find(digest) else { return Ok(None) };
        let token = packed.record(*digest)?;
        let (client, subject) = (token.principal.client(), token.principal.subject());
        let revoked = packed.is_revoked() || self.taken_back(token.family, Some(client), subject, token.issued_at);
        let standing = if revoked { Standing::Revoked } else { Standing::Live };
        Ok(Some(FoundAccessToken { token, standing }))
    }

    fn standing(&self, query: &StandingQuery) -> Result<Standing, StoreError> {
        let StandingQuery { id, family, client, subject, issued_at } = query;
        if self.taken_back(*family, client.as_ref(), subject.as_ref(), *issued_at) {
            return Ok(Standing::Revoked);
        }
        match id {
            Some(id) if self.shard_of_tombstone(id)?.tombstones.find(id).is_some() => Ok(Standing::Revoked),
            _ => Ok(Standing::Live),
        }
    }

    /// Whether a token went with its family, its subject's or its client's grants. A family that is not known (any
    /// more) is revoked.
    fn taken_back(
        &self,
        family: Option<FamilyId>,
        client: Option<&ClientId>,
        subject: Option<&Subject>,
        issued_at: Timestamp,
    ) -> bool {
        self.cutoffs.cover(client, subject, issued_at)
            || family.is_some_and(|id| match self.families.find(&id) {
                Some(family) => is_revoked(family, &self.cutoffs),
                None => true,
            })
    }

    fn revoke_token(&self, token: RevokeToken) -> Result<(), StoreError> {
        match token {
            RevokeToken::Jwt { id, expires_at } => {
                self.shard_of_tombstone(&id)?.tombstones.insert(id, (), expires_at);
            }
            RevokeToken::Opaque { digest } => {
                if let Some(token) = self.shard_of_token(&digest)?.tokens.find_mut(&digest) {
                    token.revoke();
                }
            }
        }
        Ok(())
    }

    pub(crate) fn claims(&self) -> Result<MutexGuard<'_, Expiring<TokenDigest, ()>>, StoreError> {
        locked(&self.claims)
    }

    pub(crate) fn strikes(&self) -> Result<MutexGuard<'_, Strikes>, StoreError> {
        locked(&self.strikes)
    }

    fn shard_of_token(&self, digest: &TokenDigest) -> Result<MutexGuard<'_, Shard>, StoreError> {
        self.shard(usize::from(digest.as_bytes()[0]))
    }

    fn shard_of_tombstone(&self, id: &TokenId) -> Result<MutexGuard<'_, Shard>, StoreError> {
        self.shard(id.as_str().bytes().fold(0, |sum: usize, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte))))
    }

    #[expect(clippy::indexing_slicing, reason = "the index is taken modulo the length")]
    fn shard(&self, number: usize) -> Result<MutexGuard<'_, Shard>, StoreError> {
        locked(&self.shards[number % SHARDS])
    }
}
