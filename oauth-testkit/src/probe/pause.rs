//! Holding a call until the test lets it go on; works on any executor.

use std::future;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

/// A call that will be held. Dropping this lets it go on, so that a test that fails does not hang.
#[derive(Debug)]
pub struct Pause(Gate);

impl Pause {
    pub(super) const fn new(gate: Gate) -> Self {
        Self(gate)
    }

    /// Waits until the call has arrived.
    pub async fn reached(&self) {
        self.0.reached.wait().await;
    }

    /// Whether the call has arrived.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.0.reached.is_raised()
    }

    /// Lets the call go on, also when it has not arrived yet.
    pub fn release(self) {}
}

impl Drop for Pause {
    fn drop(&mut self) {
        self.0.released.raise();
    }
}

/// The two signals between a held call and its test.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate {
    reached: Signal,
    released: Signal,
}

impl Gate {
    /// Says that the call has arrived and waits for its release.
    pub(super) async fn pass(&self) {
        self.reached.raise();
        self.released.wait().await;
    }
}

/// Raised once, seen by all who wait.
#[derive(Debug, Clone, Default)]
struct Signal(Arc<Mutex<(bool, Vec<Waker>)>>);

impl Signal {
    fn raise(&self) {
        let wakers = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.0 = true;
            std::mem::take(&mut state.1)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    fn is_raised(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    async fn wait(&self) {
        future::poll_fn(|context| {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.0 {
                return Poll::Ready(());
            }
            if !state.1.iter().any(|waker| waker.will_wake(context.waker())) {
                state.1.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}
