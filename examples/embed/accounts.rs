//! Users and their passwords, as the application has had them all along.

use std::sync::{Mutex, PoisonError};

use actix_web::web;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use ring::rand::{SecureRandom as _, SystemRandom};
use rusqlite::{OptionalExtension as _, Row};

use crate::database::Database;
use crate::pages::Problem;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) active: bool,
}

impl Person {
    pub(crate) const COLUMNS: &str = "users.id, users.name, users.active";

    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, name: row.get(1)?, active: row.get(2)? })
    }
}

/// Users who sign in with a password.
#[derive(Debug, Clone)]
pub(crate) struct Accounts(pub(crate) Database);

/// Nobody's: an unknown name costs what a wrong password costs.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyBpdC4$Y2OKeSmTxHQxrM7sUSgkpsUYDgnJ18ioOHR0V2QDl+E";

/// One hash at a time: each takes 19 MiB.
static HASHING: Mutex<()> = Mutex::new(());

impl Accounts {
    /// Adds a user, unless the name is taken.
    pub(crate) fn add(&self, login: &str, name: &str, password: &str) -> Result<(), Problem> {
        let (login, name, hash) = (login.to_owned(), name.to_owned(), hash(password)?);
        let insert = "INSERT INTO users (login, name, password_hash) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        self.0.now(|sql| sql.execute(insert, (login, name, hash))).map_err(Problem::broken)?;
        Ok(())
    }

    // oauth:begin
    /// The user with this id.
    pub(crate) async fn find(&self, id: i64) -> Result<Option<Person>, Problem> {
        let query = format!("SELECT {} FROM users WHERE id = ?1", Person::COLUMNS);
        self.0.run(move |sql| sql.query_row(&query, [id], Person::read).optional()).await
    }
    // oauth:end

    /// The user who has this name and password.
    pub(crate) async fn sign_in(&self, login: String, password: String) -> Result<Option<Person>, Problem> {
        let query = format!("SELECT {}, password_hash FROM users WHERE login = ?1", Person::COLUMNS);
        let read = |row: &Row<'_>| Ok((Person::read(row)?, row.get::<_, String>(3)?));
        let found = self.0.run(move |sql| sql.query_row(&query, [login], read).optional()).await?;
        let (person, hash) = found.map_or((None, NOBODY.to_owned()), |(person, hash)| (Some(person), hash));
        let right = web::block(move || verify(&password, &hash)).await.map_err(Problem::broken)?;
        Ok(person.filter(|person| right && person.active))
    }
}

fn hash(password: &str) -> Result<String, Problem> {
    let mut salt = [0; 16];
    SystemRandom::new().fill(&mut salt).map_err(Problem::broken)?;
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).map_err(Problem::broken)?;
    Ok(hash.to_string())
}

fn verify(password: &str, hash: &str) -> bool {
    let _one = HASHING.lock().unwrap_or_else(PoisonError::into_inner);
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}
