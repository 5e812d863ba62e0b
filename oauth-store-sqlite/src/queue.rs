//! A bounded queue from callers to threads, first in first out.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The callers' end. Dropping it closes the queue: what waits is still taken.
#[derive(Debug)]
pub(crate) struct Entrance<T>(Arc<Queue<T>>);

/// The threads' end. When the last of them is gone, also by a panic, nobody will take anything any more: what waits is
/// dropped, and nothing more is accepted.
#[derive(Debug)]
pub(crate) struct Exit<T>(Arc<Queue<T>>);

/// The queue does not take more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the threads of the database have ended")]
    Deserted,
    #[error("too many operations are waiting for the database")]
    Full,
}

#[derive(Debug)]
struct Queue<T> {
    state: Mutex<State<T>>,
    ready: Condvar,
    capacity: usize,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    /// No entrance is left.
    closed: bool,
    exits: usize,
}

pub(crate) fn bounded<T>(capacity: usize) -> (Entrance<T>, Exit<T>) {
    let state = Mutex::new(State { waiting: VecDeque::new(), closed: false, exits: 1 });
    let queue = Arc::new(Queue { state, ready: Condvar::new(), capacity });
    (Entrance(Arc::clone(&queue)), Exit(queue))
}

impl<T> Entrance<T> {
    pub(crate) fn push(&self, item: T) -> Result<(), Refused> {
        self.push_within(self.0.capacity, item)
    }

    /// For the one item that tells when all before it are done.
    pub(crate) fn push_past_the_limit(&self, item: T) -> Result<(), Refused> {
        self.push_within(usize::MAX, item)
    }

    /// Whether anybody takes what is pushed.
    pub(crate) fn is_served(&self) -> bool {
        self.0.lock().exits > 0
    }

    fn push_within(&self, capacity: usize, item: T) -> Result<(), Refused> {
        let mut state = self.0.lock();
        if state.exits == 0 {
            return Err(Refused::Deserted);
        }
        if state.waiting.len() >= capacity {
            return Err(Refused::Full);
        }
        state.waiting.push_back(item);
        drop(state);
        self.0.ready.notify_one();
        Ok(())
    }
}

impl<T> Drop for Entrance<T> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.ready.notify_all();
    }
}

impl<T> Exit<T> {
    /// Waits for work and takes up to `most` items; nothing when the queue is closed and empty.
    pub(crate) fn take(&self, most: usize) -> VecDeque<T> {
        let mut state = self.0.lock();
        while state.waiting.is_empty() && !state.closed {
            state = self.0.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let count = most.min(state.waiting.len());
        state.waiting.drain(..count).collect()
    }

    /// Takes all that waits, without waiting for it.
    pub(crate) fn take_all(&self) -> VecDeque<T> {
        std::mem::take(&mut self.0.lock().waiting)
    }
}

impl<T> Clone for Exit<T> {
    fn clone(&self) -> Self {
        self.0.lock().exits += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Exit<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.exits -= 1;
        if state.exits == 0 {
            let stranded = std::mem::take(&mut state.waiting);
            drop(state);
            drop(stranded); // after the lock: it wakes whoever waits for an answer
        }
    }
}

impl<T> Queue<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing that can panic runs under the lock with the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_in_order_refuses_when_full_and_drains_after_close() {
        let (entrance, exit) = bounded(3);
        for item in 0..3 {
            entrance.push(item).unwrap();
        }
        assert_eq!(entrance.push(3), Err(Refused::Full));
        entrance.push_past_the_limit(4).unwrap();
        assert_eq!(exit.take(2), [0, 1]);
        drop(entrance);
        assert_eq!(exit.take(2), [2, 4]);
        assert!(exit.take(2).is_empty());
    }

    #[test]
    fn what_waits_is_dropped_when_nobody_is_left_to_take_it() {
        let (entrance, exit) = bounded(3);
        let (item, other) = (Arc::new(()), exit.clone());
        entrance.push(Arc::clone(&item)).unwrap();
        drop(exit);
        assert!(entrance.is_served());
        assert_eq!(Arc::strong_count(&item), 2, "another exit is left");
        drop(other);
        assert!(!entrance.is_served());
        assert_eq!(Arc::strong_count(&item), 1);
        assert_eq!(entrance.push(Arc::clone(&item)), Err(Refused::Deserted));
        assert_eq!(entrance.push_past_the_limit(item), Err(Refused::Deserted));
    }
}
