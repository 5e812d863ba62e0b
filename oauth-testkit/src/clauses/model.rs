//! Any history of calls is answered as the contract says.

use crate::{Fixture, model};

/// Random histories of all that two tenants can do are answered as the reference model answers them, and leave what it
/// leaves.
pub fn model_and_store_answer_every_history_alike(f: &Fixture) {
    model::judge(f);
}
