//! A clock that stands still until it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use oauth_core::time::Clock;
use oauth_core::types::Timestamp;

/// Tells the time that the test set. Clones show the same time.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Starts at this time.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.millis())))
    }

    /// Goes forward by a span, in whole milliseconds; the end of time is not passed.
    pub fn advance(&self, span: Duration) {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| Some(now.saturating_add(millis)));
    }

    /// Goes forward to this time.
    ///
    /// # Panics
    /// When that lies in the past: a test that wants this says [`Self::turn_back`].
    pub fn set(&self, now: Timestamp) {
        let before = self.0.fetch_max(now.millis(), Ordering::SeqCst);
        assert!(before <= now.millis(), "the clock shows {before} and does not go back to {}", now.millis());
    }

    /// Goes to this time, also back: what a clock does that an operator corrects.
    pub fn turn_back(&self, now: Timestamp) {
        self.0.store(now.millis(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_forward_and_back_only_when_told() {
        let clock = ManualClock::at(Timestamp::from_seconds(1));
        let same = clock.clone();
        clock.advance(Duration::from_millis(5));
        assert_eq!(same.now().millis(), 1005);
        same.set(Timestamp::from_millis(1005));
        same.set(Timestamp::from_millis(2000));
        assert_eq!(clock.now().millis(), 2000);
        clock.turn_back(Timestamp::from_millis(7));
        assert_eq!(clock.now().millis(), 7);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
    }

    #[test]
    #[should_panic(expected = "does not go back")]
    fn refuses_to_be_set_into_the_past() {
        ManualClock::at(Timestamp::from_seconds(1)).set(Timestamp::from_millis(999));
    }
}
