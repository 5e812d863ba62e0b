//! Any history of calls is answered as the contract says.

use crate::{Fixture, model};

/// Random histories of every method, by two tenants, are answered as the reference model answers them, and leave what it
/// leaves.
pub fn model_and_store_answer_every_history_alike(f: &Fixture) {
    model::judge(f);
}
