//! Keys of the server: the table `server_key`. Its index `server_key_active` upholds one active key for each use.

use async_trait::async_trait;
use oauth_core::store::{
    InsertKey, KeyMaterial, KeyRecord, KeyState, KeyStore, KeyTimes, KeyTransition, KeyUse, StoreError, Transition,
};
use oauth_core::types::{KeyId, Timestamp};
use rusqlite::{Connection, named_params, params};

use crate::SqliteStore;
use crate::error::Failure;
use crate::sql::{Cells, all, all_or_nothing, change, finds};

pub(crate) const LOAD: &str = "
    SELECT kid, issuer, usage, state, public_jwk, sealed, external, announced_at, active_at, retired_at, listed_until
    FROM server_key WHERE tenant = ?1 AND issuer = ?2 ORDER BY announced_at, kid";
pub(crate) const INSERT: &str = "
    INSERT INTO server_key (tenant, kid, issuer, usage, state, public_jwk, sealed, external,
                            announced_at, active_at, retired_at, listed_until)
    VALUES (:tenant, :kid, :issuer, :usage, :state, :public_jwk, :sealed, :external,
            :announced_at, :active_at, :retired_at, :listed_until)
    ON CONFLICT DO NOTHING";
pub(crate) const EXISTS: &str = "SELECT 1 FROM server_key WHERE tenant = ?1 AND issuer = ?2 AND kid = ?3";
pub(crate) const STEP: &str = "
    UPDATE server_key
    SET state = :next, announced_at = :announced_at, active_at = :active_at, retired_at = :retired_at,
        listed_until = :listed_until,
        sealed = CASE WHEN :keep THEN sealed ELSE :sealed END,
        external = CASE WHEN :keep THEN external ELSE :external END
    WHERE tenant = :tenant AND issuer = :issuer AND kid = :kid AND state IN (:expected, :expected_here)";
pub(crate) const PROMOTE: &str = "
    UPDATE OR IGNORE server_key SET state = 'active' WHERE tenant = ?1 AND issuer = ?2 AND state = 'promoted'";
pub(crate) const HELD_BACK: &str = "SELECT 1 FROM server_key WHERE tenant = ?1 AND issuer = ?2 AND state = 'promoted'";

/// The state of a key that becomes active in a call that is not over yet; never committed. With it the steps of one
/// call may come in any order, though the index looks at each row as it changes.
const PROMOTED: &str = "promoted";

#[async_trait]
impl KeyStore for SqliteStore {
    async fn load(&self, issuer: &str) -> Result<Vec<KeyRecord>, StoreError> {
        let issuer = issuer.to_owned();
        self.read(move |connection, tenant| all(connection, LOAD, params![tenant, issuer], read)).await
    }

    async fn insert(&self, key: KeyRecord) -> Result<InsertKey, StoreError> {
        self.write(move |connection, tenant| insert(connection, tenant, &key)).await
    }

    async fn transition(&self, issuer: &str, steps: &[KeyTransition]) -> Result<Transition, StoreError> {
        let (issuer, steps) = (issuer.to_owned(), steps.to_vec());
        self.write(move |connection, tenant| {
            let applied = all_or_nothing(connection, || {
                for taken in &steps {
                    if !step(connection, tenant, &issuer, taken)? {
                        return Ok(false);
                    }
                }
                change(connection, PROMOTE, params![tenant, issuer])?;
                Ok(!finds(connection, HELD_BACK, params![tenant, issuer])?)
            })?;
            Ok(if applied { Transition::Applied } else { Transition::Moved })
        })
        .await
    }
}

fn insert(connection: &Connection, tenant: &str, key: &KeyRecord) -> Result<InsertKey, Failure> {
    let KeyRecord { kid, issuer, usage, state, public_jwk, material, times } = key;
    let KeyTimes { announced_at, active_at, retired_at, listed_until } = times;
    let (sealed, external) = material_cells(material);
    let row = named_params! {
        ":tenant": tenant,
        ":kid": kid.as_str(),
        ":issuer": issuer,
        ":usage": usage.as_str(),
        ":state": state.as_str(),
        ":public_jwk": public_jwk,
        ":sealed": sealed,
        ":external": external,
        ":announced_at": announced_at.millis(),
        ":active_at": active_at.map(Timestamp::millis),
        ":retired_at": retired_at.map(Timestamp::millis),
        ":listed_until": listed_until.map(Timestamp::millis),
    };
    if change(connection, INSERT, row)? > 0 {
        return Ok(InsertKey::Inserted);
    }
    let taken = finds(connection, EXISTS, params![tenant, issuer, kid.as_str()])?;
    Ok(if taken { InsertKey::Taken } else { InsertKey::AlreadyActive })
}

fn step(connection: &Connection, tenant: &str, issuer: &str, step: &KeyTransition) -> Result<bool, Failure> {
    let KeyTransition { kid, expected, next, times, material } = step;
    let KeyTimes { announced_at, active_at, retired_at, listed_until } = times;
    let (sealed, external) = material.as_ref().map_or((None, None), material_cells);
    let row = named_params! {
        ":tenant": tenant,
        ":issuer": issuer,
        ":kid": kid.as_str(),
        ":expected": expected.as_str(),
        ":expected_here": here(*expected),
        ":next": here(*next),
        ":keep": material.is_none(),
        ":sealed": sealed,
        ":external": external,
        ":announced_at": announced_at.millis(),
        ":active_at": active_at.map(Timestamp::millis),
        ":retired_at": retired_at.map(Timestamp::millis),
        ":listed_until": listed_until.map(Timestamp::millis),
    };
    Ok(change(connection, STEP, row)? > 0)
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
    }
}

fn read(cells: &mut Cells<'_, '_>) -> Result<KeyRecord, Failure> {
    Ok(KeyRecord {
        kid: cells.text("kid", KeyId::parse)?,
        issuer: cells.take()?,
        usage: cells.name("usage", KeyUse::from_name)?,
        state: cells.name("state", KeyState::from_name)?,
        public_jwk: cells.take()?,
        material: match (cells.take()?, cells.take()?) {
            (Some(bytes), None) => KeyMaterial::Sealed(bytes),
            (None, Some(name)) => KeyMaterial::External(name),
            _ => return Err(Failure::row("sealed", "neither sealed nor external")),
        },
        times: KeyTimes {
            announced_at: cells.time()?,
            active_at: cells.optional_time()?,
            retired_at: cells.optional_time()?,
            listed_until: cells.optional_time()?,
        },
    })
}
