//! The explanations that the page shows, asked of the quickstart's own file.

use std::path::Path;
use std::process::Stdio;

use crate::support::{Directory, Running, body};

const QUICKSTART: &str = env!("CARGO_BIN_EXE_quickstart");
const POLICY: &str = env!("CARGO_BIN_EXE_policy");
const PAGE: &str = include_str!("../../README.md");

/// A directory with a file that a quickstart made, and where that listened.
fn served(name: &str) -> (Directory, String) {
    let directory = Directory::new(name);
    let running = Running::start(QUICKSTART, &directory, "127.0.0.1:0", &[]);
    let issuer = format!("http://{}", running.address);
    running.end();
    (directory, issuer)
}

/// What it prints, and what it complains of.
fn explain(directory: &Directory, issuer: &str, arguments: &[&str]) -> (String, String) {
    let mut command = directory.command(POLICY);
    let output = command.args(arguments).env("ISSUER", issuer).stderr(Stdio::piped()).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// The commands of the page with what is shown below each.
fn shown() -> Vec<(Vec<&'static str>, String)> {
    let section = PAGE.split("## `policy`").nth(1).unwrap();
    let block = section.split("```console\n").nth(1).unwrap().split("```").next().unwrap();
    let mut shown: Vec<(Vec<&str>, String)> = Vec::new();
    for line in block.lines() {
        match line.strip_prefix("$ cargo run --quiet --bin policy -- ") {
            Some(command) => {
                // only the quoted argument has a space
                let (before, quoted) = command.split_once('\'').unwrap_or((command, ""));
                let (quoted, after) = quoted.split_once('\'').unwrap_or(("", ""));
                let words = before.split_whitespace().chain([quoted]).chain(after.split_whitespace());
                shown.push((words.filter(|word| !word.is_empty()).collect(), String::new()));
            }
            None => {
                let (_, text) = shown.last_mut().unwrap();
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    shown
}

#[test]
fn the_page_shows_what_it_prints() {
    let (directory, issuer) = served("policy-page");
    let shown = shown();
    assert_eq!(shown.len(), 3);
    for ((arguments, text), begins) in shown.into_iter().zip(["granted", "granted", "refused"]) {
        let (printed, complained) = explain(&directory, &issuer, &arguments);
        assert_eq!(printed, text, "{arguments:?} {complained}");
        assert!(printed.starts_with(begins), "{printed}");
    }
}

#[test]
fn the_file_is_only_read_and_no_copy_is_left() {
    let (directory, issuer) = served("policy-copy");
    let files = |path: &Path| {
        let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
            .collect();
        files.sort();
        files
    };
    let before = files(directory.path());
    let temporary = directory.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut command = directory.command(POLICY);
    let arguments = ["quickstart.db", "client=reports", "grant_type=client_credentials", "--json"];
    let output = command.args(arguments).env("ISSUER", issuer).env("TMPDIR", &temporary).output().unwrap();
    let explained = body(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(explained["verdict"]["granted"], true, "{explained}");
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
    std::fs::remove_dir(&temporary).unwrap();
    assert_eq!(files(directory.path()), before);
}

#[test]
fn a_mistake_on_the_command_line_is_told() {
    let directory = Directory::new("policy-mistakes");
    for (arguments, mend) in [
        (&[][..], "usage"),
        (&["none.db"], "usage"),
        (&["none.db", "client=a"], "cannot copy `none.db`"),
        (&["none.db", "client=a", "scope"], "no NAME=VALUE"),
        (&["none.db", "client=a", "from=here"], "`here` is no address"),
        (&["none.db", "client=a", "at=noon"], "`noon` is no number"),
    ] {
        let (_, complained) = explain(&directory, "http://127.0.0.1:8080", arguments);
        assert!(complained.contains(mend), "{arguments:?}: {complained}");
    }
}
