//! Authorization requests: kept while they wait, decided once.

use oauth_core::store::{
    AuthorizationRequestRecord, BeginOutcome, BeginRequest, CodeRecord, CutoffKey, DecideOutcome, DecideRequest,
    FoundCode, FoundRequest, RequestDecision, RequestState, Standing,
};
use oauth_core::types::{Timestamp, TokenDigest};

use super::purge::{next, purge_all};
use super::{RACERS, done, for_all, fresh, hostile_ids, one_winner, race, unavailable};
use crate::samples::{
    BEGIN, CODE_END, REQUEST_END, after, approve, begin, client_id, code, code_digest, consent, cutoff, deny, request,
    request_handle, signed_in, subject,
};
use crate::{Fixture, TenantStore, strategies};

fn find(store: &TenantStore, handle: &TokenDigest) -> Option<FoundRequest> {
    done(store.grants.find_request(handle, None))
}

/// The stored request with this number.
fn stored(store: &TenantStore, number: u64) -> AuthorizationRequestRecord {
    find(store, &request_handle(number)).expect("the request is stored").request
}

pub(super) fn begins(store: &TenantStore, request: AuthorizationRequestRecord) {
    assert_eq!(done(store.grants.begin_request(begin(request))), BeginOutcome::Begun);
}

pub(super) fn decide(store: &TenantStore, decision: DecideRequest) -> DecideOutcome {
    done(store.grants.decide_request(decision))
}

fn code_of(store: &TenantStore, number: u64) -> Option<CodeRecord> {
    done(store.grants.find_code(&code_digest(number))).map(|found| found.code)
}

/// What was begun is found, member by member; so is what a decision made of it, and nothing else changes.
pub fn a_request_comes_back_as_it_was_given(f: &Fixture) {
    let decision = (proptest::bool::ANY, strategies::code(), proptest::option::of(strategies::authentication()));
    for_all((strategies::request(), decision), |(request, (approves, code, auth))| {
        let number = fresh();
        let expires_at = Timestamp::from_millis(request.expires_at.millis().max(i64::MIN + 1));
        let request = AuthorizationRequestRecord { handle: request_handle(number), expires_at, ..request };
        begins(&f.store, request.clone());
        let live = |request| Some(FoundRequest { request, standing: Standing::Live, consent: None });
        assert_eq!(find(&f.store, &request.handle), live(request.clone()));
        let code = CodeRecord { digest: code_digest(number), client: request.client.clone(), ..code };
        let (decision, state) = if approves {
            (RequestDecision::Approved { code: Box::new(code.clone()), consent: None }, RequestState::Approved)
        } else {
            (RequestDecision::Denied, RequestState::Denied)
        };
        let now = Timestamp::from_millis(request.expires_at.millis() - 1);
        let (handle, subject) = (request.handle, code.subject.clone());
        let decision = DecideRequest { handle, subject: subject.clone(), auth: auth.clone(), now, decision };
        assert_eq!(decide(&f.store, decision), DecideOutcome::Decided);
        let decided = AuthorizationRequestRecord { state, subject: Some(subject), auth, ..request };
        assert_eq!(find(&f.store, &handle), live(decided));
        let expected = approves.then_some(FoundCode { code, standing: Standing::Live });
        assert_eq!(done(f.store.grants.find_code(&code_digest(number))), expected);
    });
}

/// A handle that is taken is an error, and the stored row stays as it was; no handle is found by another.
pub fn a_request_is_found_by_its_handle_only(f: &Fixture) {
    assert_eq!(find(&f.store, &request_handle(1)), None);
    begins(&f.store, request(1));
    let thief = AuthorizationRequestRecord { client: client_id("thief"), ..request(1) };
    unavailable(f.store.grants.begin_request(begin(thief)));
    assert_eq!(stored(&f.store, 1), request(1));
    for byte in 0..32 {
        let mut near = *request_handle(1).as_bytes();
        near[byte] ^= 0x20;
        let near = TokenDigest::from_bytes(near);
        assert_eq!(find(&f.store, &near), None, "{byte}");
        let decision = DecideRequest { handle: near, ..deny(1, BEGIN) };
        assert_eq!(decide(&f.store, decision), DecideOutcome::NotLive, "{byte}");
    }
    assert_eq!(stored(&f.store, 1), request(1));
}

/// The first decision stays; whatever a later one says, nothing of it is stored.
pub fn a_request_is_decided_once(f: &Fixture) {
    for (number, approves) in [(1, true), (2, false)] {
        begins(&f.store, request(number));
        let first = if approves { approve(number, code(number), Some(consent())) } else { deny(number, BEGIN) };
        assert_eq!(decide(&f.store, first), DecideOutcome::Decided);
        let decided = stored(&f.store, number);
        let state = if approves { RequestState::Approved } else { RequestState::Denied };
        assert_eq!((decided.state, &decided.subject), (state, &Some(subject("alice"))));
        let mallory = subject("mallory");
        let key = oauth_core::store::ConsentKey { subject: mallory.clone(), ..consent().key };
        let others = oauth_core::store::ConsentRecord { key: key.clone(), ..consent() };
        let late = CodeRecord { subject: mallory.clone(), issued_at: after(5), ..code(10 * number) };
        for again in [
            approve(number, late, Some(others)),
            DecideRequest { subject: mallory, auth: None, ..deny(number, after(5)) },
            deny(number, BEGIN),
        ] {
            assert_eq!(decide(&f.store, again), DecideOutcome::AlreadyDecided);
            assert_eq!(stored(&f.store, number), decided);
        }
        assert_eq!(code_of(&f.store, 10 * number), None, "the code of a later approval");
        assert_eq!(done(f.store.grants.find_consent(&key)), None, "the consent of a later approval");
        assert_eq!(code_of(&f.store, number), approves.then(|| code(number)));
    }
    begins(&f.store, request(3));
    assert_eq!(decide(&f.store, deny(3, BEGIN)), DecideOutcome::Decided, "others can still be decided");
}

/// Of many who decide one request at once one does, and only that one's code and consent are stored.
pub fn of_many_decisions_of_one_request_one_wins(f: &Fixture) {
    begins(&f.store, request(1));
    let user = |racer: usize| subject(&format!("user-{racer}"));
    let remembered = |racer: usize| {
        let mut consent = consent();
        consent.key.subject = user(racer);
        consent
    };
    let answers = race(RACERS, |racer| {
        let now = after(racer as i64);
        let own = CodeRecord { subject: user(racer), issued_at: now, ..code(racer as u64) };
        let decision = if racer % 4 == 0 {
            DecideRequest { subject: user(racer), ..deny(1, now) }
        } else {
            approve(1, own, Some(remembered(racer)))
        };
        decide(&f.store, decision)
    });
    let winner = one_winner(&answers, &DecideOutcome::Decided, &DecideOutcome::AlreadyDecided);
    let (approves, decided) = (winner % 4 != 0, stored(&f.store, 1));
    assert_eq!(decided.state == RequestState::Approved, approves);
    assert_eq!(decided.subject, Some(user(winner)));
    for racer in 0..RACERS {
        let wins = racer == winner && approves;
        assert_eq!(code_of(&f.store, racer as u64).is_some(), wins, "the code of racer {racer}, not {winner}");
        let consent = done(f.store.grants.find_consent(&remembered(racer).key));
        assert_eq!(consent.is_some(), wins, "the consent of racer {racer}, not {winner}");
    }
}

/// A decision needs a request that is known, before its end and covered by no cutoff of its client or the tenant; an
/// approval also a code that none covers. What is refused changes nothing.
pub fn a_decision_needs_a_live_request(f: &Fixture) {
    assert_eq!(decide(&f.store, deny(1, BEGIN)), DecideOutcome::NotLive, "it is not known");
    let approves = |number, now| DecideRequest { now, ..approve(number, code(number), Some(consent())) };
    let is_refused = |decision: DecideRequest, number: u64, why: &str| {
        let before = stored(&f.store, number);
        assert_eq!(decide(&f.store, decision), DecideOutcome::NotLive, "{why}");
        assert_eq!(stored(&f.store, number), before, "{why}");
        assert_eq!(code_of(&f.store, number), None, "{why}");
        assert_eq!(done(f.store.grants.find_consent(&consent().key)), None, "{why}");
    };
    begins(&f.store, request(1));
    for now in [REQUEST_END, next(REQUEST_END), Timestamp::MAX] {
        is_refused(approves(1, now), 1, "it expired");
        is_refused(deny(1, now), 1, "it expired");
    }
    let last = Timestamp::from_millis(REQUEST_END.millis() - 1);
    assert_eq!(decide(&f.store, deny(1, last)), DecideOutcome::Decided, "its last moment");

    let of = |number, client: &str, begun_at| AuthorizationRequestRecord {
        client: client_id(client),
        begun_at,
        ..request(number)
    };
    begins(&f.store, of(2, "app", after(10)));
    begins(&f.store, of(3, "app", after(11)));
    begins(&f.store, of(4, "alice", after(10)));
    // Cutoffs of whoever decides cover the code, not the request.
    done(f.store.grants.cut_off(cutoff(CutoffKey::Subject(subject("alice")), after(9))));
    let grant = CutoffKey::Grant { subject: subject("alice"), client: client_id("app") };
    done(f.store.grants.cut_off(cutoff(grant, after(20))));
    is_refused(DecideRequest { now: after(15), ..approves(3, BEGIN) }, 3, "a cutoff covers the code");
    let later = CodeRecord { issued_at: after(21), ..code(3) };
    done(f.store.grants.cut_off(cutoff(CutoffKey::Client(client_id("app")), after(10))));
    is_refused(approves(2, after(10)), 2, "a cutoff of its client");
    is_refused(deny(2, after(30)), 2, "a cutoff of its client, for a refusal");
    assert_eq!(decide(&f.store, approve(3, later, None)), DecideOutcome::Decided, "a millisecond after the cutoff");
    done(f.store.grants.cut_off(cutoff(CutoffKey::Everything, after(10))));
    is_refused(deny(4, after(30)), 4, "a cutoff of everything");
}

/// State, code and consent are one fact: when the code's digest is taken, nothing changes.
pub fn a_decision_happens_whole_or_not_at_all(f: &Fixture) {
    begins(&f.store, request(1));
    begins(&f.store, request(2));
    assert_eq!(decide(&f.store, approve(1, code(1), None)), DecideOutcome::Decided);
    let taken = CodeRecord { digest: code_digest(1), ..code(2) };
    unavailable(f.store.grants.decide_request(approve(2, taken, Some(consent()))));
    assert_eq!(stored(&f.store, 2), request(2));
    assert_eq!(done(f.store.grants.find_consent(&consent().key)), None);
    assert_eq!(code_of(&f.store, 1), Some(code(1)));
    assert_eq!(decide(&f.store, approve(2, code(2), Some(consent()))), DecideOutcome::Decided);
    assert_eq!(code_of(&f.store, 2), Some(code(2)));
    assert_eq!(done(f.store.grants.find_consent(&consent().key)), Some(consent()));
    let decided = stored(&f.store, 2);
    assert_eq!((decided.state, decided.auth), (RequestState::Approved, Some(signed_in())));
}

/// The standing of a request shows a cutoff of its client and of everything, and no other.
pub fn a_cutoff_shows_in_the_standing_of_a_request(f: &Fixture) {
    let of = |number, client: &str, begun_at| AuthorizationRequestRecord {
        client: client_id(client),
        begun_at,
        ..request(number)
    };
    let requests =
        [of(1, "app", after(10)), of(2, "app", after(11)), of(3, "alice", after(10)), of(4, "alice", after(11))];
    for request in &requests {
        begins(&f.store, request.clone());
    }
    let grant = CutoffKey::Grant { subject: subject("alice"), client: client_id("alice") };
    for (key, dead) in [
        (CutoffKey::Subject(subject("alice")), vec![]),
        (grant, vec![]),
        (CutoffKey::Client(client_id("app")), vec![1]),
        (CutoffKey::Everything, vec![1, 3]),
    ] {
        done(f.store.grants.cut_off(cutoff(key.clone(), after(10))));
        for (number, request) in (1..).zip(&requests) {
            let standing = if dead.contains(&number) { Standing::Revoked } else { Standing::Live };
            let found = done(f.store.grants.find_request(&request.handle, Some(&subject("alice"))));
            let expected = FoundRequest { request: request.clone(), standing, consent: None };
            assert_eq!(found, Some(expected), "after {key:?}");
        }
    }
}

/// The limits count requests that are open and have not expired, of the client and of the tenant; what they refuse is
/// not stored.
pub fn the_limits_count_open_requests_only(f: &Fixture) {
    let of = |number, client: &str, ends: Timestamp| AuthorizationRequestRecord {
        client: client_id(client),
        expires_at: ends,
        ..request(number)
    };
    let limited = |request, client_limit, tenant_limit| {
        done(f.store.grants.begin_request(BeginRequest { request, client_limit, tenant_limit }))
    };
    let is_refused = |number, client: &str, client_limit, tenant_limit| {
        let outcome = limited(of(number, client, REQUEST_END), client_limit, tenant_limit);
        assert_eq!(outcome, BeginOutcome::TooMany, "{client}, {client_limit}, {tenant_limit}");
        assert_eq!(find(&f.store, &request_handle(number)), None);
    };
    let all = u32::MAX;
    is_refused(9, "app", 0, all);
    is_refused(9, "app", all, 0);
    assert_eq!(limited(of(1, "app", REQUEST_END), 1, 1), BeginOutcome::Begun);
    is_refused(9, "app", 1, all);
    is_refused(9, "web", all, 1);
    let pushed = AuthorizationRequestRecord { state: RequestState::Pushed, ..of(2, "app", REQUEST_END) };
    assert_eq!(limited(pushed, 2, 2), BeginOutcome::Begun, "one more than there are");
    is_refused(9, "app", 2, all);
    assert_eq!(limited(of(3, "web", REQUEST_END), 1, 3), BeginOutcome::Begun, "of another client");
    is_refused(9, "other", all, 3);
    // Another tenant's do not count.
    assert_eq!(
        done(f.other.grants.begin_request(BeginRequest { client_limit: 1, tenant_limit: 1, ..begin(request(1)) })),
        BeginOutcome::Begun
    );
    // A decision of either kind makes room.
    assert_eq!(decide(&f.store, deny(1, BEGIN)), DecideOutcome::Decided);
    assert_eq!(decide(&f.store, approve(2, code(2), None)), DecideOutcome::Decided);
    assert_eq!(limited(of(4, "app", CODE_END), 1, 2), BeginOutcome::Begun);
    is_refused(9, "app", 1, all);
    is_refused(9, "other", all, 2);
    // So does the end of one, whether or not it was purged.
    let at = |number, begun_at| AuthorizationRequestRecord { begun_at, ..of(number, "app", REQUEST_END) };
    let before = at(9, Timestamp::from_millis(CODE_END.millis() - 1));
    assert_eq!(limited(before, 1, all), BeginOutcome::TooMany, "before its end");
    assert_eq!(limited(at(5, CODE_END), 1, 2), BeginOutcome::Begun, "at its end");
    assert_eq!(purge_all(&f.store, next(CODE_END), 9), 2, "request 4 and code 2");
    assert_eq!(limited(at(9, CODE_END), 1, all), BeginOutcome::TooMany);
    // A clock that steps back finds what is open then.
    assert_eq!(limited(at(9, BEGIN), 1, all), BeginOutcome::TooMany);
}

/// No client's requests count for another, whatever it is written with.
pub fn the_limits_of_clients_do_not_mix(f: &Fixture) {
    for round in [BeginOutcome::Begun, BeginOutcome::TooMany] {
        for id in hostile_ids() {
            let request = AuthorizationRequestRecord { client: client_id(&id), ..request(fresh()) };
            let begin = BeginRequest { client_limit: 1, ..begin(request) };
            assert_eq!(done(f.store.grants.begin_request(begin)), round, "{id:?}");
        }
    }
}
