//! What may be granted, and how much: pure, total functions. No clock, no I/O, no randomness, no panic.

pub(crate) mod introspection;
pub(crate) mod lifetime;
pub(crate) mod network;
pub(crate) mod resource;
pub(crate) mod rotation;
pub(crate) mod scope;
