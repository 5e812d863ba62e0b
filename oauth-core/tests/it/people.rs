//! Users and their clients in the jar: `app` is public and rotates, and gets a user's tokens by a grant that trusts it,
//! so that no test waits for a hash that it is not about.

use std::sync::Arc;
use std::time::Duration;

use oauth_core::store::Client;
use oauth_core::store::{AccessTokenFormat, FamilyRecord, GrantStore as _, RevokedWhy};
use oauth_core::token::VerifiedAccess;
use oauth_core::types::{FamilyId, Subject};
use oauth_core::wire::Request;
use oauth_core::{
    Authenticated, Builder, ClientSpec, Endpoint, ExtensionFacts, ExtensionGrant, ExtensionParameters,
    ExtensionRefusal, ExtensionSettings, Proposal, SingleUse,
};
use oauth_testkit::{Method as Call, block_on};

use crate::world::{Answer, Parts, World, basic, form};

pub(crate) const TRUST: &str = "urn:test:trust";

/// Believes whatever user it is told.
#[derive(Debug)]
pub(crate) struct Trust;

impl ExtensionGrant for Trust {
    fn grant_type(&self) -> &str {
        TRUST
    }

    fn parameters(&self) -> &[&'static str] {
        &["user", "ticket"]
    }

    fn propose(
        &self,
        _: &Authenticated<Client>,
        parameters: &ExtensionParameters<'_>,
        _: &ExtensionFacts,
    ) -> Result<Proposal, ExtensionRefusal> {
        let user = parameters.one("user").ok_or(ExtensionRefusal::Malformed)?;
        let mut proposal = Proposal::new(Subject::parse(user).map_err(|_| ExtensionRefusal::Invalid)?);
        proposal.single_use = parameters.one("ticket").map(|ticket| SingleUse {
            name: ticket.to_owned(),
            issued_at: crate::world::START,
            expires_at: crate::world::START.plus(DAY),
        });
        Ok(proposal)
    }
}

const DAY: oauth_core::types::Lifetime = oauth_core::types::Lifetime::of_seconds(86_400);
pub(crate) const SCOPE: &str = "openid offline_access orders.read orders.write";

pub(crate) fn app(id: &str) -> ClientSpec {
    ClientSpec::public(id).grants([TRUST, "refresh_token"]).scope(SCOPE).audience(["orders"])
}

/// A server with the user `alice` and the public client `app`.
pub(crate) fn people(
    configure: impl FnOnce(Builder) -> Builder,
    client: impl FnOnce(ClientSpec) -> ClientSpec,
) -> World {
    let world = Parts::new().start(|builder| {
        let trust = ExtensionSettings { scope: SCOPE.into(), refresh_tokens: true, id_tokens: true };
        let builder = builder.extension_grant(Arc::new(Trust), trust).id_tokens(oauth_core::jose::Alg::ES256);
        configure(
            builder
                .access_token(AccessTokenFormat::Opaque)
                .refresh_lifetimes(Duration::from_secs(14 * 86_400), Duration::from_secs(90 * 86_400)),
        )
    });
    block_on(world.server.ensure_client(client(app("app")))).unwrap();
    world.add_user("alice", true);
    world.trail.take();
    world.store.forget();
    world
}

pub(crate) fn plain() -> World {
    people(|builder| builder, |spec| spec)
}

impl World {
    /// alice's first tokens.
    pub(crate) fn begin(&self) -> Answer {
        let answer = self.post(form(&format!("grant_type={TRUST}&client_id=app&user=alice&scope={}", plus(SCOPE))));
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    }

    /// What `app` gets for a refresh token.
    pub(crate) fn refresh(&self, token: &str) -> Answer {
        self.refresh_with(token, "")
    }

    pub(crate) fn refresh_with(&self, token: &str, more: &str) -> Answer {
        self.post(form(&format!("grant_type=refresh_token&client_id=app&refresh_token={token}{more}")))
    }

    /// The family of an access token.
    pub(crate) fn family_of(&self, answer: &Answer) -> FamilyRecord {
        let access: VerifiedAccess = self.verify(answer.access_token()).unwrap();
        self.family(access.family().unwrap())
    }

    pub(crate) fn family(&self, id: FamilyId) -> FamilyRecord {
        block_on(self.memory.find_family(&id)).unwrap().unwrap()
    }

    pub(crate) fn ended(&self, id: FamilyId) -> Option<RevokedWhy> {
        self.family(id).revoked.map(|(_, why)| why)
    }

    /// How often something was written since the last `forget`.
    pub(crate) fn writes(&self) -> usize {
        [
            Call::StartFamily,
            Call::Rotate,
            Call::Retry,
            Call::Extend,
            Call::RevokeFamily,
            Call::InsertAccessToken,
            Call::AddStrike,
            Call::ClearStrikes,
            Call::CutOff,
            Call::RevokeToken,
        ]
        .into_iter()
        .map(|call| self.store.count(call))
        .sum()
    }
}

/// A client that asks about tokens.
pub(crate) struct Asking {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl World {
    /// Registers a confidential client.
    pub(crate) fn asking(&self, spec: ClientSpec) -> Asking {
        let made = block_on(self.server.ensure_client(spec)).unwrap();
        self.trail.take();
        self.store.forget();
        Asking { id: made.client.id.to_string(), secret: made.secret.unwrap().expose().to_owned() }
    }

    /// `app`, which keeps a secret from now on: what it was given before is its own still.
    pub(crate) fn app_turned_confidential(&self) -> Asking {
        self.asking(ClientSpec::confidential("app").grants([TRUST, "refresh_token"]).scope(SCOPE).audience(["orders"]))
    }

    /// The API `orders`, which knows `orders.read` and `stock` only.
    pub(crate) fn orders_api(&self) -> Asking {
        self.asking(ClientSpec::resource_server("orders-api", ["orders"]).scope("orders.read stock"))
    }

    pub(crate) fn introspect(&self, by: &Asking, token: &str) -> Answer {
        self.introspect_with(by, &format!("token={token}"))
    }

    pub(crate) fn introspect_with(&self, by: &Asking, body: &str) -> Answer {
        let request = basic(&by.id, &by.secret, body);
        Answer::of(block_on(self.server.handle(Endpoint::Introspect, &request)))
    }

    /// What `app` is answered that gives a token back.
    pub(crate) fn revoke(&self, token: &str) -> Answer {
        self.revoke_with(form(&format!("client_id=app&token={token}")))
    }

    pub(crate) fn revoke_with(&self, request: Request) -> Answer {
        Answer::of(block_on(self.server.handle(Endpoint::Revoke, &request)))
    }
}

impl Answer {
    /// Whether this is the one answer for all that is not good, to the byte.
    pub(crate) fn is_inactive(&self) -> bool {
        let head: Vec<_> = self.response.headers.iter().map(|(name, value)| (*name, value.as_ref())).collect();
        let expected = [("content-type", "application/json"), ("cache-control", "no-store"), ("pragma", "no-cache")];
        self.status == 200 && self.response.body == br#"{"active":false}"# && head == expected
    }

    pub(crate) fn is_active(&self) -> bool {
        self.status == 200 && self.body["active"] == serde_json::Value::Bool(true)
    }

    pub(crate) fn refresh_token(&self) -> String {
        self.body["refresh_token"].as_str().unwrap_or_else(|| panic!("no refresh token in {}", self.body)).to_owned()
    }

    pub(crate) fn is_invalid_grant(&self) -> bool {
        self.error() == (400, "invalid_grant")
    }
}

pub(crate) fn plus(scope: &str) -> String {
    scope.replace(' ', "+")
}
