//! Each law catches the fault that it is there for: a judge that is wrong in one way, or a rule that no host should have.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use oauth_core::Refusal;
use oauth_core::policy::{Explanation, Facts, Policy, Restriction, Rule, RuleId, Verdict};
use oauth_testkit::laws::{
    self, Answer, Case, Chain, End, History, Jar, Judge, Link, Move, RuleCase, Said, Seen, Trial,
};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    UserBoundForgotten,
    NothingLeftIsEverything,
    LastRuleWins,
    LastMaskWins,
    LastLifetimeWins,
    UnionForIntersection,
    ConsentForgotten,
    AnyCode,
    RefreshWithheldUnsaid,
    ResourceBoundForgotten,
    ListForgotten,
    ScopeAloneGivesRefresh,
    TraceForgetsAUser,
    NetworkForgotten,
    RegistrationWidens,
    ServerWordForgotten,
    ClientWordForgotten,
    EndForgotten(End),
}

/// The trusted judge, but for one fault.
pub(super) struct Wrong(pub(super) Fault);

impl Judge for Wrong {
    fn explain(&self, case: &Case) -> Explanation {
        let mut case = case.clone();
        match self.0 {
            Fault::UserBoundForgotten => case.user.scope = None,
            Fault::LastRuleWins => case.rules = case.rules.pop().into_iter().collect(),
            Fault::LastMaskWins => {
                keep_last(&mut case.rules, |rule| matches!(rule, RuleCase::Only(_) | RuleCase::Without(_)));
            }
            Fault::LastLifetimeWins => keep_last(&mut case.rules, |rule| matches!(rule, RuleCase::AtMost(_))),
            Fault::ConsentForgotten => case.request.consent.iter_mut().for_each(|visit| visit.allowed = None),
            Fault::AnyCode => case.request.consent.iter_mut().for_each(|visit| visit.before = true),
            Fault::ResourceBoundForgotten => case.server.resource_lifetime = None,
            Fault::ListForgotten => case.client.acts_for = true,
            Fault::NetworkForgotten => case.client.network = None,
            _ => {}
        }
        let mut explained = core().explain(&case);
        match (self.0, &mut explained.verdict) {
            (Fault::NothingLeftIsEverything, verdict @ Verdict::Refused(Refusal::ScopeEmpty)) => {
                *verdict = everything(&case);
            }
            (Fault::ScopeAloneGivesRefresh, Verdict::Granted(granted)) => {
                granted.refresh_token = granted.scope.contains("offline_access");
            }
            (Fault::UnionForIntersection, Verdict::Granted(granted)) => {
                granted.scope = granted.scope.union(&case.client.scope);
            }
            (Fault::RefreshWithheldUnsaid, _) => {
                explained.trace.retain(|step| step.rule != RuleId::Core(Rule::RefreshOffline));
            }
            (Fault::TraceForgetsAUser, _) => {
                explained.trace.retain(|step| step.rule != RuleId::Core(Rule::ScopeUser));
            }
            _ => {}
        }
        explained
    }

    fn answer(&self, case: &Case) -> Answer {
        core().answer(case)
    }

    fn has(&self, said: &Said) -> bool {
        let mut said = said.clone();
        match self.0 {
            Fault::ServerWordForgotten => said.by_server.push(said.asked),
            Fault::ClientWordForgotten => said.by_client.push(said.asked),
            _ => {}
        }
        core().has(&said)
    }

    fn chain(&self, chain: &Chain) -> Vec<Link> {
        let mut links = core().chain(chain);
        for (link, turn) in links.iter_mut().skip(1).zip(&chain.turns) {
            if let (Verdict::Granted(granted), Some(registered)) = (&mut link.verdict, &turn.registered) {
                granted.scope = granted.scope.union(registered);
            }
        }
        links
    }

    fn history(&self, history: &History) -> Vec<Seen> {
        let mut history = history.clone();
        for step in &mut history.moves {
            match (self.0, *step) {
                (Fault::EndForgotten(end), Move::End(one)) if one == end => *step = Move::Wait(0),
                _ => {}
            }
        }
        core().history(&history)
    }
}

/// Of rules of one kind, the last in place of all.
fn keep_last(rules: &mut Vec<RuleCase>, is_one: fn(&RuleCase) -> bool) {
    let last = rules.iter().rposition(is_one);
    let mut place = 0..;
    rules.retain(|rule| place.next() == last || !is_one(rule));
}

fn core() -> Jar {
    Jar::of_the_core()
}

/// Everything that the client is asked for, granted.
fn everything(case: &Case) -> Verdict {
    let mut all = case.clone();
    all.client.scope = case.request.scope.clone().unwrap_or_else(|| case.client.default.clone());
    (all.user.scope, all.server.resource_scope, all.rules) = (None, None, Vec::new());
    core().explain(&all).verdict
}

pub(super) type Law = fn(&dyn Judge, &Trial);

/// What a law that is broken says, with the smallest case.
pub(super) fn told(law: impl FnOnce()) -> String {
    let why = catch_unwind(AssertUnwindSafe(law)).expect_err("the fault was not caught");
    let why = why.downcast_ref::<String>().cloned().unwrap_or_default();
    println!("{why}");
    assert!(why.contains("is broken"), "{why}");
    why
}

fn catches(law: Law, judge: &dyn Judge, says: &str) {
    let why = told(|| law(judge, &Trial::repeatable(512)));
    assert!(why.contains(says), "{why}");
}

#[test]
fn a_bound_that_is_forgotten_is_caught() {
    catches(laws::granted_is_within_every_bound, &Wrong(Fault::UserBoundForgotten), "is not within");
}

#[test]
fn a_loss_that_grants_more_is_caught() {
    catches(laws::taking_a_permission_away_never_grants_more, &Wrong(Fault::NothingLeftIsEverything), "without");
}

#[test]
fn a_rule_that_switches_off_another_is_caught() {
    catches(laws::adding_a_rule_never_grants_more, &Wrong(Fault::LastRuleWins), "granted");
    catches(laws::the_order_of_rules_does_not_matter, &Wrong(Fault::LastRuleWins), " or ");
}

#[test]
fn a_mask_that_switches_off_another_is_caught() {
    catches(laws::adding_a_rule_never_grants_more, &Wrong(Fault::LastMaskWins), "granted");
    catches(laws::the_order_of_rules_does_not_matter, &Wrong(Fault::LastMaskWins), " or ");
}

#[test]
fn a_lifetime_that_goes_by_the_last_rule_is_caught() {
    catches(laws::adding_a_rule_never_grants_more, &Wrong(Fault::LastLifetimeWins), "lifetime");
    catches(laws::the_order_of_rules_does_not_matter, &Wrong(Fault::LastLifetimeWins), " or ");
}

#[test]
fn a_union_in_place_of_an_intersection_is_caught() {
    catches(laws::granted_is_within_every_bound, &Wrong(Fault::UnionForIntersection), "is not within");
}

#[test]
fn a_code_for_all_that_was_shown_is_caught() {
    catches(laws::granted_is_within_every_bound, &Wrong(Fault::ConsentForgotten), "is not within");
    catches(laws::explain_decides_what_the_endpoint_decides, &Wrong(Fault::ConsentForgotten), "Consent");
}

#[test]
fn a_code_that_nobody_was_given_is_caught() {
    catches(laws::explain_decides_what_the_endpoint_decides, &Wrong(Fault::AnyCode), "Consent");
}

#[test]
fn a_refresh_that_goes_by_the_present_registration_is_caught() {
    catches(laws::no_chain_of_refreshes_widens, &Wrong(Fault::RegistrationWidens), "refresh 0 got");
}

#[test]
fn a_lifetime_that_forgets_a_bound_is_caught() {
    catches(laws::no_token_outlives_a_bound, &Wrong(Fault::ResourceBoundForgotten), "the bound of the resource");
}

#[test]
fn a_clock_that_goes_back_is_caught() {
    catches(laws::what_is_over_stays_over, &core().forgetting_the_time(), "was good again");
}

#[test]
fn something_that_takes_nothing_back_is_caught() {
    for end in End::ALL {
        catches(laws::what_is_over_stays_over, &Wrong(Fault::EndForgotten(end)), "was good again");
    }
}

#[test]
fn an_opt_in_of_one_side_is_caught() {
    let law = laws::an_opt_in_needs_both_sides;
    catches(law, &Wrong(Fault::ServerWordForgotten), "`password_grant` was had although the server did not say it");
    catches(law, &Wrong(Fault::ClientWordForgotten), "`password_grant` was had although the client did not say it");
    catches(law, &Wrong(Fault::ListForgotten), "not listed");
}

#[test]
fn a_refresh_token_for_the_scope_alone_is_caught() {
    let law = laws::a_refresh_token_iff_grant_client_and_scope_allow_it;
    catches(law, &Wrong(Fault::ScopeAloneGivesRefresh), "refresh token");
}

#[test]
fn a_trace_that_leaves_something_out_is_caught() {
    catches(laws::the_trace_replays_to_the_verdict, &Wrong(Fault::TraceForgetsAUser), "scope");
    catches(laws::the_trace_replays_to_the_verdict, &Wrong(Fault::RefreshWithheldUnsaid), "refresh.offline");
}

#[test]
fn an_explanation_of_something_else_is_caught() {
    catches(laws::explain_decides_what_the_endpoint_decides, &Wrong(Fault::NetworkForgotten), "ClientNetwork");
}

/// Rules that a host could write and should not.
#[derive(Debug)]
enum Bad {
    /// Remembers how often it was asked.
    Counts(AtomicUsize),
    /// Panics for tokens that it does not expect.
    Panics,
    /// Is content as soon as a permission is gone.
    LikesTheLoss,
}

impl Policy for Bad {
    fn id(&self) -> &'static str {
        "bad"
    }

    fn restrict(&self, facts: &Facts<'_>) -> Restriction {
        let deny = match self {
            Self::Counts(asked) => asked.fetch_add(1, Ordering::Relaxed) % 2 == 1,
            Self::Panics => {
                assert!(!facts.scope.contains("!"), "nobody has such a scope");
                false
            }
            Self::LikesTheLoss => facts.client.scope.contains("write"),
        };
        if deny { Restriction::none().deny("bad") } else { Restriction::none() }
    }
}

fn ruled(rule: Bad) -> Jar {
    Jar::from(Arc::new(rule) as Arc<dyn Policy>)
}

#[test]
fn a_rule_that_remembers_is_caught() {
    catches(laws::the_same_inputs_give_the_same_verdict, &ruled(Bad::Counts(AtomicUsize::new(0))), "bad");
}

#[test]
fn a_rule_that_panics_is_caught() {
    catches(laws::the_same_inputs_give_the_same_verdict, &ruled(Bad::Panics), "it panicked");
}

#[test]
fn a_rule_that_gives_more_to_who_has_less_is_caught() {
    catches(laws::taking_a_permission_away_never_grants_more, &ruled(Bad::LikesTheLoss), "ClientScope");
}
