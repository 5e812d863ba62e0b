//! How a connection is made and set up. Every connection that is not the host's is made here.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Connect;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error, NoTls};
use tokio_rustls::rustls::ClientConfig;

use crate::migrate;
use crate::settings::{Schema, Settings};
use crate::tls::Rustls;

/// Makes connections whose drivers run on a runtime of their own.
pub(crate) struct Connector {
    runtime: Handle,
    tls: Option<Arc<ClientConfig>>,
    /// What sets a new connection up.
    setup: String,
}

impl Connector {
    /// For the pool: what durability and correctness rest on is set on each connection, and one that finds a newer
    /// schema is not used.
    pub(crate) fn new(runtime: Handle, settings: &Settings) -> Self {
        let setup = format!("{}; {}", session_settings(settings.statement_timeout), refuse_newer(&settings.schema));
        Self { runtime, tls: settings.tls.clone(), setup }
    }

    /// For changing the schema.
    pub(crate) fn for_migration(runtime: Handle, settings: &Settings) -> Self {
        Self { runtime, tls: settings.tls.clone(), setup: session_settings(migrate::LONGEST) }
    }

    pub(crate) async fn open(&self, config: &Config) -> Result<(Client, JoinHandle<()>), Error> {
        let (client, driver) = match &self.tls {
            Some(tls) => {
                let (client, connection) = config.connect(Rustls(Arc::clone(tls))).await?;
                (client, self.runtime.spawn(drive(connection)))
            }
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                (client, self.runtime.spawn(drive(connection)))
            }
        };
        client.batch_execute(&self.setup).await?;
        Ok((client, driver))
    }
}

impl Connect for Connector {
    fn connect(
        &self,
        config: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        let config = config.clone();
        Box::pin(async move { self.open(&config).await })
    }
}

/// Runs a connection to its end. An error is told to whoever waits for an answer.
async fn drive(connection: impl Future<Output = Result<(), Error>>) {
    let _ = connection.await;
}

/// READ COMMITTED is what the statements are written for. `synchronous_commit` is `on` at least: less, and an
/// acknowledged write may be lost, which un-spends a token; a setting that waits for more stays. A transaction whose
/// node died silently gives its locks back.
fn session_settings(statement_timeout: Duration) -> String {
    let longest = statement_timeout.as_millis().max(1);
    format!(
        "SET default_transaction_isolation = 'read committed'; SET statement_timeout = {longest}; \
         SET idle_in_transaction_session_timeout = {longest}; \
         SELECT set_config('synchronous_commit', 'on', false) \
         WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')"
    )
}

fn refuse_newer(schema: &Schema) -> String {
    let (schema, known) = (schema.as_str(), migrate::known());
    format!(
        "DO $$BEGIN IF (SELECT max(version) > {known} FROM \"{schema}\".oauth_schema) THEN \
         RAISE EXCEPTION 'the schema {schema} is newer than this build' USING ERRCODE = 'object_not_in_prerequisite_state'; \
         END IF; END$$"
    )
}
