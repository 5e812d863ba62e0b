//! Other processes: a test binary that runs itself again, in a role.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use oauth_store_sqlite::SqliteStore;

const ROLE: &str = "OAUTH_STORE_SQLITE_TEST_ROLE";
const FILE: &str = "OAUTH_STORE_SQLITE_TEST_FILE";
const FIRST: &str = "OAUTH_STORE_SQLITE_TEST_FIRST";
/// Stands before what a child says, among what the test harness says.
const MARK: &str = "@";

/// A child process in a role.
pub struct Other {
    pub process: Child,
    says: Lines<BufReader<ChildStdout>>,
}

impl Other {
    pub fn new(role: &str, file: &Path, first: u64) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(FILE, file)
            .env(FIRST, first.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut says = BufReader::new(process.stdout.take().unwrap()).lines();
        while !says.next().expect("the child ended before it was ready").unwrap().ends_with("@ready") {}
        Self { process, says }
    }

    pub fn go(&mut self) {
        self.process.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    /// The next thing that it says, without the mark.
    pub fn next(&mut self) -> Option<String> {
        self.says.by_ref().map(Result::unwrap).find_map(|line| line.strip_prefix(MARK).map(str::to_owned))
    }

    /// All that it says until it ends well.
    pub fn finish(mut self) -> Vec<String> {
        let said = std::iter::from_fn(|| self.next()).collect();
        assert!(self.process.wait().unwrap().success());
        said
    }
}

/// A test that fails leaves no child behind.
impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn say(what: impl std::fmt::Display) {
    // A short line is one write to the pipe, so a kill cuts none in half.
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{MARK}{what}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// What a process is to do, if it was started as a child.
pub struct Role {
    pub name: String,
    pub file: PathBuf,
    pub first: u64,
    pub store: SqliteStore,
}

/// The role of this process, once the parent has said that it may begin. Each test binary has a test `child` that asks
/// for it; it does nothing when it runs as a test.
pub fn role() -> Option<Role> {
    let name = std::env::var(ROLE).ok()?;
    let file = PathBuf::from(std::env::var_os(FILE).unwrap());
    let first = std::env::var(FIRST).unwrap().parse().unwrap();
    let store = SqliteStore::open(&file).unwrap();
    println!();
    say("ready");
    std::io::stdin().lock().read_line(&mut String::new()).unwrap();
    Some(Role { name, file, first, store })
}
