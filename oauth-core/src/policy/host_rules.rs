//! The host's rules, as the server has them: one verdict, whatever the order in which they were added.

use std::sync::Arc;

use super::scope::Excess;
use super::{Facts, Policy, Restriction, RuleId, Trace};
use crate::error::Refusal;
use crate::policy::scope::GrantedScope;
use crate::types::Lifetime;

/// Rules in the order of their ids.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostRules(Vec<Arc<dyn Policy>>);

impl HostRules {
    /// Puts the rules in order.
    pub(crate) fn new(mut rules: Vec<Arc<dyn Policy>>) -> Self {
        rules.sort_by_key(|rule| rule.id());
        Self(rules)
    }

    /// What the rules leave of scope and lifetime.
    ///
    /// # Errors
    /// [`Refusal::PolicyDenied`] when one denies, else [`Refusal::PolicyLogin`] when one wants a stronger login, else
    /// what [`GrantedScope::keep`] refuses, in the name of the rule that took scope away.
    pub(crate) fn apply(
        &self,
        facts: &Facts<'_>,
        mut scope: GrantedScope,
        mut lifetime: Lifetime,
        excess: Excess,
        trace: &mut Trace,
    ) -> Result<(GrantedScope, Lifetime), Refusal> {
        if self.0.is_empty() {
            return Ok((scope, lifetime));
        }
        let asked: Vec<(&'static str, Restriction)> =
            self.0.iter().map(|rule| (rule.id(), rule.restrict(facts))).collect();
        if let Some((rule, reason)) = asked.iter().find_map(|(id, said)| Some((*id, said.denied()?))) {
            return Err(Refusal::PolicyDenied { rule, reason });
        }
        if let Some((rule, _)) = asked.iter().find(|(_, said)| !said.login().is_met_by(facts.auth, facts.now)) {
            return Err(Refusal::PolicyLogin { rule });
        }
        for (id, said) in asked {
            let rule = RuleId::Host(id);
            let left = said.scope_of(scope.scope());
            let shortened = said.lifetime_of(lifetime);
            let touched = left != *scope.scope();
            if touched {
                trace.scope(rule, scope.scope(), &left);
                scope = scope.keep(left, excess).map_err(|_| Refusal::PolicyScope { rule: id })?;
            }
            if shortened != lifetime || !touched {
                trace.lifetime(rule, lifetime, shortened);
            }
            lifetime = shortened;
        }
        Ok((scope, lifetime))
    }
}
