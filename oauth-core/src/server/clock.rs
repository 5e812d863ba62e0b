//! The server's clock: the host's clock, kept from going back.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::time::Clock;
use crate::types::{Lifetime, Timestamp};

/// A step ahead that is not believed enough to be written down.
const JUMP: Lifetime = Lifetime::of_seconds(24 * 3600);

/// Never tells an earlier time than it told before, so that what was expired stays expired.
#[derive(Debug)]
pub(crate) struct ServerClock {
    host: Arc<dyn Clock>,
    highest: AtomicI64,
    last_round: AtomicI64,
}

impl ServerClock {
    /// Starts at the stored high-water mark or the host's time, whichever is later.
    pub(crate) fn starting_at(mark: Timestamp, host: Arc<dyn Clock>) -> Self {
        let now = host.now();
        Self {
            highest: AtomicI64::new(mark.max(now).millis()),
            last_round: AtomicI64::new(mark.max(now).millis()),
            host,
        }
    }

    /// The time to write as the new mark; `Err` with the last round's time when the clock has jumped since.
    pub(crate) fn round(&self) -> Result<Timestamp, Timestamp> {
        let now = self.now();
        let last = Timestamp::from_millis(self.last_round.load(Ordering::Acquire));
        if now > last.plus(JUMP) {
            return Err(last);
        }
        self.last_round.store(now.millis(), Ordering::Release);
        Ok(now)
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
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug, Default)]
    struct Hand(Mutex<i64>);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::from_seconds(*self.0.lock().unwrap())
        }
    }

    #[test]
    fn never_goes_back_and_does_not_write_a_jump_down() {
        let hand = Arc::new(Hand::default());
        let clock = ServerClock::starting_at(Timestamp::from_seconds(1_000), Arc::clone(&hand) as _);
        assert_eq!(clock.now().seconds(), 1_000);
        *hand.0.lock().unwrap() = 2_000;
        assert_eq!(clock.now().seconds(), 2_000);
        *hand.0.lock().unwrap() = 1_500;
        assert_eq!(clock.now().seconds(), 2_000);
        assert_eq!(clock.round(), Ok(Timestamp::from_seconds(2_000)));
        *hand.0.lock().unwrap() = 2_000 + 24 * 3600 + 1;
        assert_eq!(clock.round(), Err(Timestamp::from_seconds(2_000)));
        assert_eq!(clock.round(), Err(Timestamp::from_seconds(2_000)));
    }
}
