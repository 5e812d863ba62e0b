//! A server in a jar: what every test here starts from.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use oauth_core::audit::{AuditLost, AuditSink, Event, What};
use oauth_core::jose::Alg;
use oauth_core::keys::SealingKey;
use oauth_core::store::{AccessTokenFormat, Stores, TokenProfile, User};
use oauth_core::token::{TokenVerifier, VerifiedAccess};
use oauth_core::types::{Audience, Issuer, Subject, Tenant, Timestamp};
use oauth_core::wire::{Body, Method, Request, Response};
use oauth_core::{AuthorizationServer, Builder, ClientSpec, Endpoint, Refusal};
use oauth_store_memory::MemoryStore;
use oauth_testkit::{ManualClock, Probe, SeededEntropy, block_on};
use serde_json::Value;

pub(crate) const ISSUER: &str = "https://as.example";
pub(crate) const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// Keeps every event.
#[derive(Debug, Default)]
pub(crate) struct Trail(Mutex<Vec<Event>>);

impl AuditSink for Trail {
    fn record(&self, event: &Event) -> Result<(), AuditLost> {
        self.0.lock().unwrap().push(event.clone());
        Ok(())
    }
}

impl Trail {
    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        let refused = |event: &Event| if let What::Refused(why) = event.what { Some(why) } else { None };
        self.0.lock().unwrap().iter().filter_map(refused).collect()
    }
}

pub(crate) struct World {
    pub(crate) server: AuthorizationServer,
    pub(crate) memory: MemoryStore,
    pub(crate) store: Arc<Probe<MemoryStore>>,
    pub(crate) clock: ManualClock,
    pub(crate) trail: Arc<Trail>,
    pub(crate) secret: String,
}

pub(crate) fn jwt(alg: Alg) -> AccessTokenFormat {
    AccessTokenFormat::Jwt { alg, profile: TokenProfile::Rfc9068 }
}

pub(crate) fn sealing() -> SealingKey {
    SealingKey::new("test", [7; 32]).unwrap()
}

/// Stores, clock and trail around a builder, before a server is made of them.
pub(crate) struct Parts {
    pub(crate) memory: MemoryStore,
    pub(crate) store: Arc<Probe<MemoryStore>>,
    pub(crate) clock: ManualClock,
    pub(crate) trail: Arc<Trail>,
}

impl Parts {
    pub(crate) fn new() -> Self {
        let memory = MemoryStore::new();
        let store = Arc::new(Probe::new(memory.clone()));
        Self { memory, store, clock: ManualClock::at(START), trail: Arc::default() }
    }

    pub(crate) fn builder(&self) -> Builder {
        self.builder_for(Issuer::url(ISSUER).unwrap())
    }

    pub(crate) fn builder_for(&self, issuer: Issuer) -> Builder {
        let stores = Stores::all(Tenant::default_tenant(), Arc::clone(&self.store));
        AuthorizationServer::builder(issuer, stores, sealing().into())
            .clock(Arc::new(self.clock.clone()))
            .entropy(Arc::new(SeededEntropy::new(1)))
            .audit(Arc::clone(&self.trail) as _)
    }

    pub(crate) fn start(self, configure: impl FnOnce(Builder) -> Builder) -> World {
        let server = block_on(configure(self.builder()).start()).unwrap();
        let Self { memory, store, clock, trail } = self;
        World { server, memory, store, clock, trail, secret: String::new() }
    }
}

impl World {
    /// A server with the client `orders-worker` (scope `orders.read orders.write`, audience `orders`).
    pub(crate) fn new(configure: impl FnOnce(Builder) -> Builder) -> Self {
        Self::with_client(configure, |spec| spec)
    }

    pub(crate) fn with_client(
        configure: impl FnOnce(Builder) -> Builder,
        client: impl FnOnce(ClientSpec) -> ClientSpec,
    ) -> Self {
        let mut world = Parts::new().start(configure);
        let spec = ClientSpec::confidential("orders-worker").scope("orders.read orders.write").audience(["orders"]);
        let made = block_on(world.server.ensure_client(client(spec))).unwrap();
        world.secret = made.secret.map(|secret| secret.expose().to_owned()).unwrap_or_default();
        world.trail.take();
        world.store.forget();
        world
    }

    pub(crate) fn add_user(&self, subject: &str, active: bool) {
        let subject = Subject::parse(subject).unwrap();
        let user = User { subject: subject.clone(), active, scope: None, password: None };
        let _ = self.memory.insert_user(user, [subject.as_str()]).unwrap();
    }

    pub(crate) fn verifier(&self) -> TokenVerifier {
        self.server.verifier(Audience::parse("orders").unwrap(), TokenProfile::Rfc9068)
    }

    pub(crate) fn verify(&self, token: &str) -> Result<VerifiedAccess, oauth_core::Error> {
        block_on(self.verifier().verify(token))
    }

    pub(crate) fn post(&self, request: Request) -> Answer {
        Answer::of(block_on(self.server.handle(Endpoint::Token, &request)))
    }

    /// A token request by Basic.
    pub(crate) fn token(&self, form: &str) -> Answer {
        self.post(basic("orders-worker", &self.secret, form))
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

pub(crate) fn form(body: &str) -> Request {
    let mut request = Request::new(Method::Post, "/oauth/token");
    request.headers.push("content-type", b"application/x-www-form-urlencoded");
    request.body = Body::Whole(body.as_bytes().to_vec());
    request
}

pub(crate) fn basic(id: &str, secret: &str, body: &str) -> Request {
    let mut request = form(body);
    let credentials = STANDARD.encode(format!("{id}:{secret}"));
    request.headers.push("authorization", format!("Basic {credentials}").as_bytes());
    request
}

/// A response with its body read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) response: Response,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn of(response: Response) -> Self {
        let body = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
        Self { status: response.status, response, body }
    }

    pub(crate) fn error(&self) -> (u16, &str) {
        (self.status, self.body["error"].as_str().unwrap_or(""))
    }

    pub(crate) fn access_token(&self) -> &str {
        self.body["access_token"].as_str().unwrap_or_else(|| panic!("no token in {}", self.body))
    }
}

/// Header and claims of a JWT, unverified.
pub(crate) fn peek(token: &str) -> (String, Value) {
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let header = String::from_utf8(parts.next().unwrap()).unwrap();
    (header, serde_json::from_slice(&parts.next().unwrap()).unwrap())
}
