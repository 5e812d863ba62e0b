//! The server's clock: the host's clock, kept from going back.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::time::Clock;
use crate::types::{Lifetime, Timestamp};

/// A step ahead between two rounds that is not believed at once.
const JUMP: Lifetime = Lifetime::of_seconds(24 * 3600);
/// How long a clock must run on after a jump until it is believed.
const PROBATION: Lifetime = Lifetime::of_seconds(3600);

/// Never tells an earlier time than it told before in this process, so that what was expired stays expired.
///
/// Across restarts the stored high-water mark does the same for what is judged, without stopping the clock: what was
/// issued before this process began (or later than now, by the clock that left the mark) is judged at the mark if that is
/// later, what was issued since by the clock alone.
#[derive(Debug)]
pub(crate) struct ServerClock {
    host: Arc<dyn Clock>,
    highest: AtomicI64,
    started_at: Timestamp,
    mark: Timestamp,
    rounds: Mutex<Rounds>,
}

#[derive(Debug)]
struct Rounds {
    believed: Timestamp,
    jumped_at: Option<Timestamp>,
}

/// What a round of maintenance may do with the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Round {
    /// It can be believed: write it down, act on it.
    Believed(Timestamp),
    /// It has jumped since the time given; nothing may be written or destroyed by it. `first` in the round that saw it.
    Jumped { from: Timestamp, first: bool },
}

impl ServerClock {
    /// Starts at the host's time, with the mark that an earlier process or another node left.
    pub(crate) fn starting_at(mark: Timestamp, host: Arc<dyn Clock>) -> Self {
        let now = host.now();
        Self {
            host,
            highest: AtomicI64::new(now.millis()),
            started_at: now,
            mark,
            rounds: Mutex::new(Rounds { believed: now, jumped_at: None }),
        }
    }

    /// The mark, when the clock stood well behind it at the start.
    pub(crate) fn behind(&self) -> Option<Timestamp> {
        (self.mark > self.started_at.plus(Lifetime::of_seconds(300))).then_some(self.mark)
    }

    /// The time at which something issued at `issued_at` is judged expired or not.
    pub(crate) fn judging(&self, now: Timestamp, issued_at: Timestamp) -> Timestamp {
        let is_ours = self.started_at < issued_at && issued_at <= now;
        if is_ours { now } else { now.max(self.mark) }
    }

    /// Lets no later reading be at or before `at`: after a cutoff, so that nothing new is dead at birth.
    pub(crate) fn pass(&self, at: Timestamp) {
        self.highest.fetch_max(at.millis().saturating_add(1), Ordering::AcqRel);
    }

    /// One round of maintenance.
    pub(crate) fn round(&self) -> Round {
        let now = self.now();
        let mut rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        let steady = rounds.jumped_at.is_some_and(|at| now >= at.plus(PROBATION));
        if now <= rounds.believed.plus(JUMP) || steady {
            *rounds = Rounds { believed: now, jumped_at: None };
            return Round::Believed(now);
        }
        let first = rounds.jumped_at.is_none();
        rounds.jumped_at.get_or_insert(now);
        Round::Jumped { from: rounds.believed, first }
    }
}

impl Clock for ServerClock {
    fn now(&self) -> Timestamp {
        let host = self.host.now().millis();
        Timestamp::from_millis(self.highest.fetch_max(host, Ordering::AcqRel).max(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Hand(Mutex<i64>);

    impl Hand {
        fn set(&self, seconds: i64) {
            *self.0.lock().unwrap() = seconds;
        }
    }

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::from_seconds(*self.0.lock().unwrap())
        }
    }

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn never_goes_back_in_a_process() {
        let hand = Arc::new(Hand::default());
        let clock = ServerClock::starting_at(at(0), Arc::clone(&hand) as _);
        for (host, told) in [(2_000, 2_000), (1_500, 2_000), (2_001, 2_001)] {
            hand.set(host);
            assert_eq!(clock.now(), at(told));
        }
        clock.pass(at(2_001));
        assert_eq!(clock.now().millis(), 2_001_001);
    }

    #[test]
    fn a_mark_ahead_judges_what_is_older_than_the_process_and_stops_nothing_else() {
        let hand = Arc::new(Hand::default());
        hand.set(1_000);
        let clock = ServerClock::starting_at(at(5_000), Arc::clone(&hand) as _);
        assert_eq!(clock.now(), at(1_000));
        assert_eq!(clock.behind(), Some(at(5_000)));
        assert_eq!(clock.judging(clock.now(), at(900)), at(5_000));
        hand.set(1_002);
        assert_eq!(clock.judging(clock.now(), at(1_001)), at(1_002));
        assert_eq!(clock.judging(clock.now(), at(4_000)), at(5_000));
    }

    #[test]
    fn a_jump_is_told_once_and_believed_after_it_ran_on_for_an_hour() {
        let hand = Arc::new(Hand::default());
        let clock = ServerClock::starting_at(at(0), Arc::clone(&hand) as _);
        hand.set(24 * 3600);
        assert_eq!(clock.round(), Round::Believed(at(24 * 3600)));
        let jump = 2 * 24 * 3600 + 1;
        for (host, first) in [(jump, true), (jump + 30, false), (jump + 3599, false)] {
            hand.set(host);
            assert_eq!(clock.round(), Round::Jumped { from: at(24 * 3600), first });
        }
        hand.set(jump - 3600); // corrected: the process stands still and goes on not to believe itself
        assert_eq!(clock.round(), Round::Jumped { from: at(24 * 3600), first: false });
        hand.set(jump + 3600);
        assert_eq!(clock.round(), Round::Believed(at(jump + 3600)));
    }
}
