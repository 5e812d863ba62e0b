//! The token endpoint without its effects: what comes before a decision is supposed, what comes after it is left out,
//! and everything between is the same.

use std::net::IpAddr;

use super::read::GrantRequest;
use super::{Ask, Decided, client_credentials, extension, password, refresh_token};
use crate::audit::Who;
use crate::client_auth;
use crate::context::RequestContext;
use crate::dialect::BodyMedia;
use crate::error::{Error, Fault, Refusal};
use crate::policy::{Explanation, Rule, Trace, Verdict};
use crate::server::Inner;
use crate::types::{ClientId, FamilyId, Timestamp};
use crate::wire::params::{MAX_PARAMETERS, Params};

/// What was asked to be explained.
pub(crate) struct Question<'a> {
    pub(crate) client: &'a ClientId,
    pub(crate) parameters: &'a [(&'a str, &'a str)],
    pub(crate) peer: Option<IpAddr>,
    pub(crate) at: Timestamp,
    /// What the clock really says: caches go by it.
    pub(crate) clock: Timestamp,
}

pub(crate) async fn explain(
    server: &Inner,
    question: &Question<'_>,
    context: &RequestContext,
) -> Result<Explanation, Fault> {
    let mut trace = Trace::on();
    let mut who = Who::default();
    let decided = decide(server, question, context, &mut who, &mut trace).await;
    let (verdict, refused) = match decided {
        Ok(decided) => (Verdict::Granted((&decided.grant).into()), None),
        Err(Error::Refused(refusal)) => (Verdict::Refused(refusal), Some(refusal)),
        Err(Error::Fault(fault)) => return Err(fault),
    };
    let named = question.parameters.iter().find(|(name, _)| *name == "grant_type").map(|(_, value)| *value);
    let known = |grant: &&str| server.grant_settings.grant_types().any(|known| known == *grant);
    Ok(Explanation {
        client: question.client.clone(),
        grant: named.filter(known).map(str::to_owned),
        subject: who.subject,
        peer: question.peer,
        at: question.at,
        verdict,
        trace: trace.into_steps(refused),
    })
}

/// Steps 2, 4 to 6 and 8 to 12.
async fn decide(
    server: &Inner,
    question: &Question<'_>,
    context: &RequestContext,
    who: &mut Who,
    trace: &mut Trace,
) -> Result<Decided, Error> {
    let params = parameters(question.parameters)?;
    trace.passed(Rule::Request);
    let client = client_auth::suppose(server, question.client, question.peer, question.at, trace).await?;
    let mount = server.token_mounts.at(server.token_mounts.named());
    let asked = GrantRequest::read(server, &params, client.who(), BodyMedia::Form, &mount, trace)?;
    let ask = Ask { server, client: &client, context, now: question.at, clock: question.clock };
    // never stored: nothing is
    let family = FamilyId::from_bytes([0; 16]);
    match asked {
        GrantRequest::ClientCredentials(asked) => client_credentials::decide(&ask, asked, trace).await,
        GrantRequest::Password(request) => {
            let user = password::suppose_sign_in(server, &request, who, trace).await?;
            password::decide(&ask, request.asked, user, family, trace).await
        }
        GrantRequest::RefreshToken(request) => refresh_token::explain(&ask, &request, who, trace).await,
        GrantRequest::Extension(request) => {
            extension::decide(&ask, &request, family, who, trace).await.map(|(decided, _)| decided)
        }
    }
}

/// The parameters, within the limits of a form; how a client would authenticate is left out.
fn parameters<'a>(pairs: &'a [(&'a str, &'a str)]) -> Result<Params<'a>, Refusal> {
    if pairs.len() > MAX_PARAMETERS {
        return Err(Refusal::TooManyParameters);
    }
    let mut params = Params::with_capacity(pairs.len());
    for (name, value) in pairs {
        params.add((*name).into(), (*value).into())?;
    }
    Ok(params)
}
