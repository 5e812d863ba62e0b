//! Keys: made, imported, sealed and signing.

pub(crate) mod local;
