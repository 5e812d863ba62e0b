//! Keys of the server: the table `server_key`. Its index `server_key_active` upholds one active key for each use.

use async_trait::async_trait;
use oauth_core::store::{
    InsertKey, KeyMaterial, KeyRecord, KeyState, KeyStore, KeyTimes, KeyTransition, KeyUse, StoreError, Transition,
};
use oauth_core::types::{KeyId, Timestamp};

use crate::error::Failure;
use crate::sql::{Cells, params};
use crate::{PostgresStore, Session};

pub(crate) const LOAD: &str = "
    SELECT kid, issuer, usage, state, public_jwk, sealed, external, announced_at, active_at, retired_at, listed_until
    FROM @server_key WHERE tenant = :tenant AND issuer = :issuer ORDER BY announced_at, kid";
pub(crate) const INSERT: &str = "
    INSERT INTO @server_key (tenant, kid, issuer, usage, state, public_jwk, sealed, external,
                             announced_at, active_at, retired_at, listed_until)
    VALUES (:tenant, :kid, :issuer, :usage, :state, :public_jwk, :sealed, :external,
            :announced_at, :active_at, :retired_at, :listed_until)
    ON CONFLICT DO NOTHING";
/// A statement of its own, so that it sees the key that [`INSERT`] ran into.
pub(crate) const EXISTS: &str =
    "SELECT EXISTS (SELECT FROM @server_key WHERE tenant = :tenant AND issuer = :issuer AND kid = :kid)";
pub(crate) const STEP: &str = "
    UPDATE @server_key
    SET state = :next, announced_at = :announced_at, active_at = :active_at, retired_at = :retired_at,
        listed_until = :listed_until,
        sealed = CASE WHEN :keep THEN sealed ELSE :sealed END,
        external = CASE WHEN :keep THEN external ELSE :external END
    WHERE tenant = :tenant AND issuer = :issuer AND kid = :kid AND state IN (:expected, :expected_here)";
pub(crate) const PROMOTE: &str = "
    UPDATE @server_key SET state = 'active' WHERE tenant = :tenant AND issuer = :issuer AND state = 'promoted'";

/// The state of a key that becomes active in a call that is not over yet; never committed. With it the steps of one
/// call may come in any order, though the index looks at each row as it changes.
const PROMOTED: &str = "promoted";

#[async_trait]
impl KeyStore for PostgresStore {
    async fn load(&self, issuer: &str) -> Result<Vec<KeyRecord>, StoreError> {
        self.read(issuer.to_owned(), |session, issuer| {
            Box::pin(async { session.all(LOAD, &params! { issuer: *issuer }, read).await })
        })
        .await
    }

    async fn insert(&self, key: KeyRecord) -> Result<InsertKey, StoreError> {
        let issuer = key.issuer.clone();
        self.write_locked(&["keys", &issuer], key, |session, key| Box::pin(insert(session, key))).await
    }

    async fn transition(&self, issuer: &str, steps: &[KeyTransition]) -> Result<Transition, StoreError> {
        let asked = (issuer.to_owned(), steps.to_vec());
        self.write_locked(&["keys", issuer], asked, |session, (issuer, steps)| {
            Box::pin(async {
                let applied = transition(session, issuer, steps).await?;
                if applied == Transition::Moved {
                    session.undo();
                }
                Ok(applied)
            })
        })
        .await
    }
}

async fn insert(session: &Session<'_>, key: &KeyRecord) -> Result<InsertKey, Failure> {
    let KeyRecord { kid, issuer, usage, state, public_jwk, material, times } = key;
    let KeyTimes { announced_at, active_at, retired_at, listed_until } = times;
    let (sealed, external) = material_cells(material);
    let row = params! {
        kid: kid.as_str(),
        issuer: *issuer,
        usage: usage.as_str(),
        state: state.as_str(),
        public_jwk: *public_jwk,
        sealed: sealed,
        external: external,
        announced_at: announced_at.millis(),
        active_at: active_at.map(Timestamp::millis),
        retired_at: retired_at.map(Timestamp::millis),
        listed_until: listed_until.map(Timestamp::millis),
    };
    if session.change(INSERT, &row).await? > 0 {
        return Ok(InsertKey::Inserted);
    }
    let named = params! { issuer: *issuer, kid: kid.as_str() };
    let taken = session.one(EXISTS, &named, |cells| cells.take()).await?;
    Ok(if taken { InsertKey::Taken } else { InsertKey::AlreadyActive })
}

/// What it changed until it answers `Moved` is to be undone.
async fn transition(session: &Session<'_>, issuer: &String, steps: &[KeyTransition]) -> Result<Transition, Failure> {
    for taken in steps {
        if !step(session, issuer, taken).await? {
            return Ok(Transition::Moved);
        }
    }
    match session.change(PROMOTE, &params! { issuer: *issuer }).await {
        Ok(_) => Ok(Transition::Applied),
        // two would be active
        Err(failure) if failure.is_taken() => Ok(Transition::Moved),
        Err(failure) => Err(failure),
    }
}

async fn step(session: &Session<'_>, issuer: &String, step: &KeyTransition) -> Result<bool, Failure> {
    let KeyTransition { kid, expected, next, times, material } = step;
    let KeyTimes { announced_at, active_at, retired_at, listed_until } = times;
    let (sealed, external) = material.as_ref().map_or((None, None), material_cells);
    let row = params! {
        issuer: *issuer,
        kid: kid.as_str(),
        expected: expected.as_str(),
        expected_here: here(*expected),
        next: here(*next),
        keep: material.is_none(),
        sealed: sealed,
        external: external,
        announced_at: announced_at.millis(),
        active_at: active_at.map(Timestamp::millis),
        retired_at: retired_at.map(Timestamp::millis),
        listed_until: listed_until.map(Timestamp::millis),
    };
    Ok(session.change(STEP, &row).await? > 0)
}

/// How a state is written while the call that makes it is not over.
const fn here(state: KeyState) -> &'static str {
    match state {
        KeyState::Active => PROMOTED,
        KeyState::Announced | KeyState::Retired | KeyState::Revoked => state.as_str(),
    }
}

fn material_cells(material: &KeyMaterial) -> (Option<&[u8]>, Option<&str>) {
    match material {
        KeyMaterial::Sealed(bytes) => (Some(bytes), None),
        KeyMaterial::External(name) => (None, Some(name)),
        KeyMaterial::Destroyed => (None, None),
    }
}

fn read(cells: &mut Cells<'_>) -> Result<KeyRecord, Failure> {
    Ok(KeyRecord {
        kid: cells.text("kid", KeyId::parse)?,
        issuer: cells.take()?,
        usage: cells.name("usage", KeyUse::from_name)?,
        state: cells.name("state", KeyState::from_name)?,
        public_jwk: cells.take()?,
        material: match (cells.take()?, cells.take()?) {
            (Some(bytes), None) => KeyMaterial::Sealed(bytes),
            (None, Some(name)) => KeyMaterial::External(name),
            (None, None) => KeyMaterial::Destroyed,
            (Some(_), Some(_)) => return Err(Failure::row("sealed", "both sealed and external")),
        },
        times: KeyTimes {
            announced_at: cells.time()?,
            active_at: cells.optional_time()?,
            retired_at: cells.optional_time()?,
            listed_until: cells.optional_time()?,
        },
    })
}
