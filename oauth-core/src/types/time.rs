//! Points in time and spans: milliseconds for records, whole seconds for lifetimes.

use std::fmt;
use std::time::Duration;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The farthest future: what never ends.
    pub const MAX: Self = Self(i64::MAX);

    /// From milliseconds since 1970.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since 1970, saturating at the ends of the range.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down (a JWT NumericDate, RFC 7519 §2).
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This time and a span later, saturating.
    #[must_use]
    pub const fn plus(self, span: Lifetime) -> Self {
        Self(self.0.saturating_add(span.millis()))
    }

    /// A span before this time, saturating.
    #[must_use]
    pub const fn minus(self, span: Lifetime) -> Self {
        Self(self.0.saturating_sub(span.millis()))
    }

    /// Milliseconds from `earlier` to this time; 0 when `earlier` is not earlier.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> i64 {
        let span = self.0.saturating_sub(earlier.0);
        if span < 0 { 0 } else { span }
    }
}

/// A span of 1 to 4,294,967,295 whole seconds; never zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lifetime(std::num::NonZeroU32);

/// A span that is zero, not whole seconds, or past the range of [`Lifetime`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a lifetime must be 1 to 4294967295 whole seconds, not {0:?}")]
pub struct InvalidLifetime(pub Duration);

impl Lifetime {
    /// The shortest: one second.
    pub const SECOND: Self = Self(std::num::NonZeroU32::MIN);

    /// From whole seconds; 0 becomes 1. For constants; input goes through `TryFrom<Duration>`.
    #[must_use]
    pub const fn of_seconds(seconds: u32) -> Self {
        match std::num::NonZeroU32::new(seconds) {
            Some(n) => Self(n),
            None => Self::SECOND,
        }
    }

    /// Whole seconds.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        self.0.get()
    }

    /// Milliseconds.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0.get() as i64 * 1000
    }
}

impl TryFrom<Duration> for Lifetime {
    type Error = InvalidLifetime;

    fn try_from(span: Duration) -> Result<Self, InvalidLifetime> {
        let seconds = u32::try_from(span.as_secs()).ok().and_then(std::num::NonZeroU32::new);
        match seconds {
            Some(seconds) if span.subsec_nanos() == 0 => Ok(Self(seconds)),
            _ => Err(InvalidLifetime(span)),
        }
    }
}

impl From<Lifetime> for Duration {
    fn from(span: Lifetime) -> Self {
        Duration::from_secs(u64::from(span.seconds()))
    }
}

impl fmt::Debug for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0)
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_time_neither_wrap_nor_panic() {
        let span = Lifetime::of_seconds(u32::MAX);
        assert_eq!(Timestamp::MAX.plus(span), Timestamp::MAX);
        assert_eq!(Timestamp::from_millis(i64::MIN).minus(span).millis(), i64::MIN);
        assert_eq!(Timestamp::from_seconds(i64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_millis(-1).seconds(), -1);
        assert_eq!(Timestamp::MAX.millis_since(Timestamp::from_millis(i64::MIN)), i64::MAX);
        assert_eq!(Timestamp::from_millis(5).millis_since(Timestamp::from_millis(9)), 0);
    }

    #[test]
    fn lifetimes_refuse_zero_fractions_and_the_unbounded() {
        for bad in [Duration::ZERO, Duration::from_millis(1500), Duration::MAX, Duration::from_secs(1 << 32)] {
            assert!(Lifetime::try_from(bad).is_err(), "{bad:?}");
        }
        assert_eq!(Lifetime::try_from(Duration::from_secs(60)).unwrap().seconds(), 60);
    }
}
