//! What the adapter does when something breaks or ends, and how others see it.

#[path = "../support/mod.rs"]
mod support;

mod authorize;
mod connections;
mod guard;
mod http2;
mod interop;
mod maintenance;
