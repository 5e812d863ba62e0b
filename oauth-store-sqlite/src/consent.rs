//! Remembered consent: the table `consent`; and the list of all that a user allows.

use std::collections::BTreeMap;

use oauth_core::store::{ClientGrants, ConsentKey, ConsentRecord, ListGrants};
use oauth_core::types::{ClientId, ResourceUri, Subject};
use rusqlite::{Connection, Transaction, TransactionBehavior, named_params};

use crate::codec::{list, scope};
use crate::cutoff::cut_off;
use crate::error::Failure;
use crate::family;
use crate::sql::{Cells, all, change, first};

/// The columns of a record, in the order in which [`read`] takes them.
macro_rules! columns {
    ($table:literal) => {
        concat!(
            $table,
            "subject, ",
            $table,
            "client, ",
            $table,
            "redirect_uri, ",
            $table,
            "resource, ",
            $table,
            "scope, ",
            $table,
            "granted_at, ",
            $table,
            "expires_at, ",
            $table,
            "extra"
        )
    };
}
pub(crate) use columns;

/// The condition that a consent stands at `:now`.
macro_rules! standing {
    () => {
        concat!("expires_at > :now AND NOT ", cut_off!("consent.subject", "consent.client", "consent.granted_at"))
    };
}

pub(crate) const REMEMBER: &str = concat!(
    "INSERT INTO consent (tenant, ",
    columns!(""),
    ") VALUES (:tenant, :subject, :client, :redirect_uri, :resource, :scope, :granted_at, :expires_at, :extra)
    ON CONFLICT DO UPDATE SET scope = excluded.scope, granted_at = excluded.granted_at,
        expires_at = excluded.expires_at, extra = excluded.extra"
);
pub(crate) const FIND: &str = concat!(
    "SELECT ",
    columns!(""),
    " FROM consent WHERE tenant = :tenant AND subject = :subject AND client = :client
        AND redirect_uri = :redirect_uri AND resource = :resource AND NOT ",
    cut_off!("consent.subject", "consent.client", "consent.granted_at")
);
/// The clients of one page: two indexes in the order of clients, merged, and only as far as the page.
pub(crate) const PAGE: &str = concat!(
    "SELECT client FROM family AS held INDEXED BY family_live
        WHERE tenant = :tenant AND subject = :subject AND client > :after AND ",
    family::live!(),
    " UNION SELECT client FROM consent
        WHERE tenant = :tenant AND subject = :subject AND client > :after AND ",
    standing!(),
    " ORDER BY client LIMIT :limit"
);
pub(crate) const LIST: &str = concat!(
    "SELECT ",
    columns!(""),
    " FROM consent WHERE tenant = :tenant AND subject = :subject AND client > :after AND client <= :last AND ",
    standing!()
);

/// Stores the consent in the place of what was remembered under its key.
pub(crate) fn remember(connection: &Connection, tenant: &str, consent: &ConsentRecord) -> Result<(), Failure> {
    let ConsentRecord {
        key: ConsentKey { subject, client, redirect_uri, resource },
        scope: allowed,
        granted_at,
        expires_at,
        extra,
    } = consent;
    let row = named_params! {
        ":tenant": tenant,
        ":subject": subject.as_str(),
        ":client": client.as_str(),
        ":redirect_uri": redirect_uri,
        ":resource": list(resource.iter().map(ResourceUri::as_str))?,
        ":scope": scope(allowed)?,
        ":granted_at": granted_at.millis(),
        ":expires_at": expires_at.millis(),
        ":extra": extra.as_bytes(),
    };
    change(connection, REMEMBER, row).map(drop)
}

pub(crate) fn find(connection: &Connection, tenant: &str, key: &ConsentKey) -> Result<Option<ConsentRecord>, Failure> {
    let ConsentKey { subject, client, redirect_uri, resource } = key;
    let asked = named_params! {
        ":tenant": tenant,
        ":subject": subject.as_str(),
        ":client": client.as_str(),
        ":redirect_uri": redirect_uri,
        ":resource": list(resource.iter().map(ResourceUri::as_str))?,
    };
    first(connection, FIND, asked, read)
}

/// One page, as it stood at one moment.
pub(crate) fn list_grants(
    connection: &Connection,
    tenant: &str,
    list: &ListGrants,
) -> Result<Vec<ClientGrants>, Failure> {
    let ListGrants { subject, now, after, limit } = list;
    let after = after.as_ref().map_or("", ClientId::as_str); // no client id is empty
    // The snapshot of a transaction holds from its first read to its end, which is here; there is nothing to commit.
    let moment = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    let page = named_params! {
        ":tenant": tenant,
        ":subject": subject.as_str(),
        ":now": now.millis(),
        ":after": after,
        ":limit": limit,
    };
    let clients = all(&moment, PAGE, page, |cells| cells.text("client", ClientId::parse))?;
    let Some(last) = clients.last().cloned() else { return Ok(Vec::new()) };
    let page = named_params! {
        ":tenant": tenant,
        ":subject": subject.as_str(),
        ":now": now.millis(),
        ":after": after,
        ":last": last.as_str(),
    };
    let (families, consents) = (all(&moment, family::LIST, page, family::read)?, all(&moment, LIST, page, read)?);
    let empty =
        |client: ClientId| (client.clone(), ClientGrants { client, families: Vec::new(), consents: Vec::new() });
    let mut grants: BTreeMap<ClientId, ClientGrants> = clients.into_iter().map(empty).collect();
    for family in families {
        grants.entry(family.client.clone()).and_modify(|grants| grants.families.push(family));
    }
    for consent in consents {
        grants.entry(consent.key.client.clone()).and_modify(|grants| grants.consents.push(consent));
    }
    Ok(grants.into_values().collect())
}

/// The consent of a row that was joined to another; `None` when there was none.
pub(crate) fn read_joined(cells: &mut Cells<'_, '_>) -> Result<Option<ConsentRecord>, Failure> {
    if cells.is_next_null()? { Ok(None) } else { read(cells).map(Some) }
}

fn read(cells: &mut Cells<'_, '_>) -> Result<ConsentRecord, Failure> {
    Ok(ConsentRecord {
        key: ConsentKey {
            subject: cells.text("subject", Subject::parse)?,
            client: cells.text("client", ClientId::parse)?,
            redirect_uri: cells.take()?,
            resource: cells.list("resource", ResourceUri::parse)?,
        },
        scope: cells.scope("scope")?,
        granted_at: cells.time()?,
        expires_at: cells.time()?,
        extra: cells.extra()?,
    })
}
