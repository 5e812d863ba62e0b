//! Counts the requests that are being answered, so that a shutdown can wait for them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use futures_channel::oneshot;

/// The requests in flight, and who waits for their end.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    count: AtomicUsize,
    closing: AtomicBool,
    waiting: Mutex<Vec<oneshot::Sender<()>>>,
}

/// One request in flight.
pub(crate) struct Busy<'a>(&'a InFlight);

impl InFlight {
    /// Counts a request; `None` when the server is closing.
    pub(crate) fn enter(&self) -> Option<Busy<'_>> {
        self.count.fetch_add(1, Ordering::SeqCst);
        let busy = Busy(self);
        // counted first, so that `close` either sees the count or this sees the flag
        (!self.closing.load(Ordering::SeqCst)).then_some(busy)
    }

    /// Lets nobody in any more and waits until everybody is out.
    pub(crate) async fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        let out = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if self.count.load(Ordering::SeqCst) == 0 {
                return;
            }
            let (sender, receiver) = oneshot::channel();
            waiting.push(sender);
            receiver
        };
        let _everybody_is_out = out.await;
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::SeqCst) == 1 && self.0.closing.load(Ordering::SeqCst) {
            self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}
