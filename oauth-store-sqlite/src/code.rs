//! Authorization codes: the table `code`.

use oauth_core::store::{CodeRecord, FoundCode, IssueCode, RedeemCode, RedeemOutcome, Redeemed};
use oauth_core::types::{ClientId, CodeChallenge, FamilyId, ResourceUri, Subject, TokenDigest};
use rusqlite::{Connection, named_params};

use crate::access_token::standing_of;
use crate::codec::{auth, binding, list, scope};
use crate::cutoff::cut_off;
use crate::error::Failure;
use crate::family;
use crate::sql::{Cells, change, first};

/// The columns of a record, in the order in which [`read`] takes them.
macro_rules! columns {
    () => {
        "digest, client, subject, scope, redirect_uri, challenge, nonce, resource, binding_kind, binding, auth_time, \
         auth_amr, auth_acr, issued_at, expires_at, redeemed_at, redeemed_family, extra"
    };
}

macro_rules! insert {
    () => {
        concat!(
            "INSERT INTO code (tenant, keep_until, ",
            columns!(),
            ") SELECT :tenant, :expires_at, :digest, :client, :subject, :scope, :redirect_uri, :challenge, :nonce, \
             :resource, :binding_kind, :binding, :auth_time, :auth_amr, :auth_acr, :issued_at, :expires_at, \
             :redeemed_at, :redeemed_family, :extra"
        )
    };
}

/// For a code that was judged by the statement that decided its request, in the same step.
pub(crate) const INSERT_JUDGED: &str = insert!();
pub(crate) const INSERT: &str = concat!(insert!(), " WHERE NOT ", cut_off!(":subject", ":client", ":issued_at"));
/// The row, and whether a cutoff took it back.
pub(crate) const FIND: &str = concat!(
    "SELECT ",
    columns!(),
    ", ",
    cut_off!("code.subject", "code.client", "code.issued_at"),
    " FROM code WHERE tenant = :tenant AND digest = :digest"
);
/// The family of a redemption is judged here too, by its own subject, client and time.
pub(crate) const REDEEM: &str = concat!(
    "UPDATE code SET redeemed_at = :now, redeemed_family = :family, keep_until = :keep_until
    WHERE tenant = :tenant AND digest = :digest AND redeemed_at IS NULL AND expires_at > :now AND NOT ",
    cut_off!("code.subject", "code.client", "code.issued_at"),
    " AND NOT ",
    cut_off!(":subject", ":client", ":issued_at")
);

/// Stores the code iff no cutoff covers it.
pub(crate) fn issue(connection: &Connection, tenant: &str, code: &CodeRecord) -> Result<IssueCode, Failure> {
    Ok(if write(connection, INSERT, tenant, code)? { IssueCode::Issued } else { IssueCode::CutOff })
}

/// Stores the code of a request that was found live and decided in the same step.
pub(crate) fn insert_judged(connection: &Connection, tenant: &str, code: &CodeRecord) -> Result<(), Failure> {
    write(connection, INSERT_JUDGED, tenant, code).map(drop)
}

pub(crate) fn find(connection: &Connection, tenant: &str, digest: &TokenDigest) -> Result<Option<FoundCode>, Failure> {
    first(connection, FIND, named_params! { ":tenant": tenant, ":digest": digest.as_bytes() }, |cells| {
        Ok(FoundCode { code: read(cells)?, standing: standing_of(cells.take()?) })
    })
}

/// Marks the code and starts its family; neither when the code is not (any more) to be redeemed.
pub(crate) fn redeem(connection: &Connection, tenant: &str, redeem: &RedeemCode) -> Result<RedeemOutcome, Failure> {
    let RedeemCode { code, now, family, access_token, live_limit } = redeem;
    let row = named_params! {
        ":tenant": tenant,
        ":digest": code.as_bytes(),
        ":now": now.millis(),
        ":family": family.id.as_bytes(),
        ":keep_until": family.absolute_expires_at.millis(),
        ":client": family.client.as_str(),
        ":subject": family.subject.as_str(),
        ":issued_at": family.issued_at.millis(),
    };
    if change(connection, REDEEM, row)? == 0 {
        return Ok(RedeemOutcome::Moved);
    }
    let ended = family::start_judged(connection, tenant, family, access_token.as_ref(), *live_limit, *now)?;
    Ok(RedeemOutcome::Redeemed { ended })
}

fn write(connection: &Connection, sql: &str, tenant: &str, code: &CodeRecord) -> Result<bool, Failure> {
    let CodeRecord {
        digest,
        client,
        subject,
        scope: granted,
        redirect_uri,
        challenge,
        nonce,
        resource,
        binding: bound,
        auth: signed_in,
        issued_at,
        expires_at,
        redeemed,
        extra,
    } = code;
    let (binding_kind, thumbprint) = binding(bound);
    let (auth_time, auth_amr, auth_acr) = auth(signed_in.as_ref())?;
    let (redeemed_at, redeemed_family) =
        redeemed.as_ref().map(|Redeemed { at, family }| (at.millis(), family.as_bytes())).unzip();
    let row = named_params! {
        ":tenant": tenant,
        ":digest": digest.as_bytes(),
        ":client": client.as_str(),
        ":subject": subject.as_str(),
        ":scope": scope(granted)?,
        ":redirect_uri": redirect_uri,
        ":challenge": challenge.as_ref().map(CodeChallenge::as_bytes),
        ":nonce": nonce,
        ":resource": list(resource.iter().map(ResourceUri::as_str))?,
        ":binding_kind": binding_kind,
        ":binding": thumbprint,
        ":auth_time": auth_time,
        ":auth_amr": auth_amr,
        ":auth_acr": auth_acr,
        ":issued_at": issued_at.millis(),
        ":expires_at": expires_at.millis(),
        ":redeemed_at": redeemed_at,
        ":redeemed_family": redeemed_family,
        ":extra": extra.as_bytes(),
    };
    Ok(change(connection, sql, row)? > 0)
}

fn read(cells: &mut Cells<'_, '_>) -> Result<CodeRecord, Failure> {
    Ok(CodeRecord {
        digest: TokenDigest::from_bytes(cells.take()?),
        client: cells.text("client", ClientId::parse)?,
        subject: cells.text("subject", Subject::parse)?,
        scope: cells.scope("scope")?,
        redirect_uri: cells.take()?,
        challenge: cells.take::<Option<_>>()?.map(CodeChallenge::from_bytes),
        nonce: cells.take()?,
        resource: cells.list("resource", ResourceUri::parse)?,
        binding: cells.binding()?,
        auth: cells.auth()?,
        issued_at: cells.time()?,
        expires_at: cells.time()?,
        redeemed: match (cells.optional_time()?, cells.take::<Option<_>>()?) {
            (None, None) => None,
            (Some(at), Some(family)) => Some(Redeemed { at, family: FamilyId::from_bytes(family) }),
            _ => return Err(Failure::row("redeemed_family", "half a redemption")),
        },
        extra: cells.extra()?,
    })
}
