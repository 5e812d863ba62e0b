//! The threads that read. In WAL mode they neither wait for the writer nor hold it up.

use std::fmt;
use std::io;

use futures_channel::oneshot;
use oauth_core::store::StoreError;
use rusqlite::Connection;

use crate::error::Failure;
use crate::queue::{Entrance, Exit, bounded};
use crate::worker::Worker;

/// Reads that may wait; beyond it callers get `Unavailable`.
const QUEUE: usize = 4096;

#[derive(Debug)]
pub(crate) struct Readers {
    reads: Entrance<Read>,
    workers: Vec<Worker>,
}

struct Read(Box<dyn FnOnce(&Connection) + Send>);

impl fmt::Debug for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Read")
    }
}

impl Readers {
    /// Starts one thread for each connection.
    pub(crate) fn start(connections: Vec<Connection>) -> io::Result<Self> {
        let (reads, waiting) = bounded(QUEUE);
        let workers = connections.into_iter().map(|connection| {
            let waiting = waiting.clone();
            Worker::spawn("oauth-sqlite-read", move || serve(&connection, &waiting))
        });
        Ok(Self { workers: workers.collect::<io::Result<_>>()?, reads })
    }

    /// Enqueues a read; it is skipped when nobody waits for its answer any more.
    pub(crate) fn enqueue<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let read = Read(Box::new(move |connection| {
            if !reply.is_canceled() {
                let _ = reply.send(operation(connection).map_err(StoreError::from));
            }
        }));
        self.reads.push(read).map_err(StoreError::unavailable)?;
        Ok(answer)
    }

    /// Whether one of its threads runs.
    pub(crate) fn is_alive(&self) -> bool {
        self.reads.is_served()
    }

    /// Answers what was accepted, and closes the connections.
    pub(crate) async fn end(self) {
        let Self { reads, workers } = self;
        drop(reads);
        for worker in workers {
            worker.end().await;
        }
    }
}

fn serve(connection: &Connection, queue: &Exit<Read>) {
    while let Some(Read(read)) = queue.take(1).pop_front() {
        read(connection);
    }
}
