//! What time and refreshing do to a grant: nothing ever comes back.

use oauth_core::policy::{Granted, Verdict};
use oauth_core::types::{Lifetime, Scope, Timestamp};
use proptest::prelude::*;

use super::case::{Case, Chain, ClientCase, Grant, History, RequestCase, START, ServerCase, UserCase};
use super::{Judge, Link, Trial};

/// How long a family lives, by the server's defaults.
const ABSOLUTE: Lifetime = Lifetime::of_seconds(90 * 24 * 3_600);

/// No chain of refreshes, of any length and narrowing, widens scope or audience, or outlives the absolute end; a
/// registration that gains scope in between changes nothing of that.
///
/// # Panics
/// With the smallest chain that breaks it.
pub fn no_chain_of_refreshes_widens(judge: &dyn Judge, trial: &Trial) {
    trial.run("no_chain_of_refreshes_widens", 2, Chain::any(judge.words()), |chain| {
        let links = judge.chain(&chain);
        let Some((first, later)) = links.split_first() else { return Ok(()) };
        let Verdict::Granted(held) = &first.verdict else { return Err(TestCaseError::fail("a token of nothing")) };
        let end = first.at.plus(ABSOLUTE);
        for (place, link) in later.iter().enumerate() {
            let Verdict::Granted(granted) = &link.verdict else { continue };
            prop_assert!(granted.scope.is_subset(&held.scope), "refresh {place} got `{}`", granted.scope);
            prop_assert!(
                granted.audience.iter().all(|audience| held.audience.contains(audience)),
                "refresh {place} got the audience {:?}",
                granted.audience
            );
            prop_assert!(ends(link, granted) <= end, "refresh {place} outlives the family");
            let named = chain.turns.get(place).and_then(|turn| turn.scope.as_ref()).filter(|scope| !scope.is_empty());
            prop_assert!(
                named.is_none_or(|named| *named == granted.scope),
                "refresh {place} was narrowed silently to `{}`",
                granted.scope
            );
        }
        Ok(())
    });
}

fn ends(link: &Link, granted: &Granted) -> Timestamp {
    link.at.plus(granted.lifetime)
}

/// What was refused because it had expired, was revoked or was spent is refused at every later reading of the server's
/// clock, whatever the host's clock does.
///
/// # Panics
/// With the shortest history that breaks it.
pub fn what_is_over_stays_over(judge: &dyn Judge, trial: &Trial) {
    trial.run("what_is_over_stays_over", 2, History::any(), |history| {
        let seen = judge.history(&history);
        for (place, now) in seen.iter().enumerate() {
            let was_over = seen[..place].iter().any(|before| before.over && before.refresh_token == now.refresh_token);
            prop_assert!(!(was_over && now.good), "presentation {place} was good again");
        }
        Ok(())
    });
}

/// A user's grant with a refresh token, on a server without rules.
pub(super) fn lasting_case() -> Case {
    let all: Scope = "offline_access read".parse().expect("a scope");
    Case {
        client: ClientCase {
            public: true,
            active: true,
            has_grant: true,
            refreshes: true,
            scope: all.clone(),
            default: all.clone(),
            lifetime: None,
            resource: false,
            acts_for: false,
            network: None,
        },
        user: UserCase { known: true, active: true, scope: None },
        server: ServerCase {
            has_grant: true,
            strict: false,
            opaque: true,
            lifetime: 600,
            id_tokens: false,
            resource_scope: None,
            resource_lifetime: None,
            grant_scope: all.clone(),
            grant_lasts: true,
        },
        request: RequestCase {
            grant: Grant::Extension,
            scope: Some(all),
            resource: false,
            peer: None,
            proposed: None,
            proposed_scope: None,
        },
        rules: Vec::new(),
        at: START,
    }
}
