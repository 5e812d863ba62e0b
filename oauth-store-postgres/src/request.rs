//! Authorization requests: the table `authorization_request`, and what becomes of them.

use oauth_core::store::{
    AuthorizationRequestRecord, BeginOutcome, BeginRequest, DecideOutcome, DecideRequest, FoundRequest, FrozenRequest,
    RequestDecision, RequestOrigin, RequestState,
};
use oauth_core::types::{ClientId, ResourceUri, Subject, TokenDigest};

use crate::Session;
use crate::access_token::standing_of;
use crate::code::{self, insert_code};
use crate::codec::{auth, binding, list};
use crate::consent::{self, remember, usage};
use crate::cutoff::cut_off;
use crate::error::Failure;
use crate::sql::{Cells, params};

/// The columns of a record, in the order in which [`read`] takes them.
macro_rules! columns {
    () => {
        "handle, origin, client, redirect_uri, request, browser, subject, state, binding_kind, binding, auth_time, \
         auth_amr, auth_acr, resource, begun_at, expires_at, extra"
    };
}

/// How many are open beside this one, counted no further than the limit, and along an index: the order says so to the
/// planner, which would read the table as soon as it takes many for open.
macro_rules! open {
    ($of:literal, $limit:literal) => {
        concat!(
            "(SELECT count(*) FROM (
                SELECT FROM @authorization_request
                WHERE tenant = :tenant AND ",
            $of,
            " state IN ('pushed', 'begun') AND expires_at > :begun_at
                ORDER BY expires_at LIMIT ",
            $limit,
            ") AS open)"
        )
    };
}

/// Two who begin at the same moment do not count each other, which the contract allows.
pub(crate) const BEGIN: &str = concat!(
    "INSERT INTO @authorization_request (tenant, usage, ",
    columns!(),
    ") SELECT :tenant, ",
    usage!(":redirect_uri", ":resource"),
    ", :handle, :origin, :client, :redirect_uri, :request, :browser, :subject, :state, :binding_kind,
        :binding, :auth_time, :auth_amr, :auth_acr, :resource, :begun_at, :expires_at, :extra
    WHERE ",
    open!("client = :client AND", ":client_limit"),
    " < :client_limit AND ",
    open!("", ":tenant_limit"),
    " < :tenant_limit"
);

/// The row, whether a cutoff covers it, and what `:subject` allowed before for the same use, unless a cutoff withdrew
/// that. Nobody had allowed the request itself, so only what its client or the tenant lost counts.
pub(crate) const FIND: &str = concat!(
    "SELECT asked.*, remembered.* FROM (
        SELECT ",
    columns!(),
    ", ",
    cut_off!("NULL::text", "held.client", "held.begun_at"),
    ", usage FROM @authorization_request AS held WHERE tenant = :tenant AND handle = :handle
    ) AS asked LEFT JOIN LATERAL (
        SELECT ",
    consent::columns!(),
    " FROM @consent AS held
        WHERE tenant = :tenant AND subject = :subject AND client = asked.client AND usage = asked.usage AND NOT ",
    cut_off!("held.subject", "held.client", "held.granted_at"),
    ") AS remembered ON TRUE"
);

/// Decides the request and does `$more` if it did; whoever waited for another decision finds a state that is decided.
/// Answers whether it decided.
///
/// `NOT IN` and `+ 0` keep the indexes of open requests and of ends out of it; see `refresh`.
macro_rules! decide {
    ($unless:expr, $more:expr) => {
        concat!(
            "WITH decided AS (
                UPDATE @authorization_request AS held
                SET state = :state, subject = :subject, auth_time = :auth_time, auth_amr = :auth_amr, auth_acr = :auth_acr
                WHERE tenant = :tenant AND handle = :handle AND state NOT IN ('approved', 'denied')
                    AND expires_at + 0 > :now AND NOT ",
            cut_off!("NULL::text", "held.client", "held.begun_at"),
            $unless,
            " RETURNING 1
            )",
            $more,
            " SELECT EXISTS (SELECT FROM decided)"
        )
    };
}

macro_rules! approve {
    ($more:expr) => {
        decide!(
            concat!(" AND NOT ", cut_off!(":code_subject", ":code_client", ":code_issued_at")),
            concat!(", issued AS (", insert_code!(), " FROM decided RETURNING 1)", $more)
        )
    };
}

pub(crate) const DENY: &str = decide!("", "");
pub(crate) const APPROVE: &str = approve!("");
pub(crate) const APPROVE_AND_REMEMBER: &str = approve!(concat!(", remembered AS (", remember!(), ")"));
/// A statement of its own, so that it sees the decision that came first.
pub(crate) const IS_DECIDED: &str = "
    SELECT EXISTS (
        SELECT FROM @authorization_request
        WHERE tenant = :tenant AND handle = :handle AND state IN ('approved', 'denied'))";

pub(crate) async fn begin(session: &Session<'_>, begin: &BeginRequest) -> Result<BeginOutcome, Failure> {
    let BeginRequest { request, client_limit, tenant_limit } = begin;
    let AuthorizationRequestRecord {
        handle,
        origin,
        client,
        redirect_uri,
        request,
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
    let row = params! {
        handle: handle.as_bytes().as_slice(),
        origin: origin.as_str(),
        client: client.as_str(),
        redirect_uri: *redirect_uri,
        request: request.as_bytes(),
        browser: browser.as_ref().map(|digest| digest.as_bytes().as_slice()),
        subject: subject.as_ref().map(Subject::as_str),
        state: state.as_str(),
        binding_kind: binding_kind,
        binding: thumbprint,
        auth_time: auth_time,
        auth_amr: auth_amr,
        auth_acr: auth_acr,
        resource: list(resource.iter().map(ResourceUri::as_str))?,
        begun_at: begun_at.millis(),
        expires_at: expires_at.millis(),
        extra: extra.as_bytes(),
        client_limit: i64::from(*client_limit),
        tenant_limit: i64::from(*tenant_limit),
    };
    let begun = session.change(BEGIN, &row).await?;
    Ok(if begun > 0 { BeginOutcome::Begun } else { BeginOutcome::TooMany })
}

/// Which request, and whose consent.
pub(crate) type Asked = (TokenDigest, Option<Subject>);

pub(crate) async fn find(session: &Session<'_>, (handle, subject): &Asked) -> Result<Option<FoundRequest>, Failure> {
    let asked = params! { handle: handle.as_bytes().as_slice(), subject: subject.as_ref().map(Subject::as_str) };
    session
        .first(FIND, &asked, |cells| {
            let (request, standing) = (read(cells)?, standing_of(cells.take()?));
            cells.skip(1); // the usage
            Ok(FoundRequest { request, standing, consent: consent::read_optional(cells)? })
        })
        .await
}

pub(crate) async fn decide(session: &Session<'_>, decide: &DecideRequest) -> Result<DecideOutcome, Failure> {
    let DecideRequest { handle, subject, auth: signed_in, now, decision } = decide;
    let state = match decision {
        RequestDecision::Approved { .. } => RequestState::Approved,
        RequestDecision::Denied => RequestState::Denied,
    };
    let (auth_time, auth_amr, auth_acr) = auth(signed_in.as_ref())?;
    let change = params! {
        handle: handle.as_bytes().as_slice(),
        state: state.as_str(),
        subject: subject.as_str(),
        auth_time: auth_time,
        auth_amr: auth_amr,
        auth_acr: auth_acr,
        now: now.millis(),
    };
    let decided = |cells: &mut Cells<'_>| cells.take::<bool>();
    let decided = match decision {
        RequestDecision::Denied => session.one(DENY, &change, decided).await?,
        RequestDecision::Approved { code, consent: None } => {
            let code = code::Row::of(code)?;
            session.one(APPROVE, &[&change[..], &code.params()].concat(), decided).await?
        }
        RequestDecision::Approved { code, consent: Some(consent) } => {
            let (code, consent) = (code::Row::of(code)?, consent::Row::of(consent)?);
            let all = [&change[..], &code.params(), &consent.params()].concat();
            session.one(APPROVE_AND_REMEMBER, &all, decided).await?
        }
    };
    if decided {
        return Ok(DecideOutcome::Decided);
    }
    // What is decided stays decided, so the later look is as good as one in the same statement.
    let before = session.one(IS_DECIDED, &change, |cells| cells.take()).await?;
    Ok(if before { DecideOutcome::AlreadyDecided } else { DecideOutcome::NotLive })
}

fn read(cells: &mut Cells<'_>) -> Result<AuthorizationRequestRecord, Failure> {
    Ok(AuthorizationRequestRecord {
        handle: TokenDigest::from_bytes(cells.bytes("handle")?),
        origin: cells.name("origin", RequestOrigin::from_name)?,
        client: cells.text("client", ClientId::parse)?,
        redirect_uri: cells.take()?,
        request: FrozenRequest::from_bytes(cells.take()?).map_err(|why| Failure::row("request", why))?,
        browser: cells.optional_bytes("browser")?.map(TokenDigest::from_bytes),
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
