//! Less never grants more.

use oauth_core::policy::Verdict;
use oauth_core::types::Scope;
use proptest::prelude::*;

use super::case::{Case, rule, scope};
use super::{Judge, Trial};

/// A permission that is taken away.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the members say it")]
pub enum Less {
    ClientScope(Scope),
    UserScope(Scope),
    ResourceScope(Scope),
    GrantScope(Scope),
    ClientActive,
    ClientGrant,
    ClientRefresh,
    ClientResource,
    ClientActsFor,
    ServerGrant,
    ServerIdTokens,
    UserActive,
    Strict,
}

impl Less {
    fn any(words: &'static [&'static str]) -> impl Strategy<Value = Self> {
        let flags = vec![
            Self::ClientActive,
            Self::ClientGrant,
            Self::ClientRefresh,
            Self::ClientResource,
            Self::ClientActsFor,
            Self::ServerGrant,
            Self::ServerIdTokens,
            Self::UserActive,
            Self::Strict,
        ];
        prop_oneof![
            2 => scope(words).prop_map(Self::ClientScope),
            2 => scope(words).prop_map(Self::UserScope),
            1 => scope(words).prop_map(Self::ResourceScope),
            1 => scope(words).prop_map(Self::GrantScope),
            4 => proptest::sample::select(flags),
        ]
    }

    fn of(&self, case: &Case) -> Case {
        let mut less = case.clone();
        let (client, user, server) = (&mut less.client, &mut less.user, &mut less.server);
        match self {
            Self::ClientScope(scope) => client.scope = client.scope.difference(scope),
            Self::UserScope(scope) => {
                user.scope = Some(user.scope.as_ref().map_or(scope.clone(), |held| held.difference(scope)));
            }
            Self::ResourceScope(scope) => {
                server.resource_scope =
                    Some(server.resource_scope.as_ref().map_or(scope.clone(), |held| held.difference(scope)));
            }
            Self::GrantScope(scope) => server.grant_scope = server.grant_scope.difference(scope),
            Self::ClientActive => client.active = false,
            Self::ClientGrant => client.has_grant = false,
            Self::ClientRefresh => client.refreshes = false,
            Self::ClientResource => client.resource = false,
            Self::ClientActsFor => client.acts_for = false,
            Self::ServerGrant => server.has_grant = false,
            Self::ServerIdTokens => server.id_tokens = false,
            Self::UserActive => user.active = false,
            Self::Strict => server.strict = true,
        }
        less
    }
}

/// Whether one verdict grants no more than another, the length of its life aside where that is not asked.
fn is_within(less: &Verdict, more: &Verdict, asks_lifetime: bool) -> Result<(), String> {
    let (less, more) = match (less, more) {
        (Verdict::Refused(_), _) => return Ok(()),
        (Verdict::Granted(less), Verdict::Refused(why)) => {
            return Err(format!("granted `{}`, where the other was refused ({why})", less.scope));
        }
        (Verdict::Granted(less), Verdict::Granted(more)) => (less, more),
    };
    let holds = less.scope.is_subset(&more.scope)
        && (less.lifetime <= more.lifetime || !asks_lifetime)
        && less.refresh_token <= more.refresh_token
        && less.id_token <= more.id_token
        && less.audience.iter().all(|audience| more.audience.contains(audience));
    if holds { Ok(()) } else { Err(format!("granted {less:?}, where the other got {more:?}")) }
}

/// Whoever loses a permission gets no more than before, and whoever gains one no less. What is asked for stays the
/// same, of the user too: a default is what a request that names nothing asks for, not a permission. A code that the
/// loss made smaller may come to a longer token, because a rule can have shortened it for what is gone.
///
/// # Panics
/// With the smallest case that breaks it.
pub fn taking_a_permission_away_never_grants_more(judge: &dyn Judge, trial: &Trial) {
    let cases = (Case::any(judge.words()), Less::any(judge.words()));
    trial.run("taking_a_permission_away_never_grants_more", 1, cases, |(case, taken)| {
        let less = taken.of(&case);
        if less.asked() == case.asked() && less.visited() == case.visited() {
            let (before, after) = (judge.explain(&case).verdict, judge.explain(&less).verdict);
            let within = is_within(&after, &before, case.is_asked_for_whole());
            prop_assert!(within.is_ok(), "without {taken:?}: {within:?}");
        }
        Ok(())
    });
}

/// One rule more never grants more; for codes that the rules made, as where a permission is taken away.
///
/// # Panics
/// With the smallest case that breaks it.
pub fn adding_a_rule_never_grants_more(judge: &dyn Judge, trial: &Trial) {
    let cases = (Case::any(judge.words()), rule(judge.words()));
    trial.run("adding_a_rule_never_grants_more", 1, cases, |(case, rule)| {
        let mut ruled = case.clone();
        ruled.rules.push(rule);
        let (before, after) = (judge.explain(&case).verdict, judge.explain(&ruled).verdict);
        let within = is_within(&after, &before, case.is_asked_for_whole());
        prop_assert!(within.is_ok(), "{within:?}");
        Ok(())
    });
}

/// Rules in any order give the same verdict.
///
/// # Panics
/// With the smallest case that breaks it.
pub fn the_order_of_rules_does_not_matter(judge: &dyn Judge, trial: &Trial) {
    let rules = proptest::collection::vec(rule(judge.words()), 2..4);
    let cases = (Case::any(judge.words()), rules).prop_map(|(case, rules)| Case { rules, ..case });
    trial.run("the_order_of_rules_does_not_matter", 1, cases, |case| {
        let turned = Case { rules: case.rules.iter().rev().cloned().collect(), ..case.clone() };
        let (one, other) = (judge.explain(&case).verdict, judge.explain(&turned).verdict);
        // the names of generated rules go by their places: a refusal's name turns with them
        let same = is_within(&one, &other, true).is_ok() && is_within(&other, &one, true).is_ok();
        prop_assert!(same, "{one} or {other}");
        Ok(())
    });
}
