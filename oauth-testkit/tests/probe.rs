//! The probe lists calls, fails them, loses their answers and holds them.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use oauth_core::store::{Cutoff, CutoffKey, GrantStore, Standing, StandingQuery, StoreErrorKind};
use oauth_core::types::{ClientId, Tenant, Timestamp};
use oauth_store_memory::MemoryStore;
use oauth_testkit::{Fixture, Method, Probe, Times, block_on};

type Probed = Probe<MemoryStore>;

fn probe() -> Probed {
    Probe::new(MemoryStore::new())
}

fn cutoff() -> Cutoff {
    Cutoff { key: CutoffKey::Everything, at: Timestamp::from_seconds(9) }
}

fn standing<S: GrantStore>(store: &S) -> Result<Standing, StoreErrorKind> {
    let client = ClientId::parse("app").unwrap();
    let issued_at = Timestamp::from_seconds(9);
    let query = StandingQuery { id: None, family: None, client: Some(client), subject: None, issued_at };
    block_on(store.standing(&query)).map_err(|error| error.kind())
}

#[test]
fn calls_are_listed_in_order_and_forgotten() {
    let probe = probe();
    assert_eq!(standing(&probe), Ok(Standing::Live));
    block_on(probe.cut_off(cutoff())).unwrap();
    assert_eq!(standing(&probe), Ok(Standing::Revoked));
    assert_eq!(probe.calls(), [Method::Standing, Method::CutOff, Method::Standing]);
    assert_eq!((probe.count(Method::Standing), probe.count(Method::Close)), (2, 0));
    probe.forget();
    assert_eq!(probe.calls(), []);
}

#[test]
fn orders_to_fail_meet_the_calls_they_name() {
    let probe = probe();
    probe.fail(Method::Standing, StoreErrorKind::Conflict, Times::Nth(2));
    probe.fail_at(5, StoreErrorKind::Corrupt);
    let answers: Vec<_> = (0..6)
        .map(|n| {
            if n == 1 {
                block_on(probe.cut_off(cutoff())).map(|()| Standing::Live).map_err(|e| e.kind())
            } else {
                standing(&probe)
            }
        })
        .collect();
    let revoked = Ok(Standing::Revoked);
    assert_eq!(
        answers,
        [
            Ok(Standing::Live),
            Ok(Standing::Live),
            Err(StoreErrorKind::Conflict),
            revoked,
            Err(StoreErrorKind::Corrupt),
            revoked
        ]
    );
    probe.fail(Method::Standing, StoreErrorKind::Unavailable, Times::Always);
    assert_eq!([(); 3].map(|()| standing(&probe)), [Err(StoreErrorKind::Unavailable); 3]);
    probe.forget();
    assert_eq!(standing(&probe), revoked);
}

#[test]
fn a_call_that_fails_does_not_reach_the_store_and_one_whose_answer_is_lost_does() {
    let probe = probe();
    probe.fail(Method::CutOff, StoreErrorKind::Unavailable, Times::Nth(1));
    assert!(block_on(probe.cut_off(cutoff())).is_err());
    assert_eq!(standing(probe.inner()), Ok(Standing::Live));
    probe.lose_answer_at(2);
    assert_eq!(block_on(probe.cut_off(cutoff())).unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert_eq!(standing(probe.inner()), Ok(Standing::Revoked));
    probe.lose_answer(Method::Standing, Times::Always);
    assert_eq!(standing(&probe), Err(StoreErrorKind::Unavailable));
}

#[test]
fn a_held_call_waits_for_its_release() {
    for after in [false, true] {
        let probe = Arc::new(probe());
        let pause = if after { probe.pause_after(1) } else { probe.pause_at(1) };
        assert!(!pause.is_reached());
        let caller = thread::spawn({
            let probe = Arc::clone(&probe);
            move || block_on(probe.cut_off(cutoff()))
        });
        block_on(pause.reached());
        let expected = if after { Standing::Revoked } else { Standing::Live };
        assert_eq!(standing(probe.inner()), Ok(expected));
        assert!(!caller.is_finished());
        pause.release();
        caller.join().unwrap().unwrap();
        assert_eq!(standing(probe.inner()), Ok(Standing::Revoked));
    }
}

#[test]
fn a_caller_that_is_dropped_while_held_leaves_what_had_happened() {
    for (after, left) in [(false, Standing::Live), (true, Standing::Revoked)] {
        let probe = probe();
        let pause = if after { probe.pause_after(1) } else { probe.pause_at(1) };
        {
            let mut call = pin!(probe.cut_off(cutoff()));
            assert_eq!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).map(|_| ()), Poll::Pending);
        }
        assert!(pause.is_reached());
        pause.release();
        assert_eq!(standing(&probe), Ok(left));
    }
}

fn probed() -> Fixture {
    let store = MemoryStore::new();
    let other = store.for_tenant(Tenant::parse("other").unwrap());
    Fixture::new(Arc::new(Probe::new(store)), Arc::new(Probe::new(other)), |probe: &Probed, user, logins| {
        let _ = probe.inner().insert_user(user, logins.iter().copied()).unwrap();
    })
}

/// Without orders the probe is the store that stands behind it.
mod contract {
    use super::probed;
    oauth_testkit::store_contract!(probed);
}
