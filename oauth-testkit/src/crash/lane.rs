//! What one thread of a victim does, one operation after the other, each chosen by chance and by what was answered so
//! far. The parent walks the same lane and so knows each operation without being told it.

use oauth_core::store::{
    AccessTokenRecord, AuthorizationRequestRecord, Claim, CodeRecord, ConsentKey, ConsentRecord, CutoffKey,
    FamilyRecord, KeyRecord, KeyState, KeyTransition, RedeemCode, Retry, RevokeToken, Rotate, StartFamily, StoreError,
};
use oauth_core::types::Timestamp;

use super::operation::Operation;
use super::rows::{Rows, Trace};
use crate::SeededEntropy;
use crate::arena::Node;
use crate::samples::{
    FAMILY_END, TOKEN_END, after, approve, begin, claim, code, consent, cutoff, digest, family_id, key, redeem,
    refreshable, request, retry, rotate, start, step, subject, token_of,
};

/// How many lanes a victim works on at a time.
pub(super) const LANES: u64 = 4;
/// Rows of a lane have numbers of their own, of which it uses one for each operation.
const NUMBERS: u64 = 1 << 16;

#[derive(Debug)]
pub(super) struct Lane {
    random: SeededEntropy,
    /// The first number that is not used.
    next: u64,
    /// The family that it works on, and the generation that it is in; `None` when the last one has ended.
    family: Option<(u64, u64)>,
    /// The claim of the last start.
    claimed: Option<Claim>,
    /// A request that waits for its decision.
    request: Option<u64>,
    /// A code that waits for its redemption.
    code: Option<u64>,
    /// The last key, which is active.
    key: Option<u64>,
    /// A key that waits for its promotion.
    next_key: Option<u64>,
    trace: Trace,
}

impl Lane {
    pub(super) fn new(cycle: u64, number: u64) -> Self {
        let first = (cycle * LANES + number) * NUMBERS;
        let (subject, issuer) = (subject(&format!("user-{first}")), format!("https://as.example/{first}"));
        Self {
            random: SeededEntropy::new(first),
            next: first,
            family: None,
            claimed: None,
            request: None,
            code: None,
            key: None,
            next_key: None,
            trace: Trace::new(subject, issuer),
        }
    }

    /// The operation that comes now.
    pub(super) fn next(&mut self) -> Operation {
        let number = self.next;
        self.next += 1;
        let Some((family, generation)) = self.family else { return self.begin(number) };
        match self.random.below(100) {
            0..40 => self.rotate(family, generation, number),
            40..50 => Operation::Retry(Box::new(Retry {
                access_token: Some(self.token(family, number)),
                ..retry(family, generation, 3, self.time(number))
            })),
            50..60 => Operation::InsertToken(Box::new(self.token(family, number))),
            60..65 => self.revoke_some_token(),
            // a token that was spent comes back
            65..70 => self.rotate(family, generation.saturating_sub(1), number),
            // a claim that was made comes back
            70..74 => self.start(number, self.claimed.clone()),
            74..90 => self.promote(number),
            90..95 => Operation::RevokeFamily(family_id(family), self.time(number)),
            _ => self.cut_off(number),
        }
    }

    /// Takes down what the operation came to, as far as the next ones depend on it.
    pub(super) fn answered(&mut self, operation: &Operation, answer: &str) {
        let number = self.next - 1;
        match operation {
            Operation::Start(_) | Operation::Redeem(_) if answer.contains("Started") || answer.contains("Redeemed") => {
                self.family = Some((number, 0));
                self.code = None;
            }
            Operation::Begin(_) => self.request = Some(number),
            Operation::IssueCode(_) => self.code = Some(number),
            Operation::Decide(_) => {
                self.request = None;
                self.code = Some(number);
            }
            Operation::Rotate(_) if answer == "Done" => {
                self.family = self.family.map(|(family, generation)| (family, generation + 1));
            }
            Operation::RevokeFamily(..) | Operation::CutOff(_) => self.family = None,
            Operation::InsertKey(_) if self.key.is_none() => self.key = Some(number),
            Operation::InsertKey(_) => self.next_key = Some(number),
            Operation::Promote(..) => self.key = self.next_key.take(),
            _ => {}
        }
    }

    /// What the store says of the rows that the lane may have left.
    pub(super) async fn rows(&self, node: &Node) -> Result<Rows, StoreError> {
        self.trace.rows(node).await
    }

    /// Later for later numbers.
    fn time(&self, number: u64) -> Timestamp {
        after((number % NUMBERS) as i64)
    }

    fn begin(&mut self, number: u64) -> Operation {
        if let Some(code) = self.code {
            return self.redeem(code, number);
        }
        if let Some(request) = self.request {
            return self.approve(request, number);
        }
        match self.random.below(4) {
            0 => {
                self.trace.codes.push(number);
                Operation::IssueCode(Box::new(self.issued(number)))
            }
            1 => {
                self.trace.requests.push(number);
                let begun_at = self.time(number);
                Operation::Begin(Box::new(begin(AuthorizationRequestRecord { begun_at, ..request(number) })))
            }
            _ => {
                self.claimed = Some(claim(number, FAMILY_END));
                self.start(number, self.claimed.clone())
            }
        }
    }

    fn start(&mut self, number: u64, claim: Option<Claim>) -> Operation {
        let family = self.family(number);
        let access_token = Some(self.token_within(&family, number));
        Operation::Start(Box::new(StartFamily { access_token, claim, ..start(family) }))
    }

    fn approve(&mut self, request: u64, number: u64) -> Operation {
        self.trace.codes.push(number);
        let code = self.issued(number);
        let key = ConsentKey { subject: code.subject.clone(), ..consent().key };
        let consent = ConsentRecord { key, granted_at: code.issued_at, ..consent() };
        Operation::Decide(Box::new(approve(request, code, Some(consent))))
    }

    fn issued(&self, number: u64) -> CodeRecord {
        let (issued_at, subject) = (self.time(number), self.trace.subject.clone());
        CodeRecord { subject, issued_at, expires_at: TOKEN_END, ..code(number) }
    }

    fn redeem(&mut self, issued: u64, number: u64) -> Operation {
        self.trace.families.push(number);
        let redeem = redeem(&self.issued(issued), number, self.time(number));
        let access_token = Some(self.token_within(&redeem.family, number));
        Operation::Redeem(Box::new(RedeemCode { access_token, ..redeem }))
    }

    fn rotate(&mut self, family: u64, generation: u64, number: u64) -> Operation {
        let access_token = Some(self.token(family, number));
        Operation::Rotate(Box::new(Rotate { access_token, ..rotate(family, generation, self.time(number)) }))
    }

    fn revoke_some_token(&self) -> Operation {
        let last = self.trace.tokens.last().copied().unwrap_or_default();
        Operation::RevokeToken(RevokeToken::Opaque { digest: digest(last) })
    }

    fn cut_off(&mut self, number: u64) -> Operation {
        let at = self.time(number);
        self.trace.cutoffs.push(at);
        Operation::CutOff(cutoff(CutoffKey::Subject(self.trace.subject.clone()), at))
    }

    /// The first key, the next key, or the step from one to the other.
    fn promote(&self, number: u64) -> Operation {
        let of_number = |number: u64| format!("key-{number}");
        let (Some(old), Some(next)) = (self.key, self.next_key) else {
            let state = if self.key.is_none() { KeyState::Active } else { KeyState::Announced };
            return Operation::InsertKey(Box::new(KeyRecord {
                issuer: self.trace.issuer.clone(),
                ..key(&of_number(number), state)
            }));
        };
        let steps: [KeyTransition; 2] = [
            step(&of_number(next), KeyState::Announced, KeyState::Active),
            step(&of_number(old), KeyState::Active, KeyState::Retired),
        ];
        Operation::Promote(self.trace.issuer.clone(), steps)
    }

    fn family(&mut self, number: u64) -> FamilyRecord {
        self.trace.families.push(number);
        let issued_at = self.time(number);
        FamilyRecord { subject: self.trace.subject.clone(), issued_at, seen_at: issued_at, ..refreshable(number) }
    }

    fn token(&mut self, family: u64, number: u64) -> AccessTokenRecord {
        let family = FamilyRecord { subject: self.trace.subject.clone(), ..refreshable(family) };
        self.token_within(&family, number)
    }

    fn token_within(&mut self, family: &FamilyRecord, number: u64) -> AccessTokenRecord {
        self.trace.tokens.push(number);
        AccessTokenRecord { issued_at: self.time(number), ..token_of(family, number) }
    }
}
