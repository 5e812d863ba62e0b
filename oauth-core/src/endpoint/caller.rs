//! Steps 1 to 4 of the endpoints that read forms only and ask who calls: introspection and revocation. Dialects are the
//! token endpoint's affair.

use super::token::answer::Answers;
use super::token::read;
use crate::audit::Who;
use crate::client_auth::{self, Authenticated, Credentials};
use crate::context::RequestContext;
use crate::error::{Error, Refusal};
use crate::server::Inner;
use crate::store::Client;
use crate::types::{ClientId, Timestamp};
use crate::wire::params::Params;
use crate::wire::{Method, Request, Response, form, media_type};

/// Steps 1 and 2: method, media type, body, transport, syntax.
pub(super) fn read<'a>(server: &Inner, request: &'a Request) -> Result<Params<'a>, Refusal> {
    if request.method != Method::Post {
        return Err(Refusal::MethodNotAllowed);
    }
    if !media_type::is_form(&request.headers) {
        return Err(Refusal::MediaType);
    }
    let body = read::body(request)?;
    server.transport.require_private(request)?;
    form::parse(body)
}

/// Steps 3 and 4: the throttle, then the client.
pub(super) async fn authenticate(
    server: &Inner,
    request: &Request,
    params: &Params<'_>,
    context: &RequestContext,
    now: Timestamp,
    who: &mut Who,
) -> Result<Authenticated<Client>, Error> {
    let credentials = Credentials::read(request, params)?;
    who.client = ClientId::parse(credentials.client_id()).ok();
    let throttled = server.throttle.check(context.peer, who.client.as_ref(), now);
    throttled.map_err(|wait| Refusal::TooManyFailures { retry_after: wait.retry_after })?;
    client_auth::authenticate(server, &credentials, who.client.as_ref(), context, now).await
}

/// The answer to a request that got no 200; counts what may be a guess at a client's secret, and tells the trail.
pub(super) fn refuse(server: &Inner, error: Error, who: Who, context: &RequestContext, now: Timestamp) -> Response {
    if let Error::Refused(refusal) = &error
        && refusal.is_guess()
    {
        server.throttle.count_failure(context.peer, who.client.as_ref(), now);
    }
    let told = server.audit_error(&error, who, context, now);
    let answers = Answers::standard(server, context);
    match told {
        Ok(()) => answers.error(&error),
        Err(lost) => answers.error(&Error::Fault(lost)),
    }
}
