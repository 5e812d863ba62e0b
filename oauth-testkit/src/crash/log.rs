//! What the parent heard of one victim, and what must therefore be stored.

use oauth_core::store::{StoreError, StoreErrorKind};

use super::lane::{LANES, Lane};
use super::operation::Operation;
use super::victim::Said;
use crate::arena::Node;
use crate::block_on;

/// How many of a lane's last operations are tried once more.
const AGAIN: usize = 8;

/// One lane, as it was heard, walked along on the oracle.
#[derive(Debug)]
pub(super) struct Heard {
    lane: Lane,
    answered: Vec<Operation>,
    /// The operation that was begun and not answered.
    in_doubt: Option<Operation>,
}

/// What became of an operation that nobody was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InDoubt {
    /// All of it, or nothing that can be seen.
    Happened,
    /// Nothing of it.
    Missing,
}

/// What one victim said.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) lanes: Vec<Heard>,
    pub(super) acknowledged: u64,
    pub(super) wrong: Vec<String>,
    /// Whether it came to the end of its work.
    pub(super) is_done: bool,
    /// Whether the store may fail, because its server goes.
    outage: bool,
}

impl Log {
    pub(super) fn new(cycle: u64, outage: bool) -> Self {
        let lanes = (0..LANES)
            .map(|number| Heard { lane: Lane::new(cycle, number), answered: vec![], in_doubt: None })
            .collect();
        Self { lanes, acknowledged: 0, wrong: vec![], is_done: false, outage }
    }

    /// Takes down what the victim said, and does the same on the oracle.
    pub(super) fn hear(&mut self, said: &Said, oracle: &Node) {
        match said {
            Said::Begins(number) => {
                let heard = &mut self.lanes[*number as usize];
                heard.in_doubt = Some(heard.lane.next());
            }
            Said::Answered(number, answer) => {
                let heard = &mut self.lanes[*number as usize];
                let operation = heard.in_doubt.take().expect("it was begun");
                let expected = block_on(operation.apply(oracle));
                if expected.as_ref().ok() != Some(answer) {
                    self.wrong.push(format!("{operation:?} was answered {answer}, not {expected:?}"));
                }
                heard.lane.answered(&operation, answer);
                heard.answered.push(operation);
                self.acknowledged += 1;
            }
            Said::Failed(number, why) if !self.outage => self.wrong.push(format!("lane {number}: {why}")),
            Said::Done => self.is_done = true,
            Said::Failed(..) | Said::Stopped => {}
        }
    }
}

impl Heard {
    /// Compares the store with the oracle. What was in doubt is settled by what is stored.
    pub(super) async fn judge(
        &self,
        node: &Node,
        oracle: &Node,
        wrong: &mut Vec<String>,
    ) -> Result<Option<InDoubt>, StoreError> {
        let stored = self.lane.rows(node).await?;
        let mut expected = self.lane.rows(oracle).await?;
        let mut doubt = None;
        if let Some(operation) = &self.in_doubt {
            doubt = Some(InDoubt::Missing);
            if stored != expected {
                let _ = operation.apply(oracle).await;
                expected = self.lane.rows(oracle).await?;
                doubt = Some(InDoubt::Happened);
            }
        }
        if stored != expected {
            wrong.push(format!("stored is {stored:?}, not {expected:?}; in doubt was {:?}", self.in_doubt));
            return Ok(doubt);
        }
        let again = self.answered.iter().rev().take(AGAIN).filter(|operation| operation.happens_once());
        for operation in self.in_doubt.iter().chain(again) {
            let (answer, expected) = (in_short(operation.apply(node).await), in_short(operation.apply(oracle).await));
            if answer != expected {
                wrong.push(format!("once more {operation:?} is answered {answer:?}, not {expected:?}"));
            }
        }
        if self.lane.rows(node).await? != self.lane.rows(oracle).await? {
            wrong.push(format!("what was tried once more left other rows in lane {:?}", self.lane));
        }
        Ok(doubt)
    }

    /// Whether all of its rows are still what they must be.
    pub(super) async fn is_kept(&self, node: &Node, oracle: &Node) -> Result<bool, StoreError> {
        Ok(self.lane.rows(node).await? == self.lane.rows(oracle).await?)
    }
}

/// What refuses a start or a redemption for several reasons at once may name any of them.
fn in_short(answer: Result<String, StoreError>) -> Result<String, StoreErrorKind> {
    match answer.map_err(|error| error.kind()) {
        Err(StoreErrorKind::Unavailable) => Ok("refused".to_owned()),
        Ok(answer) if ["Claimed", "Moved"].contains(&answer.as_str()) => Ok("refused".to_owned()),
        answer => answer,
    }
}
