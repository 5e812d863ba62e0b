//! Cutoffs: the table `cutoff`, and the condition by which other statements ask it.

use oauth_core::store::{Cutoff, CutoffKey};

use crate::Session;
use crate::error::Failure;
use crate::sql::params;

/// The condition that a cutoff covers what was issued at `$issued_at` to `$client` for `$subject`: three lookups by
/// primary key. A NULL subject matches no row.
macro_rules! cut_off {
    ($subject:literal, $client:literal, $issued_at:literal) => {
        concat!(
            "(EXISTS (SELECT FROM @cutoff WHERE tenant = :tenant AND kind = 'client' AND key = ",
            $client,
            " AND at >= ",
            $issued_at,
            ") OR EXISTS (SELECT FROM @cutoff WHERE tenant = :tenant AND kind = 'everything' AND key = ''",
            " AND at >= ",
            $issued_at,
            ") OR EXISTS (SELECT FROM @cutoff WHERE tenant = :tenant AND kind = 'subject' AND key = ",
            $subject,
            " AND at >= ",
            $issued_at,
            "))"
        )
    };
}
pub(crate) use cut_off;

pub(crate) const RAISE: &str = "
    INSERT INTO @cutoff AS held (tenant, kind, key, at) VALUES (:tenant, :kind, :key, :at)
    ON CONFLICT (tenant, kind, key) DO UPDATE SET at = excluded.at WHERE excluded.at > held.at";

/// Moves a cutoff forward, never back.
pub(crate) async fn raise(session: &Session<'_>, cutoff: &Cutoff) -> Result<(), Failure> {
    let Cutoff { key, at } = cutoff;
    let (kind, key) = match key {
        CutoffKey::Client(client) => ("client", client.as_str()),
        CutoffKey::Everything => ("everything", ""),
        CutoffKey::Subject(subject) => ("subject", subject.as_str()),
    };
    session.change(RAISE, &params! { kind: kind, key: key, at: at.millis() }).await.map(drop)
}
