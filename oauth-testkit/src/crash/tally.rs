//! What came of the cycles.

use std::fmt;
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) cycles: u64,
    /// Operations that were answered.
    pub(super) acknowledged: u64,
    /// Operations that were begun and not answered.
    pub(super) in_doubt: u64,
    /// Of these, how many had happened.
    pub(super) happened: u64,
    /// Cycles in which something was in doubt.
    pub(super) killed_at_work: u64,
    pub(super) losses: u64,
    pub(super) first_loss: Option<String>,
    pub(super) time: Duration,
}

impl Tally {
    pub(super) fn lose(&mut self, wrong: &[String]) {
        self.losses += wrong.len() as u64;
        if let Some(first) = wrong.first() {
            let told = format!("cycle {}: {first}", self.cycles);
            self.first_loss.get_or_insert(told);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cycles, acknowledged, in_doubt, happened, killed_at_work, losses, time, .. } = self;
        write!(f, "{cycles} cycles, {acknowledged} operations acknowledged, {killed_at_work} killed at work, ")?;
        write!(f, "{in_doubt} operations in doubt, {happened} of them had happened, losses {losses}, ")?;
        write!(f, "{:.1} s", time.as_secs_f64())
    }
}
