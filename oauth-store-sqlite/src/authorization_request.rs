//! Authorization requests: the table `authorization_request`.

use oauth_core::store::{
    AuthorizationRequestRecord, BeginOutcome, BeginRequest, DecideOutcome, DecideRequest, FoundRequest, FrozenRequest,
    RequestDecision, RequestOrigin, RequestState,
};
use oauth_core::types::{ClientId, ResourceUri, Subject, Timestamp, TokenDigest};
use rusqlite::{Connection, named_params, params};

use crate::access_token::standing_of;
use crate::codec::{auth, binding, list};
use crate::cutoff::cut_off;
use crate::error::Failure;
use crate::sql::{Cells, change, finds, first};
use crate::{code, consent};

/// The columns of a record, in the order in which [`read`] takes them.
macro_rules! columns {
    () => {
        "handle, origin, client, redirect_uri, request, browser, subject, state, binding_kind, binding, auth_time, \
         auth_amr, auth_acr, resource, begun_at, expires_at, extra"
    };
}

/// The condition that a request is open, in the words of the partial indexes.
macro_rules! open {
    () => {
        "state IN ('pushed', 'begun')"
    };
}

/// One row if `?3` requests of the tenant or more are open. Counts along an index, and only as far as the limit; the
/// index is named because without statistics SQLite may prefer the one by end, which holds what was decided too.
pub(crate) const FULL: &str = concat!(
    "SELECT 1 FROM authorization_request INDEXED BY authorization_request_open
    WHERE tenant = ?1 AND expires_at > ?2 AND ",
    open!(),
    " LIMIT 1 OFFSET ?3 - 1"
);
/// Asks for the limit of the client in the same way.
pub(crate) const BEGIN: &str = concat!(
    "INSERT INTO authorization_request (tenant, ",
    columns!(),
    ") SELECT :tenant, :handle, :origin, :client, :redirect_uri, :request, :browser, :subject, :state, :binding_kind,
        :binding, :auth_time, :auth_amr, :auth_acr, :resource, :begun_at, :expires_at, :extra
    WHERE :client_limit > 0 AND NOT EXISTS (
        SELECT 1 FROM authorization_request INDEXED BY authorization_request_open_of_client
        WHERE tenant = :tenant AND client = :client AND expires_at > :begun_at AND ",
    open!(),
    " LIMIT 1 OFFSET :client_limit - 1)"
);
/// The row, whether it was taken back, and what `:subject` allowed before.
pub(crate) const FIND: &str = concat!(
    "SELECT request.handle, request.origin, request.client, request.redirect_uri, request.request, request.browser,
        request.subject, request.state, request.binding_kind, request.binding, request.auth_time, request.auth_amr,
        request.auth_acr, request.resource, request.begun_at, request.expires_at, request.extra, ",
    cut_off!("NULL", "request.client", "request.begun_at"),
    ", ",
    consent::columns!("allowed."),
    " FROM authorization_request AS request LEFT JOIN consent AS allowed
        ON allowed.tenant = :tenant AND allowed.subject = :subject AND allowed.client = request.client
            AND allowed.redirect_uri = request.redirect_uri AND allowed.resource = request.resource AND NOT ",
    cut_off!("allowed.subject", "allowed.client", "allowed.granted_at"),
    " WHERE request.tenant = :tenant AND request.handle = :handle"
);
/// Only what its client or the tenant lost takes a request back: nobody had allowed anything yet. The code of an
/// approval is judged here too; without one `:code_issued_at` is NULL, which no cutoff covers.
pub(crate) const DECIDE: &str = concat!(
    "UPDATE authorization_request AS request SET state = :state, subject = :subject, auth_time = :auth_time,
        auth_amr = :auth_amr, auth_acr = :auth_acr
    WHERE tenant = :tenant AND handle = :handle AND expires_at > :now AND ",
    open!(),
    " AND NOT ",
    cut_off!("NULL", "request.client", "request.begun_at"),
    " AND NOT ",
    cut_off!(":code_subject", ":code_client", ":code_issued_at")
);
pub(crate) const DECIDED: &str =
    concat!("SELECT 1 FROM authorization_request WHERE tenant = ?1 AND handle = ?2 AND NOT ", open!());

/// Whether the tenant has room for one more. The limit is large and counting up to it takes milliseconds, so it is done
/// by a thread that reads: strangers who bring requests to the limit do not hold up those who write. Requests that begin
/// at the same moment may pass together, which the contract allows.
pub(crate) fn has_room(
    connection: &Connection,
    tenant: &str,
    now: Timestamp,
    tenant_limit: u32,
) -> Result<bool, Failure> {
    Ok(tenant_limit > 0 && !finds(connection, FULL, params![tenant, now.millis(), tenant_limit])?)
}

/// Stores the request, if its client has room for one more.
pub(crate) fn begin(connection: &Connection, tenant: &str, begin: &BeginRequest) -> Result<BeginOutcome, Failure> {
    let BeginRequest { request, client_limit, tenant_limit: _ } = begin;
    let AuthorizationRequestRecord {
        handle,
        origin,
        client,
        redirect_uri,
        request: frozen,
        browser,
        subject,
        state,
        binding: bound,
        auth: signed_in,
        resource,
        begun_at,
        expires_at,
        extra,
    } = request;
    let (binding_kind, thumbprint) = binding(bound);
    let (auth_time, auth_amr, auth_acr) = auth(signed_in.as_ref())?;
    let row = named_params! {
        ":tenant": tenant,
        ":handle": handle.as_bytes(),
        ":origin": origin.as_str(),
        ":client": client.as_str(),
        ":redirect_uri": redirect_uri,
        ":request": frozen.as_bytes(),
        ":browser": browser.as_ref().map(TokenDigest::as_bytes),
        ":subject": subject.as_ref().map(Subject::as_str),
        ":state": state.as_str(),
        ":binding_kind": binding_kind,
        ":binding": thumbprint,
        ":auth_time": auth_time,
        ":auth_amr": auth_amr,
        ":auth_acr": auth_acr,
        ":resource": list(resource.iter().map(ResourceUri::as_str))?,
        ":begun_at": begun_at.millis(),
        ":expires_at": expires_at.millis(),
        ":extra": extra.as_bytes(),
        ":client_limit": client_limit,
    };
    Ok(if change(connection, BEGIN, row)? > 0 { BeginOutcome::Begun } else { BeginOutcome::TooMany })
}

pub(crate) fn find(
    connection: &Connection,
    tenant: &str,
    handle: &TokenDigest,
    subject: Option<&Subject>,
) -> Result<Option<FoundRequest>, Failure> {
    let asked = named_params! {
        ":tenant": tenant,
        ":handle": handle.as_bytes(),
        ":subject": subject.map(Subject::as_str),
    };
    first(connection, FIND, asked, |cells| {
        Ok(FoundRequest {
            request: read(cells)?,
            standing: standing_of(cells.take()?),
            consent: consent::read_joined(cells)?,
        })
    })
}

/// Decides the request and stores what comes of it; nothing when the request is not (any more) as it must be.
pub(crate) fn decide(connection: &Connection, tenant: &str, decide: &DecideRequest) -> Result<DecideOutcome, Failure> {
    let DecideRequest { handle, subject, auth: signed_in, now, decision } = decide;
    let (state, approved) = match decision {
        RequestDecision::Approved { code, consent } => (RequestState::Approved, Some((code, consent))),
        RequestDecision::Denied => (RequestState::Denied, None),
    };
    let (auth_time, auth_amr, auth_acr) = auth(signed_in.as_ref())?;
    let row = named_params! {
        ":tenant": tenant,
        ":handle": handle.as_bytes(),
        ":state": state.as_str(),
        ":subject": subject.as_str(),
        ":auth_time": auth_time,
        ":auth_amr": auth_amr,
        ":auth_acr": auth_acr,
        ":now": now.millis(),
        ":code_client": approved.map(|(code, _)| code.client.as_str()),
        ":code_subject": approved.map(|(code, _)| code.subject.as_str()),
        ":code_issued_at": approved.map(|(code, _)| code.issued_at.millis()),
    };
    if change(connection, DECIDE, row)? == 0 {
        let decided = finds(connection, DECIDED, params![tenant, handle.as_bytes()])?;
        return Ok(if decided { DecideOutcome::AlreadyDecided } else { DecideOutcome::NotLive });
    }
    if let Some((code, consent)) = approved {
        code::insert_judged(connection, tenant, code)?;
        if let Some(consent) = consent {
            consent::remember(connection, tenant, consent)?;
        }
    }
    Ok(DecideOutcome::Decided)
}

fn read(cells: &mut Cells<'_, '_>) -> Result<AuthorizationRequestRecord, Failure> {
    Ok(AuthorizationRequestRecord {
        handle: TokenDigest::from_bytes(cells.take()?),
        origin: cells.name("origin", RequestOrigin::from_name)?,
        client: cells.text("client", ClientId::parse)?,
        redirect_uri: cells.take()?,
        request: FrozenRequest::from_bytes(cells.take()?).map_err(|why| Failure::row("request", why))?,
        browser: cells.take::<Option<_>>()?.map(TokenDigest::from_bytes),
        subject: cells.optional_text("subject", Subject::parse)?,
        state: cells.name("state", RequestState::from_name)?,
        binding: cells.binding()?,
        auth: cells.auth()?,
        resource: cells.list("resource", ResourceUri::parse)?,
        begun_at: cells.time()?,
        expires_at: cells.time()?,
        extra: cells.extra()?,
    })
}
