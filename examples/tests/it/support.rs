//! Starts a binary in a directory of its own and talks to it with curl.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// A directory that goes with the test.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("oauth-examples-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn command(&self, binary: &str) -> Command {
        let mut command = Command::new(binary);
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

/// A running example, and what it printed until it listened.
pub(crate) struct Running {
    process: Child,
    pub(crate) printed: Vec<String>,
    pub(crate) address: String,
}

impl Running {
    pub(crate) fn start(binary: &str, directory: &Directory, bind: &str, settings: &[(&str, &str)]) -> Self {
        let mut command = directory.command(binary);
        let mut process = command.env("BIND", bind).envs(settings.iter().copied()).spawn().unwrap();
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

    /// The same again on another port, which is free, in the name of the first.
    pub(crate) fn restart(binary: &str, directory: &Directory, first: &str) -> Self {
        Self::start(binary, directory, "127.0.0.1:0", &[("ISSUER", &format!("http://{first}"))])
    }

    /// The printed commands, as they would be pasted.
    pub(crate) fn pasted(&self) -> String {
        let commands: Vec<&str> = self.printed.iter().filter_map(|line| line.strip_prefix("  ")).collect();
        commands.join("\n")
    }

    /// The command that is printed below a line that begins so.
    pub(crate) fn command_after(&self, sentence: &str) -> String {
        let mut lines = self.printed.iter().skip_while(|line| !line.starts_with(sentence)).skip(1);
        let command: Vec<&str> = lines.by_ref().map_while(|line| line.strip_prefix("  ")).collect();
        assert!(!command.is_empty(), "nothing below `{sentence}` in {:?}", self.printed);
        command.join("\n")
    }

    /// Runs what is printed below a line that begins so; the answer's body.
    pub(crate) fn paste(&self, sentence: &str) -> Value {
        body(&sh(&self.command_after(sentence)))
    }

    /// Asks `path` with these arguments of curl.
    pub(crate) fn ask(&self, path: &str, arguments: &[&str]) -> Answer {
        let url = format!("http://{}{path}", self.address);
        let output = Command::new("curl").args(["-sS", "-i", "-H", "Expect:"]).args(arguments).arg(url).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Answer::read(&String::from_utf8(output.stdout).unwrap())
    }

    /// Sends JSON.
    pub(crate) fn json(&self, path: &str, text: &str) -> Answer {
        self.ask(path, &["-H", "Content-Type: application/json", "--data-binary", text])
    }

    /// Calls a route with an access token.
    pub(crate) fn call(&self, path: &str, token: &str) -> Answer {
        self.ask(path, &["-H", &format!("Authorization: Bearer {token}")])
    }

    pub(crate) fn memory_in_kilobytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    pub(crate) fn end(mut self) {
        sh(&format!("kill -TERM {}", self.process.id()));
        let status = self.process.wait().unwrap();
        assert_eq!(status.code(), Some(0), "SIGTERM ends it in order");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An answer; two that say the same are equal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// All but the date, sorted.
    headers: Vec<String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap().parse().unwrap();
        let mut headers: Vec<String> =
            lines.filter(|line| !line.to_ascii_lowercase().starts_with("date:")).map(str::to_owned).collect();
        headers.sort_unstable();
        Self { status, headers, body: body.to_owned() }
    }

    pub(crate) fn value(&self) -> Value {
        body(&self.body)
    }

    /// A member of a 200 that is text.
    pub(crate) fn text(&self, member: &str) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        text(&self.value()[member])
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// Status and code of an error as RFC 6749 §5.2 spells it.
    pub(crate) fn refused(&self) -> (u16, String) {
        (self.status, text(&self.value()["error"]))
    }
}

pub(crate) fn body(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|why| panic!("{why}: {text}"))
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// The names of an object's members, sorted.
pub(crate) fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// A JWT's header as text, and its claims.
pub(crate) fn jwt(token: &str) -> (String, Map<String, Value>) {
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "{token}");
    let part = |at: usize| String::from_utf8(URL_SAFE_NO_PAD.decode(parts[at]).unwrap()).unwrap();
    (part(0), serde_json::from_str(&part(1)).unwrap())
}

/// Whether every answer is the same to the byte.
pub(crate) fn assert_alike(answers: &[Answer]) {
    for answer in answers {
        assert_eq!(answer, &answers[0]);
    }
}

pub(crate) fn sh(script: &str) -> String {
    let output = Command::new("sh").args(["-ec", script]).output().unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
