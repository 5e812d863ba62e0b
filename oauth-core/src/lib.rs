//! OAuth core (being built).
pub mod jose;
pub mod random;
pub mod store;
pub mod time;
pub mod types;
/// tmp
#[derive(Debug)]
pub struct ClientSpec;
