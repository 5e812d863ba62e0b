//! The quickstart as a person meets it: start it, paste what it prints, stop it, start it again.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("oauth-quickstart-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quickstart"));
        command.current_dir(&self.0).stderr(Stdio::null()).stdout(Stdio::piped());
        for variable in ["BIND", "DATABASE_URL", "ISSUER", "TRUSTED_PROXIES", "WORKERS"] {
            command.env_remove(variable);
        }
        command
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running quickstart, and what it printed until it listened.
struct Running {
    process: Child,
    printed: Vec<String>,
    address: String,
}

impl Running {
    fn start(directory: &Directory, bind: &str) -> Self {
        let mut process = directory.command().env("BIND", bind).spawn().unwrap();
        let mut printed = Vec::new();
        for line in BufReader::new(process.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(address) = line.strip_prefix("listening on http://") {
                return Self { process, printed, address: address.to_owned() };
            }
            printed.push(line);
        }
        panic!("it ended before it listened: {:?}, {printed:?}", process.wait());
    }

    /// The printed commands, as they would be pasted.
    fn pasted(&self) -> String {
        let commands: Vec<&str> = self.printed.iter().filter_map(|line| line.strip_prefix("  ")).collect();
        commands.join("\n")
    }

    fn memory_in_kilobytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    fn end(mut self) {
        sh(&format!("kill -TERM {}", self.process.id()));
        let status = self.process.wait().unwrap();
        assert_eq!(status.code(), Some(0), "SIGTERM ends it in order");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
    }
}

fn sh(script: &str) -> String {
    let output = Command::new("sh").args(["-ec", script]).output().unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_it_prints_works_and_works_again_after_a_restart() {
    let directory = Directory::new("restart");
    let first = Running::start(&directory, "127.0.0.1:0");
    let pasted = first.pasted();
    let output = sh(&format!("{pasted}\necho\necho \"$TOKEN\""));
    assert!(output.contains("a red bicycle"), "{output}");
    assert!(output.contains(r#""keys":[{"#), "{output}");
    let token = output.lines().last().unwrap().to_owned();
    assert_eq!(token.split('.').count(), 3, "{token}");
    assert!(first.memory_in_kilobytes().is_none_or(|kilobytes| kilobytes < 16 * 1024));
    for file in ["quickstart.db", "quickstart.db-wal", "quickstart.db.sealing-key"] {
        assert_eq!(mode(&directory.0.join(file)), 0o600, "{file}");
    }
    let address = first.address.clone();
    first.end();
    assert!(!directory.0.join("quickstart.db-wal").exists(), "the store was closed in order");

    let second = Running::start(&directory, &address);
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
    let mut command = directory.command();
    let mut process = command.env("BIND", "127.0.0.1:0").env("DATABASE_URL", "memory:").spawn().unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.starts_with("listening on ")));
    sh(&format!("kill -INT {}", process.id()));
    assert_eq!(process.wait().unwrap().code(), Some(0));
    assert_eq!(std::fs::read_dir(&directory.0).unwrap().count(), 0);
}

#[test]
fn a_mistake_in_the_settings_is_told_with_its_mend() {
    let directory = Directory::new("settings");
    for (variable, value, mend) in [
        ("BIND", "0.0.0.0:0", "--insecure-http"),
        ("BIND", "here", "like `127.0.0.1:8080`"),
        ("DATABASE_URL", "mysql:x", "`sqlite:PATH` or `memory:`"),
        ("ISSUER", "ftp://x", "https"),
        ("TRUSTED_PROXIES", "somewhere", "somewhere"),
        ("WORKERS", "0", "a number from 1 up"),
    ] {
        let mut command = directory.command();
        command.env("BIND", "127.0.0.1:0").env("DATABASE_URL", "memory:");
        let output = command.env(variable, value).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{variable}: {said}");
        assert!(said.contains(mend), "{variable}: {said}");
    }
}
