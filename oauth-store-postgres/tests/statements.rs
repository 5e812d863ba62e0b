//! How many statements a request costs, counted from the server's own log. The table in the README says the same.

mod common;
#[path = "common/server.rs"]
mod server;

use std::sync::Arc;

use self::server::{add_alice, jwt};
use common::{LATER, NOW, digest, fresh_schema, issue, open, redemption};
use oauth_core::store::{
    AccessTokenFormat, AuthenticationContext, CodeRecord, GrantStore, IssueCode, RedeemOutcome, Stores,
};
use oauth_core::types::{CodeChallenge, TokenDigest};
use oauth_core::wire::Response;
use oauth_core::{Builder, ClientSpec, Endpoint};
use oauth_store_postgres::{Database, PostgresStore, Schema, Settings};
use oauth_testkit::{ManualClock, PostgresServer, RefreshingServer, block_on};
use serde_json::Value;

/// Statements by the trait whose tables they touch, and those that only begin and end a transaction.
#[derive(Debug, Default, PartialEq)]
struct Counted {
    client: usize,
    user: usize,
    grant: usize,
    around: usize,
}

struct Counter {
    log: &'static PostgresServer,
    /// What the lines of this one's connection begin with.
    prefix: String,
    server: RefreshingServer,
    store: PostgresStore,
}

impl Counter {
    fn new(log: &'static PostgresServer, format: AccessTokenFormat) -> Self {
        Self::with(log, format, |stores| stores)
    }

    fn with(log: &'static PostgresServer, format: AccessTokenFormat, adapt: impl FnOnce(Stores) -> Stores) -> Self {
        Self::with_builder(log, format, adapt, |builder| builder)
    }

    fn with_builder(
        log: &'static PostgresServer,
        format: AccessTokenFormat,
        adapt: impl FnOnce(Stores) -> Stores,
        configure: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let schema = fresh_schema();
        let name = schema.as_str().to_owned();
        let url = format!("{} application_name={name} options='-c log_statement=all'", log.url());
        let store = open(Settings::parse(&url).unwrap().schema(schema).connections(1));
        add_alice(&store);
        // a clock that stands still, so that what is kept for seconds is kept for as long as the test takes
        let builder = RefreshingServer::builder(adapt((&store).into()), format).clock(Arc::new(ManualClock::at(NOW)));
        let server = RefreshingServer::start(configure(builder));
        Self { log, prefix: format!("[{name}] LOG:  "), server, store }
    }

    /// What the request was answered, and what it cost.
    fn count(&self, request: impl FnOnce(&RefreshingServer) -> Response) -> (Value, Counted) {
        let (response, counted) = self.cost_of(|| request(&self.server));
        let body: Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(response.status, 200, "{body}");
        (body, counted)
    }

    fn cost_of<T>(&self, work: impl FnOnce() -> T) -> (T, Counted) {
        let before = self.log.log().len();
        let answer = work();
        let mut counted = Counted::default();
        for line in joined(&self.log.log()[before..]) {
            let Some(statement) = line.strip_prefix(&self.prefix) else { continue };
            *match statement {
                _ if statement.starts_with("statement: ") => &mut counted.around,
                _ if !statement.starts_with("execute ") => continue,
                _ if statement.contains("\".client ") => &mut counted.client,
                _ if statement.contains("\".account ") => &mut counted.user,
                _ => &mut counted.grant,
            } += 1;
        }
        (answer, counted)
    }

    fn begin(&self) -> (Value, Counted) {
        self.count(RefreshingServer::begin)
    }

    fn refresh(&self, token: &Value) -> (Value, Counted) {
        self.count(|server| server.refresh(token.as_str().unwrap()))
    }
}

/// Lines of the log, each with those that continue it.
fn joined(log: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in log.lines() {
        match lines.last_mut() {
            Some(last) if line.starts_with('\t') => last.push_str(line),
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

#[test]
fn client_credentials_with_a_jwt_cost_one_statement() {
    let Some(log) = PostgresServer::shared() else { return };
    let counter = Counter::new(log, jwt());
    let worker = ClientSpec::confidential("worker").scope("orders.read").audience(["orders"]);
    let secret = block_on(counter.server.server().ensure_client(worker)).unwrap().secret.unwrap();
    let form = format!("grant_type=client_credentials&client_id=worker&client_secret={}", secret.expose());
    for _ in 0..3 {
        assert_eq!(counter.count(|server| server.token(&form)).1, Counted { client: 1, ..Counted::default() });
    }
}

#[test]
fn a_refresh_costs_one_statement_of_the_client_one_of_the_user_and_two_of_the_grant() {
    let Some(log) = PostgresServer::shared() else { return };
    for format in [jwt(), AccessTokenFormat::Opaque] {
        let counter = Counter::new(log, format);
        let (mut answer, _) = counter.begin();
        for _ in 0..3 {
            let (next, counted) = counter.refresh(&answer["refresh_token"]);
            assert_eq!(counted, Counted { client: 1, user: 1, grant: 2, around: 0 });
            answer = next;
        }
        // the lost answer that is asked for again costs the same
        let spent = answer["refresh_token"].clone();
        let _ = counter.refresh(&spent);
        assert_eq!(counter.refresh(&spent).1, Counted { client: 1, user: 1, grant: 2, around: 0 });
    }
}

#[test]
fn a_family_begins_with_one_statement_between_begin_and_commit() {
    let Some(log) = PostgresServer::shared() else { return };
    let counter = Counter::new(log, AccessTokenFormat::Opaque);
    let counted = counter.begin().1;
    assert_eq!((counted.grant, counted.around), (1, 2), "{counted:?}");
}

#[test]
fn with_clients_kept_in_the_process_they_cost_nothing() {
    let Some(log) = PostgresServer::shared() else { return };
    let counter = Counter::with(log, jwt(), Stores::cache_clients);
    let worker = ClientSpec::confidential("worker").scope("orders.read").audience(["orders"]);
    let secret = block_on(counter.server.server().ensure_client(worker)).unwrap().secret.unwrap();
    let form = format!("grant_type=client_credentials&client_id=worker&client_secret={}", secret.expose());
    assert_eq!(counter.count(|server| server.token(&form)).1, Counted { client: 1, ..Counted::default() });
    assert_eq!(counter.count(|server| server.token(&form)).1, Counted::default());
    let (answer, _) = counter.begin();
    let (_, counted) = counter.refresh(&answer["refresh_token"]);
    assert_eq!(counted, Counted { client: 0, user: 1, grant: 2, around: 0 });
}

/// Of the store alone; the request is counted when an endpoint makes it.
#[test]
fn a_code_is_found_by_one_statement_and_redeemed_by_one_between_begin_and_commit() {
    let Some(log) = PostgresServer::shared() else { return };
    let counter = Counter::new(log, jwt());
    for code in 1..=3 {
        issue(&counter.store, code);
        let (found, counted) = counter.cost_of(|| block_on(counter.store.find_code(&digest(code))).unwrap());
        assert!(found.is_some());
        assert_eq!(counted, Counted { grant: 1, ..Counted::default() });
        let redeem = redemption(code, 10 + code);
        let (redeemed, counted) = counter.cost_of(|| block_on(counter.store.redeem_code(redeem)).unwrap());
        assert_eq!(redeemed, RedeemOutcome::Redeemed { ended: 0 });
        assert_eq!(counted, Counted { grant: 1, around: 2, ..Counted::default() });
    }
}

/// A client that asks for codes, and asks about the tokens that it got for them.
fn web(counter: &Counter) -> (String, CodeRecord) {
    let spec = ClientSpec::confidential("web")
        .grants(["authorization_code"])
        .scope("orders.read")
        .audience(["orders"])
        .redirect_uris([REDIRECT_URI]);
    let secret = block_on(counter.server.server().ensure_client(spec)).unwrap().secret.unwrap();
    let code = CodeRecord {
        digest: TokenDigest::from_bytes(CODE_DIGEST),
        client: "web".parse().unwrap(),
        subject: "alice".parse().unwrap(),
        scope: "orders.read".parse().unwrap(),
        redirect_uri: REDIRECT_URI.to_owned(),
        challenge: Some(CodeChallenge::from_bytes(CHALLENGE)),
        nonce: None,
        resource: Vec::new(),
        binding: Default::default(),
        auth: Some(AuthenticationContext { auth_time: NOW, amr: Vec::new(), acr: None }),
        issued_at: NOW,
        expires_at: LATER,
        redeemed: None,
        extra: Default::default(),
    };
    (format!("client_id=web&client_secret={}", secret.expose()), code)
}

const REDIRECT_URI: &str = "https://web.example/cb";
/// SHA-256 of `c0de`.
const CODE_DIGEST: [u8; 32] = [
    0x38, 0x03, 0xb4, 0x76, 0x09, 0xa2, 0xa4, 0x64, 0x05, 0x46, 0x59, 0xb1, 0x4a, 0x0c, 0xdf, 0xba, 0x92, 0x83, 0x0f,
    0xb4, 0x6e, 0xe7, 0x0c, 0x03, 0xa3, 0x36, 0xd5, 0x55, 0x4b, 0x9a, 0xca, 0xd4,
];
/// SHA-256 of the verifier (RFC 7636 appendix B).
const CHALLENGE: [u8; 32] = [
    0x13, 0xd3, 0x1e, 0x96, 0x1a, 0x1a, 0xd8, 0xec, 0x2f, 0x16, 0xb1, 0x0c, 0x4c, 0x98, 0x2e, 0x08, 0x76, 0xa8, 0x78,
    0xad, 0x6d, 0xf1, 0x44, 0x56, 0x6e, 0xe1, 0x89, 0x4a, 0xcb, 0x70, 0xf9, 0xc3,
];
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

#[test]
fn redeeming_a_code_and_asking_about_its_token_cost_what_the_readme_says() {
    let Some(log) = PostgresServer::shared() else { return };
    for (format, kept) in [(jwt(), 0), (AccessTokenFormat::Opaque, 0), (AccessTokenFormat::Opaque, 1)] {
        let adapt = |stores: Stores| if kept == 1 { stores.cache_clients() } else { stores };
        let counter = Counter::with_builder(log, format, adapt, Builder::authorization_code);
        let (credentials, code) = web(&counter);
        assert_eq!(block_on(counter.store.issue_code(code)).unwrap(), IssueCode::Issued);
        let form = format!("grant_type=authorization_code&code=c0de&code_verifier={VERIFIER}&{credentials}");
        let (answer, counted) = counter.count(|server| server.token(&form));
        let client = 1;
        assert_eq!(counted, Counted { client, user: 1, grant: 2, around: 2 });
        let form = format!("token={}&{credentials}", answer["access_token"].as_str().unwrap());
        let (answer, counted) = counter.count(|server| server.post(Endpoint::Introspect, "/oauth/introspect", &form));
        assert_eq!(answer["active"], true, "{answer}");
        // the caller is the token's own client
        assert_eq!(counted, Counted { client: 1 - kept, user: 1, grant: 1, around: 0 });
        let api = ClientSpec::resource_server("api", ["orders"]).scope("orders.read");
        let secret = block_on(counter.server.server().ensure_client(api)).unwrap().secret.unwrap();
        let asked = form.split('&').next().unwrap();
        let form = format!("{asked}&client_id=api&client_secret={}", secret.expose());
        let ask = || counter.count(|server| server.post(Endpoint::Introspect, "/oauth/introspect", &form));
        ask();
        let (answer, counted) = ask();
        assert_eq!(answer["active"], true, "{answer}");
        assert_eq!(counted, Counted { client: 2 * (1 - kept), user: 1, grant: 1, around: 0 });
    }
}
