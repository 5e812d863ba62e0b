//! What an application tells [`Access`](crate::Access): how tokens are verified, and who may send them in clear.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::HttpRequest;
use ipnet::IpNet;
use oauth_core::store::TokenProfile;
use oauth_core::token::{TokenVerifier, VerifiedAccess};
use oauth_core::types::Audience;
use oauth_core::{AuthorizationServer, Error, Refusal};

use crate::{Challenge, request};

/// Verifies the tokens of protected routes. Register it as application data; the innermost one counts.
///
/// ```
/// # use actix_web::{App, web};
/// # use oauth_http_actix::{Access, Guard};
/// # async fn orders(_: Access) -> &'static str { "" }
/// # fn app(guard: Guard) {
/// let app = App::new().app_data(guard.clone()).route("/orders", web::get().to(orders));
/// # drop(app);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Guard {
    verifier: TokenVerifier,
    challenge: Challenge,
    transport: Transport,
}

#[derive(Debug, Clone)]
enum Transport {
    /// The rule of the server in this process.
    Of(AuthorizationServer),
    /// TLS, loopback, and these proxies.
    Proxies(Arc<[IpNet]>),
}

impl Guard {
    /// Guards with the tokens of a server in this process, for one audience, in one form. The challenge's realm is the
    /// audience; what may come in clear is what may at the server's own endpoints.
    #[must_use]
    pub fn of(server: &AuthorizationServer, audience: Audience, profile: TokenProfile) -> Self {
        Self {
            challenge: Challenge::bearer(audience.as_str()),
            verifier: server.verifier(audience, profile),
            transport: Transport::Of(server.clone()),
        }
    }

    /// Guards with a verifier of the host's making, for tokens of a server elsewhere. Tokens may come over TLS or from
    /// loopback.
    #[must_use]
    pub fn with_verifier(verifier: TokenVerifier, realm: &str) -> Self {
        Self { verifier, challenge: Challenge::bearer(realm), transport: Transport::Proxies(Arc::default()) }
    }

    /// Declares the proxies that end TLS in front of an application whose tokens are issued elsewhere. With
    /// [`of`](Self::of) it is the server's builder that declares them, and this replaces its rule.
    #[must_use]
    pub fn tls_terminated_by(mut self, proxies: impl IntoIterator<Item = IpNet>) -> Self {
        self.transport = Transport::Proxies(proxies.into_iter().collect());
        self
    }

    /// Adds a parameter to every challenge, such as `resource_metadata` (RFC 9728 §5.1).
    #[must_use]
    pub fn challenge_parameter(mut self, name: &'static str, value: &str) -> Self {
        self.challenge = self.challenge.parameter(name, value);
        self
    }

    pub(crate) const fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    pub(crate) async fn verify(&self, token: &str) -> Result<VerifiedAccess, Error> {
        self.verifier.verify(token).await
    }

    /// Whether a token may come in the way that this request came.
    pub(crate) fn require_private(&self, http: &HttpRequest) -> Result<(), Refusal> {
        let private = match &self.transport {
            Transport::Of(server) => server.require_private(&request::read_way(http)).is_ok(),
            Transport::Proxies(proxies) => {
                http.app_config().secure() || http.peer_addr().is_none_or(|peer| is_near(peer.ip(), proxies))
            }
        };
        if private { Ok(()) } else { Err(Refusal::TokenClearTransport) }
    }
}

fn is_near(peer: IpAddr, proxies: &[IpNet]) -> bool {
    let peer = peer.to_canonical();
    peer.is_loopback() || proxies.iter().any(|network| network.contains(&peer))
}
