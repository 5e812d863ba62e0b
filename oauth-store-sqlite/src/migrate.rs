//! The schema and how a file comes to it.

use std::path::Path;

use rusqlite::Connection;

use crate::error::Failure;
use crate::{OpenError, connection, location};

/// One step of the schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The schema version that it leads to, from 1 without a gap; kept as `PRAGMA user_version`.
    pub version: u32,
    /// What it does, in a word.
    pub name: &'static str,
    /// The statements, to be run in one transaction. They set `application_id` and `user_version` themselves.
    pub sql: &'static str,
}

/// Every step of the schema, oldest first, for those who apply it with tools of their own.
///
/// A new name of an enum or a new member of a JSON object needs a step too, were it only to raise `user_version`: a
/// build that does not know it must refuse the file and not find its rows corrupt.
pub const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "initial", sql: include_str!("../migrations/0001_initial.sql") },
    Migration { version: 2, name: "authorization", sql: include_str!("../migrations/0002_authorization.sql") },
];

/// `PRAGMA application_id` of our files: the bytes `OAUT`.
const APPLICATION_ID: i64 = 0x4f41_5554;

/// Brings a file to the newest schema without opening a store on it; makes the file if there is none.
///
/// [`Database::open`](crate::Database::open) does the same by itself. Call this where the schema is changed by another
/// process than the one that serves. Blocks.
///
/// # Errors
/// [`OpenError`]; then the file has the schema it had.
pub fn migrate(url_or_path: impl AsRef<Path>) -> Result<(), OpenError> {
    let path = location::create(&location::parse(url_or_path.as_ref())?)?;
    open_migrated(&path).map(drop)
}

/// A connection, set up, to a file that is ours and has the newest schema.
pub(crate) fn open_migrated(path: &Path) -> Result<Connection, OpenError> {
    connection::judge_sqlite()?;
    let failed = |error| OpenError::sqlite(path, error);
    let connection = connection::open(path).map_err(failed)?;
    // Judge the file before the first change to it: the journal mode is one.
    identify(&connection, path)?;
    connection::configure(&connection).map_err(failed)?;
    connection.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
    // Another process may have migrated since.
    let applied = identify(&connection, path).and_then(|current| apply(&connection, current).map_err(failed));
    match applied {
        Ok(()) => connection.execute_batch("COMMIT").map_err(failed)?,
        Err(error) => {
            // The error says more than a failing ROLLBACK; dropping the connection rolls back too.
            let _ = connection.execute_batch("ROLLBACK");
            return Err(error);
        }
    }
    Ok(connection)
}

/// Refuses to write when another process brought the file to a newer schema while it was open here. For use within a
/// transaction.
pub(crate) fn judge_schema(connection: &Connection) -> Result<(), Failure> {
    let found: i64 = connection.prepare_cached("PRAGMA user_version")?.query_row([], |row| row.get(0))?;
    let known = known();
    if found > i64::from(known) {
        let text = format!("the database has schema {found} now, this build knows schemas up to {known}; update it");
        return Err(Failure::Moved(text));
    }
    Ok(())
}

/// The newest schema of this build.
fn known() -> u32 {
    MIGRATIONS.last().map_or(0, |newest| newest.version)
}

fn apply(connection: &Connection, current: u32) -> rusqlite::Result<()> {
    MIGRATIONS.iter().filter(|step| step.version > current).try_for_each(|step| connection.execute_batch(step.sql))
}

/// The schema of the file; 0 when it is empty.
fn identify(connection: &Connection, path: &Path) -> Result<u32, OpenError> {
    let facts = "SELECT (SELECT application_id FROM pragma_application_id),
                        (SELECT user_version FROM pragma_user_version),
                        (SELECT count(*) FROM sqlite_schema)";
    let (application, version, objects): (i64, i64, i64) = connection
        .query_row(facts, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .map_err(|error| OpenError::sqlite(path, error))?;
    let known = known();
    match (application, u32::try_from(version)) {
        (0, Ok(0)) if objects == 0 => Ok(0),
        (APPLICATION_ID, Ok(found)) if found > known => Err(OpenError::Newer { path: path.to_owned(), found, known }),
        (APPLICATION_ID, Ok(found)) if found > 0 => Ok(found),
        _ => Err(OpenError::Foreign { path: path.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_migration_leads_to_its_own_version_and_marks_the_file_as_ours() {
        let connection = Connection::open_in_memory().unwrap();
        for (step, version) in MIGRATIONS.iter().zip(1..) {
            assert_eq!(step.version, version);
            connection.execute_batch(step.sql).unwrap();
            assert_eq!(identify(&connection, Path::new("x")).unwrap(), version);
        }
    }

    #[test]
    fn the_tenant_is_the_first_column_of_every_key_and_index() {
        let connection = Connection::open_in_memory().unwrap();
        apply(&connection, 0).unwrap();
        let mut query = connection
            .prepare(
                "SELECT list.name, column.name FROM sqlite_schema AS tables, pragma_index_list(tables.name) AS list,
                    pragma_index_info(list.name) AS column WHERE tables.type = 'table' AND column.seqno = 0",
            )
            .unwrap();
        let firsts: Vec<(String, String)> =
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
        assert!(firsts.len() >= 14, "{firsts:?}");
        for (index, column) in firsts {
            assert_eq!(column, "tenant", "{index}");
        }
    }
}
