//! The audit trail: the table `audit`, what is asked of it, and its purge. What comes into it comes by `audit_sink`.

use oauth_core::audit::{Event, LoginHash, What};
use oauth_core::store::{Purged, StoreError};
use oauth_core::types::{ClientId, Scope, Subject, Timestamp};
use rusqlite::{Connection, named_params, params};

use crate::error::Failure;
use crate::sql::{all, change, finds, first};
use crate::{SqliteStore, codec, purge};

/// The most events of one page.
const PAGE: u32 = 1000;

pub(crate) const INSERT: &str = "
    INSERT INTO audit (tenant, at, event, request, peer, client, subject, login_key, login_hash, scope, reason, json)
    VALUES (:tenant, :at, :event, :request, :peer, :client, :subject, :login_key, :login_hash, :scope, :reason, :json)";

/// A page; `:last` is the last moment, `:after` the row of the first moment to begin behind. The index is named, because
/// SQLite takes walking along time for as good as any other.
macro_rules! page {
    ($index:literal, $by:literal) => {
        concat!(
            "SELECT sequence, at, json FROM audit INDEXED BY ",
            $index,
            " WHERE tenant = :tenant AND ",
            $by,
            " AND at >= :from AND at <= :last AND (at > :from OR sequence > :after)
              AND (:client IS NULL OR client = :client) AND (:subject IS NULL OR subject = :subject)
              AND (:event IS NULL OR event = :event) AND (:reason IS NULL OR reason = :reason)
              ORDER BY at, sequence LIMIT :limit"
        )
    };
}

pub(crate) const PAGE_BY_TIME: &str = page!("audit_time", "TRUE");
pub(crate) const PAGE_BY_CLIENT: &str = page!("audit_client", "client = :client");
pub(crate) const PAGE_BY_SUBJECT: &str = page!("audit_subject", "subject = :subject");
pub(crate) const PAGE_BY_EVENT: &str = page!("audit_event", "event = :event");
pub(crate) const MOMENT: &str = "SELECT at FROM audit WHERE sequence = ?2 AND tenant = ?1";
/// In the order of the pages, so that a page's end that is gone has nothing before it.
pub(crate) const PURGE: &str = "
    DELETE FROM audit WHERE sequence IN (
        SELECT sequence FROM audit WHERE tenant = ?1 AND at < ?2 ORDER BY at, sequence LIMIT ?3)";
/// Of the tenant's oldest events, those that were written long enough ago by the numbers that the file gives out.
pub(crate) const PURGE_BEYOND: &str = "
    DELETE FROM audit WHERE +sequence <= ?2 AND sequence IN (
        SELECT sequence FROM audit INDEXED BY audit_time WHERE tenant = ?1 ORDER BY at, sequence LIMIT ?3)";
pub(crate) const PURGE_MORE: &str = "SELECT 1 FROM audit WHERE tenant = ?1 AND at < ?2";

/// Which events to read; what is `None` is not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditQuery {
    /// Of this client.
    pub client: Option<ClientId>,
    /// In this user's name.
    pub subject: Option<Subject>,
    /// Of this kind, such as `refused` ([`What::id`]).
    pub event: Option<String>,
    /// For this reason: a refusal's or fault's id, such as `refresh.replayed`.
    pub reason: Option<String>,
    /// Not before this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Behind the event with this sequence: the last one of the page before.
    pub after: Option<u64>,
    /// The most events of the page, up to 1,000. Default 100.
    pub limit: u32,
}

impl Default for AuditQuery {
    fn default() -> Self {
        Self {
            client: None,
            subject: None,
            event: None,
            reason: None,
            from: None,
            until: None,
            after: None,
            limit: 100,
        }
    }
}

/// One event of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Its number in the file, for ever; higher than those of all that were written before.
    pub sequence: u64,
    /// When it happened.
    pub at: Timestamp,
    /// All of it, as [`Event::to_json`] told it.
    pub json: String,
}

impl SqliteStore {
    /// A page of this tenant's audit trail, in the order in which the events happened; of those of one moment, in the order
    /// in which they were written. A page with fewer events than `limit` and than 1,000 is the last one.
    ///
    /// Reads along an index: the user's events if one is given, else the client's, else those of the kind, else all of
    /// the time; the rest of the query is asked of each of them. So give a time too where a client has many events.
    ///
    /// Events are written a moment after they happened, and slow requests later than quick ones. Who follows the trail while
    /// it grows asks again from some minutes before the end, and knows by the sequence what it has seen.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit_events(&self, query: AuditQuery) -> Result<Vec<RecordedEvent>, StoreError> {
        self.read(move |connection, tenant| events(connection, tenant, &query)).await
    }

    /// Removes this tenant's events that happened before a time, the oldest first, at most `limit` of them.
    ///
    /// # Errors
    /// [`StoreError`]; what was removed before stays removed.
    pub async fn purge_audit(&self, before: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let mut rows = 0;
        loop {
            let most = purge::STEP.min(limit - rows);
            let step = self.write(move |connection, tenant| purge_step(connection, tenant, before, most)).await?;
            rows += step.rows;
            if !step.more || rows >= limit {
                return Ok(Purged { rows, more: step.more });
            }
        }
    }
}

fn events(connection: &Connection, tenant: &str, query: &AuditQuery) -> Result<Vec<RecordedEvent>, Failure> {
    let AuditQuery { client, subject, event, reason, from, until, after, limit } = query;
    let from = from.map_or(i64::MIN, Timestamp::millis);
    let (from, after) = match begin(connection, tenant, *after)? {
        Some((at, sequence)) if at >= from => (at, sequence),
        _ => (from, i64::MIN),
    };
    let last = match until {
        Some(until) => match until.millis().checked_sub(1) {
            Some(last) => last,
            None => return Ok(Vec::new()),
        },
        None => i64::MAX,
    };
    let sql = match (subject, client, event) {
        (Some(_), _, _) => PAGE_BY_SUBJECT,
        (None, Some(_), _) => PAGE_BY_CLIENT,
        (None, None, Some(_)) => PAGE_BY_EVENT,
        (None, None, None) => PAGE_BY_TIME,
    };
    let asked = named_params! {
        ":tenant": tenant,
        ":client": client.as_ref().map(ClientId::as_str),
        ":subject": subject.as_ref().map(Subject::as_str),
        ":event": event,
        ":reason": reason,
        ":from": from,
        ":last": last,
        ":after": after,
        ":limit": limit.min(&PAGE),
    };
    all(connection, sql, asked, |cells| {
        let sequence = cells.take::<i64>()?;
        Ok(RecordedEvent { sequence: codec::small("sequence", sequence)?, at: cells.time()?, json: cells.take()? })
    })
}

/// Where a page begins. An event that is gone was purged, and all before it.
fn begin(connection: &Connection, tenant: &str, after: Option<u64>) -> Result<Option<(i64, i64)>, Failure> {
    let Some(sequence) = after.and_then(|sequence| i64::try_from(sequence).ok()) else { return Ok(None) };
    first(connection, MOMENT, params![tenant, sequence], |cells| Ok((cells.take()?, sequence)))
}

fn purge_step(connection: &Connection, tenant: &str, before: Timestamp, most: u32) -> Result<Purged, Failure> {
    let rows = remove(connection, tenant, before, most)?;
    Ok(Purged { rows, more: finds(connection, PURGE_MORE, params![tenant, before.millis()])? })
}

/// Removes the oldest events before a time.
pub(crate) fn remove(connection: &Connection, tenant: &str, before: Timestamp, most: u32) -> Result<u32, Failure> {
    let removed = change(connection, PURGE, params![tenant, before.millis(), most])?;
    Ok(u32::try_from(removed).unwrap_or(most))
}

/// Removes events of the tenant that were written before the last `kept` ones of the file.
pub(crate) fn remove_beyond(connection: &Connection, tenant: &str, kept: u64, most: u32) -> Result<(), Failure> {
    let last = connection.last_insert_rowid();
    let beyond = last.saturating_sub(i64::try_from(kept).unwrap_or(i64::MAX));
    change(connection, PURGE_BEYOND, params![tenant, beyond, most]).map(drop)
}

/// An event as its row.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) at: Timestamp,
    event: &'static str,
    request: String,
    peer: Option<String>,
    client: Option<ClientId>,
    subject: Option<Subject>,
    login: Option<LoginHash>,
    scope: Option<Scope>,
    reason: Option<&'static str>,
    json: String,
}

impl Row {
    pub(crate) fn of(event: &Event) -> Self {
        let Event { at, correlation_id, peer, client, subject, login, scope, what } = event;
        let granted = if let What::TokenIssued { scope, .. } = what { Some(scope) } else { None };
        Self {
            at: *at,
            event: what.id(),
            request: correlation_id.to_string(),
            peer: peer.map(|peer| peer.to_string()),
            client: client.clone(),
            subject: subject.clone(),
            login: login.clone(),
            scope: granted.or(scope.as_ref()).cloned(),
            reason: match what {
                What::Faulted { fault, .. } => Some(fault),
                What::Refused(refusal) | What::RevocationIgnored { why: refusal } => Some(refusal.id()),
                _ => None,
            },
            json: event.to_json(),
        }
    }

    pub(crate) fn insert(&self, connection: &Connection, tenant: &str) -> Result<(), Failure> {
        let Self { at, event, request, peer, client, subject, login, scope, reason, json } = self;
        let row = named_params! {
            ":tenant": tenant,
            ":at": at.millis(),
            ":event": event,
            ":request": request,
            ":peer": peer,
            ":client": client.as_ref().map(ClientId::as_str),
            ":subject": subject.as_ref().map(Subject::as_str),
            ":login_key": login.as_ref().map(|login| login.key.as_str()),
            ":login_hash": login.as_ref().map(|login| login.hash.as_bytes()),
            ":scope": scope.as_ref().map(codec::scope).transpose()?,
            ":reason": reason,
            ":json": json,
        };
        change(connection, INSERT, row).map(drop)
    }
}
