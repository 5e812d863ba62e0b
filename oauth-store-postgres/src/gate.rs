//! Who may begin work, and waiting for the end of what began.

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;

/// Lets work in until it is closed.
#[derive(Debug)]
pub(crate) struct Gate {
    /// `None` once closed.
    entrance: Mutex<Option<Pass>>,
    /// Ends when every pass is given back. Nothing is ever sent.
    passes: tokio::sync::Mutex<mpsc::Receiver<Infallible>>,
}

/// Held while work is under way.
pub(crate) type Pass = mpsc::Sender<Infallible>;

impl Gate {
    pub(crate) fn new() -> Self {
        let (pass, passes) = mpsc::channel(1);
        Self { entrance: Mutex::new(Some(pass)), passes: tokio::sync::Mutex::new(passes) }
    }

    /// `None` once closed.
    pub(crate) fn enter(&self) -> Option<Pass> {
        self.entrance.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets nobody in any more and waits for those who are inside. Repeating it is harmless.
    pub(crate) async fn close(&self) {
        drop(self.entrance.lock().unwrap_or_else(PoisonError::into_inner).take());
        let _ = self.passes.lock().await.recv().await;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn closing_waits_for_those_inside_and_lets_nobody_in() {
        let gate = Gate::new();
        let (one, other) = (gate.enter(), gate.enter());
        let mut context = Context::from_waker(Waker::noop());
        let mut closing = pin!(gate.close());
        assert!(closing.as_mut().poll(&mut context).is_pending());
        assert!(gate.enter().is_none());
        drop(one);
        assert!(closing.as_mut().poll(&mut context).is_pending());
        drop(other);
        assert!(closing.as_mut().poll(&mut context).is_ready());
        assert!(pin!(gate.close()).poll(&mut context).is_ready());
    }
}
