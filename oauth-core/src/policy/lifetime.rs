//! How long a token lives.

use crate::types::Lifetime;

/// The shortest of what was asked for and every bound; `default` when nothing was asked for.
pub(crate) fn bounded(
    asked: Option<Lifetime>,
    default: Lifetime,
    bounds: impl IntoIterator<Item = Option<Lifetime>>,
) -> Lifetime {
    bounds.into_iter().flatten().fold(asked.unwrap_or(default), Lifetime::min)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lifetime() -> impl Strategy<Value = Lifetime> {
        any::<u32>().prop_map(Lifetime::of_seconds)
    }

    proptest! {
        #[test]
        fn never_past_a_bound_and_never_past_what_was_asked(
            asked in prop::option::of(lifetime()), default in lifetime(),
            bounds in prop::collection::vec(prop::option::of(lifetime()), 0..4),
        ) {
            let given = bounded(asked, default, bounds.clone());
            prop_assert!(bounds.iter().flatten().all(|bound| given <= *bound));
            prop_assert!(given <= asked.unwrap_or(default));
            prop_assert!(bounds.iter().flatten().chain([&asked.unwrap_or(default)]).any(|one| *one == given));
        }
    }
}
