//! Removing what is of no use any more, a bounded number of rows at a time; and the mark of the clock.

use oauth_core::store::Purged;
use oauth_core::types::Timestamp;
use rusqlite::{Connection, params};

use crate::error::Failure;
use crate::sql::{change, finds, first};

/// Rows that one transaction removes, so that whoever writes meanwhile waits a few milliseconds at most.
pub(crate) const STEP: u32 = 256;

const KINDS: u32 = 9;
/// Each removes expired rows of one kind, at most `?3`. A salt that a rotation replaced meanwhile has another end, so
/// its end is asked again where it is cleared.
pub(crate) const STATEMENTS: [&str; KINDS as usize] = [
    "DELETE FROM authorization_request WHERE rowid IN (
        SELECT rowid FROM authorization_request WHERE tenant = ?1 AND expires_at < ?2 ORDER BY expires_at LIMIT ?3)",
    "DELETE FROM code WHERE rowid IN (
        SELECT rowid FROM code WHERE tenant = ?1 AND keep_until < ?2 ORDER BY keep_until LIMIT ?3)",
    "DELETE FROM consent WHERE rowid IN (
        SELECT rowid FROM consent WHERE tenant = ?1 AND expires_at < ?2 ORDER BY expires_at LIMIT ?3)",
    "DELETE FROM family WHERE rowid IN (
        SELECT rowid FROM family WHERE tenant = ?1 AND absolute_expires_at < ?2
        ORDER BY absolute_expires_at LIMIT ?3)",
    "UPDATE family SET salt = NULL, salt_expires_at = NULL WHERE rowid IN (
        SELECT rowid FROM family WHERE tenant = ?1 AND salt IS NOT NULL AND salt_expires_at < ?2
        ORDER BY salt_expires_at LIMIT ?3) AND salt_expires_at < ?2",
    "DELETE FROM claim WHERE tenant = ?1 AND digest IN (
        SELECT digest FROM claim WHERE tenant = ?1 AND expires_at < ?2 ORDER BY expires_at LIMIT ?3)",
    "DELETE FROM strike WHERE tenant = ?1 AND account IN (
        SELECT account FROM strike WHERE tenant = ?1 AND ends_at < ?2 ORDER BY ends_at LIMIT ?3) AND ends_at < ?2",
    "DELETE FROM tombstone WHERE tenant = ?1 AND id IN (
        SELECT id FROM tombstone WHERE tenant = ?1 AND expires_at < ?2 ORDER BY expires_at LIMIT ?3)",
    "DELETE FROM access_token WHERE rowid IN (
        SELECT rowid FROM access_token WHERE tenant = ?1 AND expires_at < ?2 ORDER BY expires_at LIMIT ?3)",
];
pub(crate) const MORE: &str = "
    SELECT 1 WHERE EXISTS (SELECT 1 FROM access_token WHERE tenant = ?1 AND expires_at < ?2)
        OR EXISTS (SELECT 1 FROM tombstone WHERE tenant = ?1 AND expires_at < ?2)
        OR EXISTS (SELECT 1 FROM strike WHERE tenant = ?1 AND ends_at < ?2)
        OR EXISTS (SELECT 1 FROM claim WHERE tenant = ?1 AND expires_at < ?2)
        OR EXISTS (SELECT 1 FROM family WHERE tenant = ?1 AND salt IS NOT NULL AND salt_expires_at < ?2)
        OR EXISTS (SELECT 1 FROM family WHERE tenant = ?1 AND absolute_expires_at < ?2)
        OR EXISTS (SELECT 1 FROM consent WHERE tenant = ?1 AND expires_at < ?2)
        OR EXISTS (SELECT 1 FROM code WHERE tenant = ?1 AND keep_until < ?2)
        OR EXISTS (SELECT 1 FROM authorization_request WHERE tenant = ?1 AND expires_at < ?2)";

pub(crate) const RAISE_CLOCK: &str = "
    INSERT INTO clock_mark (tenant, at) VALUES (?1, ?2)
    ON CONFLICT DO UPDATE SET at = max(at, excluded.at) RETURNING at";
pub(crate) const READ_CLOCK: &str = "SELECT at FROM clock_mark WHERE tenant = ?1";

/// Removes up to `limit` rows: an equal share of each kind first, so that none waits for the backlog of another, then
/// what there is.
pub(crate) fn step(connection: &Connection, tenant: &str, before: Timestamp, limit: u32) -> Result<Purged, Failure> {
    let mut rows = 0;
    for share in [limit / KINDS, limit] {
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
