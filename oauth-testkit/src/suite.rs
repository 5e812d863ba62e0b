//! The `main` of a test target without the usual harness, which takes no arguments of ours and hides what tests print.
//!
//! It understands what `cargo test -- …` and test runners say to any target: names to filter by, `--exact`, `--skip`,
//! `--list`, `--ignored` (nothing is); other options of the usual harness are taken and mean nothing here.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// What the usual harness takes and what means nothing here.
const FLAGS: [&str; 9] = [
    "--bench",
    "--include-ignored",
    "--no-capture",
    "--nocapture",
    "--quiet",
    "--report-time",
    "--show-output",
    "--test",
    "-q",
];

/// What stood on the command line.
#[derive(Debug)]
pub(crate) struct Arguments {
    /// How much is to be tried.
    pub(crate) size: u64,
    filters: Vec<String>,
    skips: Vec<String>,
    exact: bool,
    list: bool,
    ignored: bool,
}

impl Arguments {
    /// Reads them; `size` is set by this option and has this default.
    pub(crate) fn read(option: &str, default: u64) -> Self {
        Self::of(env::args().skip(1), option, default)
    }

    fn of(arguments: impl IntoIterator<Item = String>, option: &str, default: u64) -> Self {
        let mut read =
            Self { size: default, filters: vec![], skips: vec![], exact: false, list: false, ignored: false };
        let mut arguments = arguments.into_iter().flat_map(|argument| match argument.split_once('=') {
            Some((name, value)) if name.starts_with("--") => vec![name.to_owned(), value.to_owned()],
            _ => vec![argument],
        });
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().unwrap_or_else(|| panic!("`{argument}` needs a value"));
            match argument.as_str() {
                name if name == option => read.size = value().parse().expect("a number"),
                "--skip" => read.skips.push(value()),
                "--exact" => read.exact = true,
                "--list" => read.list = true,
                "--ignored" => read.ignored = true,
                "--test-threads" | "--format" | "--color" | "--logfile" | "-Z" => drop(value()),
                flag if FLAGS.contains(&flag) => {}
                unknown if unknown.starts_with('-') => panic!("unknown option `{unknown}`; ours is `{option}`"),
                filter => read.filters.push(filter.to_owned()),
            }
        }
        read
    }

    fn choose(&self, name: &str) -> bool {
        let meets = |filter: &String| if self.exact { name == filter } else { name.contains(filter) };
        (self.filters.is_empty() || self.filters.iter().any(meets)) && !self.skips.iter().any(meets)
    }
}

/// One test: panics when it fails.
pub(crate) struct Check<'a> {
    name: String,
    run: Box<dyn FnOnce() + 'a>,
}

impl<'a> Check<'a> {
    /// The name in words; blanks become `_`.
    pub(crate) fn new(name: &str, run: impl FnOnce() + 'a) -> Self {
        Self { name: name.replace(' ', "_"), run: Box::new(run) }
    }
}

/// Runs what was chosen, one after the other, or lists it.
pub(crate) fn run(arguments: &Arguments, checks: Vec<Check<'_>>) -> ExitCode {
    let all = checks.len();
    let chosen: Vec<Check<'_>> =
        checks.into_iter().filter(|check| !arguments.ignored && arguments.choose(&check.name)).collect();
    if arguments.list {
        chosen.iter().for_each(|check| println!("{}: test", check.name));
        return ExitCode::SUCCESS;
    }
    let (count, mut failed) = (chosen.len(), 0);
    println!("\nrunning {count} tests");
    for Check { name, run } in chosen {
        let passed = catch_unwind(AssertUnwindSafe(run)).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += usize::from(!passed);
    }
    let (verdict, passed, out) = (if failed == 0 { "ok" } else { "FAILED" }, count - failed, all - count);
    println!("\ntest result: {verdict}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {out} filtered out\n");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &str) -> Arguments {
        Arguments::of(arguments.split_whitespace().map(str::to_owned), "--races", 7)
    }

    #[test]
    fn takes_its_own_option_and_those_of_the_usual_harness() {
        assert_eq!(read("").size, 7);
        assert_eq!(read("--races 100").size, 100);
        assert_eq!(read("--nocapture --races=100 --test-threads 1").size, 100);
        assert!(read("--list --format terse").list);
    }

    #[test]
    #[should_panic(expected = "unknown option `--race`; ours is `--races`")]
    fn a_mistyped_option_does_not_pass_for_a_filter() {
        read("--race 100");
    }

    #[test]
    fn filters_choose_by_part_of_a_name_or_by_all_of_it() {
        assert!(read("").choose("refresh"));
        assert!(read("fre").choose("refresh"));
        assert!(!read("fre --exact").choose("refresh"));
        assert!(read("refresh claims --exact").choose("refresh"));
        assert!(!read("--skip fre").choose("refresh"));
    }

    #[test]
    fn a_check_that_panics_fails_and_the_others_run() {
        let mut ran = 0;
        let checks = vec![Check::new("a b", || panic!("planted")), Check::new("c", || ran += 1)];
        assert_eq!(run(&read(""), checks), ExitCode::FAILURE);
        assert_eq!(run(&read("a_b"), vec![Check::new("c", || panic!("not chosen"))]), ExitCode::SUCCESS);
        assert_eq!(ran, 1);
    }
}
