//! Families: the table `family`.

use oauth_core::store::{
    AccessTokenRecord, FamilyRecord, FoundFamily, RefreshState, RevokeFamily, RevokedWhy, Salt, StartFamily,
    StartOutcome,
};
use oauth_core::types::{ClientId, FamilyId, KeyId, ResourceUri, Subject, Timestamp, TokenDigest};
use rusqlite::{Connection, named_params, params};

use crate::access_token::{self, standing_of};
use crate::claim;
use crate::codec::{auth, binding, list, scope, small, unsigned};
use crate::cutoff::cut_off;
use crate::error::Failure;
use crate::sql::{Cells, all_or_nothing, change, finds, first};

/// The columns of a record, in the order in which [`read`] takes them.
macro_rules! columns {
    () => {
        "id, client, subject, scope, resource, binding_kind, binding, auth_time, auth_amr, auth_acr, code_digest, \
         handle, key_id, generation, current_digest, previous_digest, salt, salt_expires_at, rotated_at, retries, \
         retry_streak, idle_expires_at, issued_at, seen_at, absolute_expires_at, revoked_at, revoked_why, extra"
    };
}

/// The condition that the family `held` is live at `:now`.
macro_rules! live {
    () => {
        concat!(
            "revoked_at IS NULL AND absolute_expires_at > :now AND NOT ",
            cut_off!("held.subject", "held.client", "held.issued_at")
        )
    };
}
pub(crate) use live;

macro_rules! insert {
    () => {
        concat!(
            "INSERT INTO family (tenant, ",
            columns!(),
            ") SELECT :tenant, :id, :client, :subject, :scope, :resource, :binding_kind, :binding, :auth_time, \
             :auth_amr, :auth_acr, :code_digest, :handle, :key_id, :generation, :current_digest, :previous_digest, \
             :salt, :salt_expires_at, :rotated_at, :retries, :retry_streak, :idle_expires_at, :issued_at, :seen_at, \
             :absolute_expires_at, :revoked_at, :revoked_why, :extra"
        )
    };
}

pub(crate) const FIND: &str = concat!("SELECT ", columns!(), " FROM family WHERE tenant = ?1 AND id = ?2");
/// The row, and whether it was taken back: by itself, or by a cutoff.
pub(crate) const FIND_BY_HANDLE: &str = concat!(
    "SELECT ",
    columns!(),
    ", revoked_at IS NOT NULL OR ",
    cut_off!("held.subject", "held.client", "held.issued_at"),
    " FROM family AS held WHERE tenant = :tenant AND handle = :handle"
);
pub(crate) const EXISTS: &str = "SELECT 1 FROM family WHERE tenant = ?1 AND id = ?2";
/// For a family that was judged by the statement that redeemed its code, in the same step.
pub(crate) const INSERT_JUDGED: &str = insert!();
pub(crate) const INSERT: &str = concat!(insert!(), " WHERE NOT ", cut_off!(":subject", ":client", ":issued_at"));
/// The live families of a subject with the clients of one page.
pub(crate) const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM family AS held INDEXED BY family_live
    WHERE tenant = :tenant AND subject = :subject AND client > :after AND client <= :last AND ",
    live!(),
    " ORDER BY client, issued_at, id"
);
/// Ends the live families of a subject and client beside the new one, but for the `:keep` youngest. The index is named
/// because without statistics SQLite would walk through all families of the tenant by their end.
pub(crate) const MAKE_ROOM: &str = concat!(
    "UPDATE family SET revoked_at = :now, revoked_why = :why WHERE rowid IN (
        SELECT rowid FROM family AS held INDEXED BY family_live
        WHERE tenant = :tenant AND subject = :subject AND client = :client AND id <> :id AND ",
    live!(),
    " ORDER BY issued_at DESC, id DESC LIMIT -1 OFFSET :keep)"
);
pub(crate) const REVOKE: &str =
    "UPDATE family SET revoked_at = ?3, revoked_why = ?4 WHERE tenant = ?1 AND id = ?2 AND revoked_at IS NULL";

pub(crate) fn find(connection: &Connection, tenant: &str, id: &FamilyId) -> Result<Option<FamilyRecord>, Failure> {
    first(connection, FIND, params![tenant, id.as_bytes()], read)
}

pub(crate) fn find_by_handle(
    connection: &Connection,
    tenant: &str,
    handle: &[u8; 8],
) -> Result<Option<FoundFamily>, Failure> {
    first(connection, FIND_BY_HANDLE, named_params! { ":tenant": tenant, ":handle": handle }, |cells| {
        Ok(FoundFamily { family: read(cells)?, standing: standing_of(cells.take()?) })
    })
}

pub(crate) fn start(connection: &Connection, tenant: &str, start: &StartFamily) -> Result<StartOutcome, Failure> {
    let StartFamily { family, access_token, live_limit, claim } = start;
    let mut outcome = StartOutcome::CutOff;
    all_or_nothing(connection, || {
        if !insert(connection, INSERT, tenant, family)? {
            return Ok(false);
        }
        if let Some(claim) = claim
            && !claim::make(connection, tenant, claim)?
        {
            outcome = StartOutcome::Claimed;
            return Ok(false);
        }
        let now = family.issued_at;
        let ended = settle(connection, tenant, family, access_token.as_ref(), *live_limit, now)?;
        outcome = StartOutcome::Started { ended };
        Ok(true)
    })?;
    Ok(outcome)
}

/// Starts a family whose code was found live and marked in the same step; answers how many older ones ended for it.
pub(crate) fn start_judged(
    connection: &Connection,
    tenant: &str,
    family: &FamilyRecord,
    access_token: Option<&AccessTokenRecord>,
    live_limit: u32,
    now: Timestamp,
) -> Result<u32, Failure> {
    insert(connection, INSERT_JUDGED, tenant, family)?;
    settle(connection, tenant, family, access_token, live_limit, now)
}

pub(crate) fn revoke(
    connection: &Connection,
    tenant: &str,
    id: &FamilyId,
    why: RevokedWhy,
    at: Timestamp,
) -> Result<RevokeFamily, Failure> {
    if change(connection, REVOKE, params![tenant, id.as_bytes(), at.millis(), why.as_str()])? > 0 {
        return Ok(RevokeFamily::Revoked);
    }
    let known = finds(connection, EXISTS, params![tenant, id.as_bytes()])?;
    Ok(if known { RevokeFamily::AlreadyRevoked } else { RevokeFamily::Unknown })
}

/// Stores the first token of a new family, and ends the oldest families of its subject and client; answers how many.
fn settle(
    connection: &Connection,
    tenant: &str,
    new: &FamilyRecord,
    access_token: Option<&AccessTokenRecord>,
    live_limit: u32,
    now: Timestamp,
) -> Result<u32, Failure> {
    if let Some(token) = access_token {
        access_token::insert_judged(connection, tenant, token)?;
    }
    let room = named_params! {
        ":tenant": tenant,
        ":id": new.id.as_bytes(),
        ":subject": new.subject.as_str(),
        ":client": new.client.as_str(),
        ":now": now.millis(),
        ":why": RevokedWhy::Limit.as_str(),
        ":keep": live_limit.saturating_sub(1),
    };
    let ended = change(connection, MAKE_ROOM, room)?;
    Ok(u32::try_from(ended).unwrap_or(u32::MAX))
}

/// Adds the record; `false` when a cutoff covers it and the statement asks.
fn insert(connection: &Connection, sql: &str, tenant: &str, family: &FamilyRecord) -> Result<bool, Failure> {
    let FamilyRecord {
        id,
        client,
        subject,
        scope: granted,
        resource,
        binding: bound,
        auth: signed_in,
        code_digest,
        refresh,
        issued_at,
        seen_at,
        absolute_expires_at,
        revoked,
        extra,
    } = family;
    let (binding_kind, thumbprint) = binding(bound);
    let (auth_time, auth_amr, auth_acr) = auth(signed_in.as_ref())?;
    let RefreshCells {
        handle,
        key_id,
        generation,
        current_digest,
        previous_digest,
        salt,
        salt_expires_at,
        rotated_at,
        retries,
        retry_streak,
        idle_expires_at,
    } = refresh.as_ref().map(RefreshCells::of).unwrap_or_default();
    let row = named_params! {
        ":tenant": tenant,
        ":id": id.as_bytes(),
        ":client": client.as_str(),
        ":subject": subject.as_str(),
        ":scope": scope(granted)?,
        ":resource": list(resource.iter().map(ResourceUri::as_str))?,
        ":binding_kind": binding_kind,
        ":binding": thumbprint,
        ":auth_time": auth_time,
        ":auth_amr": auth_amr,
        ":auth_acr": auth_acr,
        ":code_digest": code_digest.as_ref().map(TokenDigest::as_bytes),
        ":handle": handle,
        ":key_id": key_id,
        ":generation": generation,
        ":current_digest": current_digest,
        ":previous_digest": previous_digest,
        ":salt": salt,
        ":salt_expires_at": salt_expires_at,
        ":rotated_at": rotated_at,
        ":retries": retries,
        ":retry_streak": retry_streak,
        ":idle_expires_at": idle_expires_at,
        ":issued_at": issued_at.millis(),
        ":seen_at": seen_at.millis(),
        ":absolute_expires_at": absolute_expires_at.millis(),
        ":revoked_at": revoked.map(|(at, _)| at.millis()),
        ":revoked_why": revoked.map(|(_, why)| why.as_str()),
        ":extra": extra.as_bytes(),
    };
    Ok(change(connection, sql, row)? > 0)
}

/// The refresh half of a row; all NULL for a family without refresh tokens.
#[derive(Default)]
struct RefreshCells<'a> {
    handle: Option<&'a [u8; 8]>,
    key_id: Option<&'a str>,
    generation: Option<i64>,
    current_digest: Option<&'a [u8; 32]>,
    previous_digest: Option<&'a [u8; 32]>,
    salt: Option<&'a [u8; 32]>,
    salt_expires_at: Option<i64>,
    rotated_at: Option<i64>,
    retries: Option<u32>,
    retry_streak: Option<u32>,
    idle_expires_at: Option<i64>,
}

impl<'a> RefreshCells<'a> {
    fn of(refresh: &'a RefreshState) -> Self {
        let RefreshState {
            handle,
            key_id,
            generation,
            current_digest,
            previous_digest,
            salt,
            rotated_at,
            retries,
            retry_streak,
            idle_expires_at,
        } = refresh;
        Self {
            handle: Some(handle),
            key_id: Some(key_id.as_str()),
            generation: Some(unsigned(*generation)),
            current_digest: Some(current_digest.as_bytes()),
            previous_digest: previous_digest.as_ref().map(TokenDigest::as_bytes),
            salt: salt.as_ref().map(|salt| &salt.bytes),
            salt_expires_at: salt.as_ref().map(|salt| salt.expires_at.millis()),
            rotated_at: Some(rotated_at.millis()),
            retries: Some(*retries),
            retry_streak: Some(*retry_streak),
            idle_expires_at: Some(idle_expires_at.millis()),
        }
    }
}

pub(crate) fn read(cells: &mut Cells<'_, '_>) -> Result<FamilyRecord, Failure> {
    Ok(FamilyRecord {
        id: FamilyId::from_bytes(cells.take()?),
        client: cells.text("client", ClientId::parse)?,
        subject: cells.text("subject", Subject::parse)?,
        scope: cells.scope("scope")?,
        resource: cells.list("resource", ResourceUri::parse)?,
        binding: cells.binding()?,
        auth: cells.auth()?,
        code_digest: cells.take::<Option<_>>()?.map(TokenDigest::from_bytes),
        refresh: read_refresh(cells)?,
        issued_at: cells.time()?,
        seen_at: cells.time()?,
        absolute_expires_at: cells.time()?,
        revoked: match (cells.optional_time()?, cells.take::<Option<String>>()?) {
            (None, None) => None,
            (Some(at), Some(why)) => Some((at, crate::codec::named("revoked_why", &why, RevokedWhy::from_name)?)),
            _ => return Err(Failure::row("revoked_why", "half a revocation")),
        },
        extra: cells.extra()?,
    })
}

fn read_refresh(cells: &mut Cells<'_, '_>) -> Result<Option<RefreshState>, Failure> {
    let Some(handle) = cells.take()? else {
        cells.skip(10);
        return Ok(None);
    };
    Ok(Some(RefreshState {
        handle,
        key_id: cells.text("key_id", KeyId::parse)?,
        generation: cells.take::<i64>()?.cast_unsigned(),
        current_digest: TokenDigest::from_bytes(cells.take()?),
        previous_digest: cells.take::<Option<_>>()?.map(TokenDigest::from_bytes),
        salt: match (cells.take::<Option<_>>()?, cells.optional_time()?) {
            (None, None) => None,
            (Some(bytes), Some(expires_at)) => Some(Salt { bytes, expires_at }),
            _ => return Err(Failure::row("salt", "half a salt")),
        },
        rotated_at: cells.time()?,
        retries: small("retries", cells.take()?)?,
        retry_streak: small("retry_streak", cells.take()?)?,
        idle_expires_at: cells.time()?,
    }))
}
