//! Authorization codes: the table `code`.

use oauth_core::store::{CodeRecord, FoundCode, IssueCode, RedeemCode, RedeemOutcome, Redeemed, RevokedWhy};
use oauth_core::types::{ClientId, CodeChallenge, FamilyId, ResourceUri, Subject, TokenDigest};

use crate::Session;
use crate::access_token::{self, insert_token, standing_of};
use crate::codec::{auth, binding, list, scope, small};
use crate::cutoff::cut_off;
use crate::error::Failure;
use crate::family::{self, insert_family, make_room};
use crate::sql::{Cells, Param, params};

/// The columns of a record, in the order in which [`read`] takes them.
macro_rules! columns {
    () => {
        "digest, client, subject, scope, redirect_uri, challenge, nonce, resource, binding_kind, binding, auth_time, \
         auth_amr, auth_acr, issued_at, expires_at, redeemed_at, family, extra"
    };
}

/// Stores the code of [`Row::params`]; what follows says under which condition.
macro_rules! insert_code {
    () => {
        "INSERT INTO @code (tenant, digest, client, subject, scope, redirect_uri, challenge, nonce, resource, \
         binding_kind, binding, auth_time, auth_amr, auth_acr, issued_at, expires_at, redeemed_at, family, keep_until, \
         extra) \
         SELECT :tenant, :code_digest, :code_client, :code_subject, :code_scope, :code_redirect_uri, :code_challenge, \
         :code_nonce, :code_resource, :code_binding_kind, :code_binding, :code_auth_time, :code_auth_amr, \
         :code_auth_acr, :code_issued_at, :code_expires_at, :code_redeemed_at, :code_family, :code_expires_at, \
         :code_extra"
    };
}
pub(crate) use insert_code;

pub(crate) const ISSUE: &str =
    concat!(insert_code!(), " WHERE NOT ", cut_off!(":code_subject", ":code_client", ":code_issued_at"));
/// The row, and whether a cutoff covers it.
pub(crate) const FIND: &str = concat!(
    "SELECT ",
    columns!(),
    ", ",
    cut_off!("held.subject", "held.client", "held.issued_at"),
    " FROM @code AS held WHERE tenant = :tenant AND digest = :digest"
);

/// Marks the code, stores the family and `$more`, and makes room for it; whoever waited for another redemption finds the
/// mark. Answers whether it redeemed, and how many families ended.
///
/// Everything that may refuse stands where the mark is made, so that no mark is without its family.
macro_rules! redeem {
    ($more:expr) => {
        concat!(
            "WITH redeemed AS (
                UPDATE @code AS held SET redeemed_at = :now, family = :id, keep_until = :absolute_expires_at
                WHERE tenant = :tenant AND digest = :code AND redeemed_at IS NULL AND expires_at > :now AND NOT ",
            cut_off!("held.subject", "held.client", "held.issued_at"),
            " AND NOT ",
            cut_off!(":subject", ":client", ":issued_at"),
            "   RETURNING 1
            ), begun AS (",
            insert_family!(),
            " FROM redeemed RETURNING 1
            ), ended AS (",
            make_room!(":now"),
            ")",
            $more,
            " SELECT EXISTS (SELECT FROM begun), (SELECT count(*) FROM ended)"
        )
    };
}

pub(crate) const REDEEM: &str = redeem!("");
pub(crate) const REDEEM_WITH_TOKEN: &str =
    redeem!(concat!(", stored AS (", insert_token!(), " FROM begun RETURNING 1)"));

pub(crate) async fn issue(session: &Session<'_>, code: &CodeRecord) -> Result<IssueCode, Failure> {
    let issued = session.change(ISSUE, &Row::of(code)?.params()).await?;
    Ok(if issued > 0 { IssueCode::Issued } else { IssueCode::CutOff })
}

pub(crate) async fn find(session: &Session<'_>, digest: &TokenDigest) -> Result<Option<FoundCode>, Failure> {
    let asked = params! { digest: digest.as_bytes().as_slice() };
    session
        .first(FIND, &asked, |cells| Ok(FoundCode { code: read(cells)?, standing: standing_of(cells.take()?) }))
        .await
}

/// Needs the lock of the family's subject and client.
pub(crate) async fn redeem(session: &Session<'_>, redeem: &RedeemCode) -> Result<RedeemOutcome, Failure> {
    let RedeemCode { code, now, family, access_token, live_limit } = redeem;
    let row = family::Row::of(family)?;
    let beside = params! {
        code: code.as_bytes().as_slice(),
        now: now.millis(),
        limit: RevokedWhy::Limit.as_str(),
        keep: family::kept_beside(*live_limit),
    };
    let answer = |cells: &mut Cells<'_>| {
        Ok(match cells.take()? {
            true => RedeemOutcome::Redeemed { ended: small("ended", cells.take()?)? },
            false => RedeemOutcome::Moved,
        })
    };
    match access_token {
        None => session.one(REDEEM, &[&row.params()[..], &beside].concat(), answer).await,
        Some(token) => {
            let token = access_token::Row::of(token)?;
            let all = [&row.params()[..], &beside, &token.params()].concat();
            session.one(REDEEM_WITH_TOKEN, &all, answer).await
        }
    }
}

/// A record as its row's cells.
pub(crate) struct Row<'a> {
    digest: &'a [u8],
    client: &'a str,
    subject: &'a str,
    scope: String,
    redirect_uri: &'a str,
    challenge: Option<&'a [u8]>,
    nonce: Option<&'a str>,
    resource: String,
    binding_kind: Option<&'static str>,
    binding: Option<&'a [u8]>,
    auth_time: Option<i64>,
    auth_amr: Option<String>,
    auth_acr: Option<&'a str>,
    issued_at: i64,
    expires_at: i64,
    redeemed_at: Option<i64>,
    family: Option<&'a [u8]>,
    extra: &'a [u8],
}

impl<'a> Row<'a> {
    pub(crate) fn of(code: &'a CodeRecord) -> Result<Self, Failure> {
        let CodeRecord {
            digest,
            client,
            subject,
            scope: allowed,
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
        Ok(Self {
            digest: digest.as_bytes(),
            client: client.as_str(),
            subject: subject.as_str(),
            scope: scope(allowed)?,
            redirect_uri,
            challenge: challenge.as_ref().map(|challenge| challenge.as_bytes().as_slice()),
            nonce: nonce.as_deref(),
            resource: list(resource.iter().map(ResourceUri::as_str))?,
            binding_kind,
            binding: thumbprint,
            auth_time,
            auth_amr,
            auth_acr,
            issued_at: issued_at.millis(),
            expires_at: expires_at.millis(),
            redeemed_at: redeemed.as_ref().map(|Redeemed { at, family: _ }| at.millis()),
            family: redeemed.as_ref().map(|Redeemed { at: _, family }| family.as_bytes().as_slice()),
            extra: extra.as_bytes(),
        })
    }

    pub(crate) fn params(&self) -> [Param<'_>; 18] {
        params! {
            code_digest: self.digest,
            code_client: self.client,
            code_subject: self.subject,
            code_scope: self.scope,
            code_redirect_uri: self.redirect_uri,
            code_challenge: self.challenge,
            code_nonce: self.nonce,
            code_resource: self.resource,
            code_binding_kind: self.binding_kind,
            code_binding: self.binding,
            code_auth_time: self.auth_time,
            code_auth_amr: self.auth_amr,
            code_auth_acr: self.auth_acr,
            code_issued_at: self.issued_at,
            code_expires_at: self.expires_at,
            code_redeemed_at: self.redeemed_at,
            code_family: self.family,
            code_extra: self.extra,
        }
    }
}

fn read(cells: &mut Cells<'_>) -> Result<CodeRecord, Failure> {
    Ok(CodeRecord {
        digest: TokenDigest::from_bytes(cells.bytes("digest")?),
        client: cells.text("client", ClientId::parse)?,
        subject: cells.text("subject", Subject::parse)?,
        scope: cells.scope("scope")?,
        redirect_uri: cells.take()?,
        challenge: cells.optional_bytes("challenge")?.map(CodeChallenge::from_bytes),
        nonce: cells.take()?,
        resource: cells.list("resource", ResourceUri::parse)?,
        binding: cells.binding()?,
        auth: cells.auth()?,
        issued_at: cells.time()?,
        expires_at: cells.time()?,
        redeemed: match (cells.optional_time()?, cells.optional_bytes("family")?) {
            (None, None) => None,
            (Some(at), Some(family)) => Some(Redeemed { at, family: FamilyId::from_bytes(family) }),
            _ => return Err(Failure::row("redeemed_at", "half a redemption")),
        },
        extra: cells.extra()?,
    })
}
