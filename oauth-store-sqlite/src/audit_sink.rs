//! The way of events into the trail: a queue, and one batch at a time through the writer that grants go through too.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use futures_channel::oneshot;
use oauth_core::audit::{AuditLost, AuditSink, Event, Losses};
use oauth_core::store::StoreError;
use oauth_core::types::{Lifetime, Tenant, Timestamp};
use rusqlite::{Connection, params};

use crate::audit::{self, Row};
use crate::error::Failure;
use crate::purge::READ_CLOCK;
use crate::sql::first;
use crate::writer::Job;
use crate::{Database, SqliteStore};

/// Events of one batch: twice the operations of one transaction, so that the trail keeps up with the grants, whatever
/// their number.
const BATCH: usize = 256;
/// Expired events that go with a batch, besides two for each event of it.
const PURGED_BESIDES: u32 = 8;

/// How a sink works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSettings {
    /// How many events may wait, 1 or more (0 is taken as 1). Default 8,192, in some megabytes.
    pub queue: usize,
    /// How long events are kept. Default: for ever.
    ///
    /// Each batch that is written removes up to twice as many events as it adds, and eight, whose time is over: when
    /// nothing happens, nothing is removed. Time is that of the batch's last event, but no later than the mark that
    /// the server's clock left in the same tenant, so that a clock that jumped ahead destroys nothing.
    pub retention: Option<Lifetime>,
    /// How many events of all tenants the file keeps, about: beyond it the oldest of this tenant go, whatever their age,
    /// because refusals are events and strangers cause them. Default 1,000,000, in some 500 MB; `None` is no bound.
    pub most: Option<u64>,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { queue: 8192, retention: None, most: Some(1_000_000) }
    }
}

impl SqliteStore {
    /// A sink for the audit trail of this tenant, in the same file.
    #[must_use]
    pub fn audit_sink(&self, settings: AuditSettings) -> SqliteAudit {
        let AuditSettings { queue, retention, most } = settings;
        let trail = Arc::new(Trail {
            database: self.database().clone(),
            tenant: self.tenant().clone(),
            capacity: queue.max(1),
            retention,
            most,
            state: Mutex::default(),
            losses: Losses::of("sqlite"),
        });
        self.keep_trail(&trail);
        SqliteAudit { trail }
    }
}

/// Writes the audit trail of one tenant into its database.
///
/// Recording takes a copy into a queue and never waits. The events go through the one writer of the file, in batches of up
/// to 256 that share the transactions of grants; no more than one batch waits there at a time, so that grants never stand
/// behind a backlog of events. An event is durable once its batch is committed, as everything else in the file:
/// [`flush`](Self::flush) waits for that. What still waits when the process is killed is lost.
///
/// *A full queue* loses the event: it is counted, and the log (target `oauth`) told once a minute how many.
/// *While the database fails*, every event is lost and starts another attempt; what was accepted before waits, and is
/// written by the first one that works.
///
/// Closing the store, or the database, writes what waits and closes the sink; so shut the server down as always.
/// Dropping the sink writes what waits too, but nobody can wait for it.
#[derive(Debug)]
pub struct SqliteAudit {
    trail: Arc<Trail>,
}

impl SqliteAudit {
    /// Waits until every event that was accepted before is committed.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be written; they go on waiting, unless the sink was closed.
    pub async fn flush(&self) -> Result<(), StoreError> {
        match self.trail.wait_for_all()? {
            None => Ok(()),
            Some(written) => written.await.unwrap_or_else(|_| Err(StoreError::unavailable("the sink has ended"))),
        }
    }

    /// How many events were lost so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.trail.losses.total()
    }
}

impl AuditSink for SqliteAudit {
    fn record(&self, event: &Event) -> Result<(), AuditLost> {
        self.trail.accept(Row::of(event)).map_err(|why| {
            self.trail.losses.count(1, &why, event.at);
            AuditLost
        })
    }

    fn ready(&self) -> Result<(), AuditLost> {
        if self.trail.ready() { Ok(()) } else { Err(AuditLost) }
    }
}

impl Drop for SqliteAudit {
    fn drop(&mut self) {
        self.trail.close();
    }
}

/// The sinks of a store or a database, to be closed with it.
#[derive(Debug, Default)]
pub(crate) struct Trails(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    trails: Vec<Weak<Trail>>,
    closed: bool,
}

impl Trails {
    pub(crate) fn keep(&self, trail: &Arc<Trail>) {
        let mut kept = self.lock();
        if kept.closed {
            drop(kept);
            return trail.close();
        }
        kept.trails.retain(|trail| trail.strong_count() > 0);
        kept.trails.push(Arc::downgrade(trail));
    }

    /// Closes them all; a barrier that is enqueued afterwards tells when what waited is written.
    pub(crate) fn close(&self) {
        let mut kept = self.lock();
        kept.closed = true;
        let trails = take(&mut kept.trails);
        drop(kept);
        trails.iter().filter_map(Weak::upgrade).for_each(|trail| trail.close());
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a sink and its batches share.
#[derive(Debug)]
pub(crate) struct Trail {
    database: Database,
    tenant: Tenant,
    capacity: usize,
    retention: Option<Lifetime>,
    most: Option<u64>,
    state: Mutex<State>,
    losses: Losses,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Row>,
    /// Batches on their way through the writer: one at most, and the last one of a sink that was closed.
    batches: u32,
    /// Why the database fails, while it does.
    failing: Option<String>,
    closed: bool,
    accepted: u64,
    committed: u64,
    flushes: Vec<Flush>,
}

/// Somebody waits until so many events are committed.
#[derive(Debug)]
struct Flush {
    accepted: u64,
    written: oneshot::Sender<Result<(), StoreError>>,
}

type Written = oneshot::Receiver<Result<(), StoreError>>;

impl Trail {
    /// Takes an event, or says why not. Either way a batch is on its way then, if one could help.
    fn accept(self: &Arc<Self>, row: Row) -> Result<(), Cow<'static, str>> {
        let mut state = self.lock();
        let refused = self.refuses(&state);
        if refused.is_none() {
            state.waiting.push_back(row);
            state.accepted += 1;
        }
        self.start_batch(state);
        refused.map_or(Ok(()), Err)
    }

    /// Whether an event would be taken now. Asking starts a batch too, if one could help.
    fn ready(self: &Arc<Self>) -> bool {
        let state = self.lock();
        let refused = self.refuses(&state).is_some();
        if refused {
            self.start_batch(state);
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

    /// For a flush; `None` when there is nothing to wait for.
    fn wait_for_all(self: &Arc<Self>) -> Result<Option<Written>, StoreError> {
        let mut state = self.lock();
        if state.committed == state.accepted {
            return Ok(None);
        }
        if state.closed && state.batches == 0 {
            return Err(StoreError::unavailable("the sink was closed and could not write"));
        }
        let (written, receiver) = oneshot::channel();
        let accepted = state.accepted;
        state.flushes.push(Flush { accepted, written });
        self.start_batch(state);
        Ok(Some(receiver))
    }

    /// Takes no more events, and sends all that wait on their way.
    fn close(self: &Arc<Self>) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.closed = true;
        if state.waiting.is_empty() {
            let ended = state.batches == 0;
            drop(state);
            if ended {
                self.losses.finish();
            }
            return;
        }
        state.batches += 1;
        drop(state);
        self.enqueue(usize::MAX);
    }

    /// Starts a batch if there is something for it and none is under way.
    fn start_batch(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        if state.waiting.is_empty() || state.batches > 0 || state.closed {
            return;
        }
        state.batches = 1;
        drop(state);
        self.enqueue(BATCH);
    }

    fn enqueue(self: &Arc<Self>, most: usize) {
        let outcome = Err("the writer has ended".to_owned());
        let batch = Batch { trail: Arc::clone(self), most, rows: Vec::new(), written: None, outcome };
        // One that is refused is dropped, and settles itself as failed.
        let _ = self.database.enqueue_job(Box::new(batch));
    }

    fn take(&self, most: usize) -> Vec<Row> {
        let mut state = self.lock();
        let count = most.min(state.waiting.len());
        state.waiting.drain(..count).collect()
    }

    fn write(&self, connection: &Connection, rows: &[Row]) -> Result<(), Failure> {
        let tenant = self.tenant.as_str();
        rows.iter().try_for_each(|row| row.insert(connection, tenant))?;
        let most = u32::try_from(rows.len()).unwrap_or(u32::MAX).saturating_mul(2).saturating_add(PURGED_BESIDES);
        if let Some(kept) = self.most {
            audit::remove_beyond(connection, tenant, kept, most)?;
        }
        let (Some(kept_for), Some(now)) = (self.retention, newest(rows)) else { return Ok(()) };
        let mark = first(connection, READ_CLOCK, params![tenant], |cells| cells.time())?;
        let now = mark.map_or(now, |mark| now.min(mark));
        audit::remove(connection, tenant, now.minus(kept_for), most).map(drop)
    }

    /// A batch is over: its rows are in the file, or back in the queue.
    fn settle(self: &Arc<Self>, rows: Vec<Row>, outcome: &Result<(), String>) {
        let newest = newest(&rows);
        let mut state = self.lock();
        state.batches = state.batches.saturating_sub(1);
        let flushes = match outcome {
            Ok(()) => state.commit(rows.len()),
            Err(why) => state.put_back(rows, why),
        };
        // The last batch of a sink that was closed took all there was: what is left was put back.
        let ended = state.closed && state.batches == 0;
        let (lost, unwritten) =
            if ended { (take(&mut state.waiting), take(&mut state.flushes)) } else { Default::default() };
        if outcome.is_ok() {
            self.start_batch(state)
        } else {
            drop(state)
        }

        for flush in flushes {
            flush.tell(outcome);
        }
        for flush in unwritten {
            flush.tell(&Err("the sink was closed".to_owned()));
        }
        if let Some(last) = lost.back() {
            let why = outcome.as_ref().err().map_or("the sink was closed", String::as_str);
            self.losses.count(u64::try_from(lost.len()).unwrap_or(u64::MAX), &why, last.at);
        }
        match newest {
            _ if ended => self.losses.finish(),
            Some(at) if outcome.is_ok() => self.losses.remind(at),
            _ => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under the lock with the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// So many more events are in the file; answers who waited for that.
    fn commit(&mut self, events: usize) -> Vec<Flush> {
        self.failing = None;
        self.committed += u64::try_from(events).unwrap_or(u64::MAX);
        let (done, waiting) = take(&mut self.flushes).into_iter().partition(|flush| flush.accepted <= self.committed);
        self.flushes = waiting;
        done
    }

    /// These are in the queue again, as the first; answers who waited.
    fn put_back(&mut self, rows: Vec<Row>, why: &str) -> Vec<Flush> {
        self.failing = Some(why.to_owned());
        rows.into_iter().rev().for_each(|row| self.waiting.push_front(row));
        take(&mut self.flushes)
    }
}

impl Flush {
    fn tell(self, outcome: &Result<(), String>) {
        // Whoever waited may be gone.
        let _ = self.written.send(outcome.clone().map_err(StoreError::unavailable));
    }
}

/// Some events on their way through the writer. It settles when it is dropped, wherever that happens.
struct Batch {
    trail: Arc<Trail>,
    most: usize,
    rows: Vec<Row>,
    /// What `run` found; it stands when the transaction is committed.
    written: Option<Result<(), String>>,
    outcome: Result<(), String>,
}

impl Job for Batch {
    fn run(&mut self, connection: &Connection) -> bool {
        self.rows = self.trail.take(self.most);
        let written = self.trail.write(connection, &self.rows).map_err(|failure| failure.to_string());
        let stands = written.is_ok();
        self.written = Some(written);
        stands
    }

    fn answer(mut self: Box<Self>) {
        if let Some(written) = self.written.take() {
            self.outcome = written;
        }
    }

    fn fail(mut self: Box<Self>, error: StoreError) {
        self.outcome = Err(error.to_string());
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.trail.settle(take(&mut self.rows), &self.outcome);
    }
}

fn newest(rows: &[Row]) -> Option<Timestamp> {
    rows.iter().map(|row| row.at).max()
}
