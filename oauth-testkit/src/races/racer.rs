//! A racing process: it looks when it is told, says so, and acts when it is let go.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Kind, Racer, kinds};
use crate::SeededEntropy;
use crate::arena::Node;
use crate::process::{say, told};
use crate::together::{together, together_with};

/// How a racer acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// By one call of the store.
    Careful,
    /// As a store that looks first and writes then.
    Careless,
}

/// The races of one round, as a process is told of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    pub(super) kind: usize,
    pub(super) first: u64,
    pub(super) count: u64,
    pub(super) process: u64,
    pub(super) manner: Manner,
}

impl Round {
    pub(super) fn to_line(self) -> String {
        let Self { kind, first, count, process, manner } = self;
        format!("{kind} {first} {count} {process} {}", u8::from(manner == Manner::Careless))
    }

    fn parse(line: &str) -> Self {
        let members: Vec<u64> = line.split(' ').map(|member| member.parse().expect("a number")).collect();
        let [kind, first, count, process, careless] = members[..] else { panic!("no round: {line}") };
        let manner = if careless == 1 { Manner::Careless } else { Manner::Careful };
        Self { kind: kind as usize, first, count, process, manner }
    }

    fn racers(self) -> impl Iterator<Item = Racer> {
        (self.first..self.first + self.count).map(move |race| Racer { race, process: self.process })
    }
}

/// What one racer's call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Acted {
    /// On the clock that the processes share; only to show how calls overlap.
    begun: u128,
    ended: u128,
    /// Its answer, or why the store failed.
    pub(super) answer: Result<u32, String>,
}

impl Acted {
    pub(super) const fn overlaps(&self, other: &Self) -> bool {
        self.begun < other.ended && other.begun < self.ended
    }

    fn to_text(&self) -> String {
        let Self { begun, ended, answer } = self;
        match answer {
            Ok(answer) => format!("{begun} {ended} {answer}"),
            Err(why) => format!("{begun} {ended} failed {}", why.replace(['\n', '\t'], " ")),
        }
    }

    fn parse(text: &str) -> Self {
        let mut parts = text.splitn(3, ' ');
        let mut next = || parts.next().expect("three parts");
        let (begun, ended) = (next().parse().expect("a time"), next().parse().expect("a time"));
        let answer = next();
        let answer = answer.parse().map_err(|_| answer.to_owned());
        Self { begun, ended, answer }
    }
}

/// A line that says whether each racer may act: 1, 0 or, when the store failed, e.
pub(super) fn parse_looked(line: &str) -> Vec<bool> {
    line.chars().map(|found| found == '1').collect()
}

/// A line that says what the racers did.
pub(super) fn parse_acted(line: &str) -> Vec<Acted> {
    line.split('\t').map(Acted::parse).collect()
}

/// Races until the parent is gone.
pub(super) fn serve(node: &Node) {
    let kinds = kinds();
    while let Some(line) = told() {
        let round = Round::parse(&line);
        let Some(kind) = kinds.get(round.kind) else { panic!("no kind {}", round.kind) };
        let looked = together(round.racers().map(|racer| kind.look(node, racer)));
        let looked: String =
            looked.iter().map(|found| found.as_ref().map_or('e', |may| if *may { '1' } else { '0' })).collect();
        if !say(&looked) || told().is_none() {
            return;
        }
        let acted: Vec<String> = act(*kind, node, round).iter().map(Acted::to_text).collect();
        if !say(&acted.join("\t")) {
            return;
        }
    }
}

/// All racers of the process at the same time, begun with uneven pauses, so that the processes get into each other's
/// way otherwise in each round.
fn act(kind: &dyn Kind, node: &Node, round: Round) -> Vec<Acted> {
    let random = SeededEntropy::new((round.first << 1) + round.process);
    let pause = || {
        if random.below(16) == 0 {
            thread::sleep(Duration::from_micros(random.below(160)));
        }
    };
    let acts = round.racers().map(|racer| async move {
        let begun = nanoseconds();
        let answer = match round.manner {
            Manner::Careful => kind.act(node, racer).await,
            Manner::Careless => kind.act_carelessly(node, racer).await,
        };
        Acted { begun, ended: nanoseconds(), answer: answer.map_err(|error| error.to_string()) }
    });
    together_with(acts, pause)
}

#[expect(clippy::disallowed_methods, reason = "no protocol time: it shows how the calls of two processes overlap")]
fn nanoseconds() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_process_says_the_other_understands() {
        let good = Acted { begun: 1, ended: 5, answer: Ok(2) };
        let bad = Acted { begun: 5, ended: 7, answer: Err("failed it is\tbusy".to_owned()) };
        let line = [good.to_text(), bad.to_text()].join("\t");
        let parsed = parse_acted(&line);
        assert_eq!(parsed[0], good);
        assert!(parsed[1].answer.as_ref().unwrap_err().contains("it is busy"));
        assert!(!good.overlaps(&bad));
        assert!(good.overlaps(&Acted { begun: 4, ..bad }));
        assert_eq!(parse_looked("10e"), [true, false, false]);
        let round = Round { kind: 3, first: 9, count: 2, process: 1, manner: Manner::Careless };
        assert_eq!(Round::parse(&round.to_line()).to_line(), round.to_line());
    }
}
