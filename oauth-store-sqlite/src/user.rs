//! Users and the names they sign in by: the tables `user` and `login`.

use async_trait::async_trait;
use oauth_core::store::{PasswordHash, Register, Rehash, StoreError, User, UserStore};
use oauth_core::types::Subject;
use rusqlite::params;

use crate::SqliteStore;
use crate::codec::{parsed_scope, scope};
use crate::error::Failure;
use crate::sql::{Cells, all_or_nothing, change, first};

pub(crate) const FIND: &str = "SELECT subject, active, scope, password FROM user WHERE tenant = ?1 AND subject = ?2";
pub(crate) const FIND_BY_LOGIN: &str = "
    SELECT user.subject, user.active, user.scope, user.password
    FROM login JOIN user ON user.tenant = login.tenant AND user.subject = login.subject
    WHERE login.tenant = ?1 AND login.login = ?2";
pub(crate) const REHASH: &str = "UPDATE user SET password = ?4 WHERE tenant = ?1 AND subject = ?2 AND password = ?3";
pub(crate) const INSERT: &str = "
    INSERT INTO user (tenant, subject, active, scope, password) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
pub(crate) const INSERT_LOGIN: &str =
    "INSERT INTO login (tenant, login, subject) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
pub(crate) const SET_ACTIVE: &str = "UPDATE user SET active = ?3 WHERE tenant = ?1 AND subject = ?2";

#[async_trait]
impl UserStore for SqliteStore {
    async fn find_by_login(&self, login: &str) -> Result<Option<User>, StoreError> {
        let login = login.to_owned();
        self.read(move |connection, tenant| first(connection, FIND_BY_LOGIN, params![tenant, login], read)).await
    }

    async fn find_by_subject(&self, subject: &Subject) -> Result<Option<User>, StoreError> {
        let subject = subject.clone();
        self.read(move |connection, tenant| first(connection, FIND, params![tenant, subject.as_str()], read)).await
    }

    async fn rehash(&self, subject: &Subject, old: &PasswordHash, new: PasswordHash) -> Result<Rehash, StoreError> {
        let (subject, old) = (subject.clone(), old.clone());
        self.write(move |connection, tenant| {
            let changed = change(connection, REHASH, params![tenant, subject.as_str(), old.as_phc(), new.as_phc()])?;
            Ok(if changed == 0 { Rehash::Moved } else { Rehash::Stored })
        })
        .await
    }
}

/// Administration, for hosts that keep their users here.
impl SqliteStore {
    /// Adds a user with the names to sign in by, **iff** neither the subject nor any of the names is taken. Names are
    /// compared byte for byte.
    ///
    /// # Errors
    /// [`StoreError`]; then user and names are stored whole or not at all.
    pub async fn insert_user(&self, user: User, logins: &[&str]) -> Result<Register, StoreError> {
        let mut logins: Vec<String> = logins.iter().map(|&login| login.to_owned()).collect();
        logins.sort_unstable();
        logins.dedup();
        self.write(move |connection, tenant| {
            let User { subject, active, scope: bound, password } = user;
            let bound = bound.as_ref().map(scope).transpose()?;
            let password = password.as_ref().map(PasswordHash::as_phc);
            let stored = all_or_nothing(connection, || {
                let row = params![tenant, subject.as_str(), active, bound, password];
                if change(connection, INSERT, row)? == 0 {
                    return Ok(false);
                }
                for login in logins {
                    if change(connection, INSERT_LOGIN, params![tenant, login, subject.as_str()])? == 0 {
                        return Ok(false);
                    }
                }
                Ok(true)
            })?;
            Ok(if stored { Register::Registered } else { Register::Taken })
        })
        .await
    }

    /// Switches a user on or off; answers whether there is one.
    ///
    /// # Errors
    /// [`StoreError`]; then the user is as before or as asked.
    pub async fn set_user_active(&self, subject: &Subject, active: bool) -> Result<bool, StoreError> {
        let subject = subject.clone();
        self.write(move |connection, tenant| {
            Ok(change(connection, SET_ACTIVE, params![tenant, subject.as_str(), active])? > 0)
        })
        .await
    }
}

fn read(cells: &mut Cells<'_, '_>) -> Result<User, Failure> {
    Ok(User {
        subject: cells.text("subject", Subject::parse)?,
        active: cells.take()?,
        scope: cells.take::<Option<String>>()?.map(|text| parsed_scope("scope", &text)).transpose()?,
        password: cells.take::<Option<String>>()?.map(|phc| PasswordHash::from_phc(&phc)),
    })
}
