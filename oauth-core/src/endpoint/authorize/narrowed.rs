//! What is taken away from a scope between the request and the code, for the audit trail.

use crate::policy::{Rule, RuleId};
use crate::types::Scope;

/// What was asked for and is gone, and which rules took it, each once and in the order in which they did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Narrowed {
    pub(super) dropped: Scope,
    pub(super) by: Vec<RuleId>,
}

impl Narrowed {
    pub(super) fn none() -> Self {
        Self { dropped: Scope::empty(), by: Vec::new() }
    }

    /// This, and what further rules took.
    pub(super) fn and(mut self, dropped: &Scope, by: impl IntoIterator<Item = RuleId>) -> Self {
        self.dropped = self.dropped.union(dropped);
        for rule in by {
            if !self.by.contains(&rule) {
                self.by.push(rule);
            }
        }
        self
    }

    /// This, and what the user left out of what was shown.
    pub(super) fn and_user(self, shown: &Scope, approved: &Scope) -> Self {
        let left_out = shown.difference(approved);
        let by = (!left_out.is_empty()).then_some(RuleId::Core(Rule::Consent));
        self.and(&left_out, by)
    }
}
