//! Cutoffs: the table `cutoff`, and the condition by which other statements ask it.

use oauth_core::store::{Cutoff, CutoffKey};
use rusqlite::{Connection, params};

use crate::error::Failure;
use crate::sql::change;

/// The condition that a cutoff covers what was issued at `$issued_at` to `$client` for `$subject`: four lookups by
/// primary key. A NULL subject matches no row, nor does a NULL client.
macro_rules! cut_off {
    ($subject:literal, $client:literal, $issued_at:literal) => {
        concat!(
            "(EXISTS (SELECT 1 FROM cutoff WHERE tenant = :tenant AND kind = 'client' AND key = ",
            $client,
            " AND at >= ",
            $issued_at,
            ") OR EXISTS (SELECT 1 FROM cutoff WHERE tenant = :tenant AND kind = 'everything' AND key = ''",
            " AND at >= ",
            $issued_at,
            ") OR EXISTS (SELECT 1 FROM cutoff WHERE tenant = :tenant AND kind = 'subject' AND key = ",
            $subject,
            " AND at >= ",
            $issued_at,
            ") OR EXISTS (SELECT 1 FROM cutoff WHERE tenant = :tenant AND kind = 'grant' AND key = ",
            $client,
            " || char(10) || ",
            $subject,
            " AND at >= ",
            $issued_at,
            "))"
        )
    };
}
pub(crate) use cut_off;

pub(crate) const RAISE: &str = "
    INSERT INTO cutoff (tenant, kind, key, at) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT DO UPDATE SET at = excluded.at WHERE excluded.at > at";

/// Moves a cutoff forward, never back.
pub(crate) fn raise(connection: &Connection, tenant: &str, cutoff: &Cutoff) -> Result<(), Failure> {
    let Cutoff { key, at } = cutoff;
    let both;
    let (kind, key) = match key {
        CutoffKey::Client(client) => ("client", client.as_str()),
        CutoffKey::Everything => ("everything", ""),
        CutoffKey::Grant { subject, client } => {
            // a client id has no line break, so the two are told apart whatever the subject holds
            both = format!("{}\n{}", client.as_str(), subject.as_str());
            ("grant", both.as_str())
        }
        CutoffKey::Subject(subject) => ("subject", subject.as_str()),
    };
    change(connection, RAISE, params![tenant, kind, key, at.millis()]).map(drop)
}
