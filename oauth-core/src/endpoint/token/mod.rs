//! The token endpoint (RFC 6749 §3.2): the order of checks is table 1 of the protocol, and can be read here.

pub(crate) mod answer;
mod authorization_code;
mod client_credentials;
pub(crate) mod explain;
mod extension;
mod password;
pub(super) mod read;
mod refresh_token;

use self::answer::Answers;
use self::read::GrantRequest;
use super::reader::Reader;
use crate::audit::Who;
use crate::client_auth::{self, Authenticated, Credentials};
use crate::context::RequestContext;
use crate::dialect::TokenMount;
use crate::error::{Error, Refusal};
use crate::grant::{Around, ValidatedGrant};
use crate::policy::Trace;
use crate::policy::scope::GrantedScope;
use crate::server::{Given, Inner};
use crate::store::Client;
use crate::token::{HostFacts, TokenAdditions};
use crate::types::{ClientId, Timestamp};
use crate::wire::{Request, Response};

pub(crate) async fn respond(server: &Inner, request: &Request, context: &RequestContext, now: Timestamp) -> Response {
    let mount = server.token_mounts.at(&request.path);
    let mut answers = Answers::of(&mount, server, context);
    let mut seen = Seen { who: Who::default(), vouched: false, reader: Reader::of(request) };
    let answer = match try_token(server, &mount, request, context, now, &mut answers, &mut seen).await {
        Ok((given, scope)) => answers.success(&given, &scope),
        Err(error) => {
            if let Error::Refused(refusal) = &error
                && refusal.is_guess()
                && !seen.vouched
            {
                server.throttle.count_failure(context.peer, seen.who.client.as_ref(), now);
            }
            match server.audit_error(&error, std::mem::take(&mut seen.who), context, now) {
                Ok(()) => answers.error(&error),
                Err(lost) => answers.error(&Error::Fault(lost)),
            }
        }
    };
    seen.reader.mark(answer)
}

/// What a request has shown of itself so far.
struct Seen<'a> {
    who: Who,
    /// Whether a client that keeps a secret stands between the guesser and us: what its users get wrong is counted
    /// against their accounts, not against its address.
    vouched: bool,
    reader: Reader<'a>,
}

async fn try_token(
    server: &Inner,
    mount: &TokenMount,
    request: &Request,
    context: &RequestContext,
    now: Timestamp,
    answers: &mut Answers<'_>,
    seen: &mut Seen<'_>,
) -> Result<(Given, Shown), Error> {
    server.require_trail()?;
    let Seen { who, vouched, reader } = seen;
    // steps 1 and 2
    let spoken = read::choose(request, mount)?;
    answers.speak(spoken);
    let body = read::body(request)?;
    server.transport.require_private(request)?;
    let params = read::parse(body, spoken, server)?;
    let credentials = Credentials::read(request, &params)?;
    who.client = ClientId::parse(credentials.client_id()).ok();
    // step 3
    let throttled = server.throttle.check(context.peer, who.client.as_ref(), now);
    throttled.map_err(|wait| Refusal::TooManyFailures { retry_after: wait.retry_after })?;
    // step 4
    let client = client_auth::authenticate(server, &credentials, who.client.as_ref(), context, now).await?;
    *vouched = client.who().is_confidential();
    reader.meet(client.who());
    // steps 5 and 6
    let asked = GrantRequest::read(server, &params, client.who(), spoken.media(), mount, &mut Trace::off())?;
    who.scope = asked.scope().cloned();
    // steps 8 to 14
    let ask = Ask { server, client: &client, context, now, clock: now };
    match asked {
        GrantRequest::Code(request) => authorization_code::give(&ask, &request, who).await,
        GrantRequest::ClientCredentials(asked) => client_credentials::give(&ask, asked).await,
        GrantRequest::Password(request) => password::give(&ask, request, who).await,
        GrantRequest::RefreshToken(request) => refresh_token::give(&ask, &request, who).await,
        GrantRequest::Extension(request) => extension::give(&ask, &request, who).await,
    }
}

/// An authenticated request, as every grant gets it.
pub(super) struct Ask<'a> {
    server: &'a Inner,
    client: &'a Authenticated<Client>,
    context: &'a RequestContext,
    /// The time that it is judged by.
    now: Timestamp,
    /// The time that caches go by: the same, but where a time is only supposed.
    clock: Timestamp,
}

impl<'a> Ask<'a> {
    /// What a grant is decided with beside its own facts.
    fn around(&self, host: &'a HostFacts) -> Around<'a> {
        self.server.around(host, self.context.peer, self.now)
    }
}

/// A decided grant, and what the host knows of it.
pub(super) struct Decided {
    grant: ValidatedGrant,
    facts: HostFacts,
}

/// What of a grant stands in the answer beside the tokens.
pub(crate) struct Shown {
    pub(crate) scope: GrantedScope,
    pub(crate) members: serde_json::Map<String, serde_json::Value>,
    pub(crate) lifetime: crate::types::Lifetime,
}

impl Shown {
    fn of(grant: ValidatedGrant, additions: TokenAdditions) -> Self {
        Self { scope: grant.scope, members: additions.members, lifetime: grant.lifetime }
    }
}
