//! How long a token lives.

use super::{Rule, Trace};
use crate::error::Refusal;
use crate::types::{Lifetime, Timestamp};

/// The shortest of what it begins with and every bound.
pub(crate) fn bounded(
    begun: Lifetime,
    bounds: impl IntoIterator<Item = (Rule, Option<Lifetime>)>,
    trace: &mut Trace,
) -> Lifetime {
    bounds.into_iter().fold(begun, |held, (rule, bound)| {
        let Some(bound) = bound else { return held };
        trace.lifetime(rule, held, held.min(bound));
        held.min(bound)
    })
}

/// How long is left until `end`, in whole seconds: what begins now and lives that long never outlives it.
///
/// # Errors
/// [`Refusal::RefreshExpired`] when less than a second is left.
pub(crate) fn rest(end: Timestamp, now: Timestamp) -> Result<Lifetime, Refusal> {
    match u32::try_from(end.millis_since(now) / 1000) {
        Ok(0) => Err(Refusal::RefreshExpired),
        Ok(seconds) => Ok(Lifetime::of_seconds(seconds)),
        Err(_) => Ok(Lifetime::of_seconds(u32::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lifetime() -> impl Strategy<Value = Lifetime> {
        prop_oneof![any::<u32>(), 1..4_u32, Just(u32::MAX)].prop_map(Lifetime::of_seconds)
    }

    fn time() -> impl Strategy<Value = Timestamp> {
        prop_oneof![any::<i64>(), -2000..2000_i64, Just(i64::MIN), Just(i64::MAX)].prop_map(Timestamp::from_millis)
    }

    proptest! {
        #[test]
        fn never_past_a_bound_and_never_shorter_than_all(
            begun in lifetime(), bounds in prop::collection::vec(prop::option::of(lifetime()), 0..4),
        ) {
            let named = bounds.iter().map(|bound| (Rule::LifetimeServer, *bound));
            let given = bounded(begun, named, &mut Trace::off());
            prop_assert!(bounds.iter().flatten().all(|bound| given <= *bound));
            prop_assert!(given <= begun);
            prop_assert!(bounds.iter().flatten().chain([&begun]).any(|one| *one == given));
        }

        #[test]
        fn what_lives_for_the_rest_never_outlives_the_end(end in time(), now in time()) {
            match rest(end, now) {
                Ok(left) => {
                    prop_assert!(now.plus(left) <= end);
                    // and not a second is given away
                    let second = now.plus(left).plus(Lifetime::SECOND);
                    prop_assert!(second > end || left.seconds() == u32::MAX || second == Timestamp::MAX);
                }
                Err(_) => prop_assert!(now.plus(Lifetime::SECOND) > end || now.plus(Lifetime::SECOND) == Timestamp::MAX),
            }
        }
    }
}
