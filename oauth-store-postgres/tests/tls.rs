//! TLS to the server: spoken where it is asked for, with nobody whom the host does not believe.

mod common;

use std::net::{Ipv4Addr, TcpListener};

use common::{Stranger, fresh_schema, runtime};
use oauth_core::store::GrantStore;
use oauth_store_postgres::{Database, OpenError, PostgresStore, Schema, Settings};
use oauth_testkit::{PostgresServer, block_on};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

/// Lets the server speak TLS on a port of this machine, and answers which.
fn with_tls(server: &PostgresServer) -> u16 {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let eye = Stranger::connect(server);
    // The server writes the files itself, so that they are its user's.
    for (file, text) in
        [("server.pem", include_str!("fixtures/server.pem")), ("server.key", include_str!("fixtures/server.key"))]
    {
        let text = text.trim_end().replace('\n', "\\n");
        eye.ask(&format!("COPY (SELECT 1) TO PROGRAM $$cat >/dev/null; umask 077; printf %b '{text}\\n' > {file}$$"));
    }
    let settings = [
        "port = ".to_owned() + &port.to_string(),
        "listen_addresses = '127.0.0.1'".into(),
        "ssl = on".into(),
        "ssl_cert_file = 'server.pem'".into(),
        "ssl_key_file = 'server.key'".into(),
    ];
    for setting in settings {
        eye.ask(&format!("ALTER SYSTEM SET {setting}"));
    }
    eye.ask("COPY (SELECT 'hostssl all all 127.0.0.1/32 trust') TO PROGRAM 'cat > pg_hba.conf'");
    server.stop();
    server.restart();
    port
}

fn connect(port: u16, rest: &str) -> Result<PostgresStore, OpenError> {
    let url = format!("postgres://test@localhost:{port}/postgres?hostaddr=127.0.0.1{rest}");
    let settings = Settings::parse(&url)?.schema(fresh_schema());
    Ok(block_on(Database::connect(settings, runtime()))?.tenant("default".parse().unwrap()))
}

#[test]
fn tls_is_spoken_with_whom_the_authority_vouches_for_and_with_nobody_else() {
    let Some(server) = PostgresServer::start() else { return };
    let port = with_tls(&server);
    let believing = |file: &str| format!("&sslmode=require&sslrootcert={FIXTURES}/{file}");
    let store = connect(port, &believing("authority.pem")).unwrap();
    common::begin(&store, 1);
    assert!(block_on(store.find_family(&common::family_id(1))).unwrap().is_some());

    let told = |rest: &str| connect(port, rest).unwrap_err().to_string();
    assert!(told(&believing("other-authority.pem")).contains("UnknownIssuer"), "another authority");
    assert!(told("&sslmode=disable").contains("no encryption"), "the server takes nobody in clear");
    let other_name = format!("postgres://test@127.0.0.1:{port}/postgres?{}", believing("authority.pem"));
    let named = Settings::parse(&other_name.replace("?&", "?")).unwrap().schema(Schema::default());
    let error = block_on(Database::connect(named, runtime())).unwrap_err().to_string();
    assert!(error.contains("not valid for name"), "{error}");
}
