//! Why a request would be granted or refused, for the operator.

use std::net::IpAddr;

use super::AuthorizationServer;
use crate::context::RequestContext;
use crate::endpoint::token::explain::{self, Question};
use crate::error::Fault;
use crate::policy::{Explanation, OperatorCapability};
use crate::time::Clock as _;
use crate::types::{ClientId, Timestamp};

impl AuthorizationServer {
    /// What the token endpoint would decide for this client and these parameters, from this address, at this time; and
    /// which rules did what to it.
    ///
    /// Only the proof of secrets is left out: the client counts as having shown the secret of it that lives longest, a
    /// user of the `password` grant as having typed the right password with the account not locked. Everything else is
    /// read and decided by the same functions as for a request. Nothing is written: no strike, no audit event, no
    /// token, and a refresh token that was spent before does not end its family. A hook is asked for its facts, with a
    /// context without host extension.
    ///
    /// What only happens around a decision is not foreseen: the throttle, a request in clear, JSON bodies, and what the
    /// commit alone finds out (a claim that was spent, a change by somebody else in between).
    ///
    /// `parameters` are those of a token request in RFC 6749's spelling; `client_id` and `client_secret` among them are
    /// not looked at. The scope mode is that of the mount that metadata names.
    ///
    /// # Errors
    /// [`Fault`] when a store or a hook fails: then nothing is known.
    pub async fn explain(
        &self,
        _operator: &OperatorCapability,
        client: &ClientId,
        parameters: &[(&str, &str)],
        peer: Option<IpAddr>,
        at: Timestamp,
    ) -> Result<Explanation, Fault> {
        let server = &*self.inner;
        let _busy = server.in_flight.enter().ok_or(Fault::ShuttingDown)?;
        let context = RequestContext { peer, ..RequestContext::internal(server.correlation.next()) };
        let question = Question { client, parameters, peer, at, clock: server.clock.now() };
        explain::explain(server, &question, &context).await
    }
}
