//! Users and their clients on a socket: the password grant, and a grant that trusts its client, so that no test waits for
//! a hash that it is not about.

use std::sync::Arc;

use oauth_core::jose::Alg;
use oauth_core::store::{Client, FamilyRecord, User};
use oauth_core::types::{FamilyId, Subject};
use oauth_core::{
    Authenticated, Builder, ClientSpec, ExtensionFacts, ExtensionGrant, ExtensionParameters, ExtensionRefusal,
    ExtensionSettings, Proposal,
};
use oauth_testkit::block_on;

use super::{Answer, Ask, Backend, Host, Registered, Way, dialects, form_encode};

pub(crate) const TRUST: &str = "urn:test:trust";
/// All that a user can give.
pub(crate) const SCOPE: &str = "offline_access openid orders.read orders.write";
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Believes whatever user it is told.
#[derive(Debug)]
struct Trust;

impl ExtensionGrant for Trust {
    fn grant_type(&self) -> &str {
        TRUST
    }

    fn parameters(&self) -> &[&'static str] {
        &["user"]
    }

    fn propose(
        &self,
        _: &Authenticated<Client>,
        parameters: &ExtensionParameters<'_>,
        _: &ExtensionFacts,
    ) -> Result<Proposal, ExtensionRefusal> {
        let user = parameters.one("user").ok_or(ExtensionRefusal::Malformed)?;
        Ok(Proposal::new(Subject::parse(user).map_err(|_| ExtensionRefusal::Invalid)?))
    }
}

fn switched_on(builder: Builder) -> Builder {
    let trust = ExtensionSettings { scope: SCOPE.into(), refresh_tokens: true, id_tokens: true };
    let builder = builder.token_mounts(dialects::mounts()).id_tokens(Alg::ES256);
    builder.extension_grant(Arc::new(Trust), trust).danger().password_grant()
}

/// A public client of people, which may do all that a user's client can.
pub(crate) fn phone(id: &str) -> ClientSpec {
    let spec = ClientSpec::public(id).grants([TRUST, "refresh_token"]).legacy_password_grant();
    spec.legacy_json_bodies().scope(SCOPE).audience(["orders"])
}

impl<B: Backend> Host<B> {
    /// A server with users: `alice` (also `alice@example.org`, without a password until [`set_password`](Self::set_password)
    /// gives one), the public client `phone`, and `app`, which may send JSON too.
    pub(crate) fn people(configure: impl FnOnce(Builder) -> Builder) -> Self {
        Self::with(|builder| configure(switched_on(builder))).inhabited(true)
    }

    /// A second server over the same rows, opened anew where the store can be, with the same clock.
    pub(crate) fn people_beside(&self, configure: impl FnOnce(Builder) -> Builder) -> Self {
        let backend = self.backend.open_again(&self.directory);
        let mut beside = self.beside_on(backend, |builder| configure(switched_on(builder))).inhabited(false);
        beside.app = self.app.clone();
        beside
    }

    /// Ends this server and its store, and starts another over what is left on disk.
    pub(crate) fn people_restarted(self, configure: impl FnOnce(Builder) -> Builder) -> Self {
        if B::IS_DURABLE {
            block_on(self.server.shutdown());
        }
        self.people_beside(configure)
    }

    fn inhabited(mut self, is_new: bool) -> Self {
        let secret = self.app.secret.clone();
        self.client("app", ClientSpec::legacy_json_bodies);
        self.app.secret = secret;
        if is_new {
            self.add_person("alice", None, true, &["alice", "alice@example.org"]);
            self.register(phone("phone"));
        }
        self.forget();
        self
    }

    pub(crate) fn add_person(&self, subject: &str, password: Option<&str>, active: bool, logins: &[&str]) {
        let password = password.map(|text| block_on(self.server.hash_password(text)).unwrap());
        let user = User { subject: subject.parse().unwrap(), active, scope: None, password };
        self.backend.add_user(user, logins);
    }

    /// What `phone` gets for a name and a password.
    #[track_caller]
    pub(crate) fn sign_in(&self, way: Way, login: &str, password: &str) -> Answer {
        self.send(&Self::signing_in(way, login, password))
    }

    pub(crate) fn signing_in(way: Way, login: &str, password: &str) -> Ask {
        way.ask(&[
            ("grant_type", "password"),
            ("client_id", "phone"),
            ("username", login),
            ("password", password),
            ("scope", SCOPE),
        ])
    }

    /// alice's first tokens, through `phone`, without a password.
    #[track_caller]
    pub(crate) fn begin(&self) -> Answer {
        self.begin_as("phone", SCOPE)
    }

    #[track_caller]
    pub(crate) fn begin_as(&self, client: &str, scope: &str) -> Answer {
        let parameters = [("grant_type", TRUST), ("client_id", client), ("user", "alice"), ("scope", scope)];
        let answer = self.send(&Way::Form.ask(&parameters));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    }

    /// What `phone` gets for a refresh token.
    #[track_caller]
    pub(crate) fn refresh(&self, way: Way, token: &str) -> Answer {
        self.refresh_with(way, token, &[])
    }

    #[track_caller]
    pub(crate) fn refresh_with(&self, way: Way, token: &str, more: &[(&str, &str)]) -> Answer {
        self.send(&Self::refreshing(way, "phone", token, more))
    }

    pub(crate) fn refreshing(way: Way, client: &str, token: &str, more: &[(&str, &str)]) -> Ask {
        let own = [("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)];
        way.ask(&[&own[..], more].concat())
    }

    /// What a client is told of a token.
    #[track_caller]
    pub(crate) fn introspect(&self, by: &Registered, token: &str) -> Answer {
        self.introspect_with(by, &format!("token={}", form_encode(token)))
    }

    #[track_caller]
    pub(crate) fn introspect_with(&self, by: &Registered, form: &str) -> Answer {
        self.send(&Ask::new("POST", "/oauth/introspect").basic(&by.id, &by.secret).form(form))
    }

    /// Whether a token is active for a client; anything but the two lawful answers fails.
    #[track_caller]
    pub(crate) fn is_active(&self, by: &Registered, token: &str) -> bool {
        let answer = self.introspect(by, token);
        assert_eq!(answer.status, 200, "{answer:?}");
        let active = answer.json()["active"].as_bool().expect("a boolean");
        assert!(active || answer.body == br#"{"active":false}"#, "{answer:?}");
        active
    }

    /// The API `orders`, which knows `orders.read` only.
    pub(crate) fn orders_api(&self) -> Registered {
        self.register(ClientSpec::resource_server("orders-api", ["orders"]).scope("orders.read"))
    }

    /// `phone`, which keeps a secret from now on: what it was given before is its own still.
    pub(crate) fn phone_turned_confidential(&self) -> Registered {
        let spec = ClientSpec::confidential("phone").grants([TRUST, "refresh_token"]).legacy_password_grant();
        self.register(spec.legacy_json_bodies().scope(SCOPE).audience(["orders"]))
    }

    /// What `phone` is answered that gives a token back.
    #[track_caller]
    pub(crate) fn revoke(&self, token: &str) -> Answer {
        self.send(&Self::revoking("phone", token))
    }

    pub(crate) fn revoking(client: &str, token: &str) -> Ask {
        Ask::new("POST", "/oauth/revoke").form(format!("client_id={client}&token={}", form_encode(token)))
    }

    /// The family that an access token belongs to.
    #[track_caller]
    pub(crate) fn family_of(&self, answer: &Answer) -> FamilyRecord {
        self.family(block_on(self.verifier().verify(&answer.token())).unwrap().family().unwrap())
    }

    #[track_caller]
    pub(crate) fn family(&self, id: FamilyId) -> FamilyRecord {
        block_on(self.backend.find_family(&id)).unwrap().unwrap()
    }

    /// Whether the guard takes these tokens.
    #[track_caller]
    pub(crate) fn is_live(&self, answer: &Answer) -> bool {
        let seen = self.guarded(&answer.token());
        assert!(seen.status == 200 || seen.error() == (401, "invalid_token".to_owned()), "{seen:?}");
        seen.status == 200
    }

    /// A client's request, with its secret in the body.
    pub(crate) fn by_body(way: Way, client: &Registered, more: &[(&str, &str)]) -> Ask {
        let own = [("grant_type", "client_credentials"), ("client_id", &client.id), ("client_secret", &client.secret)];
        way.ask(&[&own[..], more].concat())
    }

    /// The same, with its secret by Basic.
    pub(crate) fn by_basic(way: Way, client: &Registered) -> Ask {
        way.ask(&[("grant_type", "client_credentials")]).basic(&client.id, &client.secret)
    }
}
