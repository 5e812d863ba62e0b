//! What waits between those who record and the thread that writes.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::audit::{Event, Losses};
use crate::types::Timestamp;

/// Events that are written at once.
const BATCH: usize = 256;

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    capacity: usize,
    pub(super) losses: Losses,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Event>,
    /// Events that the thread has taken and not written to their end.
    in_hand: usize,
    /// The time of the last of them.
    last: Timestamp,
    /// Why writing fails, while it does.
    failing: Option<String>,
    /// Somebody recorded since writing failed.
    nudged: bool,
    closed: bool,
    /// The attempt to write that is under way is one more after the queue was closed.
    last_attempt: bool,
}

impl Queue {
    pub(super) fn of(capacity: usize) -> Self {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Self { state, changed, capacity: capacity.max(1), losses: Losses::of("json lines") }
    }

    /// Takes an event, or says why not.
    pub(super) fn push(&self, event: Event) -> Result<(), Cow<'static, str>> {
        let mut state = self.lock();
        let refused = self.refuses(&state);
        match refused {
            None => state.waiting.push_back(event),
            Some(_) => state.nudged = true,
        }
        drop(state);
        self.changed.notify_one();
        refused.map_or(Ok(()), Err)
    }

    /// Whether an event would be taken now. While writing fails, asking makes the thread try again.
    pub(super) fn ready(&self) -> bool {
        let mut state = self.lock();
        let refused = self.refuses(&state).is_some();
        state.nudged |= refused;
        drop(state);
        if refused {
            self.changed.notify_one();
        }
        !refused
    }

    fn refuses(&self, state: &State) -> Option<Cow<'static, str>> {
        match &state.failing {
            _ if state.closed => Some("the sink is closed".into()),
            Some(why) => Some(why.clone().into()),
            None if state.waiting.len() >= self.capacity => Some("the queue is full".into()),
            None => None,
        }
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Waits for events and takes some; none when the queue is closed and empty.
    pub(super) fn take(&self) -> VecDeque<Event> {
        let mut state = self.lock();
        while state.waiting.is_empty() && !state.closed {
            state = self.wait(state);
        }
        let count = BATCH.min(state.waiting.len());
        let batch: VecDeque<_> = state.waiting.drain(..count).collect();
        state.in_hand = count;
        state.last = batch.back().map_or(state.last, |event| event.at);
        batch
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().waiting.is_empty()
    }

    /// What was taken is written.
    pub(super) fn written(&self) {
        let mut state = self.lock();
        state.in_hand = 0;
        state.failing = None;
    }

    /// Writing failed with so many events in hand: waits until somebody records again. An attempt that this allows
    /// after closing is the last; `false` when it was that.
    pub(super) fn wait_to_try_again(&self, in_hand: usize, error: &io::Error) -> bool {
        let mut state = self.lock();
        state.in_hand = in_hand;
        state.failing = Some(error.to_string());
        if state.last_attempt {
            return false;
        }
        while !state.nudged && !state.closed {
            state = self.wait(state);
        }
        state.nudged = false;
        state.last_attempt = state.closed;
        true
    }

    /// For the thread: when it ends, by panic too, nothing more is accepted and what is not written is lost.
    pub(super) const fn served(&self) -> Served<'_> {
        Served(self)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under the lock with the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Queue::served`].
pub(super) struct Served<'a>(&'a Queue);

impl Drop for Served<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        let stranded = std::mem::take(&mut state.waiting);
        let lost = stranded.len() + std::mem::take(&mut state.in_hand);
        let at = stranded.back().map_or(state.last, |event| event.at);
        let why = state.failing.take().unwrap_or_else(|| "the writer panicked".to_owned());
        drop(state);
        if lost > 0 {
            self.0.losses.count(u64::try_from(lost).unwrap_or(u64::MAX), &why, at);
        }
        self.0.losses.finish();
    }
}
