//! Ratios of rounds: their median and how far they spread.

use std::fmt;

/// What every part of the bench fails with.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// The ratios of all rounds, sorted.
pub(crate) struct Ratios(Vec<f64>);

impl Ratios {
    /// Of ours to the floor, round by round.
    pub(crate) fn of(ours: &[f64], floor: &[f64]) -> Self {
        let mut ratios: Vec<f64> = ours.iter().zip(floor).map(|(ours, floor)| ours / floor).collect();
        ratios.sort_by(f64::total_cmp);
        Self(ratios)
    }

    pub(crate) fn median(&self) -> f64 {
        median_of_sorted(&self.0)
    }

    /// Whether the median reaches the target; there may be none.
    pub(crate) fn reach(&self, target: Option<f64>) -> bool {
        target.is_none_or(|target| self.median() >= target)
    }
}

impl fmt::Display for Ratios {
    /// The median, then the middle half of the rounds and the extremes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |share: usize| self.0.get(share * (self.0.len().max(1) - 1) / 4).copied().unwrap_or(f64::NAN);
        write!(f, "{:.3}  [{:.3}–{:.3}, {:.3}–{:.3}]", self.median(), at(1), at(3), at(0), at(4))
    }
}

/// The median of any figures.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    median_of_sorted(&sorted)
}

/// `  ok` or `MISS` beside a target, `   -` without one.
pub(crate) fn verdict(reached: bool, target: Option<f64>) -> String {
    match (target, reached) {
        (None, _) => "   -".into(),
        (Some(target), true) => format!("  ok (target {target:.2})"),
        (Some(target), false) => format!("MISS (target {target:.2})"),
    }
}

fn median_of_sorted(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match (sorted.get(middle), middle.checked_sub(1).and_then(|below| sorted.get(below))) {
        (Some(upper), Some(lower)) if sorted.len().is_multiple_of(2) => f64::midpoint(*lower, *upper),
        (Some(middle), _) => *middle,
        (None, _) => f64::NAN,
    }
}
