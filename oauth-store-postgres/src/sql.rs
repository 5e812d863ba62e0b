//! Statements: how they are written, and what they answer.
//!
//! A statement is a constant with `:name` for a parameter and `@table` for a table of ours. [`Statements`] makes of
//! each, once, what PostgreSQL reads: `$1` and `"schema".table`. Tables are named in full so that nothing depends on
//! the `search_path` of a connection, which may be the host's.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;

use bytes::BytesMut;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};

use crate::Schema;
use crate::error::Failure;

/// A parameter and its name.
pub(crate) type Param<'a> = (&'static str, &'a (dyn ToSql + Sync));

/// Parameters by name. `tenant` is always there and not given.
macro_rules! params {
    ($($name:ident: $value:expr),* $(,)?) => {
        [$((stringify!($name), &$value as &(dyn tokio_postgres::types::ToSql + Sync))),*]
    };
}
pub(crate) use params;

/// A statement as PostgreSQL reads it.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) text: String,
    /// The names of `$1`, `$2` and so on.
    names: Vec<String>,
}

/// Every statement, for one schema.
#[derive(Debug)]
pub(crate) struct Statements(HashMap<&'static str, Rendered>);

impl Statements {
    pub(crate) fn of(schema: &Schema) -> Self {
        Self(crate::statements::ALL.iter().map(|sql| (*sql, render(sql, schema))).collect())
    }

    pub(crate) fn find(&self, sql: &'static str) -> Result<&Rendered, Failure> {
        self.0.get(sql).ok_or(Failure::Statement("a statement that is not in the list"))
    }
}

impl Rendered {
    /// The values in the order of the statement.
    pub(crate) fn ordered<'a>(
        &self,
        tenant: &'a (dyn ToSql + Sync),
        params: &[Param<'a>],
    ) -> Result<Vec<Value<'a>>, Failure> {
        let value = |name: &String| match params.iter().find(|(given, _)| given == name) {
            Some((_, value)) => Ok(Value(*value)),
            None if name == "tenant" => Ok(Value(tenant)),
            None => Err(Failure::Statement("a value")),
        };
        self.names.iter().map(value).collect()
    }
}

/// A value on its way to the server. The driver writes the `Debug` of every one to the log at the level DEBUG, and among
/// them are password hashes, sealed keys, and whatever somebody typed as a name.
pub(crate) struct Value<'a>(&'a (dyn ToSql + Sync));

/// As the driver takes them.
pub(crate) fn as_given<'a>(values: &'a [Value<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl ToSql for Value<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.0.to_sql_checked(ty, out)
    }

    /// [`Self::to_sql`] asks the value itself.
    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.0.to_sql_checked(ty, out)
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

fn render(sql: &str, schema: &Schema) -> Rendered {
    let mut text = String::with_capacity(sql.len() + 64);
    let mut names: Vec<String> = Vec::new();
    let mut rest = sql;
    while let Some(at) = rest.find([':', '@']) {
        let (before, marked) = rest.split_at(at);
        text.push_str(before);
        if let Some(cast) = marked.strip_prefix("::") {
            text.push_str("::");
            rest = cast;
        } else if let Some(table) = marked.strip_prefix('@') {
            text.push_str(&format!("\"{}\".", schema.as_str()));
            rest = table;
        } else {
            let word = marked.trim_start_matches(':');
            let end = word.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(word.len());
            let (name, after) = word.split_at(end);
            let known = names.iter().position(|held| held == name);
            let index = known.unwrap_or_else(|| {
                names.push(name.to_owned());
                names.len() - 1
            });
            text.push_str(&format!("${}", index + 1));
            rest = after;
        }
    }
    text.push_str(rest);
    Rendered { text, names }
}

/// The cells of one row, taken in the order of the `SELECT` list and read with suspicion.
pub(crate) struct Cells<'a> {
    row: &'a Row,
    next: usize,
}

impl<'a> Cells<'a> {
    pub(crate) fn of(row: &'a Row) -> Self {
        Self { row, next: 0 }
    }

    /// The next cell.
    pub(crate) fn take<T: FromSql<'a>>(&mut self) -> Result<T, Failure> {
        let value = self.row.try_get(self.next).map_err(|why| Failure::row("(read)", why))?;
        self.next += 1;
        Ok(value)
    }

    /// The next cell, so many bytes.
    pub(crate) fn bytes<const N: usize>(&mut self, column: &'static str) -> Result<[u8; N], Failure> {
        exactly(column, self.take()?)
    }

    /// The next cell, so many bytes or NULL.
    pub(crate) fn optional_bytes<const N: usize>(&mut self, column: &'static str) -> Result<Option<[u8; N]>, Failure> {
        self.take::<Option<&[u8]>>()?.map(|bytes| exactly(column, bytes)).transpose()
    }

    /// Passes over cells that hold nothing.
    pub(crate) const fn skip(&mut self, cells: usize) {
        self.next += cells;
    }
}

fn exactly<const N: usize>(column: &'static str, bytes: &[u8]) -> Result<[u8; N], Failure> {
    bytes.try_into().map_err(|_| Failure::row(column, format_args!("not {N} bytes")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_numbers_and_tables_get_their_schema() {
        let schema = Schema::parse("oauth_2").unwrap();
        let Rendered { text, names } = render("SELECT :b, :a::text, :b FROM @family WHERE a = :long_name", &schema);
        assert_eq!(text, r#"SELECT $1, $2::text, $1 FROM "oauth_2".family WHERE a = $3"#);
        assert_eq!(names, ["b", "a", "long_name"]);
    }

    #[test]
    fn a_value_that_is_not_given_is_found_out() {
        let rendered = render(":tenant :a", &Schema::default());
        let values = rendered.ordered(&"t", &params! { a: 1_i64 }).unwrap();
        assert_eq!(format!("{values:?}"), "[.., ..]", "and none is told");
        assert!(rendered.ordered(&"t", &[]).is_err());
    }
}
