//! The schema and how a database comes to it.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio_postgres::Client;

use crate::lock::key_of;
use crate::{Database, OpenError, Schema, Settings};

/// One step of the schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The version that it leads to, from 1 without a gap; kept in the table `oauth_schema`.
    pub version: u32,
    /// What it does, in a word.
    pub name: &'static str,
    /// The statements, to be run in one transaction with the schema as the `search_path`. They write down the version
    /// themselves.
    pub sql: &'static str,
}

/// Every step of the schema, oldest first, for those who apply it with tools of their own.
///
/// A new name of an enum or a new member of a JSON object needs a step too, were it only to raise the version: a build
/// that does not know it must refuse the schema and not find its rows corrupt.
pub const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "initial", sql: include_str!("../migrations/0001_initial.sql") },
    Migration { version: 2, name: "authorization", sql: include_str!("../migrations/0002_authorization.sql") },
];

/// Brings a schema to its newest version without opening a store on it; makes the schema if there is none.
///
/// [`Database::connect`] does the same by itself. Call this where the schema is changed by another role than the one
/// that serves.
///
/// # Errors
/// [`OpenError`]; then the schema is as it was.
pub async fn migrate(settings: Settings, runtime: Handle) -> Result<(), OpenError> {
    let database = Database::connect(settings.connections(1), runtime).await?;
    database.close().await;
    Ok(())
}

/// How long one statement of a migration may take, waiting for another node's included.
pub(crate) const LONGEST: Duration = Duration::from_secs(300);

/// The newest version of this build.
pub(crate) fn known() -> u32 {
    MIGRATIONS.last().map_or(0, |newest| newest.version)
}

/// Brings the schema to the newest version; many nodes may try it at the same time. A schema that has it already is
/// only looked at, so that a role without the right to change tables can serve.
pub(crate) async fn bring_up_to_date(client: &Client, schema: &Schema) -> Result<(), OpenError> {
    judge_encoding(client).await?;
    if version(client, schema).await? == known() {
        return Ok(());
    }
    client.batch_execute("BEGIN").await?;
    let applied = apply(client, schema).await;
    let end = if applied.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = client.batch_execute(end).await;
    applied?;
    Ok(ended?)
}

async fn apply(client: &Client, schema: &Schema) -> Result<(), OpenError> {
    let name = schema.as_str();
    let lock = key_of(&["migrate", name]);
    client.batch_execute(&format!("SELECT pg_advisory_xact_lock({lock})")).await?;
    // Another node may have done it meanwhile.
    let current = version(client, schema).await?;
    if !exists(client, &format!("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = '{name}')")).await? {
        client.batch_execute(&format!("CREATE SCHEMA \"{name}\"")).await?;
    }
    client.batch_execute(&format!("SET LOCAL search_path = \"{name}\"")).await?;
    for step in MIGRATIONS.iter().filter(|step| step.version > current) {
        client.batch_execute(step.sql).await.map_err(|error| match error.code().map(|state| state.code()) {
            // a table or an index by this name is there already
            Some("42P07") => OpenError::Foreign { schema: name.to_owned(), source: error.into() },
            _ => error.into(),
        })?;
    }
    Ok(())
}

/// The version of the schema; 0 when there is none.
///
/// The catalogue is read as a table. `to_regclass` would answer from what the connection remembers of it, and does not
/// see what another node made while this one waited for the lock.
async fn version(client: &Client, schema: &Schema) -> Result<u32, OpenError> {
    let (name, known) = (schema.as_str(), known());
    let table = format!(
        "SELECT EXISTS (SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE nspname = '{name}' AND relname = 'oauth_schema')"
    );
    if !exists(client, &table).await? {
        return Ok(0);
    }
    let newest = format!("SELECT coalesce(max(version), 0) FROM \"{name}\".oauth_schema");
    let found: i32 = client.query_one(&newest, &[]).await?.try_get(0)?;
    let found = u32::try_from(found).unwrap_or(u32::MAX);
    if found > known { Err(OpenError::Newer { schema: name.to_owned(), found, known }) } else { Ok(found) }
}

async fn judge_encoding(client: &Client) -> Result<(), OpenError> {
    let found: String = client.query_one("SELECT current_setting('server_encoding')", &[]).await?.try_get(0)?;
    if found == "UTF8" { Ok(()) } else { Err(OpenError::Encoding { found }) }
}

async fn exists(client: &Client, question: &str) -> Result<bool, OpenError> {
    Ok(client.query_one(question, &[]).await?.try_get(0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_migration_leads_to_the_next_version_and_writes_it_down() {
        for (step, version) in MIGRATIONS.iter().zip(1..) {
            assert_eq!(step.version, version);
            assert!(step.sql.contains(&format!("INSERT INTO oauth_schema (version) VALUES ({version});")));
        }
    }
}
