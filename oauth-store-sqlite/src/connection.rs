//! How a connection is opened and set up. Every connection of this crate is made here.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Result};

use crate::OpenError;

/// Waits of [`wait_for_lock`] until it gives up: about five seconds.
const PATIENCE: i32 = 360;
/// The longest single wait.
const LONGEST_WAIT: Duration = Duration::from_millis(20);
/// Prepared statements that a connection keeps; more than the crate has.
const STATEMENTS: usize = 128;

/// The oldest SQLite whose WAL several processes can share: 3.51.3. In older ones a log that is reset while another
/// connection writes can corrupt the file.
const OLDEST: i32 = 3_051_003;

/// Refuses an SQLite that is too old; the host may have linked one of its own.
pub(crate) fn judge_sqlite() -> std::result::Result<(), OpenError> {
    judge_version(rusqlite::version_number())
}

fn judge_version(linked: i32) -> std::result::Result<(), OpenError> {
    if linked < OLDEST { Err(OpenError::OldSqlite { found: rusqlite::version() }) } else { Ok(()) }
}

/// Opens an existing file and changes nothing in it. A `file:` name is a name, not a URI.
pub(crate) fn open(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    be_patient(&mut connection)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// The older of the `rusqlite` versions want a function pointer and a shared reference here, the newer ones any
/// function and an exclusive one; this is both.
fn be_patient(connection: &mut Connection) -> Result<()> {
    connection.busy_handler(Some(wait_for_lock as fn(i32) -> bool))
}

/// Sets what durability rests on, and checks that it is in force.
///
/// `synchronous=FULL` because in WAL mode `NORMAL` can lose a committed transaction when the power fails, and a lost
/// commit un-spends a token. `fullfsync` asks macOS for what `fsync` does elsewhere. A log
/// that grew past 16 MiB in a rush is cut back to that.
pub(crate) fn configure(connection: &Connection) -> Result<()> {
    let mode: String = retry_busy(|| connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)))?;
    if mode != "wal" {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
            Some(format!("the file cannot be used in WAL mode, only in mode `{mode}`")),
        ));
    }
    connection.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA fullfsync = ON;
         PRAGMA checkpoint_fullfsync = ON;
         PRAGMA journal_size_limit = 16777216;
         PRAGMA trusted_schema = OFF;",
    )
}

/// Makes the connection refuse to write.
pub(crate) fn read_only(connection: &Connection) -> Result<()> {
    connection.execute_batch("PRAGMA query_only = ON")
}

/// SQLite does not ask the busy handler when two connections switch the journal mode at the same time.
fn retry_busy<T>(mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let mut waits = 0;
    loop {
        match attempt() {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && wait_for_lock(waits) => {
                waits += 1;
            }
            done => return done,
        }
    }
}

/// Waits a little for another process to let go; `false` when it was asked often enough.
///
/// The waits grow to [`LONGEST_WAIT`] and each is cut by a random part of up to a half, so that processes that wait
/// for the same lock do not come back in step.
fn wait_for_lock(waits: i32) -> bool {
    if waits >= PATIENCE {
        return false;
    }
    let longest = LONGEST_WAIT.min(Duration::from_millis(1) * (1 << waits.clamp(0, 10)));
    let random = RandomState::new().build_hasher().finish() % 1024;
    sleep(longest - longest * u32::try_from(random).unwrap_or(0) / 2048);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sqlite_that_is_too_old_is_refused_in_words() {
        judge_sqlite().unwrap();
        judge_version(OLDEST).unwrap();
        for old in [3_007_000, 3_046_000, 3_050_004, 3_051_002] {
            let error = judge_version(old).unwrap_err();
            assert!(matches!(error, OpenError::OldSqlite { .. }), "{old}");
            assert!(error.to_string().contains("at least 3.51.3"), "{error}");
        }
    }
}
