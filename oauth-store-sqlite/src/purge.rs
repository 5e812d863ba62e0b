//! Removing what is of no use any more, a bounded number of rows at a time; and the mark of the clock.

use oauth_core::store::Purged;
use oauth_core::types::Timestamp;
use rusqlite::{Connection, params};

use crate::error::Failure;
use crate::sql::{change, finds, first};

/// Rows that one transaction removes, so that whoever writes meanwhile waits a few milliseconds at most.
pub(crate) const STEP: u32 = 256;

/// Removes expired rows of one table, at most `?3`.
pub(crate) const STATEMENTS: [&str; 3] = [
    "DELETE FROM family WHERE rowid IN (
        SELECT rowid FROM family WHERE tenant = ?1 AND absolute_expires_at < ?2
        ORDER BY absolute_expires_at LIMIT ?3)",
    "DELETE FROM tombstone WHERE tenant = ?1 AND id IN (
        SELECT id FROM tombstone WHERE tenant = ?1 AND expires_at < ?2 ORDER BY expires_at LIMIT ?3)",
    "DELETE FROM access_token WHERE rowid IN (
        SELECT rowid FROM access_token WHERE tenant = ?1 AND expires_at < ?2 ORDER BY expires_at LIMIT ?3)",
];
pub(crate) const MORE: &str = "
    SELECT 1 WHERE EXISTS (SELECT 1 FROM access_token WHERE tenant = ?1 AND expires_at < ?2)
        OR EXISTS (SELECT 1 FROM tombstone WHERE tenant = ?1 AND expires_at < ?2)
        OR EXISTS (SELECT 1 FROM family WHERE tenant = ?1 AND absolute_expires_at < ?2)";

pub(crate) const RAISE_CLOCK: &str = "
    INSERT INTO clock_mark (tenant, at) VALUES (?1, ?2)
    ON CONFLICT DO UPDATE SET at = max(at, excluded.at) RETURNING at";
pub(crate) const READ_CLOCK: &str = "SELECT at FROM clock_mark WHERE tenant = ?1";

/// Removes up to `limit` rows: a third of each table first, so that none waits for the backlog of another, then what
/// there is.
pub(crate) fn step(connection: &Connection, tenant: &str, before: Timestamp, limit: u32) -> Result<Purged, Failure> {
    let mut rows = 0;
    for share in [limit.div_ceil(3), limit] {
        for statement in STATEMENTS {
            let most = share.min(limit - rows);
            let removed = change(connection, statement, params![tenant, before.millis(), most])?;
            rows = limit.min(rows + u32::try_from(removed).unwrap_or(limit));
        }
    }
    Ok(Purged { rows, more: finds(connection, MORE, params![tenant, before.millis()])? })
}

pub(crate) fn raise_clock(connection: &Connection, tenant: &str, at: Timestamp) -> Result<Timestamp, Failure> {
    let raised = first(connection, RAISE_CLOCK, params![tenant, at.millis()], |cells| cells.time())?;
    raised.ok_or_else(|| Failure::row("at", "the mark was not returned"))
}

pub(crate) fn read_clock(connection: &Connection, tenant: &str) -> Result<Timestamp, Failure> {
    let mark = first(connection, READ_CLOCK, params![tenant], |cells| cells.time())?;
    Ok(mark.unwrap_or(Timestamp::from_millis(i64::MIN)))
}
