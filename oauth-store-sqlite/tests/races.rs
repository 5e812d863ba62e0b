//! Two processes race on one file, 2,000 times of each kind; `cargo test -p oauth-store-sqlite --test races -- --races
//! 100000` for more. [`oauth_testkit::races`] says what is raced for, what counts and what a loss is.

#[path = "common/arena.rs"]
mod arena;
#[path = "common/directory.rs"]
#[expect(unreachable_pub, reason = "shared with the other tests")]
mod directory;

fn main() -> std::process::ExitCode {
    oauth_testkit::races::main::<arena::File>()
}
