//! One death after the other, and what is found then.

use std::thread;
use std::time::{Duration, Instant};

use oauth_store_memory::MemoryStore;

use super::lane::LANES;
use super::log::{Heard, InDoubt, Log};
use super::tally::Tally;
use super::victim::{Manner, Orders, POINTS, Said};
use crate::arena::Node;
use crate::process::Process;
use crate::together::together;
use crate::{Arena, SeededEntropy, block_on};

/// The operations of a lane whose victim is killed from outside: more than it lives to do.
const MANY: u64 = 10_000;
/// The operations of a lane whose victim dies by a write, so that closing the store is among what it dies in.
const FEW: u64 = 6;
/// The last write that a victim may die at: now and then more than it makes.
const WRITES: u64 = 320;
/// The longest life after it was ready.
const LIFE: Duration = Duration::from_millis(30);
/// Of how many cycles the database's server dies in one.
const SERVER: u64 = 10;

/// How a victim dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Death {
    /// Some time after it was started.
    Starting,
    /// Some time after it was ready.
    Instant,
    /// At a point that it was told.
    Point,
    /// In the middle of a write, by its own hand.
    Write,
    /// With its database's server.
    Server,
}

pub(super) struct Run<'a, A> {
    arena: &'a A,
    manner: Manner,
    random: SeededEntropy,
    oracle: Node,
    /// Every lane so far, for the last look.
    lanes: Vec<Heard>,
    pub(super) tally: Tally,
}

impl<'a, A: Arena> Run<'a, A> {
    pub(super) fn start(arena: &'a A, manner: Manner) -> Self {
        let (random, oracle) = (SeededEntropy::new(1), Node::of(MemoryStore::new()));
        Self { arena, manner, random, oracle, lanes: vec![], tally: Tally::default() }
    }

    #[expect(clippy::disallowed_methods, reason = "the seconds are only shown")]
    pub(super) fn cycle(&mut self) {
        let since = Instant::now();
        let death = self.choose();
        let log = match death {
            Death::Server => self.die_with_server(),
            _ => self.die(death),
        };
        self.arena.settle();
        self.tally.died(death, log.is_done);
        self.judge(log);
        self.tally.cycles += 1;
        self.tally.time += since.elapsed();
    }

    fn choose(&self) -> Death {
        if self.arena.has_server() && self.tally.cycles % SERVER == SERVER - 1 {
            return Death::Server;
        }
        match self.random.below(10) {
            0 => Death::Starting,
            1..4 => Death::Point,
            4..7 if self.arena.dies_at_write(1).is_some() => Death::Write,
            _ => Death::Instant,
        }
    }

    fn orders(&self, death: Death) -> Orders {
        let stop = (death == Death::Point).then(|| {
            let point = POINTS[self.random.below(POINTS.len() as u64) as usize];
            (self.random.below(LANES), self.random.below(16), point)
        });
        let operations = if death == Death::Write { FEW } else { MANY };
        Orders { cycle: self.tally.cycles, manner: self.manner, operations, stop }
    }

    fn die(&self, death: Death) -> Log {
        let environment = match death {
            Death::Write => self.arena.dies_at_write(1 + self.random.below(WRITES) as u32),
            _ => None,
        };
        let mut victim = Process::start("crash", &self.arena.place(), environment.unwrap_or_default());
        victim.tell(&self.orders(death).to_string());
        let mut log = Log::new(self.tally.cycles, false);
        let life = Duration::from_micros(self.random.below(LIFE.as_micros() as u64));
        if death == Death::Starting {
            thread::sleep(life);
            victim.kill();
        }
        let _ready = victim.hear();
        if death == Death::Instant {
            thread::sleep(life);
            victim.kill();
        }
        while let Some(line) = victim.hear() {
            let said = Said::parse(&line);
            log.hear(&said, &self.oracle);
            if matches!(said, Said::Stopped | Said::Done) {
                victim.kill();
            }
        }
        log
    }

    fn die_with_server(&self) -> Log {
        let mut victim = Process::start("crash", &self.arena.place(), vec![]);
        victim.tell(&self.orders(Death::Server).to_string());
        let mut log = Log::new(self.tally.cycles, true);
        let _ready = victim.hear();
        thread::sleep(Duration::from_micros(self.random.below(LIFE.as_micros() as u64)));
        self.arena.crash_server();
        while let Some(line) = victim.hear() {
            let said = Said::parse(&line);
            log.hear(&said, &self.oracle);
            if said == Said::Done {
                victim.kill();
            }
        }
        self.arena.restart_server();
        log
    }

    /// Opens the database again, as its next process would.
    fn judge(&mut self, log: Log) {
        let node = Node::open::<A>(&self.arena.place());
        let mut wrong = log.wrong;
        let oracle = &self.oracle;
        let judged = together(log.lanes.iter().map(|heard| {
            let node = &node;
            async move {
                let mut wrong = vec![];
                let doubt = heard.judge(node, oracle, &mut wrong).await;
                (doubt, wrong)
            }
        }));
        block_on(node.grants.close());
        let before = self.tally.in_doubt;
        for (doubt, found) in judged {
            wrong.extend(found);
            match doubt {
                Ok(doubt) => {
                    self.tally.in_doubt += u64::from(doubt.is_some());
                    self.tally.happened += u64::from(doubt == Some(InDoubt::Happened));
                }
                Err(error) => wrong.push(format!("the store failed: {error}")),
            }
        }
        self.tally.killed_at_work += u64::from(self.tally.in_doubt > before);
        self.tally.acknowledged += log.acknowledged;
        self.tally.lose(&wrong);
        self.lanes.extend(log.lanes);
    }

    /// Looks at every row of every cycle once more.
    pub(super) fn sweep(&mut self) {
        let node = Node::open::<A>(&self.arena.place());
        let oracle = &self.oracle;
        for lanes in self.lanes.chunks(64) {
            for kept in together(lanes.iter().map(|heard| heard.is_kept(&node, oracle))) {
                match kept {
                    Ok(true) => {}
                    Ok(false) => self.tally.lose(&["a row changed after its cycle".to_owned()]),
                    Err(error) => self.tally.lose(&[format!("the store failed: {error}")]),
                }
            }
        }
        block_on(node.grants.close());
    }
}
