//! What operations stand for: the names, times and records of one history.

use std::sync::atomic::{AtomicI64, Ordering};

use oauth_core::store::{
    AccessTokenRecord, AuthorizationRequestRecord, BeginRequest, Claim, Client, CodeRecord, ConsentKey, ConsentRecord,
    Cutoff, CutoffKey, DecideRequest, Extend, FamilyRecord, KeyRecord, KeyTransition, ListGrants, PasswordHash,
    Principal, RedeemCode, Retry, RevokeToken, Rotate, Salt, StandingQuery, StartFamily, Strike,
};
use oauth_core::types::{ClientId, FamilyId, Lifetime, Subject, Timestamp, TokenDigest, TokenId};

use super::call::Call;
use super::operation::{
    Access, Approval, Begin, Holder, Operation, Redeem, Second, Start, Step, Whose, client_name, code_issued, jwt_end,
    owner, subject_name,
};
use crate::samples::{self, BEGIN};

/// The names and the beginning of one history. Histories share a store, so each has its own, later than all before:
/// a cutoff of everything does not reach into the next one, and nothing of the last one expires in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names {
    number: i64,
}

/// Seconds from the beginning of one history to that of the next.
const APART: i64 = 1000;

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
