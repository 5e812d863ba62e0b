//! Running one statement: prepared once for each connection, its rows read with suspicion.

use rusqlite::types::{FromSql, ValueRef};
use rusqlite::{Connection, Params, Row};

use crate::error::Failure;

/// The cells of one row, taken in the order of the `SELECT` list.
pub(crate) struct Cells<'a, 'row> {
    row: &'a Row<'row>,
    next: usize,
}

impl Cells<'_, '_> {
    /// The next cell.
    pub(crate) fn take<T: FromSql>(&mut self) -> Result<T, Failure> {
        let value = self.row.get(self.next)?;
        self.next += 1;
        Ok(value)
    }

    /// Whether the next cell holds nothing; it stays the next.
    pub(crate) fn is_next_null(&self) -> Result<bool, Failure> {
        Ok(self.row.get_ref(self.next)? == ValueRef::Null)
    }

    /// Passes over cells that hold nothing.
    pub(crate) const fn skip(&mut self, cells: usize) {
        self.next += cells;
    }
}

/// The first row, if there is one.
pub(crate) fn first<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&mut Cells<'_, '_>) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    match rows.next()? {
        Some(row) => read(&mut Cells { row, next: 0 }).map(Some),
        None => Ok(None),
    }
}

/// Every row.
pub(crate) fn all<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&mut Cells<'_, '_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(&mut Cells { row, next: 0 })?);
    }
    Ok(found)
}

/// How many rows the statement changed.
pub(crate) fn change(connection: &Connection, sql: &str, params: impl Params) -> Result<usize, Failure> {
    Ok(connection.prepare_cached(sql)?.execute(params)?)
}

/// Whether the statement finds a row.
pub(crate) fn finds(connection: &Connection, sql: &str, params: impl Params) -> Result<bool, Failure> {
    Ok(connection.prepare_cached(sql)?.exists(params)?)
}

/// Undoes what `work` changed when it answers `false`; the transaction around it goes on.
pub(crate) fn all_or_nothing(
    connection: &Connection,
    work: impl FnOnce() -> Result<bool, Failure>,
) -> Result<bool, Failure> {
    change(connection, "SAVEPOINT steps", [])?;
    let stands = work()?;
    if !stands {
        change(connection, "ROLLBACK TO steps", [])?;
    }
    change(connection, "RELEASE steps", [])?;
    Ok(stands)
}
