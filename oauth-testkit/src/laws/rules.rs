//! Generated rules as real ones.

use oauth_core::policy::{Facts, Login, Policy, Restriction};
use oauth_core::types::Lifetime;

use super::case::RuleCase;

/// The ids that generated rules have, by their places in the case.
pub(super) const IDS: [&str; 8] = ["made_a", "made_b", "made_c", "made_d", "made_e", "made_f", "made_g", "made_h"];

/// A rule that is data.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) id: &'static str,
    pub(super) rule: RuleCase,
}

impl Policy for Made {
    fn id(&self) -> &'static str {
        self.id
    }

    fn restrict(&self, facts: &Facts<'_>) -> Restriction {
        let none = Restriction::none();
        match &self.rule {
            RuleCase::Deny(token) if facts.scope.contains(token) => none.deny("made up"),
            RuleCase::Deny(_) => none,
            RuleCase::Only(scope) => none.only(scope),
            RuleCase::Without(scope) => none.without(scope),
            RuleCase::AtMost(seconds) => none.at_most(Lifetime::of_seconds(*seconds)),
            RuleCase::Login(seconds) => {
                none.login_at_least(Login::any().within(Lifetime::of_seconds(*seconds)).by("pwd"))
            }
        }
    }
}
