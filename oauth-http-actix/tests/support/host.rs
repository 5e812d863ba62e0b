//! A server on a socket, with clock, store and audit trail in the hands of the test.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::{Condition, Logger};
use actix_web::{App, HttpServer, Responder, rt, web};
use oauth_core::audit::{AuditLost, AuditSink, Event, What};
use oauth_core::keys::SealingKey;
use oauth_core::store::{Client, Principal, Stores, TokenProfile, UpdateClient, User};
use oauth_core::token::TokenVerifier;
use oauth_core::types::{ClientId, Issuer, KeyId, Subject, Tenant, Timestamp};
use oauth_core::{AuthorizationServer, Builder, ClientSpec, MaintenanceLease, Refusal};
use oauth_http_actix::{Access, Denied, Guard, Routes, scopes};
use oauth_testkit::{ManualClock, Method, Probe, block_on};

use super::{Answer, Ask, Backend, Connection, Directory, TestKey, browser};

pub(crate) const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

scopes! {
    ReadOrders = ["orders.read"];
    WriteOrders = ["orders.read", "orders.write"];
}

/// What is told by a guarded handler.
async fn orders(access: Access<ReadOrders>) -> impl Responder {
    who(&access)
}

async fn write_orders(access: Access<WriteOrders>) -> impl Responder {
    who(&access)
}

async fn any(access: Access) -> impl Responder {
    who(&access)
}

async fn me(access: Access) -> Result<impl Responder, Denied> {
    Ok(access.require_user()?.to_string())
}

async fn form(access: Access<ReadOrders>, form: web::Form<HashMap<String, String>>) -> impl Responder {
    let mut names: Vec<&String> = form.keys().collect();
    names.sort();
    format!("{} {names:?}", who(&access))
}

async fn optional(access: Option<Access>, form: web::Form<HashMap<String, String>>) -> impl Responder {
    format!("{} {}", access.is_some(), form.len())
}

fn who<S>(access: &Access<S>) -> String {
    match access.principal() {
        Some(Principal::Client { client }) => format!("client {client}"),
        Some(Principal::User { subject, client }) => format!("user {subject} through {client}"),
        None => "nobody".to_owned(),
    }
}

/// A registered client and its secret.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    pub(crate) id: String,
    pub(crate) secret: String,
}

#[derive(Debug, Default)]
pub(crate) struct Audit(Mutex<Vec<Event>>);

impl AuditSink for Audit {
    fn record(&self, event: &Event) -> Result<(), AuditLost> {
        self.0.lock().unwrap().push(event.clone());
        Ok(())
    }
}

pub(crate) struct Host<B: Backend> {
    pub(crate) server: AuthorizationServer,
    pub(crate) probe: Arc<Probe<B>>,
    pub(crate) clock: ManualClock,
    pub(crate) address: SocketAddr,
    pub(crate) directory: Arc<Directory>,
    pub(crate) backend: B,
    /// The client `app`: scope `orders.read orders.write profile`, audience `orders`.
    pub(crate) app: Registered,
    audit: Arc<Audit>,
    /// Every secret and token that was made or sent so far.
    secrets: Mutex<Vec<String>>,
    /// Refresh tokens, which a later answer may lawfully hold again.
    refresh_tokens: Mutex<Vec<String>>,
    // the rows count store calls, which maintenance would add to
    _lease: MaintenanceLease,
    doors: Vec<(SocketAddr, ServerHandle, JoinHandle<()>)>,
}

pub(crate) const ISSUER: &str = "https://as.example";

impl<B: Backend> Host<B> {
    pub(crate) fn start() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(configure: impl FnOnce(Builder) -> Builder) -> Self {
        Self::at(ISSUER, configure)
    }

    pub(crate) fn at(issuer: &str, configure: impl FnOnce(Builder) -> Builder) -> Self {
        Self::in_directory(issuer, Directory::new(), configure)
    }

    pub(crate) fn in_directory(issuer: &str, directory: Directory, configure: impl FnOnce(Builder) -> Builder) -> Self {
        let directory = Arc::new(directory);
        let backend = B::open(&directory);
        let clock = ManualClock::at(START);
        Self::on(issuer, backend, directory, clock, configure)
    }

    /// A second server over the same rows, with the same clock.
    pub(crate) fn beside(&self) -> Self {
        self.beside_on(self.backend.clone(), |builder| builder)
    }

    pub(crate) fn beside_on(&self, backend: B, configure: impl FnOnce(Builder) -> Builder) -> Self {
        Self::on(ISSUER, backend, Arc::clone(&self.directory), self.clock.clone(), configure)
    }

    fn on(
        issuer: &str,
        backend: B,
        directory: Arc<Directory>,
        clock: ManualClock,
        configure: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let probe = Arc::new(Probe::new(backend.clone()));
        let audit = Arc::new(Audit::default());
        let stores = Stores::all(Tenant::default_tenant(), Arc::clone(&probe));
        let sealing_key = SealingKey::new("test", [0x5e; 32]).unwrap();
        let builder = AuthorizationServer::builder(Issuer::url(issuer).unwrap(), stores, sealing_key.into())
            .clock(Arc::new(clock.clone()))
            .audit(Arc::clone(&audit) as _)
            .import_key(TestKey::imported(), Some(KeyId::parse(TestKey::KID).unwrap()));
        let server = block_on(configure(builder).start()).unwrap();
        let lease = server.maintenance_lease().unwrap();
        let door = serve(&server, Door::IMPATIENT);
        let address = door.0;
        let app = Registered { id: "app".to_owned(), secret: String::new() };
        let (secrets, refresh_tokens) = Default::default();
        let mut host = Self {
            server,
            probe,
            clock,
            address,
            directory,
            backend,
            app,
            audit,
            secrets,
            refresh_tokens,
            _lease: lease,
            doors: vec![door],
        };
        host.app = host.client("app", |spec| spec);
        host
    }

    /// Opens this many more ports on the same server, each with a worker of its own, so that requests run side by side.
    /// Bodies may take their time there, as those of racers who wait for each other do.
    pub(crate) fn open_doors(&mut self, more: usize) {
        self.doors.extend((0..more).map(|_| serve(&self.server, Door::PATIENT)));
    }

    /// Opens one more port, which stands last among [`Self::addresses`].
    pub(crate) fn open(&mut self, door: Door) -> SocketAddr {
        self.doors.push(serve(&self.server, door));
        self.doors[self.doors.len() - 1].0
    }

    /// Goes on through a door whose application writes access logs: actix's default, and one of paths only under the
    /// target `paths`.
    pub(crate) fn log_access(&mut self) {
        self.address = self.open(Door { logs: true, ..Door::IMPATIENT });
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.doors.iter().map(|(address, ..)| *address).collect()
    }

    /// Registers a client like `app`, changed as the test likes.
    #[track_caller]
    pub(crate) fn client(&self, id: &str, change: impl FnOnce(ClientSpec) -> ClientSpec) -> Registered {
        let spec = ClientSpec::confidential(id).scope("orders.read orders.write profile").audience(["orders"]);
        self.register(change(spec))
    }

    #[track_caller]
    pub(crate) fn register(&self, spec: ClientSpec) -> Registered {
        let made = block_on(self.server.ensure_client(spec)).unwrap();
        let secret = made.secret.map(|secret| secret.expose().to_owned()).unwrap_or_default();
        self.remember(&secret);
        self.forget();
        Registered { id: made.client.id.to_string(), secret }
    }

    /// Changes a client's record past the server, as an administrator would.
    pub(crate) fn administer(&self, client: &Registered, change: impl FnOnce(&mut Client)) {
        let id = ClientId::parse(&client.id).unwrap();
        let mut record = (*block_on(self.backend.find(&id)).unwrap().unwrap()).clone();
        let version = record.version;
        record.version += 1;
        change(&mut record);
        assert_eq!(block_on(self.backend.update(record, version)).unwrap(), UpdateClient::Updated);
    }

    pub(crate) fn user(&self, subject: &str) -> Subject {
        let subject = Subject::parse(subject).unwrap();
        let user = User { subject: subject.clone(), active: true, scope: None, password: None };
        self.backend.add_user(user, &[subject.as_str()]);
        subject
    }

    pub(crate) fn verifier(&self) -> TokenVerifier {
        self.server.verifier("orders".parse().unwrap(), TokenProfile::Rfc9068)
    }

    /// Sends a request on a connection of its own, and checks what must hold of every answer.
    #[track_caller]
    pub(crate) fn send(&self, ask: &Ask) -> Answer {
        let answer = Connection::to(self.address).send(&ask.bytes()).answer();
        self.check(ask, &answer);
        answer
    }

    /// G1, G2, and G10 for bodies: nobody's secret and no earlier token is in an answer.
    #[track_caller]
    pub(crate) fn check(&self, ask: &Ask, answer: &Answer) {
        let path = ask.target.split('?').next().unwrap_or_default();
        let is_token_endpoint = path.ends_with("/token");
        let is_public = ["/oauth/jwks", "/.well-known/"].iter().any(|path| ask.target.contains(path));
        if ["/oauth/authorize", "/consent", "/hasty"].contains(&path) && answer.status != 404 {
            answer.check_page();
        } else if answer.status == 204 {
            assert!(answer.body.is_empty(), "{answer:?}");
        } else if path == "/token" {
            answer.check_envelope();
        } else if ["/oauth/introspect", "/oauth/revoke"].contains(&path) {
            answer.check_asked();
        } else if is_token_endpoint || (answer.status >= 400 && !is_public && answer.status != 404) {
            answer.check(is_token_endpoint);
        }
        let whole = format!("{:?} {}", answer.headers, answer.text());
        let comes_back = |secrets: &Mutex<Vec<String>>| {
            let known = secrets.lock().unwrap();
            assert!(!known.iter().any(|secret| whole.contains(secret)), "an earlier secret comes back: {whole}");
        };
        comes_back(&self.secrets);
        if !is_token_endpoint || answer.status != 200 {
            return comes_back(&self.refresh_tokens);
        }
        self.remember(&answer.token());
        if answer.member("id_token").is_some() {
            self.remember(&answer.id_token());
        }
        if answer.member("refresh_token").is_some() {
            self.refresh_tokens.lock().unwrap().push(answer.refresh_token());
        }
    }

    /// A token request by Basic, as `app`.
    #[track_caller]
    pub(crate) fn token(&self, form: &str) -> Answer {
        self.token_as(&self.app, form)
    }

    #[track_caller]
    pub(crate) fn token_as(&self, client: &Registered, form: &str) -> Answer {
        self.send(&Ask::token().basic(&client.id, &client.secret).form(form))
    }

    /// A good token of a client.
    #[track_caller]
    pub(crate) fn good_token(&self, client: &Registered) -> String {
        self.token_as(client, "grant_type=client_credentials").token()
    }

    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Answer {
        self.send(&Ask::new("GET", target))
    }

    /// A guarded route, with this token.
    #[track_caller]
    pub(crate) fn guarded(&self, token: &str) -> Answer {
        self.send(&Ask::new("GET", "/orders").bearer(token))
    }

    pub(crate) fn remember(&self, secret: &str) {
        if !secret.is_empty() {
            self.secrets.lock().unwrap().push(secret.to_owned());
        }
    }

    pub(crate) fn secrets(&self) -> Vec<String> {
        [self.secrets.lock().unwrap().clone(), self.refresh_tokens.lock().unwrap().clone()].concat()
    }

    /// What time it is for the server.
    pub(crate) fn now(&self) -> Timestamp {
        oauth_core::time::Clock::now(&self.clock)
    }

    pub(crate) fn later(&self, seconds: u64) -> Timestamp {
        self.clock.advance(Duration::from_secs(seconds));
        self.now()
    }

    /// Begins to count calls and events anew.
    pub(crate) fn forget(&self) {
        self.probe.forget();
        self.audit.0.lock().unwrap().clear();
    }

    pub(crate) fn calls(&self) -> Vec<Method> {
        self.probe.calls()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.audit.0.lock().unwrap().clone()
    }

    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        let refused = |event: &Event| if let What::Refused(why) = event.what { Some(why) } else { None };
        self.events().iter().filter_map(refused).collect()
    }

    pub(crate) fn issued(&self) -> usize {
        self.events().iter().filter(|event| matches!(event.what, What::TokenIssued { .. })).count()
    }

    /// Everything that somebody who stole the store would hold.
    pub(crate) fn dump(&self) -> Vec<u8> {
        self.backend.dump(&self.directory, ISSUER, &self.secrets())
    }
}

impl<B: Backend> Drop for Host<B> {
    fn drop(&mut self) {
        for (_, http, thread) in self.doors.drain(..) {
            drop(http.stop(false));
            let _ = thread.join();
        }
    }
}

/// How a port is served.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Door {
    /// How long a body may take.
    deadline: Duration,
    logs: bool,
    http2: bool,
}

impl Door {
    /// Where rows wait for a body that never comes.
    pub(crate) const IMPATIENT: Self = Self { deadline: Duration::from_millis(500), logs: false, http2: false };
    pub(crate) const PATIENT: Self = Self { deadline: Duration::from_secs(10), ..Self::IMPATIENT };

    /// With HTTP/2 for clients that begin with it (RFC 9113 §3.3), beside HTTP/1.
    pub(crate) const fn with_http2(self) -> Self {
        Self { http2: true, ..self }
    }
}

/// Serves on a port of its own, with one worker.
fn serve(server: &AuthorizationServer, door: Door) -> (SocketAddr, ServerHandle, JoinHandle<()>) {
    let Door { deadline, logs, http2 } = door;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let server = server.clone();
    let guard = Guard::of(&server, "orders".parse().unwrap(), TokenProfile::Rfc9068);
    let (started, starting) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let app = move || {
            let routes = Routes::new(&server).body_deadline(deadline);
            let paths = Logger::new("%{method}xi %U %s %b %T").log_target("paths");
            App::new()
                .wrap(Condition::new(logs, Logger::default()))
                .wrap(Condition::new(logs, paths.custom_request_replace("method", |http| http.method().to_string())))
                .configure(|app| browser::mount(&server, routes, app))
                .app_data(guard.clone())
                .app_data(web::FormConfig::default().limit(1 << 20))
                .route("/orders", web::get().to(orders))
                .route("/orders", web::post().to(write_orders))
                .route("/any", web::get().to(any))
                .route("/me", web::get().to(me))
                .route("/form", web::post().to(form))
                .route("/optional", web::post().to(optional))
        };
        rt::System::new().block_on(async move {
            let http = HttpServer::new(app).workers(1).disable_signals();
            let http = if http2 { http.listen_auto_h2c(listener) } else { http.listen(listener) };
            let http = http.unwrap().run();
            started.send(http.handle()).unwrap();
            http.await.unwrap();
        });
    });
    (address, starting.recv().unwrap(), thread)
}
