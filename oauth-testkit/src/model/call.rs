//! Operations as the calls that they stand for, and what a store answers.

use std::sync::atomic::{AtomicI64, Ordering};

use oauth_core::store::{
    AccessTokenRecord, AuthorizationRequestRecord, BeginOutcome, BeginRequest, Claim, Client, ClientGrants, CodeRecord,
    ConsentKey, ConsentRecord, Cutoff, CutoffKey, DecideOutcome, DecideRequest, Deregister, Extend, FamilyRecord,
    FoundAccessToken, FoundCode, FoundFamily, FoundRequest, InsertKey, InsertToken, IssueCode, KeyRecord,
    KeyTransition, ListGrants, PasswordHash, Principal, RedeemCode, RedeemOutcome, Refreshed, Register, Rehash, Retry,
    RevokeFamily, RevokeToken, RevokedWhy, Rotate, Salt, Standing, StandingQuery, StartFamily, StartOutcome,
    StoreError, StoreErrorKind, Strike, Transition, UpdateClient, User,
};
use oauth_core::types::{ClientId, FamilyId, KeyedHash, Lifetime, Subject, Timestamp, TokenDigest, TokenId};

use super::operation::{
    Access, Approval, Begin, Holder, Operation, Redeem, Second, Start, Step, Whose, client_name, code_issued, jwt_end,
    owner, subject_name,
};
use crate::samples::{self, BEGIN};
use crate::{TenantStore, block_on};

/// The names and the beginning of one history. Histories share a store, so each has its own, later than all before:
/// a cutoff of everything does not reach into the next one, and nothing of the last one expires in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names {
    number: i64,
}

/// Seconds from the beginning of one history to that of the next.
const APART: i64 = 1000;

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

impl Names {
    /// Of the next history.
    pub(crate) fn next() -> Self {
        static HISTORIES: AtomicI64 = AtomicI64::new(1);
        Self { number: HISTORIES.fetch_add(1, Ordering::Relaxed) }
    }

    /// The time this many seconds after the history's beginning.
    pub(crate) fn at(self, second: Second) -> Timestamp {
        Timestamp::from_seconds(BEGIN.seconds() + APART * self.number + i64::from(second))
    }

    pub(crate) fn subject(self, subject: u8) -> Subject {
        samples::subject(&format!("{}-{}", subject_name(subject), self.number))
    }

    pub(crate) fn login(self, subject: u8) -> String {
        format!("{}-{}@example.com", subject_name(subject), self.number)
    }

    pub(crate) fn hash(self, hash: u8) -> PasswordHash {
        samples::phc(&format!("$argon2id${hash}"))
    }

    fn client(self, client: u8) -> ClientId {
        samples::client_id(&format!("{}-{}", client_name(client), self.number))
    }

    /// A client that is registered; later histories come later in byte order.
    fn registered(self, client: u8) -> ClientId {
        samples::client_id(&format!("{:09}-{client}", self.number))
    }

    fn issuer(self) -> String {
        format!("https://as-{}.example", self.number)
    }

    fn unique(self, small: u8) -> u64 {
        (self.number as u64) << 8 | u64::from(small)
    }

    fn family(self, family: u8) -> FamilyId {
        samples::family_id(self.unique(family))
    }

    fn jwt(self, jwt: u8) -> TokenId {
        samples::token_id(&format!("jwt-{}-{jwt}", self.number))
    }

    fn refresh(self, family: u8, token: u8) -> TokenDigest {
        samples::refresh_digest(self.unique(family), token.into())
    }

    fn principal(self, holder: Holder) -> Principal {
        let (subject, client) = match holder {
            Holder::Client(client) => return Principal::Client { client: self.client(client) },
            Holder::Family(family) => owner(family),
            Holder::User(subject, client) => (subject, client),
        };
        Principal::User { subject: self.subject(subject), client: self.client(client) }
    }

    fn access_token(self, access: Access, holder: Holder, issued: Second) -> AccessTokenRecord {
        let family = if let Holder::Family(family) = holder { Some(self.family(family)) } else { None };
        AccessTokenRecord {
            family,
            principal: self.principal(holder),
            issued_at: self.at(issued),
            expires_at: self.at(access.ends),
            ..samples::token(self.unique(access.number))
        }
    }

    fn start(self, start: &Start) -> StartFamily {
        let &Start { family, issued, ends, refresh, limit, access, claim } = start;
        let (subject, client) = owner(family);
        let unique = self.unique(family);
        let record = if refresh { samples::refreshable(unique) } else { samples::family(unique) };
        StartFamily {
            family: FamilyRecord {
                subject: self.subject(subject),
                client: self.client(client),
                issued_at: self.at(issued),
                seen_at: self.at(issued),
                absolute_expires_at: self.at(ends),
                ..record
            },
            access_token: access.map(|access| self.access_token(access, Holder::Family(family), issued)),
            live_limit: limit,
            claim: claim
                .map(|(claim, ends)| Claim { digest: samples::digest(self.unique(claim)), expires_at: self.at(ends) }),
        }
    }

    fn begin(self, begin: &Begin) -> BeginRequest {
        let &Begin { visit, begun, ends, client_limit, tenant_limit } = begin;
        let request = AuthorizationRequestRecord {
            client: self.client(owner(visit).1),
            begun_at: self.at(begun),
            expires_at: self.at(ends),
            ..samples::request(self.unique(visit))
        };
        BeginRequest { request, client_limit, tenant_limit }
    }

    fn decide(self, visit: u8, now: Second, approval: Option<Approval>) -> DecideRequest {
        let unique = self.unique(visit);
        let decision = match approval {
            Some(Approval { code_ends, consent_ends }) => {
                samples::approve(unique, self.code(visit, code_ends), consent_ends.map(|end| self.consent(visit, end)))
            }
            None => DecideRequest { subject: self.subject(owner(visit).0), ..samples::deny(unique, BEGIN) },
        };
        DecideRequest { now: self.at(now), ..decision }
    }

    fn code(self, code: u8, ends: Second) -> CodeRecord {
        let (subject, client) = owner(code);
        CodeRecord {
            subject: self.subject(subject),
            client: self.client(client),
            issued_at: self.at(code_issued(code)),
            expires_at: self.at(ends),
            ..samples::code(self.unique(code))
        }
    }

    fn consent(self, code: u8, ends: Second) -> ConsentRecord {
        let (subject, client) = owner(code);
        ConsentRecord {
            key: ConsentKey { subject: self.subject(subject), client: self.client(client), ..samples::consent().key },
            granted_at: self.at(code_issued(code)),
            expires_at: self.at(ends),
            ..samples::consent()
        }
    }

    fn redeem(self, redeem: &Redeem) -> RedeemCode {
        let &Redeem { code, family, ends, now, limit, access } = redeem;
        let redeem = samples::redeem(&self.code(code, ends), self.unique(family), self.at(now));
        RedeemCode {
            family: FamilyRecord { absolute_expires_at: self.at(ends), ..redeem.family },
            access_token: access.map(|access| self.access_token(access, Holder::Family(family), now)),
            live_limit: limit,
            ..redeem
        }
    }

    fn client_record(self, client: u8, version: u8) -> Client {
        let id = self.registered(client);
        Client { version: version.into(), name: format!("version {version}"), ..samples::client(id.as_str()) }
    }

    fn key(self, key: u8) -> String {
        format!("key-{key}")
    }

    /// The call that an operation stands for.
    pub(crate) fn call(self, operation: &Operation) -> Call {
        let of_family =
            |family: u8, access: Option<Access>, now| access.map(|a| self.access_token(a, Holder::Family(family), now));
        match operation.clone() {
            Operation::Begin(begin) => Call::Begin(self.begin(&begin)),
            Operation::Decide { visit, now, approval } => Call::Decide(self.decide(visit, now, approval)),
            Operation::IssueCode { code, ends } => Call::IssueCode(self.code(code, ends)),
            Operation::Redeem(redeem) => Call::Redeem(self.redeem(&redeem)),
            Operation::Start(start) => Call::Start(self.start(&start)),
            Operation::Rotate { family, token, now, access } => Call::Rotate(Rotate {
                family: self.family(family),
                current: self.refresh(family, token),
                successor: self.refresh(family, token + 1),
                salt: Salt { expires_at: self.at(now + 5), ..samples::salt(self.at(now)) },
                idle_expires_at: self.at(now + 20),
                now: self.at(now),
                access_token: of_family(family, access, now),
            }),
            Operation::Retry { family, token, limit, now, access } => Call::Retry(Retry {
                family: self.family(family),
                current: self.refresh(family, token),
                limit,
                now: self.at(now),
                access_token: of_family(family, access, now),
            }),
            Operation::Extend { family, token, now, access } => Call::Extend(Extend {
                family: self.family(family),
                current: self.refresh(family, token),
                idle_expires_at: self.at(now + 20),
                now: self.at(now),
                access_token: of_family(family, access, now),
            }),
            Operation::RevokeFamily { family, why, at } => Call::RevokeFamily(self.family(family), why, self.at(at)),
            Operation::InsertToken { access, holder, issued } => {
                Call::InsertToken(self.access_token(access, holder, issued))
            }
            Operation::RevokeOpaque { access } => {
                Call::RevokeToken(RevokeToken::Opaque { digest: samples::digest(self.unique(access)) })
            }
            Operation::RevokeJwt { jwt } => {
                Call::RevokeToken(RevokeToken::Jwt { id: self.jwt(jwt), expires_at: self.at(jwt_end(jwt)) })
            }
            Operation::CutOff { whose, at } => Call::CutOff(Cutoff { key: self.cutoff_key(whose), at: self.at(at) }),
            Operation::AddStrike { account, now, window } => Call::AddStrike(Strike {
                account: samples::account(self.unique(account)),
                now: self.at(now),
                window: Lifetime::of_seconds(window.into()),
            }),
            Operation::ClearStrikes { account } => Call::ClearStrikes(samples::account(self.unique(account))),
            Operation::Purge { before, batch } => Call::Purge { before: self.at(before), batch },
            Operation::RaiseMark { at } => Call::RaiseMark(self.at(at)),
            Operation::Register { client, version } => Call::Register(self.client_record(client, version)),
            Operation::Update { client, expected } => {
                Call::Update(self.client_record(client, expected + 1), expected.into())
            }
            Operation::Deregister { client } => Call::Deregister(self.registered(client)),
            Operation::Rehash { user, old, new } => Call::Rehash(self.subject(user), self.hash(old), self.hash(new)),
            Operation::InsertKey { key, state } => Call::InsertKey(KeyRecord {
                issuer: self.issuer(),
                times: samples::times(self.at(key)),
                ..samples::key(&self.key(key), state)
            }),
            Operation::Transition(steps) => Call::Transition(self.issuer(), self.transition(&steps)),
            Operation::FindRequest { visit, user } => {
                Call::FindRequest(samples::request_handle(self.unique(visit)), user.map(|user| self.subject(user)))
            }
            Operation::FindCode { code } => Call::FindCode(samples::code_digest(self.unique(code))),
            Operation::FindConsent { code } => Call::FindConsent(self.consent(code, 0).key),
            Operation::ListGrants { user, now, after, limit } => Call::ListGrants(ListGrants {
                subject: self.subject(user),
                now: self.at(now),
                after: after.map(|client| self.client(client)),
                limit,
            }),
            Operation::FindFamily { family } => Call::FindFamily(self.family(family)),
            Operation::FindByHandle { family } => Call::FindByHandle(samples::handle(self.unique(family))),
            Operation::FindToken { access } => Call::FindToken(samples::digest(self.unique(access))),
            Operation::Standing { jwt, holder, issued } => {
                let principal = self.principal(holder);
                Call::Standing(StandingQuery {
                    id: Some(self.jwt(jwt)),
                    family: if let Holder::Family(family) = holder { Some(self.family(family)) } else { None },
                    client: Some(principal.client().clone()),
                    subject: principal.subject().cloned(),
                    issued_at: self.at(issued),
                })
            }
            Operation::ReadMark => Call::RaiseMark(Timestamp::from_millis(i64::MIN)),
            Operation::FindClient { client } => Call::FindClient(self.registered(client)),
            Operation::Page { after, limit } => Call::Page(self.registered(after), limit),
            Operation::FindUser { user } => Call::FindUser(self.subject(user)),
            Operation::Login { user } => Call::Login(self.login(user)),
            Operation::LoadKeys => Call::LoadKeys(self.issuer()),
        }
    }

    fn cutoff_key(self, whose: Whose) -> CutoffKey {
        match whose {
            Whose::Client(client) => CutoffKey::Client(self.client(client)),
            Whose::Everything => CutoffKey::Everything,
            Whose::Grant(subject, client) => {
                CutoffKey::Grant { subject: self.subject(subject), client: self.client(client) }
            }
            Whose::Subject(subject) => CutoffKey::Subject(self.subject(subject)),
        }
    }

    /// No key twice: what two steps of one key mean, the contract does not say.
    fn transition(self, steps: &[Step]) -> Vec<KeyTransition> {
        let mut transitions: Vec<KeyTransition> = Vec::new();
        for &Step { key, expected, next } in steps {
            let step = samples::step(&self.key(key), expected, next);
            if transitions.iter().all(|other| other.kid != step.kid) {
                transitions.push(KeyTransition { times: samples::times(self.at(key + 1)), ..step });
            }
        }
        transitions
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
