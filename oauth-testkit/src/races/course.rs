//! The races of one kind, as the parent of two racing processes runs and judges them.

use std::time::Instant;

use super::racer::{Acted, Manner, Round, parse_acted, parse_looked};
use super::tally::Tally;
use super::{Kind, Wrong, kinds};
use crate::Arena;
use crate::arena::Node;
use crate::process::Process;
use crate::together::together;

/// Races under way at a time.
const ROUND: u64 = 64;

/// When each process is let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Once both have looked.
    Together,
    /// The second looks when the first has acted: what the share must find out.
    InTurn,
}

pub(super) struct Course<'a> {
    kind: &'a dyn Kind,
    number: usize,
    manner: Manner,
    node: Node,
    racers: [Process; 2],
    /// Whether a racer of this round was let go.
    acting: bool,
    pub(super) tally: Tally,
}

impl<'a> Course<'a> {
    pub(super) fn start<A: Arena>(arena: &A, kind: &'a dyn Kind, manner: Manner) -> Self {
        let place = arena.place();
        let node = Node::open::<A>(&place);
        let number = kinds().iter().position(|known| known.name() == kind.name()).expect("a known kind");
        let racers = [(); 2].map(|()| Process::start("race", &place, vec![]));
        let tally = Tally { kind: kind.name(), ..Tally::default() };
        Self { kind, number, manner, node, racers, acting: false, tally }
    }

    /// Runs the next races to their end.
    #[expect(clippy::disallowed_methods, reason = "the seconds are only shown")]
    pub(super) fn round(&mut self, order: Order) {
        let since = Instant::now();
        let (kind, node, first) = (self.kind, &self.node, self.tally.races);
        let prepared = together((first..first + ROUND).map(|race| kind.prepare(node, race)));
        assert!(prepared.iter().all(Result::is_ok), "what is raced for could not be stored: {prepared:?}");
        self.acting = false;
        let (looked, acted) = match order {
            Order::Together => {
                (0..2).for_each(|process| self.tell_to_look(process));
                let looked = [0, 1].map(|process| self.hear_looked(process));
                (0..2).for_each(|process| self.let_go(process));
                (looked, [0, 1].map(|process| self.hear_acted(process)))
            }
            Order::InTurn => {
                let [first, second] = [0, 1].map(|process| {
                    self.tell_to_look(process);
                    let looked = self.hear_looked(process);
                    self.let_go(process);
                    (looked, self.hear_acted(process))
                });
                ([first.0, second.0], [first.1, second.1])
            }
        };
        self.judge(looked, acted);
        self.tally.time += since.elapsed();
    }

    fn tell_to_look(&mut self, process: usize) {
        let first = self.tally.races;
        let round = Round { kind: self.number, first, count: ROUND, process: process as u64, manner: self.manner };
        self.racers[process].tell(&round.to_line());
    }

    /// Of each race, whether this process found it usable before anybody acted.
    fn hear_looked(&mut self, process: usize) -> Vec<bool> {
        let in_time = !self.acting;
        let looked = parse_looked(&self.racers[process].hear().expect("a racer died"));
        assert_eq!(looked.len() as u64, ROUND);
        looked.into_iter().map(|usable| usable && in_time).collect()
    }

    fn let_go(&mut self, process: usize) {
        self.acting = true;
        self.racers[process].tell("go");
    }

    fn hear_acted(&mut self, process: usize) -> Vec<Acted> {
        let acted = parse_acted(&self.racers[process].hear().expect("a racer died"));
        assert_eq!(acted.len() as u64, ROUND);
        acted
    }

    fn judge(&mut self, looked: [Vec<bool>; 2], acted: [Vec<Acted>; 2]) {
        let (kind, node, first) = (self.kind, &self.node, self.tally.races);
        let answers: Vec<Result<[u32; 2], String>> = (0..ROUND as usize)
            .map(|race| Ok([acted[0][race].answer.clone()?, acted[1][race].answer.clone()?]))
            .collect();
        let judged = together((first..).zip(&answers).map(|(race, answers)| async move {
            let mut wrong = Wrong::default();
            match answers {
                Ok(answers) => kind.judge(node, race, *answers, &mut wrong).await.map(|()| wrong),
                Err(why) => {
                    wrong.unless(false, why);
                    Ok(wrong)
                }
            }
        }));
        for (race, judged) in judged.into_iter().enumerate() {
            let number = first + race as u64;
            match judged {
                Ok(Wrong(wrong)) => self.tally.lose(number, &wrong),
                Err(error) => self.tally.failed(number, &error),
            }
            self.tally.races += 1;
            self.tally.counted += u64::from(looked.iter().all(|looked| looked[race]));
            self.tally.overlapping += u64::from(acted[0][race].overlaps(&acted[1][race]));
            let did = [0, 1].map(|process| acted[process][race].answer.as_ref().is_ok_and(|answer| *answer > 0));
            self.tally.won[0] += u64::from(did == [true, false]);
            self.tally.won[1] += u64::from(did == [false, true]);
            self.tally.both += u64::from(did == [true, true]);
        }
    }
}
