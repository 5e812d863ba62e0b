//! The laws of policy, as properties that a server keeps with any lawful rule of its host.
//!
//! A law is a function: it makes cases ([`Case`], [`Said`], [`Chain`], [`History`]), has a [`Judge`] decide them, and panics with
//! the smallest case that breaks it. [`Jar`] is the judge to trust: a real server on the memory store. The tests of the
//! laws themselves put judges in its place that are wrong in one way each.
//!
//! | law | function |
//! |---|---|
//! | granted ⊆ requested ∩ client ∩ user ∩ resource | [`granted_is_within_every_bound`] |
//! | less permission never grants more, more never less | [`taking_a_permission_away_never_grants_more`] |
//! | a rule more never grants more; the order of rules is nothing | [`adding_a_rule_never_grants_more`], [`the_order_of_rules_does_not_matter`] |
//! | no chain of refreshes widens | [`no_chain_of_refreshes_widens`] |
//! | no token outlives a bound | [`no_token_outlives_a_bound`] |
//! | taken back, or refused as over, stays refused | [`what_is_over_stays_over`] |
//! | an opt-in that one side leaves off is off, each of a table | [`an_opt_in_needs_both_sides`] |
//! | a refresh token iff grant, client and scope allow it | [`a_refresh_token_iff_grant_client_and_scope_allow_it`] |
//! | the trace replays to the verdict | [`the_trace_replays_to_the_verdict`] |
//! | explain decides what the endpoint decides | [`explain_decides_what_the_endpoint_decides`] |
//! | same inputs, same verdict; no input panics | [`the_same_inputs_give_the_same_verdict`] |

mod ask;
mod bounds;
mod case;
mod chains;
mod history;
mod jar;
mod monotone;
mod opt_ins;
mod past;
mod rules;
mod traces;

use std::fmt::Debug;

use oauth_core::policy::Explanation;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestError, TestRunner};

pub use self::bounds::{
    a_refresh_token_iff_grant_client_and_scope_allow_it, granted_is_within_every_bound, no_token_outlives_a_bound,
};
pub use self::case::{Case, Chain, ClientCase, Grant, Network, RequestCase, RuleCase, ServerCase, Turn, UserCase};
pub use self::chains::no_chain_of_refreshes_widens;
pub use self::history::{Came, Credential, End, History, Move, Seen, what_is_over_stays_over};
pub use self::jar::{Answer, Jar, Link};
pub use self::monotone::{
    adding_a_rule_never_grants_more, taking_a_permission_away_never_grants_more, the_order_of_rules_does_not_matter,
};
pub use self::opt_ins::{Said, an_opt_in_needs_both_sides};
pub use self::traces::{
    explain_decides_what_the_endpoint_decides, the_same_inputs_give_the_same_verdict, the_trace_replays_to_the_verdict,
};

/// What decides cases: [`Jar`], or something that a law should catch.
pub trait Judge {
    /// Scope tokens that a rule is about, to be asked for beside the usual ones.
    fn words(&self) -> &'static [&'static str] {
        &[]
    }

    /// The verdict, and how it came about.
    fn explain(&self, case: &Case) -> Explanation;

    /// What the token endpoint answers.
    fn answer(&self, case: &Case) -> Answer;

    /// Whether the client has what it asks for.
    fn has(&self, said: &Said) -> bool;

    /// What each refresh of a chain gives, the first grant before them; empty when there is no refresh token.
    fn chain(&self, chain: &Chain) -> Vec<Link>;

    /// What was issued and presented in a history, and what came of it.
    fn history(&self, history: &History) -> Vec<Seen>;
}

/// How a law is tried: how often, and where the seeds of failures are kept.
#[derive(Debug, Clone)]
pub struct Trial {
    cases: u32,
    source_file: Option<&'static str>,
    repeatable: bool,
}

impl Trial {
    /// As often as proptest is told (`PROPTEST_CASES`, default 256); seeds of failures are kept in
    /// `proptest-regressions` beside this source file.
    #[must_use]
    pub fn in_file(source_file: &'static str) -> Self {
        Self { cases: Config::default().cases, source_file: Some(source_file), repeatable: false }
    }

    /// The same cases every time, this many; nothing is kept.
    #[must_use]
    pub const fn repeatable(cases: u32) -> Self {
        Self { cases, source_file: None, repeatable: true }
    }

    /// Runs a law whose every case costs a server; `share` of the cases are tried.
    fn run<S>(&self, law: &'static str, share: u32, cases: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>)
    where
        S: Strategy,
        S::Value: Debug,
    {
        let persistence = self
            .source_file
            .map(|_| Box::new(FileFailurePersistence::SourceParallel("proptest-regressions")) as Box<_>);
        let config = Config {
            cases: (self.cases / share).max(8),
            source_file: self.source_file,
            failure_persistence: persistence,
            max_shrink_iters: 4_096,
            ..Config::default()
        };
        let mut runner = if self.repeatable {
            TestRunner::new_with_rng(config, proptest::test_runner::TestRng::deterministic_rng(Default::default()))
        } else {
            TestRunner::new(config)
        };
        match runner.run(&cases, test) {
            Ok(()) => {}
            Err(TestError::Fail(why, case)) => panic!("the law `{law}` is broken: {why}\nby {case:#?}"),
            Err(TestError::Abort(why)) => panic!("the law `{law}` could not be tried: {why}"),
        }
    }
}

/// Runs the laws of policy with a host's rule in the server, each as a test of its own name.
///
/// The argument is a function that makes the rule: `Arc<dyn Policy>`. Each case has generated clients, users, settings
/// and requests, and some generated rules beside the host's. Where a rule is about scope tokens of its own, have the
/// function make a [`Jar`](crate::laws::Jar) with those [words](crate::laws::Jar::words) instead.
///
/// ```
/// use std::sync::Arc;
/// use oauth_core::policy::{Facts, Policy, Restriction};
/// use oauth_testkit::policy_laws;
///
/// #[derive(Debug)]
/// struct ReadOnlyFromOutside;
///
/// impl Policy for ReadOnlyFromOutside {
///     fn id(&self) -> &'static str {
///         "read_only_from_outside"
///     }
///
///     fn restrict(&self, facts: &Facts<'_>) -> Restriction {
///         let inside = facts.peer.is_some_and(|peer| peer.is_loopback());
///         if inside { Restriction::none() } else { Restriction::none().only(&"read".parse().unwrap()) }
///     }
/// }
///
/// fn rule() -> Arc<dyn Policy> {
///     Arc::new(ReadOnlyFromOutside)
/// }
///
/// policy_laws!(rule);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! policy_laws {
    ($rule:path) => {
        $crate::policy_laws! { @tests $rule;
            granted_is_within_every_bound
            taking_a_permission_away_never_grants_more
            adding_a_rule_never_grants_more
            the_order_of_rules_does_not_matter
            no_chain_of_refreshes_widens
            no_token_outlives_a_bound
            what_is_over_stays_over
            an_opt_in_needs_both_sides
            a_refresh_token_iff_grant_client_and_scope_allow_it
            the_trace_replays_to_the_verdict
            explain_decides_what_the_endpoint_decides
            the_same_inputs_give_the_same_verdict
        }
    };
    (@tests $rule:path; $($law:ident)*) => {
        $(
            #[test]
            fn $law() {
                $crate::laws::$law(&$crate::laws::Jar::from($rule()), &$crate::laws::Trial::in_file(file!()));
            }
        )*
    };
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use oauth_core::policy::Verdict;

    use super::*;

    #[test]
    fn many_cases_are_granted_and_many_are_not() {
        let (granted, all, jar) = (Cell::new(0), Cell::new(0), Jar::of_the_core());
        Trial::repeatable(400).run("counted", 1, Case::any(&[]), |case| {
            all.set(all.get() + 1);
            granted.set(granted.get() + u32::from(matches!(jar.explain(&case).verdict, Verdict::Granted(_))));
            Ok(())
        });
        assert!((100..300).contains(&granted.get()), "{} of {}", granted.get(), all.get());
    }

    #[test]
    fn the_macro_lists_every_law_once() {
        let sources = [
            include_str!("bounds.rs"),
            include_str!("chains.rs"),
            include_str!("history.rs"),
            include_str!("monotone.rs"),
            include_str!("opt_ins.rs"),
            include_str!("traces.rs"),
        ];
        let laws: Vec<&str> = sources
            .into_iter()
            .flat_map(str::lines)
            .filter_map(|line| line.strip_prefix("pub fn ")?.split('(').next())
            .collect();
        let listed: Vec<&str> = include_str!("mod.rs").lines().map(str::trim).collect();
        for law in &laws {
            assert_eq!(listed.iter().filter(|line| *line == law).count(), 1, "{law}");
        }
        assert_eq!(laws.len(), 12);
    }
}
