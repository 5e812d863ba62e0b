//! What can only be seen from inside: the plan of every statement, the settings of every connection.

use oauth_core::store::GrantStore;
use oauth_core::types::Timestamp;
use oauth_testkit::{PostgresServer, block_on};
use tokio::runtime::Handle;

use self::common::{Stranger, fresh_schema, on_runtime, open, runtime, settings};
use crate::deadpool_postgres::{Manager, Pool, Runtime};
use crate::session::Mode;
use crate::sql::Statements;
use crate::{
    Database, PostgresStore, Schema, access_token, code, consent, family, key, purge, refresh, request, statements,
};

#[path = "../tests/common/mod.rs"]
mod common;

#[test]
fn every_statement_is_in_the_list() {
    let sources = [
        include_str!("access_token.rs"),
        include_str!("client.rs"),
        include_str!("code.rs"),
        include_str!("consent.rs"),
        include_str!("cutoff.rs"),
        include_str!("family.rs"),
        include_str!("key.rs"),
        include_str!("purge.rs"),
        include_str!("refresh.rs"),
        include_str!("request.rs"),
        include_str!("strike.rs"),
        include_str!("user.rs"),
    ];
    let named = |line: &&str| line.starts_with("pub(crate) const ") && line.contains(": &str =");
    let written = sources.iter().flat_map(|source| source.lines()).filter(named).count() + purge::STATEMENTS.len();
    assert_eq!(statements::ALL.len(), written);
}

/// Rows of each table: enough that reading all of them is never the cheapest way.
const ROWS: u32 = 20_000;

/// Fills every table: two tenants, of which `default` has nine rows in ten.
fn fill(eye: &Stranger, schema: &Schema, rows: u32) {
    let series = format!(
        "(SELECT n, CASE WHEN n % 10 = 0 THEN 'other' ELSE 'default' END AS tenant, sha256(n::text::bytea) AS digest
          FROM generate_series(1, {rows}) AS n) AS source"
    );
    eye.ask(&format!(
        "SET search_path = {};
         INSERT INTO client SELECT tenant, 'client-' || n, 'c', 1, TRUE, '[]', '[]', '[]', '[]', '[]', '[]', '[]', '[]',
             NULL, NULL, 30, NULL, NULL, NULL, '[]', FALSE, 0, 0, '' FROM {series};
         INSERT INTO account SELECT tenant, 'user-' || n, TRUE, NULL, NULL FROM {series};
         INSERT INTO login SELECT tenant, 'login-' || n, 'user-' || n FROM {series};
         INSERT INTO server_key SELECT tenant, 'issuer-' || n / 4, 'k' || n, 'derive' || n % 4, 'active', NULL, NULL, NULL,
             n, NULL, NULL, NULL FROM {series};
         INSERT INTO family SELECT tenant, digest, 'client-' || n % 50, 'user-' || n % 1000, '[]', '[]', NULL, NULL, NULL,
             NULL, NULL, NULL, substr(digest, 1, 8), 'k', 0, digest, NULL, digest, 1000000 + n, n, 0, 0, 1000000, n, n,
             2000000 + n, NULL, NULL, '' FROM {series};
         INSERT INTO access_token SELECT tenant, digest, n, digest, 'client-' || n % 50, 'user-' || n % 1000, '[]', '[]',
             '[]', NULL, NULL, NULL, NULL, NULL, n, 1000000 + n, FALSE, '' FROM {series};
         INSERT INTO tombstone SELECT tenant, 't' || n, 1000000 + n FROM {series};
         INSERT INTO cutoff SELECT tenant, 'subject', 'user-' || n, n FROM {series};
         INSERT INTO claim SELECT tenant, digest, 1000000 + n FROM {series};
         INSERT INTO authorization_request SELECT tenant, digest, 'plain', 'client-' || n % 50, 'https://app.example/cb', '',
             NULL, NULL, CASE WHEN n % 2 = 0 THEN 'begun' ELSE 'approved' END, NULL, NULL, NULL, NULL, NULL, '[]',
             digest, n, 1000000 + n, '' FROM {series};
         INSERT INTO code SELECT tenant, digest, 'client-' || n % 50, 'user-' || n % 1000, '[]', 'https://app.example/cb',
             digest, NULL, '[]', NULL, NULL, NULL, NULL, NULL, n, 1000000 + n, NULL, NULL, 1000000 + n, '' FROM {series};
         INSERT INTO consent SELECT tenant, 'user-' || n % 1000, 'client-' || n % 50, digest, 'https://app.example/cb', '[]',
             '[]', n, 1000000 + n, '' FROM {series};
         INSERT INTO strike SELECT tenant, digest, 1, 1000000 + n FROM {series};
         INSERT INTO clock_mark SELECT 'tenant-' || n, n FROM {series}",
        schema.as_str()
    ));
}

/// The plan of a statement, made for any values or for some.
fn plan(eye: &Stranger, text: &str, mode: &str) -> Vec<String> {
    eye.ask(&format!("DEALLOCATE ALL; PREPARE judged AS {text}; SET plan_cache_mode = force_{mode}_plan"));
    let types = "SELECT unnest(parameter_types) FROM pg_prepared_statements WHERE name = 'judged'";
    let value = |kind: String| match kind.as_str() {
        "text" => "'default'",
        "bigint" => "1",
        "bytea" => "'\\x00'",
        "boolean" => "TRUE",
        "text[]" => "'{a,b}'",
        other => panic!("a parameter of type {other}"),
    };
    let values: Vec<_> = eye.ask(types).into_iter().map(value).collect();
    eye.ask(&format!("EXPLAIN (COSTS OFF) EXECUTE judged ({})", values.join(", ")))
}

/// What reads a table by one of its keys only: the table, the key, and the statements.
const BY_KEY: &[(&str, &str, &[&str])] = &[
    (
        "family",
        "family_pkey",
        &[
            access_token::INSERT,
            access_token::FIND,
            access_token::TAKEN_BACK,
            family::FIND,
            family::REVOKE,
            refresh::EXTEND_WITH_TOKEN,
            refresh::RETRY_WITH_TOKEN,
            refresh::ROTATE,
            refresh::ROTATE_WITH_TOKEN,
        ],
    ),
    ("family", "family_handle", &[family::FIND_BY_HANDLE]),
    ("access_token", "access_token_pkey", &[access_token::FIND, access_token::REVOKE_OPAQUE]),
    (
        "authorization_request",
        "authorization_request_pkey",
        &[request::APPROVE, request::APPROVE_AND_REMEMBER, request::DENY, request::FIND, request::IS_DECIDED],
    ),
    ("code", "code_pkey", &[code::FIND, code::REDEEM, code::REDEEM_WITH_TOKEN]),
    ("consent", "consent_pkey", &[consent::FIND, request::FIND]),
];

/// The lines of a plan that read the table.
fn reads<'a>(plan: &'a [String], table: &str) -> Vec<&'a String> {
    let of_table = |line: &&String| line.split_once(" on ").is_some_and(|(_, on)| on.split(' ').next() == Some(table));
    plan.iter().filter(|line| line.contains("Scan")).filter(of_table).collect()
}

/// A table that is filled faster than PostgreSQL looks at it has no statistics, and plans may be made while it is empty.
#[test]
fn a_young_table_is_read_by_its_keys_too() {
    let Some(server) = PostgresServer::shared() else { return };
    for rows in [0, 100, 2_000] {
        let schema = fresh_schema();
        let _store = open(settings(server).schema(schema.clone()));
        let eye = Stranger::connect(server);
        for (table, ..) in BY_KEY {
            eye.ask(&format!("ALTER TABLE {}.{table} SET (autovacuum_enabled = FALSE)", schema.as_str()));
        }
        fill(&eye, &schema, rows);
        let rendered = Statements::of(&schema);
        for (table, key, statements) in BY_KEY {
            for sql in *statements {
                let plan = plan(&eye, &rendered.find(sql).unwrap().text, "generic");
                let (reads, by_key) = (reads(&plan, table), format!("using {key} on {table}"));
                let all_by_key = !reads.is_empty() && reads.iter().all(|line| line.contains(&by_key));
                assert!(all_by_key, "{rows} rows: {sql}\n{}", plan.join("\n"));
            }
        }
    }
}

#[test]
fn no_statement_reads_a_whole_table() {
    let Some(server) = PostgresServer::shared() else { return };
    let schema = fresh_schema();
    let store = open(settings(server).schema(schema.clone()));
    let eye = Stranger::connect(server);
    fill(&eye, &schema, ROWS);
    eye.ask("ANALYZE");
    let rendered = Statements::of(&schema);
    for sql in statements::ALL {
        let text = &rendered.find(sql).unwrap().text;
        for mode in ["generic", "custom"] {
            let plan = plan(&eye, text, mode);
            let all = plan.join("\n");
            assert!(!all.contains("Seq Scan"), "{mode}: {text}\n{all}");
            // What walks through an order walks along an index; keys are few, and so is what one user allows.
            assert!(!all.contains("Sort") || [key::LOAD, consent::LIST].contains(sql), "{mode}: {text}\n{all}");
        }
    }
    let scanning = plan(&eye, &format!("SELECT FROM {}.family WHERE scope = $1", schema.as_str()), "generic");
    assert!(scanning.iter().any(|line| line.contains("Seq Scan")), "the test sees scans: {scanning:?}");
    // The statement that is run is the one that was looked at.
    assert_eq!(block_on(store.find_family(&common::family_id(1))).unwrap(), None);
}

/// What the server says of a connection in the middle of an operation.
fn in_force(store: &PostgresStore, mode: Mode) -> Vec<String> {
    let settings = ["synchronous_commit", "transaction_isolation", "statement_timeout", "transaction_read_only"];
    let ask = move |mode| {
        store.run(mode, settings, |session, settings| {
            Box::pin(async move {
                let mut values = Vec::new();
                for setting in settings {
                    let question = "SELECT current_setting($1)";
                    values.push(session.client.query_one(question, &[setting]).await?.get(0));
                }
                Ok(values)
            })
        })
    };
    block_on(ask(mode)).unwrap()
}

#[test]
fn durability_and_isolation_are_in_force_whatever_the_database_says() {
    let Some(server) = PostgresServer::start() else { return };
    let eye = Stranger::connect(&server);
    for (database_says, expected) in [("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")] {
        eye.ask(&format!(
            "ALTER DATABASE postgres SET synchronous_commit = {database_says};
             ALTER DATABASE postgres SET default_transaction_isolation = 'serializable'"
        ));
        let own = open(settings(&server));
        let locked = Mode::Locked(7);
        for mode in [Mode::Write, locked] {
            assert_eq!(in_force(&own, mode), [expected, "read committed", "5s", "off"], "{mode:?}");
        }
        let guest = guest_of(&server);
        for mode in [Mode::Write, locked] {
            assert_eq!(in_force(&guest, mode), [expected, "read committed", "0", "off"], "{mode:?}");
        }
        let after = in_force(&guest, Mode::Read);
        assert_eq!(after[..2], [database_says, "serializable"], "a connection of the host is given back as it was");
    }
}

/// A store on a pool of the host's.
fn guest_of(server: &PostgresServer) -> PostgresStore {
    let url = server.url();
    let schema = fresh_schema();
    let pool = on_runtime(async move {
        let manager = Manager::new(url.parse().unwrap(), tokio_postgres::NoTls);
        Pool::builder(manager).max_size(2).runtime(Runtime::Tokio1).build().unwrap()
    });
    block_on(Database::with_pool(pool, schema, runtime())).unwrap().tenant("default".parse().unwrap())
}

#[test]
fn a_pool_of_the_hosts_serves_and_stays_open() {
    let Some(server) = PostgresServer::shared() else { return };
    let store = guest_of(server);
    let mark = Timestamp::from_millis(7);
    assert_eq!(block_on(store.raise_clock_mark(mark)).unwrap(), mark);
    common::begin(&store, 1);
    block_on(store.database().close());
    assert!(block_on(store.raise_clock_mark(mark)).is_err());
    assert!(!store.database().shared.pool_is_closed());
}

#[test]
fn a_runtime_without_timers_is_refused_in_words() {
    let Some(server) = PostgresServer::shared() else { return };
    let bare = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_io().build().unwrap();
    let handle: Handle = bare.handle().clone();
    let refused = block_on(Database::connect(settings(server), handle)).unwrap_err();
    assert!(matches!(refused, crate::OpenError::Runtime { .. }), "{refused}");
}
