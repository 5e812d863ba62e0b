//! How many statements a request costs, counted from the server's own log. The table in the README says the same.

mod common;
#[path = "common/server.rs"]
mod server;

use std::sync::Arc;

use self::server::{add_alice, jwt};
use common::{NOW, digest, fresh_schema, issue, open, redemption};
use oauth_core::ClientSpec;
use oauth_core::store::{AccessTokenFormat, GrantStore, RedeemOutcome, Stores};
use oauth_core::wire::Response;
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
        let schema = fresh_schema();
        let name = schema.as_str().to_owned();
        let url = format!("{} application_name={name} options='-c log_statement=all'", log.url());
        let store = open(Settings::parse(&url).unwrap().schema(schema).connections(1));
        add_alice(&store);
        // a clock that stands still, so that what is kept for seconds is kept for as long as the test takes
        let builder = RefreshingServer::builder(adapt((&store).into()), format).clock(Arc::new(ManualClock::at(NOW)));
        let server = RefreshingServer::start(builder);
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
