//! One connection while an operation has it.

use std::sync::atomic::{AtomicBool, Ordering};

use deadpool_postgres::{Client, Object};
use tokio_postgres::Row;

use crate::error::Failure;
use crate::sql::{Cells, Param, Statements, as_given};

/// What an operation needs around its statements.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    /// One statement that only reads.
    Read,
    /// One statement, which is a transaction by itself.
    Write,
    /// Several statements in one transaction, after waiting for whoever holds the same lock.
    Locked(i64),
}

/// A connection, the statements in the words of its schema, and whose rows they see.
pub(crate) struct Session<'a> {
    pub(crate) client: &'a Client,
    pub(crate) statements: &'a Statements,
    pub(crate) tenant: &'a str,
    /// Set when the transaction shall leave nothing behind.
    undone: AtomicBool,
}

/// Makes a transaction durable and bounded on a connection of the host, whose settings are the host's. A setting that
/// waits for more than the own disk stays.
const BEGIN_AS_GUEST: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
     SELECT set_config('synchronous_commit', 'on', true) \
     WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')";
const BEGIN: &str = "BEGIN";

impl<'a> Session<'a> {
    pub(crate) const fn new(client: &'a Client, statements: &'a Statements, tenant: &'a str) -> Self {
        Self { client, statements, tenant, undone: AtomicBool::new(false) }
    }

    /// Begins what `mode` asks for, in one round trip; answers whether there is a transaction to end. On a connection
    /// of the host (`guest`) a lone write needs one too.
    pub(crate) async fn begin(&self, mode: Mode, guest: bool) -> Result<bool, Failure> {
        let begin = if guest { BEGIN_AS_GUEST } else { BEGIN };
        match mode {
            Mode::Read => return Ok(false),
            Mode::Write if !guest => return Ok(false),
            Mode::Write => self.client.batch_execute(begin).await?,
            // A statement of its own: the statements after it see what the last holder of the lock committed.
            Mode::Locked(key) => {
                self.client.batch_execute(&format!("{begin}; SELECT pg_advisory_xact_lock({key})")).await?;
            }
        }
        Ok(true)
    }

    /// Ends the transaction as the operation wants it.
    pub(crate) async fn end(&self) -> Result<(), Failure> {
        let end = if self.undone.load(Ordering::Relaxed) { "ROLLBACK" } else { "COMMIT" };
        Ok(self.client.batch_execute(end).await?)
    }

    /// Lets the transaction leave nothing behind, though its operation has an answer.
    pub(crate) fn undo(&self) {
        self.undone.store(true, Ordering::Relaxed);
    }

    /// Every row.
    pub(crate) async fn rows(&self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, Failure> {
        let rendered = self.statements.find(sql)?;
        let statement = self.client.prepare_cached(&rendered.text).await?;
        let values = rendered.ordered(&self.tenant, params)?;
        Ok(self.client.query(&statement, &as_given(&values)).await?)
    }

    /// The first row, if there is one.
    pub(crate) async fn first<T>(
        &self,
        sql: &'static str,
        params: &[Param<'_>],
        read: impl FnOnce(&mut Cells<'_>) -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        let rows = self.rows(sql, params).await?;
        rows.first().map(|row| read(&mut Cells::of(row))).transpose()
    }

    /// The one row that the statement always answers with.
    pub(crate) async fn one<T>(
        &self,
        sql: &'static str,
        params: &[Param<'_>],
        read: impl FnOnce(&mut Cells<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.first(sql, params, read).await?.ok_or_else(|| Failure::row("(all)", "no answer"))
    }

    /// Every row, read.
    pub(crate) async fn all<T>(
        &self,
        sql: &'static str,
        params: &[Param<'_>],
        read: impl Fn(&mut Cells<'_>) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        self.rows(sql, params).await?.iter().map(|row| read(&mut Cells::of(row))).collect()
    }

    /// How many rows the statement changed.
    pub(crate) async fn change(&self, sql: &'static str, params: &[Param<'_>]) -> Result<u64, Failure> {
        let rendered = self.statements.find(sql)?;
        let statement = self.client.prepare_cached(&rendered.text).await?;
        let values = rendered.ordered(&self.tenant, params)?;
        Ok(self.client.execute(&statement, &as_given(&values)).await?)
    }
}

/// Runs an operation in what its mode asks for. A connection that is not as it was is given up.
pub(crate) async fn run<T>(
    client: Client,
    statements: &Statements,
    tenant: &str,
    mode: Mode,
    guest: bool,
    operation: impl AsyncFnOnce(&Session<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let session = Session::new(&client, statements, tenant);
    let mut in_transaction = false;
    let answer: Result<T, Failure> = async {
        in_transaction = session.begin(mode, guest).await?;
        let answer = operation(&session).await?;
        if in_transaction {
            session.end().await?;
        }
        Ok(answer)
    }
    .await;
    if let Err(failure) = &answer {
        let undone = !in_transaction || client.batch_execute("ROLLBACK").await.is_ok();
        if failure.spoils_the_connection() || !undone {
            drop(Object::take(client));
        }
    }
    answer
}
