//! The trace says all, and it says the truth.

use std::panic::{AssertUnwindSafe, catch_unwind};

use oauth_core::policy::{Effect, Explanation, Granted, Rule, RuleId, Verdict};
use oauth_core::types::{Lifetime, Scope};
use proptest::prelude::*;

use super::case::{Case, Chain, Grant, any_time};
use super::{Answer, Judge, Trial};

/// What a trace comes to when it is gone through step by step.
struct Replayed {
    scope: Option<Scope>,
    lifetime: Option<Lifetime>,
    refused: Option<oauth_core::Refusal>,
}

fn replay(explanation: &Explanation) -> Replayed {
    let mut replayed = Replayed { scope: None, lifetime: None, refused: None };
    for step in &explanation.trace {
        match &step.effect {
            Effect::Asked(scope) => replayed.scope = Some(scope.clone()),
            Effect::Removed(less) => replayed.scope = replayed.scope.map(|scope| scope.difference(less)),
            Effect::Begun(lifetime) => replayed.lifetime = Some(*lifetime),
            Effect::Shortened(lifetime) => replayed.lifetime = replayed.lifetime.map(|held| held.min(*lifetime)),
            Effect::Refused(refusal) => replayed.refused = Some(*refusal),
            _ => {}
        }
    }
    replayed
}

/// What the trace says of something that a scope asks for: whether it was given or withheld, if a rule looked.
fn offered(explanation: &Explanation, rule: Rule) -> Option<bool> {
    explanation.trace.iter().rfind(|step| step.rule == RuleId::Core(rule)).map(|step| step.effect == Effect::Passed)
}

/// A refresh token and an id token that the scope asks for and a user's grant does not give are named as withheld, and
/// nothing is named that the scope does not ask for. Who has no user has neither, and no rule looks.
fn withholds(case: &Case, explanation: &Explanation, granted: &Granted) -> Result<(), TestCaseError> {
    let tokens = [
        (Rule::RefreshOffline, "offline_access", granted.refresh_token),
        (Rule::IdTokenOffered, "openid", granted.id_token),
    ];
    for (rule, word, given) in tokens {
        let asked = granted.scope.contains(word) && case.request.grant != Grant::Client;
        prop_assert_eq!(offered(explanation, rule), asked.then_some(given), "{}", rule.as_str());
        prop_assert!(asked || !given, "{word} was not asked for");
    }
    Ok(())
}

/// Replaying the trace gives the verdict: scope and lifetime of a grant, and whether a refresh token and an id token go
/// with it, and for a refusal its reason, in a last step that names the rule. A trace has no step about the audience
/// but that server and client know the resource.
///
/// # Panics
/// With the smallest case that breaks it.
pub fn the_trace_replays_to_the_verdict(judge: &dyn Judge, trial: &Trial) {
    trial.run("the_trace_replays_to_the_verdict", 1, Case::any(judge.words()), |case| {
        let explanation = judge.explain(&case);
        let replayed = replay(&explanation);
        match &explanation.verdict {
            Verdict::Granted(granted) => {
                prop_assert_eq!(replayed.scope.as_ref(), Some(&granted.scope), "scope");
                prop_assert_eq!(replayed.lifetime, Some(granted.lifetime), "lifetime");
                prop_assert_eq!(replayed.refused, None);
                withholds(&case, &explanation, granted)?;
            }
            Verdict::Refused(refusal) => {
                prop_assert_eq!(replayed.refused, Some(*refusal));
                let last = explanation.trace.last().map(|step| step.rule);
                prop_assert_eq!(last, Some(refusal.rule()), "the last step names the rule");
            }
        }
        Ok(())
    });
}

/// [`explain`](oauth_core::AuthorizationServer::explain) decides what the token endpoint decides.
///
/// # Panics
/// With the smallest case that breaks it.
pub fn explain_decides_what_the_endpoint_decides(judge: &dyn Judge, trial: &Trial) {
    trial.run("explain_decides_what_the_endpoint_decides", 1, Case::any(judge.words()), |case| {
        agree(&judge.explain(&case).verdict, &judge.answer(&case))
    });
    trial.run("explain_decides_what_the_endpoint_decides", 2, Chain::any(judge.words()), |mut chain| {
        // a changed registration is known to the endpoint some seconds later
        chain.turns.iter_mut().for_each(|turn| turn.registered = None);
        judge.chain(&chain).iter().try_for_each(|link| agree(&link.verdict, &link.answer))
    });
}

fn agree(verdict: &Verdict, answer: &Answer) -> Result<(), TestCaseError> {
    match verdict {
        Verdict::Granted(granted) => {
            prop_assert_eq!(answer.status, 200, "{:?}", answer);
            prop_assert_eq!(answer.scope.as_ref(), Some(&granted.scope));
            prop_assert_eq!(answer.lifetime, Some(granted.lifetime.seconds()));
            prop_assert_eq!(answer.refresh_token, granted.refresh_token);
            prop_assert_eq!(answer.id_token, granted.id_token);
        }
        Verdict::Refused(refusal) => {
            prop_assert_eq!(answer.refused, Some(*refusal));
            prop_assert_eq!(answer.status, refusal.status());
            prop_assert_eq!(answer.error.as_deref(), Some(refusal.code().as_str()));
        }
    }
    Ok(())
}

/// The same inputs give the same verdict and trace, and no input panics.
///
/// # Panics
/// With the smallest case that breaks it.
pub fn the_same_inputs_give_the_same_verdict(judge: &dyn Judge, trial: &Trial) {
    let cases = (Case::any(judge.words()), any_time()).prop_map(|(case, at)| Case { at, ..case });
    trial.run("the_same_inputs_give_the_same_verdict", 1, cases, |case| {
        let once = || catch_unwind(AssertUnwindSafe(|| judge.explain(&case)));
        let (Ok(one), Ok(other)) = (once(), once()) else { return Err(TestCaseError::fail("it panicked")) };
        prop_assert_eq!(one, other);
        Ok(())
    });
}
