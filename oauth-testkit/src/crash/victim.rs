//! The process that dies: it says what it begins and what it was answered, until it is killed.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread;

use oauth_core::store::StoreError;
use oauth_store_memory::MemoryStore;

use super::lane::{LANES, Lane};
use crate::arena::Node;
use crate::process::{say, told};
use crate::{Arena, block_on};

/// How a victim answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// With what the store answered.
    Sound,
    /// Before it asks the store.
    AnswersEarly,
    /// With what the store answered, of which it asked two things where one was due.
    InTwoSteps,
}

/// Where a victim stops, and waits to be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Point {
    /// The operation was announced, the store not asked.
    Before,
    /// The store was asked; the answer is not there.
    UnderWay,
    /// The answer is there; nobody was told.
    After,
}

/// What a victim is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Orders {
    pub(super) cycle: u64,
    pub(super) manner: Manner,
    /// The operations of each lane; then the store is closed.
    pub(super) operations: u64,
    /// In which lane, at which of its operations, at which point it stops.
    pub(super) stop: Option<(u64, u64, Point)>,
}

const MANNERS: [Manner; 3] = [Manner::Sound, Manner::AnswersEarly, Manner::InTwoSteps];
pub(super) const POINTS: [Point; 3] = [Point::Before, Point::UnderWay, Point::After];

impl fmt::Display for Orders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cycle, manner, operations, stop } = self;
        write!(f, "{cycle} {} {operations}", *manner as usize)?;
        if let Some((lane, nth, point)) = stop {
            write!(f, " {lane} {nth} {}", *point as usize)?;
        }
        Ok(())
    }
}

impl Orders {
    fn parse(line: &str) -> Self {
        let members: Vec<u64> = line.split(' ').map(|member| member.parse().expect("a number")).collect();
        let (first, stop) = members.split_at(3);
        let [cycle, manner, operations] = first[..] else { panic!("no orders: {line}") };
        let stop = if let [lane, nth, point] = stop[..] { Some((lane, nth, POINTS[point as usize])) } else { None };
        Self { cycle, manner: MANNERS[manner as usize], operations, stop }
    }

    fn stops(&self, lane: u64, nth: u64, point: Point) -> bool {
        self.stop == Some((lane, nth, point))
    }
}

/// What a victim says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// The lane's next operation begins.
    Begins(u64),
    /// The lane's operation was answered so.
    Answered(u64, String),
    /// The store failed in the lane, which ends.
    Failed(u64, String),
    /// It stands at the point where it was to stop.
    Stopped,
    /// All lanes are at their end.
    Done,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begins(lane) => write!(f, "begins {lane}"),
            Self::Answered(lane, answer) => write!(f, "answered {lane} {answer}"),
            Self::Failed(lane, why) => write!(f, "failed {lane} {}", why.replace('\n', " ")),
            Self::Stopped => f.write_str("stopped"),
            Self::Done => f.write_str("done"),
        }
    }
}

impl Said {
    pub(super) fn parse(line: &str) -> Self {
        let mut words = line.splitn(3, ' ');
        let (word, lane, rest) = (words.next().unwrap_or_default(), words.next(), words.next());
        let lane = || lane.and_then(|lane| lane.parse().ok()).expect("a lane");
        let rest = || rest.unwrap_or_default().to_owned();
        match word {
            "begins" => Self::Begins(lane()),
            "answered" => Self::Answered(lane(), rest()),
            "failed" => Self::Failed(lane(), rest()),
            "stopped" => Self::Stopped,
            "done" => Self::Done,
            _ => panic!("a victim said: {line}"),
        }
    }
}

/// Works as it is told until it dies.
pub(super) fn work<A: Arena>(place: &str) {
    let Some(orders) = told() else { return };
    let orders = Orders::parse(&orders);
    let node = Node::open::<A>(place);
    say("ready");
    thread::scope(|scope| {
        for number in 0..LANES {
            let node = &node;
            scope.spawn(move || walk(node, number, orders));
        }
    });
    block_on(node.grants.close());
    say(&Said::Done.to_string());
    park();
}

fn walk(node: &Node, number: u64, orders: Orders) {
    let mut lane = Lane::new(orders.cycle, number);
    // what an early answer is taken from
    let oracle = (orders.manner == Manner::AnswersEarly).then(|| Node::of(MemoryStore::new()));
    for nth in 0..orders.operations {
        let operation = lane.next();
        tell(&Said::Begins(number));
        stop_if(orders.stops(number, nth, Point::Before));
        let early = oracle.as_ref().and_then(|oracle| block_on(operation.apply(oracle)).ok());
        if let Some(early) = &early {
            tell(&Said::Answered(number, early.clone()));
        }
        let mut call: Call<'_> = match orders.manner {
            Manner::InTwoSteps => Box::pin(operation.apply_in_two_steps(node)),
            Manner::Sound | Manner::AnswersEarly => Box::pin(operation.apply(node)),
        };
        if orders.stops(number, nth, Point::UnderWay) {
            let _: Poll<_> = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            stop_if(true);
        }
        let answer = block_on(call);
        stop_if(orders.stops(number, nth, Point::After));
        match answer {
            Ok(answer) => {
                if early.is_none() {
                    tell(&Said::Answered(number, answer.clone()));
                }
                lane.answered(&operation, &answer);
            }
            Err(error) => return tell(&Said::Failed(number, error.to_string())),
        }
    }
}

type Call<'a> = Pin<Box<dyn Future<Output = Result<String, StoreError>> + 'a>>;

fn tell(said: &Said) {
    if !say(&said.to_string()) {
        park(); // nobody is left to listen, nor to judge
    }
}

fn stop_if(here: bool) {
    if here {
        tell(&Said::Stopped);
        park();
    }
}

/// Waits to be killed.
fn park() {
    loop {
        if told().is_none() {
            std::process::exit(0); // the parent is gone
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_process_says_the_other_understands() {
        for said in [
            Said::Begins(3),
            Said::Answered(0, "Started { ended: 0 }".to_owned()),
            Said::Failed(1, "the store is busy".to_owned()),
            Said::Stopped,
            Said::Done,
        ] {
            assert_eq!(Said::parse(&said.to_string()), said);
        }
        for point in POINTS {
            for manner in MANNERS {
                let orders = Orders { cycle: 9, manner, operations: 7, stop: Some((1, 2, point)) };
                assert_eq!(Orders::parse(&orders.to_string()), orders);
                let orders = Orders { stop: None, ..orders };
                assert_eq!(Orders::parse(&orders.to_string()), orders);
            }
        }
    }
}
