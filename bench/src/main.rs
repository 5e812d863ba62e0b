//! Measures the server beside the floor that it cannot beat, alternately and in the same minutes.

mod bare;
mod calls;
mod decide;
mod figures;
mod keys;
mod load;
mod memory;
mod mint;
mod ours;
mod postgres;
mod rss;
mod serve;
mod sqlite;

use std::process::ExitCode;

const USAGE: &str = "\
usage: bench [--short] decide | mint | serve | sqlite | postgres | memory | rss QUICKSTART
  decide  what policy grants of a request, alone
  mint    minting a JWT beside the bare signature
  postgres  the PostgreSQL store beside the bare engine, the endpoints beside the store (starts a server from the
          installed binaries)
  serve   our server beside a bare handler, over loopback (Linux; needs `taskset` and `wrk`)
  sqlite  the SQLite store beside SQLite alone: rotations, and lookups among a million tokens; the endpoints for
          redemption and introspection beside the store
  memory  the memory store with a million tokens: bytes of each, and the time that storing one takes (Linux)
  rss     resident memory of the quickstart, whose path is given, when idle (Linux)
  --short fewer and shorter rounds: shows that it runs, not how fast

Every row says its target. The exit code is 1 when one is missed, except with --short.";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["decide"] => decide::run(&decide::FULL),
        ["--short", "decide"] => decide::run(&decide::SHORT),
        ["mint"] => mint::run(&mint::FULL),
        ["--short", "mint"] => mint::run(&mint::SHORT),
        ["postgres"] => postgres::run(&postgres::FULL),
        ["--short", "postgres"] => postgres::run(&postgres::SHORT),
        ["serve"] => serve::run(&serve::FULL),
        ["--short", "serve"] => serve::run(&serve::SHORT),
        ["sqlite"] => sqlite::run(&sqlite::FULL),
        ["--short", "sqlite"] => sqlite::run(&sqlite::SHORT),
        ["memory"] => memory::run(&memory::FULL),
        ["--short", "memory"] => memory::run(&memory::SHORT),
        ["rss", quickstart] | ["--short", "rss", quickstart] => rss::run(quickstart),
        // what `serve` and `memory` start as processes of their own
        ["serve-bare", token] => bare::run(token),
        ["serve-ours", token] => ours::run(token),
        ["memory-fill", kind, count] => memory::fill(kind, count),
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
