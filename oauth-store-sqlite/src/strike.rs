//! Wrong passwords: the table `strike`, one row for each account.

use oauth_core::store::Strike;
use oauth_core::types::KeyedHash;
use rusqlite::{Connection, params};

use crate::codec::small;
use crate::error::Failure;
use crate::sql::{change, first};

/// One more in the window that is open at `?3`, or the first of one that ends at `?4`.
pub(crate) const ADD: &str = "
    INSERT INTO strike (tenant, account, strikes, ends_at) VALUES (?1, ?2, 1, ?4)
    ON CONFLICT DO UPDATE SET strikes = CASE WHEN ends_at > ?3 THEN min(strikes + 1, 4294967295) ELSE 1 END,
        ends_at = CASE WHEN ends_at > ?3 THEN ends_at ELSE excluded.ends_at END
    RETURNING strikes";
pub(crate) const CLEAR: &str = "DELETE FROM strike WHERE tenant = ?1 AND account = ?2";

/// Counts one more; answers how many the present window has.
pub(crate) fn add(connection: &Connection, tenant: &str, strike: &Strike) -> Result<u32, Failure> {
    let Strike { account, now, window } = strike;
    let row = params![tenant, account.as_bytes(), now.millis(), now.plus(*window).millis()];
    let strikes = first(connection, ADD, row, |cells| small("strikes", cells.take()?))?;
    strikes.ok_or_else(|| Failure::row("strikes", "the count was not returned"))
}

pub(crate) fn clear(connection: &Connection, tenant: &str, account: &KeyedHash) -> Result<(), Failure> {
    change(connection, CLEAR, params![tenant, account.as_bytes()]).map(drop)
}
