//! Processes that are killed while they write to one file, 300 times; `cargo test -p oauth-store-sqlite --test crash --
//! --cycles 10000` for more. [`oauth_testkit::crash`] says how they die and what is compared then.

#[path = "common/arena.rs"]
mod arena;
#[path = "common/directory.rs"]
#[expect(unreachable_pub, reason = "shared with the other tests")]
mod directory;

fn main() -> std::process::ExitCode {
    oauth_testkit::crash::main::<arena::File>()
}
