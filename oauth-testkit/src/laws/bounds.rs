//! How much: scope, lifetime and what goes with a token.

use std::collections::BTreeSet;

use oauth_core::policy::{Granted, Verdict};
use proptest::prelude::*;

use super::case::{Case, Grant, any_time};
use super::{Judge, Trial};

fn granted(judge: &dyn Judge, case: &Case) -> Option<Granted> {
    match judge.explain(case).verdict {
        Verdict::Granted(granted) => Some(granted),
        Verdict::Refused(_) => None,
    }
}

/// granted ⊆ requested ∩ client ∩ user ∩ resource ∩ what the grant gives or the user allowed, nothing is granted that was not asked for,
/// and what was asked for and is not granted is said.
///
/// # Panics
/// With the smallest case that breaks it.
pub fn granted_is_within_every_bound(judge: &dyn Judge, trial: &Trial) {
    trial.run("granted_is_within_every_bound", 1, Case::any(judge.words()), |case| {
        let Some(granted) = granted(judge, &case) else { return Ok(()) };
        let set = |scope: &oauth_core::types::Scope| scope.iter().map(str::to_owned).collect::<BTreeSet<_>>();
        let given = set(&granted.scope);
        prop_assert!(!given.is_empty(), "nothing was granted");
        for bound in case.bounds() {
            prop_assert!(given.is_subset(&set(&bound)), "`{}` is not within `{bound}`", granted.scope);
        }
        let asked = set(&case.asked());
        let (dropped, missing) = (set(&granted.dropped), &asked - &given);
        if case.is_asked_for_whole() {
            prop_assert_eq!(dropped, missing, "what was dropped is not what is missing");
        } else {
            prop_assert!(dropped.is_subset(&missing), "what was dropped is not missing");
        }
        prop_assert!(!case.server.strict || given == asked, "a strict server narrowed");
        Ok(())
    });
}

/// A token lives no longer than its client, its resource, the server for this format, what the host's grant proposed,
/// and 600 s for acting in a user's name; at any time, also at the ends of it.
///
/// # Panics
/// With the smallest case that breaks it.
pub fn no_token_outlives_a_bound(judge: &dyn Judge, trial: &Trial) {
    let cases = (Case::any(judge.words()), any_time()).prop_map(|(case, at)| Case { at, ..case });
    trial.run("no_token_outlives_a_bound", 1, cases, |case| {
        let Some(granted) = granted(judge, &case) else { return Ok(()) };
        let acts = case.request.grant == Grant::Extension && !case.client.public;
        let bounds = [
            ("the server", Some(if case.server.opaque { 86_400 } else { 3_600 })),
            ("the client", Some(case.client.lifetime.unwrap_or(case.server.lifetime))),
            ("the resource", case.server.resource_lifetime.filter(|_| case.is_for_resource())),
            ("the proposal", case.request.proposed.filter(|_| case.request.grant == Grant::Extension)),
            ("impersonation", acts.then_some(600)),
        ];
        for (whose, bound) in bounds {
            let lives = granted.lifetime.seconds();
            prop_assert!(bound.is_none_or(|bound| lives <= bound), "{lives} s is longer than the bound of {whose}");
        }
        prop_assert!(case.at.plus(granted.lifetime) >= case.at, "the end lies before the beginning");
        Ok(())
    });
}

/// A refresh token goes with a grant iff the grant gives them, the client is registered for them, and the scope that
/// was granted asks for one; an id token likewise.
///
/// # Panics
/// With the smallest case that breaks it.
pub fn a_refresh_token_iff_grant_client_and_scope_allow_it(judge: &dyn Judge, trial: &Trial) {
    trial.run("a_refresh_token_iff_grant_client_and_scope_allow_it", 1, Case::any(judge.words()), |case| {
        let Some(granted) = granted(judge, &case) else { return Ok(()) };
        let grant_gives = match case.request.grant {
            Grant::Client => false,
            Grant::Password | Grant::Code => true,
            Grant::Extension => case.server.grant_lasts && case.client.public,
        };
        let refreshes = grant_gives && case.client.refreshes && granted.scope.contains("offline_access");
        prop_assert_eq!(granted.refresh_token, refreshes, "refresh token");
        let identifies = grant_gives && case.server.id_tokens && granted.scope.contains("openid");
        prop_assert_eq!(granted.id_token, identifies, "id token");
        Ok(())
    });
}
