//! Opaque access tokens: the table `access_token`; and whether a token of either kind still stands.

use oauth_core::store::{
    AccessTokenRecord, FoundAccessToken, InsertToken, Principal, RevokeToken, Standing, StandingQuery,
};
use oauth_core::types::{Audience, ClientId, FamilyId, ResourceUri, Subject, TokenDigest, TokenId};
use rusqlite::{Connection, named_params, params};

use crate::codec::{auth, binding, list, scope};
use crate::cutoff::cut_off;
use crate::error::Failure;
use crate::sql::{Cells, change, finds, first};

/// The columns of a record, in the order in which [`read`] takes them.
macro_rules! columns {
    () => {
        "digest, id, family, client, subject, scope, audience, resource, binding_kind, binding, auth_time, auth_amr, \
         auth_acr, issued_at, expires_at, extra"
    };
}

macro_rules! insert {
    () => {
        concat!(
            "INSERT INTO access_token (tenant, ",
            columns!(),
            ") SELECT :tenant, :digest, :id, :family, :client, :subject, :scope, :audience, :resource, :binding_kind, \
             :binding, :auth_time, :auth_amr, :auth_acr, :issued_at, :expires_at, :extra"
        )
    };
}

/// For a token whose family was stored, or judged by the statement that changed it, in the same step.
pub(crate) const INSERT_JUDGED: &str = insert!();
pub(crate) const INSERT: &str = concat!(
    insert!(),
    " WHERE NOT ",
    cut_off!(":subject", ":client", ":issued_at"),
    " AND (:family IS NULL OR EXISTS (
        SELECT 1 FROM family AS held
        WHERE tenant = :tenant AND id = :family AND revoked_at IS NULL AND absolute_expires_at > :issued_at AND NOT ",
    cut_off!("held.subject", "held.client", "held.issued_at"),
    "))"
);
/// The row, and whether it was taken back: by its own mark, with its family, or by a cutoff.
pub(crate) const FIND: &str = concat!(
    "SELECT ",
    columns!(),
    ", revoked OR ",
    cut_off!("token.subject", "token.client", "token.issued_at"),
    " OR (family IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM family AS held WHERE tenant = :tenant AND id = token.family AND revoked_at IS NULL AND NOT ",
    cut_off!("held.subject", "held.client", "held.issued_at"),
    ")) FROM access_token AS token WHERE tenant = :tenant AND digest = :digest"
);
/// One row if the JWT was taken back: by its tombstone, with its family, or by a cutoff.
pub(crate) const TAKEN_BACK: &str = concat!(
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM tombstone WHERE tenant = :tenant AND id = :id) OR ",
    cut_off!(":subject", ":client", ":issued_at"),
    " OR (:family IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM family AS held WHERE tenant = :tenant AND id = :family AND revoked_at IS NULL AND NOT ",
    cut_off!("held.subject", "held.client", "held.issued_at"),
    "))"
);
pub(crate) const REVOKE_OPAQUE: &str = "UPDATE access_token SET revoked = 1 WHERE tenant = ?1 AND digest = ?2";
pub(crate) const REVOKE_JWT: &str =
    "INSERT INTO tombstone (tenant, id, expires_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";

/// Stores the token iff it and its family are live.
pub(crate) fn insert(connection: &Connection, tenant: &str, token: &AccessTokenRecord) -> Result<InsertToken, Failure> {
    let inserted = write(connection, INSERT, tenant, token)?;
    Ok(if inserted { InsertToken::Inserted } else { InsertToken::NotLive })
}

/// Stores a token of a family that was stored, or found live and changed, in the same step.
pub(crate) fn insert_judged(connection: &Connection, tenant: &str, token: &AccessTokenRecord) -> Result<(), Failure> {
    write(connection, INSERT_JUDGED, tenant, token).map(drop)
}

pub(crate) fn find(
    connection: &Connection,
    tenant: &str,
    digest: &TokenDigest,
) -> Result<Option<FoundAccessToken>, Failure> {
    first(connection, FIND, named_params! { ":tenant": tenant, ":digest": digest.as_bytes() }, |cells| {
        Ok(FoundAccessToken { token: read(cells)?, standing: standing_of(cells.take()?) })
    })
}

pub(crate) fn standing(connection: &Connection, tenant: &str, query: &StandingQuery) -> Result<Standing, Failure> {
    let StandingQuery { id, family, client, subject, issued_at } = query;
    let asked = named_params! {
        ":tenant": tenant,
        ":id": id.as_ref().map(TokenId::as_str),
        ":family": family.as_ref().map(FamilyId::as_bytes),
        ":client": client.as_ref().map(ClientId::as_str),
        ":subject": subject.as_ref().map(Subject::as_str),
        ":issued_at": issued_at.millis(),
    };
    finds(connection, TAKEN_BACK, asked).map(standing_of)
}

pub(crate) fn revoke(connection: &Connection, tenant: &str, token: &RevokeToken) -> Result<(), Failure> {
    match token {
        RevokeToken::Jwt { id, expires_at } => {
            change(connection, REVOKE_JWT, params![tenant, id.as_str(), expires_at.millis()])
        }
        RevokeToken::Opaque { digest } => change(connection, REVOKE_OPAQUE, params![tenant, digest.as_bytes()]),
    }
    .map(drop)
}

fn write(connection: &Connection, sql: &str, tenant: &str, token: &AccessTokenRecord) -> Result<bool, Failure> {
    let AccessTokenRecord {
        digest,
        id,
        family,
        principal,
        scope: granted,
        audience,
        resource,
        binding: bound,
        auth: signed_in,
        issued_at,
        expires_at,
        extra,
    } = token;
    let (binding_kind, thumbprint) = binding(bound);
    let (auth_time, auth_amr, auth_acr) = auth(signed_in.as_ref())?;
    let row = named_params! {
        ":tenant": tenant,
        ":digest": digest.as_bytes(),
        ":id": id.as_str(),
        ":family": family.as_ref().map(FamilyId::as_bytes),
        ":client": principal.client().as_str(),
        ":subject": principal.subject().map(Subject::as_str),
        ":scope": scope(granted)?,
        ":audience": list(audience.iter().map(Audience::as_str))?,
        ":resource": list(resource.iter().map(ResourceUri::as_str))?,
        ":binding_kind": binding_kind,
        ":binding": thumbprint,
        ":auth_time": auth_time,
        ":auth_amr": auth_amr,
        ":auth_acr": auth_acr,
        ":issued_at": issued_at.millis(),
        ":expires_at": expires_at.millis(),
        ":extra": extra.as_bytes(),
    };
    Ok(change(connection, sql, row)? > 0)
}

fn read(cells: &mut Cells<'_, '_>) -> Result<AccessTokenRecord, Failure> {
    Ok(AccessTokenRecord {
        digest: TokenDigest::from_bytes(cells.take()?),
        id: cells.text("id", TokenId::parse)?,
        family: cells.take::<Option<_>>()?.map(FamilyId::from_bytes),
        principal: {
            let client = cells.text("client", ClientId::parse)?;
            match cells.take::<Option<String>>()? {
                None => Principal::Client { client },
                Some(subject) => {
                    Principal::User { subject: crate::codec::parsed("subject", &subject, Subject::parse)?, client }
                }
            }
        },
        scope: cells.scope("scope")?,
        audience: cells.list("audience", Audience::parse)?,
        resource: cells.list("resource", ResourceUri::parse)?,
        binding: cells.binding()?,
        auth: cells.auth()?,
        issued_at: cells.time()?,
        expires_at: cells.time()?,
        extra: cells.extra()?,
    })
}

pub(crate) const fn standing_of(taken_back: bool) -> Standing {
    if taken_back { Standing::Revoked } else { Standing::Live }
}
