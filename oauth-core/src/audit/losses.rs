//! How many events a sink lost, and who is told.

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::types::Timestamp;

/// No more than one line of the log in so many milliseconds of the events' own time.
const SILENCE: u64 = 60_000;

/// Counts what a sink loses and writes it into the log, target `oauth`, once a minute at most. For every
/// [`AuditSink`](super::AuditSink) that can lose something.
#[derive(Debug)]
pub struct Losses {
    sink: &'static str,
    total: AtomicU64,
    told: Mutex<Told>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Told {
    events: u64,
    at: Option<Timestamp>,
}

impl Losses {
    /// None so far; the log names the sink.
    #[must_use]
    pub const fn of(sink: &'static str) -> Self {
        Self { sink, total: AtomicU64::new(0), told: Mutex::new(Told { events: 0, at: None }) }
    }

    /// How many events were lost so far.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// Counts lost events; `at` is the time of the last of them.
    pub fn count(&self, events: u64, why: &dyn Display, at: Timestamp) {
        self.total.fetch_add(events, Ordering::Relaxed);
        if let Some(untold) = self.due(at) {
            self.tell(untold, why);
        }
    }

    /// Tells what was counted and not told yet, when the minute is over: for a sink to call now and then while all goes
    /// well.
    pub fn remind(&self, at: Timestamp) {
        if let Some(untold) = self.due(at) {
            self.tell(untold, &"told late");
        }
    }

    /// Tells what was counted and not told yet: for a sink that ends.
    pub fn finish(&self) {
        if let Some(untold) = self.take(None) {
            self.tell(untold, &"told at the end");
        }
    }

    fn tell(&self, lost: u64, why: &dyn Display) {
        let (sink, total) = (self.sink, self.total());
        tracing::error!(target: "oauth", sink, lost, total, %why, "audit events were lost");
    }

    fn due(&self, at: Timestamp) -> Option<u64> {
        self.take(Some(at))
    }

    /// What is to be told now. A clock that was set back silences nothing.
    fn take(&self, at: Option<Timestamp>) -> Option<u64> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let untold = self.total().saturating_sub(told.events);
        let silent = |now: Timestamp, last: Timestamp| now.millis().abs_diff(last.millis()) < SILENCE;
        if untold == 0 || at.zip(told.at).is_some_and(|(now, last)| silent(now, last)) {
            return None;
        }
        *told = Told { events: told.events + untold, at: at.or(told.at) };
        Some(untold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    impl Losses {
        /// Counts, and answers how many the log is told of.
        fn lose(&self, events: u64, seconds: i64) -> Option<u64> {
            self.total.fetch_add(events, Ordering::Relaxed);
            self.due(at(seconds))
        }
    }

    #[test]
    fn the_log_hears_once_a_minute_and_of_every_loss() {
        let losses = Losses::of("test");
        assert_eq!(losses.due(at(0)), None, "nothing was lost");
        assert_eq!(losses.lose(2, 0), Some(2));
        assert_eq!((losses.lose(3, 0), losses.lose(4, 59)), (None, None));
        assert_eq!(losses.due(at(60)), Some(7), "also when nothing more is lost");
        assert_eq!(losses.due(at(600)), None, "once");
        assert_eq!(losses.lose(1, 119), None);
        assert_eq!(losses.take(None), Some(1), "the end waits for no minute");
        assert_eq!((losses.take(None), losses.total()), (None, 10));
    }

    #[test]
    fn a_clock_that_steps_silences_nothing_for_longer() {
        let losses = Losses::of("test");
        assert_eq!(losses.lose(1, 1_000_000), Some(1));
        assert_eq!(losses.lose(1, 0), Some(1));
        assert_eq!(losses.lose(1, i64::MAX), Some(1));
        assert_eq!(losses.lose(1, i64::MIN), Some(1));
    }
}
