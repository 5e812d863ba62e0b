//! What refreshing does to a grant: it never widens.

use oauth_core::policy::{Granted, Verdict};
use oauth_core::types::{Lifetime, Timestamp};
use proptest::prelude::*;

use super::case::Chain;
use super::{Judge, Link, Trial};

/// How long a family lives, by the server's defaults.
const ABSOLUTE: Lifetime = Lifetime::of_seconds(90 * 24 * 3_600);

/// No chain of refreshes, of any length and narrowing, widens scope or audience, or outlives the absolute end; a
/// registration that gains scope in between changes nothing of that. What a family holds is what its first token had
/// or, where it came of a code, what the user allowed, however little of that the first token was asked to have
/// (RFC 6749 §6).
///
/// # Panics
/// With the smallest chain that breaks it.
pub fn no_chain_of_refreshes_widens(judge: &dyn Judge, trial: &Trial) {
    trial.run("no_chain_of_refreshes_widens", 2, Chain::any(judge.words()), |chain| {
        let links = judge.chain(&chain);
        let Some((first, later)) = links.split_first() else { return Ok(()) };
        let Verdict::Granted(held) = &first.verdict else { return Err(TestCaseError::fail("a token of nothing")) };
        let most = chain.case.consent().map_or_else(|| held.scope.clone(), |_| chain.case.allowed());
        let most = chain.case.user.scope.as_ref().map_or_else(|| most.clone(), |user| most.intersection(user));
        let end = first.at.plus(ABSOLUTE);
        for (place, link) in later.iter().enumerate() {
            let Verdict::Granted(granted) = &link.verdict else { continue };
            prop_assert!(granted.scope.is_subset(&most), "refresh {place} got `{}`", granted.scope);
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
