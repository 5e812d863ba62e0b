//! The one thread that writes: it groups what waits into one transaction and answers after COMMIT.

use std::collections::VecDeque;
use std::io;

use futures_channel::oneshot;
use oauth_core::store::StoreError;
use rusqlite::Connection;

use crate::error::Failure;
use crate::location::Place;
use crate::migrate;
use crate::queue::{Entrance, Exit, bounded};
use crate::worker::Worker;

/// Operations that may wait; beyond it callers get `Unavailable`.
pub(crate) const QUEUE: usize = 1024;
/// Operations in one transaction.
const GROUP: usize = 128;

#[derive(Debug)]
pub(crate) struct Writer {
    jobs: Entrance<Box<dyn Job>>,
    worker: Worker,
}

impl Writer {
    pub(crate) fn start(connection: Connection, place: Place) -> io::Result<Self> {
        let (jobs, waiting) = bounded(QUEUE);
        let worker = Worker::spawn("oauth-sqlite-write", move || serve(&connection, &place, &waiting))?;
        Ok(Self { jobs, worker })
    }

    /// Enqueues an operation; from here on it runs whether or not anybody waits for the answer.
    pub(crate) fn enqueue<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError> {
        let (work, answer) = Work::of(operation);
        self.jobs.push(Box::new(work)).map_err(StoreError::unavailable)?;
        Ok(answer)
    }

    /// Enqueues a job that answers by itself. The queue may be full: of these there are few, and never many at a time.
    pub(crate) fn enqueue_job(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.jobs.push_past_the_limit(job).map_err(StoreError::unavailable)
    }

    /// Enqueues an operation that does nothing. Its outcome says nothing about the others; that it has one says that
    /// everything that was accepted before is done.
    pub(crate) fn barrier(&self) -> oneshot::Receiver<Result<(), StoreError>> {
        let (work, answer) = Work::of(|_| Ok(()));
        // When it is refused nothing is under way, and the dropped half of the channel says so.
        let _ = self.jobs.push_past_the_limit(Box::new(work));
        answer
    }

    /// Whether its thread runs.
    pub(crate) fn is_alive(&self) -> bool {
        self.jobs.is_served()
    }

    /// Finishes what was accepted, and closes the connection.
    pub(crate) async fn end(self) {
        let Self { jobs, worker } = self;
        drop(jobs);
        worker.end().await;
    }
}

/// One operation on its way through the writer, without the type of its answer.
pub(crate) trait Job: Send {
    /// Does the work; `false` when it failed, and what it changed must be undone.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Tells the caller what `run` found.
    fn answer(self: Box<Self>);
    /// Tells the caller that nothing happened, or that it is unknown.
    fn fail(self: Box<Self>, error: StoreError);
}

impl std::fmt::Debug for dyn Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

struct Work<T, F> {
    operation: Option<F>,
    result: Option<Result<T, Failure>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F: FnOnce(&Connection) -> Result<T, Failure>> Work<T, F> {
    fn of(operation: F) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Self { operation: Some(operation), result: None, reply }, answer)
    }
}

impl<T: Send, F: FnOnce(&Connection) -> Result<T, Failure> + Send> Job for Work<T, F> {
    fn run(&mut self, connection: &Connection) -> bool {
        self.result = self.operation.take().map(|operation| operation(connection));
        matches!(self.result, Some(Ok(_)))
    }

    fn answer(self: Box<Self>) {
        // A job that never ran drops its half of the channel, which the caller reads as `Unavailable`.
        if let Some(result) = self.result {
            let _ = self.reply.send(result.map_err(StoreError::from));
        }
    }

    fn fail(self: Box<Self>, error: StoreError) {
        let _ = self.reply.send(Err(error));
    }
}

fn serve(connection: &Connection, place: &Place, queue: &Exit<Box<dyn Job>>) {
    loop {
        let mut waiting = queue.take(GROUP);
        if waiting.is_empty() {
            return;
        }
        while !waiting.is_empty() {
            match begin(connection, place) {
                Ok(()) => run_group(connection, &mut waiting),
                Err(failure) => {
                    if failure.is_busy() {
                        // They waited for the same lock, and nobody is to wait for it twice.
                        waiting.append(&mut queue.take_all());
                    }
                    fail_all(waiting.drain(..), &failure);
                }
            }
        }
    }
}

/// Takes the write lock, if the file is still the one that was opened and has a schema that this build knows.
fn begin(connection: &Connection, place: &Place) -> Result<(), Failure> {
    execute(connection, "BEGIN IMMEDIATE")?;
    let judged = if place.is_unchanged() {
        migrate::judge_schema(connection)
    } else {
        Err(Failure::Moved("the database file was replaced; open it again".to_owned()))
    };
    if judged.is_err() {
        let _ = execute(connection, "ROLLBACK");
    }
    judged
}

/// Runs jobs in the transaction that was begun, each in a savepoint of its own, until none waits or SQLite gave the
/// transaction up.
fn run_group(connection: &Connection, waiting: &mut VecDeque<Box<dyn Job>>) {
    let mut done = Vec::with_capacity(waiting.len());
    while let Some(mut job) = waiting.pop_front() {
        let opened = execute(connection, "SAVEPOINT job");
        let stands = opened.is_ok() && job.run(connection);
        let settled = opened.and_then(|()| settle(connection, stands));
        if stands {
            done.push(job);
        } else {
            job.answer();
        }
        if let Err(error) = settled {
            // Disk full and I/O errors can undo the whole transaction: what ran before in it is gone too.
            let _ = execute(connection, "ROLLBACK");
            return fail_all(done, &error.into());
        }
    }
    match execute(connection, "COMMIT") {
        Ok(()) => done.into_iter().for_each(Job::answer),
        Err(error) => {
            let _ = execute(connection, "ROLLBACK");
            fail_all(done, &error.into());
        }
    }
}

/// Keeps or undoes what one job changed; an error when the transaction itself is lost.
fn settle(connection: &Connection, stands: bool) -> rusqlite::Result<()> {
    if !stands {
        execute(connection, "ROLLBACK TO job")?;
    }
    execute(connection, "RELEASE job")
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

fn fail_all(jobs: impl IntoIterator<Item = Box<dyn Job>>, failure: &Failure) {
    jobs.into_iter().for_each(|job| job.fail(failure.to_store_error()));
}

#[cfg(test)]
mod tests {
    use oauth_core::store::StoreErrorKind;

    use super::*;

    /// Runs one job that adds a row, and answers what its caller sees.
    fn run(connection: &Connection) -> Result<usize, StoreErrorKind> {
        let (work, mut answer) = Work::of(|connection| Ok(connection.execute("INSERT INTO t VALUES (1)", [])?));
        let mut waiting = VecDeque::from([Box::new(work) as Box<dyn Job>]);
        match begin(connection, &Place::of(&std::env::current_exe().unwrap()).unwrap()) {
            Ok(()) => run_group(connection, &mut waiting),
            Err(failure) => fail_all(waiting, &failure),
        }
        answer.try_recv().unwrap().unwrap().map_err(|error| error.kind())
    }

    #[test]
    fn a_read_only_file_is_unavailable_and_passes() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (n)").unwrap();
        connection.execute_batch("PRAGMA query_only = ON").unwrap();
        assert_eq!(run(&connection), Err(StoreErrorKind::Unavailable));
        connection.execute_batch("PRAGMA query_only = OFF").unwrap();
        assert_eq!(run(&connection), Ok(1));
    }

    #[test]
    fn a_commit_that_fails_acknowledges_nobody() {
        let connection = Connection::open_in_memory().unwrap();
        // A deferred constraint is judged by COMMIT alone.
        connection
            .execute_batch(
                "PRAGMA foreign_keys = ON; CREATE TABLE p (id INTEGER PRIMARY KEY);
                 CREATE TABLE t (n REFERENCES p DEFERRABLE INITIALLY DEFERRED)",
            )
            .unwrap();
        assert_eq!(run(&connection), Err(StoreErrorKind::Unavailable));
        assert!(connection.is_autocommit(), "the writer is ready for the next group");
        connection.execute_batch("INSERT INTO p VALUES (1)").unwrap();
        assert_eq!(run(&connection), Ok(1));
    }

    #[test]
    fn a_lost_transaction_fails_those_that_ran_in_it_and_spares_those_that_wait() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (n)").unwrap();
        let insert = |connection: &Connection| Ok(connection.execute("INSERT INTO t VALUES (1)", [])?);
        let (first, mut first_answer) = Work::of(insert);
        // What SQLite does by itself on some disk errors.
        let (losing, mut losing_answer) = Work::of(|connection| Ok(connection.execute_batch("ROLLBACK")?));
        let (last, mut last_answer) = Work::of(insert);
        let mut waiting = VecDeque::from([Box::new(first) as Box<dyn Job>, Box::new(losing), Box::new(last)]);
        execute(&connection, "BEGIN IMMEDIATE").unwrap();
        run_group(&connection, &mut waiting);
        assert_eq!(first_answer.try_recv().unwrap().unwrap().unwrap_err().kind(), StoreErrorKind::Unavailable);
        assert_eq!(losing_answer.try_recv().unwrap().unwrap().unwrap_err().kind(), StoreErrorKind::Unavailable);
        execute(&connection, "BEGIN IMMEDIATE").unwrap();
        run_group(&connection, &mut waiting);
        assert_eq!(last_answer.try_recv().unwrap().unwrap().unwrap(), 1);
        let rows: i64 = connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 1);
    }
}
