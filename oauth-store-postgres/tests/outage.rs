//! A database that is away, busy or full, as the clients of a server see it: 503 with `Retry-After`, nothing is burnt, and
//! all is well again without a restart.

mod common;
#[path = "common/server.rs"]
mod server;

use std::time::Duration;

use common::{Stranger, fresh_schema, open};
use oauth_core::store::AccessTokenFormat;
use oauth_core::wire::Response;
use oauth_store_postgres::{Database, PostgresStore, Schema, Settings};
use oauth_testkit::{PostgresServer, RefreshingServer};
use serde_json::Value;

/// A server on a schema, and a refresh token of it.
fn begin(
    server: &PostgresServer,
    schema: &Schema,
    settings: impl FnOnce(Settings) -> Settings,
) -> (RefreshingServer, String) {
    let store = open(settings(Settings::parse(&server.url()).unwrap().schema(schema.clone())));
    server::add_alice(&store);
    let server = RefreshingServer::start(RefreshingServer::builder(&store, AccessTokenFormat::Opaque));
    let token = refresh_token(&server.begin());
    (server, token)
}

fn body(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

fn refresh_token(response: &Response) -> String {
    assert_eq!(response.status, 200, "{}", body(response));
    body(response)["refresh_token"].as_str().unwrap().to_owned()
}

/// The answer to a fault that may pass.
fn assert_is_an_outage(response: &Response) {
    assert_eq!((response.status, &body(response)["error"]), (503, &Value::from("temporarily_unavailable")));
    assert!(response.headers.iter().any(|(name, _)| *name == "retry-after"), "{response:?}");
    assert!(body(response).get("access_token").is_none());
}

#[test]
fn a_server_answers_503_while_its_database_is_away_and_burns_no_refresh_token() {
    let Some(server) = PostgresServer::start() else { return };
    let (oauth, token) = begin(&server, &fresh_schema(), |settings| settings);
    for (end, begin) in [(PostgresServer::stop as fn(&_), "stop"), (PostgresServer::crash, "crash")] {
        end(&server);
        for _ in 0..3 {
            assert_is_an_outage(&oauth.refresh(&token));
            assert_is_an_outage(&oauth.begin());
        }
        server.restart();
        assert_eq!(oauth.refresh(&token).status, 200, "after a {begin}, for the same answer as before");
    }
    assert_eq!(oauth.refresh(&refresh_token(&oauth.refresh(&token))).status, 200);
}

#[test]
fn a_server_answers_503_while_every_connection_waits_and_burns_no_refresh_token() {
    let Some(server) = PostgresServer::shared() else { return };
    let schema = fresh_schema();
    let patience = Duration::from_millis(50);
    let (oauth, token) =
        begin(server, &schema, |settings| settings.connections(1).pool_timeout(patience).statement_timeout(patience));
    let holder = Stranger::connect(server);
    holder.ask(&format!("BEGIN; LOCK TABLE {}.family IN ACCESS EXCLUSIVE MODE", schema.as_str()));
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..4).map(|_| scope.spawn(|| oauth.refresh(&token))).collect();
        waiting.into_iter().for_each(|answer| assert_is_an_outage(&answer.join().unwrap()));
    });
    holder.ask("COMMIT");
    assert_eq!(oauth.refresh(&refresh_token(&oauth.refresh(&token))).status, 200);
}

/// Disk full, I/O error, out of memory, as the server reports them for each of the rows that a refresh writes.
#[test]
fn a_server_answers_503_while_the_disk_of_its_database_fails_and_burns_no_refresh_token() {
    let Some(server) = PostgresServer::shared() else { return };
    let schema = fresh_schema();
    let (oauth, mut token) = begin(server, &schema, |settings| settings);
    let (eye, schema) = (Stranger::connect(server), schema.as_str());
    for state in ["53100", "58030", "53200"] {
        for table in ["family", "access_token"] {
            eye.ask(&format!(
                "CREATE FUNCTION {schema}.fails() RETURNS trigger LANGUAGE plpgsql AS
                     $$BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END$$;
                 CREATE TRIGGER fails BEFORE INSERT OR UPDATE ON {schema}.{table}
                     FOR EACH ROW EXECUTE FUNCTION {schema}.fails()"
            ));
            let before = eye.ask(&format!("SELECT generation FROM {schema}.family"));
            assert_is_an_outage(&oauth.refresh(&token));
            assert_eq!(eye.ask(&format!("SELECT generation FROM {schema}.family")), before, "{state} of {table}");
            eye.ask(&format!("DROP FUNCTION {schema}.fails() CASCADE"));
            token = refresh_token(&oauth.refresh(&token));
        }
    }
}
