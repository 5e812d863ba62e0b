//! Opaque access tokens: the table `access_token`; and whether a token of either kind still stands.

use oauth_core::store::{
    AccessTokenRecord, FoundAccessToken, InsertToken, Principal, RevokeToken, Standing, StandingQuery,
};
use oauth_core::types::{Audience, ClientId, FamilyId, ResourceUri, Subject, TokenDigest, TokenId};

use crate::Session;
use crate::codec::{auth, binding, list, scope};
use crate::cutoff::cut_off;
use crate::error::Failure;
use crate::sql::{Cells, Param, params};

/// The columns of a record, in the order in which [`read`] takes them.
macro_rules! columns {
    () => {
        "digest, id, family, client, subject, scope, audience, resource, binding_kind, binding, auth_time, auth_amr, \
         auth_acr, issued_at, expires_at, extra"
    };
}

/// Stores the token of [`Row::params`]; what follows says under which condition.
macro_rules! insert_token {
    () => {
        concat!(
            "INSERT INTO @access_token (tenant, digest, id, family, client, subject, scope, audience, resource, \
             binding_kind, binding, auth_time, auth_amr, auth_acr, issued_at, expires_at, extra) \
             SELECT :tenant, :token_digest, :token_id, :token_family, :token_client, :token_subject, :token_scope, \
             :token_audience, :token_resource, :token_binding_kind, :token_binding, :token_auth_time, \
             :token_auth_amr, :token_auth_acr, :token_issued_at, :token_expires_at, :token_extra"
        )
    };
}
pub(crate) use insert_token;

pub(crate) const INSERT: &str = concat!(
    insert_token!(),
    " WHERE NOT ",
    cut_off!(":token_subject", ":token_client", ":token_issued_at"),
    " AND (:token_family::bytea IS NULL OR EXISTS (
        SELECT FROM @family AS held
        WHERE tenant = :tenant AND id = :token_family AND num_nulls(revoked_at) = 1
            AND absolute_expires_at + 0 > :token_issued_at AND NOT ",
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
        SELECT FROM @family AS held WHERE tenant = :tenant AND id = token.family AND num_nulls(revoked_at) = 1 AND NOT ",
    cut_off!("held.subject", "held.client", "held.issued_at"),
    ")) FROM @access_token AS token WHERE tenant = :tenant AND digest = :digest"
);
/// Whether the JWT was taken back: by its tombstone, with its family, or by a cutoff.
pub(crate) const TAKEN_BACK: &str = concat!(
    "SELECT EXISTS (SELECT FROM @tombstone WHERE tenant = :tenant AND id = :id) OR ",
    cut_off!(":subject", ":client", ":issued_at"),
    " OR (:family::bytea IS NOT NULL AND NOT EXISTS (
        SELECT FROM @family AS held WHERE tenant = :tenant AND id = :family AND num_nulls(revoked_at) = 1 AND NOT ",
    cut_off!("held.subject", "held.client", "held.issued_at"),
    "))"
);
pub(crate) const REVOKE_OPAQUE: &str =
    "UPDATE @access_token SET revoked = TRUE WHERE tenant = :tenant AND digest = :digest AND NOT revoked";
pub(crate) const REVOKE_JWT: &str =
    "INSERT INTO @tombstone (tenant, id, expires_at) VALUES (:tenant, :id, :expires_at) ON CONFLICT DO NOTHING";

/// Stores the token iff it and its family are live.
pub(crate) async fn insert(session: &Session<'_>, token: &AccessTokenRecord) -> Result<InsertToken, Failure> {
    let inserted = session.change(INSERT, &Row::of(token)?.params()).await?;
    Ok(if inserted > 0 { InsertToken::Inserted } else { InsertToken::NotLive })
}

pub(crate) async fn find(session: &Session<'_>, digest: &TokenDigest) -> Result<Option<FoundAccessToken>, Failure> {
    let asked = params! { digest: digest.as_bytes().as_slice() };
    session
        .first(FIND, &asked, |cells| Ok(FoundAccessToken { token: read(cells)?, standing: standing_of(cells.take()?) }))
        .await
}

pub(crate) async fn standing(session: &Session<'_>, query: &StandingQuery) -> Result<Standing, Failure> {
    let StandingQuery { id, family, client, subject, issued_at } = query;
    let asked = params! {
        id: id.as_ref().map(TokenId::as_str),
        family: family.as_ref().map(|id| id.as_bytes().as_slice()),
        client: client.as_ref().map(ClientId::as_str),
        subject: subject.as_ref().map(Subject::as_str),
        issued_at: issued_at.millis(),
    };
    session.one(TAKEN_BACK, &asked, |cells| cells.take()).await.map(standing_of)
}

pub(crate) async fn revoke(session: &Session<'_>, token: &RevokeToken) -> Result<(), Failure> {
    match token {
        RevokeToken::Jwt { id, expires_at } => {
            session.change(REVOKE_JWT, &params! { id: id.as_str(), expires_at: expires_at.millis() }).await
        }
        RevokeToken::Opaque { digest } => {
            session.change(REVOKE_OPAQUE, &params! { digest: digest.as_bytes().as_slice() }).await
        }
    }
    .map(drop)
}

/// A record as its row's cells.
pub(crate) struct Row<'a> {
    digest: &'a [u8],
    id: &'a str,
    family: Option<&'a [u8]>,
    client: &'a str,
    subject: Option<&'a str>,
    scope: String,
    audience: String,
    resource: String,
    binding_kind: Option<&'static str>,
    binding: Option<&'a [u8]>,
    auth_time: Option<i64>,
    auth_amr: Option<String>,
    auth_acr: Option<&'a str>,
    issued_at: i64,
    expires_at: i64,
    extra: &'a [u8],
}

impl<'a> Row<'a> {
    pub(crate) fn of(token: &'a AccessTokenRecord) -> Result<Self, Failure> {
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
        Ok(Self {
            digest: digest.as_bytes(),
            id: id.as_str(),
            family: family.as_ref().map(|id| id.as_bytes().as_slice()),
            client: principal.client().as_str(),
            subject: principal.subject().map(Subject::as_str),
            scope: scope(granted)?,
            audience: list(audience.iter().map(Audience::as_str))?,
            resource: list(resource.iter().map(ResourceUri::as_str))?,
            binding_kind,
            binding: thumbprint,
            auth_time,
            auth_amr,
            auth_acr,
            issued_at: issued_at.millis(),
            expires_at: expires_at.millis(),
            extra: extra.as_bytes(),
        })
    }

    pub(crate) fn params(&self) -> [Param<'_>; 16] {
        params! {
            token_digest: self.digest,
            token_id: self.id,
            token_family: self.family,
            token_client: self.client,
            token_subject: self.subject,
            token_scope: self.scope,
            token_audience: self.audience,
            token_resource: self.resource,
            token_binding_kind: self.binding_kind,
            token_binding: self.binding,
            token_auth_time: self.auth_time,
            token_auth_amr: self.auth_amr,
            token_auth_acr: self.auth_acr,
            token_issued_at: self.issued_at,
            token_expires_at: self.expires_at,
            token_extra: self.extra,
        }
    }
}

fn read(cells: &mut Cells<'_>) -> Result<AccessTokenRecord, Failure> {
    Ok(AccessTokenRecord {
        digest: TokenDigest::from_bytes(cells.bytes("digest")?),
        id: cells.text("id", TokenId::parse)?,
        family: cells.optional_bytes("family")?.map(FamilyId::from_bytes),
        principal: {
            let client = cells.text("client", ClientId::parse)?;
            match cells.optional_text("subject", Subject::parse)? {
                None => Principal::Client { client },
                Some(subject) => Principal::User { subject, client },
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
