//! What came of the races of one kind.

use std::fmt;
use std::time::Duration;

use oauth_core::store::StoreError;

/// Of a hundred races, how many must count.
const SHARE: u64 = 90;

/// How often what happened.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) kind: &'static str,
    pub(super) races: u64,
    /// Both were past their look before the first acted.
    pub(super) counted: u64,
    /// Both calls were under way at one moment.
    pub(super) overlapping: u64,
    /// How often the call of the first process alone did something, and that of the second alone.
    pub(super) won: [u64; 2],
    /// How often both did: the use came before what took it back.
    pub(super) both: u64,
    pub(super) losses: u64,
    /// The first of them.
    pub(super) first_loss: Option<String>,
    pub(super) time: Duration,
}

impl Tally {
    /// Whether it is still open if enough races will count.
    pub(super) const fn is_worth_going_on(&self, wanted: u64) -> bool {
        self.counted < wanted && self.races * SHARE < wanted * 100
    }

    /// Takes down the outcome of one race; `wrong` says why it is lost.
    pub(super) fn lose(&mut self, race: u64, wrong: &[String]) {
        if !wrong.is_empty() {
            self.losses += 1;
            let told = format!("race {race}: {}", wrong.join("; "));
            self.first_loss.get_or_insert(told);
        }
    }

    /// A store that failed is a loss: nothing was in its way.
    pub(super) fn failed(&mut self, race: u64, error: &StoreError) {
        self.lose(race, &[format!("the store failed: {error}")]);
    }

    pub(super) fn verdict(&self, wanted: u64) -> Result<(), String> {
        if let Some(first) = &self.first_loss {
            return Err(format!("{} of {} races were lost; the first one: {first}", self.losses, self.races));
        }
        if self.races == 0 || self.counted * 100 < self.races * SHARE {
            return Err(format!("only {} of {} races counted, {SHARE} % must", self.counted, self.races));
        }
        if self.counted < wanted {
            return Err(format!("{} races counted, {wanted} must", self.counted));
        }
        Ok(())
    }

    fn percent(&self, part: u64) -> u64 {
        part * 100 / self.races.max(1)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, races, counted, overlapping, won: [first, second], both, losses, first_loss, time } = self;
        write!(f, "{kind}: {races} races, {counted} counted ({} %), ", self.percent(*counted))?;
        write!(f, "{} % with both calls under way at once, ", self.percent(*overlapping))?;
        write!(
            f,
            "done by process 1 {first}, by process 2 {second}, by both {both}, losses {losses}, {:.1} s",
            time.as_secs_f64()
        )?;
        match first_loss {
            Some(first) => write!(f, " (first loss: {first})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(races: u64, counted: u64) -> Tally {
        Tally { races, counted, ..Tally::default() }
    }

    #[test]
    fn too_small_a_share_too_few_races_and_any_loss_fail() {
        assert_eq!(of(2000, 2000).verdict(2000), Ok(()));
        assert_eq!(of(2200, 2000).verdict(2000), Ok(()));
        assert!(of(2223, 2000).verdict(2000).is_err(), "89 %");
        assert!(of(1999, 1999).verdict(2000).is_err());
        assert!(of(0, 0).verdict(0).is_err());
        let mut lost = of(2000, 2000);
        lost.lose(7, &["two won".to_owned()]);
        assert!(lost.verdict(2000).unwrap_err().contains("race 7: two won"));
    }

    #[test]
    fn it_goes_on_until_enough_counted_or_no_share_can_be_enough() {
        assert!(of(0, 0).is_worth_going_on(2000));
        assert!(!of(2000, 2000).is_worth_going_on(2000));
        assert!(of(2222, 1999).is_worth_going_on(2000));
        assert!(!of(2223, 1999).is_worth_going_on(2000));
    }
}
