//! Random operations over small pools, so that they meet.

use oauth_core::store::{KeyState, RevokedWhy};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::Order;
use super::operation::{Access, Approval, Begin, Holder, Operation, Redeem, Second, Start, Step, Whose};

/// How many chapters a history has at most.
const CHAPTERS: usize = 20;

/// How many families, access tokens, JWTs, clients and so on a history speaks of, numbered from 1.
pub(crate) const FAMILIES: u8 = 4;
/// Requests and their codes are numbered as families are.
pub(crate) const VISITS: u8 = FAMILIES;
pub(crate) const ACCESS_TOKENS: u8 = 4;
pub(crate) const JWTS: u8 = 2;
pub(crate) const REGISTERED: u8 = 2;
pub(crate) const KEYS: u8 = 2;
const ACCOUNTS: u8 = 1;
/// Subjects, clients and users are numbered from 0.
pub(crate) const SUBJECTS: u8 = 2;
pub(crate) const CLIENTS: u8 = 2;

/// The last second of a history: everything in it expires by then.
pub(crate) const END: Second = 60;

/// Whole histories, most of what happens in them by one tenant.
///
/// They consist of chapters: one call, the same call twice, the steps of a grant one after the other, or a few calls about
/// an account, clients or keys. Calls drawn one by one would seldom get anything beyond its first step.
pub(crate) fn history() -> impl Strategy<Value = Vec<Order>> {
    let chapter = prop_oneof![
        6 => operation().prop_map(|operation| vec![operation]),
        2 => operation().prop_map(|operation| vec![operation.clone(), operation]),
        3 => with_an_end(life_of_a_visit()),
        2 => with_an_end(life_of_a_family()),
        2 => vec(counters(), 2..6),
        1 => vec(clients(), 2..6),
        1 => vec(keys(), 2..6),
    ];
    vec((prop::bool::weighted(0.15), chapter), 1..=CHAPTERS).prop_map(|chapters| {
        let of = |(other, chapter): (bool, Vec<Operation>)| {
            chapter.into_iter().map(move |operation| Order { other, operation })
        };
        chapters.into_iter().flat_map(of).collect()
    })
}

/// Often with a revocation between two steps.
fn with_an_end(life: impl Strategy<Value = Vec<Operation>>) -> impl Strategy<Value = Vec<Operation>> {
    (life, option::weighted(0.5, (revocations(), 0..=3_usize))).prop_map(|(mut life, end)| {
        if let Some((revocation, place)) = end {
            life.insert(place.min(life.len()), revocation);
        }
        life
    })
}

/// From a request to a family that was rotated, each step at a time of its own.
fn life_of_a_visit() -> impl Strategy<Value = Vec<Operation>> {
    let times = [second(), second(), second(), second()];
    let ends = [end(), end(), end(), end()];
    (1..=VISITS, times, ends, any::<bool>(), limit(), option::weighted(0.4, access())).prop_map(
        |(
            visit,
            [begun, decided, redeemed, rotated],
            [ends, code_ends, consent_ends, family_ends],
            other,
            limit,
            access,
        )| {
            let family = if other && visit <= 2 { 3 - visit } else { visit };
            let approval = Some(Approval { code_ends, consent_ends: Some(consent_ends) });
            vec![
                Operation::Begin(Begin { visit, begun, ends, client_limit: u32::MAX, tenant_limit: u32::MAX }),
                Operation::Decide { visit, now: decided, approval },
                Operation::Redeem(Redeem { code: visit, family, ends: family_ends, now: redeemed, limit, access }),
                Operation::Rotate { family, token: 0, now: rotated, access: None },
            ]
        },
    )
}

/// From the start of a family to its second rotation, with a retry between the two.
fn life_of_a_family() -> impl Strategy<Value = Vec<Operation>> {
    let uses = [option::weighted(0.4, access()), option::weighted(0.4, access()), option::weighted(0.4, access())];
    (start(), [second(), second(), second()], 0..3_u32, uses).prop_map(|(start, now, limit, access)| {
        let family = if let Operation::Start(start) = &start { start.family } else { 1 };
        vec![
            start,
            Operation::Rotate { family, token: 0, now: now[0], access: access[0] },
            Operation::Retry { family, token: 1, limit, now: now[1], access: access[1] },
            Operation::Rotate { family, token: 1, now: now[2], access: access[2] },
        ]
    })
}

/// Clock readings in any order: the clock of a history steps back as often as forward.
fn second() -> impl Strategy<Value = Second> {
    select(vec![0, 1, 2, 3, 5, 8, 10, 11, 20])
}

/// Ends of what begins at some [`second`]; a few of them have passed already when it begins.
fn end() -> impl Strategy<Value = Second> {
    select(vec![40, 20, 11, 10, 5, END])
}

fn access() -> impl Strategy<Value = Access> {
    (1..=ACCESS_TOKENS, end()).prop_map(|(number, ends)| Access { number, ends })
}

fn holder() -> impl Strategy<Value = Holder> {
    prop_oneof![
        3 => (1..=FAMILIES).prop_map(Holder::Family),
        1 => (0..SUBJECTS, 0..CLIENTS).prop_map(|(subject, client)| Holder::User(subject, client)),
        1 => (0..CLIENTS).prop_map(Holder::Client),
    ]
}

fn whose() -> impl Strategy<Value = Whose> {
    prop_oneof![
        3 => (0..SUBJECTS).prop_map(Whose::Subject),
        3 => (0..CLIENTS).prop_map(Whose::Client),
        3 => (0..SUBJECTS, 0..CLIENTS).prop_map(|(subject, client)| Whose::Grant(subject, client)),
        1 => Just(Whose::Everything),
    ]
}

/// A refresh token by its generation: young ones more often, because families seldom grow old here.
fn token() -> impl Strategy<Value = u8> {
    select(vec![0, 0, 0, 1, 1, 2, 3])
}

fn key_state() -> impl Strategy<Value = KeyState> {
    select(&KeyState::ALL[..])
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![14 => families(), 12 => visits(), 5 => tokens(), 4 => revocations(), 3 => counters(), 2 => purge(), 1 => users()]
}

fn visits() -> impl Strategy<Value = Operation> {
    let approval =
        (end(), option::of(end())).prop_map(|(code_ends, consent_ends)| Approval { code_ends, consent_ends });
    // For a family of the same owner.
    let redeemed =
        (1..=VISITS, any::<bool>()).prop_map(|(code, other)| (code, if other && code <= 2 { 3 - code } else { code }));
    prop_oneof![
        4 => (1..=VISITS, second(), end(), limit(), limit()).prop_map(
            |(visit, begun, ends, client_limit, tenant_limit)| {
                Operation::Begin(Begin { visit, begun, ends, client_limit, tenant_limit })
            }
        ),
        4 => (1..=VISITS, second(), option::weighted(0.8, approval))
            .prop_map(|(visit, now, approval)| Operation::Decide { visit, now, approval }),
        3 => (1..=VISITS, end()).prop_map(|(code, ends)| Operation::IssueCode { code, ends }),
        6 => (redeemed, end(), second(), limit(), option::weighted(0.4, access())).prop_map(
            |((code, family), ends, now, limit, access)| {
                Operation::Redeem(Redeem { code, family, ends, now, limit, access })
            }
        ),
    ]
}

fn limit() -> impl Strategy<Value = u32> {
    prop_oneof![2 => Just(u32::MAX), 1 => 0..3_u32]
}

fn families() -> impl Strategy<Value = Operation> {
    let uses = || (1..=FAMILIES, token(), second(), option::weighted(0.4, access()));
    prop_oneof![
        5 => start(),
        6 => uses().prop_map(|(family, token, now, access)| Operation::Rotate { family, token, now, access }),
        3 => (uses(), 0..3_u32).prop_map(|((family, token, now, access), limit)| {
            Operation::Retry { family, token, limit, now, access }
        }),
        2 => uses().prop_map(|(family, token, now, access)| Operation::Extend { family, token, now, access }),
    ]
}

fn start() -> impl Strategy<Value = Operation> {
    let claim = option::weighted(0.3, (Just(1_u8), end()));
    let about = (1..=FAMILIES, second(), end(), prop::bool::weighted(0.8), limit());
    (about, option::weighted(0.4, access()), claim).prop_map(
        |((family, issued, ends, refresh, limit), access, claim)| {
            Operation::Start(Start { family, issued, ends, refresh, limit, access, claim })
        },
    )
}

fn tokens() -> impl Strategy<Value = Operation> {
    prop_oneof![
        3 => (access(), holder(), second())
            .prop_map(|(access, holder, issued)| Operation::InsertToken { access, holder, issued }),
        2 => (1..=ACCESS_TOKENS).prop_map(|access| Operation::RevokeOpaque { access }),
        1 => (1..=JWTS).prop_map(|jwt| Operation::RevokeJwt { jwt }),
    ]
}

fn revocations() -> impl Strategy<Value = Operation> {
    prop_oneof![
        (1..=FAMILIES, select(&RevokedWhy::ALL[..]), second()).prop_map(|(family, why, at)| Operation::RevokeFamily {
            family,
            why,
            at
        }),
        (whose(), second()).prop_map(|(whose, at)| Operation::CutOff { whose, at }),
    ]
}

fn counters() -> impl Strategy<Value = Operation> {
    prop_oneof![
        3 => (1..=ACCOUNTS, second(), select(vec![5_u8, 10]))
            .prop_map(|(account, now, window)| Operation::AddStrike { account, now, window }),
        1 => (1..=ACCOUNTS).prop_map(|account| Operation::ClearStrikes { account }),
        1 => second().prop_map(|at| Operation::RaiseMark { at }),
    ]
}

fn purge() -> impl Strategy<Value = Operation> {
    (end(), 1..5_u32).prop_map(|(before, batch)| Operation::Purge { before, batch })
}

fn clients() -> impl Strategy<Value = Operation> {
    prop_oneof![
        2 => (1..=REGISTERED, 1..3_u8).prop_map(|(client, version)| Operation::Register { client, version }),
        2 => (1..=REGISTERED, 1..3_u8).prop_map(|(client, expected)| Operation::Update { client, expected }),
        1 => (1..=REGISTERED).prop_map(|client| Operation::Deregister { client }),
        1 => (0..=REGISTERED, 1..3_u32).prop_map(|(after, limit)| Operation::Page { after, limit }),
    ]
}

fn users() -> impl Strategy<Value = Operation> {
    (0..=SUBJECTS, 0..3_u8, 0..3_u8).prop_map(|(user, old, new)| Operation::Rehash { user, old, new })
}

fn keys() -> impl Strategy<Value = Operation> {
    // A key signs after its predecessor most of the time.
    let states = prop_oneof![
        2 => Just((KeyState::Active, KeyState::Retired)),
        2 => Just((KeyState::Announced, KeyState::Active)),
        1 => (key_state(), key_state()),
    ];
    let step = (1..=KEYS, states).prop_map(|(key, (expected, next))| Step { key, expected, next });
    prop_oneof![
        (1..=KEYS, key_state()).prop_map(|(key, state)| Operation::InsertKey { key, state }),
        vec(step, 1..3).prop_map(Operation::Transition),
    ]
}

/// Everything that can be read back.
pub(crate) fn reads() -> Vec<Operation> {
    let mut reads = Vec::new();
    for visit in 1..=VISITS {
        reads.push(Operation::FindRequest { visit, user: None });
        reads.push(Operation::FindRequest { visit, user: Some(visit % SUBJECTS) });
        reads.extend([Operation::FindCode { code: visit }, Operation::FindConsent { code: visit }]);
    }
    for user in 0..SUBJECTS {
        for now in [5, 20] {
            reads.push(Operation::ListGrants { user, now, after: None, limit: 9 });
        }
        reads.push(Operation::ListGrants { user, now: 10, after: None, limit: 1 });
        reads.push(Operation::ListGrants { user, now: 10, after: Some(0), limit: 9 });
    }
    for family in 1..=FAMILIES {
        reads.push(Operation::FindFamily { family });
        reads.push(Operation::FindByHandle { family });
        reads.push(Operation::Standing { jwt: JWTS + 1, holder: Holder::Family(family), issued: END });
    }
    reads.extend((1..=ACCESS_TOKENS).map(|access| Operation::FindToken { access }));
    for jwt in 1..=JWTS {
        reads.push(Operation::Standing { jwt, holder: Holder::Client(0), issued: END });
    }
    for subject in 0..SUBJECTS {
        for issued in [2, 3, 10] {
            reads.push(Operation::Standing { jwt: JWTS + 1, holder: Holder::User(subject, subject), issued });
        }
        reads.extend([Operation::FindUser { user: subject }, Operation::Login { user: subject }]);
    }
    reads.extend((1..=REGISTERED).map(|client| Operation::FindClient { client }));
    reads.extend([Operation::Page { after: 0, limit: 9 }, Operation::LoadKeys, Operation::ReadMark]);
    reads
}
