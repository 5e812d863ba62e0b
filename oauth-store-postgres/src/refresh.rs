//! Refresh tokens: what becomes of them is one guarded `UPDATE` of their family's row each, and one statement with the
//! access token that goes with it.

use oauth_core::store::{AccessTokenRecord, Extend, Refreshed, Retry, Rotate, Salt};

use crate::Session;
use crate::access_token::{self, insert_token};
use crate::cutoff::cut_off;
use crate::error::Failure;
use crate::sql::{Param, params};

/// The condition that a family is live at `:now` and that `:current` is the refresh token which it accepts.
///
/// Who waited for another change of the row judges the row as it is then: a rotation that lost finds another
/// `current_digest`, one that came after a revocation finds `revoked_at`. The cutoffs it sees as they were when the
/// statement began; one that came since is asked on use.
///
/// `num_nulls` and `+ 0` say `IS NULL` and nothing, and keep the indexes of live families and of ends out of it: of a young
/// table PostgreSQL has no statistics yet, takes them for as good as the primary key, and would walk through every family
/// of the tenant. So do all statements that find a family by its id.
macro_rules! accepting {
    () => {
        concat!(
            "tenant = :tenant AND id = :family AND current_digest = :current AND num_nulls(revoked_at) = 1 \
             AND absolute_expires_at + 0 > :now AND NOT ",
            cut_off!("held.subject", "held.client", "held.issued_at")
        )
    };
}

macro_rules! rotate {
    () => {
        concat!(
            "UPDATE @family AS held SET generation = generation + 1, previous_digest = current_digest,
                current_digest = :successor, salt = :salt, salt_expires_at = :salt_expires_at, rotated_at = :now,
                retry_streak = CASE WHEN retries = 0 THEN 0 ELSE retry_streak END, retries = 0,
                idle_expires_at = :idle_expires_at, seen_at = greatest(seen_at, :now)
            WHERE ",
            accepting!()
        )
    };
}

/// Guarded by no count that it changes but the limit, so that retries at the same time do not exclude each other.
macro_rules! retry {
    () => {
        concat!(
            "UPDATE @family AS held SET retries = retries + 1,
                retry_streak = CASE WHEN retries = 0 THEN least(retry_streak + 1, 4294967295) ELSE retry_streak END,
                seen_at = greatest(seen_at, :now)
            WHERE retries < :limit AND ",
            accepting!()
        )
    };
}

macro_rules! extend {
    () => {
        concat!(
            "UPDATE @family AS held SET idle_expires_at = :idle_expires_at, seen_at = greatest(seen_at, :now) WHERE ",
            accepting!()
        )
    };
}

/// The update and the token that goes with it, both or neither; answers as many rows as the update changed.
macro_rules! with_token {
    ($update:expr) => {
        concat!("WITH moved AS (", $update, " RETURNING 1) ", insert_token!(), " FROM moved")
    };
}

pub(crate) const ROTATE: &str = rotate!();
pub(crate) const ROTATE_WITH_TOKEN: &str = with_token!(rotate!());
pub(crate) const RETRY: &str = retry!();
pub(crate) const RETRY_WITH_TOKEN: &str = with_token!(retry!());
pub(crate) const EXTEND: &str = extend!();
pub(crate) const EXTEND_WITH_TOKEN: &str = with_token!(extend!());

pub(crate) async fn rotate(session: &Session<'_>, rotate: &Rotate) -> Result<Refreshed, Failure> {
    let Rotate { family, current, successor, salt: Salt { bytes, expires_at }, idle_expires_at, now, access_token } =
        rotate;
    let row = params! {
        family: family.as_bytes().as_slice(),
        current: current.as_bytes().as_slice(),
        successor: successor.as_bytes().as_slice(),
        salt: bytes.as_slice(),
        salt_expires_at: expires_at.millis(),
        idle_expires_at: idle_expires_at.millis(),
        now: now.millis(),
    };
    update(session, [ROTATE, ROTATE_WITH_TOKEN], &row, access_token.as_ref()).await
}

pub(crate) async fn retry(session: &Session<'_>, retry: &Retry) -> Result<Refreshed, Failure> {
    let Retry { family, current, limit, now, access_token } = retry;
    let row = params! {
        family: family.as_bytes().as_slice(),
        current: current.as_bytes().as_slice(),
        limit: i64::from(*limit),
        now: now.millis(),
    };
    update(session, [RETRY, RETRY_WITH_TOKEN], &row, access_token.as_ref()).await
}

pub(crate) async fn extend(session: &Session<'_>, extend: &Extend) -> Result<Refreshed, Failure> {
    let Extend { family, current, idle_expires_at, now, access_token } = extend;
    let row = params! {
        family: family.as_bytes().as_slice(),
        current: current.as_bytes().as_slice(),
        idle_expires_at: idle_expires_at.millis(),
        now: now.millis(),
    };
    update(session, [EXTEND, EXTEND_WITH_TOKEN], &row, access_token.as_ref()).await
}

/// Changes the row and stores the token; neither when the row is not (any more) as it was judged.
async fn update(
    session: &Session<'_>,
    [alone, with_token]: [&'static str; 2],
    row: &[Param<'_>],
    access_token: Option<&AccessTokenRecord>,
) -> Result<Refreshed, Failure> {
    let changed = match access_token {
        None => session.change(alone, row).await?,
        Some(token) => {
            let token = access_token::Row::of(token)?;
            session.change(with_token, &[row, &token.params()].concat()).await?
        }
    };
    Ok(if changed > 0 { Refreshed::Done } else { Refreshed::Moved })
}
