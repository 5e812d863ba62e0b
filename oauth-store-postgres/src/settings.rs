//! What to connect to, and how.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_rustls::rustls::ClientConfig;

use crate::{OpenError, tls};

/// What to connect to, and how.
///
/// # Defaults
/// Schema `oauth` · 10 connections · 5 s for a free connection · 5 s for a statement, waiting for locks included ·
/// 5 s to connect.
#[derive(Clone)]
pub struct Settings {
    pub(crate) config: Config,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) schema: Schema,
    pub(crate) connections: usize,
    pub(crate) pool_timeout: Duration,
    pub(crate) statement_timeout: Duration,
}

impl Settings {
    /// From `postgres://user:password@host/database` or libpq's `key=value` form.
    ///
    /// A host that is not this machine needs TLS: `sslmode=require` (also spelled `verify-full`; certificate and name are
    /// always verified) with `sslrootcert=FILE`, the certificates in PEM of the authorities to believe, or
    /// [`Self::tls`]. Who wants it in clear all the same writes `sslmode=disable`.
    ///
    /// # Errors
    /// [`OpenError::Settings`]. The password never stands in it.
    pub fn parse(url: &str) -> Result<Self, OpenError> {
        let (url, roots) = tls::split_off_roots(url);
        let config = Config::from_str(&url).map_err(|why| {
            let cause = std::error::Error::source(&why).map(|cause| format!(": {cause}")).unwrap_or_default();
            OpenError::settings(format!("{why}{cause}"))
        })?;
        let settings = Self::of(config);
        Ok(match roots {
            Some(file) => settings.tls(tls::believing(&file)?),
            None => settings,
        })
    }

    /// From a configuration of the driver.
    #[must_use]
    pub fn of(mut config: Config) -> Self {
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        if config.get_application_name().is_none() {
            config.application_name("oauth");
        }
        Self {
            config,
            tls: None,
            schema: Schema::default(),
            connections: 10,
            pool_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(5),
        }
    }

    /// How to speak TLS: authorities to believe, a certificate of our own.
    #[must_use]
    pub fn tls(mut self, config: ClientConfig) -> Self {
        self.tls = Some(Arc::new(config));
        self
    }

    /// The schema that the tables live in; made if there is none.
    #[must_use]
    pub fn schema(mut self, schema: Schema) -> Self {
        self.schema = schema;
        self
    }

    /// The most connections, at least 1. They are made when they are needed.
    #[must_use]
    pub fn connections(mut self, most: usize) -> Self {
        self.connections = most.max(1);
        self
    }

    /// How long an operation waits for a free connection before it is `Unavailable`.
    #[must_use]
    pub const fn pool_timeout(mut self, longest: Duration) -> Self {
        self.pool_timeout = longest;
        self
    }

    /// How long the server works on one statement before it gives up, in whole milliseconds; the time that it waits
    /// for locks counts. At least 1 ms.
    #[must_use]
    pub const fn statement_timeout(mut self, longest: Duration) -> Self {
        self.statement_timeout = longest;
        self
    }

    /// The configuration, if it is safe to connect by.
    pub(crate) fn judged(&self) -> Result<Config, OpenError> {
        let mut config = self.config.clone();
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(OpenError::settings("no host is named"));
        }
        match (config.get_ssl_mode(), &self.tls) {
            (SslMode::Disable, _) => {}
            (_, Some(_)) if !is_here(&config) => {
                // `prefer` would go on in clear when somebody on the way says that there is no TLS
                config.ssl_mode(SslMode::Require);
            }
            (SslMode::Prefer, None) if is_here(&config) => {
                config.ssl_mode(SslMode::Disable);
            }
            (SslMode::Require, None) => {
                return Err(OpenError::settings(
                    "`sslmode=require` needs to know whom to believe: add `sslrootcert=FILE` with the authority's \
                     certificates in PEM",
                ));
            }
            (_, None) => {
                return Err(OpenError::settings(
                    "the host is not this machine: add `sslmode=require` and `sslrootcert=FILE`, or say \
                     `sslmode=disable` to send everything in clear",
                ));
            }
            (_, Some(_)) => {}
        }
        // A server that vanished without a word is noticed.
        config.tcp_user_timeout(config.get_tcp_user_timeout().copied().unwrap_or(self.statement_timeout * 2));
        Ok(config)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("hosts", &self.config.get_hosts())
            .field("schema", &self.schema)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

/// Whether every host is this machine.
fn is_here(config: &Config) -> bool {
    let here = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    // An address beside a name is where the connection goes.
    match config.get_hostaddrs() {
        [] => config.get_hosts().iter().all(here),
        addresses => addresses.iter().all(IpAddr::is_loopback),
    }
}

/// The name of a schema: 1 to 63 of `a` to `z`, `0` to `9` and `_`, not beginning with a digit or `pg_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema(Box<str>);

/// A text that is no [`Schema`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a schema's name is 1 to 63 of a-z, 0-9 and _, and begins neither with a digit nor with pg_")]
pub struct InvalidSchema;

impl Schema {
    /// Checks the name.
    ///
    /// # Errors
    /// [`InvalidSchema`].
    pub fn parse(name: &str) -> Result<Self, InvalidSchema> {
        let lawful = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') && !name.starts_with("pg_");
        if begins && name.len() <= 63 && name.chars().all(lawful) { Ok(Self(name.into())) } else { Err(InvalidSchema) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Schema {
    /// `oauth`.
    fn default() -> Self {
        Self("oauth".into())
    }
}

impl FromStr for Schema {
    type Err = InvalidSchema;
    fn from_str(name: &str) -> Result<Self, InvalidSchema> {
        Self::parse(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> Result<SslMode, String> {
        let judged = Settings::parse(url).and_then(|settings| settings.judged());
        judged.map(|config| config.get_ssl_mode()).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_goes_in_clear_to_another_machine_unless_it_is_said() {
        for here in ["postgres://localhost/a", "postgres://127.0.0.1", "postgres://[::1]/a", "host=/tmp user=a"] {
            assert_eq!(mode(here), Ok(SslMode::Disable), "{here}");
        }
        for away in [
            "postgres://db.example/a",
            "postgres://10.0.0.1/a?sslmode=prefer",
            "postgres://localhost,db.example/a",
            "host=localhost hostaddr=10.0.0.1",
        ] {
            assert!(mode(away).unwrap_err().contains("sslmode=disable"), "{away}");
        }
        assert_eq!(mode("postgres://db.example/a?sslmode=disable"), Ok(SslMode::Disable));
        assert!(mode("postgres://db.example/a?sslmode=require").unwrap_err().contains("sslrootcert"));
        assert!(mode("user=a").unwrap_err().contains("no host"));
    }

    #[test]
    fn a_failure_never_tells_the_password() {
        for url in ["postgres://a:hunter2@db.example/a", "postgres://a:hunter2@[", "host=a password=hunter2 port=x"] {
            let told = mode(url).unwrap_err();
            assert!(!told.contains("hunter2"), "{told}");
        }
        assert!(!format!("{:?}", Settings::parse("postgres://a:hunter2@db.example/a").unwrap()).contains("hunter2"));
    }

    #[test]
    fn a_schema_needs_no_quoting() {
        for good in ["oauth", "_a1", &"a".repeat(63)] {
            assert_eq!(Schema::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "1a", "A", "a-b", "a\"", "a b", "pg_catalog", "é", &"a".repeat(64)] {
            assert_eq!(Schema::parse(bad), Err(InvalidSchema), "{bad}");
        }
    }
}
