//! Refresh tokens: what becomes of them is one guarded `UPDATE` of their family's row each.

use oauth_core::store::{AccessTokenRecord, Extend, Refreshed, Retry, Rotate, Salt};
use rusqlite::{Connection, Params, named_params};

use crate::access_token;
use crate::cutoff::cut_off;
use crate::error::Failure;
use crate::sql::change;

/// The condition that a family is live at `:now` and that `:current` is the refresh token which it accepts.
macro_rules! accepting {
    () => {
        concat!(
            "tenant = :tenant AND id = :family AND current_digest = :current AND revoked_at IS NULL \
             AND absolute_expires_at > :now AND NOT ",
            cut_off!("held.subject", "held.client", "held.issued_at")
        )
    };
}

pub(crate) const ROTATE: &str = concat!(
    "UPDATE family AS held SET generation = generation + 1, previous_digest = current_digest,
        current_digest = :successor, salt = :salt, salt_expires_at = :salt_expires_at, rotated_at = :now,
        retry_streak = CASE WHEN retries = 0 THEN 0 ELSE retry_streak END, retries = 0,
        idle_expires_at = :idle_expires_at, seen_at = max(seen_at, :now)
    WHERE ",
    accepting!()
);
/// Guarded by no count that it changes but the limit, so that retries at the same time do not exclude each other.
pub(crate) const RETRY: &str = concat!(
    "UPDATE family AS held SET retries = retries + 1,
        retry_streak = CASE WHEN retries = 0 THEN min(retry_streak + 1, 4294967295) ELSE retry_streak END,
        seen_at = max(seen_at, :now)
    WHERE retries < :limit AND ",
    accepting!()
);
pub(crate) const EXTEND: &str = concat!(
    "UPDATE family AS held SET idle_expires_at = :idle_expires_at, seen_at = max(seen_at, :now) WHERE ",
    accepting!()
);

pub(crate) fn rotate(connection: &Connection, tenant: &str, rotate: &Rotate) -> Result<Refreshed, Failure> {
    let Rotate { family, current, successor, salt: Salt { bytes, expires_at }, idle_expires_at, now, access_token } =
        rotate;
    let row = named_params! {
        ":tenant": tenant,
        ":family": family.as_bytes(),
        ":current": current.as_bytes(),
        ":successor": successor.as_bytes(),
        ":salt": bytes,
        ":salt_expires_at": expires_at.millis(),
        ":idle_expires_at": idle_expires_at.millis(),
        ":now": now.millis(),
    };
    update(connection, tenant, ROTATE, row, access_token.as_ref())
}

pub(crate) fn retry(connection: &Connection, tenant: &str, retry: &Retry) -> Result<Refreshed, Failure> {
    let Retry { family, current, limit, now, access_token } = retry;
    let row = named_params! {
        ":tenant": tenant,
        ":family": family.as_bytes(),
        ":current": current.as_bytes(),
        ":limit": limit,
        ":now": now.millis(),
    };
    update(connection, tenant, RETRY, row, access_token.as_ref())
}

pub(crate) fn extend(connection: &Connection, tenant: &str, extend: &Extend) -> Result<Refreshed, Failure> {
    let Extend { family, current, idle_expires_at, now, access_token } = extend;
    let row = named_params! {
        ":tenant": tenant,
        ":family": family.as_bytes(),
        ":current": current.as_bytes(),
        ":idle_expires_at": idle_expires_at.millis(),
        ":now": now.millis(),
    };
    update(connection, tenant, EXTEND, row, access_token.as_ref())
}

/// Changes the row and stores the token; neither when the row is not (any more) as it was judged.
fn update(
    connection: &Connection,
    tenant: &str,
    sql: &str,
    row: impl Params,
    access_token: Option<&AccessTokenRecord>,
) -> Result<Refreshed, Failure> {
    if change(connection, sql, row)? == 0 {
        return Ok(Refreshed::Moved);
    }
    if let Some(token) = access_token {
        access_token::insert_judged(connection, tenant, token)?;
    }
    Ok(Refreshed::Done)
}
