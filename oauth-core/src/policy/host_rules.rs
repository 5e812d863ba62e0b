//! The host's rules, as the server has them: one verdict, whatever the order in which they were added.

use std::sync::Arc;

use super::scope::Excess;
use super::{Facts, Login, Policy, Restriction, RuleId, Trace};
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
        let is_strong = |said: &Restriction| said.login().is_met_by(facts.auth, facts.now);
        let denied = asked.iter().find_map(|(rule, said)| {
            let reason = said.denied()?;
            Some(Refusal::PolicyDenied { rule, reason })
        });
        let weak = || asked.iter().find(|(_, said)| !is_strong(said)).map(|(rule, _)| Refusal::PolicyLogin { rule });
        if let Some(refused) = denied.or_else(weak) {
            let content = asked.iter().filter(|(_, said)| said.denied().is_none() && is_strong(said));
            content.for_each(|(rule, _)| trace.passed(RuleId::Host(rule)));
            return Err(refused);
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

    /// The login that meets every rule: a new one that met only the rule that refused could fail another that the old
    /// one met.
    pub(crate) fn login(&self, facts: &Facts<'_>) -> Login {
        self.0.iter().fold(Login::any(), |met, rule| met.meet(rule.restrict(facts).login().clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::fixtures::{Bench, NOW, auth, confidential, scope};
    use crate::policy::scope::{ScopeBounds, grant};
    use crate::policy::{Effect, Rule, Step};
    use crate::store::Principal;

    #[derive(Debug)]
    struct Says(&'static str, Restriction);

    impl Policy for Says {
        fn id(&self) -> &'static str {
            self.0
        }

        fn restrict(&self, _: &Facts<'_>) -> Restriction {
            self.1.clone()
        }
    }

    type Left = Result<(String, u32), Refusal>;

    /// What is seen of these rules by a client that asks for three scopes, of a user who signed in 50 s ago.
    fn ruled<T>(rules: &[(&'static str, Restriction)], look: impl FnOnce(&HostRules, &Facts<'_>) -> T) -> T {
        let rules = rules.iter().map(|(id, said)| Arc::new(Says(id, said.clone())) as Arc<dyn Policy>).collect();
        let bench = Bench::ruled(rules);
        let (client, asked, login) = (confidential(), scope("openid read write"), auth(50));
        let principal = Principal::Client { client: client.id.clone() };
        let facts = Facts {
            grant: "test",
            client: &client,
            principal: &principal,
            user: None,
            scope: &asked,
            resource: &[],
            lifetime: None,
            auth: Some(&login),
            peer: None,
            now: NOW,
            host: &bench.host,
        };
        look(&bench.rules, &facts)
    }

    fn applied(rules: &[(&'static str, Restriction)], excess: Excess) -> (Left, Vec<Step>, Vec<RuleId>) {
        ruled(rules, |rules, facts| {
            let bounds = ScopeBounds { client: facts.scope, grant: None, user: None, resource: None };
            let granted = grant(facts.scope, bounds, excess, &mut Trace::off()).unwrap();
            let mut trace = Trace::on();
            let left = rules.apply(facts, granted, Lifetime::of_seconds(600), excess, &mut trace);
            let narrowed = trace.take_narrowed_by();
            let refused = left.as_ref().err().copied();
            let left = left.map(|(scope, lifetime)| (scope.scope().to_string(), lifetime.seconds()));
            (left, trace.into_steps(refused), narrowed)
        })
    }

    fn none() -> Restriction {
        Restriction::none()
    }

    #[test]
    fn rules_take_away_in_the_order_of_their_ids_whatever_the_order_they_came_in() {
        let (short, read) = (none().at_most(Lifetime::of_seconds(60)), none().without(&scope("write")));
        let (left, steps, narrowed) =
            applied(&[("b", short.clone()), ("a", read.clone()), ("c", none())], Excess::Narrow);
        assert_eq!(left, Ok(("openid read".to_owned(), 60)));
        let host = RuleId::Host;
        assert_eq!(
            steps,
            [
                Step { rule: host("a"), effect: Effect::Removed(scope("write")) },
                Step { rule: host("b"), effect: Effect::Shortened(Lifetime::of_seconds(60)) },
                Step { rule: host("c"), effect: Effect::Passed },
            ]
        );
        assert_eq!(narrowed, [host("a"), host("b")]);
        assert_eq!(applied(&[("a", read), ("b", short), ("c", none())], Excess::Narrow), (left, steps, narrowed));
    }

    #[test]
    fn one_rule_may_take_scope_and_time() {
        let both = none().only(&scope("read")).without(&scope("openid")).at_most(Lifetime::SECOND);
        let (left, steps, narrowed) = applied(&[("a", both)], Excess::Forget);
        assert_eq!(left, Ok(("read".to_owned(), 1)));
        assert_eq!((steps.len(), narrowed), (2, vec![RuleId::Host("a")]));
    }

    #[test]
    fn a_denial_comes_before_all_else_and_the_first_by_id_is_named() {
        let login = none().login_at_least(Login::any().by("otp"));
        let rules = [("c", none().deny("late")), ("b", none().deny("early")), ("a", login.clone())];
        let (left, steps, _) = applied(&rules, Excess::Narrow);
        let why = Refusal::PolicyDenied { rule: "b", reason: "early" };
        assert_eq!(left, Err(why));
        assert_eq!(steps, [Step { rule: RuleId::Host("b"), effect: Effect::Refused(why) }]);
        assert_eq!((why.status(), why.code().as_str(), why.because()), (400, "unauthorized_client", Some("early")));
        let rules = [("d", none()), ("b", none().without(&scope("read"))), ("a", login.clone()), ("c", login)];
        let (weak, steps, narrowed) = applied(&rules, Excess::Narrow);
        assert_eq!((weak, narrowed), (Err(Refusal::PolicyLogin { rule: "a" }), Vec::new()));
        let looked: Vec<RuleId> = steps.iter().map(|step| step.rule).collect();
        assert_eq!(looked, ["b", "d", "a"].map(RuleId::Host), "who was content, then who was not");
        let fresh = |seconds| none().login_at_least(Login::any().within(Lifetime::of_seconds(seconds)).by("pwd"));
        assert!(applied(&[("a", fresh(50))], Excess::Narrow).0.is_ok());
        assert_eq!(applied(&[("a", fresh(49))], Excess::Narrow).0, Err(Refusal::PolicyLogin { rule: "a" }));
    }

    #[test]
    fn the_login_that_is_wanted_meets_every_rule() {
        let within = |seconds| Login::any().within(Lifetime::of_seconds(seconds));
        let rules = [
            ("a", none().login_at_least(within(60).by("otp"))),
            ("b", none()),
            ("c", none().login_at_least(within(600).by("hwk"))),
        ];
        assert_eq!(ruled(&rules, HostRules::login), within(60).by("otp").by("hwk"));
        assert_eq!(ruled(&[("b", none())], HostRules::login), Login::any());
    }

    #[test]
    fn what_must_stay_whole_is_refused_in_the_name_of_the_rule_that_cut_it() {
        for (cut, excess, refused) in [
            ("openid", Excess::Narrow, true),
            ("openid", Excess::Forget, false),
            ("write", Excess::Narrow, false),
            ("write", Excess::Refuse, true),
            ("openid read write", Excess::Forget, true),
        ] {
            let rules = [("a", none()), ("b", none().without(&scope(cut)))];
            let (left, steps, _) = applied(&rules, excess);
            assert_eq!(left.is_err(), refused, "{cut} {excess:?}");
            if let Err(why) = left {
                assert_eq!(why, Refusal::PolicyScope { rule: "b" });
                assert_eq!(why.code().as_str(), "invalid_scope");
                assert_eq!(steps.last().map(|step| step.rule), Some(RuleId::Host("b")));
            }
        }
        assert_ne!(RuleId::Core(Rule::ScopeEmpty), RuleId::Host("scope.empty"));
    }
}
