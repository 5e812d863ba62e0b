//! Other processes: a test binary that runs itself again, in a role, and is spoken to by lines.

use std::env;
use std::io::{self, BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const ROLE: &str = "OAUTH_TESTKIT_ROLE";
const PLACE: &str = "OAUTH_TESTKIT_PLACE";

/// A child process. Killed when it is dropped, so that a test that fails leaves none behind.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    input: ChildStdin,
    says: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts this binary again in a role, on the database at this place.
    pub(crate) fn start(role: &str, place: &str, environment: Vec<(String, String)>) -> Self {
        let mut child = Command::new(env::current_exe().expect("a test binary has a path"))
            .env(ROLE, role)
            .env(PLACE, place)
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process starts");
        let input = child.stdin.take().expect("piped");
        let says = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, input, says }
    }

    pub(crate) fn tell(&mut self, line: &str) {
        self.input.write_all(format!("{line}\n").as_bytes()).expect("the child listens");
    }

    /// The next line that it says; `None` when it has ended and all is heard.
    pub(crate) fn hear(&mut self) -> Option<String> {
        self.says.next().map(|line| line.expect("text"))
    }

    /// Ends it by SIGKILL. What it said before is still heard.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What this process is to do and on which database, if it was started as a child.
pub(crate) fn role() -> Option<(String, String)> {
    Some((env::var(ROLE).ok()?, env::var(PLACE).ok()?))
}

/// Says a line to the parent. A short line is one write to the pipe, so that no death cuts it in half. Answers whether
/// anybody listens.
pub(crate) fn say(line: &str) -> bool {
    let mut out = io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush()).is_ok()
}

/// What the parent tells next; `None` when it is gone.
pub(crate) fn told() -> Option<String> {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line).ok()?;
    (read > 0).then(|| line.trim_end().to_owned())
}
