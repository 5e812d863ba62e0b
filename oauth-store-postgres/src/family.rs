//! Families: the table `family`, and the claims that they were given for.

use oauth_core::store::{
    FamilyRecord, FoundFamily, RefreshState, RevokeFamily, RevokedWhy, Salt, StartFamily, StartOutcome,
};
use oauth_core::types::{ClientId, FamilyId, KeyId, ResourceUri, Subject, Timestamp, TokenDigest};

use crate::Session;
use crate::access_token::{self, insert_token, standing_of};
use crate::codec::{auth, binding, list, scope, small, unsigned};
use crate::cutoff::cut_off;
use crate::error::Failure;
use crate::sql::{Cells, Param, params};

/// The columns of a record, in the order in which [`read`] takes them.
macro_rules! columns {
    () => {
        "id, client, subject, scope, resource, binding_kind, binding, auth_time, auth_amr, auth_acr, code_digest, \
         handle, key_id, generation, current_digest, previous_digest, salt, salt_expires_at, rotated_at, retries, \
         retry_streak, idle_expires_at, issued_at, seen_at, absolute_expires_at, revoked_at, revoked_why, extra"
    };
}
pub(crate) use columns;

/// Stores the family of [`Row::params`]; what follows says under which condition.
macro_rules! insert_family {
    () => {
        concat!(
            "INSERT INTO @family (tenant, ",
            crate::family::columns!(),
            ") SELECT :tenant, :id, :client, :subject, :scope, :resource, :binding_kind, :binding, :auth_time,
                :auth_amr, :auth_acr, :code_digest, :handle, :key_id, :generation, :current_digest, :previous_digest,
                :salt, :salt_expires_at, :rotated_at, :retries, :retry_streak, :idle_expires_at, :issued_at, :seen_at,
                :absolute_expires_at, :revoked_at, :revoked_why, :extra"
        )
    };
}
pub(crate) use insert_family;

/// Ends the families of `:subject` and `:client` that are live at `$now` beside the one in `begun`, if it is there, but
/// for the `:keep` youngest.
///
/// It sees what was committed before its statement began; that nobody else makes room at the same time is the work of
/// the lock that was taken before it.
macro_rules! make_room {
    ($now:literal) => {
        concat!(
            "UPDATE @family SET revoked_at = ",
            $now,
            ", revoked_why = :limit
            WHERE tenant = :tenant AND num_nulls(revoked_at) = 1 AND EXISTS (SELECT FROM begun) AND id = ANY (ARRAY(
                SELECT id FROM @family AS held
                WHERE tenant = :tenant AND subject = :subject AND client = :client AND revoked_at IS NULL
                    AND id <> :id AND absolute_expires_at + 0 > ",
            $now,
            " AND NOT ",
            cut_off!("held.subject", "held.client", "held.issued_at"),
            "   ORDER BY issued_at DESC, id DESC OFFSET :keep))
            RETURNING 1"
        )
    };
}
pub(crate) use make_room;

pub(crate) const FIND: &str = concat!("SELECT ", columns!(), " FROM @family WHERE tenant = :tenant AND id = :id");
/// The row, and whether it was taken back: by itself, or by a cutoff.
pub(crate) const FIND_BY_HANDLE: &str = concat!(
    "SELECT ",
    columns!(),
    ", revoked_at IS NOT NULL OR ",
    cut_off!("held.subject", "held.client", "held.issued_at"),
    " FROM @family AS held WHERE tenant = :tenant AND handle = :handle"
);

/// Makes the claim, stores the family and `$more`, and makes room for it. Each step asks whether the one before it
/// happened. Answers: stored, cut off, how many ended.
macro_rules! start {
    ($more:expr) => {
        concat!(
            "WITH claimed AS (
                INSERT INTO @claim (tenant, digest, expires_at) SELECT :tenant, :claim_digest, :claim_expires_at
                WHERE :claim_digest::bytea IS NOT NULL AND NOT ",
            cut_off!(":subject", ":client", ":issued_at"),
            " ON CONFLICT DO NOTHING RETURNING 1
            ), begun AS (",
            insert_family!(),
            " WHERE NOT ",
            cut_off!(":subject", ":client", ":issued_at"),
            " AND (:claim_digest::bytea IS NULL OR EXISTS (SELECT FROM claimed))
                RETURNING 1
            ), ended AS (",
            make_room!(":issued_at"),
            ")",
            $more,
            " SELECT EXISTS (SELECT FROM begun), ",
            cut_off!(":subject", ":client", ":issued_at"),
            ", (SELECT count(*) FROM ended)"
        )
    };
}

pub(crate) const START: &str = start!("");
pub(crate) const START_WITH_TOKEN: &str = start!(concat!(", stored AS (", insert_token!(), " FROM begun RETURNING 1)"));
/// Whether this call ended it, and whether there is one.
pub(crate) const REVOKE: &str = "
    WITH ended AS (
        UPDATE @family SET revoked_at = :at, revoked_why = :why
        WHERE tenant = :tenant AND id = :id AND num_nulls(revoked_at) = 1 RETURNING 1
    )
    SELECT EXISTS (SELECT FROM ended), EXISTS (SELECT FROM @family WHERE tenant = :tenant AND id = :id)";

pub(crate) async fn find(session: &Session<'_>, id: &FamilyId) -> Result<Option<FamilyRecord>, Failure> {
    session.first(FIND, &params! { id: id.as_bytes().as_slice() }, read).await
}

pub(crate) async fn find_by_handle(session: &Session<'_>, handle: &[u8; 8]) -> Result<Option<FoundFamily>, Failure> {
    session
        .first(FIND_BY_HANDLE, &params! { handle: handle.as_slice() }, |cells| {
            Ok(FoundFamily { family: read(cells)?, standing: standing_of(cells.take()?) })
        })
        .await
}

/// Needs the lock of the family's subject and client.
pub(crate) async fn start(session: &Session<'_>, start: &StartFamily) -> Result<StartOutcome, Failure> {
    let StartFamily { family, access_token, live_limit, claim } = start;
    let row = Row::of(family)?;
    let (claim_digest, claim_expires_at) =
        claim.as_ref().map(|claim| (claim.digest.as_bytes().as_slice(), claim.expires_at.millis())).unzip();
    let beside = params! {
        claim_digest: claim_digest,
        claim_expires_at: claim_expires_at,
        limit: RevokedWhy::Limit.as_str(),
        keep: kept_beside(*live_limit),
    };
    let answer = |cells: &mut Cells<'_>| {
        Ok(match (cells.take()?, cells.take()?) {
            (true, _) => StartOutcome::Started { ended: small("ended", cells.take()?)? },
            (false, true) => StartOutcome::CutOff,
            (false, false) => StartOutcome::Claimed,
        })
    };
    match access_token {
        None => session.one(START, &[&row.params()[..], &beside].concat(), answer).await,
        Some(token) => {
            let token = access_token::Row::of(token)?;
            let all = [&row.params()[..], &beside, &token.params()].concat();
            session.one(START_WITH_TOKEN, &all, answer).await
        }
    }
}

pub(crate) async fn revoke(
    session: &Session<'_>,
    (id, why, at): &(FamilyId, RevokedWhy, Timestamp),
) -> Result<RevokeFamily, Failure> {
    let asked = params! { id: id.as_bytes().as_slice(), why: why.as_str(), at: at.millis() };
    let (ended, known) = session.one(REVOKE, &asked, |cells| Ok((cells.take()?, cells.take()?))).await?;
    Ok(match (ended, known) {
        (true, _) => RevokeFamily::Revoked,
        (false, true) => RevokeFamily::AlreadyRevoked,
        (false, false) => RevokeFamily::Unknown,
    })
}

/// How many families a new one leaves alive.
pub(crate) fn kept_beside(live_limit: u32) -> i64 {
    i64::from(live_limit.saturating_sub(1))
}

/// A record as its row's cells.
pub(crate) struct Row<'a> {
    id: &'a [u8],
    client: &'a str,
    subject: &'a str,
    scope: String,
    resource: String,
    binding_kind: Option<&'static str>,
    binding: Option<&'a [u8]>,
    auth_time: Option<i64>,
    auth_amr: Option<String>,
    auth_acr: Option<&'a str>,
    code_digest: Option<&'a [u8]>,
    refresh: RefreshCells<'a>,
    issued_at: i64,
    seen_at: i64,
    absolute_expires_at: i64,
    revoked_at: Option<i64>,
    revoked_why: Option<&'static str>,
    extra: &'a [u8],
}

impl<'a> Row<'a> {
    pub(crate) fn of(family: &'a FamilyRecord) -> Result<Self, Failure> {
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
        Ok(Self {
            id: id.as_bytes(),
            client: client.as_str(),
            subject: subject.as_str(),
            scope: scope(granted)?,
            resource: list(resource.iter().map(ResourceUri::as_str))?,
            binding_kind,
            binding: thumbprint,
            auth_time,
            auth_amr,
            auth_acr,
            code_digest: code_digest.as_ref().map(|digest| digest.as_bytes().as_slice()),
            refresh: refresh.as_ref().map(RefreshCells::of).unwrap_or_default(),
            issued_at: issued_at.millis(),
            seen_at: seen_at.millis(),
            absolute_expires_at: absolute_expires_at.millis(),
            revoked_at: revoked.map(|(at, _)| at.millis()),
            revoked_why: revoked.map(|(_, why)| why.as_str()),
            extra: extra.as_bytes(),
        })
    }

    pub(crate) fn params(&self) -> [Param<'_>; 28] {
        params! {
            id: self.id,
            client: self.client,
            subject: self.subject,
            scope: self.scope,
            resource: self.resource,
            binding_kind: self.binding_kind,
            binding: self.binding,
            auth_time: self.auth_time,
            auth_amr: self.auth_amr,
            auth_acr: self.auth_acr,
            code_digest: self.code_digest,
            handle: self.refresh.handle,
            key_id: self.refresh.key_id,
            generation: self.refresh.generation,
            current_digest: self.refresh.current_digest,
            previous_digest: self.refresh.previous_digest,
            salt: self.refresh.salt,
            salt_expires_at: self.refresh.salt_expires_at,
            rotated_at: self.refresh.rotated_at,
            retries: self.refresh.retries,
            retry_streak: self.refresh.retry_streak,
            idle_expires_at: self.refresh.idle_expires_at,
            issued_at: self.issued_at,
            seen_at: self.seen_at,
            absolute_expires_at: self.absolute_expires_at,
            revoked_at: self.revoked_at,
            revoked_why: self.revoked_why,
            extra: self.extra,
        }
    }
}

/// The refresh half of a row; all NULL for a family without refresh tokens.
#[derive(Default)]
struct RefreshCells<'a> {
    handle: Option<&'a [u8]>,
    key_id: Option<&'a str>,
    generation: Option<i64>,
    current_digest: Option<&'a [u8]>,
    previous_digest: Option<&'a [u8]>,
    salt: Option<&'a [u8]>,
    salt_expires_at: Option<i64>,
    rotated_at: Option<i64>,
    retries: Option<i64>,
    retry_streak: Option<i64>,
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
            previous_digest: previous_digest.as_ref().map(|digest| digest.as_bytes().as_slice()),
            salt: salt.as_ref().map(|salt| salt.bytes.as_slice()),
            salt_expires_at: salt.as_ref().map(|salt| salt.expires_at.millis()),
            rotated_at: Some(rotated_at.millis()),
            retries: Some(i64::from(*retries)),
            retry_streak: Some(i64::from(*retry_streak)),
            idle_expires_at: Some(idle_expires_at.millis()),
        }
    }
}

fn read(cells: &mut Cells<'_>) -> Result<FamilyRecord, Failure> {
    read_optional(cells)?.ok_or_else(|| Failure::row("id", "a family without a name"))
}

/// The record, or `None` where the row has no family.
pub(crate) fn read_optional(cells: &mut Cells<'_>) -> Result<Option<FamilyRecord>, Failure> {
    let Some(id) = cells.optional_bytes("id")? else {
        cells.skip(27);
        return Ok(None);
    };
    Ok(Some(FamilyRecord {
        id: FamilyId::from_bytes(id),
        client: cells.text("client", ClientId::parse)?,
        subject: cells.text("subject", Subject::parse)?,
        scope: cells.scope("scope")?,
        resource: cells.list("resource", ResourceUri::parse)?,
        binding: cells.binding()?,
        auth: cells.auth()?,
        code_digest: cells.optional_bytes("code_digest")?.map(TokenDigest::from_bytes),
        refresh: read_refresh(cells)?,
        issued_at: cells.time()?,
        seen_at: cells.time()?,
        absolute_expires_at: cells.time()?,
        revoked: match (cells.optional_time()?, cells.take::<Option<&str>>()?) {
            (None, None) => None,
            (Some(at), Some(why)) => Some((at, crate::codec::named("revoked_why", why, RevokedWhy::from_name)?)),
            _ => return Err(Failure::row("revoked_why", "half a revocation")),
        },
        extra: cells.extra()?,
    }))
}

fn read_refresh(cells: &mut Cells<'_>) -> Result<Option<RefreshState>, Failure> {
    let Some(handle) = cells.optional_bytes("handle")? else {
        cells.skip(10);
        return Ok(None);
    };
    Ok(Some(RefreshState {
        handle,
        key_id: cells.text("key_id", KeyId::parse)?,
        generation: cells.take::<i64>()?.cast_unsigned(),
        current_digest: TokenDigest::from_bytes(cells.bytes("current_digest")?),
        previous_digest: cells.optional_bytes("previous_digest")?.map(TokenDigest::from_bytes),
        salt: match (cells.optional_bytes("salt")?, cells.optional_time()?) {
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
