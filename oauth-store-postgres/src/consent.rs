//! Remembered consent: the table `consent`; and the list of all that a user allows.

use std::collections::BTreeMap;

use oauth_core::store::{ClientGrants, ConsentKey, ConsentRecord, FamilyRecord, ListGrants};
use oauth_core::types::{ClientId, ResourceUri, Subject};

use crate::Session;
use crate::codec::{list, scope};
use crate::cutoff::cut_off;
use crate::error::Failure;
use crate::family;
use crate::sql::{Cells, Param, params};

/// The columns of a record, in the order in which [`read`] takes them.
macro_rules! columns {
    () => {
        "subject, client, redirect_uri, resource, scope, granted_at, expires_at, extra"
    };
}
pub(crate) use columns;

/// What the key holds of redirect URI and resources. The line feed keeps them apart: JSON has none within. A query of its
/// own, so that it is made once, and the planner takes it for a value and not for work to be saved.
macro_rules! usage {
    ($redirect_uri:literal, $resource:literal) => {
        concat!("(SELECT sha256(convert_to(", $redirect_uri, " || chr(10) || ", $resource, ", 'UTF8')))")
    };
}
pub(crate) use usage;

/// Stores the consent of [`Row::params`] if the request was decided; replaces the one that there was.
macro_rules! remember {
    () => {
        concat!(
            "INSERT INTO @consent (tenant, usage, ",
            crate::consent::columns!(),
            ") SELECT :tenant, ",
            crate::consent::usage!(":consent_redirect_uri", ":consent_resource"),
            ", :consent_subject, :consent_client, :consent_redirect_uri, :consent_resource, :consent_scope,
                :consent_granted_at, :consent_expires_at, :consent_extra FROM decided
            ON CONFLICT (tenant, subject, client, usage) DO UPDATE SET scope = excluded.scope,
                granted_at = excluded.granted_at, expires_at = excluded.expires_at, extra = excluded.extra"
        )
    };
}
pub(crate) use remember;

/// The row, unless a cutoff withdrew it.
pub(crate) const FIND: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM @consent AS held
    WHERE tenant = :tenant AND subject = :subject AND client = :client AND usage = ",
    usage!(":redirect_uri", ":resource"),
    " AND NOT ",
    cut_off!("held.subject", "held.client", "held.granted_at")
);

/// The families of a user that are live, but for the cutoffs.
macro_rules! live {
    () => {
        concat!(
            "@family AS held WHERE tenant = :tenant AND subject = :subject AND revoked_at IS NULL
                AND absolute_expires_at + 0 > :now AND NOT ",
            cut_off!("held.subject", "held.client", "held.issued_at")
        )
    };
}

/// The consents of a user that stand.
macro_rules! standing {
    () => {
        concat!(
            "@consent AS held WHERE tenant = :tenant AND subject = :subject AND expires_at + 0 > :now AND NOT ",
            cut_off!("held.subject", "held.client", "held.granted_at")
        )
    };
}

/// The families and the consents of one page of clients, seen at one moment. Each row is of one or of the other.
pub(crate) const LIST: &str = concat!(
    "WITH page AS (
        SELECT client FROM (
            SELECT client FROM ",
    live!(),
    " AND client > :after UNION ALL SELECT client FROM ",
    standing!(),
    " AND client > :after
        ) AS allowed GROUP BY client ORDER BY client LIMIT :most
    )
    SELECT live.*, standing.* FROM (
        SELECT ",
    family::columns!(),
    " FROM ",
    live!(),
    " AND client = ANY (ARRAY(SELECT client FROM page))
    ) AS live FULL JOIN (
        SELECT ",
    columns!(),
    " FROM ",
    standing!(),
    " AND client = ANY (ARRAY(SELECT client FROM page))
    ) AS standing ON FALSE"
);

pub(crate) async fn find(session: &Session<'_>, key: &ConsentKey) -> Result<Option<ConsentRecord>, Failure> {
    let ConsentKey { subject, client, redirect_uri, resource } = key;
    if redirect_uri.contains('\0') {
        return Ok(None); // PostgreSQL's text has none, so nothing was allowed for such a URI
    }
    let asked = params! {
        subject: subject.as_str(),
        client: client.as_str(),
        redirect_uri: *redirect_uri,
        resource: list(resource.iter().map(ResourceUri::as_str))?,
    };
    session.first(FIND, &asked, read).await
}

pub(crate) async fn list_grants(session: &Session<'_>, asked: &ListGrants) -> Result<Vec<ClientGrants>, Failure> {
    let ListGrants { subject, now, after, limit } = asked;
    let asked = params! {
        subject: subject.as_str(),
        now: now.millis(),
        // No id is empty.
        after: after.as_ref().map_or("", ClientId::as_str),
        most: i64::from(*limit),
    };
    let rows = session.all(LIST, &asked, |cells| Ok((family::read_optional(cells)?, read_optional(cells)?))).await?;
    let mut clients: BTreeMap<ClientId, (Vec<FamilyRecord>, Vec<ConsentRecord>)> = BTreeMap::new();
    for (family, consent) in rows {
        if let Some(family) = family {
            clients.entry(family.client.clone()).or_default().0.push(family);
        }
        if let Some(consent) = consent {
            clients.entry(consent.key.client.clone()).or_default().1.push(consent);
        }
    }
    let grants = clients.into_iter().map(|(client, (mut families, consents))| {
        families.sort_by_key(|family| (family.issued_at, family.id));
        ClientGrants { client, families, consents }
    });
    Ok(grants.collect())
}

/// A record as its row's cells.
pub(crate) struct Row<'a> {
    subject: &'a str,
    client: &'a str,
    redirect_uri: &'a str,
    resource: String,
    scope: String,
    granted_at: i64,
    expires_at: i64,
    extra: &'a [u8],
}

impl<'a> Row<'a> {
    pub(crate) fn of(consent: &'a ConsentRecord) -> Result<Self, Failure> {
        let ConsentRecord { key, scope: allowed, granted_at, expires_at, extra } = consent;
        let ConsentKey { subject, client, redirect_uri, resource } = key;
        Ok(Self {
            subject: subject.as_str(),
            client: client.as_str(),
            redirect_uri,
            resource: list(resource.iter().map(ResourceUri::as_str))?,
            scope: scope(allowed)?,
            granted_at: granted_at.millis(),
            expires_at: expires_at.millis(),
            extra: extra.as_bytes(),
        })
    }

    pub(crate) fn params(&self) -> [Param<'_>; 8] {
        params! {
            consent_subject: self.subject,
            consent_client: self.client,
            consent_redirect_uri: self.redirect_uri,
            consent_resource: self.resource,
            consent_scope: self.scope,
            consent_granted_at: self.granted_at,
            consent_expires_at: self.expires_at,
            consent_extra: self.extra,
        }
    }
}

fn read(cells: &mut Cells<'_>) -> Result<ConsentRecord, Failure> {
    read_optional(cells)?.ok_or_else(|| Failure::row("subject", "a consent of nobody"))
}

/// The record, or `None` where the row has no consent.
pub(crate) fn read_optional(cells: &mut Cells<'_>) -> Result<Option<ConsentRecord>, Failure> {
    let Some(subject) = cells.optional_text("subject", Subject::parse)? else {
        cells.skip(7);
        return Ok(None);
    };
    Ok(Some(ConsentRecord {
        key: ConsentKey {
            subject,
            client: cells.text("client", ClientId::parse)?,
            redirect_uri: cells.take()?,
            resource: cells.list("resource", ResourceUri::parse)?,
        },
        scope: cells.scope("scope")?,
        granted_at: cells.time()?,
        expires_at: cells.time()?,
        extra: cells.extra()?,
    }))
}
