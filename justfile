# What this project is asked to do most often; `just` lists it.

_list:
    @just --list --unsorted

# everything that CI runs, literally
ci:
    .ci/run

# the tests of the workspace
test *ARGS:
    cargo test --workspace {{ARGS}}

# format, then warnings as errors
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# the documentation, opened
doc:
    cargo doc --workspace --no-deps --open

# an application to try out, with its first client and commands to paste
quickstart:
    cargo run --bin quickstart

# licences, banned crates, sources
deny:
    cargo deny --offline check licenses bans sources

# fuzz every target for some seconds, or one
fuzz SECONDS="60" *TARGET:
    fuzz/run {{SECONDS}} {{TARGET}}

# speed beside its floor: decide, mint, serve
bench WHAT="mint":
    cargo run --release --manifest-path bench/Cargo.toml -- {{WHAT}}

# allocations of one token request
allocations:
    cargo test --release --manifest-path bench/Cargo.toml --test allocations -- --nocapture

# mutants of what decides, each tried by the tests of policy and grants (cargo install cargo-mutants --locked)
mutants *ARGS:
    cargo mutants --package oauth-core {{ARGS}}

# resident memory of the idle quickstart
rss:
    cargo build --release --bin quickstart
    cargo run --release --manifest-path bench/Cargo.toml -- rss target/release/quickstart

# clients and JWT libraries that are not ours
interop:
    interop/run

# the example systems, asked with the requests of their own pages, and refresh tokens raced over two processes
seeds:
    interop/seeds

# users of `embed`: brought by clients that are not ours, then in a real browser
users:
    interop/users
    interop/browser
