//! Measures the server beside the floor that it cannot beat, alternately and in the same minutes.

mod bare;
mod figures;
mod keys;
mod load;
mod mint;
mod ours;
mod postgres;
mod rss;
mod serve;

use std::process::ExitCode;

const USAGE: &str = "\
usage: bench [--short] mint | postgres | serve | rss QUICKSTART
  mint    minting a JWT beside the bare signature
  postgres  the PostgreSQL store beside the bare engine (starts a server from the installed binaries)
  serve   our server beside a bare handler, over loopback (Linux; needs `taskset` and `wrk`)
  rss     resident memory of the quickstart, whose path is given, when idle (Linux)
  --short fewer and shorter rounds: shows that it runs, not how fast

Every row says its target. The exit code is 1 when one is missed, except with --short.";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["mint"] => mint::run(&mint::FULL),
        ["--short", "mint"] => mint::run(&mint::SHORT),
        ["postgres"] => postgres::run(&postgres::FULL),
        ["--short", "postgres"] => postgres::run(&postgres::SHORT),
        ["serve"] => serve::run(&serve::FULL),
        ["--short", "serve"] => serve::run(&serve::SHORT),
        ["rss", quickstart] | ["--short", "rss", quickstart] => rss::run(quickstart),
        // what `serve` starts as processes of their own
        ["serve-bare", token] => bare::run(token),
        ["serve-ours", token] => ours::run(token),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) if words.contains(&"--short") => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::from(2)
        }
    }
}
