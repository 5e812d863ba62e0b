//! A store that reports its calls, fails on demand and can be held.

mod pause;
mod wrapper;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use oauth_core::store::{StoreError, StoreErrorKind};

use self::pause::Gate;
pub use self::pause::Pause;

/// Stands before a store: passes every call on, and does what the test ordered.
///
/// Calls are numbered from 1 in the order in which they came, whatever their method; [`Self::forget`] begins again.
/// To try a process's death at every point of an operation, run it once, count its calls, and run it again for each
/// number with [`Self::pause_at`] and [`Self::pause_after`], dropping it there.
///
/// ```
/// use oauth_core::store::{ClientStore, StoreErrorKind};
/// use oauth_core::types::ClientId;
/// use oauth_store_memory::MemoryStore;
/// use oauth_testkit::{Method, Probe, Times, block_on};
///
/// let probe = Probe::new(MemoryStore::new());
/// probe.fail(Method::Find, StoreErrorKind::Unavailable, Times::Nth(2));
/// let id = ClientId::parse("app").unwrap();
/// assert!(block_on(probe.find(&id)).is_ok());
/// assert!(block_on(probe.find(&id)).is_err());
/// assert_eq!(probe.calls(), [Method::Find, Method::Find]);
/// ```
#[derive(Debug)]
pub struct Probe<S> {
    inner: S,
    state: Mutex<State>,
}

/// Every method of every store trait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is named after its method; the traits say what it does")]
pub enum Method {
    Find,
    Register,
    Update,
    Page,
    Deregister,
    FindByLogin,
    FindBySubject,
    Rehash,
    LoadKeys,
    InsertKey,
    TransitionKeys,
    BeginRequest,
    FindRequest,
    DecideRequest,
    IssueCode,
    FindCode,
    RedeemCode,
    FindConsent,
    ListGrants,
    StartFamily,
    FindFamily,
    FindByHandle,
    Rotate,
    Retry,
    Extend,
    RevokeFamily,
    InsertAccessToken,
    FindAccessToken,
    Standing,
    RevokeToken,
    CutOff,
    AddStrike,
    ClearStrikes,
    PurgeExpired,
    RaiseClockMark,
    Close,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Which calls of a method an order is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// Every one from now on.
    Always,
    /// One only: the n-th from now on, from 1.
    Nth(usize),
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<Method>,
    orders: Vec<Order>,
}

/// What is to happen, and to which call.
#[derive(Debug)]
struct Order {
    which: Which,
    what: What,
}

#[derive(Debug)]
enum Which {
    /// The call with this number.
    Number(usize),
    /// Every call of the method.
    Every(Method),
    /// The call of the method before which this many are let through.
    Skip(Method, usize),
}

#[derive(Debug, Clone)]
enum What {
    /// The store does not see the call.
    Fail(StoreErrorKind),
    /// The store does its work; the caller learns of an outage only.
    LoseAnswer,
    PauseBefore(Gate),
    PauseAfter(Gate),
}

impl<S> Probe<S> {
    /// Stands before this store, with no orders.
    pub fn new(inner: S) -> Self {
        Self { inner, state: Mutex::default() }
    }

    /// The store behind it, past the probe.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    /// The calls so far, in the order in which they came, failed ones included.
    pub fn calls(&self) -> Vec<Method> {
        self.state().calls.clone()
    }

    /// How many calls of this method came so far.
    pub fn count(&self, method: Method) -> usize {
        self.state().calls.iter().filter(|call| **call == method).count()
    }

    /// Forgets calls and orders. Calls that are held stay held.
    pub fn forget(&self) {
        *self.state() = State::default();
    }

    /// Makes calls of a method fail before they reach the store.
    pub fn fail(&self, method: Method, kind: StoreErrorKind, times: Times) {
        self.order(Which::of(method, times), What::Fail(kind));
    }

    /// Makes the call with this number fail before it reaches the store.
    pub fn fail_at(&self, number: usize, kind: StoreErrorKind) {
        self.order(Which::Number(number), What::Fail(kind));
    }

    /// Lets the store do its work and makes its callers see `Unavailable`: a commit whose outcome is unknown.
    pub fn lose_answer(&self, method: Method, times: Times) {
        self.order(Which::of(method, times), What::LoseAnswer);
    }

    /// The same for the call with this number.
    pub fn lose_answer_at(&self, number: usize) {
        self.order(Which::Number(number), What::LoseAnswer);
    }

    /// Holds the call with this number before it reaches the store. When its caller is dropped there, it never does.
    pub fn pause_at(&self, number: usize) -> Pause {
        let gate = Gate::default();
        self.order(Which::Number(number), What::PauseBefore(gate.clone()));
        Pause::new(gate)
    }

    /// Holds the call with this number after the store did its work, before the caller learns of it.
    pub fn pause_after(&self, number: usize) -> Pause {
        let gate = Gate::default();
        self.order(Which::Number(number), What::PauseAfter(gate.clone()));
        Pause::new(gate)
    }

    fn order(&self, which: Which, what: What) {
        self.state().orders.push(Order { which, what });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a call down and answers the orders for it; those for a single call are spent.
    fn enter(&self, method: Method) -> Vec<What> {
        let mut state = self.state();
        state.calls.push(method);
        let number = state.calls.len();
        let mut due = Vec::new();
        state.orders.retain_mut(|order| {
            let (is_due, stays) = order.which.meet(method, number);
            if is_due {
                due.push(order.what.clone());
            }
            stays
        });
        due
    }

    /// Passes a call on as ordered.
    async fn pass<T>(
        &self,
        method: Method,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let orders = self.enter(method);
        for order in &orders {
            match order {
                What::Fail(kind) => return Err(failure(*kind)),
                What::PauseBefore(gate) => gate.pass().await,
                What::LoseAnswer | What::PauseAfter(_) => {}
            }
        }
        let answer = call.await;
        for order in &orders {
            match order {
                What::LoseAnswer => return Err(StoreError::unavailable("the probe lost the answer")),
                What::PauseAfter(gate) => gate.pass().await,
                What::Fail(_) | What::PauseBefore(_) => {}
            }
        }
        answer
    }
}

impl Which {
    const fn of(method: Method, times: Times) -> Self {
        match times {
            Times::Always => Self::Every(method),
            Times::Nth(n) => Self::Skip(method, n.saturating_sub(1)),
        }
    }

    /// Whether the order is for this call, and whether it stays for later ones.
    fn meet(&mut self, method: Method, number: usize) -> (bool, bool) {
        match self {
            Self::Number(expected) => (*expected == number, *expected > number),
            Self::Every(expected) => (*expected == method, true),
            Self::Skip(expected, _) if *expected != method => (false, true),
            Self::Skip(_, 0) => (true, false),
            Self::Skip(_, left) => {
                *left -= 1;
                (false, true)
            }
        }
    }
}

fn failure(kind: StoreErrorKind) -> StoreError {
    let why = "the probe was told to fail";
    match kind {
        StoreErrorKind::Unavailable => StoreError::unavailable(why),
        StoreErrorKind::Conflict => StoreError::conflict(why),
        StoreErrorKind::Corrupt => StoreError::corrupt(why),
    }
}
