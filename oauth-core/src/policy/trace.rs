//! What the rules did to one request: kept whole for `explain`, and next to nothing of it otherwise.

use super::rule::{Rule, RuleId};
use crate::error::Refusal;
use crate::types::{Lifetime, Scope};

/// What one rule did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub rule: RuleId,
    /// What it did.
    pub effect: Effect,
}

/// What a rule did to a request. It never adds anything.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// It looked, and left everything as it was.
    Passed,
    /// What all following steps take away from: the scope that was asked for, by name or by default.
    Asked(Scope),
    /// It took scope away.
    Removed(Scope),
    /// What all following steps shorten: how long the token lives unless a rule says otherwise.
    Begun(Lifetime),
    /// It made the token live for this long only.
    Shortened(Lifetime),
    /// It kept back the refresh token or the id token that the scope asked for.
    Withheld,
    /// It refused the request; always the last step.
    Refused(Refusal),
}

/// Records what rules do. When it is off it keeps the names of those rules that narrowed something, for the audit
/// trail, and costs nothing as long as none does.
#[derive(Debug)]
pub(crate) struct Trace {
    steps: Option<Vec<Step>>,
    narrowed_by: Vec<RuleId>,
}

impl Trace {
    /// Keeps every step.
    pub(crate) const fn on() -> Self {
        Self { steps: Some(Vec::new()), narrowed_by: Vec::new() }
    }

    /// Keeps no step.
    pub(crate) const fn off() -> Self {
        Self { steps: None, narrowed_by: Vec::new() }
    }

    /// The steps, ended by the refusal if there was one.
    pub(crate) fn into_steps(mut self, refused: Option<Refusal>) -> Vec<Step> {
        if let Some(refusal) = refused {
            self.step(refusal.rule(), || Effect::Refused(refusal));
        }
        self.steps.unwrap_or_default()
    }

    /// The rules that took something away, for the audit trail.
    pub(crate) fn take_narrowed_by(&mut self) -> Vec<RuleId> {
        std::mem::take(&mut self.narrowed_by)
    }

    /// The rule looked and was content.
    pub(crate) fn passed(&mut self, rule: impl Into<RuleId>) {
        self.step(rule.into(), || Effect::Passed);
    }

    /// What a rule that can only refuse says; a refusal ends the trace by its own name.
    pub(crate) fn judge<T>(&mut self, rule: Rule, judged: Result<T, Refusal>) -> Result<T, Refusal> {
        if judged.is_ok() {
            self.passed(rule);
        }
        judged
    }

    /// The scope that the rules start from.
    pub(crate) fn asked(&mut self, asked: &Scope) {
        self.step(Rule::Request.into(), || Effect::Asked(asked.clone()));
    }

    /// The rule bounded the scope.
    pub(crate) fn scope(&mut self, rule: impl Into<RuleId>, before: &Scope, after: &Scope) {
        let rule = rule.into();
        if before == after {
            self.passed(rule);
        } else {
            self.narrowed_by(rule);
            self.step(rule, || Effect::Removed(before.difference(after)));
        }
    }

    /// The lifetime that the rules start from.
    pub(crate) fn begun(&mut self, lifetime: Lifetime) {
        self.step(Rule::LifetimeServer.into(), || Effect::Begun(lifetime));
    }

    /// The rule bounded the lifetime.
    pub(crate) fn lifetime(&mut self, rule: impl Into<RuleId>, before: Lifetime, after: Lifetime) {
        let rule = rule.into();
        if before == after {
            self.passed(rule);
        } else {
            if matches!(rule, RuleId::Host(_)) {
                self.narrowed_by(rule);
            }
            self.step(rule, || Effect::Shortened(after));
        }
    }

    /// Whether what the scope asked for goes with the grant.
    pub(crate) fn offered(&mut self, rule: Rule, asked: bool, given: bool) {
        if asked {
            self.step(rule.into(), || if given { Effect::Passed } else { Effect::Withheld });
        }
    }

    fn narrowed_by(&mut self, rule: RuleId) {
        if !self.narrowed_by.contains(&rule) {
            self.narrowed_by.push(rule);
        }
    }

    fn step(&mut self, rule: RuleId, effect: impl FnOnce() -> Effect) {
        if let Some(steps) = &mut self.steps {
            steps.push(Step { rule, effect: effect() });
        }
    }
}
