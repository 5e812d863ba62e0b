//! Removing what is of no use any more, a bounded number of rows at a time; and the mark of the clock.

use oauth_core::store::Purged;
use oauth_core::types::Timestamp;

use crate::Session;
use crate::codec::small;
use crate::error::Failure;
use crate::sql::params;

/// The most rows that one statement removes, so that it holds its locks for a few milliseconds only.
pub(crate) const STEP: u32 = 1_000;

pub(crate) const KINDS: u32 = 9;

/// Picks `:most` expired rows, and passes over those that somebody else is changing or removing: they are for the next
/// purge. A row that was changed meanwhile is judged anew when it is locked.
macro_rules! expired {
    ($table:literal, $end:literal) => {
        concat!(
            "ctid = ANY (ARRAY(SELECT ctid FROM @",
            $table,
            " WHERE tenant = :tenant AND ",
            $end,
            " < :before ORDER BY ",
            $end,
            " LIMIT :most FOR UPDATE SKIP LOCKED))"
        )
    };
}

/// Each removes expired rows of one kind.
pub(crate) const STATEMENTS: [&str; KINDS as usize] = [
    concat!("DELETE FROM @family WHERE ", expired!("family", "absolute_expires_at")),
    "UPDATE @family SET salt = NULL, salt_expires_at = NULL WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM @family WHERE tenant = :tenant AND salt IS NOT NULL AND salt_expires_at < :before
        ORDER BY salt_expires_at LIMIT :most FOR UPDATE SKIP LOCKED))",
    concat!("DELETE FROM @claim WHERE ", expired!("claim", "expires_at")),
    concat!("DELETE FROM @strike WHERE ", expired!("strike", "ends_at")),
    concat!("DELETE FROM @tombstone WHERE ", expired!("tombstone", "expires_at")),
    concat!("DELETE FROM @access_token WHERE ", expired!("access_token", "expires_at")),
    concat!("DELETE FROM @authorization_request WHERE ", expired!("authorization_request", "expires_at")),
    concat!("DELETE FROM @code WHERE ", expired!("code", "keep_until")),
    concat!("DELETE FROM @consent WHERE ", expired!("consent", "expires_at")),
];
/// Whether the first to expire of each kind has expired. Asked so, and not by `EXISTS`, because the planner takes a third
/// of all rows for expired and would look for one by reading the table.
pub(crate) const MORE: &str = "
    SELECT coalesce(least(
        (SELECT expires_at FROM @access_token WHERE tenant = :tenant ORDER BY expires_at LIMIT 1),
        (SELECT expires_at FROM @authorization_request WHERE tenant = :tenant ORDER BY expires_at LIMIT 1),
        (SELECT keep_until FROM @code WHERE tenant = :tenant ORDER BY keep_until LIMIT 1),
        (SELECT expires_at FROM @consent WHERE tenant = :tenant ORDER BY expires_at LIMIT 1),
        (SELECT expires_at FROM @tombstone WHERE tenant = :tenant ORDER BY expires_at LIMIT 1),
        (SELECT ends_at FROM @strike WHERE tenant = :tenant ORDER BY ends_at LIMIT 1),
        (SELECT expires_at FROM @claim WHERE tenant = :tenant ORDER BY expires_at LIMIT 1),
        (SELECT salt_expires_at FROM @family WHERE tenant = :tenant AND salt IS NOT NULL
            ORDER BY salt_expires_at LIMIT 1),
        (SELECT absolute_expires_at FROM @family WHERE tenant = :tenant ORDER BY absolute_expires_at LIMIT 1)
    ) < :before, FALSE)";

pub(crate) const RAISE_CLOCK: &str = "
    INSERT INTO @clock_mark AS held (tenant, at) VALUES (:tenant, :at)
    ON CONFLICT (tenant) DO UPDATE SET at = greatest(held.at, excluded.at) RETURNING at";
pub(crate) const READ_CLOCK: &str = "SELECT at FROM @clock_mark WHERE tenant = :tenant";

/// Which rows, of which kind, and at most how many.
pub(crate) type Step = (usize, Timestamp, u32);

/// Removes rows of one kind; answers how many.
pub(crate) async fn step(session: &Session<'_>, (kind, before, most): &Step) -> Result<u32, Failure> {
    let Some(statement) = STATEMENTS.get(*kind) else { return Ok(0) };
    let removed = session.change(statement, &params! { before: before.millis(), most: i64::from(*most) }).await?;
    small("(removed)", i64::try_from(removed).unwrap_or(i64::MAX))
}

pub(crate) async fn more(session: &Session<'_>, before: &Timestamp) -> Result<bool, Failure> {
    session.one(MORE, &params! { before: before.millis() }, |cells| cells.take()).await
}

pub(crate) async fn raise_clock(session: &Session<'_>, at: &Timestamp) -> Result<Timestamp, Failure> {
    session.one(RAISE_CLOCK, &params! { at: at.millis() }, |cells| cells.time()).await
}

pub(crate) async fn read_clock(session: &Session<'_>, (): &()) -> Result<Timestamp, Failure> {
    let mark = session.first(READ_CLOCK, &[], |cells| cells.time()).await?;
    Ok(mark.unwrap_or(Timestamp::from_millis(i64::MIN)))
}

/// What is left to do of one purge: an equal share of each kind first, so that none waits for the backlog of another,
/// then what there is.
#[derive(Debug)]
pub(crate) struct Plan {
    limit: u32,
    rows: u32,
    /// Whether a kind may have more than was removed.
    left: [bool; KINDS as usize],
}

impl Plan {
    pub(crate) const fn of(limit: u32) -> Self {
        Self { limit, rows: 0, left: [true; KINDS as usize] }
    }

    /// The kinds that may have more, each with the most that one statement may remove now; empty at the end.
    pub(crate) fn round(&self) -> Vec<(usize, u32)> {
        let kinds: Vec<usize> = (0..self.left.len()).filter(|kind| self.left.get(*kind) == Some(&true)).collect();
        let room = self.limit - self.rows;
        let waiting = u32::try_from(kinds.len()).unwrap_or(KINDS).max(1);
        // With less room than kinds, who comes first takes it.
        let share = (room / waiting).clamp(1, STEP);
        kinds.into_iter().map(|kind| (kind, share)).take(room as usize).collect()
    }

    /// Notes what a statement removed.
    pub(crate) fn removed(&mut self, kind: usize, most: u32, rows: u32) {
        self.rows = self.limit.min(self.rows.saturating_add(rows));
        if let Some(left) = self.left.get_mut(kind) {
            *left = rows >= most;
        }
    }

    pub(crate) const fn done(&self, more: bool) -> Purged {
        Purged { rows: self.rows, more }
    }
}
