//! What may be used once: the table `claim`.

use oauth_core::store::Claim;
use rusqlite::{Connection, params};

use crate::error::Failure;
use crate::sql::change;

pub(crate) const MAKE: &str =
    "INSERT INTO claim (tenant, digest, expires_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";

/// Makes the claim; `false` when it was made before.
pub(crate) fn make(connection: &Connection, tenant: &str, claim: &Claim) -> Result<bool, Failure> {
    let Claim { digest, expires_at } = claim;
    Ok(change(connection, MAKE, params![tenant, digest.as_bytes(), expires_at.millis()])? > 0)
}
