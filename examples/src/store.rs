//! The store that `DATABASE_URL` names, and the key that seals what it holds.

use std::sync::Arc;

use oauth_core::AuthorizationServer;
use oauth_core::keys::{SealingKey, SealingKeys};
use oauth_core::random::{Entropy as _, SystemEntropy};
use oauth_core::store::{Register, Stores, User, UserStore};
use oauth_store_memory::MemoryStore;
use oauth_store_sqlite::SqliteStore;

use crate::Failure;

/// An open store.
#[derive(Debug)]
pub enum Store {
    /// Forgets everything when the process ends.
    Memory(MemoryStore),
    /// One file.
    Sqlite(SqliteStore),
}

impl Store {
    /// Opens `sqlite:PATH` or `memory:`.
    ///
    /// # Errors
    /// A sentence that says the mend.
    pub fn open(url: &str) -> Result<Self, Failure> {
        match url {
            "memory:" => Ok(Self::Memory(MemoryStore::new())),
            _ if url.starts_with("sqlite:") => Ok(Self::Sqlite(SqliteStore::open(url)?)),
            _ => Err(format!("DATABASE_URL is `{url}`; write `sqlite:PATH` or `memory:`").into()),
        }
    }

    /// All of its traits.
    #[must_use]
    pub fn stores(&self) -> Stores {
        match self {
            Self::Memory(store) => store.into(),
            Self::Sqlite(store) => store.into(),
        }
    }

    /// Its users, for what the example itself looks up.
    #[must_use]
    pub fn users(&self) -> Arc<dyn UserStore> {
        match self {
            Self::Memory(store) => Arc::new(store.clone()),
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
            Self::Sqlite(store) => store.insert_user(user, &[login]).await?,
        } {
            // taken: another process was faster
            Register::Registered | Register::Taken => Ok(()),
        }
    }

    /// The key beside the file, made on first start; for a store in memory, a key in memory.
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
            Self::Sqlite(store) => SealingKey::load_or_create(store.database().sealing_key_path(), &entropy)?,
        };
        Ok(key.into())
    }

    /// The command that deletes everything.
    #[must_use]
    pub fn command_to_forget(&self) -> Option<String> {
        let Self::Sqlite(store) = self else { return None };
        let key = store.database().sealing_key_path().display().to_string();
        let file = key.trim_end_matches(".sealing-key");
        Some(format!("rm -f '{file}' '{file}-wal' '{file}-shm' '{key}'"))
    }
}
