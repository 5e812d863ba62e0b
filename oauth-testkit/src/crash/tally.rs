//! What came of the cycles.

use std::fmt;
use std::time::Duration;

use super::cycle::Death;

#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) cycles: u64,
    deaths: Vec<Death>,
    /// Victims that came to their end before the write that they were to die at.
    outlived: u64,
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
    pub(super) fn died(&mut self, death: Death, is_done: bool) {
        self.outlived += u64::from(death == Death::Write && is_done);
        self.deaths.push(death);
    }

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
        write!(f, "{:.1} s; died", time.as_secs_f64())?;
        let count = |death| self.deaths.iter().filter(|of| **of == death).count();
        let [starting, instant, point] = [Death::Starting, Death::Instant, Death::Point].map(count);
        write!(f, " while starting {starting}, at an instant {instant}, at a point {point}, ")?;
        let [write, server] = [Death::Write, Death::Server].map(count);
        write!(f, "in a write {write} (of which {} came to their end before), with the server {server}", self.outlived)
    }
}
