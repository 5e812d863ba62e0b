//! Wrong passwords: the table `strike`, one row for each account.

use oauth_core::store::Strike;
use oauth_core::types::KeyedHash;

use crate::Session;
use crate::codec::small;
use crate::error::Failure;
use crate::sql::params;

/// One more in the window that is open at `:now`, or the first of one that ends at `:ends_at`.
pub(crate) const ADD: &str = "
    INSERT INTO @strike AS held (tenant, account, strikes, ends_at) VALUES (:tenant, :account, 1, :ends_at)
    ON CONFLICT (tenant, account) DO UPDATE SET
        strikes = CASE WHEN held.ends_at > :now THEN least(held.strikes + 1, 4294967295) ELSE 1 END,
        ends_at = CASE WHEN held.ends_at > :now THEN held.ends_at ELSE excluded.ends_at END
    RETURNING strikes";
pub(crate) const CLEAR: &str = "DELETE FROM @strike WHERE tenant = :tenant AND account = :account";

/// Counts one more; answers how many the present window has.
pub(crate) async fn add(session: &Session<'_>, strike: &Strike) -> Result<u32, Failure> {
    let Strike { account, now, window } = strike;
    let row =
        params! { account: account.as_bytes().as_slice(), now: now.millis(), ends_at: now.plus(*window).millis() };
    session.one(ADD, &row, |cells| small("strikes", cells.take()?)).await
}

pub(crate) async fn clear(session: &Session<'_>, account: &KeyedHash) -> Result<(), Failure> {
    session.change(CLEAR, &params! { account: account.as_bytes().as_slice() }).await.map(drop)
}
