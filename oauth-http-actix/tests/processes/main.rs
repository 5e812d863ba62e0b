//! AC9 over two server processes on one database: of up to 64 requests that redeem one code at once, one wins. The
//! processes are this test binary again.

#[path = "../support/mod.rs"]
mod support;

mod database;
mod http1;
mod http2;
mod node;
mod race;

/// Does nothing when it runs as a test.
#[test]
fn node() {
    node::live();
}
