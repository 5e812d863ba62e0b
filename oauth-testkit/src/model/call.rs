//! One call of a store, and what it answers.

use oauth_core::store::{
    AccessTokenRecord, BeginOutcome, BeginRequest, Client, ClientGrants, CodeRecord, ConsentKey, ConsentRecord, Cutoff,
    DecideOutcome, DecideRequest, Deregister, Extend, FamilyRecord, FoundAccessToken, FoundCode, FoundFamily,
    FoundRequest, InsertKey, InsertToken, IssueCode, KeyRecord, KeyTransition, ListGrants, PasswordHash, RedeemCode,
    RedeemOutcome, Refreshed, Register, Rehash, Retry, RevokeFamily, RevokeToken, RevokedWhy, Rotate, Standing,
    StandingQuery, StartFamily, StartOutcome, StoreError, StoreErrorKind, Strike, Transition, UpdateClient, User,
};
use oauth_core::types::{ClientId, FamilyId, KeyedHash, Subject, Timestamp, TokenDigest};

use crate::{TenantStore, block_on};

/// One call of a store with all that it is told.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    Begin(BeginRequest),
    Decide(DecideRequest),
    IssueCode(CodeRecord),
    Redeem(RedeemCode),
    Start(StartFamily),
    Rotate(Rotate),
    Retry(Retry),
    Extend(Extend),
    RevokeFamily(FamilyId, RevokedWhy, Timestamp),
    InsertToken(AccessTokenRecord),
    RevokeToken(RevokeToken),
    CutOff(Cutoff),
    AddStrike(Strike),
    ClearStrikes(KeyedHash),
    Purge { before: Timestamp, batch: u32 },
    RaiseMark(Timestamp),
    Register(Client),
    Update(Client, u64),
    Deregister(ClientId),
    Rehash(Subject, PasswordHash, PasswordHash),
    InsertKey(KeyRecord),
    Transition(String, Vec<KeyTransition>),
    FindRequest(TokenDigest, Option<Subject>),
    FindCode(TokenDigest),
    FindConsent(ConsentKey),
    ListGrants(ListGrants),
    FindFamily(FamilyId),
    FindByHandle([u8; 8]),
    FindToken(TokenDigest),
    Standing(StandingQuery),
    FindClient(ClientId),
    Page(ClientId, u32),
    FindUser(Subject),
    Login(String),
    LoadKeys(String),
}

/// What a store answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Begun(BeginOutcome),
    Decided(DecideOutcome),
    CodeIssued(IssueCode),
    Redeemed(RedeemOutcome),
    Started(StartOutcome),
    Refreshed(Refreshed),
    FamilyRevoked(RevokeFamily),
    TokenInserted(InsertToken),
    Done,
    Strikes(u32),
    /// How many rows went until no more were waiting.
    Purged(u32),
    /// A purge that took more than its limit, or came to no end.
    PurgedWrongly,
    Mark(Timestamp),
    Registered(Register),
    Updated(UpdateClient),
    Deregistered(Deregister),
    Rehashed(Rehash),
    KeyInserted(InsertKey),
    Transitioned(Transition),
    Request(Option<FoundRequest>),
    Code(Option<FoundCode>),
    Consent(Option<ConsentRecord>),
    Grants(Vec<ClientGrants>),
    Family(Option<FamilyRecord>),
    FamilyFound(Option<FoundFamily>),
    Token(Option<FoundAccessToken>),
    Standing(Standing),
    Client(Option<Client>),
    Page(Vec<Client>),
    User(Option<User>),
    Keys(Vec<KeyRecord>),
    Failed(StoreErrorKind),
}

impl Answer {
    /// Whether the call was refused and changed nothing.
    pub(crate) const fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Begun(BeginOutcome::TooMany)
                | Self::CodeIssued(IssueCode::CutOff)
                | Self::Decided(DecideOutcome::AlreadyDecided | DecideOutcome::NotLive)
                | Self::Failed(StoreErrorKind::Unavailable)
                | Self::KeyInserted(InsertKey::AlreadyActive | InsertKey::Taken)
                | Self::Redeemed(RedeemOutcome::Moved)
                | Self::Refreshed(Refreshed::Moved)
                | Self::Started(StartOutcome::Claimed | StartOutcome::CutOff)
                | Self::TokenInserted(InsertToken::NotLive)
        )
    }
}

impl Call {
    /// Makes the call.
    pub(crate) fn ask(self, store: &TenantStore) -> Answer {
        let TenantStore { clients, registry, users, keys, grants, .. } = store;
        match self {
            Self::Begin(begin) => answer(grants.begin_request(begin), Answer::Begun),
            Self::Decide(decide) => answer(grants.decide_request(decide), Answer::Decided),
            Self::IssueCode(code) => answer(grants.issue_code(code), Answer::CodeIssued),
            Self::Redeem(redeem) => answer(grants.redeem_code(redeem), Answer::Redeemed),
            Self::Start(start) => answer(grants.start_family(start), Answer::Started),
            Self::Rotate(rotate) => answer(grants.rotate(rotate), Answer::Refreshed),
            Self::Retry(retry) => answer(grants.retry(retry), Answer::Refreshed),
            Self::Extend(extend) => answer(grants.extend(extend), Answer::Refreshed),
            Self::RevokeFamily(id, why, at) => answer(grants.revoke_family(&id, why, at), Answer::FamilyRevoked),
            Self::InsertToken(token) => answer(grants.insert_access_token(token), Answer::TokenInserted),
            Self::RevokeToken(token) => answer(grants.revoke_token(token), |()| Answer::Done),
            Self::CutOff(cutoff) => answer(grants.cut_off(cutoff), |()| Answer::Done),
            Self::AddStrike(strike) => answer(grants.add_strike(strike), Answer::Strikes),
            Self::ClearStrikes(account) => answer(grants.clear_strikes(&account), |()| Answer::Done),
            Self::Purge { before, batch } => purge(store, before, batch),
            Self::RaiseMark(at) => answer(grants.raise_clock_mark(at), Answer::Mark),
            Self::Register(client) => answer(registry.register(client), Answer::Registered),
            Self::Update(client, expected) => answer(registry.update(client, expected), Answer::Updated),
            Self::Deregister(id) => answer(registry.deregister(&id), Answer::Deregistered),
            Self::Rehash(subject, old, new) => answer(users.rehash(&subject, &old, new), Answer::Rehashed),
            Self::InsertKey(key) => answer(keys.insert(key), Answer::KeyInserted),
            Self::Transition(issuer, steps) => answer(keys.transition(&issuer, &steps), Answer::Transitioned),
            Self::FindRequest(handle, user) => answer(grants.find_request(&handle, user.as_ref()), Answer::Request),
            Self::FindCode(digest) => answer(grants.find_code(&digest), Answer::Code),
            Self::FindConsent(key) => answer(grants.find_consent(&key), Answer::Consent),
            Self::ListGrants(list) => answer(grants.list_grants(&list), Answer::Grants),
            Self::FindFamily(id) => answer(grants.find_family(&id), Answer::Family),
            Self::FindByHandle(handle) => answer(grants.find_by_handle(&handle), Answer::FamilyFound),
            Self::FindToken(digest) => answer(grants.find_access_token(&digest), Answer::Token),
            Self::Standing(query) => answer(grants.standing(&query), Answer::Standing),
            Self::FindClient(id) => {
                answer(clients.find(&id), |client| Answer::Client(client.map(|client| (*client).clone())))
            }
            Self::Page(after, limit) => answer(registry.page(Some(&after), limit), |page| {
                Answer::Page(page.iter().map(|client| (**client).clone()).collect())
            }),
            Self::FindUser(subject) => answer(users.find_by_subject(&subject), Answer::User),
            Self::Login(login) => answer(users.find_by_login(&login), Answer::User),
            Self::LoadKeys(issuer) => answer(keys.load(&issuer), Answer::Keys),
        }
    }
}

fn answer<T>(call: impl Future<Output = Result<T, StoreError>>, of: impl FnOnce(T) -> Answer) -> Answer {
    block_on(call).map_or_else(|error| Answer::Failed(error.kind()), of)
}

/// Purges in batches until no more is waiting.
pub(super) fn purge(store: &TenantStore, before: Timestamp, batch: u32) -> Answer {
    let mut rows = 0;
    for _ in 0..1000 {
        match block_on(store.grants.purge_expired(before, batch)) {
            Ok(purged) if purged.rows > batch => return Answer::PurgedWrongly,
            Ok(purged) => {
                rows += purged.rows;
                if !purged.more {
                    return Answer::Purged(rows);
                }
            }
            Err(error) => return Answer::Failed(error.kind()),
        }
    }
    Answer::PurgedWrongly
}
