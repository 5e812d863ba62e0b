//! The life of a grant, step by step, and its end before each of them.

use oauth_core::store::{
    AccessTokenRecord, AuthorizationRequestRecord, CodeRecord, ConsentKey, ConsentRecord, CutoffKey, DecideOutcome,
    InsertToken, IssueCode, ListGrants, RedeemCode, RedeemOutcome, Refreshed, RevokeFamily, RevokedWhy, Standing,
    StartOutcome,
};
use oauth_core::types::Timestamp;

use super::requests::{begins, decide};
use super::{done, found, fresh};
use crate::samples::{
    CONSENT_END, FAMILY_END, after, approve, client_id, code, code_digest, consent, cutoff, extend, family_from,
    family_id, handle, jwt_of, redeem, request, retry, rotate, start, subject, token_of,
};
use crate::{Fixture, TenantStore};

/// One grant, of a subject and a client of its own.
struct Grant {
    number: u64,
    /// When everything of it is issued.
    at: Timestamp,
}

/// A step: its name, and the call, which answers whether it was taken.
type Step = (&'static str, fn(&Grant, &TenantStore) -> bool);

/// Later steps build on earlier ones; each brings an access token of its own.
const STEPS: [Step; 8] = [
    ("decide", |grant, store| {
        let code = grant.code(0);
        let (subject, client) = (code.subject.clone(), code.client.clone());
        let key = ConsentKey { subject, client, ..consent().key };
        let consent = ConsentRecord { key, granted_at: grant.at, expires_at: CONSENT_END, ..consent() };
        decide(store, approve(grant.number, code, Some(consent))) == DecideOutcome::Decided
    }),
    ("redeem", |grant, store| {
        let redeem =
            RedeemCode { access_token: Some(grant.token(1)), ..redeem(&grant.code(0), grant.number, grant.at) };
        matches!(done(store.grants.redeem_code(redeem)), RedeemOutcome::Redeemed { .. })
    }),
    ("rotate", |grant, store| {
        let mut rotate = rotate(grant.number, 0, grant.at);
        rotate.access_token = Some(grant.token(2));
        done(store.grants.rotate(rotate)) == Refreshed::Done
    }),
    ("retry", |grant, store| {
        let mut retry = retry(grant.number, 1, 64, grant.at);
        retry.access_token = Some(grant.token(3));
        done(store.grants.retry(retry)) == Refreshed::Done
    }),
    ("extend", |grant, store| {
        let mut extend = extend(grant.number, 1, grant.at);
        extend.access_token = Some(grant.token(4));
        done(store.grants.extend(extend)) == Refreshed::Done
    }),
    ("rotate again", |grant, store| {
        let mut rotate = rotate(grant.number, 1, grant.at);
        rotate.access_token = Some(grant.token(5));
        done(store.grants.rotate(rotate)) == Refreshed::Done
    }),
    ("retry late", |grant, store| done(store.grants.retry(retry(grant.number, 2, 64, grant.at))) == Refreshed::Done),
    ("insert a token", |grant, store| done(store.grants.insert_access_token(grant.token(6))) == InsertToken::Inserted),
];

/// How a grant ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Client,
    Everything,
    Family,
    Grant,
    Subject,
}

impl Grant {
    fn code(&self, of: u64) -> CodeRecord {
        CodeRecord {
            subject: subject(&format!("user-{}", self.number)),
            client: client_id(&format!("app-{}", self.number)),
            issued_at: self.at,
            expires_at: FAMILY_END,
            ..code(self.number + of)
        }
    }

    fn token(&self, of: u64) -> AccessTokenRecord {
        let family = family_from(&self.code(0), self.number);
        AccessTokenRecord { issued_at: self.at, ..token_of(&family, self.number + of) }
    }

    fn end(&self, store: &TenantStore, end: End) {
        let CodeRecord { subject, client, .. } = self.code(0);
        let key = match end {
            End::Client => CutoffKey::Client(client),
            End::Everything => CutoffKey::Everything,
            End::Family => {
                let revoked = done(store.grants.revoke_family(&family_id(self.number), RevokedWhy::Host, self.at));
                return assert_eq!(revoked, RevokeFamily::Revoked);
            }
            End::Grant => CutoffKey::Grant { subject, client },
            End::Subject => CutoffKey::Subject(subject),
        };
        done(store.grants.cut_off(cutoff(key, self.at)));
    }

    /// Nothing of it is live.
    fn is_dead(&self, store: &TenantStore, end: End, about: &str) {
        for of in 1..=6 {
            if let Some(found) = found(store, self.number + of) {
                assert_eq!(found.standing, Standing::Revoked, "access token {of}, {about}");
            }
        }
        let family = family_from(&self.code(0), self.number);
        assert_eq!(done(store.grants.standing(&jwt_of(&family))), Standing::Revoked, "a JWT, {about}");
        if let Some(found) = done(store.grants.find_by_handle(&handle(self.number))) {
            assert_eq!(found.standing, Standing::Revoked, "the family, {about}");
        }
        if end == End::Family {
            return; // its code was consumed, and the consent stays
        }
        if let Some(found) = done(store.grants.find_code(&code_digest(self.number))) {
            assert_eq!(found.standing, Standing::Revoked, "the code, {about}");
        }
        let list = ListGrants { subject: self.code(0).subject, now: self.at, after: None, limit: 9 };
        assert_eq!(done(store.grants.list_grants(&list)), [], "{about}");
        assert_eq!(done(store.grants.issue_code(self.code(7))), IssueCode::CutOff, "another code, {about}");
        let another = family_from(&self.code(7), self.number + 7);
        assert_eq!(done(store.grants.start_family(start(another))), StartOutcome::CutOff, "another family, {about}");
    }
}

/// A grant that ended before any step of its life, by whatever way, takes no step any more, and nothing that earlier
/// steps gave is live.
pub fn what_ended_between_two_steps_stays_ended(f: &Fixture) {
    let ends = [End::Grant, End::Subject, End::Client, End::Family, End::Everything];
    for (round, end) in (0..).zip(ends) {
        // A family can end once it was redeemed.
        let first = if end == End::Family { 2 } else { 0 };
        for place in first..=STEPS.len() {
            // Each later than all before, so that no cutoff of everything reaches it.
            let at = after(round * 100 + place as i64);
            let grant = Grant { number: fresh() << 8, at };
            let client = grant.code(0).client;
            begins(&f.store, AuthorizationRequestRecord { client, begun_at: at, ..request(grant.number) });
            for (number, (name, step)) in STEPS.iter().enumerate() {
                if number == place {
                    grant.end(&f.store, end);
                }
                let was_taken = step(&grant, &f.store);
                assert_eq!(was_taken, number < place, "{name} when {end:?} ended before step {place}");
            }
            if place == STEPS.len() {
                grant.end(&f.store, end);
            }
            grant.is_dead(&f.store, end, &format!("{end:?} ended before step {place}"));
        }
    }
}
