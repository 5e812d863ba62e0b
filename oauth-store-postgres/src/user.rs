//! Users and the names they sign in by: the tables `account` and `login`.

use async_trait::async_trait;
use oauth_core::store::{PasswordHash, Register, Rehash, StoreError, User, UserStore};
use oauth_core::types::Subject;

use crate::codec::{parsed_scope, scope};
use crate::error::Failure;
use crate::sql::{Cells, params};
use crate::{PostgresStore, Session};

pub(crate) const FIND: &str =
    "SELECT subject, active, scope, password FROM @account WHERE tenant = :tenant AND subject = :subject";
pub(crate) const FIND_BY_LOGIN: &str = "
    SELECT account.subject, account.active, account.scope, account.password
    FROM @login AS login JOIN @account AS account
        ON account.tenant = login.tenant AND account.subject = login.subject
    WHERE login.tenant = :tenant AND login.login = :login";
pub(crate) const REHASH: &str =
    "UPDATE @account SET password = :new WHERE tenant = :tenant AND subject = :subject AND password = :old";
/// The user and the names, all or none.
pub(crate) const INSERT: &str = "
    WITH added AS (
        INSERT INTO @account (tenant, subject, active, scope, password)
        VALUES (:tenant, :subject, :active, :scope, :password)
    )
    INSERT INTO @login (tenant, login, subject) SELECT :tenant, name, :subject FROM unnest(:logins::text[]) AS name";
pub(crate) const SET_ACTIVE: &str =
    "UPDATE @account SET active = :active WHERE tenant = :tenant AND subject = :subject";

#[async_trait]
impl UserStore for PostgresStore {
    async fn find_by_login(&self, login: &str) -> Result<Option<User>, StoreError> {
        if login.contains('\0') {
            return Ok(None); // PostgreSQL's text has none, so nobody has such a name
        }
        self.read(login.to_owned(), |session, login| {
            Box::pin(async { session.first(FIND_BY_LOGIN, &params! { login: *login }, read).await })
        })
        .await
    }

    async fn find_by_subject(&self, subject: &Subject) -> Result<Option<User>, StoreError> {
        self.read(subject.clone(), |session, subject| {
            Box::pin(async { session.first(FIND, &params! { subject: subject.as_str() }, read).await })
        })
        .await
    }

    async fn rehash(&self, subject: &Subject, old: &PasswordHash, new: PasswordHash) -> Result<Rehash, StoreError> {
        self.write((subject.clone(), old.clone(), new), |session, (subject, old, new)| {
            Box::pin(async {
                let row = params! { subject: subject.as_str(), old: old.as_phc(), new: new.as_phc() };
                let changed = session.change(REHASH, &row).await?;
                Ok(if changed == 0 { Rehash::Moved } else { Rehash::Stored })
            })
        })
        .await
    }
}

/// Administration, for hosts that keep their users here.
impl PostgresStore {
    /// Adds a user with the names to sign in by, **iff** neither the subject nor any of the names is taken. Names are
    /// compared byte for byte.
    ///
    /// # Errors
    /// [`StoreError`]; then user and names are stored whole or not at all.
    pub async fn insert_user(&self, user: User, logins: &[&str]) -> Result<Register, StoreError> {
        let mut logins: Vec<String> = logins.iter().map(|&login| login.to_owned()).collect();
        logins.sort_unstable();
        logins.dedup();
        self.write((user, logins), |session, (user, logins)| Box::pin(insert(session, user, logins))).await
    }

    /// Switches a user on or off; answers whether there is one.
    ///
    /// # Errors
    /// [`StoreError`]; then the user is as before or as asked.
    pub async fn set_user_active(&self, subject: &Subject, active: bool) -> Result<bool, StoreError> {
        self.write((subject.clone(), active), |session, (subject, active)| {
            Box::pin(async {
                let row = params! { subject: subject.as_str(), active: *active };
                Ok(session.change(SET_ACTIVE, &row).await? > 0)
            })
        })
        .await
    }
}

async fn insert(session: &Session<'_>, user: &User, logins: &Vec<String>) -> Result<Register, Failure> {
    let User { subject, active, scope: bound, password } = user;
    let row = params! {
        subject: subject.as_str(),
        active: *active,
        scope: bound.as_ref().map(scope).transpose()?,
        password: password.as_ref().map(PasswordHash::as_phc),
        logins: *logins,
    };
    match session.change(INSERT, &row).await {
        Ok(_) => Ok(Register::Registered),
        Err(failure) if failure.is_taken() => {
            session.undo();
            Ok(Register::Taken)
        }
        Err(failure) => Err(failure),
    }
}

fn read(cells: &mut Cells<'_>) -> Result<User, Failure> {
    Ok(User {
        subject: cells.text("subject", Subject::parse)?,
        active: cells.take()?,
        scope: cells.take::<Option<&str>>()?.map(|text| parsed_scope("scope", text)).transpose()?,
        password: cells.take::<Option<&str>>()?.map(PasswordHash::from_phc),
    })
}
