//! The laws of policy, as properties that a server keeps with any lawful rule of its host.
//!
//! A law is a function: it makes cases ([`Case`], [`Said`], [`Chain`], [`History`]), has a [`Judge`] decide them, and panics with
//! the smallest case that breaks it. [`Jar`] is the judge to trust: a real server on the memory store. The tests of the
//! laws themselves put judges in its place that are wrong in one way each.
//!
//! Cases differ from run to run. proptest appends the seed of one that fails to `proptest-regressions`, beside the tests
//! of the file that runs the law ([`Trial::in_file`]), and tries it first from then on: commit that file. A seed is good
//! for as long as cases are made as they were; one that must outlast that is written down by its smallest case, and
//! tried with [`Trial::on`].
//!
//! | law | function |
//! |---|---|
//! | granted ⊆ requested ∩ client ∩ user ∩ resource ∩ allowed | [`granted_is_within_every_bound`] |
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

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use oauth_core::policy::Explanation;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestError, TestRunner};

pub use self::bounds::{
    a_refresh_token_iff_grant_client_and_scope_allow_it, granted_is_within_every_bound, no_token_outlives_a_bound,
};
pub use self::case::{
    Case, Chain, ClientCase, Consent, Grant, Network, RequestCase, RuleCase, ServerCase, Turn, UserCase,
};
pub use self::chains::no_chain_of_refreshes_widens;
pub use self::history::{Came, Credential, End, History, Move, Seen, what_is_over_stays_over};
pub use self::jar::{Answer, Jar, Link};
pub use self::monotone::{
    Less, adding_a_rule_never_grants_more, taking_a_permission_away_never_grants_more,
    the_order_of_rules_does_not_matter,
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

/// How a law is tried: how often, or on which case, and where the seeds of failures are kept.
#[derive(Debug, Clone)]
pub struct Trial {
    cases: u32,
    source_file: Option<&'static str>,
    repeatable: bool,
    only: Option<Arc<dyn Any + Send + Sync>>,
    met: Arc<AtomicBool>,
}

impl Trial {
    fn of(cases: u32) -> Self {
        Self { cases, source_file: None, repeatable: false, only: None, met: Arc::default() }
    }

    /// As often as proptest is told (`PROPTEST_CASES`, default 256); seeds of failures are kept in
    /// `proptest-regressions` beside this source file.
    #[must_use]
    pub fn in_file(source_file: &'static str) -> Self {
        Self { source_file: Some(source_file), ..Self::of(Config::default().cases) }
    }

    /// The same cases every time, this many; nothing is kept.
    #[must_use]
    pub fn repeatable(cases: u32) -> Self {
        Self { repeatable: true, ..Self::of(cases) }
    }

    /// So many times as often, for a law whose cases cost next to nothing.
    #[must_use]
    pub fn times(self, factor: u32) -> Self {
        Self { cases: self.cases.saturating_mul(factor), ..self }
    }

    /// This case and no other: one that broke a law once. A law that is about something else does nothing with it, so
    /// ask [`has_met`](Self::has_met) afterwards.
    #[must_use]
    pub fn on<C: Any + Send + Sync>(case: C) -> Self {
        Self { only: Some(Arc::new(case)), ..Self::repeatable(1) }
    }

    /// Whether a law has tried a case.
    #[must_use]
    pub fn has_met(&self) -> bool {
        self.met.load(Ordering::Relaxed)
    }

    /// Runs a law; one `share`th of the cases are tried.
    ///
    /// # Panics
    /// With the smallest case that breaks it.
    pub fn run<S>(&self, law: &'static str, share: u32, cases: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>)
    where
        S: Strategy,
        S::Value: Debug + Clone + 'static,
    {
        let tried = |case| {
            self.met.store(true, Ordering::Relaxed);
            test(case)
        };
        let ran = match &self.only {
            Some(only) => only.downcast_ref::<S::Value>().map_or(Ok(()), |case| {
                tried(case.clone()).map_err(|why| match why {
                    TestCaseError::Fail(why) | TestCaseError::Reject(why) => TestError::Fail(why, case.clone()),
                })
            }),
            None => self.runner(share).run(&cases, tried),
        };
        match ran {
            Ok(()) => {}
            Err(TestError::Fail(why, case)) => panic!("the law `{law}` is broken: {why}\nby {case:#?}"),
            Err(TestError::Abort(why)) => panic!("the law `{law}` could not be tried: {why}"),
        }
    }

    fn runner(&self, share: u32) -> TestRunner {
        let persistence = self
            .source_file
            .map(|_| Box::new(FileFailurePersistence::SourceParallel("proptest-regressions")) as Box<_>);
        let config = Config {
            cases: (self.cases / share.max(1)).max(8),
            source_file: self.source_file,
            failure_persistence: persistence,
            max_shrink_iters: 4_096,
            ..Config::default()
        };
        if self.repeatable {
            TestRunner::new_with_rng(config, proptest::test_runner::TestRng::deterministic_rng(Default::default()))
        } else {
            TestRunner::new(config)
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
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;

    use oauth_core::Refusal;
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
    fn the_smallest_cases_are_granted() {
        for grant in [Grant::Client, Grant::Password, Grant::Code, Grant::Extension] {
            let explained = Jar::of_the_core().explain(&Case::of(grant));
            assert!(matches!(explained.verdict, Verdict::Granted(_)), "{explained}");
        }
    }

    /// What codes come to, for those that were had before something was lost and for the others.
    #[test]
    fn codes_are_granted_whole_narrowed_and_refused() {
        let (counts, jar) = (RefCell::new(BTreeMap::new()), Jar::of_the_core());
        let codes = Case::any(&[]).prop_filter("a code", |case| case.request.grant == Grant::Code);
        Trial::repeatable(400).run("counted", 1, codes, |case| {
            let what = match jar.explain(&case).verdict {
                Verdict::Granted(granted) if granted.dropped.is_empty() => "whole",
                Verdict::Granted(_) => "narrowed",
                Verdict::Refused(Refusal::CodeUnknown) => "no code",
                Verdict::Refused(Refusal::ScopeNotHeld) => "wider",
                Verdict::Refused(_) => "refused",
            };
            let before = case.consent().is_some_and(|consent| consent.before);
            *counts.borrow_mut().entry((before, what)).or_insert(0) += 1;
            Ok(())
        });
        let counts = counts.into_inner();
        println!("{counts:#?}");
        for seen in [
            (true, "whole"),
            (true, "narrowed"),
            (true, "wider"),
            (true, "refused"),
            (false, "whole"),
            (false, "no code"),
        ] {
            assert!(counts.get(&seen).is_some_and(|count| *count >= 5), "{seen:?}: {counts:?}");
        }
    }

    /// A chain that gives no refresh token says nothing.
    #[test]
    fn chains_of_codes_and_of_the_host_s_grant_are_refreshed() {
        let (counts, jar) = (RefCell::new(BTreeMap::new()), Jar::of_the_core());
        Trial::repeatable(128).run("counted", 1, Chain::any(&[]), |chain| {
            let refreshed = jar.chain(&chain).iter().skip(1).filter(|link| link.answer.status == 200).count();
            let longest = chain.turns.len() == 16;
            let mut counts = counts.borrow_mut();
            *counts.entry((chain.case.consent().is_some(), refreshed.min(2))).or_insert(0) += 1;
            *counts.entry((longest, 99)).or_insert(0) += 1;
            Ok(())
        });
        let counts = counts.into_inner();
        println!("{counts:#?}");
        for seen in [(true, 2), (false, 2), (true, 99)] {
            assert!(counts.get(&seen).is_some_and(|count| *count >= 5), "{seen:?}: {counts:?}");
        }
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
