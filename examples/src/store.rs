//! The store that `DATABASE_URL` names, and the key that seals what it holds.

use std::sync::Arc;

use oauth_core::AuthorizationServer;
use oauth_core::audit::{AuditSink, TracingSink};
use oauth_core::keys::{SealingKey, SealingKeys};
use oauth_core::random::{Entropy as _, SystemEntropy};
use oauth_core::store::{Register, StoreError, Stores, User, UserStore};
use oauth_core::types::{Lifetime, Subject};
use oauth_store_memory::MemoryStore;
use oauth_store_sqlite::{AuditQuery, AuditSettings, SqliteStore};

use crate::Failure;

/// An open store.
#[derive(Debug)]
pub enum Store {
    /// Forgets everything when the process ends.
    Memory(MemoryStore),
    /// One file.
    Sqlite(SqliteStore),
}

/// What an example's own code may know of its users: who signs in by which name, and no more.
#[derive(Debug, Clone)]
pub struct Directory(Arc<dyn UserStore>);

impl Directory {
    /// The user who signs in by this name.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn subject_of(&self, login: &str) -> Result<Option<Subject>, StoreError> {
        Ok(self.0.find_by_login(login).await?.map(|user| user.subject))
    }
}

/// `DATABASE_URL`, or a file with the example's name.
pub(crate) fn url_of(name: &str) -> String {
    std::env::var("DATABASE_URL").unwrap_or_else(|_| format!("sqlite:{name}.db"))
}

impl Store {
    /// Opens the store of an example beside whatever processes have it open.
    ///
    /// # Errors
    /// A sentence that says the mend.
    pub fn of_example(name: &str) -> Result<Self, Failure> {
        Self::open(&url_of(name))
    }

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

    /// Its users by their names, for what the example itself looks up.
    #[must_use]
    pub fn directory(&self) -> Directory {
        Directory(self.users())
    }

    fn users(&self) -> Arc<dyn UserStore> {
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

    /// Where audit events go: into the file, kept for 90 days; for a store in memory, into the log.
    #[must_use]
    pub fn audit_sink(&self) -> Arc<dyn AuditSink> {
        match self {
            Self::Memory(_) => Arc::new(TracingSink),
            Self::Sqlite(store) => {
                let retention = Some(Lifetime::of_seconds(90 * 24 * 3600));
                Arc::new(store.audit_sink(AuditSettings { retention, ..AuditSettings::default() }))
            }
        }
    }

    /// Prints the trail that lies in the file, oldest event first.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn print_audit_trail(&self) -> Result<(), Failure> {
        let Self::Sqlite(store) = self else { return Ok(()) };
        let mut query = AuditQuery::default();
        loop {
            let page = store.audit_events(query.clone()).await?;
            for event in &page {
                println!("{}", event.json);
            }
            match page.last() {
                Some(last) => query.after = Some(last.sequence),
                None => return Ok(()),
            }
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
