//! What holds of the whole process: nothing panics, and no secret is written down.

#[path = "../support/mod.rs"]
mod support;

mod log;
mod panics;
