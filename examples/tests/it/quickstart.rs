//! The quickstart as a person meets it: start it, paste what it prints, stop it, start it again.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use crate::support::{Directory, Running, sh};

const QUICKSTART: &str = env!("CARGO_BIN_EXE_quickstart");

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_it_prints_works_and_works_again_after_a_restart() {
    let directory = Directory::new("restart");
    let first = Running::start(QUICKSTART, &directory, "127.0.0.1:0", &[]);
    let pasted = first.pasted();
    let output = sh(&format!("{pasted}\necho\necho \"$TOKEN\""));
    assert!(output.contains("a red bicycle"), "{output}");
    assert!(output.contains(r#""keys":[{"#), "{output}");
    let token = output.lines().last().unwrap().to_owned();
    assert_eq!(token.split('.').count(), 3, "{token}");
    assert!(first.memory_in_kilobytes().is_none_or(|kilobytes| kilobytes < 16 * 1024));
    for file in ["quickstart.db", "quickstart.db-wal", "quickstart.db.sealing-key"] {
        assert_eq!(mode(&directory.path().join(file)), 0o600, "{file}");
    }
    let address = first.address.clone();
    first.end();
    assert!(!directory.path().join("quickstart.db-wal").exists(), "the store was closed in order");

    let second = Running::start(QUICKSTART, &directory, &address, &[]);
    let shown = second.printed.join("\n");
    assert!(!shown.contains("-u 'reports:"), "the secret is shown once: {shown}");
    assert!(shown.contains("quickstart.db.sealing-key"), "it says how to start afresh: {shown}");
    let orders = sh(&format!("curl -s -H 'Authorization: Bearer {token}' http://{address}/orders"));
    assert!(orders.contains("a red bicycle"), "the old token still works: {orders}");
    let again = sh(&pasted);
    assert!(again.contains("a red bicycle"), "the old secret still works: {again}");
    second.end();
}

#[test]
fn a_store_in_memory_leaves_nothing_behind() {
    let directory = Directory::new("memory");
    let mut command = directory.command(QUICKSTART);
    let mut process = command.env("BIND", "127.0.0.1:0").env("DATABASE_URL", "memory:").spawn().unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.starts_with("listening on ")));
    sh(&format!("kill -INT {}", process.id()));
    assert_eq!(process.wait().unwrap().code(), Some(0));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_mistake_in_the_settings_is_told_with_its_mend() {
    let directory = Directory::new("settings");
    for (variable, value, mend) in [
        ("BIND", "0.0.0.0:0", "--insecure-http"),
        ("BIND", "here", "like `127.0.0.1:8080`"),
        ("DATABASE_URL", "mysql:x", "`sqlite:PATH`, `postgres://…` or `memory:`"),
        (
            "DATABASE_URL",
            "postgres://db.example/x",
            if cfg!(feature = "postgres") { "sslmode" } else { "--features postgres" },
        ),
        ("ISSUER", "ftp://x", "https"),
        ("TRUSTED_PROXIES", "somewhere", "somewhere"),
        ("WORKERS", "0", "a number from 1 up"),
    ] {
        let mut command = directory.command(QUICKSTART);
        command.env("BIND", "127.0.0.1:0").env("DATABASE_URL", "memory:");
        let output = command.env(variable, value).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{variable}: {said}");
        assert!(said.contains(mend), "{variable}: {said}");
    }
}
