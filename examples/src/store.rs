//! The store that `DATABASE_URL` names, and the key that seals what it holds.

use std::sync::Arc;

use oauth_core::AuthorizationServer;
use oauth_core::keys::{SealingKey, SealingKeys};
use oauth_core::random::{Entropy as _, SystemEntropy};
use oauth_core::store::{Register, Stores, User, UserStore};
use oauth_store_memory::MemoryStore;
#[cfg(feature = "postgres")]
use oauth_store_postgres::PostgresStore;
use oauth_store_sqlite::SqliteStore;

use crate::Failure;

/// An open store.
#[derive(Debug)]
pub enum Store {
    /// Forgets everything when the process ends.
    Memory(MemoryStore),
    /// A schema of a PostgreSQL database, for any number of nodes.
    #[cfg(feature = "postgres")]
    Postgres(PostgresStore),
    /// One file.
    Sqlite(SqliteStore),
}

impl Store {
    /// Opens `sqlite:PATH`, `postgres://…` or `memory:`.
    ///
    /// # Errors
    /// A sentence that says the mend.
    pub async fn open(url: &str) -> Result<Self, Failure> {
        match url {
            "memory:" => Ok(Self::Memory(MemoryStore::new())),
            _ if url.starts_with("sqlite:") => Ok(Self::Sqlite(SqliteStore::open(url)?)),
            #[cfg(feature = "postgres")]
            _ if url.starts_with("postgres://") => Ok(Self::Postgres(PostgresStore::open(url).await?)),
            #[cfg(not(feature = "postgres"))]
            _ if url.starts_with("postgres://") => Err("for PostgreSQL, add `--features postgres`".into()),
            _ => Err(format!("DATABASE_URL is `{url}`; write `sqlite:PATH`, `postgres://…` or `memory:`").into()),
        }
    }

    /// All of its traits.
    #[must_use]
    pub fn stores(&self) -> Stores {
        match self {
            Self::Memory(store) => store.into(),
            #[cfg(feature = "postgres")]
            Self::Postgres(store) => store.into(),
            Self::Sqlite(store) => store.into(),
        }
    }

    /// Its users, for what the example itself looks up.
    #[must_use]
    pub fn users(&self) -> Arc<dyn UserStore> {
        match self {
            Self::Memory(store) => Arc::new(store.clone()),
            #[cfg(feature = "postgres")]
            Self::Postgres(store) => Arc::new(store.clone()),
            Self::Sqlite(store) => Arc::new(store.clone()),
        }
    }

    /// Adds a demo user who signs in by `login`, unless an earlier start or another process did.
    ///
    /// # Errors
    /// What the store or the server fails with, and a password that the server does not take.
    pub async fn add_user(
        &self,
        server: &AuthorizationServer,
        subject: &str,
        login: &str,
        password: &str,
    ) -> Result<(), Failure> {
        let subject = subject.parse()?;
        if self.users().find_by_subject(&subject).await?.is_some() {
            return Ok(());
        }
        let password = Some(server.hash_password(password).await?);
        let user = User { subject, active: true, scope: None, password };
        match match self {
            Self::Memory(store) => store.insert_user(user, [login])?,
            #[cfg(feature = "postgres")]
            Self::Postgres(store) => store.insert_user(user, &[login]).await?,
            Self::Sqlite(store) => store.insert_user(user, &[login]).await?,
        } {
            // taken: another process was faster
            Register::Registered | Register::Taken => Ok(()),
        }
    }

    /// The key beside the file, made on first start; for a store in memory, a key in memory; for PostgreSQL the one that
    /// all nodes share, from `SEALING_KEY`.
    ///
    /// # Errors
    /// A sentence that says the mend.
    pub fn sealing_keys(&self) -> Result<SealingKeys, Failure> {
        let entropy = SystemEntropy::default();
        let key = match self {
            Self::Memory(_) => {
                let mut bytes = [0; 32];
                entropy.fill(&mut bytes)?;
                SealingKey::new("memory", bytes)?
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => SealingKey::from_env("SEALING_KEY").map_err(|why| {
                format!("{why}; all nodes need the same, for example SEALING_KEY=k1:$(openssl rand -base64 32)")
            })?,
            Self::Sqlite(store) => SealingKey::load_or_create(store.database().sealing_key_path(), &entropy)?,
        };
        Ok(key.into())
    }

    /// The command that deletes everything.
    #[must_use]
    pub fn command_to_forget(&self) -> Option<String> {
        let store = match self {
            Self::Memory(_) => return None,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => return Some("psql \"$DATABASE_URL\" -c 'DROP SCHEMA oauth CASCADE'".to_owned()),
            Self::Sqlite(store) => store,
        };
        let key = store.database().sealing_key_path().display().to_string();
        let file = key.trim_end_matches(".sealing-key");
        Some(format!("rm -f '{file}' '{file}-wal' '{file}-shm' '{key}'"))
    }
}
